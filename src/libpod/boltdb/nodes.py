"""Branch and leaf pages as lists of keys, and back to bytes.

A node is clean while it equals its page, and dirty from the first change on. Values of more than a few
bytes stay views into the page that they were read from, so that an unchanged value is copied once only:
into the page that replaces it.
"""

from __future__ import annotations

from libpod.boltdb.layout import (
    BRANCH_ELEMENT,
    BRANCH_PAGE,
    BUCKET_FLAG,
    ELEMENT_SIZE,
    LEAF_ELEMENT,
    LEAF_PAGE,
    PAGE_HEADER,
    PAGE_HEADER_SIZE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_VIEW_FROM = 512
"""Values of this many bytes and more are kept as views."""

_SPLIT_FREE = 4
"""A page of so few elements is never split: each half needs two."""


class Leaf:
    """A leaf page: `keys[i]` has `values[i]`, which is a bucket header where `flags[i]` is set."""

    __slots__ = ("dirty", "flags", "keys", "page", "span", "unbalanced", "values")

    def __init__(
        self,
        keys: list[bytes],
        values: list[bytes | memoryview],
        flags: list[int],
        page: int = 0,
        span: int = 0,
    ) -> None:
        self.keys = keys
        self.values = values
        self.flags = flags
        self.page = page
        """The page it was read from; 0 for one that no page holds yet."""
        self.span = span
        """How many pages it takes there, overflow included."""
        self.dirty = False
        self.unbalanced = False

    def sizes(self) -> list[int]:
        """Return the bytes that each element takes in a page."""
        return [
            ELEMENT_SIZE + len(key) + len(value) for key, value in zip(self.keys, self.values, strict=True)
        ]


class Branch:
    """A branch page: keys from `keys[i]` up to the next are below `children[i]`, a page id or a dirty
    node.
    """

    __slots__ = ("children", "dirty", "keys", "page", "span", "unbalanced")

    def __init__(self, keys: list[bytes], children: list[int | Node], page: int = 0, span: int = 0) -> None:
        self.keys = keys
        self.children = children
        self.page = page
        self.span = span
        self.dirty = False
        self.unbalanced = False

    def sizes(self) -> list[int]:
        """Return the bytes that each element takes in a page."""
        return [ELEMENT_SIZE + len(key) for key in self.keys]


if TYPE_CHECKING:
    Node = Leaf | Branch


def decode_node(data: bytes, *, start: int = 0, span: int = 1) -> Node:
    """Read the branch or leaf page at *start* of *data*, which is the whole of it with its overflow pages.

    Raises ValueError, saying what is wrong, for anything that is not laid out as bolt lays out a page.
    """
    page, kind, count, _ = PAGE_HEADER.unpack_from(data, start)
    if kind == LEAF_PAGE:
        return _decode_leaf(data, start, count, page, span)
    if kind == BRANCH_PAGE:
        return _decode_branch(data, start, count, page, span)
    raise ValueError(f"its type is 0x{kind:02x}, wanted was a branch or a leaf page")


def _decode_leaf(data: bytes, start: int, count: int, page: int, span: int) -> Leaf:
    element = start + PAGE_HEADER_SIZE
    position = element + count * ELEMENT_SIZE
    if position > len(data):
        raise ValueError(f"its {count} elements reach beyond its end")
    view = memoryview(data)
    keys: list[bytes] = []
    values: list[bytes | memoryview] = []
    flags: list[int] = []
    for flag, offset, key_size, value_size in LEAF_ELEMENT.iter_unpack(view[element:position]):
        middle = position + key_size
        end = middle + value_size
        if element + offset != position or flag > BUCKET_FLAG:
            raise ValueError(f"element {len(keys)} is damaged (flags {flag}, position {offset})")
        keys.append(data[position:middle])
        values.append(data[middle:end] if value_size < _VIEW_FROM else view[middle:end])
        flags.append(flag)
        position = end
        element += ELEMENT_SIZE
    _require_sound(keys, position, len(data))
    return Leaf(keys, values, flags, page, span)


def _decode_branch(data: bytes, start: int, count: int, page: int, span: int) -> Branch:
    element = start + PAGE_HEADER_SIZE
    position = element + count * ELEMENT_SIZE
    if not count or position > len(data):
        raise ValueError(f"it cannot have {count} elements")
    keys: list[bytes] = []
    children: list[int | Node] = []
    for offset, key_size, child in BRANCH_ELEMENT.iter_unpack(memoryview(data)[element:position]):
        if element + offset != position:
            raise ValueError(f"element {len(keys)} is damaged (position {offset})")
        end = position + key_size
        keys.append(data[position:end])
        children.append(child)
        position = end
        element += ELEMENT_SIZE
    _require_sound(keys, position, len(data))
    return Branch(keys, children, page, span)


def _require_sound(keys: list[bytes], end: int, size: int) -> None:
    """Raise ValueError unless the elements end inside the page and the keys ascend."""
    if end > size:
        raise ValueError(f"its elements reach {end - size} bytes beyond its end")
    if keys and not keys[0]:
        raise ValueError("it has an empty key")
    if not all(map(bytes.__lt__, keys, keys[1:])):
        raise ValueError("its keys are not in order")


def encode_leaf(
    page: int,
    keys: Sequence[bytes],
    values: Sequence[bytes | memoryview],
    flags: Sequence[int],
    overflow: int = 0,
) -> bytes:
    """Return the leaf page *page* with these elements, without padding at its end."""
    offset = len(keys) * ELEMENT_SIZE
    pack = LEAF_ELEMENT.pack
    elements: list[bytes | memoryview] = [PAGE_HEADER.pack(page, LEAF_PAGE, len(keys), overflow)]
    content: list[bytes | memoryview] = []
    for key, value, flag in zip(keys, values, flags, strict=True):
        elements.append(pack(flag, offset, len(key), len(value)))
        content.append(key)
        content.append(value)
        offset += len(key) + len(value) - ELEMENT_SIZE
    return b"".join(elements + content)


def encode_branch(page: int, keys: Sequence[bytes], children: Sequence[int], overflow: int = 0) -> bytes:
    """Return the branch page *page* with these elements, without padding at its end."""
    offset = len(keys) * ELEMENT_SIZE
    elements = [PAGE_HEADER.pack(page, BRANCH_PAGE, len(keys), overflow)]
    for key, child in zip(keys, children, strict=True):
        elements.append(BRANCH_ELEMENT.pack(offset, len(key), child))
        offset += len(key) - ELEMENT_SIZE
    return b"".join([*elements, *keys])


def split_points(sizes: Sequence[int], page_size: int) -> list[int]:
    """Return where elements of these *sizes* in bytes are cut into pages: the index after each page's
    last element.

    A page is filled to one half, so that later keys find room beside their neighbours; every page gets
    two elements or more.
    """
    remaining = PAGE_HEADER_SIZE + sum(sizes)
    count = len(sizes)
    points = []
    start = 0
    while count - start > _SPLIT_FREE and remaining > page_size:
        size = PAGE_HEADER_SIZE
        index = start
        while index < count - 2 and (index < start + 2 or size + sizes[index] <= page_size // 2):
            size += sizes[index]
            index += 1
        remaining -= size - PAGE_HEADER_SIZE
        points.append(index)
        start = index
    points.append(count)
    return points
