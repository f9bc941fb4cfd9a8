"""Choosing IDs of the host for a container."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libpod.errors import InvalidArgument
from libpod.storage import userranges

INTERVALS = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 50)), max_size=6)


@pytest.mark.parametrize(
    ("size", "available", "used", "asked", "expected"),
    [
        (10, [(1000, 100)], [], [], [(0, 1000, 10)]),
        (10, [(1000, 100)], [(0, 1000, 10)], [], [(0, 1010, 10)]),
        (10, [(1000, 5), (2000, 50)], [], [], [(0, 2000, 10)]),
        (10, [(1000, 5), (2000, 5)], [], [], [(0, 1000, 5), (5, 2000, 5)]),
        (12, [(1000, 20)], [(7, 1005, 5)], [], [(0, 1000, 5), (5, 1010, 7)]),
        (10, [(1000, 20)], [], [(0, 5, 3)], [(3, 1000, 7), (0, 5, 3)]),
        (10, [(1000, 20)], [], [(4, 1000, 1)], [(0, 1001, 4), (5, 1005, 5), (4, 1000, 1)]),
        (3, [(1000, 20)], [], [(0, 5, 8)], [(0, 5, 8)]),
        (10, [(1000, 10), (1000, 10)], [], [], [(0, 1000, 10)]),
    ],
)
def test_choice(
    size: int,
    available: list[tuple[int, int]],
    used: list[tuple[int, int, int]],
    asked: list[tuple[int, int, int]],
    expected: list[tuple[int, int, int]],
) -> None:
    assert userranges.choose(size, available, used, asked, "user") == tuple(expected)


def test_too_few() -> None:
    with pytest.raises(InvalidArgument, match="needs 11 user IDs: of 20 that may be used, 10 are free"):
        userranges.choose(11, [(1000, 20)], [(0, 1005, 10)], [], "user")
    with pytest.raises(InvalidArgument, match="of 0 that may be used"):
        userranges.choose(1, [], [], [], "group")


@given(INTERVALS, INTERVALS)
def test_what_is_subtracted_is_gone_and_nothing_else(
    intervals: list[tuple[int, int]], taken: list[tuple[int, int]]
) -> None:
    def members(entries: list[tuple[int, int]]) -> set[int]:
        return {number for first, count in entries for number in range(first, first + count)}

    found = userranges.subtract(intervals, taken)
    assert members(found) == members(intervals) - members(taken)
    assert all(first + count <= second for (first, count), (second, _count) in pairwise(found))
