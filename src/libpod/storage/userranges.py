"""Choosing IDs of the host for a new container, of those that no other container has."""

from __future__ import annotations

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from libpod.storage.idmaps import Range

    Interval = tuple[int, int]


def choose(
    size: int, available: Iterable[Interval], used: Iterable[Range], given: Sequence[Range], kind: str
) -> tuple[Range, ...]:
    """A mapping of the IDs 0 to *size* - 1 of a container.

    *available* are intervals of the host's IDs (first, how many), *used* the mappings of other containers.
    What *given* maps keeps that mapping, and its IDs of the host are given to no other one. One interval is
    taken if there is one that is long enough (Podman 4.3 cannot mount an overlay with several), else the
    first ones. InvalidArgument, naming the *kind* of IDs, if too few are free.
    """
    wanted = subtract([(0, size)], [(inside, count) for inside, _host, count in given])
    taken = [(host, count) for _inside, host, count in (*used, *given)]
    available = list(available)
    free = subtract(available, taken)
    needed = _total(wanted)
    if needed > _total(free):
        raise InvalidArgument(
            f"--userns auto needs {needed} {kind} IDs: of {_total(available)} that may be used, "
            f"{_total(free)} are free",
        )
    whole = next((interval for interval in free if interval[1] >= needed), None)
    return (*_pair(wanted, free if whole is None else [whole]), *given)


def subtract(intervals: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """What is in *intervals* and not in *taken*, in order; both may overlap."""
    found: list[Interval] = []
    cuts = sorted(taken)
    reached = 0
    for first, count in sorted(intervals):
        end = first + count
        start = max(first, reached)
        for cut, length in cuts:
            if cut < end and cut + length > start:
                if cut > start:
                    found.append((start, cut - start))
                start = cut + length
        if start < end:
            found.append((start, end - start))
        reached = max(reached, end)
    return found


def _total(intervals: Iterable[Interval]) -> int:
    return sum(count for _first, count in intervals)


def _pair(inside: Sequence[Interval], outside: Sequence[Interval]) -> list[Range]:
    """Ranges that map the IDs of one list to as many of the other, in order."""
    found: list[Range] = []
    hosts = list(outside)
    for first, count in inside:
        while count:
            host, length = hosts[0]
            size = min(count, length)
            found.append((first, host, size))
            first, count = first + size, count - size
            hosts[:1] = [(host + size, length - size)] if length > size else []
    return found
