"""What is made again when the per-boot directories were lost while containers live."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.boot.adoption import Lost, write_again
from libpod.boot.report import Report
from libpod.host import proc

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lost:
    """A file that a container with the root *tmp_path*/7/root sees as /etc/hosts."""
    (tmp_path / "7/root/etc").mkdir(parents=True)
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(proc, "PROCESS_DIRECTORY", str(tmp_path))
    return Lost("container c", 7, "/etc/hosts", str(tmp_path / "run/hosts"))


def seen(lost: Lost) -> Path:
    """Where the container's file is."""
    return Path(proc.PROCESS_DIRECTORY) / "7/root/etc/hosts"


@pytest.mark.parametrize("what", ["file", "symlink", "directory", "pipe", "nothing"])
def test_what_the_container_put_in_its_place_is_not_taken(lost: Lost, what: str) -> None:
    path = seen(lost)
    put: dict[str, Callable[[], object]] = {
        "file": lambda: path.write_text("mine"),
        "symlink": lambda: path.symlink_to("/etc/passwd"),
        "directory": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "nothing": lambda: None,
    }
    put[what]()
    report = Report(dry_run=False)
    write_again(lost, report, write=True)
    assert not Path(lost.path).exists()
    assert len(report.warnings) == 1
    assert lost.path in report.warnings[0]
