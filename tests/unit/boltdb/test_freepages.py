"""Free pages in memory and on disk."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libpod.boltdb.freepages import FreeList, FreePages, decode_free_list, encode_free_list, free_list_size

page_ids = st.lists(st.integers(min_value=2, max_value=400), unique=True).map(sorted)


def test_nothing_free() -> None:
    free = FreePages([])
    assert free.allocate(1) is None
    assert free.count() == 0
    assert free.ids() == []


def test_run_of_the_right_length_is_preferred() -> None:
    free = FreePages([2, 3, 4, 5, 6, 10, 11, 20])
    assert free.allocate(2) == 10
    assert free.allocate(1) == 20


def test_shortest_longer_run_is_cut() -> None:
    free = FreePages([2, 3, 4, 5, 6, 10, 11, 12])
    assert free.allocate(2) == 10
    assert sorted(free.ids()) == [2, 3, 4, 5, 6, 12]


def test_lowest_run_of_a_length_comes_first() -> None:
    free = FreePages([2, 5, 9])
    assert [free.allocate(1) for _ in range(4)] == [2, 5, 9, None]


def test_pages_that_are_not_neighbours_are_not_taken_together() -> None:
    assert FreePages([2, 4, 6, 8]).allocate(2) is None


def test_released_pages_are_taken_again() -> None:
    free = FreePages([])
    free.release(30, 3)
    assert free.count() == 3
    assert free.allocate(3) == 30


@given(page_ids, st.lists(st.integers(min_value=1, max_value=6)))
def test_no_page_is_given_out_twice(ids: list[int], requests: list[int]) -> None:
    free = FreePages(ids)
    taken: list[int] = []
    for count in requests:
        start = free.allocate(count)
        if start is not None:
            taken.extend(range(start, start + count))
    assert sorted(taken + free.ids()) == ids
    assert free.count() == len(free.ids())


@given(page_ids)
def test_list_survives_the_way_through_bytes(ids: list[int]) -> None:
    data = encode_free_list(5, reversed(ids), 0)
    assert len(data) == free_list_size(len(ids))
    assert decode_free_list(data.ljust(4096, b"\0"), 401) == tuple(ids)


@pytest.mark.parametrize("count", [0xFFFE, 0xFFFF, 0x10000, 0x10001])
def test_long_list_keeps_its_length_in_the_first_entry(count: int) -> None:
    ids = range(2, 2 + count)
    data = encode_free_list(5, ids, 128)
    assert len(data) == free_list_size(count)
    stored = struct.unpack_from("=H", data, 10)[0]
    assert stored == min(count, 0xFFFF)
    assert struct.unpack_from("=Q", data, 16)[0] == (count if count >= 0xFFFF else 2)
    assert decode_free_list(data, 2 + count) == tuple(ids)


def with_entries(count: int, *entries: int, kind: int = 0x10) -> bytes:
    return struct.pack("=QHHI", 2, kind, count, 0) + struct.pack(f"={len(entries)}Q", *entries)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (with_entries(0, kind=2), "type is 0x02"),
        (with_entries(3, 5, 6), "3 entries reach beyond"),
        (with_entries(0xFFFF, 1 << 60, 5), "reach beyond"),
        (with_entries(1, 1), "outside 2 to 99"),
        (with_entries(1, 100), "outside 2 to 99"),
        (with_entries(2, 6, 5), "not in order"),
        (with_entries(2, 5, 5), "not in order"),
    ],
)
def test_damaged_list_is_named(data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        decode_free_list(data, 100)


def test_pending_pages_become_free_when_no_reader_needs_them() -> None:
    free = FreeList(12, 5, 1, [20], {10: [8, 9], 11: [30], 12: [3]})
    free.settle([9, 11])
    assert list(free.ids) == [20]
    free.settle([10])  # sees the state of transaction 10, which no longer uses what 10 gave up
    assert list(free.ids) == [8, 9, 20]
    free.settle([])
    assert list(free.ids) == [3, 8, 9, 20, 30]
    assert free.pending == {}
