"""What a lock and a manager of locks offer."""

from __future__ import annotations

from libpod.values import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Literal, Self

    Kind = Literal["shm", "file"]


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
