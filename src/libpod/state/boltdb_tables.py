"""Reading and writing the buckets of the BoltDB schema, which `boltdb_schema` describes."""

from __future__ import annotations

from libpod.errors import DatabaseCorrupt, DecodeError
from libpod.host import jsonutil
from libpod.state import boltdb_schema as schema
from libpod.state import records
from libpod.state.boltdb_values import (
    config_without_networks,
    decode_netns,
    decode_pod,
    decode_volume,
    put_changed,
    put_config,
    put_or_delete,
)
from libpod.state.records import CONTAINER, EVERYTHING, POD, VOLUME, BrokenRecord, ContainerRecord
from libpod.state.texts import decode_text, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from libpod.boltdb import Bucket, Transaction
    from libpod.state.identity import DatabaseConfig
    from libpod.state.protocol import Problem
    from libpod.state.records import Parts, PodRecord, Record, VolumeRecord

    R = TypeVar("R", ContainerRecord, PodRecord, VolumeRecord)
    Values = dict[bytes, bytes | None]


class BoltTables:
    """A transaction on the database. A bucket that is not there counts as empty until it is written to."""

    def __init__(self, transaction: Transaction, path: str) -> None:
        self._transaction = transaction
        self._path = path
        self._tops: dict[bytes, Bucket] = {}
        self._with_sessions: set[bytes] | None = None
        """The containers that have a bucket for exec sessions, once all containers were read."""

    # ------------------------------------------------------------ buckets

    def _top(self, name: bytes) -> Bucket | None:
        found = self._tops.get(name) or self._transaction.bucket(name)
        if found is not None:
            self._tops[name] = found
        return found

    def _make_top(self, name: bytes) -> Bucket:
        return self._top(name) or self._transaction.create_bucket(name)

    def _get(self, bucket: bytes, key: bytes) -> bytes | None:
        found = self._top(bucket)
        return None if found is None else found.get(key)

    def _items(self, bucket: bytes) -> Iterator[tuple[bytes, bytes]]:
        found = self._top(bucket)
        if found is not None:
            for key, value in found.items():
                if value is not None:
                    yield key, value

    def _put(self, bucket: bytes, key: bytes, value: bytes) -> None:
        self._make_top(bucket).put(key, value)

    def _delete(self, bucket: bytes, key: bytes) -> bool:
        found = self._top(bucket)
        return found is not None and found.delete(key)

    def _clear(self, bucket: bytes) -> None:
        found = self._top(bucket)
        if found is not None and next(found.keys(), None) is not None:
            del self._tops[bucket]
            self._transaction.delete_bucket(bucket)
            self._transaction.create_bucket(bucket)

    def _object(self, kind: str, key: bytes) -> Bucket | None:
        """The bucket of a container, pod or volume."""
        home = self._top(schema.HOMES[kind][0])
        return None if home is None else home.bucket(key)

    def _objects(self, kind: str) -> Iterator[bytes]:
        """The keys of all containers, pods or volumes that have a bucket."""
        home = self._top(schema.HOMES[kind][0])
        if home is not None:
            yield from home.buckets()

    def _nested(self, kind: str, key: bytes, name: bytes) -> Bucket | None:
        """A bucket inside that of a container, pod or volume."""
        bucket = self._object(kind, key)
        return None if bucket is None else bucket.bucket(name)

    def _nested_keys(self, kind: str, key: str, name: bytes) -> list[str]:
        bucket = self._nested(kind, key.encode(), name)
        return [] if bucket is None else [printable(found) for found in bucket.keys()]  # noqa: SIM118

    # ------------------------------------------------------------ registry of IDs and names

    def kind_of(self, identifier: str) -> str | None:
        key = identifier.encode()
        if self._object(CONTAINER, key) is not None:
            return CONTAINER
        return POD if self._object(POD, key) is not None else None

    def id_of_name(self, name: str) -> str | None:
        found = self._get(schema.NAMES, name.encode())
        return None if found is None else printable(found)

    def ids_with_prefix(self, prefix: str) -> Iterator[str]:
        registry = self._top(schema.IDS)
        if registry is not None:
            start = prefix.encode()
            for key, _name in registry.seek(start):
                if not key.startswith(start):
                    break
                yield printable(key)

    def registered_name(self, identifier: str) -> str | None:
        found = self._get(schema.IDS, self._stored_id(identifier))
        return None if found is None else printable(found)

    def dangling_ids(self) -> list[str]:
        return [printable(key) for key in self._dangling()]

    def _dangling(self) -> list[bytes]:
        registered = {
            key
            for bucket in (schema.IDS, schema.ALL_CONTAINERS, schema.ALL_PODS)
            for key, _name in self._items(bucket)
        }
        there = set(self._objects(CONTAINER))
        there.update(self._objects(POD))
        return sorted(registered - there)

    def drop_dangling(self) -> list[str]:
        dangling = self._dangling()
        for key in dangling:
            self._unregister(key, schema.ALL_CONTAINERS)
            self._delete(schema.ALL_PODS, key)
        return [printable(key) for key in dangling]

    def _register(self, record: Record, listing: bytes) -> None:
        key, name = record.id.encode(), record.name.encode()
        self._put(schema.IDS, key, name)
        self._put(schema.NAMES, name, key)
        self._put(listing, key, name)

    def _unregister(self, key: bytes, listing: bytes) -> bool:
        """Forget an ID and its name wherever they are registered."""
        names = {self._get(schema.IDS, key), self._get(listing, key)}
        found = any(name is not None for name in names)
        for name in names:
            if name and self._get(schema.NAMES, name) == key:
                self._delete(schema.NAMES, name)
        for bucket in (schema.IDS, listing, schema.NAMESPACES):
            self._delete(bucket, key)
        return found

    def _stored_id(self, shown: str) -> bytes:
        """The key that is shown as *shown*: normally just its text."""
        key = shown.encode()
        if "\\" in shown:
            for bucket in (schema.CONTAINERS, schema.PODS, schema.VOLUMES, schema.IDS):
                found = self._top(bucket)
                for other in () if found is None else found.keys():
                    if printable(other) == shown:
                        return other
        return key

    def purge(self, kind: str, identifier: str) -> bool:
        key = self._stored_id(identifier)
        if kind == VOLUME:
            return self._purge_volume(key)
        if kind == POD:
            return self._drop_bucket(POD, key) | self._unregister(key, schema.ALL_PODS)
        if kind == CONTAINER:
            self._forget_dependent(key)
            return self._drop_bucket(CONTAINER, key) | self._unregister(key, schema.ALL_CONTAINERS)
        return self._delete(schema.ALL_PODS, key) | self._unregister(key, schema.ALL_CONTAINERS)

    def _drop_bucket(self, kind: str, key: bytes) -> bool:
        home = self._top(schema.HOMES[kind][0])
        if home is None or home.bucket(key) is None:
            return False
        home.delete_bucket(key, lose_pages=True)
        return True

    def _forget_dependent(self, key: bytes) -> None:
        """Take a container out of everything that refers to it, without reading its configuration."""
        for kind, name in ((CONTAINER, schema.DEPENDENCIES), (POD, schema.MEMBERS), (VOLUME, schema.USERS)):
            for other in list(self._objects(kind)):
                if other != key:
                    self._forget_in(kind, other, name, key)
        for session, owner in list(self._items(schema.EXEC)):
            if owner == key:
                self._delete(schema.EXEC, session)

    def _forget_in(self, kind: str, owner: bytes, name: bytes, key: bytes) -> None:
        try:
            bucket = self._nested(kind, owner, name)
            if bucket is not None:
                bucket.delete(key)
        except DatabaseCorrupt:
            # The owner is damaged, and what it refers to goes with it.
            return

    def stored_configs(self) -> Iterator[bytes]:
        for kind in (CONTAINER, POD, VOLUME):
            for key in self._objects(kind):
                config = self._config_of(kind, key)
                if config is not None:
                    yield config

    def _config_of(self, kind: str, key: bytes) -> bytes | None:
        try:
            bucket = self._object(kind, key)
            return None if bucket is None else bucket.get(schema.CONFIG)
        except DatabaseCorrupt:
            # The one object is damaged; reading it for itself says so.
            return None

    # ------------------------------------------------------------ reading objects

    def _read_all(
        self, kind: str, keys: Iterable[bytes], decode: Callable[[str, Values], R]
    ) -> Iterator[R | BrokenRecord]:
        registries = [(name, {key for key, _name in self._items(name)}) for name in schema.REGISTRIES[kind]]
        for key in keys:
            absent = [name for name, registered in registries if key not in registered]
            yield self._read(kind, key, decode, absent)

    def _read_one(
        self, kind: str, identifier: str, decode: Callable[[str, Values], R]
    ) -> R | BrokenRecord | None:
        key = identifier.encode()
        if self._object(kind, key) is None:
            return None
        return self._read(
            kind, key, decode, [name for name in schema.REGISTRIES[kind] if self._get(name, key) is None]
        )

    def _read(
        self,
        kind: str,
        key: bytes,
        decode: Callable[[str, Values], R],
        absent: list[bytes],
    ) -> R | BrokenRecord:
        """One object that has a bucket. A broken or damaged one does not keep the others away."""
        try:
            if absent:
                # Podman sees only what is registered.
                raise DecodeError(f"{kind} {printable(key)}: is not registered in {printable(absent[0])}")
            bucket = self._object(kind, key)
            values = {} if bucket is None else dict(bucket.items())
            return decode(decode_text(key, f"{kind} ID"), values)
        except (DecodeError, DatabaseCorrupt) as error:
            name = self._get(schema.HOMES[kind][1], key) or self._get(schema.IDS, key)
            return BrokenRecord(kind, printable(key), None if name is None else printable(name), str(error))

    # ------------------------------------------------------------ containers

    def containers(self, parts: Parts = EVERYTHING) -> Iterator[ContainerRecord | BrokenRecord]:
        def decode(identifier: str, values: Values) -> ContainerRecord:
            if schema.EXEC not in values:
                with_sessions.discard(identifier.encode())
            return self._decode_container(identifier, values, parts)

        keys = list(self._objects(CONTAINER))
        with_sessions = set(keys)
        yield from self._read_all(CONTAINER, keys, decode)
        self._with_sessions = with_sessions

    def read_container(self, identifier: str) -> ContainerRecord | BrokenRecord | None:
        return self._read_one(CONTAINER, identifier, self._decode_container)

    def _decode_container(
        self, identifier: str, values: Values, parts: Parts = EVERYTHING
    ) -> ContainerRecord:
        return records.decode_container(
            identifier,
            values.get(schema.CONFIG),
            values.get(schema.STATE),
            netns=decode_netns(identifier, values.get(schema.NETNS)),
            networks=self._networks(identifier) if schema.NETWORKS in values else None,
            parts=parts,
        )

    def _networks(self, identifier: str) -> dict[str, bytes] | None:
        bucket = self._nested(CONTAINER, identifier.encode(), schema.NETWORKS)
        return (
            None
            if bucket is None
            else {printable(name): options or b"{}" for name, options in bucket.items()}
        )

    def reload_container(self, record: ContainerRecord) -> bool:
        bucket = self._object(CONTAINER, record.id.encode())
        if bucket is not None:
            record.set_stored_state(
                bucket.get(schema.STATE), decode_netns(record.id, bucket.get(schema.NETNS))
            )
        return bucket is not None

    def insert_container(self, record: ContainerRecord) -> None:
        key, name = record.id.encode(), record.name.encode()
        record.netns_apart = True
        self._register(record, schema.ALL_CONTAINERS)
        bucket = self._make_top(schema.CONTAINERS).create_bucket(key)
        bucket.put(schema.CONFIG, config_without_networks(record))
        bucket.put(schema.STATE, record.state_bytes_apart())
        bucket.create_bucket(schema.DEPENDENCIES)
        put_or_delete(bucket, schema.NETNS, record.netns)
        put_or_delete(bucket, schema.POD_ID, record.pod)
        self._insert_namespace(bucket, key, record.namespace)
        networks = {network: jsonutil.dumps(options) for network, options in record.network_options.items()}
        if networks:
            joined = bucket.create_bucket(schema.NETWORKS)
            for network, options in networks.items():
                joined.put(network.encode(), options)
        self._insert_references(record, key, name)

    def _insert_namespace(self, bucket: Bucket, key: bytes, namespace: str) -> None:
        if namespace:
            bucket.put(schema.NAMESPACE, namespace.encode())
            self._put(schema.NAMESPACES, key, namespace.encode())

    def _insert_references(self, record: ContainerRecord, key: bytes, name: bytes) -> None:
        for other in record.dependencies:
            self._reference(CONTAINER, other, schema.DEPENDENCIES, key, name)
        if record.pod:
            self._reference(POD, record.pod, schema.MEMBERS, key, name)
        for volume in record.named_volumes:
            self._reference(VOLUME, volume, schema.USERS, key, key)

    def _reference(self, kind: str, target: str, nested: bytes, key: bytes, value: bytes) -> None:
        bucket = self._object(kind, target.encode())
        if bucket is not None:
            bucket.create_bucket_if_missing(nested).put(key, value)

    def put_container(self, record: ContainerRecord) -> bool:
        bucket = self._object(CONTAINER, record.id.encode())
        if bucket is None:
            return False
        changed = put_config(bucket, record)
        if record.state_loaded:
            changed |= put_changed(bucket, schema.STATE, record.state_bytes_apart())
            changed |= put_or_delete(bucket, schema.NETNS, record.netns if record.netns_apart else None)
        if changed:
            bucket.flush()
        return True

    def rename_container(self, record: ContainerRecord, old: str) -> None:
        key, name = record.id.encode(), record.name.encode()
        self._delete(schema.NAMES, old.encode())
        self._register(record, schema.ALL_CONTAINERS)
        for other in record.dependencies:
            self._reference(CONTAINER, other, schema.DEPENDENCIES, key, name)
        if record.pod:
            self._reference(POD, record.pod, schema.MEMBERS, key, name)

    def delete_container(self, identifier: str) -> None:
        key = identifier.encode()
        found = self.read_container(identifier)
        if not isinstance(found, ContainerRecord):
            self.purge(CONTAINER, identifier)
            return
        for other in found.dependencies:
            self._dereference(CONTAINER, other, schema.DEPENDENCIES, key)
        for volume in found.named_volumes:
            self._dereference(VOLUME, volume, schema.USERS, key)
        self._dereference(POD, self.pod_of(identifier) or found.pod, schema.MEMBERS, key)
        for session in self.exec_sessions_of(identifier):
            self._delete(schema.EXEC, session.encode())
        self._drop_bucket(CONTAINER, key)
        self._unregister(key, schema.ALL_CONTAINERS)

    def _dereference(self, kind: str, target: str, nested: bytes, key: bytes) -> None:
        bucket = self._nested(kind, target.encode(), nested) if target else None
        if bucket is not None:
            bucket.delete(key)

    def pod_of(self, container_id: str) -> str | None:
        bucket = self._object(CONTAINER, container_id.encode())
        pod = None if bucket is None else bucket.get(schema.POD_ID)
        return None if pod is None else printable(pod)

    def dependents(self, container_id: str) -> list[str]:
        return self._users(
            CONTAINER, container_id, schema.DEPENDENCIES, lambda other: container_id in other.dependencies
        )

    def _users(
        self, kind: str, identifier: str, nested: bytes, uses: Callable[[ContainerRecord], bool]
    ) -> list[str]:
        """The containers that an object has noted as its users; where it is damaged, those that say so."""
        try:
            return self._nested_keys(kind, identifier, nested)
        except DatabaseCorrupt:
            others = list(self.containers())
            return sorted(other.id for other in others if isinstance(other, ContainerRecord) and uses(other))

    # ------------------------------------------------------------ pods

    def pods(self) -> Iterator[PodRecord | BrokenRecord]:
        yield from self._read_all(POD, self._objects(POD), decode_pod)

    def read_pod(self, identifier: str) -> PodRecord | BrokenRecord | None:
        return self._read_one(POD, identifier, decode_pod)

    def reload_pod(self, record: PodRecord) -> bool:
        bucket = self._object(POD, record.id.encode())
        if bucket is not None:
            record.set_stored_state(bucket.get(schema.STATE))
        return bucket is not None

    def insert_pod(self, record: PodRecord) -> None:
        key = record.id.encode()
        self._register(record, schema.ALL_PODS)
        bucket = self._make_top(schema.PODS).create_bucket(key)
        bucket.put(schema.CONFIG, record.config_bytes())
        bucket.put(schema.STATE, record.state_bytes())
        bucket.create_bucket(schema.MEMBERS)
        self._insert_namespace(
            bucket, key, jsonutil.get_str(record.config, "namespace", "", source=record.describe())
        )

    def put_pod(self, record: PodRecord) -> bool:
        return self._put_object(POD, record, has_state=True)

    def delete_pod(self, identifier: str) -> None:
        self.purge(POD, identifier)

    def pod_members(self, pod_id: str) -> list[str]:
        return self._users(POD, pod_id, schema.MEMBERS, lambda other: other.pod == pod_id)

    # ------------------------------------------------------------ volumes

    def volumes(self) -> Iterator[VolumeRecord | BrokenRecord]:
        yield from self._read_all(VOLUME, self._objects(VOLUME), decode_volume)

    def has_volume(self, name: str) -> bool:
        return self._object(VOLUME, name.encode()) is not None

    def volume_names(self) -> Iterator[str]:
        yield from map(printable, self._objects(VOLUME))

    def read_volume(self, name: str) -> VolumeRecord | BrokenRecord | None:
        return self._read_one(VOLUME, name, decode_volume)

    def reload_volume(self, record: VolumeRecord) -> bool:
        bucket = self._object(VOLUME, record.id.encode())
        if bucket is not None:
            record.set_stored_state(bucket.get(schema.STATE))
        return bucket is not None

    def insert_volume(self, record: VolumeRecord) -> None:
        key = record.id.encode()
        self._put(schema.ALL_VOLUMES, key, key)
        if record.storage_id:
            self._put(schema.VOLUME_CONTAINERS, record.storage_id.encode(), key)
        bucket = self._make_top(schema.VOLUMES).create_bucket(key)
        bucket.put(schema.CONFIG, record.config_bytes())
        bucket.put(schema.STATE, record.state_bytes())
        bucket.create_bucket(schema.USERS)

    def put_volume(self, record: VolumeRecord) -> bool:
        return self._put_object(VOLUME, record, has_state=record.has_state)

    def delete_volume(self, name: str) -> None:
        self.purge(VOLUME, name)

    def _purge_volume(self, key: bytes) -> bool:
        for storage, name in list(self._items(schema.VOLUME_CONTAINERS)):
            if name == key:
                self._delete(schema.VOLUME_CONTAINERS, storage)
        return self._drop_bucket(VOLUME, key) | self._delete(schema.ALL_VOLUMES, key)

    def volume_users(self, name: str) -> list[str]:
        users = self._users(VOLUME, name, schema.USERS, lambda other: name in other.named_volumes)
        # Podman 4.3 leaves the entries of containers that it has removed, and passes over them, too.
        return [user for user in users if self._object(CONTAINER, user.encode()) is not None]

    def _put_object(self, kind: str, record: Record, *, has_state: bool) -> bool:
        bucket = self._object(kind, record.id.encode())
        if bucket is None:
            return False
        changed = put_config(bucket, record)
        if has_state:
            changed |= put_changed(bucket, schema.STATE, record.state_bytes())
        if changed:
            bucket.flush()
        return True

    # ------------------------------------------------------------ exec sessions and exit codes

    def insert_exec_session(self, session_id: str, container_id: str) -> None:
        session, key = session_id.encode(), container_id.encode()
        self._put(schema.EXEC, session, key)
        self._reference(CONTAINER, container_id, schema.EXEC, session, key)
        self._with_sessions = None

    def exec_session(self, session_id: str) -> str | None:
        owner = self._get(schema.EXEC, session_id.encode())
        return None if owner is None else printable(owner)

    def delete_exec_session(self, session_id: str) -> None:
        session = session_id.encode()
        owner = self._get(schema.EXEC, session)
        self._delete(schema.EXEC, session)
        if owner is not None:
            self._dereference(CONTAINER, printable(owner), schema.EXEC, session)

    def exec_sessions_of(self, container_id: str) -> list[str]:
        return self._nested_keys(CONTAINER, container_id, schema.EXEC)

    def clear_exec_sessions(self) -> None:
        self._clear(schema.EXEC)
        keys = self._with_sessions
        for key in list(self._objects(CONTAINER)) if keys is None else keys:
            self._clear_sessions_of(key)
        self._with_sessions = set()

    def _clear_sessions_of(self, key: bytes) -> None:
        try:
            bucket = self._nested(CONTAINER, key, schema.EXEC)
            if bucket is not None:
                for session in list(bucket.keys()):
                    bucket.delete(session)
        except DatabaseCorrupt:
            # A damaged container stays as it is; reading it says so.
            return

    def put_exit_code(self, container_id: str, code: int, time: float) -> None:
        self._put(schema.EXIT_CODES, container_id.encode(), str(code).encode())
        self._put(schema.EXIT_TIMES, container_id.encode(), schema.encode_time(time))

    def exit_codes(self) -> dict[str, tuple[int, float]]:
        codes = {}
        for key, value in self._items(schema.EXIT_CODES):
            code = schema.decode_code(value)
            if code is not None:
                codes[printable(key)] = (code, schema.decode_time(self._get(schema.EXIT_TIMES, key)))
        return codes

    def delete_exit_code(self, container_id: str) -> None:
        self._delete(schema.EXIT_CODES, container_id.encode())
        self._delete(schema.EXIT_TIMES, container_id.encode())

    def clear_exit_codes(self) -> None:
        self._clear(schema.EXIT_CODES)
        self._clear(schema.EXIT_TIMES)

    # ------------------------------------------------------------ the database itself

    def stored_config(self) -> DatabaseConfig:
        from libpod.state.identity import DatabaseConfig

        values = {field: self._get(schema.RUNTIME_CONFIG, key) for field, key in schema.CONFIG_KEYS.items()}
        return DatabaseConfig(
            **{key: None if value is None else printable(value) for key, value in values.items()}
        )

    def store_config(self, values: dict[str, str]) -> None:
        for field, value in values.items():
            self._put(schema.RUNTIME_CONFIG, schema.CONFIG_KEYS[field], value.encode())

    def problems(self) -> Iterator[Problem]:
        from libpod.state.protocol import Problem

        for damage in self._transaction.check():
            yield Problem("database", self._path, str(damage), damage.harmless)
        for name, key in self._items(schema.NAMES):
            if self._get(schema.IDS, key) != name:
                message = (
                    f"name {printable(name)} is registered for it, but it is not registered with that name"
                )
                yield Problem(records.UNREGISTERED, printable(key), message)
        for key, name in self._items(schema.IDS):
            if self._get(schema.NAMES, name) != key:
                message = f"is registered with name {printable(name)}, but that name is not registered for it"
                yield Problem(records.UNREGISTERED, printable(key), message)
        for key, value in self._items(schema.EXIT_CODES):
            if schema.decode_code(value) is None:
                yield Problem(
                    CONTAINER, printable(key), f"has the exit code {printable(value)!r}, not a number"
                )

    def dump(self) -> Iterator[dict[str, object]]:
        from libpod.state import boltdb_dump

        for name, bucket in self._transaction.buckets():
            yield from boltdb_dump.dump(bucket, [printable(name)])
