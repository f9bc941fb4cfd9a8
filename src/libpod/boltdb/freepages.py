"""Which pages of the file can be given out, and how that is stored.

The free list on disk is a page with the sorted ids of all pages that no state of the file needs. In
memory they are runs of neighbouring pages, kept by their length, so that a page with overflow pages finds
its place without a search.
"""

from __future__ import annotations

from struct import pack, unpack_from

from libpod.boltdb.layout import FIRST_DATA_PAGE, FREELIST_PAGE, MANY_IDS, PAGE_HEADER, PAGE_HEADER_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ID_SIZE = 8


class FreeList:
    """The free pages as one committed state knows them: those that can be given out, and those that a
    reader may still need.
    """

    __slots__ = ("ids", "page", "pending", "span", "txid")

    def __init__(
        self, txid: int, page: int, span: int, ids: Sequence[int], pending: dict[int, list[int]] | None = None
    ) -> None:
        self.txid = txid
        """The transaction whose state this is."""
        self.page = page
        """Where it is stored, with *span* pages; 0 when it is not stored."""
        self.span = span
        self.ids = ids
        """Sorted; no state that can still be read uses them."""
        self.pending = pending or {}
        """Transaction: the pages that it no longer uses, but the state before it does."""

    def settle(self, readers: Iterable[int]) -> None:
        """Give free what no reader needs any more; *readers* are the transactions whose states are being
        read.
        """
        oldest = min(readers, default=self.txid)
        settled = [txid for txid in self.pending if txid <= oldest]
        if settled:
            self.ids = sorted([*self.ids, *(page for txid in settled for page in self.pending.pop(txid))])


class FreePages:
    """Free pages that a write transaction takes from, as runs of neighbours."""

    def __init__(self, ids: Sequence[int]) -> None:
        """Begin with the sorted *ids*."""
        self._starts: dict[int, list[int]] = {}
        for start, length in reversed(_runs(ids)):
            self.release(start, length)

    def allocate(self, count: int) -> int | None:
        """Take *count* neighbouring pages: the id of the first, or None when no run is that long."""
        starts = self._starts
        length = count if count in starts else min((size for size in starts if size > count), default=0)
        if not length:
            return None
        start = starts[length].pop()
        if not starts[length]:
            del starts[length]
        if length > count:
            self.release(start + count, length - count)
        return start

    def release(self, start: int, count: int) -> None:
        """Give *count* pages from *start* on back, to be taken again."""
        self._starts.setdefault(count, []).append(start)

    def count(self) -> int:
        """Return the number of pages that are still free."""
        return sum(length * len(starts) for length, starts in self._starts.items())

    def ids(self) -> list[int]:
        """Return the ids of all pages that are still free, in no particular order."""
        pages: list[int] = []
        for length, starts in self._starts.items():
            for start in starts:
                pages.extend(range(start, start + length))
        return pages


def _runs(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Join sorted *ids* into (first page, length)."""
    runs: list[tuple[int, int]] = []
    start = following = -1
    for page in ids:
        if page != following:
            if start >= 0:
                runs.append((start, following - start))
            start = page
        following = page + 1
    if start >= 0:
        runs.append((start, following - start))
    return runs


def encode_free_list(page: int, ids: Iterable[int], overflow: int) -> bytes:
    """Return the free-list page *page* with these *ids*, which are sorted here, without padding at its
    end.
    """
    entries = sorted(ids)
    count = len(entries)
    if count >= MANY_IDS:
        entries.insert(0, count)
        count = MANY_IDS
    return PAGE_HEADER.pack(page, FREELIST_PAGE, count, overflow) + pack(f"={len(entries)}Q", *entries)


def free_list_size(count: int) -> int:
    """Return the bytes that a free list of *count* ids takes."""
    return PAGE_HEADER_SIZE + _ID_SIZE * (count + (count >= MANY_IDS))


def decode_free_list(data: bytes, high_water: int) -> tuple[int, ...]:
    """Read the ids of the free-list page *data*, given whole with its overflow pages.

    Raises ValueError when it is not a free list, or when its ids do not ascend or are not pages below
    *high_water*.
    """
    _, kind, count, _ = PAGE_HEADER.unpack_from(data)
    if kind != FREELIST_PAGE:
        raise ValueError(f"its type is 0x{kind:02x}, wanted was a free list")
    start = PAGE_HEADER_SIZE
    if count == MANY_IDS:
        (count,) = unpack_from("=Q", data, start)
        start += _ID_SIZE
    if start + count * _ID_SIZE > len(data):
        raise ValueError(f"its {count} entries reach beyond its end")
    ids: tuple[int, ...] = unpack_from(f"={count}Q", data, start)
    if ids and (ids[0] < FIRST_DATA_PAGE or ids[-1] >= high_water):
        raise ValueError(f"it lists a page outside 2 to {high_water - 1}")
    if not all(map(int.__lt__, ids, ids[1:])):
        raise ValueError("its entries are not in order")
    return ids
