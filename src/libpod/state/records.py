"""What a database says of one container, pod or volume.

A record keeps the mapping that it was read from. The properties read and set single keys of it, so that a
key of a later program version survives being saved here. Keys that Go programs leave out when they hold
the zero value are left out here too (`omitempty` of encoding/json).

The configuration of an object does not change after it was made, except key by key through `set_config`:
then the stored text is edited at that key alone, and everything else in it stays the same byte for byte.

The names and types of the keys are those of Podman 4.3 and 5 and of the first libpod (July 2018), read
from their sources and checked against databases that Podman 4.3.1 and 5.4 made.
"""

from __future__ import annotations

from libpod.errors import DecodeError
from libpod.host import jsonutil
from libpod.state import texts
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

CONTAINER: Final = "container"
POD: Final = "pod"
VOLUME: Final = "volume"
UNREGISTERED: Final = "id"
"""The kind of a name that is registered while nothing of the object itself is there."""

AUTO_REMOVE: Final = "io.podman.annotations.autoremove"
"""The annotation of a container made with `--rm`."""

ZERO_TIME: Final = "0001-01-01T00:00:00Z"
"""A time that was never set, as Go writes it."""

# ContainerStatus of libpod. The first libpod knows 0 to 5 and shows 4 as "exited".
UNKNOWN: Final = 0
CONFIGURED: Final = 1
CREATED: Final = 2
RUNNING: Final = 3
STOPPED: Final = 4
PAUSED: Final = 5
EXITED: Final = 6
REMOVING: Final = 7
STOPPING: Final = 8

STATUS_NAMES: Final = {
    UNKNOWN: "unknown",
    CONFIGURED: "created",
    CREATED: "initialized",
    RUNNING: "running",
    STOPPED: "stopped",
    PAUSED: "paused",
    EXITED: "exited",
    REMOVING: "removing",
    STOPPING: "stopping",
}
"""What Podman 4 and 5 print for each status."""


class Parts(NamedTuple):
    """What of a container is wanted beside its configuration without the OCI specification."""

    state: bool = True
    spec: bool = True
    linux: bool = True
    """`spec.linux`, which with the filters for system calls is four fifths of the whole."""
    text: bool = True
    """The stored text of the configuration, which is what can be edited."""


EVERYTHING: Final = Parts()


class BrokenRecord:
    """An object that the database holds but that cannot be read: which one, and why.

    *kind* is "container", "pod", "volume" or, for a registered name without anything behind it, "id".
    *name* is None where not even the name can be told.
    """

    __slots__ = ("error", "id", "kind", "name")

    def __init__(
        self,
        kind: str,
        id: str,  # noqa: A002
        name: str | None,
        error: str,
    ) -> None:
        self.kind = kind
        self.id = id
        self.name = name
        self.error = error

    def __repr__(self) -> str:
        return f"BrokenRecord({self.kind!r}, {self.id!r}, {self.name!r}, {self.error!r})"


class Record:
    """What containers, pods and volumes have in common.

    *valid* turns False when the object is found to be gone from the database. *raw_config* is the text that
    the configuration was read from, None for a new object.
    """

    __slots__ = ("config", "config_changed", "id", "raw_config", "state", "valid")
    kind = "object"

    def __init__(
        self,
        id: str,  # noqa: A002
        config: dict[str, object],
        state: dict[str, object] | None = None,
        *,
        raw_config: bytes | None = None,
    ) -> None:
        self.id = id
        self.config = config
        self.state: dict[str, object] = {} if state is None else state
        self.raw_config = raw_config
        self.config_changed = False
        self.valid = True

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, name={self.config.get('name')!r})"

    @property
    def name(self) -> str:
        """The name that users give it."""
        return jsonutil.get_str(self.config, "name", "", source=self.describe())

    @property
    def lock_id(self) -> int | None:
        """The number of its lock, or None in a store of the first libpod, which has no such numbers."""
        return jsonutil.get_int(self.config, "lockID", None, source=self.describe())

    def set_lock_id(self, number: int) -> None:
        """Give it another lock."""
        self.set_config("lockID", number)

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return jsonutil.get_str_map(self.config, "labels", {}, source=self.describe())

    def describe(self) -> str:
        """Its kind, name and ID, for messages."""
        name = self.config.get("name")
        return f"{self.kind} {self.id}" if name in (None, self.id) else f"{self.kind} {name} ({self.id})"

    def set_config(self, key: str, value: object) -> None:
        """Set one key of the configuration; the rest of the stored text stays as it is."""
        self.config[key] = value
        if self.raw_config is not None:
            self.raw_config = texts.replace_member(self.raw_config, key, value)
        self.config_changed = True

    def config_bytes(self) -> bytes:
        """The configuration as it is stored."""
        return jsonutil.dumps(self.config) if self.raw_config is None else self.raw_config

    def state_bytes(self) -> bytes:
        """The state as it is stored."""
        return jsonutil.dumps(self.state)

    def _set_or_drop(self, key: str, value: object) -> None:
        """Set a key of the state that is left out when it holds the zero value."""
        if value:
            self.state[key] = value
        else:
            self.state.pop(key, None)


class ContainerRecord(Record):
    """One container.

    *networks* maps the name of each network that it joins to its options there, where the database keeps them
    apart from the configuration. A record read without its state has *state_loaded* False and cannot be
    saved; one whose configuration was read without all of its specification has *spec_loaded* False.
    *netns_apart* tells that the stored state does not hold the path of the network namespace itself, because
    the database keeps it in a place of its own, as Podman 4.3 does.
    """

    __slots__ = ("netns_apart", "networks", "spec_loaded", "state_loaded")
    kind = CONTAINER

    def __init__(
        self,
        id: str,  # noqa: A002
        config: dict[str, object],
        state: dict[str, object] | None = None,
        netns: str | None = None,
        *,
        networks: dict[str, object] | None = None,
        raw_config: bytes | None = None,
    ) -> None:
        super().__init__(id, config, state, raw_config=raw_config)
        self.networks = networks
        self.spec_loaded = True
        self.state_loaded = True
        self.netns_apart = False
        if netns:
            self.netns = netns

    @property
    def pod(self) -> str:
        """The ID of its pod, or ""."""
        return jsonutil.get_str(self.config, "pod", "", source=self.describe())

    @property
    def namespace(self) -> str:
        """The libpod namespace of Podman up to 4.3, almost always ""."""
        return jsonutil.get_str(self.config, "namespace", "", source=self.describe())

    @property
    def auto_remove(self) -> bool:
        """Whether it was made with `--rm`: it is removed when it has ended."""
        source = self.describe()
        spec = jsonutil.get_object(self.config, "spec", {}, source=source)
        return jsonutil.get_object(spec, "annotations", {}, source=source).get(AUTO_REMOVE) == "TRUE"

    @property
    def init_type(self) -> str:
        """Which kind of init container of its pod it is, `always` or `once`; "" for an ordinary container."""
        return jsonutil.get_str(self.config, "init_container_type", "", source=self.describe())

    @property
    def has_no_cgroup(self) -> bool:
        """Whether it was made to have no control group of its own."""
        return self.config.get("noCgroups") is True or self.config.get("cgroupsMode") == "disabled"

    @property
    def dependencies(self) -> list[str]:
        """The IDs of the containers that it needs: those whose namespaces it joins, and those it requires."""
        source = self.describe()
        found = {jsonutil.get_str(self.config, key, "", source=source) for key in texts.NAMESPACE_KEYS}
        found.update(jsonutil.get_str_list(self.config, "Dependencies", [], source=source))
        return sorted(found - {""})

    @property
    def named_volumes(self) -> list[str]:
        """The names of the volumes that it uses."""
        source = self.describe()
        found = set()
        for entry in jsonutil.get_list(self.config, "namedVolumes", [], source=source):
            if not isinstance(entry, dict):
                raise DecodeError(
                    f"{source}: namedVolumes: expected objects", source=source, key="namedVolumes"
                )
            found.add(jsonutil.get_str(entry, "volumeName", source=source))
        return sorted(found)

    @property
    def has_overlays(self) -> bool:
        """Whether it sees something through an overlay file system of its own, or an image as a volume."""
        named = self.config.get("namedVolumes")
        uses = (
            [use.get("options") for use in named if isinstance(use, dict)] if isinstance(named, list) else []
        )
        return bool(self.config.get("overlayVolumes") or self.config.get("ctrImageVolumes")) or any(
            isinstance(options, list) and "O" in options for options in uses
        )

    @property
    def network_options(self) -> dict[str, dict[str, object]]:
        """The options of each network that it joins, by the name of the network."""
        source = self.describe()
        joined = self.networks
        if joined is None:
            joined = jsonutil.get_object(self.config, "newNetworks", {}, source=source)
        return {name: jsonutil.get_object(joined, name, {}, source=source) for name in joined}

    @property
    def status(self) -> int:
        """Its status: CONFIGURED, RUNNING and so on."""
        return jsonutil.get_int(self.state, "state", UNKNOWN, source=self.describe())

    @status.setter
    def status(self, status: int) -> None:
        self.state["state"] = status

    @property
    def pid(self) -> int:
        """The process ID of its first process, or 0."""
        return jsonutil.get_int(self.state, "pid", 0, source=self.describe())

    @pid.setter
    def pid(self, pid: int) -> None:
        self._set_or_drop("pid", pid)

    @property
    def conmon_pid(self) -> int:
        """The process ID of its conmon, or 0. The first libpod does not know it."""
        return jsonutil.get_int(self.state, "conmonPid", 0, source=self.describe())

    @conmon_pid.setter
    def conmon_pid(self, pid: int) -> None:
        self._set_or_drop("conmonPid", pid)

    @property
    def exit_code(self) -> int:
        """The exit code of its last run."""
        return jsonutil.get_int(self.state, "exitCode", 0, source=self.describe())

    @exit_code.setter
    def exit_code(self, code: int) -> None:
        self._set_or_drop("exitCode", code)

    @property
    def run_directory(self) -> str:
        """Its directory for files that live as long as this boot, or ""."""
        return jsonutil.get_str(self.state, "runDir", "", source=self.describe())

    @run_directory.setter
    def run_directory(self, path: str) -> None:
        self._set_or_drop("runDir", path)

    @property
    def netns(self) -> str | None:
        """The path of its network namespace, None where none is set up.

        It counts as part of the state, wherever the database keeps it.
        """
        return jsonutil.get_str(self.state, "netns", "", source=self.describe()) or None

    @netns.setter
    def netns(self, path: str | None) -> None:
        self._set_or_drop("netns", path)

    def set_stored_state(self, raw: bytes | None, netns: str | None = None) -> None:
        """Take the state from its stored text, and the namespace from where it is kept apart. DecodeError."""
        self.state = texts.decode_part(CONTAINER, self.id, "state", raw, texts.CONTAINER_STATE_TYPES)
        self.state_loaded = True
        # Podman 5 believes the state first, and looks at the other place only if it says nothing.
        self.netns_apart = not self.netns
        if self.netns_apart:
            self.netns = netns

    def state_bytes_apart(self) -> bytes:
        """The state as it is stored where the network namespace is kept apart."""
        if not self.netns_apart or "netns" not in self.state:
            return self.state_bytes()
        return jsonutil.dumps({key: value for key, value in self.state.items() if key != "netns"})

    @property
    def mounted(self) -> bool:
        """Whether its root file system is mounted, as far as the database knows."""
        return bool(jsonutil.get_bool(self.state, "mounted", None, source=self.describe()))

    @property
    def mount_point(self) -> str:
        """Where its root file system is mounted, or ""."""
        return jsonutil.get_str(self.state, "mountPoint", "", source=self.describe())

    def set_mount_point(self, path: str) -> None:
        """Note where its root file system is mounted; "" for nowhere."""
        self._set_or_drop("mounted", bool(path))
        self._set_or_drop("mountPoint", path)

    @property
    def static_directory(self) -> str:
        """Its directory for files that outlive a boot, the OCI bundle."""
        return jsonutil.get_str(self.config, "staticDir", "", source=self.describe())

    @property
    def created(self) -> str:
        """When it was made (RFC 3339)."""
        return jsonutil.get_str(self.config, "createdTime", ZERO_TIME, source=self.describe())


class PodRecord(Record):
    """One pod."""

    __slots__ = ()
    kind = POD

    @property
    def cgroup_parent(self) -> str:
        """The cgroup below which its own is made."""
        return jsonutil.get_str(self.config, "cgroupParent", "", source=self.describe())

    @property
    def uses_cgroup(self) -> bool:
        """Whether it has a cgroup: `UsePodCgroup` of the first libpod, `sharesCgroup` of Podman."""
        source = self.describe()
        return any(
            jsonutil.get_bool(self.config, key, None, source=source)
            for key in ("UsePodCgroup", "sharesCgroup")
        )

    @property
    def cgroup_path(self) -> str:
        """Its cgroup, or "" where it has none or it is not made yet in this boot."""
        return jsonutil.get_str(self.state, self._cgroup_key(), "", source=self.describe())

    @cgroup_path.setter
    def cgroup_path(self, path: str) -> None:
        self.state[self._cgroup_key()] = path

    def _cgroup_key(self) -> str:
        # The first libpod writes a capital. Go's decoder takes both, so what is there stays.
        return "CgroupPath" if "CgroupPath" in self.state else "cgroupPath"

    def set_stored_state(self, raw: bytes | None) -> None:
        """Take the state from its stored text. Raises DecodeError."""
        self.state = texts.decode_part(POD, self.id, "state", raw, texts.POD_STATE_TYPES)

    @property
    def infra_id(self) -> str:
        """The ID of its infra container, or ""."""
        return jsonutil.get_str(self.state, "InfraContainerID", "", source=self.describe())

    @infra_id.setter
    def infra_id(self, identifier: str) -> None:
        self.state["InfraContainerID"] = identifier

    @property
    def limits(self) -> dict[str, object]:
        """The limits of memory, processors and block devices for all that is in it, as in an OCI
        specification.
        """
        found = jsonutil.get_object(self.config, "ResourceLimits", {}, source=self.describe())
        return {key: found[key] for key in ("memory", "cpu", "blockIO") if found.get(key)}

    @property
    def has_infra(self) -> bool:
        """Whether it is to have an infra container."""
        return bool(jsonutil.get_bool(self.config, "hasInfra", None, source=self.describe()))

    def shares(self, key: str) -> bool:
        """Whether its containers share what *key* of the configuration says: sharesNet and so on."""
        return bool(jsonutil.get_bool(self.config, key, None, source=self.describe()))

    @property
    def created(self) -> str:
        """When it was made (RFC 3339)."""
        return jsonutil.get_str(self.config, "created", ZERO_TIME, source=self.describe())


class VolumeRecord(Record):
    """One volume. Its ID is its name. *has_state* is False where the database holds no state for it."""

    __slots__ = ("has_state",)
    kind = VOLUME

    def __init__(
        self,
        id: str,  # noqa: A002
        config: dict[str, object],
        state: dict[str, object] | None = None,
        *,
        raw_config: bytes | None = None,
    ) -> None:
        super().__init__(id, config, state, raw_config=raw_config)
        self.has_state = state is not None

    def set_stored_state(self, raw: bytes | None) -> None:
        """Take the state from its stored text; None where none is stored. Raises DecodeError."""
        self.has_state = raw is not None
        self.state = (
            {} if raw is None else texts.decode_part(VOLUME, self.id, "state", raw, texts.VOLUME_STATE_TYPES)
        )

    @property
    def mount_count(self) -> int:
        """How many containers have it mounted, as far as the database knows."""
        return jsonutil.get_int(self.state, "mountCount", 0, source=self.describe())

    @property
    def mount_point(self) -> str:
        """The directory of its contents."""
        return jsonutil.get_str(self.config, "mountPoint", "", source=self.describe())

    @property
    def anonymous(self) -> bool:
        """Whether it was made for one container, without a name, and is to go with it."""
        return bool(jsonutil.get_bool(self.config, "isAnon", None, source=self.describe()))

    @property
    def driver(self) -> str:
        """Who keeps its contents: "" and "local" are the engine itself."""
        return jsonutil.get_str(self.config, "volumeDriver", "", source=self.describe())

    @property
    def storage_id(self) -> str:
        """The ID of the storage container behind a volume made from an image, or ""."""
        return jsonutil.get_str(self.config, "storageID", "", source=self.describe())


# ---------------------------------------------------------------- from stored text to records


def decode_container(
    identifier: str,
    config: bytes | None,
    state: bytes | None,
    *,
    netns: str | None = None,
    networks: dict[str, bytes] | None = None,
    parts: Parts = EVERYTHING,
) -> ContainerRecord:
    """The container that the stored texts describe; None is a text that is not there.

    Raises DecodeError, with the reason, where they are not what such texts must be.
    """
    decoded = _decode_container_config(identifier, config, parts)
    record = ContainerRecord(identifier, decoded, raw_config=config if parts.text else None)
    if decoded.get("Dependencies") or decoded.get("namedVolumes"):
        # Read now what is read in every case, so that a wrong value shows here and not somewhere later.
        record.dependencies, record.named_volumes  # noqa: B018
    if networks is not None:
        source = f"{CONTAINER} {identifier}: network"
        record.networks = {name: jsonutil.loads(raw, f"{source} {name}") for name, raw in networks.items()}
    if not parts.spec:
        decoded.pop("spec", None)
    elif not parts.linux and isinstance(spec := decoded.get("spec"), dict):
        spec.pop("linux", None)
    record.spec_loaded, record.state_loaded = parts.spec and parts.linux, False
    if parts.state:
        record.set_stored_state(state, netns)
    return record


def _decode_container_config(identifier: str, raw: bytes | None, parts: Parts) -> dict[str, object]:
    types = texts.CONTAINER_CONFIG_TYPES
    if raw is not None and not (parts.spec and parts.linux):
        short = texts.without_filters(raw) if parts.spec else texts.without_spec(raw, identifier)
        try:
            return _decode_config(CONTAINER, identifier, "id", short, types)
        except DecodeError:
            # The place of the error is to be that in the whole text.
            pass
    return _decode_config(CONTAINER, identifier, "id", raw, types)


def decode_pod(identifier: str, config: bytes | None, state: bytes | None) -> PodRecord:
    """The pod that the stored texts describe. Raises DecodeError."""
    record = PodRecord(
        identifier, _decode_config(POD, identifier, "id", config, texts.POD_CONFIG_TYPES), raw_config=config
    )
    record.set_stored_state(state)
    return record


def decode_volume(name: str, config: bytes | None, state: bytes | None) -> VolumeRecord:
    """The volume that the stored texts describe; a volume may have no state. Raises DecodeError."""
    record = VolumeRecord(
        name, _decode_config(VOLUME, name, "name", config, texts.VOLUME_CONFIG_TYPES), raw_config=config
    )
    record.set_stored_state(state)
    return record


def _decode_config(
    kind: str, identifier: str, key: str, raw: bytes | None, types: texts.Types
) -> dict[str, object]:
    config = texts.decode_part(kind, identifier, "config", raw, types)
    source = f"{kind} {identifier}: config"
    if jsonutil.get_str(config, key, source=source) != identifier:
        raise DecodeError(
            f"{source}: {key} is {config[key]!r}, stored under {identifier!r}", source=source, key=key
        )
    if not jsonutil.get_str(config, "name", source=source):
        raise DecodeError(f"{source}: name is empty", source=source, key="name")
    return config
