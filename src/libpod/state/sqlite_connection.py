"""A connection to an SQLite database: locks with a time limit and a message, and errors that name the file.

The settings are those that Podman opens its databases with: a flush at every commit, references checked, the
rollback journal. Every write transaction begins exclusively.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
import urllib.parse

from libpod import failpoints
from libpod.errors import DatabaseCorrupt, DatabaseError, DatabaseLocked, FileError
from libpod.host import files
from libpod.state import sqlite_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final

    Row = tuple[Any, ...]

DEFAULT_TIMEOUT: Final = 100.0
"""Seconds to wait for another process, as Podman does."""
_SETTINGS: Final = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    # Changed pages stay in memory until the commit: writing some of them early costs two more flushes.
    "PRAGMA cache_spill = OFF",
)
_SLICE: Final = 0.2
"""SQLite does not react to Ctrl-C while it waits: so it waits this many seconds at a time."""
_FIRST_LOCK_BYTE: Final = 0x40000000
_LAST_LOCK_BYTE: Final = _FIRST_LOCK_BYTE + 511
"""SQLite locks the file by record locks on these bytes (https://sqlite.org/fileformat.html, 1.4)."""
_BUSY: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))
_DAMAGED: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
# A table or column that is not there, a value of a wrong kind: the schema is not what it says it is.
_WRONG_SCHEMA: Final = frozenset((sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT))
_DAMAGE_HINT: Final = (
    "put back a copy that an earlier refresh kept, or move the file away to start with an empty store"
)


HEADER_SIZE = 100
"""Bytes of the head of every database file (sqlite.org, Database File Format)."""
MESSAGE_AFTER = 1.0
"""Seconds of waiting after which somebody may want to know for whom."""


class Connection:
    """One open database file.

    Its locks are record locks of the process: nothing may open and close the same file by another way in this
    process while a transaction is open, or they are lost.
    """

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        quiet: bool = False,
        timeout: float | None = DEFAULT_TIMEOUT,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        """Open the file; with *quiet*, which is for reading only, as it is now and without a trace."""
        self.path = path
        self.timeout = timeout
        self.on_wait = on_wait
        if read_only:
            _require_file(path)
        else:
            _create_file(path)
        _require_header(path)
        if quiet and self._use_snapshot():
            return
        # An interrupted write is undone by whoever opens the file next, and only if it may write.
        interrupted = not quiet and sqlite_snapshot.is_hot(path)
        mode = "ro" if read_only and not interrupted else "rw"
        patience = _SLICE if timeout is None else min(_SLICE, timeout)
        address = f"file:{urllib.parse.quote(os.path.abspath(path))}?mode={mode}"
        with self.translated("open"):
            self._use(_connect(address, uri=True, timeout=patience))

    def _use_snapshot(self) -> bool:
        data = sqlite_snapshot.read(self.path, self.timeout)
        if not data:
            return False
        with self.translated("open"):
            connection = _connect(":memory:")
            connection.deserialize(data)
            self._use(connection)
        return True

    def use_memory(self) -> None:
        """Go on with an empty database in memory instead of the file."""
        self.close()
        self._use(_connect(":memory:"))

    def _use(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # One value that is not UTF-8 would make the whole row unreadable.
        connection.text_factory = bytes
        try:
            self._wait(*_SETTINGS)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """Every row of a query; text comes as bytes."""
        with self.translated("read"):
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: object) -> Row | None:
        """The first row of a query."""
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    def stream(self, sql: str) -> Iterator[Row]:
        """The rows of a query, one after the other."""
        with self.translated("read"):
            yield from self._connection.execute(sql)

    def change(self, sql: str, *parameters: object) -> int:
        """Execute a statement that changes rows; how many it changed."""
        with self.translated("write"):
            return self._connection.execute(sql, parameters).rowcount

    # ------------------------------------------------------------ transactions

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the database until the end of the block."""
        self._wait("BEGIN", "SELECT 1 FROM sqlite_master LIMIT 1")
        try:
            yield
        finally:
            self._roll_back()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Have the database alone until the end of the block, then commit; an exception rolls back."""
        self._wait("BEGIN EXCLUSIVE")
        try:
            yield
            failpoints.reach("state.sqlite.commit")
            with self.translated("commit"):
                self._connection.execute("COMMIT")
        finally:
            self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with self.translated("roll back"):
                self._connection.execute("ROLLBACK")

    def _wait(self, *statements: str) -> None:
        started = time.monotonic()
        deadline = None if self.timeout is None else started + self.timeout
        told = False
        while not self._try(statements):
            holder = _holder(self.path)
            if not told and self.on_wait is not None and time.monotonic() - started >= MESSAGE_AFTER:
                self.on_wait(holder)
                told = True
            if deadline is not None and time.monotonic() >= deadline:
                raise DatabaseLocked(
                    f"database {self.path} is locked by {holder}: gave up after {self.timeout:g} seconds",
                    path=self.path,
                    holder=holder,
                    hint="wait until that process has ended, then try again",
                )

    def _try(self, statements: tuple[str, ...]) -> bool:
        """Execute the statements; False, and no transaction, when another process holds the database."""
        try:
            with self.translated("lock"):
                for statement in statements:
                    self._connection.execute(statement).fetchall()
        except DatabaseLocked:
            self._roll_back()
            return False
        return True

    @contextlib.contextmanager
    def translated(self, operation: str) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise _translate(error, operation, self.path) from error


def _connect(address: str, *, uri: bool = False, timeout: float = 5) -> sqlite3.Connection:
    """Without transactions that begin by themselves; the store sees to it that threads take turns."""
    return sqlite3.connect(address, timeout, isolation_level=None, check_same_thread=False, uri=uri)


def _require_file(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise FileError("open database", path, error) from error
    if not stat.S_ISREG(mode):
        raise DatabaseCorrupt(f"{path} is not a regular file, so not a database", path=path)


def _create_file(path: str) -> None:
    """Make an empty file that nobody else can read, in a directory of the same kind, where there is none."""
    if not os.path.lexists(path):
        files.make_directory(os.path.dirname(os.path.abspath(path)), 0o700)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            pass  # another process was first
        except OSError as error:
            raise FileError("create database", path, error) from error
    _require_file(path)


# ---------------------------------------------------------------- errors


def is_damage(error: DatabaseCorrupt) -> bool:
    """Whether single pages of the file are damaged, and not its schema."""
    return getattr(error.__cause__, "sqlite_errorcode", -1) & 0xFF in _DAMAGED


def _translate(error: sqlite3.Error, operation: str, path: str) -> DatabaseError:
    # The extended codes have the basic one in their lowest byte.
    code = getattr(error, "sqlite_errorcode", -1) & 0xFF
    message = f"cannot {operation} database {path}: {error}"
    if code in _BUSY:
        return DatabaseLocked(message, path=path, holder=_holder(path))
    if code in _DAMAGED or code in _WRONG_SCHEMA:
        return DatabaseCorrupt(message, path=path, hint=_DAMAGE_HINT)
    hint = _HINTS.get(getattr(error, "sqlite_errorcode", -1)) or _HINTS.get(code)
    return DatabaseError(message, path=path, hint=hint)


_HINTS: Final[dict[int, str]] = {
    sqlite3.SQLITE_FULL: "make room on the file system; nothing was changed",
    sqlite3.SQLITE_READONLY: "the file, its directory or the file system cannot be written to",
    sqlite3.SQLITE_READONLY_ROLLBACK: "an interrupted write has to be undone: open it for writing once",
    sqlite3.SQLITE_CANTOPEN: "look at the permissions of the file and its directory",
    sqlite3.SQLITE_IOERR: "look into the kernel's log for errors of the disk",
}


def _holder(path: str) -> str:
    """The processes that hold a lock on the database: command and process ID, from /proc/locks."""
    names = [f"{_command(pid)} (process {pid})" for pid in _lock_owners(path) if pid != os.getpid()]
    return ", ".join(names) or "another process"


def _lock_owners(path: str) -> list[int]:
    try:
        target = os.stat(path)
        table = files.read_bytes(files.LOCK_TABLE_FILE).decode("ascii", "replace")
    except (OSError, FileError):
        return []
    wanted = f"{os.major(target.st_dev):02x}:{os.minor(target.st_dev):02x}:{target.st_ino}"
    owners: dict[int, None] = {}
    for line in table.splitlines():
        # "1: POSIX  ADVISORY  WRITE 1234 08:01:5678 1073741824 1073742335"; a waiting one has "->" before it.
        fields = line.split()
        if len(fields) == 8 and fields[1] == "POSIX" and fields[5] == wanted and _is_lock_byte(fields[6]):
            owners[int(fields[4])] = None
    return list(owners)


def _is_lock_byte(start: str) -> bool:
    return start.isdigit() and _FIRST_LOCK_BYTE <= int(start) <= _LAST_LOCK_BYTE


def _command(pid: int) -> str:
    try:
        line = files.read_bytes(f"/proc/{pid}/cmdline").rstrip(b"\0")
    except FileError:
        line = b""
    return line.replace(b"\0", b" ").decode("utf-8", "backslashreplace") or "unknown command"


def _require_header(path: str) -> None:
    """Refuse a file that is neither empty nor long enough for a header: SQLite takes it for an empty one."""
    try:
        size = os.stat(path).st_size
    except OSError as error:
        raise FileError("open database", path, error) from error
    if 0 < size < HEADER_SIZE:
        raise DatabaseCorrupt(
            f"database {path} is cut off: it has {size} bytes, and its header alone has {HEADER_SIZE}",
            path=path,
            hint="put back a copy; a refresh leaves them beside it, as db.sql.boot-...",
        )
