"""Reading and writing the rows of Podman's SQLite database."""

from __future__ import annotations

from libpod.errors import DatabaseCorrupt, DecodeError
from libpod.state import records
from libpod.state.identity import DatabaseConfig
from libpod.state.protocol import Problem
from libpod.state.records import CONTAINER, EVERYTHING, POD, VOLUME, BrokenRecord
from libpod.state.sqlite_connection import is_damage
from libpod.state.sqlite_schema import CONFIG_COLUMNS, VERSION
from libpod.state.texts import decode_text, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final, TypeVar

    from libpod.state.records import ContainerRecord, Parts, PodRecord, Record, VolumeRecord
    from libpod.state.sqlite_connection import Connection, Row

    R = TypeVar("R", ContainerRecord, PodRecord, VolumeRecord)

_CHUNK: Final = 200
"""Rows that are in memory at once while all are read."""

_CONTAINERS = (
    "SELECT c.rowid, c.ID, c.Name, c.JSON, s.JSON"
    " FROM ContainerConfig c LEFT JOIN ContainerState s ON s.ID = c.ID"
)
_CONFIGS = "SELECT rowid, ID, Name, JSON FROM ContainerConfig c"
_PODS = "SELECT c.rowid, c.ID, c.Name, c.JSON, s.JSON FROM PodConfig c LEFT JOIN PodState s ON s.ID = c.ID"
_VOLUMES = (
    "SELECT c.rowid, c.Name, c.Name, c.JSON, s.JSON"
    " FROM VolumeConfig c LEFT JOIN VolumeState s ON s.Name = c.Name"
)
_PLACES: Final = {CONTAINER: ("Container", "ID"), POD: ("Pod", "ID"), VOLUME: ("Volume", "Name")}
# Rows without their counterpart: what kind of object, and how they are found.
_HALVES: Final = (
    (
        CONTAINER,
        "SELECT ID FROM ContainerState s WHERE NOT EXISTS (SELECT 1 FROM ContainerConfig WHERE ID = s.ID)",
    ),
    (POD, "SELECT ID FROM PodState s WHERE NOT EXISTS (SELECT 1 FROM PodConfig WHERE ID = s.ID)"),
    (
        VOLUME,
        "SELECT Name FROM VolumeState s WHERE NOT EXISTS (SELECT 1 FROM VolumeConfig WHERE Name = s.Name)",
    ),
)
_DANGLING = " AND ".join(
    f"NOT EXISTS (SELECT 1 FROM {table} WHERE ID = n.ID)"
    for table in ("ContainerConfig", "ContainerState", "PodConfig", "PodState")
)
# Every column that names an object of a kind, in an order that breaks no reference on the way.
_TRACES: Final = {
    CONTAINER: (
        ("ContainerExecSession", "ContainerID"),
        ("ContainerDependency", "DependencyID"),
        ("ContainerDependency", "ID"),
        ("ContainerVolume", "ContainerID"),
        ("ContainerState", "ID"),
        ("ContainerConfig", "ID"),
        ("IDNamespace", "ID"),
    ),
    POD: (("PodState", "ID"), ("PodConfig", "ID"), ("IDNamespace", "ID")),
    VOLUME: (("ContainerVolume", "VolumeName"), ("VolumeState", "Name"), ("VolumeConfig", "Name")),
    records.UNREGISTERED: (("IDNamespace", "ID"),),
}


class SQLiteTables:
    """A transaction on the database."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def _texts(self, sql: str, *parameters: object) -> list[str]:
        return [_shown(value) for (value,) in self._db.rows(sql, *parameters)]

    def _text(self, sql: str, *parameters: object) -> str | None:
        row = self._db.row(sql, *parameters)
        return None if row is None or row[0] is None else _shown(row[0])

    def _chunks(self, sql: str) -> Iterator[Row]:
        """The rows of a query, by the row number in their first column. Rows may be changed meanwhile."""
        last = -(2**63)
        while rows := self._db.rows(f"{sql} WHERE c.rowid > ? ORDER BY c.rowid LIMIT {_CHUNK}", last):
            yield from rows
            last = rows[-1][0]

    def _rows(self, kind: str, sql: str) -> Iterator[Row | BrokenRecord]:
        """The same for the objects of a kind. One on a damaged page does not keep the others away.

        SQLite refuses to commit a transaction that has met damage, so this helps those who only look.
        """
        done: set[int] = set()
        try:
            for row in self._chunks(sql):
                done.add(row[0])
                yield row
        except DatabaseCorrupt as error:
            if not is_damage(error):
                raise
            yield from self._rows_one_by_one(kind, sql, done)

    def _rows_one_by_one(self, kind: str, sql: str, done: set[int]) -> Iterator[Row | BrokenRecord]:
        table, key = _PLACES[kind]
        # The index on the key knows the rows even where the table itself cannot be read any more.
        for number, identifier in self._db.rows(f"SELECT rowid, {key} FROM {table}Config ORDER BY {key}"):
            if number in done:
                continue
            try:
                found = self._db.row(f"{sql} WHERE c.rowid = ?", number)
            except DatabaseCorrupt as error:
                yield BrokenRecord(kind, _shown(identifier), None, str(error))
                continue
            if found is not None:
                yield found

    def _objects(
        self, kind: str, sql: str, decode: Callable[[Row], R | BrokenRecord]
    ) -> Iterator[R | BrokenRecord]:
        for row in self._rows(kind, sql):
            yield row if isinstance(row, BrokenRecord) else decode(row)
        yield from self._halves(kind)

    def _halves(self, wanted: str) -> Iterator[BrokenRecord]:
        for kind, sql in _HALVES:
            if kind == wanted:
                for identifier in self._texts(sql):
                    yield BrokenRecord(
                        kind, identifier, None, f"{kind} {identifier}: has a state, but no configuration"
                    )

    # ------------------------------------------------------------ registry of IDs and names

    def kind_of(self, identifier: str) -> str | None:
        if self._db.row("SELECT 1 FROM ContainerConfig WHERE ID = ?", identifier):
            return CONTAINER
        return POD if self._db.row("SELECT 1 FROM PodConfig WHERE ID = ?", identifier) else None

    def id_of_name(self, name: str) -> str | None:
        sql = (
            "SELECT ID FROM ContainerConfig WHERE Name = ? UNION ALL SELECT ID FROM PodConfig WHERE Name = ?"
        )
        return self._text(sql, name, name)

    def ids_with_prefix(self, prefix: str) -> Iterator[str]:
        # GLOB and LIKE would give some characters a meaning.
        yield from self._texts("SELECT ID FROM IDNamespace WHERE substr(ID, 1, ?) = ?", len(prefix), prefix)

    def registered_name(self, identifier: str) -> str | None:
        tables = ("ContainerConfig", "PodConfig")
        sql = " UNION ALL ".join(f"SELECT Name FROM {table} WHERE ID = ?" for table in tables)
        return self._text(sql, identifier, identifier)

    def dangling_ids(self) -> list[str]:
        return self._texts(f"SELECT ID FROM IDNamespace n WHERE {_DANGLING}")

    def drop_dangling(self) -> list[str]:
        dangling = self.dangling_ids()
        if dangling:
            self._db.change(f"DELETE FROM IDNamespace AS n WHERE {_DANGLING}")
        return dangling

    def purge(self, kind: str, identifier: str) -> bool:
        if kind == CONTAINER:
            self._db.change(
                "UPDATE PodState SET InfraContainerID = NULL WHERE InfraContainerID = ?", identifier
            )
        changed = 0
        for table, column in _TRACES.get(kind, ()):
            for value in self._stored_forms(table, column, identifier):
                changed += self._db.change(f"DELETE FROM {table} WHERE {column} IS ?", value)
        return changed > 0

    def _stored_forms(self, table: str, column: str, identifier: str) -> list[object]:
        """The values that are shown as *identifier*: the text itself, or bytes that are not UTF-8."""
        if self._db.row(f"SELECT 1 FROM {table} WHERE {column} = ?", identifier):
            return [identifier]
        rows = self._db.rows(f"SELECT DISTINCT rowid, {column} FROM {table}")
        for rowid, value in rows:
            if _shown(value) == identifier:
                self._db.change(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", identifier, rowid)
                return [identifier]
        return []

    def stored_configs(self) -> Iterator[bytes]:
        for kind, (table, _key) in _PLACES.items():
            for row in self._rows(kind, f"SELECT rowid, JSON FROM {table}Config c"):
                if not isinstance(row, BrokenRecord) and row[1] is not None:
                    yield row[1]

    # ------------------------------------------------------------ containers

    def containers(self, parts: Parts = EVERYTHING) -> Iterator[ContainerRecord | BrokenRecord]:
        sql = _CONTAINERS if parts.state else _CONFIGS
        yield from self._objects(CONTAINER, sql, lambda row: _decode_container(row, parts))

    def read_container(self, identifier: str) -> ContainerRecord | BrokenRecord | None:
        row = self._db.row(f"{_CONTAINERS} WHERE c.ID = ?", identifier)
        return None if row is None else _decode_container(row)

    def reload_container(self, record: ContainerRecord) -> bool:
        row = self._state_row("Container", record)
        if row is not None:
            record.set_stored_state(row[0])
            record.netns_apart = False
        return row is not None

    def _state_row(self, table: str, record: Record, key: str = "ID") -> Row | None:
        """The stored state of an object that is there, in a row of its own; None when the object is not."""
        return self._db.row(
            f"SELECT s.JSON FROM {table}Config c LEFT JOIN {table}State s ON s.{key} = c.{key}"
            f" WHERE c.{key} = ?",
            record.id,
        )

    def insert_container(self, record: ContainerRecord) -> None:
        change, identifier = self._db.change, record.id
        change("INSERT INTO IDNamespace (ID) VALUES (?)", identifier)
        change(
            "INSERT INTO ContainerConfig (ID, Name, PodID, JSON) VALUES (?, ?, ?, ?)",
            identifier,
            record.name,
            record.pod or None,
            record.config_bytes(),
        )
        change(
            "INSERT INTO ContainerState (ID, State, ExitCode, JSON) VALUES (?, ?, ?, ?)",
            identifier,
            record.status,
            record.exit_code,
            record.state_bytes(),
        )
        for other in record.dependencies:
            change("INSERT INTO ContainerDependency (ID, DependencyID) VALUES (?, ?)", identifier, other)
        for name in record.named_volumes:
            change("INSERT INTO ContainerVolume (ContainerID, VolumeName) VALUES (?, ?)", identifier, name)

    def put_container(self, record: ContainerRecord) -> bool:
        if record.state_loaded:
            return self._put("Container", record)
        return self._put_config("Container", record)

    def rename_container(self, record: ContainerRecord, old: str) -> None:  # noqa: ARG002 - kept nowhere else
        self._db.change("UPDATE ContainerConfig SET Name = ? WHERE ID = ?", record.name, record.id)

    def delete_container(self, identifier: str) -> None:
        self.purge(CONTAINER, identifier)

    def pod_of(self, container_id: str) -> str | None:
        return self._text("SELECT PodID FROM ContainerConfig WHERE ID = ?", container_id)

    def dependents(self, container_id: str) -> list[str]:
        return self._texts(
            "SELECT ID FROM ContainerDependency WHERE DependencyID = ? ORDER BY ID", container_id
        )

    # ------------------------------------------------------------ pods

    def pods(self) -> Iterator[PodRecord | BrokenRecord]:
        yield from self._objects(POD, _PODS, _decode_pod)

    def read_pod(self, identifier: str) -> PodRecord | BrokenRecord | None:
        row = self._db.row(f"{_PODS} WHERE c.ID = ?", identifier)
        return None if row is None else _decode_pod(row)

    def reload_pod(self, record: PodRecord) -> bool:
        row = self._state_row("Pod", record)
        if row is not None:
            record.set_stored_state(row[0])
        return row is not None

    def insert_pod(self, record: PodRecord) -> None:
        change, identifier = self._db.change, record.id
        change("INSERT INTO IDNamespace (ID) VALUES (?)", identifier)
        config = record.config_bytes()
        change("INSERT INTO PodConfig (ID, Name, JSON) VALUES (?, ?, ?)", identifier, record.name, config)
        state = record.state_bytes()
        change(
            "INSERT INTO PodState (ID, InfraContainerID, JSON) VALUES (?, ?, ?)",
            identifier,
            record.infra_id or None,
            state,
        )

    def put_pod(self, record: PodRecord) -> bool:
        return self._put("Pod", record)

    def delete_pod(self, identifier: str) -> None:
        self.purge(POD, identifier)

    def pod_members(self, pod_id: str) -> list[str]:
        return self._texts("SELECT ID FROM ContainerConfig WHERE PodID = ? ORDER BY ID", pod_id)

    # ------------------------------------------------------------ volumes

    def volumes(self) -> Iterator[VolumeRecord | BrokenRecord]:
        yield from self._objects(VOLUME, _VOLUMES, _decode_volume)

    def has_volume(self, name: str) -> bool:
        return self._db.row("SELECT 1 FROM VolumeConfig WHERE Name = ?", name) is not None

    def volume_names(self) -> Iterator[str]:
        yield from self._texts("SELECT Name FROM VolumeConfig ORDER BY Name")

    def read_volume(self, name: str) -> VolumeRecord | BrokenRecord | None:
        row = self._db.row(f"{_VOLUMES} WHERE c.Name = ?", name)
        return None if row is None else _decode_volume(row)

    def reload_volume(self, record: VolumeRecord) -> bool:
        row = self._state_row("Volume", record, "Name")
        if row is not None:
            record.set_stored_state(row[0])
        return row is not None

    def insert_volume(self, record: VolumeRecord) -> None:
        self._db.change(
            "INSERT INTO VolumeConfig (Name, StorageID, JSON) VALUES (?, ?, ?)",
            record.id,
            record.storage_id or None,
            record.config_bytes(),
        )
        self._db.change("INSERT INTO VolumeState (Name, JSON) VALUES (?, ?)", record.id, record.state_bytes())

    def put_volume(self, record: VolumeRecord) -> bool:
        if record.has_state:
            return self._put("Volume", record, "Name")
        return self._put_config("Volume", record, "Name")

    def delete_volume(self, name: str) -> None:
        self.purge(VOLUME, name)

    def volume_users(self, name: str) -> list[str]:
        sql = "SELECT ContainerID FROM ContainerVolume WHERE VolumeName = ? ORDER BY ContainerID"
        return self._texts(sql, name)

    # ------------------------------------------------------------ writing states

    def _put(self, table: str, record: Record, key: str = "ID") -> bool:
        """Write the JSON of a state, and no other column, as Podman does."""
        state = record.state_bytes()
        found = self._db.change(f"UPDATE {table}State SET JSON = ? WHERE {key} = ?", state, record.id)
        return self._put_config(table, record, key) and found > 0

    def _put_config(self, table: str, record: Record, key: str = "ID") -> bool:
        if record.config_changed:
            config = record.config_bytes()
            return (
                self._db.change(f"UPDATE {table}Config SET JSON = ? WHERE {key} = ?", config, record.id) > 0
            )
        return self._db.row(f"SELECT 1 FROM {table}Config WHERE {key} = ?", record.id) is not None

    # ------------------------------------------------------------ exec sessions and exit codes

    def insert_exec_session(self, session_id: str, container_id: str) -> None:
        sql = "INSERT INTO ContainerExecSession (ID, ContainerID) VALUES (?, ?)"
        self._db.change(sql, session_id, container_id)

    def exec_session(self, session_id: str) -> str | None:
        return self._text("SELECT ContainerID FROM ContainerExecSession WHERE ID = ?", session_id)

    def delete_exec_session(self, session_id: str) -> None:
        self._db.change("DELETE FROM ContainerExecSession WHERE ID = ?", session_id)

    def exec_sessions_of(self, container_id: str) -> list[str]:
        return self._texts(
            "SELECT ID FROM ContainerExecSession WHERE ContainerID = ? ORDER BY ID", container_id
        )

    def clear_exec_sessions(self) -> None:
        self._db.change("DELETE FROM ContainerExecSession")

    def put_exit_code(self, container_id: str, code: int, time: float) -> None:
        sql = "INSERT OR REPLACE INTO ContainerExitCode (ID, Timestamp, ExitCode) VALUES (?, ?, ?)"
        self._db.change(sql, container_id, int(time), code)

    def exit_codes(self) -> dict[str, tuple[int, float]]:
        rows = self._db.rows("SELECT ID, ExitCode, Timestamp FROM ContainerExitCode")
        return {_shown(identifier): (code, float(noted)) for identifier, code, noted in rows}

    def delete_exit_code(self, container_id: str) -> None:
        self._db.change("DELETE FROM ContainerExitCode WHERE ID = ?", container_id)

    def clear_exit_codes(self) -> None:
        self._db.change("DELETE FROM ContainerExitCode")

    # ------------------------------------------------------------ the database itself

    def stored_config(self) -> DatabaseConfig:
        row = self._db.row(f"SELECT {', '.join(CONFIG_COLUMNS.values())} FROM DBConfig")
        if row is None:
            return DatabaseConfig(os=None)
        values = zip(CONFIG_COLUMNS, row, strict=True)
        return DatabaseConfig(**{key: None if value is None else _shown(value) for key, value in values})

    def store_config(self, values: dict[str, str]) -> None:
        columns = {CONFIG_COLUMNS[key]: value for key, value in values.items()}
        if self._db.row("SELECT 1 FROM DBConfig") is not None:
            for column, value in columns.items():
                self._db.change(f"UPDATE DBConfig SET {column} = ?", value)
            return
        texts = [columns.get(column, "") for column in CONFIG_COLUMNS.values()]
        names = ", ".join(CONFIG_COLUMNS.values())
        marks = ", ".join("?" for _ in texts)
        self._db.change(
            f"INSERT INTO DBConfig (ID, SchemaVersion, {names}) VALUES (1, ?, {marks})", VERSION, *texts
        )

    def problems(self) -> Iterator[Problem]:
        for message in self._findings("PRAGMA quick_check", lambda row: _shown(row[0])):
            if message != "ok":
                yield Problem("database", self._db.path, message)
        for message in self._findings("PRAGMA foreign_key_check", _missing_reference):
            yield Problem("database", self._db.path, message)

    def _findings(self, sql: str, describe: Callable[[Row], str]) -> Iterator[str]:
        try:
            yield from map(describe, self._db.rows(sql))
        except DatabaseCorrupt as error:
            # The damage is such that SQLite cannot even look for it.
            yield str(error)

    def dump(self) -> Iterator[dict[str, object]]:
        for table in self._texts("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            quoted = '"' + table.replace('"', '""') + '"'
            columns = [_shown(row[1]) for row in self._db.rows(f"PRAGMA table_info({quoted})")]
            for row in self._db.stream(f"SELECT * FROM {quoted}"):
                values = (printable(value) if isinstance(value, bytes) else value for value in row)
                yield {"table": table, "row": dict(zip(columns, values, strict=True))}


def _missing_reference(row: Row) -> str:
    table, number, parent, _index = row
    return f"{_shown(table)} row {number} refers to a row of {_shown(parent)} that does not exist"


def _decode_container(row: Row, parts: Parts = EVERYTHING) -> ContainerRecord | BrokenRecord:
    _rowid, identifier, name, config, *state = row
    try:
        identifier = decode_text(identifier, "container ID")
        record = records.decode_container(identifier, config, state[0] if state else None, parts=parts)
    except DecodeError as error:
        return BrokenRecord(CONTAINER, _shown(identifier), None if name is None else _shown(name), str(error))
    record.netns_apart = False
    return record


def _decode_pod(row: Row) -> PodRecord | BrokenRecord:
    return _decode(row, POD, records.decode_pod)


def _decode_volume(row: Row) -> VolumeRecord | BrokenRecord:
    return _decode(row, VOLUME, records.decode_volume)


def _decode(row: Row, kind: str, decode: Callable[[str, bytes | None, bytes | None], R]) -> R | BrokenRecord:
    _rowid, identifier, name, config, state = row
    try:
        return decode(decode_text(identifier, f"{kind} ID"), config, state)
    except DecodeError as error:
        return BrokenRecord(kind, _shown(identifier), None if name is None else _shown(name), str(error))


def _shown(value: object) -> str:
    """A stored text; bytes that are not UTF-8 are shown as escapes."""
    return printable(value) if isinstance(value, bytes) else str(value)
