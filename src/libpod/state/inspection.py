"""Finding what is wrong in a state store."""

from __future__ import annotations

from libpod.state.protocol import Problem
from libpod.state.records import CONTAINER, BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.state.records import ContainerRecord, Record
    from libpod.state.tables import Tables


def problems(tables: Tables) -> list[Problem]:
    """What is wrong in the format, in single objects, and between objects."""
    return [*tables.problems(), *_Objects(tables).problems()]


class _Objects:
    """One pass over all objects, and what it found about how they fit together."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.locks: dict[int, str] = {}

    def problems(self) -> Iterator[Problem]:
        for container in self.tables.containers():
            if isinstance(container, BrokenRecord):
                yield Problem(container.kind, container.id, container.error)
            else:
                yield from self._lock(container)
                yield from self._container(container)
        for other in (*self.tables.pods(), *self.tables.volumes()):
            if isinstance(other, BrokenRecord):
                yield Problem(other.kind, other.id, other.error)
            else:
                yield from self._lock(other)
        for identifier in self.tables.dangling_ids():
            yield Problem("id", identifier, "is registered, but no container or pod has it")

    def _lock(self, record: Record) -> Iterator[Problem]:
        number = record.lock_id
        if number is None:
            return
        if number in self.locks:
            message = f"has lock number {number}, as {self.locks[number]} has"
            yield Problem(record.kind, record.id, message)
        self.locks.setdefault(number, record.describe())

    def _container(self, record: ContainerRecord) -> Iterator[Problem]:
        tables = self.tables
        if record.pod and tables.kind_of(record.pod) != "pod":
            yield Problem(CONTAINER, record.id, f"is made for pod {record.pod}, which does not exist")
        elif (tables.pod_of(record.id) or "") != record.pod:
            yield Problem(
                CONTAINER, record.id, f"is made for pod {record.pod or 'none'}, but stored elsewhere"
            )
        elif record.pod and record.id not in tables.pod_members(record.pod):
            yield Problem(CONTAINER, record.id, f"is not among the containers of its pod {record.pod}")
        for identifier in record.dependencies:
            if tables.kind_of(identifier) != CONTAINER:
                yield Problem(CONTAINER, record.id, f"needs container {identifier}, which does not exist")
            elif record.id not in tables.dependents(identifier):
                yield Problem(CONTAINER, record.id, f"is not among the dependents of container {identifier}")
        for name in record.named_volumes:
            if not tables.has_volume(name):
                yield Problem(CONTAINER, record.id, f"uses volume {name}, which does not exist")
            elif record.id not in tables.volume_users(name):
                yield Problem(CONTAINER, record.id, f"is not among the users of volume {name}")
