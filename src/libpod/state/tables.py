"""What a back end has to provide: single reads and writes inside a transaction, without any rules.

`base.BaseState` keeps the rules (what may be added, removed, looked up) once for all back ends.
"""

from __future__ import annotations

from libpod.state.records import EVERYTHING
from libpod.values import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.state.identity import DatabaseConfig
    from libpod.state.protocol import Problem
    from libpod.state.records import BrokenRecord, ContainerRecord, Parts, PodRecord, VolumeRecord


class Tables(Protocol):
    """An open transaction. `put_...`, `insert_...`, `delete_...` and the like need one for writing."""

    # ------------------------------------------------------------ registry of IDs and names

    def kind_of(self, identifier: str) -> str | None:
        """Whether a container or a pod has this full ID; None if none has."""

    def id_of_name(self, name: str) -> str | None:
        """The ID that is registered for the name of a container or pod."""

    def ids_with_prefix(self, prefix: str) -> Iterator[str]:
        """The registered IDs that start so."""

    def registered_name(self, identifier: str) -> str | None:
        """The name that is registered for an ID, where that can be told."""

    def dangling_ids(self) -> list[str]:
        """The registered IDs that no container or pod has."""

    def drop_dangling(self) -> list[str]:
        """Unregister them; the IDs that were dropped."""

    def purge(self, kind: str, identifier: str) -> bool:
        """Remove every trace of an object without reading it. False: there was none."""

    def stored_configs(self) -> Iterator[bytes]:
        """The stored configurations of all containers, pods and volumes, unread."""

    # ------------------------------------------------------------ containers

    def containers(self, parts: Parts = EVERYTHING) -> Iterator[ContainerRecord | BrokenRecord]:
        """Every container; what it gives may be put back while it runs."""

    def read_container(self, identifier: str) -> ContainerRecord | BrokenRecord | None:
        """One container."""

    def reload_container(self, record: ContainerRecord) -> bool:
        """Read state and network namespace again into *record*. False: it is not there."""

    def insert_container(self, record: ContainerRecord) -> None:
        """Add a container with its name, its place in a pod, its dependencies and volumes."""

    def put_container(self, record: ContainerRecord) -> bool:
        """Write what changed. False: it is not there."""

    def delete_container(self, identifier: str) -> None:
        """Remove a container that is there and that no other needs."""

    def pod_of(self, container_id: str) -> str | None:
        """The ID of the container's pod."""

    def rename_container(self, record: ContainerRecord, old: str) -> None:
        """Register a container that is there under the name that it has now, and not under *old* any more."""

    def dependents(self, container_id: str) -> list[str]:
        """The IDs of the containers that need this one."""

    # ------------------------------------------------------------ pods

    def pods(self) -> Iterator[PodRecord | BrokenRecord]:
        """Every pod; what it gives may be put back while it runs."""

    def read_pod(self, identifier: str) -> PodRecord | BrokenRecord | None:
        """One pod."""

    def reload_pod(self, record: PodRecord) -> bool:
        """Read the state again into *record*. False: it is not there."""

    def insert_pod(self, record: PodRecord) -> None:
        """Add a pod."""

    def put_pod(self, record: PodRecord) -> bool:
        """Write what changed. False: it is not there."""

    def delete_pod(self, identifier: str) -> None:
        """Remove an empty pod."""

    def pod_members(self, pod_id: str) -> list[str]:
        """The IDs of the containers in the pod."""

    # ------------------------------------------------------------ volumes

    def volumes(self) -> Iterator[VolumeRecord | BrokenRecord]:
        """Every volume; what it gives may be put back while it runs."""

    def has_volume(self, name: str) -> bool:
        """Whether a volume has this name."""

    def volume_names(self) -> Iterator[str]:
        """The names of all volumes."""

    def read_volume(self, name: str) -> VolumeRecord | BrokenRecord | None:
        """One volume."""

    def reload_volume(self, record: VolumeRecord) -> bool:
        """Read the state again into *record*. False: it is not there."""

    def insert_volume(self, record: VolumeRecord) -> None:
        """Add a volume."""

    def put_volume(self, record: VolumeRecord) -> bool:
        """Write what changed. False: it is not there."""

    def delete_volume(self, name: str) -> None:
        """Remove a volume that no container uses."""

    def volume_users(self, name: str) -> list[str]:
        """The IDs of the containers that use the volume."""

    # ------------------------------------------------------------ exec sessions and exit codes

    def insert_exec_session(self, session_id: str, container_id: str) -> None:
        """Note that a session belongs to a container that is there."""

    def exec_session(self, session_id: str) -> str | None:
        """The ID of the session's container."""

    def delete_exec_session(self, session_id: str) -> None:
        """Forget a session that is there."""

    def exec_sessions_of(self, container_id: str) -> list[str]:
        """The IDs of the container's sessions."""

    def clear_exec_sessions(self) -> None:
        """Forget all sessions."""

    def put_exit_code(self, container_id: str, code: int, time: float) -> None:
        """Note an exit code, and when (seconds since 1970)."""

    def exit_codes(self) -> dict[str, tuple[int, float]]:
        """The noted exit codes and their times, by the ID of the container."""

    def delete_exit_code(self, container_id: str) -> None:
        """Forget an exit code."""

    def clear_exit_codes(self) -> None:
        """Forget all exit codes."""

    # ------------------------------------------------------------ the database itself

    def stored_config(self) -> DatabaseConfig:
        """The directories that the database was made for."""

    def store_config(self, values: dict[str, str]) -> None:
        """Store some of them."""

    def problems(self) -> Iterator[Problem]:
        """What is wrong in the format: pages, registries, references."""

    def dump(self) -> Iterator[dict[str, object]]:
        """Everything, as values for JSON."""
