"""Allocating the stored lock numbers again, each to one object.

A number that two objects have stays with the first; the other gets a new one. So does an object whose number
does not exist, or is held by another store: the stores of one user share the shared memory segment.

Whose a held number is:

* Lock files lie in the runtime directory of this store: they are ours.
* After a boot that the boot ID proves to be another one, the segment is new. What is held in it when a
  refresh begins belongs to other stores. The refresh notes it (`refresh.pending`), so that after it was
  killed the next attempt can tell those from the numbers that it allocated itself.
* In a boot in which this store was in use before, its own numbers are still held, and cannot be told from
  others: all are taken for ours. Numbers do not collide as long as their stores were in use together.

New numbers are taken from the upper end, where they meet none that is stored but not yet seen.
"""

from __future__ import annotations

from libpod import locks
from libpod.errors import LockExists, NoLocksLeft

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Final

    from libpod.config.runtime import RuntimeConfig
    from libpod.locks import LockManager


_FILE_LOCKS: Final = 2**32


def limit_of(config: RuntimeConfig) -> int:
    """How many lock numbers there are; files have no end but Podman's 32 bits."""
    if config.lock_type == "file":
        return _FILE_LOCKS
    # The segment has locks by the 32.
    return -(-config.num_locks // 32) * 32


def open_manager(config: RuntimeConfig, *, create: bool) -> LockManager:
    """The lock manager that *config* names."""
    return locks.open_manager(
        config.lock_type, tmp_dir=config.tmp_dir, num_locks=config.num_locks, uid=config.uid, create=create
    )


class LockNumbers:
    """The lock numbers of a store while it is refreshed or adopted.

    manager: where they are allocated; None in a dry run where there is none yet.
    limit: how many numbers there are.
    usual: how many of them are used for new numbers.
    others: numbers that belong to other stores.
    resumed: an attempt of this boot died; what is held and not of *others* was allocated by it.
    did: is told each allocation, in words.
    """

    def __init__(
        self,
        manager: LockManager | None,
        *,
        limit: int,
        usual: int | None = None,
        others: Collection[int] = (),
        resumed: bool = False,
        dry_run: bool = False,
        did: Callable[[str], None],
    ) -> None:
        self._manager = None if dry_run else manager
        self._held = frozenset() if manager is None else frozenset(manager.allocated())
        self._limit = limit
        self._others = frozenset(others)
        self._resumed = resumed
        self._did = did
        self._claimed: set[int] = set()
        self._next = min(limit, usual or limit) - 1
        self.renumbered = 0

    @property
    def allocated(self) -> int:
        """How many numbers objects have now."""
        return len(self._claimed)

    def claim(self, number: int, owner: str) -> int:
        """The number that *owner* has from now on: *number*, or a new one. NoLocksLeft."""
        if self._take(number, owner):
            return number
        new = self._take_new(owner)
        self.renumbered += 1
        return new

    def keep(self, number: int, owner: str) -> None:
        """Allocate *number* for *owner*, who keeps it whoever else has it."""
        if 0 <= number < self._limit and not self._take(number, owner):
            self._claimed.add(number)

    def release(self, number: int) -> None:
        """Give back a number whose owner is gone, and that nobody else has."""
        if number in self._held and number not in self._claimed and number not in self._others:
            if self._manager is not None:
                self._manager.free(number)
            self._did(f"free lock {number}")

    def _take(self, number: int, owner: str) -> bool:
        if not 0 <= number < self._limit or number in self._claimed or number in self._others:
            return False
        if number not in self._held:
            if self._manager is not None and not _allocate(self._manager, number):
                return False
            self._did(f"allocate lock {number} for {owner}")
        self._claimed.add(number)
        return True

    def _take_new(self, owner: str) -> int:
        while self._next >= 0:
            number = self._next
            self._next -= 1
            if (self._resumed or number not in self._held) and self._take(number, owner):
                return number
        raise NoLocksLeft(f"all locks are taken: {owner} shares one with another object")


def _allocate(manager: LockManager, number: int) -> bool:
    """False if another store took the number a moment ago."""
    try:
        manager.allocate_given(number)
    except LockExists:
        return False
    return True
