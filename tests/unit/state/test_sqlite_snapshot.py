"""Reading a database without a trace: what counts, what has to wait, and what only SQLite can read."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
from pathlib import Path

import pytest

from libpod import state
from libpod.errors import FileError
from libpod.state import sqlite_snapshot


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "db.sql"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (7)")
    connection.close()
    return path


def value(data: bytes) -> int:
    """What the copy holds."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(data)
    try:
        return int(connection.execute("SELECT x FROM t").fetchone()[0])
    finally:
        connection.close()


def test_reads_what_is_committed(database: Path) -> None:
    data = sqlite_snapshot.read(str(database), 1)
    assert data == database.read_bytes()
    assert value(data) == 7


def test_leaves_no_trace(database: Path) -> None:
    os.utime(database, (1000, 2000))
    sqlite_snapshot.read(str(database), 1)
    assert (database.stat().st_atime, database.stat().st_mtime) == (1000, 2000)


def test_a_writer_that_has_not_committed_does_not_show(database: Path) -> None:
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    data = sqlite_snapshot.read(str(database), 1)
    writer.close()
    assert data is not None
    assert value(data) == 7


def test_a_writer_that_has_it_alone_is_waited_for(database: Path) -> None:
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert sqlite_snapshot.read(str(database), 0.05) is None
    writer.close()


def test_a_writer_that_waits_goes_first(database: Path) -> None:
    with database.open("r+b") as pending:
        request = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, sqlite_snapshot.PENDING_BYTE, 1, 0)
        fcntl.fcntl(pending, fcntl.F_OFD_SETLK, request)
        assert sqlite_snapshot.read(str(database), 0.05) is None


def test_a_journal_of_nothing_undoes_nothing(database: Path) -> None:
    """SQLite takes what has no header for no journal at all."""
    expected = database.read_bytes()
    (database.parent / f"{database.name}-journal").write_bytes(b"x" * 600)
    assert sqlite_snapshot.read(str(database), 1) == expected


def test_a_write_ahead_log_is_for_sqlite(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert sqlite_snapshot.read(str(database), 1) is None


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="absent"):
        sqlite_snapshot.read(str(tmp_path / "absent"), 1)


def test_a_quiet_store_shows_the_same_and_changes_no_time(tmp_path: Path) -> None:
    path = str(tmp_path / "db.sql")
    state.open("sqlite", path).close()
    os.utime(path, (1000, 2000))
    store = state.open("sqlite", path, read_only=True, quiet=True)
    assert store.all_containers() == []
    assert store.stored_config().tmp_dir is None
    store.close()
    assert os.stat(path).st_atime == 1000


def test_a_quiet_store_that_is_still_empty(tmp_path: Path) -> None:
    (tmp_path / "db.sql").touch()
    store = state.open("sqlite", str(tmp_path / "db.sql"), read_only=True, quiet=True)
    assert store.all_containers() == []
    store.close()
