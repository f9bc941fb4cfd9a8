"""Which containers a container needs, and which need it, however many steps away."""

from __future__ import annotations

from libpod.containers import graph
from libpod.errors import NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from libpod.containers.graph import Graph
    from libpod.state.protocol import State
    from libpod.state.records import ContainerRecord


def needed(state: State, record: ContainerRecord) -> list[ContainerRecord]:
    """All that must run before *record* can, in the order in which they are to be started.

    Raises NoSuchContainer for one that does not exist, and InternalError for a circle.
    """
    if not record.dependencies:
        return []
    records = {record.id: record}
    waiting = [record]
    while waiting:
        for identifier in waiting.pop().dependencies:
            if identifier not in records:
                found = _find(state, identifier)
                if found is not None:
                    records[identifier] = found
                    waiting.append(found)
    order = of_records(records.values()).start_order()
    return [records[identifier] for identifier in order if identifier != record.id]


def _find(state: State, identifier: str) -> ContainerRecord | None:
    try:
        return state.container(identifier)
    except NoSuchContainer:
        # The graph tells who needs it.
        return None


def dependents(state: State, record: ContainerRecord) -> list[str]:
    """The IDs of all that need *record*, in the order in which they can be removed."""
    needs: dict[str, list[str]] = {record.id: []}
    waiting = [record]
    while waiting:
        container = waiting.pop()
        for identifier in state.container_in_use(container):
            if identifier in needs:
                needs[identifier].append(container.id)
            else:
                needs[identifier] = [container.id]
                waiting.append(state.container(identifier))
    return [identifier for identifier in graph.build(needs).stop_order() if identifier != record.id]


def of_records(records: Iterable[ContainerRecord]) -> Graph:
    """The graph of these containers."""
    return graph.build({record.id: record.dependencies for record in records})
