"""The order in which containers that need each other start, stop and are removed."""

from __future__ import annotations

from libpod.errors import InternalError, NoSuchContainer
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Graph(NamedTuple):
    """Containers by ID, each with the IDs of those that it needs, and in *levels*.

    Each container is in a level behind those of all that it needs; the containers of one level have
    nothing to do with each other.
    """

    needs: Mapping[str, Sequence[str]]
    levels: Sequence[Sequence[str]]

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
        return [identifier for level in self.levels for identifier in level]

    def stop_order(self) -> list[str]:
        """Every container after all that need it."""
        return self.start_order()[::-1]


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
    levels = _levels(needs)
    found = sum(map(len, levels))
    if found < len(needs):
        # What only waits for those in the circle is not in it.
        rest = needs.keys() - {identifier for level in levels for identifier in level}
        before = _levels(
            {identifier: [user for user in rest if identifier in needs[user]] for identifier in rest}
        )
        circle = rest - {identifier for level in before for identifier in level}
        raise InternalError(f"containers need each other in a circle: {', '.join(sorted(circle))}")
    return Graph(needs, levels)


def _levels(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The levels, without the containers in a cycle and those that wait for them (Kahn's algorithm)."""
    users = users_of(needs)
    missing = {identifier: len(set(needed)) for identifier, needed in needs.items()}
    level = [identifier for identifier, count in missing.items() if not count]
    levels = []
    while level:
        levels.append(level)
        level = list(_freed(level, users, missing))
    return levels


def _freed(level: Iterable[str], users: Mapping[str, list[str]], missing: dict[str, int]) -> Iterable[str]:
    for identifier in level:
        for user in users.get(identifier, ()):
            missing[user] -= 1
            if not missing[user]:
                yield user


def users_of(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Those that need each container, by its ID."""
    users: dict[str, list[str]] = {}
    for identifier, needed in needs.items():
        for other in dict.fromkeys(needed):
            users.setdefault(other, []).append(identifier)
    return users
