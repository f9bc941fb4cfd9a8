"""What every state store can do, whatever it is kept in.

The operations are those of the first libpod's `State` interface, with Podman 4.3's volumes, exec sessions
and exit codes. Each of them is one transaction of its own; `transaction` makes one of many.

Errors, beside those named at each operation: ContainerRemoved or PodRemoved for a record that is no longer
valid, DatabaseClosed after `close`, DatabaseLocked when another process holds the database for too long,
DatabaseCorrupt when the file is damaged, and DecodeError when the one object that is asked for is broken.
"""

from __future__ import annotations

from libpod.state.records import EVERYTHING
from libpod.values import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from libpod.state.identity import DatabaseConfig
    from libpod.state.records import BrokenRecord, ContainerRecord, Parts, PodRecord, VolumeRecord


class Problem(NamedTuple):
    """Something that is not as it should be: with which object, and what.

    What is *harmless* costs space and nothing else.
    """

    kind: str
    identifier: str
    message: str
    harmless: bool = False


class RefreshCounts(NamedTuple):
    """What a refresh found: how many objects were reset, which are broken, which names led nowhere."""

    containers: int
    pods: int
    volumes: int
    broken: list[BrokenRecord]
    dangling: list[str]


class StateTransaction(Protocol):
    """One transaction over everything. What the iterators give may be put back while they run."""

    def ids_with_prefix(self, prefix: str) -> Iterator[str]:
        """The registered IDs of containers and pods that start so."""

    def stored_configs(self) -> Iterator[bytes]:
        """The stored configurations of all containers, pods and volumes, unread."""

    def containers(self, parts: Parts = EVERYTHING) -> Iterator[ContainerRecord | BrokenRecord]:
        """Every container, in no particular order. A broken one does not keep the others away."""

    def pods(self) -> Iterator[PodRecord | BrokenRecord]:
        """Every pod."""

    def volumes(self) -> Iterator[VolumeRecord | BrokenRecord]:
        """Every volume."""

    def put_container(self, record: ContainerRecord) -> bool:
        """Write state, network namespace, and the configuration if it changed. False: it is not there."""

    def rename_container(self, record: ContainerRecord, old: str) -> None:
        """Register a container that is there under the name that its configuration has now, not *old*."""

    def dependents(self, container_id: str) -> list[str]:
        """The IDs of the containers that need this one."""

    def delete_container(self, identifier: str) -> None:
        """Remove a container that is there and that no other needs."""

    def read_volume(self, name: str) -> VolumeRecord | BrokenRecord | None:
        """One volume."""

    def volume_users(self, name: str) -> list[str]:
        """The IDs of the containers that use the volume."""

    def delete_volume(self, name: str) -> None:
        """Remove a volume that no container uses."""

    def put_pod(self, record: PodRecord) -> bool:
        """Write the state, and the configuration if it changed. False: it is not there."""

    def put_volume(self, record: VolumeRecord) -> bool:
        """Write the state, where it has one, and the configuration if it changed. False: it is not there."""

    def clear_exec_sessions(self) -> None:
        """Forget all exec sessions."""

    def clear_exit_codes(self) -> None:
        """Forget all exit codes."""

    def dangling_ids(self) -> list[str]:
        """The IDs that are registered while no container or pod has them."""

    def drop_dangling(self) -> list[str]:
        """Unregister them; the IDs that were dropped."""


class State(Protocol):
    """The store of all containers, pods and volumes."""

    kind: str
    """ "boltdb", "sqlite" or "memory"."""
    path: str
    """The database file, or "" for a store in memory."""
    read_only: bool
    warnings: list[str]
    """What is wrong with the file although it can be used, such as a damaged page that has a spare one."""

    def close(self) -> None:
        """Let the database go. Every later operation raises DatabaseClosed."""

    def refresh(self) -> RefreshCounts:
        """Make the state of every object what it is after a reboot, in one transaction."""

    def transaction(self) -> AbstractContextManager[StateTransaction]:
        """One write transaction: committed at the end, rolled back by an exception.

        Other operations on this store, made while it is open, join it.
        """

    def view(self) -> AbstractContextManager[StateTransaction]:
        """The same for reading only: nothing may be put. One state of the database is seen until its end."""

    def backup(self, target: str) -> str:
        """Copy the database, in one consistent state, to the file *target*; "reflink" or "copy"."""

    def check(self) -> list[Problem]:
        """Everything in the database that is not as it should be."""

    def dump(self) -> Iterator[dict[str, object]]:
        """Every bucket and key, or every row of every table, as values for JSON."""

    def stored_config(self) -> DatabaseConfig:
        """The directories that the database was made for; None for what it does not say."""

    def validate_config(self, ours: DatabaseConfig) -> None:
        """Compare them with ours, and store what the database does not say yet. Raises DatabaseMismatch."""

    # Containers

    def container(self, identifier: str) -> ContainerRecord:
        """The container with this full ID. Raises EmptyID, NoSuchContainer."""

    def lookup_container(self, name: str) -> ContainerRecord:
        """The container with this ID, name, or unique start of an ID.

        Raises EmptyID, NoSuchContainer, and ContainerExists where several IDs, of containers or pods,
        start so.
        """

    def lookup_container_id(self, name: str) -> str:
        """The same, but only the ID: for a container that may be broken."""

    def has_container(self, identifier: str) -> bool:
        """Whether a container has this full ID. Raises EmptyID."""

    def names(self, kind: str) -> dict[str, str]:
        """The name of every container or pod (*kind*) by its ID, without reading the objects themselves."""

    def add_container(self, record: ContainerRecord) -> None:
        """Add a container that is in no pod.

        Raises ContainerExists or PodExists for an ID or name in use, NoSuchContainer for a dependency and
        NoSuchVolume for a volume that is not there, InvalidArgument for a dependency that is in a pod.
        """

    def remove_container(self, record: ContainerRecord) -> None:
        """Remove a container that is in no pod.

        Raises NoSuchContainer, DependencyExists while others need it, InvalidState while it has exec
        sessions.
        """

    def require_unused(self, kind: str, identifier: str) -> None:
        """Raise DependencyExists where containers need this object, readable or not."""

    def remove_broken(self, kind: str, identifier: str, *, force: bool = False) -> int | None:
        """Remove every trace of an object without reading it, whatever state it is in.

        Returns the number of the lock that it had for itself, where that can still be read.

        *kind* and *identifier* are the kind and the ID of its BrokenRecord. Raises NoSuchObject, and
        DependencyExists while containers are in a pod, or other objects need it and *force* is not set.
        """

    def update_container(self, record: ContainerRecord) -> None:
        """Read the state again into *record*. Raises NoSuchContainer, and the record is no longer valid."""

    def save_container(self, record: ContainerRecord) -> None:
        """Write the state of *record*. Raises NoSuchContainer, and the record is no longer valid."""

    def rewrite_container_config(self, record: ContainerRecord) -> None:
        """Write the configuration of *record*, which otherwise never changes. Raises NoSuchContainer."""

    def rename_container(self, record: ContainerRecord, name: str) -> None:
        """Give a container another name, in its configuration and wherever names are registered.

        Raises NoSuchContainer, and ContainerExists or PodExists where the name is in use.
        """

    def container_in_use(self, record: ContainerRecord) -> list[str]:
        """The IDs of the containers that need this one. Raises NoSuchContainer."""

    def all_containers(
        self, *, with_state: bool = True, with_spec: bool = True, with_linux: bool = True
    ) -> list[ContainerRecord | BrokenRecord]:
        """Every container, in one pass, and what is registered without being there (kind "id").

        Those read without their state cannot be saved. Without the `spec.linux` of their configurations,
        which only a start needs, they take a fifth of the memory and half of the time; without any
        specification a third of that time, and what is damaged in one is not noticed.
        """

    # Pods

    def pod(self, identifier: str) -> PodRecord:
        """The pod with this full ID. Raises EmptyID, NoSuchPod."""

    def lookup_pod(self, name: str) -> PodRecord:
        """The pod with this ID, name, or unique start of an ID. Raises EmptyID, NoSuchPod, PodExists."""

    def lookup_pod_id(self, name: str) -> str:
        """The same, but only the ID: for a pod that may be broken."""

    def has_pod(self, identifier: str) -> bool:
        """Whether a pod has this full ID. Raises EmptyID."""

    def add_pod(self, record: PodRecord) -> None:
        """Add a pod. Raises ContainerExists or PodExists for an ID or name in use."""

    def remove_pod(self, record: PodRecord) -> None:
        """Remove an empty pod. Raises NoSuchPod, and DependencyExists while containers are in it."""

    def update_pod(self, record: PodRecord) -> None:
        """Read the state again into *record*. Raises NoSuchPod, and the record is no longer valid."""

    def save_pod(self, record: PodRecord) -> None:
        """Write the state of *record*. Raises NoSuchPod, and the record is no longer valid."""

    def all_pods(self) -> list[PodRecord | BrokenRecord]:
        """Every pod."""

    def pod_has_container(self, record: PodRecord, identifier: str) -> bool:
        """Whether the container with this full ID is in the pod. Raises EmptyID, NoSuchPod."""

    def pod_containers_by_id(self, record: PodRecord) -> list[str]:
        """The IDs of the containers in the pod. Raises NoSuchPod."""

    def pod_containers(self, record: PodRecord) -> list[ContainerRecord | BrokenRecord]:
        """The containers in the pod. Raises NoSuchPod."""

    def add_container_to_pod(self, pod: PodRecord, record: ContainerRecord) -> None:
        """Add a container whose configuration names this pod.

        Raises NoSuchPod, the errors of `add_container`, and InvalidArgument where the configuration names
        another pod or a dependency is not in the pod.
        """

    def remove_container_from_pod(self, pod: PodRecord, record: ContainerRecord) -> None:
        """Remove a container of the pod.

        Raises NoSuchPod, NoSuchContainer, InvalidArgument where it is not in this pod, and DependencyExists.
        """

    def remove_pod_containers(self, pod: PodRecord) -> None:
        """Remove all containers of the pod. Raises NoSuchPod, DependencyExists."""

    # Volumes

    def volume(self, name: str) -> VolumeRecord:
        """The volume with this full name. Raises EmptyID, NoSuchVolume."""

    def lookup_volume(self, name: str) -> VolumeRecord:
        """The volume with this name or unique start of a name. Raises EmptyID, NoSuchVolume, VolumeExists."""

    def has_volume(self, name: str) -> bool:
        """Whether a volume has this full name. Raises EmptyID."""

    def add_volume(self, record: VolumeRecord) -> None:
        """Add a volume. Raises VolumeExists."""

    def remove_volume(self, record: VolumeRecord) -> None:
        """Remove a volume. Raises NoSuchVolume, and DependencyExists while containers use it."""

    def update_volume(self, record: VolumeRecord) -> None:
        """Read the state again into *record*. Raises NoSuchVolume, and the record is no longer valid."""

    def save_volume(self, record: VolumeRecord) -> None:
        """Write the state of *record*. Raises NoSuchVolume, and the record is no longer valid."""

    def volume_in_use(self, record: VolumeRecord) -> list[str]:
        """The IDs of the containers that use the volume. Raises NoSuchVolume."""

    def all_volumes(self) -> list[VolumeRecord | BrokenRecord]:
        """Every volume."""

    # Exec sessions and exit codes

    def add_exec_session(self, record: ContainerRecord, session_id: str) -> None:
        """Note that the session belongs to the container. Raises EmptyID, NoSuchContainer, InvalidState."""

    def exec_session(self, session_id: str) -> str:
        """The ID of the session's container. Raises EmptyID, NoSuchExecSession."""

    def remove_exec_session(self, session_id: str) -> None:
        """Forget a session. Raises EmptyID, NoSuchExecSession."""

    def container_exec_sessions(self, record: ContainerRecord) -> list[str]:
        """The IDs of the container's sessions. Raises NoSuchContainer."""

    def remove_container_exec_sessions(self, record: ContainerRecord) -> None:
        """Forget all sessions of the container. Raises NoSuchContainer."""

    def add_exit_code(self, container_id: str, code: int) -> None:
        """Note the exit code of a container, which may be gone already. Raises EmptyID, InvalidArgument."""

    def save_exit(self, record: ContainerRecord) -> None:
        """`save_container` and `add_exit_code` of its exit code in one transaction."""

    def exit_code(self, container_id: str) -> int | None:
        """The noted exit code, or None. Raises EmptyID."""

    def exit_codes(self) -> dict[str, int]:
        """All noted exit codes, by the ID of the container."""

    def prune_exit_codes(self) -> None:
        """Forget exit codes that are older than five minutes and whose container is gone."""
