"""Containers, pods and volumes as the database gives them, whatever database that is."""

from __future__ import annotations

import errno

from libpod.containers.fields import Fields
from libpod.errors import (
    ContainerExists,
    EmptyID,
    FileError,
    NoSuchContainer,
    NoSuchObject,
    NoSuchPod,
    NoSuchVolume,
    PodExists,
)
from libpod.host import files, jsonutil
from libpod.state.records import CONTAINER, POD, VOLUME, BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from libpod.state.protocol import State
    from libpod.state.records import ContainerRecord, PodRecord, VolumeRecord

    Object = Mapping[str, object]

_NOTHING: Object = {}
_MISSING = {CONTAINER: NoSuchContainer, POD: NoSuchPod, VOLUME: NoSuchVolume}

LARGEST_SPEC = 16 << 20
"""Bytes; a specification beyond this is not one."""


class Item:
    """The two objects of a record, *raw_config* and *raw_state*, or the *error* met in reading them.

    Beside them: *networks*, the options of each network by its name, as text (JSON) or decoded; *namespace*,
    the path of the network namespace; *members*, the IDs of a pod's containers.
    """

    __slots__ = ("error", "id", "kind", "members", "name", "namespace", "networks", "raw_config", "raw_state")

    def __init__(
        self,
        kind: str,
        identifier: str,
        name: str,
        config: Object = _NOTHING,
        state: Object = _NOTHING,
        *,
        networks: Object = _NOTHING,
        namespace: str = "",
        members: Sequence[str] = (),
        error: str | None = None,
    ) -> None:
        self.kind = kind
        self.id = identifier
        self.name = name
        self.raw_config = config
        self.raw_state = state
        self.networks = networks
        self.namespace = namespace
        self.members = members
        self.error = error

    @property
    def config(self) -> Fields:
        """The configuration, for reading by type."""
        return Fields(self.raw_config, f"configuration of {self.kind} {self.name}")

    @property
    def state(self) -> Fields:
        """The state, for reading by type."""
        return Fields(self.raw_state, f"state of {self.kind} {self.name}")

    @property
    def status(self) -> int:
        """The number of a container's state; 0, unknown, where it cannot be read."""
        found = self.raw_state.get("state")
        return found if isinstance(found, int) and self.error is None else 0

    @property
    def is_initial(self) -> bool:
        """Whether it is an init container, which says nothing of how its pod is."""
        return bool(self.raw_config.get("init_container_type"))

    def network_options(self) -> dict[str, Fields]:
        """The options of each network, by its name. DecodeError for text that is no JSON object."""
        source = f"networks of container {self.name}"
        decoded = {
            name: jsonutil.loads_object(value, f"{source}, {name}") if isinstance(value, bytes) else value
            for name, value in self.networks.items()
        }
        options = Fields(decoded, source)
        return {name: options.child(name) for name in sorted(decoded)}


class Store:
    """Everything in one database: *containers*, *pods* and *volumes*, broken ones among them."""

    def __init__(
        self, containers: Sequence[Item], pods: Sequence[Item] = (), volumes: Sequence[Item] = ()
    ) -> None:
        self.containers = containers
        self.pods = pods
        self.volumes = volumes


def read(state: State, *, with_linux: bool = True) -> Store:
    """Read every container, pod and volume of *state*. Raises only what concerns all of it.

    Without *with_linux* the largest part of the OCI specifications is left out, which lists do not need.
    """
    containers = [container_item(record) for record in state.all_containers(with_linux=with_linux)]
    return Store(
        containers,
        [pod_item(record, containers) for record in state.all_pods()],
        [volume_item(record) for record in state.all_volumes()],
    )


def read_containers(state: State) -> Store:
    """The same for a list of containers: no pods, no volumes."""
    return Store([container_item(record) for record in state.all_containers(with_linux=False)])


def read_states(state: State) -> Store:
    """The same without their OCI specifications, for what only asks how they are."""
    return Store([container_item(record) for record in state.all_containers(with_spec=False)])


def read_with_pods(state: State) -> Store:
    """The same with the pods."""
    found = read_containers(state)
    return Store(found.containers, [pod_item(record, found.containers) for record in state.all_pods()])


def container_item(record: ContainerRecord | BrokenRecord) -> Item:
    """The item for one container of the database."""
    if isinstance(record, BrokenRecord):
        return _broken(CONTAINER, record)
    networks: object = record.networks
    if networks is None:
        networks = record.config.get("newNetworks")
    return Item(
        CONTAINER,
        record.id,
        _name(record.config, record.id),
        record.config,
        record.state,
        networks=networks if isinstance(networks, dict) else _NOTHING,
        namespace=record.netns or "",
    )


def pod_item(record: PodRecord | BrokenRecord, containers: Iterable[Item]) -> Item:
    """The item for one pod of the database, whose containers are among *containers*."""
    if isinstance(record, BrokenRecord):
        return _broken(POD, record)
    members = sorted(item.id for item in containers if item.raw_config.get("pod") == record.id)
    return Item(POD, record.id, _name(record.config, record.id), record.config, record.state, members=members)


def volume_item(record: VolumeRecord | BrokenRecord) -> Item:
    """The item for one volume of the database."""
    if isinstance(record, BrokenRecord):
        return _broken(VOLUME, record)
    return Item(VOLUME, record.id, _name(record.config, record.id), record.config, record.state)


def _broken(kind: str, record: BrokenRecord) -> Item:
    return Item(kind, record.id, record.name or record.id, error=record.error)


def _name(config: Object, identifier: str) -> str:
    found = config.get("name")
    return found if isinstance(found, str) and found else identifier


def find(group: Sequence[Item], name: str) -> Item:
    """The item of *group* with this ID, name, or unique beginning of an ID.

    Raises EmptyID, the NoSuchObject and the ObjectExists error of the kind of the items.
    """
    if not name:
        raise EmptyID
    for item in group:
        if name in (item.id, item.name):
            return item
    found = [item for item in group if item.kind != VOLUME and item.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        missing = ContainerExists if found[0].kind == CONTAINER else PodExists
        raise missing(name, f"{name} is the beginning of {len(found)} IDs", hint="give more of the ID")
    raise (_MISSING[group[0].kind] if group else NoSuchObject)(name)


def written_spec(item: Item) -> dict[str, object] | None:
    """The OCI specification that was written when the container last started; None if there is none.

    Raises FileError and DecodeError for a file that is there and cannot be read.
    """
    path = item.raw_state.get("configPath")
    if not isinstance(path, str) or not path:
        return None
    try:
        data = files.read_bytes(path, limit=LARGEST_SPEC)
    except FileError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    return jsonutil.loads_object(data, path)
