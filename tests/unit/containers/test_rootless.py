"""The subordinate IDs of a user, and what is said of their lack."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from libpod.containers import rootless

if TYPE_CHECKING:
    from pathlib import Path

UID = 64099
TABLE = [
    pytest.param("64099:100000:65536\n", [(0, 100000, 65536)], "", id="by number"),
    pytest.param(
        "64099:100000:70000\nother:1:2\n64099:300000:5\n",
        [(0, 100000, 70000), (0, 300000, 5)],
        "",
        id="two ranges",
    ),
    pytest.param("", [], "gives no IDs to 64099", id="empty"),
    pytest.param("other:100000:65536\n", [], "gives no IDs to 64099", id="of another"),
    pytest.param("64099:x:65536\n64099:1\n64099\n64099:5:0\n", [], "gives no IDs", id="nonsense"),
    pytest.param("64099:100000:1000\n", [(0, 100000, 1000)], "only 1000 IDs", id="few"),
]


@pytest.mark.parametrize(("text", "ranges", "said"), TABLE)
def test_subordinate_ids(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    ranges: list[tuple[int, int, int]],
    said: str,
) -> None:
    path = tmp_path / "ids"
    path.write_text(text)
    monkeypatch.setattr(rootless, "SUBORDINATE_IDS", {"uid": str(path), "gid": str(path)})
    warnings: list[str] = []
    assert rootless.subordinate(UID, warnings.append) == (ranges, ranges)
    assert bool(warnings) == bool(said)
    assert said in "".join(warnings)
    assert all("usermod --add-subuids" in warning for warning in warnings)


def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"uid": f"{tmp_path}/a", "gid": f"{tmp_path}/b"}
    monkeypatch.setattr(rootless, "SUBORDINATE_IDS", missing)
    warnings: list[str] = []
    assert rootless.subordinate(UID, warnings.append) == ([], [])
    assert len(warnings) == 1


def test_ids_of_one_kind_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uid").write_text("64099:100000:65536\n")
    monkeypatch.setattr(rootless, "SUBORDINATE_IDS", {"uid": f"{tmp_path}/uid", "gid": f"{tmp_path}/gid"})
    warnings: list[str] = []
    assert rootless.subordinate(UID, warnings.append) == ([], [])
    assert f"{tmp_path}/gid gives no IDs" in warnings[0]


def test_root_enters_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    rootless.enter(None, str(tmp_path))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
