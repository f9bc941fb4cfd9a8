"""The state store in a BoltDB file, `bolt_state.db`, as the first libpod and Podman up to 5 keep it."""

from __future__ import annotations

import os

from libpod import boltdb, failpoints
from libpod.host import files
from libpod.state.boltdb_schema import TOP_BUCKETS
from libpod.state.boltdb_tables import BoltTables
from libpod.state.objects import ObjectState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Final

    from libpod.state.tables import Tables

DEFAULT_TIMEOUT: Final = 100.0
"""Seconds to wait for another process. Podman waits for ever."""


class BoltState(ObjectState):
    """The store in the file *path*, normally `<static dir>/bolt_state.db`, which Podman may use meanwhile.

    As in Podman the file is opened and locked (flock) for each operation, and let go after it, so that other
    processes have their turn. Waits *timeout* seconds (None: for ever) for them, after calling *on_wait* with
    the name of the one that is in the way. A file that is not there is made, mode 0600, unless *read_only*:
    then nothing at all is written. Buckets and keys that are not ours are left alone.

    Raises FileError, DatabaseLocked and DatabaseCorrupt.
    """

    kind = "boltdb"

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        timeout: float | None = DEFAULT_TIMEOUT,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self.path = path
        self.read_only = read_only
        self.timeout = timeout
        self.on_wait = on_wait
        if not read_only:
            files.make_directory(os.path.dirname(os.path.abspath(path)), 0o700)
        with self.open_database(read_only=read_only) as database:
            try:
                if not read_only:
                    _create_buckets(database)
            finally:
                self.note_warnings(database)

    def backup(self, target: str) -> str:
        """Copy the database, in one consistent state, to the file *target*; "reflink" or "copy"."""
        with self._view():
            return files.copy_file(self.path, target)

    def _open_view(self) -> AbstractContextManager[Tables]:
        return _Access(self, writes=False)

    def _open_update(self) -> AbstractContextManager[Tables]:
        return _Access(self, writes=True)

    def open_database(self, *, read_only: bool) -> boltdb.Database:
        """The file, locked and open. Whoever closes it calls `note_warnings` before."""
        return boltdb.Database.open(
            self.path, read_only=read_only, timeout=self.timeout, on_wait=self.on_wait
        )

    def note_warnings(self, database: boltdb.Database) -> None:
        """Keep what was found wrong in the file."""
        self.warnings += [text for text in database.warnings if text not in self.warnings]


class _Access:
    """The file for the time of one transaction; a context manager."""

    # As a class: contextlib, with what it imports, takes as long as it takes to list a hundred containers.

    __slots__ = ("_database", "_state", "_transaction", "_writes")

    def __init__(self, state: BoltState, *, writes: bool) -> None:
        self._state = state
        self._writes = writes

    def __enter__(self) -> Tables:
        self._database = self._state.open_database(read_only=not self._writes)
        try:
            self._transaction = self._database.update() if self._writes else self._database.view()
        except BaseException:
            self._close()
            raise
        return BoltTables(self._transaction, self._state.path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._writes and kind is None:
                failpoints.reach("state.boltdb.commit")
            self._transaction.__exit__(kind, error, trace)
        finally:
            self._close()

    def _close(self) -> None:
        """Let the file go; what was not committed is rolled back."""
        self._state.note_warnings(self._database)
        self._database.close()


def _create_buckets(database: boltdb.Database) -> None:
    with database.view() as transaction:
        missing = [name for name in TOP_BUCKETS if transaction.bucket(name) is None]
    if missing:
        with database.update() as transaction:
            for name in missing:
                transaction.create_bucket(name)
