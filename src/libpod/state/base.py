"""Transactions and the database itself, the same over every back end."""

from __future__ import annotations

import _thread
from abc import ABC, abstractmethod

from libpod.errors import DatabaseClosed, DatabaseError, InternalError
from libpod.state.records import BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import TypeVar

    from libpod.state.identity import DatabaseConfig
    from libpod.state.protocol import Problem, RefreshCounts, StateTransaction
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

    def _view(self) -> AbstractContextManager[Tables]:
        return _Turn(self, writes=False)

    def _update(self) -> AbstractContextManager[Tables]:
        return _Turn(self, writes=True)

    def begin(self, *, writes: bool) -> AbstractContextManager[Tables] | None:
        """A new transaction, not entered yet; None where the one that is open is to be used."""
        self._require_open()
        if writes and self.read_only:
            raise DatabaseError(f"database {self.path} was opened for reading only", path=self.path)
        if self._active is None:
            return self._open_update() if writes else self._open_view()
        if writes and not self._active_writes:
            # Waiting for the lock that this very thread holds would never end.
            raise InternalError("a write was started while the same store was being read")
        return None

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
        from libpod.state import identity

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
        from libpod.state import inspection

        with self._view() as tables:
            return inspection.problems(tables)

    def dump(self) -> Iterator[dict[str, object]]:
        """Every bucket and key, or every row of every table."""
        with self._view() as tables:
            yield from tables.dump()


class _Turn:
    """A thread's turn with a store: a transaction, or a part of the one that the thread has open already."""

    __slots__ = ("_opened", "_state", "_writes")

    def __init__(self, state: BaseState, *, writes: bool) -> None:
        self._state = state
        self._writes = writes

    def __enter__(self) -> Tables:
        state = self._state
        state._turn.acquire()
        try:
            self._opened = state.begin(writes=self._writes)
            if self._opened is not None:
                state._active, state._active_writes = self._opened.__enter__(), self._writes
            assert state._active is not None
            return state._active
        except BaseException:
            state._turn.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        state = self._state
        try:
            if self._opened is not None:
                state._active, state._active_writes = None, False
                self._opened.__exit__(kind, error, trace)
        finally:
            state._turn.release()


def refresh_transaction(transaction: StateTransaction) -> RefreshCounts:
    """Reset everything in *transaction*: what is broken stays as it is and is counted."""
    from libpod.state import reset
    from libpod.state.protocol import RefreshCounts

    style = reset.store_style(transaction.stored_configs())
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
