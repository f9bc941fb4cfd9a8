"""What all kinds of locks have in common: who may take them, and waiting for a limited time."""

from __future__ import annotations

import _thread
import os
import time

from libpod.errors import LockError, LockTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    Owner = tuple[int, int]

# A wait for the kernel cannot be ended by Ctrl-C everywhere, so it is done in pieces of this many seconds.
PIECE = 0.25


class Holders:
    """Which thread of this process holds which lock of one manager.

    The kernel would let a thread wait for itself for ever. That happens when two records carry one lock
    number and both objects are locked together, so it is told as an error instead.
    """

    def __init__(self) -> None:
        self._owners: dict[str, Owner] = {}

    def owner(self, name: str) -> Owner | None:
        """The process and thread that hold the lock."""
        return self._owners.get(name)

    def set(self, name: str) -> None:
        """This thread holds the lock now."""
        self._owners[name] = this_thread()

    def clear(self, name: str) -> None:
        """Nobody here holds the lock any more."""
        del self._owners[name]


def this_thread() -> Owner:
    """This process and thread: a child process has its own locks, although it inherits our memory."""
    return os.getpid(), _thread.get_ident()


class WaitingLock:
    """The base of the locks: subclasses know how to try, to let go and to find the holder."""

    def __init__(self, name: str, holders: Holders, *, number: int | None = None) -> None:
        self._name = name
        self._number = number
        self._holders = holders

    @property
    def name(self) -> str:
        """What the lock is called in messages."""
        return self._name

    @property
    def number(self) -> int:
        """The number that is stored in the object's record."""
        assert self._number is not None
        return self._number

    def acquire(self, timeout: float | None = None) -> None:
        """Wait for the lock, at most *timeout* seconds (None: as long as it takes)."""
        if self._holders.owner(self._name) == this_thread():
            raise LockError(
                f"{self._name} is held by this thread already",
                number=self._number,
                hint="if two objects have one lock number, `podman system renumber` gives them new ones",
            )
        self._wait(timeout)
        self._holders.set(self._name)

    def _wait(self, timeout: float | None) -> None:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            remaining = PIECE if end is None else min(PIECE, end - time.monotonic())
            if self._try(max(remaining, 0.0)):
                return
            if end is not None and time.monotonic() >= end:
                assert timeout is not None
                raise self._timeout(timeout)

    def _timeout(self, timeout: float) -> LockTimeout:
        holder = self._holder()
        return LockTimeout(
            f"{self._name} is not free after {timeout:g} seconds"
            + (f"; it is held by process {holder}" if holder else ""),
            number=self._number,
            holder=holder,
        )

    def release(self) -> None:
        """Give the lock up. LockError if this thread does not hold it."""
        if self._holders.owner(self._name) != this_thread():
            raise LockError(f"{self._name} is not held by this thread", number=self._number)
        self._holders.clear(self._name)
        self._let_go()

    def _try(self, seconds: float) -> bool:
        """Try to take the lock, for *seconds* or a little less; at least once."""
        raise NotImplementedError

    def _let_go(self) -> None:
        raise NotImplementedError

    def _holder(self) -> str | None:
        """The process that holds the lock, for a message."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.release()
