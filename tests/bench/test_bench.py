"""The bench runs; how fast anything is is not a matter for a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests import tools
from tests.bench import __main__ as bench

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


ROWS = {
    "refresh": {
        "nothing to do: time",
        "nothing to do: memory",
        "ps -a: time",
        "refresh: flushes",
        "refresh: time",
        "refresh: memory",
    },
    "run": {
        "run --rm: time",
        "run --rm: flushes",
        "library: a life, to `runc run`",
        "library: memory, all started",
        "library: growth, 4 cycles",
        "ps: time",
    },
    "exec": {"exec: time", "exec: flushes"},
    "attach": {"start --attach: 1 MB", "stats: CPU time"},
    "images": {"pull of 4 MiB", "images: time", "images --format json: time", "info: time"},
}


def quick(subject: str, directory: Path) -> dict[str, Any]:
    tools.require_root()
    for program in bench.PROGRAMS:
        tools.require_tool(program)
    output = directory / "out" / "bench.json"
    assert bench.main([subject, "--quick", "--room", str(directory), "--output", str(output)]) == 0
    found = json.loads(output.read_text())
    assert isinstance(found, dict)
    assert {row["what"] for row in found["rows"]} >= ROWS[subject]
    return found


def test_quick_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = quick("refresh", tmp_path)
    flushes = [row["libpod"] for row in found["rows"] if row["what"] == "refresh: flushes"]
    assert len(set(flushes)) == 1, "the number of flushes grows with the store"
    assert flushes[0] <= 6
    assert "libpod" in capsys.readouterr().out


def test_quick_bench_of_run(tmp_path: Path) -> None:
    found = quick("run", tmp_path)
    flushes = next(row for row in found["rows"] if row["what"] == "run --rm: flushes")
    assert flushes["libpod"] <= flushes["podman"]


def test_quick_bench_of_exec(tmp_path: Path) -> None:
    quick("exec", tmp_path)


def test_quick_bench_of_attach(tmp_path: Path) -> None:
    quick("attach", tmp_path)


def test_quick_bench_of_images(tmp_path: Path) -> None:
    quick("images", tmp_path)
