"""The shared memory segment against a C program that declares it as Podman does, and against real endings."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.errors import LockExists, LockTimeout
from libpod.host import linux
from libpod.locks import shm
from tests import tools

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(shm.__file__).parents[2]
SECONDS = 120


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The C program, compiled."""
    target = tmp_path_factory.mktemp("program") / "podman_locks"
    compiler = tools.require_tool("gcc")
    source = Path(__file__).with_name("podman_locks.c")
    subprocess.run(
        [compiler, "-Wall", "-Werror", "-O1", "-pthread", "-o", str(target), str(source)], check=True
    )
    return str(target)


@pytest.fixture
def manager() -> Iterator[shm.ShmLockManager]:
    path = f"/dev/shm/libpod-test-{os.getpid()}-{uuid.uuid4().hex}"
    manager = shm.ShmLockManager(path, num_locks=2048)
    yield manager
    manager.close()
    os.unlink(path)


def start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_our_offsets_are_those_of_the_compiler(program: str) -> None:
    output = subprocess.run([program, "layout"], check=True, capture_output=True, text=True).stdout
    assert tuple(map(int, output.split())) == (
        linux.MUTEX_SIZE,
        linux.MUTEX_ALIGNMENT,
        shm.ACCOUNT_MUTEX,
        shm.COUNTS,
        shm.GROUPS,
        shm.GROUP_SIZE,
        shm.GROUP_MUTEXES,
    )


@pytest.mark.parametrize("number", [0, 31, 32, 1000, 2047])
def test_a_number_taken_in_c_is_taken(program: str, manager: shm.ShmLockManager, number: int) -> None:
    command = [program, "take", manager.path, str(number)]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"%d of 2048\n" % number
    assert manager.allocated() == {number}
    with pytest.raises(LockExists):
        manager.allocate_given(number)
    manager.free(number)
    manager.allocate_given(number)
    again = subprocess.run(command, check=False, capture_output=True)
    assert (again.returncode, again.stderr) == (1, b"take: File exists\n")


@pytest.mark.parametrize("number", [0, 33, 2047])
@pytest.mark.parametrize("ending", ["exit", "kill"])
def test_a_mutex_locked_in_c_is_locked(
    program: str, manager: shm.ShmLockManager, number: int, ending: str
) -> None:
    """The program never unlocks: the kernel hands the mutex on, with the news that its owner is dead."""
    lock = manager.retrieve(number)
    with start(program, "hold", manager.path, str(number)) as process:
        assert first_line(process) == "held"
        with pytest.raises(LockTimeout, match=f"held by process {process.pid} "):
            lock.acquire(0)
        if ending == "kill":
            process.kill()
        else:
            process.communicate(timeout=SECONDS)
        lock.acquire(SECONDS)
        lock.release()
        lock.acquire(0)
        lock.release()


def test_a_mutex_that_we_hold_is_locked_in_c(program: str, manager: shm.ShmLockManager) -> None:
    lock = manager.retrieve(5)
    lock.acquire()
    with start(program, "hold", manager.path, "5") as process:
        # The kernel marks a mutex that somebody waits for.
        while not int.from_bytes(manager._mapping.read(lock._offset, 4), sys.byteorder) >> 31:
            assert process.poll() is None
        lock.release()
        assert first_line(process) == "held"
        with pytest.raises(LockTimeout):
            lock.acquire(0)
        process.communicate(timeout=SECONDS)
    with lock:
        pass


PYTHON_HOLDER = """
import sys
from libpod.locks.shm import ShmLockManager
def take():
    manager = ShmLockManager(sys.argv[1], num_locks=2048)
    manager.retrieve(5).acquire()
    manager.retrieve(6).acquire()
    return manager
{}
"""


@pytest.mark.parametrize(
    "ending",
    ["kept = take()", "take()", "kept = take(); sys.exit(0)", "take(); import gc; gc.collect()"],
    ids=["end", "forgotten", "exit", "collected"],
)
def test_a_lock_held_at_the_end_of_a_program_is_free(manager: shm.ShmLockManager, ending: str) -> None:
    """Python clears up its memory before the process ends; the held mutexes must be there to the last."""
    code = PYTHON_HOLDER.format(ending)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    subprocess.run([sys.executable, "-c", code, manager.path], check=True, env=environment)
    for number in (5, 6):
        manager.retrieve(number).acquire(SECONDS)
        manager.retrieve(number).release()
