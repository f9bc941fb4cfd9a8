"""What a back end has to provide: single reads and writes inside a transaction, without any rules.

`base.BaseState` keeps the rules (what may be added, removed, looked up) once for all back ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from libpod.state.records import EVERYTHING, BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.state.identity import DatabaseConfig
    from libpod.state.protocol import Problem
    from libpod.state.records import ContainerRecord, Parts, PodRecord, VolumeRecord


class Tables(ABC):
    """An open transaction. `put_...`, `insert_...`, `delete_...` and the like need one for writing."""

    # ------------------------------------------------------------ registry of IDs and names

    @abstractmethod
    def kind_of(self, identifier: str) -> str | None:
        """Whether a container or a pod has this full ID; None if none has."""

    @abstractmethod
    def id_of_name(self, name: str) -> str | None:
        """The ID that is registered for the name of a container or pod."""

    @abstractmethod
    def ids_with_prefix(self, prefix: str) -> Iterator[str]:
        """The registered IDs that start so."""

    @abstractmethod
    def registered_name(self, identifier: str) -> str | None:
        """The name that is registered for an ID, where that can be told."""

    @abstractmethod
    def dangling_ids(self) -> list[str]:
        """The registered IDs that no container or pod has."""

    @abstractmethod
    def drop_dangling(self) -> list[str]:
        """Unregister them; the IDs that were dropped."""

    @abstractmethod
    def purge(self, kind: str, identifier: str) -> bool:
        """Remove every trace of an object without reading it. False: there was none."""

    @abstractmethod
    def stored_configs(self) -> Iterator[bytes]:
        """The stored configurations of all containers, pods and volumes, unread."""

    def style(self) -> str:
        """Whose store it is: `reset.PODMAN` or `reset.FIRST_LIBPOD`."""
        from libpod.state import reset

        return reset.store_style(self.stored_configs())

    # ------------------------------------------------------------ containers

    @abstractmethod
    def containers(self, parts: Parts = EVERYTHING) -> Iterator[ContainerRecord | BrokenRecord]:
        """Every container; what it gives may be put back while it runs."""

    @abstractmethod
    def read_container(self, identifier: str) -> ContainerRecord | BrokenRecord | None:
        """One container."""

    @abstractmethod
    def reload_container(self, record: ContainerRecord) -> bool:
        """Read state and network namespace again into *record*. False: it is not there."""

    @abstractmethod
    def insert_container(self, record: ContainerRecord) -> None:
        """Add a container with its name, its place in a pod, its dependencies and volumes."""

    @abstractmethod
    def put_container(self, record: ContainerRecord) -> bool:
        """Write what changed. False: it is not there."""

    @abstractmethod
    def delete_container(self, identifier: str) -> None:
        """Remove a container that is there and that no other needs."""

    @abstractmethod
    def pod_of(self, container_id: str) -> str | None:
        """The ID of the container's pod."""

    @abstractmethod
    def rename_container(self, record: ContainerRecord, old: str) -> None:
        """Register a container that is there under the name that it has now, and not under *old* any more."""

    @abstractmethod
    def dependents(self, container_id: str) -> list[str]:
        """The IDs of the containers that need this one."""

    # ------------------------------------------------------------ pods

    @abstractmethod
    def pods(self) -> Iterator[PodRecord | BrokenRecord]:
        """Every pod; what it gives may be put back while it runs."""

    @abstractmethod
    def read_pod(self, identifier: str) -> PodRecord | BrokenRecord | None:
        """One pod."""

    @abstractmethod
    def reload_pod(self, record: PodRecord) -> bool:
        """Read the state again into *record*. False: it is not there."""

    @abstractmethod
    def insert_pod(self, record: PodRecord) -> None:
        """Add a pod."""

    @abstractmethod
    def put_pod(self, record: PodRecord) -> bool:
        """Write what changed. False: it is not there."""

    @abstractmethod
    def delete_pod(self, identifier: str) -> None:
        """Remove an empty pod."""

    @abstractmethod
    def pod_members(self, pod_id: str) -> list[str]:
        """The IDs of the containers in the pod."""

    # ------------------------------------------------------------ volumes

    @abstractmethod
    def volumes(self) -> Iterator[VolumeRecord | BrokenRecord]:
        """Every volume; what it gives may be put back while it runs."""

    @abstractmethod
    def has_volume(self, name: str) -> bool:
        """Whether a volume has this name."""

    @abstractmethod
    def volume_names(self) -> Iterator[str]:
        """The names of all volumes."""

    @abstractmethod
    def read_volume(self, name: str) -> VolumeRecord | BrokenRecord | None:
        """One volume."""

    @abstractmethod
    def reload_volume(self, record: VolumeRecord) -> bool:
        """Read the state again into *record*. False: it is not there."""

    @abstractmethod
    def insert_volume(self, record: VolumeRecord) -> None:
        """Add a volume."""

    @abstractmethod
    def put_volume(self, record: VolumeRecord) -> bool:
        """Write what changed. False: it is not there."""

    @abstractmethod
    def delete_volume(self, name: str) -> None:
        """Remove a volume that no container uses."""

    @abstractmethod
    def volume_users(self, name: str) -> list[str]:
        """The IDs of the containers that use the volume."""

    # ------------------------------------------------------------ exec sessions and exit codes

    @abstractmethod
    def insert_exec_session(self, session_id: str, container_id: str) -> None:
        """Note that a session belongs to a container that is there."""

    @abstractmethod
    def exec_session(self, session_id: str) -> str | None:
        """The ID of the session's container."""

    @abstractmethod
    def delete_exec_session(self, session_id: str) -> None:
        """Forget a session that is there."""

    @abstractmethod
    def exec_sessions_of(self, container_id: str) -> list[str]:
        """The IDs of the container's sessions."""

    @abstractmethod
    def clear_exec_sessions(self) -> None:
        """Forget all sessions."""

    @abstractmethod
    def put_exit_code(self, container_id: str, code: int, time: float) -> None:
        """Note an exit code, and when (seconds since 1970)."""

    @abstractmethod
    def exit_codes(self) -> dict[str, tuple[int, float]]:
        """The noted exit codes and their times, by the ID of the container."""

    @abstractmethod
    def delete_exit_code(self, container_id: str) -> None:
        """Forget an exit code."""

    @abstractmethod
    def clear_exit_codes(self) -> None:
        """Forget all exit codes."""

    # ------------------------------------------------------------ the database itself

    @abstractmethod
    def stored_config(self) -> DatabaseConfig:
        """The directories that the database was made for."""

    @abstractmethod
    def store_config(self, values: dict[str, str]) -> None:
        """Store some of them."""

    @abstractmethod
    def problems(self) -> Iterator[Problem]:
        """What is wrong in the format: pages, registries, references."""

    @abstractmethod
    def dump(self) -> Iterator[dict[str, object]]:
        """Everything, as values for JSON."""


def broken(kind: str, identifier: str, name: str | None, error: Exception) -> BrokenRecord:
    """The record of an object that could not be read because of *error*."""
    return BrokenRecord(kind, identifier, name, str(error))


def printable(value: bytes) -> str:
    """A stored text for display: bytes that are not UTF-8 are shown as escapes."""
    return value.decode("utf-8", "backslashreplace")
