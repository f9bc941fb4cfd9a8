"""An SQLite database as it is now, read without a trace in its access time.

SQLite itself cannot open a file that way. So the whole file is read under the lock that SQLite's readers
take, and opened in memory.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import struct
import tempfile
import time

from libpod.errors import FileError
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# https://sqlite.org/fileformat.html, 1.4; https://sqlite.org/lockingv3.html
PENDING_BYTE: Final = 0x40000000
SHARED_FIRST: Final = PENDING_BYTE + 2
SHARED_SIZE: Final = 510
_WRITE_VERSION: Final = 18
_WRITE_AHEAD_LOG: Final = 2

_FLOCK: Final = "hhqqi4x"
_POLL_SECONDS: Final = 0.02


def read(path: str, timeout: float | None) -> bytes | None:
    """The contents of the database *path*, in one consistent state.

    A write that was interrupted is undone, in a copy. None where only SQLite itself can read the file: it
    keeps a write-ahead log, or somebody writes for longer than *timeout* seconds.
    """
    try:
        descriptor = files.open_quietly(path)
    except OSError as error:
        raise FileError("open database", path, error) from error
    try:
        if not _lock(descriptor, timeout):
            return None
        data = _contents(descriptor)
        if is_hot(path):
            # No writer has the lock of a reader beside it, so whoever wrote this is dead.
            data = _undone(data, files.read_bytes(f"{path}-journal"))
    except OSError as error:
        raise FileError("read database", path, error) from error
    finally:
        os.close(descriptor)
    return None if data[_WRITE_VERSION : _WRITE_VERSION + 1] == bytes([_WRITE_AHEAD_LOG]) else data


def _undone(data: bytes, journal: bytes) -> bytes:
    """The database as it was before the write that *journal* belongs to."""
    with tempfile.TemporaryDirectory(prefix="libpod-") as directory:
        copy = os.path.join(directory, "db.sql")
        for name, contents in ((copy, data), (f"{copy}-journal", journal)):
            with open(name, "wb") as stream:
                stream.write(contents)
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            # Any reading makes SQLite undo it first.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        return files.read_bytes(copy)


def _contents(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 1 << 24):
        pieces.append(piece)
    return b"".join(pieces)


def is_hot(path: str) -> bool:
    """Whether there is a journal: of an interrupted write, or of one that is not finished."""
    try:
        return os.stat(f"{path}-journal").st_size > 0
    except FileNotFoundError:
        return False


def _lock(descriptor: int, timeout: float | None) -> bool:
    """Take the lock of a reader, which no writer has and for which no writer waits."""
    end = None if timeout is None else time.monotonic() + timeout
    while not (_try(descriptor, PENDING_BYTE, 1) and _try(descriptor, SHARED_FIRST, SHARED_SIZE)):
        if end is not None and time.monotonic() >= end:
            return False
        time.sleep(_POLL_SECONDS)
    # Only the next reader needs to know of a writer that waits.
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _request(fcntl.F_UNLCK, PENDING_BYTE, 1))
    return True


def _try(descriptor: int, start: int, size: int) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _request(fcntl.F_RDLCK, start, size))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _request(kind: int, start: int, size: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, start, size, 0)
