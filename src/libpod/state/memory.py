"""The state store that keeps everything in memory and loses it with the process.

It holds the same encoded texts as the databases, so that a record that is changed after it was added changes
nothing here until it is saved.
"""

from __future__ import annotations

import contextlib

from libpod.errors import DecodeError, NotSupported
from libpod.state import records
from libpod.state.identity import DatabaseConfig
from libpod.state.objects import ObjectState
from libpod.state.records import CONTAINER, EVERYTHING, POD, VOLUME, BrokenRecord
from libpod.state.texts import printable
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.state.protocol import Problem
    from libpod.state.records import ContainerRecord, Parts, PodRecord, VolumeRecord
    from libpod.state.tables import Tables


class _Row(NamedTuple):
    """One object as it is stored. The last fields are for containers only."""

    name: str
    config: bytes
    state: bytes | None
    pod: str = ""
    dependencies: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()


class MemoryState(ObjectState):
    """A store without a file. A transaction works on a copy of the tables, which replaces them at its end."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self._tables = MemoryTables()

    @contextlib.contextmanager
    def _open_view(self) -> Iterator[Tables]:
        yield self._tables

    @contextlib.contextmanager
    def _open_update(self) -> Iterator[Tables]:
        changed = self._tables.copy()
        yield changed
        self._tables = changed

    def backup(self, target: str) -> str:
        """Not possible: there is no file. Raises NotSupported."""
        raise NotSupported(f"a store in memory cannot be copied to {target}")


class MemoryTables:
    """The tables: a mapping for each kind of object."""

    def __init__(self) -> None:
        self._containers: dict[str, _Row] = {}
        self._pods: dict[str, _Row] = {}
        self._volumes: dict[str, _Row] = {}
        self._names: dict[str, str] = {}
        self._sessions: dict[str, str] = {}
        self._exit_codes: dict[str, tuple[int, float]] = {}
        self._config: dict[str, str] = {}

    def copy(self) -> MemoryTables:
        """The same rows in tables of their own; rows are never changed, only replaced."""
        other = MemoryTables()
        for name, table in vars(self).items():
            setattr(other, name, dict(table))
        return other

    # ------------------------------------------------------------ registry of IDs and names

    def kind_of(self, identifier: str) -> str | None:
        if identifier in self._containers:
            return CONTAINER
        return POD if identifier in self._pods else None

    def id_of_name(self, name: str) -> str | None:
        return self._names.get(name)

    def ids_with_prefix(self, prefix: str) -> Iterator[str]:
        for table in (self._containers, self._pods):
            yield from (identifier for identifier in table if identifier.startswith(prefix))

    def registered_name(self, identifier: str) -> str | None:
        row = self._containers.get(identifier) or self._pods.get(identifier)
        return row.name if row else None

    def dangling_ids(self) -> list[str]:
        return []

    def drop_dangling(self) -> list[str]:
        return []

    def purge(self, kind: str, identifier: str) -> bool:
        table = self._table(kind)
        if identifier not in table:
            return False
        if kind == CONTAINER:
            self.delete_container(identifier)
        elif kind == POD:
            self.delete_pod(identifier)
        else:
            self.delete_volume(identifier)
        return True

    def stored_configs(self) -> Iterator[bytes]:
        for table in (self._containers, self._pods, self._volumes):
            yield from (row.config for row in table.values())

    def _table(self, kind: str) -> dict[str, _Row]:
        return {CONTAINER: self._containers, POD: self._pods, VOLUME: self._volumes}.get(kind, {})

    # ------------------------------------------------------------ containers

    def containers(self, parts: Parts = EVERYTHING) -> Iterator[ContainerRecord | BrokenRecord]:
        for identifier in list(self._containers):
            yield self._decode_container(identifier, self._containers[identifier], parts)

    def read_container(self, identifier: str) -> ContainerRecord | BrokenRecord | None:
        row = self._containers.get(identifier)
        return None if row is None else self._decode_container(identifier, row)

    @staticmethod
    def _decode_container(
        identifier: str, row: _Row, parts: Parts = EVERYTHING
    ) -> ContainerRecord | BrokenRecord:
        try:
            return records.decode_container(identifier, row.config, row.state, parts=parts)
        except DecodeError as error:
            return BrokenRecord(CONTAINER, identifier, row.name, str(error))

    def reload_container(self, record: ContainerRecord) -> bool:
        row = self._containers.get(record.id)
        if row is not None:
            record.set_stored_state(row.state)
        return row is not None

    def insert_container(self, record: ContainerRecord) -> None:
        self._names[record.name] = record.id
        self._containers[record.id] = _Row(
            record.name,
            record.config_bytes(),
            record.state_bytes(),
            record.pod,
            frozenset(record.dependencies),
            frozenset(record.named_volumes),
        )

    def put_container(self, record: ContainerRecord) -> bool:
        row = self._containers.get(record.id)
        if row is not None:
            state = record.state_bytes() if record.state_loaded else row.state
            row = row._replace(state=state, config=self._config_of(record, row))
            self._containers[record.id] = row
        return row is not None

    def rename_container(self, record: ContainerRecord, old: str) -> None:
        self._names.pop(old, None)
        self._names[record.name] = record.id
        self._containers[record.id] = self._containers[record.id]._replace(name=record.name)

    def delete_container(self, identifier: str) -> None:
        self._names.pop(self._containers.pop(identifier).name, None)
        for session in self.exec_sessions_of(identifier):
            del self._sessions[session]

    def pod_of(self, container_id: str) -> str | None:
        row = self._containers.get(container_id)
        return row.pod or None if row else None

    def dependents(self, container_id: str) -> list[str]:
        return sorted(
            identifier for identifier, row in self._containers.items() if container_id in row.dependencies
        )

    # ------------------------------------------------------------ pods

    def pods(self) -> Iterator[PodRecord | BrokenRecord]:
        for identifier in list(self._pods):
            yield self._decode_pod(identifier, self._pods[identifier])

    def read_pod(self, identifier: str) -> PodRecord | BrokenRecord | None:
        row = self._pods.get(identifier)
        return None if row is None else self._decode_pod(identifier, row)

    @staticmethod
    def _decode_pod(identifier: str, row: _Row) -> PodRecord | BrokenRecord:
        try:
            return records.decode_pod(identifier, row.config, row.state)
        except DecodeError as error:
            return BrokenRecord(POD, identifier, row.name, str(error))

    def reload_pod(self, record: PodRecord) -> bool:
        row = self._pods.get(record.id)
        if row is not None:
            record.set_stored_state(row.state)
        return row is not None

    def insert_pod(self, record: PodRecord) -> None:
        self._names[record.name] = record.id
        self._pods[record.id] = _Row(record.name, record.config_bytes(), record.state_bytes())

    def put_pod(self, record: PodRecord) -> bool:
        row = self._pods.get(record.id)
        if row is not None:
            config = self._config_of(record, row)
            self._pods[record.id] = row._replace(state=record.state_bytes(), config=config)
        return row is not None

    def delete_pod(self, identifier: str) -> None:
        self._names.pop(self._pods.pop(identifier).name, None)

    def pod_members(self, pod_id: str) -> list[str]:
        return sorted(identifier for identifier, row in self._containers.items() if row.pod == pod_id)

    # ------------------------------------------------------------ volumes

    def volumes(self) -> Iterator[VolumeRecord | BrokenRecord]:
        for name in list(self._volumes):
            yield self._decode_volume(name, self._volumes[name])

    def has_volume(self, name: str) -> bool:
        return name in self._volumes

    def volume_names(self) -> Iterator[str]:
        return iter(list(self._volumes))

    def read_volume(self, name: str) -> VolumeRecord | BrokenRecord | None:
        row = self._volumes.get(name)
        return None if row is None else self._decode_volume(name, row)

    @staticmethod
    def _decode_volume(name: str, row: _Row) -> VolumeRecord | BrokenRecord:
        try:
            return records.decode_volume(name, row.config, row.state)
        except DecodeError as error:
            return BrokenRecord(VOLUME, name, name, str(error))

    def reload_volume(self, record: VolumeRecord) -> bool:
        row = self._volumes.get(record.id)
        if row is not None:
            record.set_stored_state(row.state)
        return row is not None

    def insert_volume(self, record: VolumeRecord) -> None:
        self._volumes[record.id] = _Row(record.name, record.config_bytes(), record.state_bytes())

    def put_volume(self, record: VolumeRecord) -> bool:
        row = self._volumes.get(record.id)
        if row is not None:
            state = record.state_bytes() if record.has_state else None
            self._volumes[record.id] = row._replace(state=state, config=self._config_of(record, row))
        return row is not None

    def delete_volume(self, name: str) -> None:
        del self._volumes[name]

    def volume_users(self, name: str) -> list[str]:
        return sorted(identifier for identifier, row in self._containers.items() if name in row.volumes)

    @staticmethod
    def _config_of(record: records.Record, row: _Row) -> bytes:
        return record.config_bytes() if record.config_changed else row.config

    # ------------------------------------------------------------ exec sessions and exit codes

    def insert_exec_session(self, session_id: str, container_id: str) -> None:
        self._sessions[session_id] = container_id

    def exec_session(self, session_id: str) -> str | None:
        return self._sessions.get(session_id)

    def delete_exec_session(self, session_id: str) -> None:
        del self._sessions[session_id]

    def exec_sessions_of(self, container_id: str) -> list[str]:
        return sorted(session for session, owner in self._sessions.items() if owner == container_id)

    def clear_exec_sessions(self) -> None:
        self._sessions.clear()

    def put_exit_code(self, container_id: str, code: int, time: float) -> None:
        self._exit_codes[container_id] = (code, time)

    def exit_codes(self) -> dict[str, tuple[int, float]]:
        return dict(self._exit_codes)

    def delete_exit_code(self, container_id: str) -> None:
        del self._exit_codes[container_id]

    def clear_exit_codes(self) -> None:
        self._exit_codes.clear()

    # ------------------------------------------------------------ the store itself

    def stored_config(self) -> DatabaseConfig:
        return DatabaseConfig(**{"os": None, **self._config})

    def store_config(self, values: dict[str, str]) -> None:
        self._config.update(values)

    def problems(self) -> Iterator[Problem]:
        return iter(())

    def dump(self) -> Iterator[dict[str, object]]:
        for kind in (CONTAINER, POD, VOLUME):
            for identifier, row in self._table(kind).items():
                values = {key: _shown(value) for key, value in row._asdict().items()}
                yield {"table": kind, "row": {"id": identifier, **values}}


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return printable(value)
    return sorted(value) if isinstance(value, frozenset) else value
