"""Lock files of the store: kinds of lock, and the last writer's token."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libpod.errors import FileError
from libpod.host import files
from libpod.storage.lockfile import LockFile


def would_block(path: Path, *, exclusive: bool) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        return not files.record_lock(descriptor, exclusive=exclusive, wait=False)
    finally:
        os.close(descriptor)


def test_writers_exclude_all_and_readers_only_writers(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    lock = LockFile(str(path))
    with lock.write():
        assert would_block(path, exclusive=True)
        assert would_block(path, exclusive=False)
    with lock.read(), lock.read():
        assert would_block(path, exclusive=True)
        assert not would_block(path, exclusive=False)
    assert not would_block(path, exclusive=True)


def test_token_changes_with_every_touch(tmp_path: Path) -> None:
    lock = LockFile(str(tmp_path / "x.lock"))
    tokens = set()
    for _ in range(5):
        with lock.write() as held:
            tokens.add(held.token())
            held.touch()
            assert len(held.token()) == 64
    with lock.read() as held:
        tokens.add(held.token())
    assert len(tokens) == 6


def test_lock_is_free_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with pytest.raises(ValueError, match="inside"), LockFile(str(path)).write():
        raise ValueError("inside")
    assert not would_block(path, exclusive=True)


def test_a_link_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(FileError, match=r"x\.lock"), LockFile(str(tmp_path / "x.lock")).write():
        pass
    assert not (tmp_path / "victim").exists()
