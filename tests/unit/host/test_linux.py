"""System calls that fail say on what, and shared mutexes keep to their rules."""

from __future__ import annotations

import errno
import gc
import os
import threading
from typing import TYPE_CHECKING

import pytest

from libpod.errors import FileError, InternalError, LockError
from libpod.host import linux

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 4096


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "memory", os.O_RDWR | os.O_CREAT)
    os.ftruncate(descriptor, SIZE)
    yield descriptor
    os.close(descriptor)


def test_a_mount_that_fails_names_both_ends() -> None:
    with pytest.raises(
        FileError, match="mount /dev/nothing on /nowhere: No such file or directory"
    ) as caught:
        linux.mount("/dev/nothing", "/nowhere", "ext4", linux.MS_RDONLY, "errors=continue")
    assert caught.value.path == "/nowhere"
    with pytest.raises(FileError, match="unmount /nowhere") as caught:
        linux.unmount("/nowhere", linux.MNT_DETACH)
    assert caught.value.errno in (errno.ENOENT, errno.EPERM)


def test_what_is_written_is_in_the_file(file: int) -> None:
    mapping = linux.SharedMapping(file, SIZE)
    mapping.write(100, b"hello")
    assert os.pread(file, 5, 100) == mapping.read(100, 5) == b"hello"
    mapping.close()
    mapping.close()


def test_two_mappings_share_a_mutex(file: int) -> None:
    first, second = linux.SharedMapping(file, SIZE), linux.SharedMapping(file, SIZE)
    first.initialise_mutex(64)
    assert first.mutex_owner(64) is None
    assert first.lock_mutex(64, 0) == "acquired"
    assert second.mutex_owner(64) == threading.get_native_id()
    assert second.lock_mutex(64, 0) == "busy"
    assert second.lock_mutex(64, 0.01) == "busy"
    first.unlock_mutex(64)
    assert second.lock_mutex(64, 0) == "acquired"
    second.unlock_mutex(64)
    first.close()
    second.close()


def test_a_thread_that_ends_hands_its_mutex_on(file: int) -> None:
    mapping = linux.SharedMapping(file, SIZE)
    mapping.initialise_mutex(0)
    thread = threading.Thread(target=mapping.lock_mutex, args=(0, 0))
    thread.start()
    thread.join()
    assert mapping.lock_mutex(0, 10) == "owner died"
    mapping.unlock_mutex(0)
    assert mapping.lock_mutex(0, 0) == "acquired"
    mapping.unlock_mutex(0)
    mapping.close()


def test_only_the_owner_unlocks(file: int) -> None:
    mapping = linux.SharedMapping(file, SIZE)
    mapping.initialise_mutex(0)
    with pytest.raises(LockError, match="cannot unlock shared mutex"):
        mapping.unlock_mutex(0)
    mapping.close()


def test_memory_that_holds_no_mutex_is_an_error(file: int) -> None:
    mapping = linux.SharedMapping(file, SIZE)
    mapping.write(0, b"\xff" * linux.MUTEX_SIZE)
    with pytest.raises(LockError, match="cannot lock shared mutex"):
        mapping.lock_mutex(0, 0)
    mapping.close()


@pytest.mark.parametrize("offset", [-8, SIZE, SIZE - linux.MUTEX_SIZE + 8, 3])
def test_there_is_room_for_a_mutex_or_it_is_not_used(file: int, offset: int) -> None:
    mapping = linux.SharedMapping(file, SIZE)
    with pytest.raises(InternalError, match="no mutex can be"):
        mapping.lock_mutex(offset, 0)
    mapping.close()


def test_a_closed_mapping_is_not_used(file: int) -> None:
    mapping = linux.SharedMapping(file, SIZE)
    mapping.close()
    with pytest.raises(InternalError, match="was closed"):
        mapping.lock_mutex(0, 0)


def mapped(path: Path) -> int:
    with open("/proc/self/maps") as maps:
        return sum(str(path) in line for line in maps)


def test_memory_with_an_owned_mutex_stays(file: int, tmp_path: Path) -> None:
    mapping = linux.SharedMapping(file, SIZE)
    mapping.initialise_mutex(0)
    mapping.lock_mutex(0, 0)
    mapping.close()
    assert mapped(tmp_path) == 1
    mapping.unlock_mutex(0)
    mapping.close()
    assert mapped(tmp_path) == 0

    mapping = linux.SharedMapping(file, SIZE)
    mapping.lock_mutex(0, 0)
    del mapping
    gc.collect()
    assert mapped(tmp_path) == 1
