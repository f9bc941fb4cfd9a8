"""Locks that exclude other processes, Podman's included.

Each container, pod and volume has a lock. Podman gives it a number that stands in the object's record; a
manager hands the numbers out and keeps account of those that are taken. The first libpod had a lock file
named after each ID instead (`libpod.locks.file.IdLocks`). `libpod.locks.boot` guards the step from one
boot to the next.

Numbers and their account are on a tmpfs. After a reboot they are gone, and every number that stands in a
record has to be allocated again before the next new object is given one.

This module is loaded by every start: it imports nothing that costs time.
"""

from __future__ import annotations

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.locks.protocol import Kind as Kind
    from libpod.locks.protocol import Lock as Lock
    from libpod.locks.protocol import LockManager as LockManager
    from libpod.locks.protocol import NumberedLock as NumberedLock

DEFAULT_NUM_LOCKS = 2048


def open_manager(
    kind: str,
    *,
    tmp_dir: str,
    num_locks: int = DEFAULT_NUM_LOCKS,
    uid: int = 0,
    create: bool = True,
    segment: str | None = None,
) -> LockManager:
    """The lock manager that Podman with the same settings uses.

    kind: Podman's `lock_type`; "" is "shm".
    tmp_dir: the directory of the "file" manager's `locks/`.
    num_locks: how many locks the "shm" manager has; rounded up to a multiple of 32.
    uid: whose shared memory segment it is; all stores of one user share one.
    create: make the directory or segment if there is none, instead of raising LockError.
    segment: the path of the shared memory segment, if it is not Podman's.

    Raises InvalidArgument for any other kind, LockError for a segment that is damaged, of another size or
    not ours.
    """
    if kind in ("shm", ""):
        from libpod.locks.shm import ShmLockManager, segment_path

        return ShmLockManager(segment or segment_path(uid), num_locks=num_locks, create=create, uid=uid)
    if kind == "file":
        from libpod.locks.file import FileLockManager

        return FileLockManager(tmp_dir, create=create)
    raise InvalidArgument(
        f"unknown lock_type {kind!r}", hint='lock_type in containers.conf is "shm" or "file"'
    )
