"""Reading and writing the buckets of the BoltDB schema of the first libpod and of Podman.

At the top level, with what they hold::

    id-registry           ID of a container or pod: its name
    name-registry         name: ID
    ns-registry           ID: libpod namespace (Podman up to 4.3, where one is set)
    ctr                   ID: a bucket for the container
    all-ctrs              ID: name
    pod                   ID: a bucket for the pod
    allPods               ID: name
    vol                   name: a bucket for the volume
    allVolumes            name: name
    volume-ctrs           ID of the storage container of an image volume: name of the volume
    exec                  ID of an exec session: ID of its container
    exit-code             ID of a container: exit code, in decimal
    exit-code-time-stamp  ID of a container: time (RFC 3339)
    runtime-config        the directories of the owner

A container's bucket: `config`, `state` (JSON), `netns` (path), `pod-id`, `namespace`, and the buckets
`dependencies` (ID: name of the containers that need this one), `networks` (name: options) and `exec`. A
pod's: `config`, `state`, and the bucket `containers` (ID: name). A volume's: `config`, `state`, and the
bucket `vol-dependencies` (ID: ID of the containers that use it).

Measured with databases of Podman 4.3.1; the first libpod has the first seven (without ns-registry) and
runtime-config.
"""

from __future__ import annotations

import datetime as dt

from libpod.errors import DatabaseCorrupt, DecodeError
from libpod.host import jsonutil
from libpod.state import records
from libpod.state.identity import DatabaseConfig
from libpod.state.protocol import Problem
from libpod.state.records import CONTAINER, POD, VOLUME, BrokenRecord, ContainerRecord
from libpod.state.tables import Tables, broken, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final, TypeVar

    from libpod.boltdb import Bucket, Transaction
    from libpod.state.records import PodRecord, Record, VolumeRecord

    R = TypeVar("R", ContainerRecord, PodRecord, VolumeRecord)

_IDS: Final = b"id-registry"
_NAMES: Final = b"name-registry"
_NAMESPACES: Final = b"ns-registry"
_CONTAINERS: Final = b"ctr"
_ALL_CONTAINERS: Final = b"all-ctrs"
_PODS: Final = b"pod"
_ALL_PODS: Final = b"allPods"
_VOLUMES: Final = b"vol"
_ALL_VOLUMES: Final = b"allVolumes"
_VOLUME_CONTAINERS: Final = b"volume-ctrs"
_EXEC: Final = b"exec"
_EXIT_CODES: Final = b"exit-code"
_EXIT_TIMES: Final = b"exit-code-time-stamp"
_RUNTIME_CONFIG: Final = b"runtime-config"

TOP_BUCKETS: Final = (
    _IDS, _NAMES, _CONTAINERS, _ALL_CONTAINERS, _PODS, _ALL_PODS, _VOLUMES, _ALL_VOLUMES, _VOLUME_CONTAINERS,
    _EXEC, _EXIT_CODES, _EXIT_TIMES, _RUNTIME_CONFIG,
)  # fmt: skip
"""The buckets that a new database gets."""

_CONFIG: Final = b"config"
_STATE: Final = b"state"
_NETNS: Final = b"netns"
_POD_ID: Final = b"pod-id"
_NAMESPACE: Final = b"namespace"
_DEPENDENCIES: Final = b"dependencies"
_NETWORKS: Final = b"networks"
_MEMBERS: Final = b"containers"
_USERS: Final = b"vol-dependencies"

_CONFIG_KEYS: Final = {
    "os": b"os",
    "static_dir": b"static-dir",
    "tmp_dir": b"tmp-dir",
    "run_root": b"run-root",
    "graph_root": b"graph-root",
    "graph_driver": b"graph-driver-name",
    "volume_path": b"volume-path",
}

_HOMES: Final = {
    CONTAINER: (_CONTAINERS, _ALL_CONTAINERS),
    POD: (_PODS, _ALL_PODS),
    VOLUME: (_VOLUMES, _ALL_VOLUMES),
}
"""Where the objects of each kind are, and where all of them are listed."""


class BoltTables(Tables):
    """A transaction on the database. A bucket that is not there counts as empty until it is written to."""

    def __init__(self, transaction: Transaction, path: str) -> None:
        self._transaction = transaction
        self._path = path
        self._with_sessions: set[bytes] | None = None
        """The containers that have a bucket for exec sessions, once all containers were read."""

    # ------------------------------------------------------------ buckets

    def _get(self, bucket: bytes, key: bytes) -> bytes | None:
        found = self._transaction.bucket(bucket)
        return None if found is None else found.get(key)

    def _items(self, bucket: bytes) -> Iterator[tuple[bytes, bytes]]:
        found = self._transaction.bucket(bucket)
        if found is not None:
            for key, value in found.items():
                if value is not None:
                    yield key, value

    def _put(self, bucket: bytes, key: bytes, value: bytes) -> None:
        self._transaction.create_bucket_if_missing(bucket).put(key, value)

    def _delete(self, bucket: bytes, key: bytes) -> bool:
        found = self._transaction.bucket(bucket)
        return found is not None and found.delete(key)

    def _clear(self, bucket: bytes) -> None:
        found = self._transaction.bucket(bucket)
        if found is not None and next(found.keys(), None) is not None:
            self._transaction.delete_bucket(bucket)
            self._transaction.create_bucket(bucket)

    def _object(self, kind: str, key: bytes) -> Bucket | None:
        """The bucket of a container, pod or volume."""
        home = self._transaction.bucket(_HOMES[kind][0])
        return None if home is None else home.bucket(key)

    def _objects(self, kind: str) -> Iterator[bytes]:
        """The keys of all containers, pods or volumes that have a bucket."""
        home = self._transaction.bucket(_HOMES[kind][0])
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
        found = self._get(_NAMES, name.encode())
        return None if found is None else printable(found)

    def ids_with_prefix(self, prefix: str) -> Iterator[str]:
        registry = self._transaction.bucket(_IDS)
        if registry is not None:
            start = prefix.encode()
            for key, _name in registry.seek(start):
                if not key.startswith(start):
                    break
                yield printable(key)

    def registered_name(self, identifier: str) -> str | None:
        found = self._get(_IDS, self._stored_id(identifier))
        return None if found is None else printable(found)

    def dangling_ids(self) -> list[str]:
        return [printable(key) for key in self._dangling()]

    def _dangling(self) -> list[bytes]:
        registered = {
            key for bucket in (_IDS, _ALL_CONTAINERS, _ALL_PODS) for key, _name in self._items(bucket)
        }
        there = set(self._objects(CONTAINER))
        there.update(self._objects(POD))
        return sorted(registered - there)

    def drop_dangling(self) -> list[str]:
        dangling = self._dangling()
        for key in dangling:
            self._unregister(key, _ALL_CONTAINERS)
            self._delete(_ALL_PODS, key)
        return [printable(key) for key in dangling]

    def _register(self, record: Record, listing: bytes) -> None:
        key, name = record.id.encode(), record.name.encode()
        self._put(_IDS, key, name)
        self._put(_NAMES, name, key)
        self._put(listing, key, name)

    def _unregister(self, key: bytes, listing: bytes) -> bool:
        """Forget an ID and its name wherever they are registered."""
        names = {self._get(_IDS, key), self._get(listing, key)}
        found = any(name is not None for name in names)
        for name in names:
            if name and self._get(_NAMES, name) == key:
                self._delete(_NAMES, name)
        for bucket in (_IDS, listing, _NAMESPACES):
            self._delete(bucket, key)
        return found

    def _stored_id(self, shown: str) -> bytes:
        """The key that is shown as *shown*: normally just its text."""
        key = shown.encode()
        if "\\" in shown:
            for bucket in (_CONTAINERS, _PODS, _VOLUMES, _IDS):
                found = self._transaction.bucket(bucket)
                for other in () if found is None else found.keys():
                    if printable(other) == shown:
                        return other
        return key

    def purge(self, kind: str, identifier: str) -> bool:
        key = self._stored_id(identifier)
        if kind == VOLUME:
            return self._purge_volume(key)
        if kind == POD:
            return self._drop_bucket(POD, key) | self._unregister(key, _ALL_PODS)
        if kind == CONTAINER:
            self._forget_dependent(key)
            return self._drop_bucket(CONTAINER, key) | self._unregister(key, _ALL_CONTAINERS)
        return self._delete(_ALL_PODS, key) | self._unregister(key, _ALL_CONTAINERS)

    def _drop_bucket(self, kind: str, key: bytes) -> bool:
        home = self._transaction.bucket(_HOMES[kind][0])
        if home is None or home.bucket(key) is None:
            return False
        home.delete_bucket(key)
        return True

    def _forget_dependent(self, key: bytes) -> None:
        """Take a container out of everything that refers to it, without reading its configuration."""
        for kind, name in ((CONTAINER, _DEPENDENCIES), (POD, _MEMBERS), (VOLUME, _USERS)):
            for other in list(self._objects(kind)):
                bucket = self._nested(kind, other, name) if other != key else None
                if bucket is not None:
                    bucket.delete(key)
        for session, owner in list(self._items(_EXEC)):
            if owner == key:
                self._delete(_EXEC, session)

    def stored_configs(self) -> Iterator[bytes]:
        for kind in (CONTAINER, POD, VOLUME):
            for key in self._objects(kind):
                config = self._config_of(kind, key)
                if config is not None:
                    yield config

    def _config_of(self, kind: str, key: bytes) -> bytes | None:
        try:
            bucket = self._object(kind, key)
            return None if bucket is None else bucket.get(_CONFIG)
        except DatabaseCorrupt:
            # The one object is damaged; reading it for itself says so.
            return None

    # ------------------------------------------------------------ reading objects

    def _read(
        self, kind: str, key: bytes, decode: Callable[[str, dict[bytes, bytes | None]], R]
    ) -> R | BrokenRecord:
        """One object that has a bucket. A broken or damaged one does not keep the others away."""
        try:
            bucket = self._object(kind, key)
            values = {} if bucket is None else dict(bucket.items())
            identifier = records.decode_text(key, f"{kind} ID")
            record = decode(identifier, values)
            self._require_registered(kind, key)
        except (DecodeError, DatabaseCorrupt) as error:
            name = self._get(_HOMES[kind][1], key) or self._get(_IDS, key)
            return broken(kind, printable(key), None if name is None else printable(name), error)
        return record

    def _require_registered(self, kind: str, key: bytes) -> None:
        """Podman sees only what is registered."""
        registries = (_HOMES[kind][1],) if kind == VOLUME else (_HOMES[kind][1], _IDS)
        for registry in registries:
            if self._get(registry, key) is None:
                identifier = printable(key)
                raise DecodeError(
                    f"{kind} {identifier}: is not registered in {printable(registry)}", source=identifier
                )

    # ------------------------------------------------------------ containers

    def containers(self, *, with_state: bool = True) -> Iterator[ContainerRecord | BrokenRecord]:
        def decode(identifier: str, values: dict[bytes, bytes | None]) -> ContainerRecord:
            if _EXEC in values:
                with_sessions.add(identifier.encode())
            return self._decode_container(identifier, values, with_state=with_state)

        with_sessions: set[bytes] = set()
        for key in self._objects(CONTAINER):
            found = self._read(CONTAINER, key, decode)
            if isinstance(found, BrokenRecord):
                with_sessions.add(key)
            yield found
        self._with_sessions = with_sessions

    def read_container(self, identifier: str) -> ContainerRecord | BrokenRecord | None:
        key = identifier.encode()
        return self._read(CONTAINER, key, self._decode_container) if self._object(CONTAINER, key) else None

    def _decode_container(
        self, identifier: str, values: dict[bytes, bytes | None], *, with_state: bool = True
    ) -> ContainerRecord:
        return records.decode_container(
            identifier,
            values.get(_CONFIG),
            values.get(_STATE),
            netns=_decode_netns(identifier, values.get(_NETNS)),
            networks=self._networks(identifier) if _NETWORKS in values else None,
            with_state=with_state,
        )

    def _networks(self, identifier: str) -> dict[str, bytes] | None:
        bucket = self._nested(CONTAINER, identifier.encode(), _NETWORKS)
        return (
            None
            if bucket is None
            else {printable(name): options or b"{}" for name, options in bucket.items()}
        )

    def reload_container(self, record: ContainerRecord) -> bool:
        bucket = self._object(CONTAINER, record.id.encode())
        if bucket is not None:
            record.set_stored_state(bucket.get(_STATE), _decode_netns(record.id, bucket.get(_NETNS)))
        return bucket is not None

    def insert_container(self, record: ContainerRecord) -> None:
        key, name = record.id.encode(), record.name.encode()
        record.netns_apart = True
        self._register(record, _ALL_CONTAINERS)
        bucket = self._transaction.create_bucket_if_missing(_CONTAINERS).create_bucket(key)
        bucket.put(_CONFIG, _config_without_networks(record))
        bucket.put(_STATE, record.state_bytes_apart())
        bucket.create_bucket(_DEPENDENCIES)
        _put_or_delete(bucket, _NETNS, record.netns)
        _put_or_delete(bucket, _POD_ID, record.pod)
        self._insert_namespace(bucket, key, record.namespace)
        networks = {network: jsonutil.dumps(options) for network, options in record.network_options.items()}
        if networks:
            joined = bucket.create_bucket(_NETWORKS)
            for network, options in networks.items():
                joined.put(network.encode(), options)
        self._insert_references(record, key, name)

    def _insert_namespace(self, bucket: Bucket, key: bytes, namespace: str) -> None:
        if namespace:
            bucket.put(_NAMESPACE, namespace.encode())
            self._put(_NAMESPACES, key, namespace.encode())

    def _insert_references(self, record: ContainerRecord, key: bytes, name: bytes) -> None:
        for other in record.dependencies:
            self._reference(CONTAINER, other, _DEPENDENCIES, key, name)
        if record.pod:
            self._reference(POD, record.pod, _MEMBERS, key, name)
        for volume in record.named_volumes:
            self._reference(VOLUME, volume, _USERS, key, key)

    def _reference(self, kind: str, target: str, nested: bytes, key: bytes, value: bytes) -> None:
        bucket = self._object(kind, target.encode())
        if bucket is not None:
            bucket.create_bucket_if_missing(nested).put(key, value)

    def put_container(self, record: ContainerRecord) -> bool:
        bucket = self._object(CONTAINER, record.id.encode())
        if bucket is None:
            return False
        changed = _put_config(bucket, record)
        if record.state_loaded:
            changed |= _put_changed(bucket, _STATE, record.state_bytes_apart())
            changed |= _put_or_delete(bucket, _NETNS, record.netns if record.netns_apart else None)
        if changed:
            bucket.flush()
        return True

    def delete_container(self, identifier: str) -> None:
        key = identifier.encode()
        found = self.read_container(identifier)
        if not isinstance(found, ContainerRecord):
            self.purge(CONTAINER, identifier)
            return
        for other in found.dependencies:
            self._dereference(CONTAINER, other, _DEPENDENCIES, key)
        for volume in found.named_volumes:
            self._dereference(VOLUME, volume, _USERS, key)
        self._dereference(POD, self.pod_of(identifier) or found.pod, _MEMBERS, key)
        for session in self.exec_sessions_of(identifier):
            self._delete(_EXEC, session.encode())
        self._drop_bucket(CONTAINER, key)
        self._unregister(key, _ALL_CONTAINERS)

    def _dereference(self, kind: str, target: str, nested: bytes, key: bytes) -> None:
        bucket = self._nested(kind, target.encode(), nested) if target else None
        if bucket is not None:
            bucket.delete(key)

    def pod_of(self, container_id: str) -> str | None:
        bucket = self._object(CONTAINER, container_id.encode())
        pod = None if bucket is None else bucket.get(_POD_ID)
        return None if pod is None else printable(pod)

    def dependents(self, container_id: str) -> list[str]:
        return self._nested_keys(CONTAINER, container_id, _DEPENDENCIES)

    # ------------------------------------------------------------ pods

    def pods(self) -> Iterator[PodRecord | BrokenRecord]:
        for key in self._objects(POD):
            yield self._read(POD, key, _decode_pod)

    def read_pod(self, identifier: str) -> PodRecord | BrokenRecord | None:
        key = identifier.encode()
        return self._read(POD, key, _decode_pod) if self._object(POD, key) else None

    def reload_pod(self, record: PodRecord) -> bool:
        bucket = self._object(POD, record.id.encode())
        if bucket is not None:
            record.set_stored_state(bucket.get(_STATE))
        return bucket is not None

    def insert_pod(self, record: PodRecord) -> None:
        key = record.id.encode()
        self._register(record, _ALL_PODS)
        bucket = self._transaction.create_bucket_if_missing(_PODS).create_bucket(key)
        bucket.put(_CONFIG, record.config_bytes())
        bucket.put(_STATE, record.state_bytes())
        bucket.create_bucket(_MEMBERS)
        self._insert_namespace(
            bucket, key, jsonutil.get_str(record.config, "namespace", "", source=record.describe())
        )

    def put_pod(self, record: PodRecord) -> bool:
        return self._put_object(POD, record, has_state=True)

    def delete_pod(self, identifier: str) -> None:
        self.purge(POD, identifier)

    def pod_members(self, pod_id: str) -> list[str]:
        return self._nested_keys(POD, pod_id, _MEMBERS)

    # ------------------------------------------------------------ volumes

    def volumes(self) -> Iterator[VolumeRecord | BrokenRecord]:
        for key in self._objects(VOLUME):
            yield self._read(VOLUME, key, _decode_volume)

    def has_volume(self, name: str) -> bool:
        return self._object(VOLUME, name.encode()) is not None

    def volume_names(self) -> Iterator[str]:
        yield from map(printable, self._objects(VOLUME))

    def read_volume(self, name: str) -> VolumeRecord | BrokenRecord | None:
        key = name.encode()
        return self._read(VOLUME, key, _decode_volume) if self._object(VOLUME, key) else None

    def reload_volume(self, record: VolumeRecord) -> bool:
        bucket = self._object(VOLUME, record.id.encode())
        if bucket is not None:
            record.set_stored_state(bucket.get(_STATE))
        return bucket is not None

    def insert_volume(self, record: VolumeRecord) -> None:
        key = record.id.encode()
        self._put(_ALL_VOLUMES, key, key)
        if record.storage_id:
            self._put(_VOLUME_CONTAINERS, record.storage_id.encode(), key)
        bucket = self._transaction.create_bucket_if_missing(_VOLUMES).create_bucket(key)
        bucket.put(_CONFIG, record.config_bytes())
        bucket.put(_STATE, record.state_bytes())
        bucket.create_bucket(_USERS)

    def put_volume(self, record: VolumeRecord) -> bool:
        return self._put_object(VOLUME, record, has_state=record.has_state)

    def delete_volume(self, name: str) -> None:
        self.purge(VOLUME, name)

    def _purge_volume(self, key: bytes) -> bool:
        for storage, name in list(self._items(_VOLUME_CONTAINERS)):
            if name == key:
                self._delete(_VOLUME_CONTAINERS, storage)
        return self._drop_bucket(VOLUME, key) | self._delete(_ALL_VOLUMES, key)

    def volume_users(self, name: str) -> list[str]:
        return self._nested_keys(VOLUME, name, _USERS)

    def _put_object(self, kind: str, record: Record, *, has_state: bool) -> bool:
        bucket = self._object(kind, record.id.encode())
        if bucket is None:
            return False
        changed = _put_config(bucket, record)
        if has_state:
            changed |= _put_changed(bucket, _STATE, record.state_bytes())
        if changed:
            bucket.flush()
        return True

    # ------------------------------------------------------------ exec sessions and exit codes

    def insert_exec_session(self, session_id: str, container_id: str) -> None:
        session, key = session_id.encode(), container_id.encode()
        self._put(_EXEC, session, key)
        self._reference(CONTAINER, container_id, _EXEC, session, key)
        self._with_sessions = None

    def exec_session(self, session_id: str) -> str | None:
        owner = self._get(_EXEC, session_id.encode())
        return None if owner is None else printable(owner)

    def delete_exec_session(self, session_id: str) -> None:
        session = session_id.encode()
        owner = self._get(_EXEC, session)
        self._delete(_EXEC, session)
        if owner is not None:
            self._dereference(CONTAINER, printable(owner), _EXEC, session)

    def exec_sessions_of(self, container_id: str) -> list[str]:
        return self._nested_keys(CONTAINER, container_id, _EXEC)

    def clear_exec_sessions(self) -> None:
        self._clear(_EXEC)
        keys = self._with_sessions
        for key in list(self._objects(CONTAINER)) if keys is None else keys:
            self._clear_sessions_of(key)
        self._with_sessions = set()

    def _clear_sessions_of(self, key: bytes) -> None:
        try:
            bucket = self._nested(CONTAINER, key, _EXEC)
            if bucket is not None:
                for session in list(bucket.keys()):
                    bucket.delete(session)
        except DatabaseCorrupt:
            # A damaged container stays as it is; reading it says so.
            return

    def put_exit_code(self, container_id: str, code: int, time: float) -> None:
        self._put(_EXIT_CODES, container_id.encode(), str(code).encode())
        self._put(_EXIT_TIMES, container_id.encode(), _encode_time(time))

    def exit_codes(self) -> dict[str, tuple[int, float]]:
        codes = {}
        for key, value in self._items(_EXIT_CODES):
            code = _decode_code(value)
            if code is not None:
                codes[printable(key)] = (code, _decode_time(self._get(_EXIT_TIMES, key)))
        return codes

    def delete_exit_code(self, container_id: str) -> None:
        self._delete(_EXIT_CODES, container_id.encode())
        self._delete(_EXIT_TIMES, container_id.encode())

    def clear_exit_codes(self) -> None:
        self._clear(_EXIT_CODES)
        self._clear(_EXIT_TIMES)

    # ------------------------------------------------------------ the database itself

    def stored_config(self) -> DatabaseConfig:
        values = {field: self._get(_RUNTIME_CONFIG, key) for field, key in _CONFIG_KEYS.items()}
        return DatabaseConfig(
            **{key: None if value is None else printable(value) for key, value in values.items()}
        )

    def store_config(self, values: dict[str, str]) -> None:
        for field, value in values.items():
            self._put(_RUNTIME_CONFIG, _CONFIG_KEYS[field], value.encode())

    def problems(self) -> Iterator[Problem]:
        for damage in self._transaction.check():
            yield Problem("database", self._path, str(damage))
        for name, key in self._items(_NAMES):
            if self._get(_IDS, key) != name:
                message = (
                    f"name {printable(name)} is registered for it, but it is not registered with that name"
                )
                yield Problem(records.UNREGISTERED, printable(key), message)
        for key, name in self._items(_IDS):
            if self._get(_NAMES, name) != key:
                message = f"is registered with name {printable(name)}, but that name is not registered for it"
                yield Problem(records.UNREGISTERED, printable(key), message)
        for key, value in self._items(_EXIT_CODES):
            if _decode_code(value) is None:
                yield Problem(
                    CONTAINER, printable(key), f"has the exit code {printable(value)!r}, not a number"
                )

    def dump(self) -> Iterator[dict[str, object]]:
        for name, bucket in self._transaction.buckets():
            yield from _dump(bucket, [printable(name)])


# ---------------------------------------------------------------- values


def _decode_pod(identifier: str, values: dict[bytes, bytes | None]) -> PodRecord:
    return records.decode_pod(identifier, values.get(_CONFIG), values.get(_STATE))


def _decode_volume(name: str, values: dict[bytes, bytes | None]) -> VolumeRecord:
    return records.decode_volume(name, values.get(_CONFIG), values.get(_STATE))


def _decode_netns(identifier: str, value: bytes | None) -> str | None:
    return None if value is None else records.decode_text(value, f"{CONTAINER} {identifier}: netns")


def _config_without_networks(record: ContainerRecord) -> bytes:
    """The configuration as Podman stores it in this database: the networks have a bucket of their own."""
    if "newNetworks" not in record.config:
        return record.config_bytes()
    return jsonutil.dumps({key: value for key, value in record.config.items() if key != "newNetworks"})


def _put_config(bucket: Bucket, record: Record) -> bool:
    return record.config_changed and _put_changed(bucket, _CONFIG, record.config_bytes())


def _put_changed(bucket: Bucket, key: bytes, value: bytes) -> bool:
    """Write a value if it is not what is stored; whether it was written."""
    if bucket.get(key) == value:
        return False
    bucket.put(key, value)
    return True


def _put_or_delete(bucket: Bucket, key: bytes, value: str | None) -> bool:
    return _put_changed(bucket, key, value.encode()) if value else bucket.delete(key)


def _encode_time(seconds: float) -> bytes:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z".encode()


def _decode_time(value: bytes | None) -> float:
    """Seconds since 1970; 0, long ago, for what is not a time."""
    try:
        return dt.datetime.fromisoformat(printable(value or b"")).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _decode_code(value: bytes) -> int | None:
    try:
        return int(value)
    except ValueError:
        return None


def _dump(bucket: Bucket, path: list[str]) -> Iterator[dict[str, object]]:
    empty = True
    for key, value in bucket.items():
        empty = False
        if value is not None:
            yield {"bucket": path, "key": printable(key), "value": printable(value)}
            continue
        nested = bucket.bucket(key)
        if nested is not None:
            yield from _dump(nested, [*path, printable(key)])
    if empty:
        yield {"bucket": path}
