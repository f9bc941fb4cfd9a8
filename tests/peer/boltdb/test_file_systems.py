"""Real file systems that are full or read-only."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Database
from libpod.errors import FileError
from tests import tools
from tests.unit.boltdb.helpers import make, problems, require, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peer.boltdb.program import Reference

SIZE = 12 << 20


@pytest.fixture(params=["tmpfs", "ext4"])
def mounted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Mount a small file system."""
    tools.require_root()
    point = tmp_path / "mounted"
    point.mkdir()
    if request.param == "tmpfs":
        command: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", point]
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(SIZE)
        subprocess.run([tools.require_tool("mkfs.ext4"), "-q", image], check=True, timeout=120)
        command = ["mount", "-o", "loop", image, point]
    subprocess.run(command, check=True, timeout=120)
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True, timeout=120)


def fill_up(directory: Path) -> Path:
    """Leave no room in the file system."""
    path = directory / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return path


def put(db: Database, value: bytes, *, early: bool = False) -> None:
    with db.update() as tx:
        bucket = require(tx.bucket(b"a"))
        bucket.put(b"k", value)
        if early:
            bucket.flush()


@pytest.mark.parametrize("early", [False, True], ids=["at the commit", "at a flush"])
def test_full_disk_keeps_the_old_state(mounted: Path, reference: Reference, early: bool) -> None:
    path = mounted / "test.db"
    make(path, {b"a": {b"k": b"old" * 3000}})
    size = path.stat().st_size
    filler = fill_up(mounted)
    with Database.open(path) as db:
        for _ in range(3):
            with pytest.raises(FileError, match="No space left on device") as caught:
                put(db, b"new" * 1_500_000, early=early)
            assert caught.value.errno == errno.ENOSPC
            assert "the database holds its old state" in (caught.value.hint or "")
            with db.view() as tx:
                assert require(tx.bucket(b"a")).get(b"k") == b"old" * 3000
                assert problems(tx) == []
            assert path.stat().st_size == size
    assert stored(path) == {b"a": {b"k": b"old" * 3000}}
    reference.check(path)
    filler.unlink()
    with Database.open(path) as db:
        put(db, b"new" * 1_000_000)
    assert stored(path) == {b"a": {b"k": b"new" * 1_000_000}}
    reference.check(path)


def test_new_file_on_a_full_disk(mounted: Path) -> None:
    filler = fill_up(mounted)
    path = mounted / "test.db"
    with pytest.raises(FileError, match="No space left on device"):
        Database.open(path)
    filler.unlink()
    Database.open(path).close()
    assert stored(path) == {}


def test_read_only_file_system(mounted: Path) -> None:
    path = mounted / "test.db"
    make(path, {b"a": {b"k": b"v"}})
    before = os.stat(path)
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True, timeout=120)
    for name in ("test.db", "absent.db"):
        with pytest.raises(FileError, match="Read-only file system") as caught:
            Database.open(mounted / name)
        assert "mounted read-only" in (caught.value.hint or "")
    assert stored(path) == {b"a": {b"k": b"v"}}
    assert os.stat(path)[:] == before[:]
