"""Removing what cannot be read: only the ID of such a container or pod is sure."""

from __future__ import annotations

import contextlib
import os

from libpod.errors import ContainerStopped, InvalidState, NoSuchContainer
from libpod.host import files
from libpod.state.records import CONTAINER, POD, BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.engine import Engine

CONMON_SECONDS = 30.0
"""How long a conmon may take to clear up behind its container."""


def remove_container(engine: Engine, identifier: str, *, force: bool = False) -> None:
    """Remove a container whose record cannot be read: its storage, then all traces in the database.

    A lock number that cannot be read any more is free again after the next boot. Raises NoSuchContainer,
    InvalidState while a conmon of it lives, and DependencyExists while others need it unless *force* is set.
    """
    from libpod.host import proc

    for process in proc.conmon_processes():
        if process.container_id == identifier:
            raise InvalidState(
                f"broken container {identifier[:12]} is alive: process {process.pid} is its conmon",
                hint=f"end it first: kill {process.pid}",
            )
    if not force:
        engine.state.require_unused(CONTAINER, identifier)
    with contextlib.suppress(NoSuchContainer):
        engine.store.delete_container(identifier)
    files.remove_file(os.path.join(engine.exit_directory, identifier))
    _free(engine, engine.state.remove_broken(CONTAINER, identifier, force=force))


def _free(engine: Engine, number: int | None) -> None:
    if number is not None:
        engine.free_lock(number)


def remove_pod(engine: Engine, identifier: str, *, timeout: float | None = None) -> None:
    """Remove a pod whose record cannot be read, with its containers, which are stopped first.

    Its control group cannot be told, and its lock number perhaps: that is free again after the next boot.
    Raises NoSuchPod, and what stopping and removing the containers raises.
    """
    from libpod.containers import graph
    from libpod.containers.container import Container
    from libpod.containers.ending import wait_for_end

    found = engine.state.all_containers()
    records = [record for record in found if not isinstance(record, BrokenRecord)]
    members = {record.id: record for record in records if record.config.get("pod") == identifier}
    needs = {
        member.id: [other for other in member.dependencies if other in members] for member in members.values()
    }
    for member in graph.build(needs).stop_order():
        container = Container(engine, members[member])
        conmon = members[member].conmon_pid
        with contextlib.suppress(ContainerStopped):
            if container.state() not in ("created", "exited", "stopped"):
                container.stop(timeout)
        wait_for_end(conmon, CONMON_SECONDS)
        remove_container(engine, member, force=True)
    _free(engine, engine.state.remove_broken(POD, identifier, force=True))
