"""The operations on containers, pods, volumes and exec sessions, the same over every back end."""

from __future__ import annotations

import gc
import time

from libpod.errors import (
    DependencyExists,
    InvalidArgument,
    InvalidState,
    NoSuchContainer,
    NoSuchExecSession,
    NoSuchPod,
    NoSuchVolume,
    VolumeExists,
)
from libpod.state import rules
from libpod.state.base import BaseState
from libpod.state.records import CONTAINER, POD, UNREGISTERED, BrokenRecord, Parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from libpod.state.records import ContainerRecord, PodRecord, VolumeRecord
    from libpod.state.tables import Tables

EXIT_CODE_LIFETIME: Final = 300.0
"""Seconds for which the exit code of a container that is gone is kept, as in Podman."""
_EXIT_CODES: Final = range(-1, 256)


class ObjectState(BaseState):
    """A state store: what `protocol.State` says, by the rules of `rules`."""

    # ------------------------------------------------------------ containers

    def container(self, identifier: str) -> ContainerRecord:
        """The container with this full ID."""
        rules.require_text(identifier)
        with self._view() as tables:
            return rules.whole(self.path, tables.read_container(identifier), NoSuchContainer(identifier))

    def lookup_container(self, name: str) -> ContainerRecord:
        """The container with this ID, name, or unique start of an ID."""
        with self._view() as tables:
            identifier = rules.resolve(tables, name, CONTAINER)
            return rules.whole(self.path, tables.read_container(identifier), NoSuchContainer(name))

    def lookup_container_id(self, name: str) -> str:
        """The ID of the container with this ID, name, or unique start of an ID."""
        with self._view() as tables:
            return rules.resolve(tables, name, CONTAINER)

    def has_container(self, identifier: str) -> bool:
        """Whether a container has this full ID."""
        rules.require_text(identifier)
        with self._view() as tables:
            return tables.kind_of(identifier) == CONTAINER

    def names(self, kind: str) -> dict[str, str]:
        """The name of every container or pod (*kind*) by its ID, from the registry alone."""
        with self._view() as tables:
            found = [
                identifier for identifier in tables.ids_with_prefix("") if tables.kind_of(identifier) == kind
            ]
            return {identifier: tables.registered_name(identifier) or identifier for identifier in found}

    def add_container(self, record: ContainerRecord) -> None:
        """Add a container that is in no pod."""
        rules.require_valid(record)
        if record.pod:
            raise InvalidArgument(f"{record.describe()} belongs to pod {record.pod}: add it to that pod")
        with self._update() as tables:
            rules.insert_container(tables, record)

    def remove_container(self, record: ContainerRecord) -> None:
        """Remove a container that is in no pod."""
        rules.require_valid(record)
        with self._update() as tables:
            rules.require_there(tables, record)
            pod = tables.pod_of(record.id)
            if pod:
                raise InvalidArgument(f"{record.describe()} is in pod {pod}: remove it from that pod")
            rules.delete_container(tables, record)

    def require_unused(self, kind: str, identifier: str) -> None:
        """Raise DependencyExists where containers need this object, readable or not."""
        with self._view() as tables:
            rules.require_unused(tables, kind, identifier)

    def remove_broken(self, kind: str, identifier: str, *, force: bool = False) -> int | None:
        """Remove every trace of an object without reading it; the number of its lock."""
        rules.require_text(identifier)
        with self._update() as tables:
            # Containers of a pod would be left without it: they have to go first.
            if kind == POD or not force:
                rules.require_unused(tables, kind, identifier)
            number = rules.lock_number_of(tables, identifier)
            if not tables.purge(kind, identifier):
                raise rules.missing(kind, identifier)
        return number

    def update_container(self, record: ContainerRecord) -> None:
        """Read the state again into *record*."""
        rules.require_valid(record)
        with self._view() as tables, rules.naming(self.path):
            rules.expect(record, found=tables.reload_container(record))

    def save_container(self, record: ContainerRecord) -> None:
        """Write the state of *record*."""
        rules.require_valid(record)
        if not record.state_loaded:
            raise InvalidArgument(f"{record.describe()} was read without its state and cannot be saved")
        if record.config_changed and not record.spec_loaded and record.raw_config is None:
            raise InvalidArgument(f"{record.describe()} was read without all of its configuration")
        with self._update() as tables:
            rules.expect(record, found=tables.put_container(record))

    def rewrite_container_config(self, record: ContainerRecord) -> None:
        """Write the configuration of *record*."""
        with self._update() as tables:
            if tables.id_of_name(record.name) != record.id:
                raise InvalidArgument(
                    f"{record.describe()} cannot change its name by rewriting its configuration"
                )
            if not record.spec_loaded:
                raise InvalidArgument(
                    f"{record.describe()} was read without all of its specification and cannot be rewritten"
                )
            record.raw_config = None
            record.config_changed = True
            self.save_container(record)

    def rename_container(self, record: ContainerRecord, name: str) -> None:
        """Give a container another name."""
        rules.require_valid(record)
        with self._update() as tables:
            rules.require_there(tables, record)
            rules.rename_container(tables, record, name)
            self.rewrite_container_config(record)

    def container_in_use(self, record: ContainerRecord) -> list[str]:
        """The IDs of the containers that need this one."""
        rules.require_valid(record)
        with self._view() as tables:
            rules.require_there(tables, record)
            return tables.dependents(record.id)

    def all_containers(
        self, *, with_state: bool = True, with_spec: bool = True, with_linux: bool = True
    ) -> list[ContainerRecord | BrokenRecord]:
        """Every container, in one pass, and what is registered without being there."""
        # Many objects that all stay: searching them for garbage meanwhile would take half of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            with self._view() as tables:
                whole = with_spec and with_linux
                found = list(tables.containers(Parts(with_state, with_spec, with_linux, text=whole)))
                return [*found, *_nothing_behind(tables)]
        finally:
            if collecting:
                gc.enable()

    # ------------------------------------------------------------ pods

    def pod(self, identifier: str) -> PodRecord:
        """The pod with this full ID."""
        rules.require_text(identifier)
        with self._view() as tables:
            return rules.whole(self.path, tables.read_pod(identifier), NoSuchPod(identifier))

    def lookup_pod(self, name: str) -> PodRecord:
        """The pod with this ID, name, or unique start of an ID."""
        with self._view() as tables:
            return rules.whole(self.path, tables.read_pod(rules.resolve(tables, name, POD)), NoSuchPod(name))

    def lookup_pod_id(self, name: str) -> str:
        """The ID of the pod with this ID, name, or unique start of an ID."""
        with self._view() as tables:
            return rules.resolve(tables, name, POD)

    def has_pod(self, identifier: str) -> bool:
        """Whether a pod has this full ID."""
        rules.require_text(identifier)
        with self._view() as tables:
            return tables.kind_of(identifier) == POD

    def add_pod(self, record: PodRecord) -> None:
        """Add a pod."""
        rules.require_valid(record)
        with self._update() as tables:
            rules.require_free(tables, record)
            tables.insert_pod(record)

    def remove_pod(self, record: PodRecord) -> None:
        """Remove an empty pod."""
        rules.require_valid(record)
        with self._update() as tables:
            rules.require_there(tables, record)
            members = tables.pod_members(record.id)
            if members:
                raise DependencyExists(f"{record.describe()} still has containers in it", dependents=members)
            tables.delete_pod(record.id)

    def update_pod(self, record: PodRecord) -> None:
        """Read the state again into *record*."""
        rules.require_valid(record)
        with self._view() as tables, rules.naming(self.path):
            rules.expect(record, found=tables.reload_pod(record))

    def save_pod(self, record: PodRecord) -> None:
        """Write the state of *record*."""
        rules.require_valid(record)
        with self._update() as tables:
            rules.expect(record, found=tables.put_pod(record))

    def all_pods(self) -> list[PodRecord | BrokenRecord]:
        """Every pod."""
        with self._view() as tables:
            return list(tables.pods())

    def pod_has_container(self, record: PodRecord, identifier: str) -> bool:
        """Whether the container with this full ID is in the pod."""
        rules.require_text(identifier)
        return identifier in self.pod_containers_by_id(record)

    def pod_containers_by_id(self, record: PodRecord) -> list[str]:
        """The IDs of the containers in the pod."""
        rules.require_valid(record)
        with self._view() as tables:
            rules.require_there(tables, record)
            return tables.pod_members(record.id)

    def pod_containers(self, record: PodRecord) -> list[ContainerRecord | BrokenRecord]:
        """The containers in the pod."""
        rules.require_valid(record)
        with self._view() as tables:
            rules.require_there(tables, record)
            found = [
                (identifier, tables.read_container(identifier))
                for identifier in tables.pod_members(record.id)
            ]
        gone = f"{record.describe()} names it, but there is no such container"
        return [
            BrokenRecord(CONTAINER, identifier, None, gone) if member is None else member
            for identifier, member in found
        ]

    def add_container_to_pod(self, pod: PodRecord, record: ContainerRecord) -> None:
        """Add a container whose configuration names this pod."""
        rules.require_valid(pod)
        rules.require_valid(record)
        if record.pod != pod.id:
            raise InvalidArgument(
                f"{record.describe()} is not made for {pod.describe()}, but for {record.pod!r}"
            )
        with self._update() as tables:
            rules.require_there(tables, pod)
            rules.insert_container(tables, record)

    def remove_container_from_pod(self, pod: PodRecord, record: ContainerRecord) -> None:
        """Remove a container of the pod."""
        rules.require_valid(pod)
        rules.require_valid(record)
        with self._update() as tables:
            rules.require_there(tables, pod)
            rules.require_there(tables, record)
            if tables.pod_of(record.id) != pod.id:
                raise InvalidArgument(f"{record.describe()} is not in {pod.describe()}")
            rules.delete_container(tables, record)

    def remove_pod_containers(self, pod: PodRecord) -> None:
        """Remove all containers of the pod."""
        rules.require_valid(pod)
        with self._update() as tables:
            rules.require_there(tables, pod)
            members = tables.pod_members(pod.id)
            outside = sorted(
                {user for identifier in members for user in tables.dependents(identifier)} - set(members)
            )
            if outside:
                raise DependencyExists(
                    f"containers outside need those of {pod.describe()}", dependents=outside
                )
            for identifier in members:
                tables.delete_container(identifier)

    # ------------------------------------------------------------ volumes

    def volume(self, name: str) -> VolumeRecord:
        """The volume with this full name."""
        rules.require_text(name)
        with self._view() as tables:
            return rules.whole(self.path, tables.read_volume(name), NoSuchVolume(name))

    def lookup_volume(self, name: str) -> VolumeRecord:
        """The volume with this name or unique start of a name."""
        rules.require_text(name)
        with self._view() as tables:
            names = list(tables.volume_names())
            hits = [name] if name in names else [other for other in names if other.startswith(name)]
            if len(hits) > 1:
                raise VolumeExists(name, f"several volumes have names that start with {name!r}")
            return rules.whole(self.path, tables.read_volume(hits[0]) if hits else None, NoSuchVolume(name))

    def has_volume(self, name: str) -> bool:
        """Whether a volume has this full name."""
        rules.require_text(name)
        with self._view() as tables:
            return tables.has_volume(name)

    def add_volume(self, record: VolumeRecord) -> None:
        """Add a volume."""
        rules.require_valid(record)
        rules.require_text(record.id)
        with self._update() as tables:
            if tables.has_volume(record.id):
                raise VolumeExists(record.id)
            tables.insert_volume(record)

    def remove_volume(self, record: VolumeRecord) -> None:
        """Remove a volume."""
        rules.require_valid(record)
        with self._update() as tables:
            rules.require_there(tables, record)
            users = tables.volume_users(record.id)
            if users:
                raise DependencyExists(
                    f"volume {record.id} is used by {', '.join(users)}",
                    dependents=users,
                    hint=rules.REMOVE_FIRST,
                )
            tables.delete_volume(record.id)

    def update_volume(self, record: VolumeRecord) -> None:
        """Read the state again into *record*."""
        rules.require_valid(record)
        with self._view() as tables, rules.naming(self.path):
            rules.expect(record, found=tables.reload_volume(record))

    def save_volume(self, record: VolumeRecord) -> None:
        """Write the state of *record*."""
        rules.require_valid(record)
        with self._update() as tables:
            rules.expect(record, found=tables.put_volume(record))

    def volume_in_use(self, record: VolumeRecord) -> list[str]:
        """The IDs of the containers that use the volume."""
        rules.require_valid(record)
        with self._view() as tables:
            rules.require_there(tables, record)
            return tables.volume_users(record.id)

    def all_volumes(self) -> list[VolumeRecord | BrokenRecord]:
        """Every volume."""
        with self._view() as tables:
            return list(tables.volumes())

    # ------------------------------------------------------------ exec sessions

    def add_exec_session(self, record: ContainerRecord, session_id: str) -> None:
        """Note that the session belongs to the container."""
        rules.require_valid(record)
        rules.require_text(session_id)
        with self._update() as tables:
            rules.require_there(tables, record)
            owner = tables.exec_session(session_id)
            if owner is not None:
                raise InvalidState(f"exec session {session_id} exists already, in container {owner}")
            tables.insert_exec_session(session_id, record.id)

    def exec_session(self, session_id: str) -> str:
        """The ID of the session's container."""
        rules.require_text(session_id)
        with self._view() as tables:
            owner = tables.exec_session(session_id)
        if owner is None:
            raise NoSuchExecSession(session_id)
        return owner

    def remove_exec_session(self, session_id: str) -> None:
        """Forget a session."""
        with self._update() as tables:
            self.exec_session(session_id)
            tables.delete_exec_session(session_id)

    def container_exec_sessions(self, record: ContainerRecord) -> list[str]:
        """The IDs of the container's sessions."""
        rules.require_valid(record)
        with self._view() as tables:
            rules.require_there(tables, record)
            return tables.exec_sessions_of(record.id)

    def remove_container_exec_sessions(self, record: ContainerRecord) -> None:
        """Forget all sessions of the container."""
        with self._update() as tables:
            for session in self.container_exec_sessions(record):
                tables.delete_exec_session(session)

    # ------------------------------------------------------------ exit codes

    def add_exit_code(self, container_id: str, code: int) -> None:
        """Note the exit code of a container, which may be gone already."""
        rules.require_text(container_id)
        if code not in _EXIT_CODES:
            raise InvalidArgument(f"exit code {code} of container {container_id} is not between -1 and 255")
        with self._update() as tables:
            tables.put_exit_code(container_id, code, time.time())

    def save_exit(self, record: ContainerRecord) -> None:
        """`save_container` and `add_exit_code` of its exit code in one transaction.

        A code that no process can have, from a damaged exit file, is in the record alone.
        """
        with self._update() as tables:
            self.save_container(record)
            if record.exit_code in _EXIT_CODES:
                tables.put_exit_code(record.id, record.exit_code, time.time())

    def exit_code(self, container_id: str) -> int | None:
        """The noted exit code, or None."""
        rules.require_text(container_id)
        return self.exit_codes().get(container_id)

    def exit_codes(self) -> dict[str, int]:
        """All noted exit codes, by the ID of the container."""
        with self._view() as tables:
            return {identifier: code for identifier, (code, _time) in tables.exit_codes().items()}

    def prune_exit_codes(self) -> None:
        """Forget exit codes that are older than five minutes and whose container is gone."""
        oldest = time.time() - EXIT_CODE_LIFETIME
        with self._update() as tables:
            for identifier, (_code, noted) in tables.exit_codes().items():
                if noted < oldest and tables.kind_of(identifier) != CONTAINER:
                    tables.delete_exit_code(identifier)


def _nothing_behind(tables: Tables) -> list[BrokenRecord]:
    """The registered IDs that no container or pod has."""
    reason = "is registered, but nothing else of it is stored"
    return [
        BrokenRecord(UNREGISTERED, identifier, tables.registered_name(identifier), f"{identifier}: {reason}")
        for identifier in tables.dangling_ids()
    ]
