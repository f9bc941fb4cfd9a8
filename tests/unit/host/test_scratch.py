"""Directories for big temporary files."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from libpod.host import scratch

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_private_and_goes(tmp_path: Path) -> None:
    with scratch.directory(str(tmp_path / "tmp")) as path:
        assert os.stat(path).st_mode & 0o777 == 0o700
        (tmp_path / "tmp" / os.path.basename(path) / "file").touch()
    assert os.listdir(tmp_path / "tmp") == []


def test_it_goes_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch.directory(str(tmp_path)):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_what_nobody_holds_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in ("libpod-abandoned", "libpod-held", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "libpod-file").touch()
    (tmp_path / "libpod-link").symlink_to(tmp_path / "other")
    held = os.open(tmp_path / "libpod-held", os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with scratch.directory(str(tmp_path)) as path:
            found = sorted(set(os.listdir(tmp_path)) - {os.path.basename(path)})
    finally:
        os.close(held)
    assert found == ["libpod-file", "libpod-held", "libpod-link", "other"]
    assert (tmp_path / "other/file").exists()
