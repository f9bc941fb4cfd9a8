"""Transactions and the database itself, the same over every back end."""

from __future__ import annotations

import _thread
import contextlib
from abc import ABC, abstractmethod

from libpod.errors import DatabaseClosed, DatabaseError, InternalError
from libpod.state import identity, inspection, reset
from libpod.state.protocol import RefreshCounts
from libpod.state.records import BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import TypeVar

    from libpod.state.identity import DatabaseConfig
    from libpod.state.protocol import Problem, StateTransaction
    from libpod.state.records import ContainerRecord, PodRecord, VolumeRecord
    from libpod.state.tables import Tables

    R = TypeVar("R", ContainerRecord, PodRecord, VolumeRecord)


class BaseState(ABC):
    """A state store over the `Tables` of a back end. Threads that share it take turns."""

    kind = ""
    path = ""
    read_only = False

    def __init__(self) -> None:
        self.warnings: list[str] = []
        # Held by the thread whose transaction it is. The module threading would cost every start its time.
        self._turn = _thread.RLock()
        self._active: Tables | None = None
        self._active_writes = False
        self._closed = False

    # ------------------------------------------------------------ what a back end provides

    @abstractmethod
    def _open_view(self) -> AbstractContextManager[Tables]:
        """A transaction for reading."""

    @abstractmethod
    def _open_update(self) -> AbstractContextManager[Tables]:
        """A transaction for writing: committed at the end, rolled back by an exception."""

    @abstractmethod
    def backup(self, target: str) -> str:
        """Copy the database, in one consistent state, to the file *target*; "reflink" or "copy"."""

    def close(self) -> None:
        """Let the database go."""
        self._closed = True

    # ------------------------------------------------------------ transactions

    @contextlib.contextmanager
    def _view(self) -> Iterator[Tables]:
        with self._turn:
            self._require_open()
            if self._active is not None:
                yield self._active
                return
            with self._open_view() as tables, self._activate(tables, writes=False):
                yield tables

    @contextlib.contextmanager
    def _update(self) -> Iterator[Tables]:
        with self._turn:
            self._require_open()
            if self.read_only:
                raise DatabaseError(f"database {self.path} was opened for reading only", path=self.path)
            if self._active is not None:
                # Waiting for the lock that this very thread holds would never end.
                if not self._active_writes:
                    raise InternalError("a write was started while the same store was being read")
                yield self._active
                return
            with self._open_update() as tables, self._activate(tables, writes=True):
                yield tables

    @contextlib.contextmanager
    def _activate(self, tables: Tables, *, writes: bool) -> Iterator[None]:
        self._active, self._active_writes = tables, writes
        try:
            yield
        finally:
            self._active, self._active_writes = None, False

    def _require_open(self) -> None:
        if self._closed:
            raise DatabaseClosed(f"database {self.path or 'in memory'} was closed already", path=self.path)

    def transaction(self) -> AbstractContextManager[StateTransaction]:
        """One write transaction over everything."""
        return self._update()

    def view(self) -> AbstractContextManager[StateTransaction]:
        """One read transaction over everything."""
        return self._view()

    def refresh(self) -> RefreshCounts:
        """Make the state of every object what it is after a reboot, in one transaction."""
        with self._update() as tables:
            return refresh_transaction(tables)

    # ------------------------------------------------------------ the database itself

    def stored_config(self) -> DatabaseConfig:
        """The directories that the database was made for."""
        with self._view() as tables:
            return tables.stored_config()

    def validate_config(self, ours: DatabaseConfig) -> None:
        """Compare them with ours, and store what the database does not say yet."""
        stored = self.stored_config()
        identity.compare(stored, ours, self.path)
        if not self.read_only and identity.absent(stored, ours):
            with self._update() as tables:
                # Another process may have been first.
                stored = tables.stored_config()
                identity.compare(stored, ours, self.path)
                tables.store_config(identity.absent(stored, ours))

    def check(self) -> list[Problem]:
        """Everything in the database that is not as it should be."""
        with self._view() as tables:
            return inspection.problems(tables)

    def dump(self) -> Iterator[dict[str, object]]:
        """Every bucket and key, or every row of every table."""
        with self._view() as tables:
            yield from tables.dump()


def refresh_transaction(transaction: StateTransaction) -> RefreshCounts:
    """Reset everything in *transaction*: what is broken stays as it is and is counted."""
    style = transaction.style()
    broken: list[BrokenRecord] = []
    counts = (
        _reset_all(transaction.containers(), reset.reset_container, transaction.put_container, broken, style),
        _reset_all(transaction.pods(), reset.reset_pod, transaction.put_pod, broken, style),
        _reset_all(transaction.volumes(), reset.reset_volume, transaction.put_volume, broken, style),
    )
    transaction.clear_exec_sessions()
    transaction.clear_exit_codes()
    return RefreshCounts(*counts, broken, transaction.drop_dangling())


def _reset_all(
    found: Iterable[R | BrokenRecord],
    change: Callable[[dict[str, object], str], list[str]],
    put: Callable[[R], bool],
    broken: list[BrokenRecord],
    style: str,
) -> int:
    count = 0
    for record in found:
        if isinstance(record, BrokenRecord):
            broken.append(record)
        else:
            change(record.state, style)
            put(record)
            count += 1
    return count
