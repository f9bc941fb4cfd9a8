"""Podman's `db.sql`: rows as Podman writes them, its schema, its locks."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from libpod.errors import DatabaseCorrupt, DatabaseError, DatabaseLocked, DatabaseVersion, FileError
from libpod.state import records, sqlite_schema
from libpod.state.identity import DatabaseConfig
from libpod.state.sqlite import SQLiteState
from tests.unit.state.rawfiles import sqlite
from tests.unit.state.samples import container, identifier, in_pod, pod, running_container, volume

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a database of Podman 5.4 says of its tables: columns with type, ! for NOT NULL, and references.
PODMAN_TABLES = {
    "DBConfig": (
        "ID INTEGER! SchemaVersion INTEGER! OS TEXT! StaticDir TEXT! TmpDir TEXT! GraphRoot TEXT!"
        " RunRoot TEXT!"
        " GraphDriver TEXT! VolumeDir TEXT!",
        set(),
    ),
    "IDNamespace": ("ID TEXT!", set()),
    "ContainerConfig": (
        "ID TEXT! Name TEXT! PodID TEXT JSON TEXT!",
        {("ID", "IDNamespace", "ID"), ("ID", "ContainerState", "ID"), ("PodID", "PodConfig", "ID")},
    ),
    "ContainerState": (
        "ID TEXT! State INTEGER! ExitCode INTEGER JSON TEXT!",
        {("ID", "ContainerConfig", "ID")},
    ),
    "ContainerExecSession": ("ID TEXT! ContainerID TEXT!", {("ContainerID", "ContainerConfig", "ID")}),
    "ContainerDependency": (
        "ID TEXT! DependencyID TEXT!",
        {("ID", "ContainerConfig", "ID"), ("DependencyID", "ContainerConfig", "ID")},
    ),
    "ContainerVolume": (
        "ContainerID TEXT! VolumeName TEXT!",
        {("ContainerID", "ContainerConfig", "ID"), ("VolumeName", "VolumeConfig", "Name")},
    ),
    "PodConfig": ("ID TEXT! Name TEXT! JSON TEXT!", {("ID", "IDNamespace", "ID"), ("ID", "PodState", "ID")}),
    "ContainerExitCode": ("ID TEXT! Timestamp INTEGER! ExitCode INTEGER!", set()),
    "PodState": (
        "ID TEXT! InfraContainerID TEXT JSON TEXT!",
        {("ID", "PodConfig", "ID"), ("InfraContainerID", "ContainerConfig", "ID")},
    ),
    "VolumeConfig": ("Name TEXT! StorageID TEXT JSON TEXT!", {("Name", "VolumeState", "Name")}),
    "VolumeState": ("Name TEXT! JSON TEXT!", {("Name", "VolumeConfig", "Name")}),
}
OURS = DatabaseConfig("linux", "/srv/libpod", "/run/libpod", "/run/store", "/srv", "overlay", "/srv/volumes")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return where the database belongs."""
    return str(tmp_path / "db.sql")


@pytest.fixture
def store(path: str) -> Iterator[SQLiteState]:
    """Return an empty store."""
    with contextlib.closing(SQLiteState(path)) as opened:
        yield opened


def rows(path: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with sqlite(path) as connection:
        found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return found


# ---------------------------------------------------------------- the schema


@pytest.mark.parametrize(("table", "expected"), PODMAN_TABLES.items())
def test_tables_are_those_of_podman(
    store: SQLiteState, table: str, expected: tuple[str, set[tuple[str, str, str]]]
) -> None:
    columns = " ".join(
        f"{name} {kind}{'!' if required else ''}"
        for _number, name, kind, required, *_rest in rows(store.path, f"PRAGMA table_info({table})")
    )
    references = {
        (column, target, key)
        for _id, _seq, target, column, key, *_rest in rows(store.path, f"PRAGMA foreign_key_list({table})")
    }
    assert (columns, references) == expected


def test_there_are_no_other_tables(store: SQLiteState) -> None:
    found = rows(store.path, "SELECT name FROM sqlite_master WHERE type = 'table'")
    assert {name for (name,) in found} == set(PODMAN_TABLES) == set(sqlite_schema.TABLES)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO DBConfig VALUES (2, 1, '', '', '', '', '', '', '')",
        "INSERT INTO ContainerExitCode VALUES ('x', 0, 256)",
        "INSERT INTO ContainerExitCode VALUES ('x', 0, -2)",
        "INSERT INTO ContainerExecSession VALUES ('x', 'absent')",
        "INSERT INTO ContainerConfig VALUES ('x', 'name', NULL, '{}')",
        "INSERT INTO ContainerDependency VALUES ('x', 'x')",
    ],
)
def test_constraints_hold(store: SQLiteState, statement: str) -> None:
    with sqlite(store.path) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)


def test_references_may_be_completed_later(store: SQLiteState) -> None:
    with sqlite(store.path) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO ContainerConfig VALUES ('x', 'name', NULL, '{}')")
        connection.execute("INSERT INTO ContainerState VALUES ('x', 1, 0, '{}')")
        connection.execute("INSERT INTO IDNamespace VALUES ('x')")
        connection.execute("COMMIT")


def test_settings(store: SQLiteState) -> None:
    assert store._connection.row("PRAGMA synchronous") == (2,)
    assert store._connection.row("PRAGMA foreign_keys") == (1,)
    assert store._connection.row("PRAGMA journal_mode") == (b"delete",)


# ---------------------------------------------------------------- rows


def test_rows_of_a_container(store: SQLiteState) -> None:
    store.add_volume(volume("data"))
    store.add_container(container(1))
    record = running_container(2, Dependencies=[identifier(1)], namedVolumes=[{"volumeName": "data"}])
    store.add_container(record)
    store.add_exec_session(record, "session")
    path, full = store.path, identifier(2)
    config, state = record.config_bytes(), record.state_bytes()
    assert rows(path, f"SELECT * FROM ContainerConfig WHERE ID = '{full}'") == [
        (full, "container-2", None, config)
    ]
    assert rows(path, f"SELECT * FROM ContainerState WHERE ID = '{full}'") == [(full, 3, 3, state)]
    assert b'"netns":"/run/netns/netns-2"' in state
    assert (full,) in rows(path, "SELECT ID FROM IDNamespace")
    assert rows(path, "SELECT * FROM ContainerDependency") == [(full, identifier(1))]
    assert rows(path, "SELECT * FROM ContainerVolume") == [(full, "data")]
    assert rows(path, "SELECT * FROM ContainerExecSession") == [("session", full)]


def test_rows_of_a_pod_and_its_container(store: SQLiteState) -> None:
    parent = pod(1)
    store.add_pod(parent)
    store.add_container_to_pod(parent, in_pod(parent, 2))
    assert rows(store.path, "SELECT * FROM PodConfig") == [(parent.id, "pod-1", parent.config_bytes())]
    assert rows(store.path, "SELECT * FROM PodState") == [(parent.id, None, parent.state_bytes())]
    assert rows(store.path, "SELECT ID, PodID FROM ContainerConfig") == [(identifier(2), parent.id)]


def test_rows_of_a_volume(store: SQLiteState) -> None:
    plain, image = volume("data"), volume("image", storageID="abc")
    for record in (plain, image):
        store.add_volume(record)
    assert rows(store.path, "SELECT * FROM VolumeConfig") == [
        ("data", None, plain.config_bytes()),
        ("image", "abc", image.config_bytes()),
    ]
    assert rows(store.path, "SELECT * FROM VolumeState WHERE Name = 'data'") == [
        ("data", plain.state_bytes())
    ]


def test_columns_beside_the_json_are_never_updated(store: SQLiteState) -> None:
    record = container(1)
    store.add_container(record)
    record.status, record.exit_code = records.EXITED, 9
    store.save_container(record)
    assert rows(store.path, "SELECT State, ExitCode FROM ContainerState") == [(1, 0)]
    assert json.loads(rows(store.path, "SELECT JSON FROM ContainerState")[0][0])["state"] == 6


def test_row_of_an_exit_code(store: SQLiteState) -> None:
    store.add_exit_code(identifier(1), 3)
    store.add_exit_code(identifier(1), 4)
    ((code, kind),) = rows(store.path, "SELECT ExitCode, typeof(Timestamp) FROM ContainerExitCode")
    assert (code, kind) == (4, "integer")


def test_row_of_the_configuration(store: SQLiteState) -> None:
    store.validate_config(OURS)
    expected = (1, 1, "linux", "/srv/libpod", "/run/libpod", "/srv", "/run/store", "overlay", "/srv/volumes")
    assert rows(store.path, "SELECT * FROM DBConfig") == [expected]


@pytest.mark.parametrize("kind", ["TEXT", "BLOB"])
def test_json_is_read_as_text_and_as_bytes(store: SQLiteState, kind: str) -> None:
    store.add_container(container(1))
    with sqlite(store.path) as connection:
        for table in ("ContainerConfig", "ContainerState"):
            connection.execute(f"UPDATE {table} SET JSON = CAST(JSON AS {kind})")
    assert store.container(identifier(1)).name == "container-1"


def test_what_is_not_ours_survives(store: SQLiteState) -> None:
    with sqlite(store.path) as connection:
        connection.execute("ALTER TABLE ContainerConfig ADD COLUMN Later TEXT")
        connection.execute("ALTER TABLE ContainerState ADD COLUMN Later TEXT DEFAULT 'new'")
        connection.execute('CREATE TABLE "Later ""table" (a, b)')
        connection.execute('INSERT INTO "Later ""table" VALUES (1, x\'ff\')')
        connection.execute("CREATE INDEX LaterIndex ON ContainerState (State)")
    store.add_container(running_container(1))
    with sqlite(store.path) as connection:
        connection.execute("UPDATE ContainerConfig SET Later = 'kept'")
    store.refresh()
    assert rows(store.path, "SELECT Later FROM ContainerConfig") == [("kept",)]
    assert rows(store.path, "SELECT Later FROM ContainerState") == [("new",)]
    assert rows(store.path, 'SELECT * FROM "Later ""table"') == [(1, b"\xff")]
    dumped = list(store.dump())
    assert {"table": 'Later "table', "row": {"a": 1, "b": "\\xff"}} in dumped
    assert json.dumps(dumped)


# ---------------------------------------------------------------- versions, missing parts


@pytest.mark.parametrize("version", [2, 99, 0, -1])
@pytest.mark.parametrize("read_only", [False, True])
def test_other_schema_version(path: str, version: int, read_only: bool) -> None:
    with contextlib.closing(SQLiteState(path)) as store:
        store.validate_config(OURS)
    with sqlite(path) as connection:
        connection.execute("UPDATE DBConfig SET SchemaVersion = ?", (version,))
    with pytest.raises(DatabaseVersion, match=path) as caught:
        SQLiteState(path, read_only=read_only)
    assert (caught.value.found, caught.value.supported) == (version, 1)
    assert caught.value.hint


def test_empty_file_is_an_empty_store(path: str) -> None:
    open(path, "wb").close()
    with contextlib.closing(SQLiteState(path, read_only=True)) as store:
        assert store.all_containers() == []
        assert store.stored_config() == DatabaseConfig(os=None)
    assert os.path.getsize(path) == 0
    with contextlib.closing(SQLiteState(path)) as store:
        store.add_container(container(1))


def test_missing_table_is_made(path: str) -> None:
    SQLiteState(path).close()
    with sqlite(path) as connection:
        connection.execute("DROP TABLE ContainerExitCode")
    with pytest.raises(DatabaseCorrupt, match="ContainerExitCode"):
        SQLiteState(path, read_only=True)
    with contextlib.closing(SQLiteState(path)) as store:
        store.add_exit_code("x", 1)


def test_missing_column(path: str) -> None:
    SQLiteState(path).close()
    with sqlite(path) as connection:
        connection.execute("ALTER TABLE ContainerState RENAME COLUMN JSON TO Other")
    with (
        contextlib.closing(SQLiteState(path)) as store,
        pytest.raises(DatabaseCorrupt, match="JSON") as caught,
    ):
        store.all_containers()
    assert caught.value.hint


def test_interrupted_write_is_undone_by_the_next_opening(path: str, tmp_path: Path) -> None:
    """A process dies in the middle of writing pages: the journal that is left over belongs to the file."""
    with contextlib.closing(SQLiteState(path)) as store:
        store.add_container(container(1))
    child = os.fork()
    if not child:
        connection = sqlite3.connect(path, isolation_level=None)
        # Pages go to the file, and the journal to the disk, before the commit.
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA cache_spill = 1")
        connection.execute("BEGIN EXCLUSIVE")
        for number in range(200):
            connection.execute("INSERT INTO IDNamespace VALUES (?)", (f"{number}" * 200,))
        os._exit(0)
    os.waitpid(child, 0)
    journal = tmp_path / "db.sql-journal"
    assert journal.stat().st_size > 0
    before = Path(path).read_bytes(), journal.read_bytes()
    with contextlib.closing(SQLiteState(path, read_only=True, quiet=True)) as store:
        assert [record.id for record in store.all_containers()] == [identifier(1)]
    assert (Path(path).read_bytes(), journal.read_bytes()) == before
    with contextlib.closing(SQLiteState(path)) as store:
        assert [record.id for record in store.all_containers()] == [identifier(1)]
        assert store.check() == []
    assert not journal.exists()


# ---------------------------------------------------------------- locks and errors


@contextlib.contextmanager
def held(path: str, statement: str) -> Iterator[int]:
    """Hold the database in another process; give the ID of that process."""
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(statement)
        connection.execute("SELECT count(*) FROM DBConfig").fetchall()
        os.write(ready[1], b"x")
        os.close(done[1])
        os.read(done[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        yield child
    finally:
        for descriptor in (*ready, *done):
            os.close(descriptor)
        os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("statement", "writes", "waits"),
    [
        ("BEGIN EXCLUSIVE", True, True),
        ("BEGIN EXCLUSIVE", False, True),
        ("BEGIN", True, True),
        ("BEGIN", False, False),
        ("BEGIN IMMEDIATE", True, True),
        ("BEGIN IMMEDIATE", False, False),
    ],
)
def test_locked_database(path: str, statement: str, writes: bool, waits: bool) -> None:
    told: list[str] = []
    SQLiteState(path).close()
    with contextlib.closing(SQLiteState(path, timeout=1.2, on_wait=told.append)) as store:
        operation = store.refresh if writes else store.all_containers
        with held(path, statement) as holder:
            if waits:
                with pytest.raises(DatabaseLocked, match=path) as caught:
                    operation()
                assert caught.value.holder is not None
                assert f"process {holder}" in caught.value.holder
                assert caught.value.hint
                assert [f"process {holder}" in text for text in told] == [True]
            else:
                operation()
                assert told == []
        operation()


def test_opening_waits_too(path: str) -> None:
    SQLiteState(path).close()
    with held(path, "BEGIN EXCLUSIVE") as holder, pytest.raises(DatabaseLocked, match=str(holder)):
        SQLiteState(path, timeout=0)
    with held(path, "BEGIN EXCLUSIVE"), pytest.raises(DatabaseLocked):
        SQLiteState(path, timeout=0, read_only=True)


def test_transaction_excludes_other_processes(store: SQLiteState) -> None:
    with (
        store.transaction(),
        contextlib.closing(sqlite3.connect(store.path, timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("SELECT * FROM DBConfig")
    with contextlib.closing(sqlite3.connect(store.path, timeout=0)) as other:
        other.execute("SELECT * FROM DBConfig").fetchall()


def test_file_that_may_not_be_written(path: str) -> None:
    """Root may write every file, so SQLite itself is told not to."""
    SQLiteState(path).close()
    with contextlib.closing(SQLiteState(path)) as store:
        with store._connection.translated("ask"):
            store._connection._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(DatabaseError, match="readonly") as caught:
            store.add_container(container(1))
        assert caught.value.hint is not None
        assert "cannot be written" in caught.value.hint


def test_database_that_grows_over_its_limit(store: SQLiteState) -> None:
    """A full disk, as SQLite reports it: nothing is changed."""
    before = list(store.dump())
    store._connection.rows("PRAGMA max_page_count = 41")
    with pytest.raises(DatabaseError, match="full") as caught:
        store.add_container(container(1, filler="x" * 1_000_000))
    assert caught.value.hint is not None
    assert "room" in caught.value.hint
    assert list(store.dump()) == before
    store.add_container(container(2))


@pytest.mark.parametrize("name", ["db.sql", "with ?query#and%20.sql", "späte.sql", "a b.sql"])
def test_path_with_odd_characters(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    with contextlib.closing(SQLiteState(path)) as store:
        store.add_container(container(1))
    with contextlib.closing(SQLiteState(path, read_only=True)) as store:
        assert len(store.all_containers()) == 1
    assert os.listdir(tmp_path) == [name]


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="file"):
        SQLiteState(str(tmp_path / "file" / "db.sql"))


def test_number_of_flushes_of_a_refresh_does_not_grow(store: SQLiteState) -> None:
    """Changed pages stay in memory until the commit: the journal is flushed once, however many they are."""
    with store.transaction():
        for number in range(600):
            store.add_container(running_container(number, filler="x" * 2000))
    journal = f"{store.path}-journal"
    with store.transaction() as transaction:
        for record in transaction.containers():
            assert not isinstance(record, records.BrokenRecord)
            record.state["grown"] = "y" * 8000
            transaction.put_container(record)
        assert not os.path.exists(journal) or os.path.getsize(journal) == 0 or _unflushed(journal)
    assert store.check() == []


def _unflushed(journal: str) -> bool:
    """Whether the head of the journal does not count any page yet: it is filled in at the flush."""
    with open(journal, "rb") as file:
        return file.read(12)[8:] == bytes(4)
