"""Branch and leaf pages."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from libpod.boltdb.layout import PAGE_HEADER_SIZE
from libpod.boltdb.nodes import Branch, Leaf, decode_node, encode_branch, encode_leaf, split_points

LEAF = encode_leaf(9, [b"a", b"bc", b"d"], [b"1", b"", b"x" * 600], [0, 1, 0]).ljust(4096, b"\0")
BRANCH = encode_branch(9, [b"a", b"bc"], [12, 13]).ljust(4096, b"\0")


def test_leaf_survives_the_way_through_bytes() -> None:
    leaf = decode_node(LEAF, span=2)
    assert isinstance(leaf, Leaf)
    assert leaf.keys == [b"a", b"bc", b"d"]
    assert [bytes(value) for value in leaf.values] == [b"1", b"", b"x" * 600]
    assert leaf.flags == [0, 1, 0]
    assert (leaf.page, leaf.span, leaf.dirty) == (9, 2, False)


def test_large_values_are_not_copied() -> None:
    leaf = decode_node(LEAF)
    assert isinstance(leaf, Leaf)
    assert [type(value) for value in leaf.values] == [bytes, bytes, memoryview]


def test_leaf_layout_is_that_of_the_format() -> None:
    assert struct.unpack_from("=QHHI", LEAF) == (9, 2, 3, 0)
    assert struct.unpack_from("=IIII", LEAF, 16) == (0, 48, 1, 1)
    assert struct.unpack_from("=IIII", LEAF, 32) == (1, 34, 2, 0)
    assert struct.unpack_from("=IIII", LEAF, 48) == (0, 20, 1, 600)
    assert LEAF[64:70] == b"a1bcdx"


def test_branch_survives_the_way_through_bytes() -> None:
    branch = decode_node(BRANCH)
    assert isinstance(branch, Branch)
    assert branch.keys == [b"a", b"bc"]
    assert branch.children == [12, 13]


def test_branch_layout_is_that_of_the_format() -> None:
    assert struct.unpack_from("=QHHI", BRANCH) == (9, 1, 2, 0)
    assert struct.unpack_from("=IIQ", BRANCH, 16) == (32, 1, 12)
    assert struct.unpack_from("=IIQ", BRANCH, 32) == (17, 2, 13)
    assert BRANCH[48:51] == b"abc"


def test_page_can_stand_inside_other_bytes() -> None:
    leaf = decode_node(b"0123456789abcdef" + LEAF, start=16)
    assert leaf.keys == [b"a", b"bc", b"d"]


def test_empty_leaf_is_allowed() -> None:
    assert decode_node(encode_leaf(3, [], [], [])).keys == []


def changed(page: bytes, offset: int, form: str, value: int) -> bytes:
    data = bytearray(page)
    struct.pack_into(form, data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (changed(LEAF, 8, "=H", 0), "type is 0x00"),
        (changed(LEAF, 8, "=H", 3), "type is 0x03"),
        (changed(LEAF, 8, "=H", 0x10), "type is 0x10"),
        (changed(LEAF, 10, "=H", 0xFFFF), "65535 elements"),
        (changed(LEAF, 10, "=H", 2), "element 0 is damaged"),
        (changed(LEAF, 10, "=H", 4), "element 0 is damaged"),
        (changed(LEAF, 16, "=I", 2), "element 0 is damaged"),
        (changed(LEAF, 20, "=I", 47), "element 0 is damaged"),
        (changed(LEAF, 24, "=I", 0xFFFFFFFF), "element 1 is damaged"),
        (changed(LEAF, 28, "=I", 0xFFFFFFFF), "element 1 is damaged"),
        (changed(LEAF, 48 + 8, "=I", 0xFFFFFFFF), "beyond its end"),
        (changed(LEAF, 48 + 12, "=I", 4096), "beyond its end"),
        (changed(LEAF, 64, "=B", 0xFF), "not in order"),
        (encode_leaf(9, [b"", b"a"], [b"", b""], [0, 0]), "empty key"),
        (encode_leaf(9, [b"a", b"a"], [b"", b""], [0, 0]), "not in order"),
        (changed(BRANCH, 10, "=H", 0), "0 elements"),
        (changed(BRANCH, 10, "=H", 300), "300 elements"),
        (changed(BRANCH, 16, "=I", 33), "element 0 is damaged"),
        (changed(BRANCH, 20, "=I", 3), "element 1 is damaged"),
        (changed(BRANCH, 36, "=I", 5000), "beyond its end"),
        (changed(BRANCH, 48, "=B", 0x7A), "not in order"),
        (encode_branch(9, [b"", b"a"], [4, 5]), "empty key"),
    ],
)
def test_damage_is_named(page: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        decode_node(page)


def sizes_of_pages(sizes: list[int], page_size: int) -> list[int]:
    starts = [0, *split_points(sizes, page_size)]
    return [PAGE_HEADER_SIZE + sum(sizes[a:b]) for a, b in pairwise(starts)]


@pytest.mark.parametrize(
    ("sizes", "points"),
    [
        ([], [0]),
        ([10], [1]),
        ([5000], [1]),
        ([5000] * 4, [4]),
        ([5000] * 5, [2, 5]),
        ([1020] * 4, [4]),
        ([816] * 5, [5]),  # 4096 bytes with the header: exactly one page
        ([816] * 4 + [817], [2, 5]),
        ([100] * 60, [20, 60]),
        ([8200, 30, 30, 30, 30], [2, 5]),
    ],
)
def test_split(sizes: list[int], points: list[int]) -> None:
    assert split_points(sizes, 4096) == points


def test_split_pages_are_half_full_and_never_too_large() -> None:
    pages = sizes_of_pages([80] * 10000, 4096)
    assert all(1900 <= size <= 2048 for size in pages[:-1])
    assert pages[-1] <= 4096


def test_every_page_of_a_split_has_two_elements() -> None:
    for count in range(5, 40):
        starts = [0, *split_points([9000] * count, 4096)]
        assert min(b - a for a, b in pairwise(starts)) >= 2
