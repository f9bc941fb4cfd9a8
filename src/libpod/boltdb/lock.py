"""The lock on a bolt file: flock(2) on the file itself, exclusive for writers and shared for readers, as
bbolt takes it.
"""

from __future__ import annotations

import fcntl
import os
import time

from libpod.errors import DatabaseLocked, FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

RETRY_SECONDS = 0.05
"""Time between two attempts; bbolt waits as long."""

MESSAGE_AFTER = 1.0
"""Seconds of waiting after which somebody may want to know for whom; Podman holds the file for moments."""

UNKNOWN_HOLDER = "another process"


def acquire(
    descriptor: int,
    path: str,
    *,
    exclusive: bool,
    timeout: float | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> None:
    """Lock the open file *descriptor*, waiting for at most *timeout* seconds (None: for ever).

    *on_wait* is called once with the name of the holder, after MESSAGE_AFTER seconds of waiting. Raises
    DatabaseLocked, naming the holder, when the time is over, and FileError when the file system cannot
    lock.
    """
    operation = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    started = time.monotonic()
    deadline = None if timeout is None else started + timeout
    while not _attempt(descriptor, path, operation):
        if deadline is not None and time.monotonic() >= deadline:
            raise _still_locked(descriptor, path, timeout)
        if on_wait is not None and time.monotonic() - started >= MESSAGE_AFTER:
            on_wait(holder(descriptor))
            on_wait = None
        left = RETRY_SECONDS if deadline is None else deadline - time.monotonic()
        time.sleep(min(RETRY_SECONDS, max(left, 0)))


def _attempt(descriptor: int, path: str, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    except OSError as error:
        raise FileError("lock", path, error) from error
    return True


def _still_locked(descriptor: int, path: str, timeout: float | None) -> DatabaseLocked:
    name = holder(descriptor)
    return DatabaseLocked(
        f"{path}: locked by {name}, waited {timeout:g} seconds",
        path=path,
        holder=name,
        hint="wait until that process has ended, then try again",
    )


def holder(descriptor: int) -> str:
    """Name the processes that hold a flock on the open file *descriptor*: command and process id.

    From /proc/locks, where the file stands as device and inode; a process of another PID namespace cannot
    be named.
    """
    target = os.fstat(descriptor)
    names = [f"{_command(pid)} (process {pid})" for pid in _lock_owners(target)]
    return ", ".join(names) or UNKNOWN_HOLDER


def _lock_owners(target: os.stat_result) -> list[int]:
    exact = f"{os.major(target.st_dev):02x}:{os.minor(target.st_dev):02x}:{target.st_ino}"
    inode = f":{target.st_ino}"
    owners: list[int] = []
    for line in _read_text("/proc/locks").splitlines():
        fields = line.split()
        # "1: FLOCK ADVISORY WRITE 712 08:01:2621469 0 EOF"; a waiting process has "->" as its second field.
        if len(fields) < 6 or fields[1] != "FLOCK" or not fields[5].endswith(inode):
            continue
        pid = int(fields[4]) if fields[4].isdigit() else 0
        # Subvolumes and overlays show a device in stat() that differs from the one in /proc/locks.
        if pid and pid not in owners and (fields[5] == exact or _has_open(pid, target)):
            owners.append(pid)
    return owners


def _has_open(pid: int, target: os.stat_result) -> bool:
    directory = f"/proc/{pid}/fd"
    try:
        return any(os.path.samestat(os.stat(f"{directory}/{name}"), target) for name in os.listdir(directory))
    except OSError:
        return False  # it has ended, or is not ours to look into: then it stays unnamed


def _command(pid: int) -> str:
    line = _read_text(f"/proc/{pid}/cmdline").rstrip("\0").replace("\0", " ")
    return line or _read_text(f"/proc/{pid}/comm").strip() or "unknown command"


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()
    except OSError:
        return ""  # the process has ended meanwhile, or /proc is not mounted
