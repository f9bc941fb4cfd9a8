"""The kinds of locks, as parameters of one suite."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from libpod import locks
from libpod.locks.alive import AliveLock
from libpod.locks.file import IdLocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def segment() -> Iterator[str]:
    """The path of a shared memory segment that is nobody's but this test's."""
    path = f"/dev/shm/libpod-test-{os.getpid()}-{uuid.uuid4().hex}"
    yield path
    if os.path.lexists(path):
        os.unlink(path)


@pytest.fixture(params=["file", "shm"])
def open_manager(
    request: pytest.FixtureRequest, tmp_path: Path, segment: str
) -> Iterator[Callable[[], locks.LockManager]]:
    """Opens one account of locks, each time as another program would."""
    opened: list[locks.LockManager] = []

    def open_again() -> locks.LockManager:
        manager = locks.open_manager(
            request.param, tmp_dir=str(tmp_path), num_locks=64, segment=segment, uid=os.geteuid()
        )
        opened.append(manager)
        return manager

    yield open_again
    for manager in opened:
        manager.close()


@pytest.fixture(params=["file", "shm", "id", "alive"])
def open_lock(request: pytest.FixtureRequest, tmp_path: Path, segment: str) -> Callable[[], locks.Lock]:
    """Opens one lock, each time as another program would."""
    if request.param == "id":
        return lambda: IdLocks(str(tmp_path)).lock("f" * 64)
    if request.param == "alive":
        return lambda: AliveLock(str(tmp_path))

    def open_again() -> locks.Lock:
        return locks.open_manager(
            request.param, tmp_dir=str(tmp_path), num_locks=64, segment=segment, uid=os.geteuid()
        ).retrieve(7)

    return open_again
