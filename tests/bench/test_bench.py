"""The bench runs; how fast anything is is not a matter for a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests import tools
from tests.bench import __main__ as bench

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_quick_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tools.require_root()
    for program in bench.PROGRAMS:
        tools.require_tool(program)
    output = tmp_path / "out" / "bench.json"
    assert bench.main(["refresh", "--quick", "--room", str(tmp_path), "--output", str(output)]) == 0
    found = json.loads(output.read_text())
    assert {row["what"] for row in found["rows"]} >= {
        "nothing to do: time",
        "nothing to do: memory",
        "ps -a: time",
        "refresh: flushes",
        "refresh: time",
        "refresh: memory",
    }
    flushes = [row["libpod"] for row in found["rows"] if row["what"] == "refresh: flushes"]
    assert len(set(flushes)) == 1, "the number of flushes grows with the store"
    assert flushes[0] <= 6
    assert "libpod" in capsys.readouterr().out
