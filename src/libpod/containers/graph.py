"""The order in which containers that need each other start and stop."""

from __future__ import annotations

from libpod.errors import InternalError, NoSuchContainer
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Graph(NamedTuple):
    """Containers by ID, each with the IDs of those that it needs."""

    needs: Mapping[str, Sequence[str]]

    @property
    def without_dependencies(self) -> list[str]:
        """Those that need none: where starting begins."""
        return [identifier for identifier, needed in self.needs.items() if not needed]

    @property
    def without_dependents(self) -> list[str]:
        """Those that none needs: where stopping begins."""
        needed = {other for others in self.needs.values() for other in others}
        return [identifier for identifier in self.needs if identifier not in needed]

    def start_order(self) -> list[str]:
        """Every container after all that it needs."""
        done: dict[str, None] = {}
        for identifier in self.needs:
            self._visit(identifier, done)
        return list(done)

    def _visit(self, start: str, done: dict[str, None]) -> None:
        waiting = [start]
        while waiting:
            missing = [other for other in self.needs[waiting[-1]] if other not in done]
            if missing:
                waiting += missing
            else:
                done.setdefault(waiting.pop())


def build(needs: Mapping[str, Sequence[str]]) -> Graph:
    """The graph of containers that need each other.

    Raises NoSuchContainer for a container that is needed and not there, and InternalError for a cycle, which
    no program can have made by the rules.
    """
    for identifier, needed in needs.items():
        for other in needed:
            if other not in needs:
                raise NoSuchContainer(
                    other, f"container {identifier} needs container {other}, which does not exist"
                )
    left = {identifier: set(needed) for identifier, needed in needs.items()}
    while left:
        free = [identifier for identifier, needed in left.items() if not needed]
        if not free:
            raise InternalError(f"containers need each other in a circle: {', '.join(sorted(left))}")
        for identifier in free:
            del left[identifier]
        for waiting in left.values():
            waiting.difference_update(free)
    return Graph(needs)
