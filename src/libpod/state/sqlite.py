"""The state store in Podman's SQLite database, `db.sql`."""

from __future__ import annotations

import contextlib
import os

from libpod.errors import DatabaseCorrupt, DatabaseVersion
from libpod.host import files
from libpod.state import sqlite_schema
from libpod.state.objects import ObjectState
from libpod.state.sqlite_connection import DEFAULT_TIMEOUT, Connection
from libpod.state.sqlite_tables import SQLiteTables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from libpod.state.tables import Tables


class SQLiteState(ObjectState):
    """The store in the file *path*, normally `<graph root>/db.sql`, which Podman may use at the same time.

    Each operation is a transaction of its own; the database is locked only while one runs. Waits *timeout*
    seconds (None: for ever) for other processes, after calling *on_wait* with the name of the one that is in
    the way. A file that is not there is made, mode 0600, unless *read_only*: then nothing at all is written,
    and with *quiet* not even the time of access. Tables and columns that are not ours are left alone.

    Raises FileError, DatabaseLocked, DatabaseCorrupt, and DatabaseVersion for a schema other than version 1.
    """

    kind = "sqlite"

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        quiet: bool = False,
        timeout: float | None = DEFAULT_TIMEOUT,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self.path = path
        self.read_only = read_only
        self._connection = Connection(
            path, read_only=read_only, quiet=quiet and read_only, timeout=timeout, on_wait=on_wait
        )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._connection.close()

    def backup(self, target: str) -> str:
        """Copy the database, in one consistent state, to the file *target*; "reflink" or "copy".

        A copy beside the database is flushed with its name by the next transaction, before that changes
        anything: SQLite flushes the directory when it has made its journal there.
        """
        beside = os.path.dirname(os.path.abspath(target)) == os.path.dirname(os.path.abspath(self.path))
        # The copy opens and closes the file and so drops our read lock, when the data is already copied.
        with self._view():
            return files.copy_file(self.path, target, sync_dir=not beside)

    @contextlib.contextmanager
    def _open_view(self) -> Iterator[Tables]:
        with self._connection.reading():
            yield SQLiteTables(self._connection)

    @contextlib.contextmanager
    def _open_update(self) -> Iterator[Tables]:
        with self._connection.writing():
            yield SQLiteTables(self._connection)

    # ------------------------------------------------------------ the schema

    def _prepare(self) -> None:
        """Make the tables that are missing, and see that the others are of a version that we know."""
        with self._connection.reading():
            missing = self._missing_tables()
            if "DBConfig" not in missing:
                self._require_version()
        if not missing:
            return
        if not self.read_only:
            self._create_tables()
        elif len(missing) == len(sqlite_schema.TABLES):
            # A file that is still empty stands for an empty store.
            self._connection.use_memory()
            self._create_tables()
        else:
            raise DatabaseCorrupt(
                f"database {self.path} has no table {', '.join(missing)}",
                path=self.path,
                hint="open it for writing to have the table made",
            )

    def _missing_tables(self) -> list[str]:
        rows = self._connection.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        found = {name for (name,) in rows}
        return [table for table in sqlite_schema.TABLES if table.encode() not in found]

    def _require_version(self) -> None:
        row = self._connection.row("SELECT SchemaVersion FROM DBConfig")
        if row is not None and row[0] != sqlite_schema.VERSION:
            found = row[0] if isinstance(row[0], int) else -1
            raise DatabaseVersion(
                f"database {self.path} has schema version {found}; known is {sqlite_schema.VERSION} only",
                path=self.path,
                found=found,
                supported=sqlite_schema.VERSION,
                hint="it was made by a newer Podman: use a version of this program that knows it",
            )

    def _create_tables(self) -> None:
        with self._connection.writing():
            for table in self._missing_tables():
                self._connection.change(sqlite_schema.create_statement(table))
