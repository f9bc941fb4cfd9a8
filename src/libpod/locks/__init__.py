"""Locks that exclude other processes, Podman's included.

Each container, pod and volume has a lock. Podman gives it a number that stands in the object's record; a
manager hands the numbers out and keeps account of those that are taken. The first libpod had a lock file
named after each ID instead (`libpod.locks.file.IdLocks`). `libpod.locks.alive` guards the step from one
boot to the next.

Numbers and their account are on a tmpfs. After a reboot they are gone, and every number that stands in a
record has to be allocated again before the next new object is given one.
"""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

Kind = Literal["shm", "file"]
DEFAULT_NUM_LOCKS = 2048


@runtime_checkable
class Lock(Protocol):
    """A lock that one thread of one process on this host holds at a time; a context manager."""

    @property
    def name(self) -> str:
        """What the lock is called in messages."""

    def acquire(self, timeout: float | None = None) -> object:
        """Wait for the lock, at most *timeout* seconds (None: as long as it takes).

        LockTimeout, naming the holder where it can be told; LockError if this thread holds it already.
        """

    def release(self) -> None:
        """Give the lock up. LockError if this thread does not hold it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


@runtime_checkable
class NumberedLock(Lock, Protocol):
    """A lock of a manager."""

    @property
    def number(self) -> int:
        """The number that is stored in the object's record (`lockID`)."""


class LockManager(Protocol):
    """Hands out numbered locks."""

    @property
    def kind(self) -> Kind:
        """ "shm" or "file": Podman's `lock_type`."""

    def allocate(self) -> NumberedLock:
        """Take the lowest free number. NoLocksLeft if there is none."""

    def allocate_given(self, number: int) -> NumberedLock:
        """Take the free number *number*. LockExists if it is taken, LockError if there is no such number."""

    def retrieve(self, number: int) -> NumberedLock:
        """The lock of a number, whether it is taken or not. LockError if there is no such number."""

    def free(self, number: int) -> None:
        """Give a number back. LockError if it was not taken."""

    def free_all(self) -> None:
        """Give all numbers back, those of other stores that share the manager included."""

    def allocated(self) -> set[int]:
        """The numbers that are taken now."""

    def close(self) -> None:
        """Let go of files and memory. Locks that are held stay held until they are released."""


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
