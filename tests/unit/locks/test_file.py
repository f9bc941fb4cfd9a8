"""Lock files on disk: where, with which modes, and what may stand in the way."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from libpod.errors import FileError, InvalidArgument, LockError
from libpod.locks.file import FileLockManager, IdLocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_files_are_those_of_podman(tmp_path: Path) -> None:
    manager = FileLockManager(str(tmp_path / "tmp"))
    manager.allocate_given(12)
    assert mode_of(tmp_path / "tmp" / "locks") == 0o711
    assert os.listdir(tmp_path / "tmp" / "locks") == ["12"]
    assert mode_of(tmp_path / "tmp" / "locks" / "12") == 0o644
    assert (tmp_path / "tmp" / "locks" / "12").read_bytes() == b""


def test_files_that_are_no_locks_are_left_alone(tmp_path: Path) -> None:
    manager = FileLockManager(str(tmp_path))
    for name in ("007", "x", "-1", "1.5", "٣", "0", "2"):
        (tmp_path / "locks" / name).write_bytes(b"")
    assert manager.allocated() == {0, 2}
    assert manager.allocate().number == 1
    manager.free_all()
    assert sorted(os.listdir(tmp_path / "locks")) == ["-1", "007", "1.5", "x", "٣"]


def test_taking_the_lock_of_a_free_number_takes_the_number(tmp_path: Path) -> None:
    manager = FileLockManager(str(tmp_path))
    with manager.retrieve(4):
        assert manager.allocated() == {4}


def test_whoever_took_a_free_number_by_mistake_can_give_it_back(tmp_path: Path) -> None:
    manager = FileLockManager(str(tmp_path))
    with manager.retrieve(4) as lock:
        lock.discard_if_made()
    manager.allocate_given(5)
    with manager.retrieve(5) as lock:
        lock.discard_if_made()
    assert manager.allocated() == {5}


def test_numbers_are_not_limited_by_num_locks(tmp_path: Path) -> None:
    manager = FileLockManager(str(tmp_path))
    assert manager.allocate_given(1_000_000).number == 1_000_000


@pytest.mark.parametrize("obstacle", ["file", "symlink"])
def test_something_else_in_the_place_of_the_directory(tmp_path: Path, obstacle: str) -> None:
    if obstacle == "file":
        (tmp_path / "locks").write_bytes(b"")
    else:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "locks").symlink_to("elsewhere")
    with pytest.raises(FileError, match=str(tmp_path / "locks")):
        FileLockManager(str(tmp_path))


@pytest.mark.parametrize("obstacle", ["directory", "symlink"])
def test_something_else_in_the_place_of_a_lock(tmp_path: Path, obstacle: str) -> None:
    manager = FileLockManager(str(tmp_path))
    if obstacle == "directory":
        (tmp_path / "locks" / "3").mkdir()
    else:
        (tmp_path / "locks" / "3").symlink_to("/etc/passwd")
    with pytest.raises(FileError, match=str(tmp_path / "locks" / "3")):
        manager.retrieve(3).acquire()


def test_the_directory_may_vanish(tmp_path: Path) -> None:
    manager = FileLockManager(str(tmp_path))
    os.rmdir(tmp_path / "locks")
    for call in (manager.allocate, manager.allocated, manager.free_all, manager.retrieve(1).acquire):
        with pytest.raises(FileError, match=str(tmp_path / "locks")):
            call()


def test_locks_of_the_first_libpod(tmp_path: Path) -> None:
    locks = IdLocks(str(tmp_path / "tmp"))
    lock = locks.lock("a1" * 32)
    assert os.listdir(tmp_path / "tmp" / "lock") == []
    with lock:
        assert mode_of(tmp_path / "tmp" / "lock") == 0o755
        assert os.listdir(tmp_path / "tmp" / "lock") == ["a1" * 32]
        assert mode_of(tmp_path / "tmp" / "lock" / ("a1" * 32)) == 0o600
        locks.lock("b2" * 32).acquire(0)
    assert "a1" * 32 in os.listdir(tmp_path / "tmp" / "lock")
    locks.close()


def test_asking_for_a_lock_of_the_first_libpod_makes_nothing(tmp_path: Path) -> None:
    IdLocks(str(tmp_path / "tmp"), create=False)
    assert not (tmp_path / "tmp").exists()


@pytest.mark.parametrize("identifier", ["", ".", "..", "../alive.lck", "a/b", "a\0b"])
def test_an_id_cannot_leave_the_directory(tmp_path: Path, identifier: str) -> None:
    with pytest.raises(InvalidArgument, match="not an ID"):
        IdLocks(str(tmp_path)).lock(identifier)


def test_an_exclusive_number_is_an_error_of_its_own(tmp_path: Path) -> None:
    manager = FileLockManager(str(tmp_path))
    manager.allocate_given(3)
    with pytest.raises(LockError, match=f"lock 3 in {tmp_path}/locks is taken already"):
        manager.allocate_given(3)
