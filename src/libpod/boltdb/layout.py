"""What stands where in a bolt file: page headers, elements, bucket headers and meta pages.

All numbers are in the byte order of the machine that wrote the file, without padding. A file is a row of
pages of one size; pages 0 and 1 are meta pages. A page that needs more room than one page is followed by
*overflow* pages without a header.

======================  ====================================================================================
page header, 16 bytes   page id u64, type u16, number of elements u16, number of overflow pages u32
branch element, 16      position of the key u32, length of the key u32, child page u64
leaf element, 16        flags u32 (1 = the value is a bucket), position u32, key length u32, value length u32
bucket value, 16        root page u64 (0 = the bucket's only leaf page follows inline), sequence u64
meta, 64, after the     magic u32, version u32, page size u32, flags u32, root bucket (page, sequence: u64),
page header             free-list page u64, number of pages in use u64, transaction u64, checksum u64
======================  ====================================================================================

Positions count from the start of their own element. Keys and values follow the elements in the same order
without gaps. The checksum is FNV-1a (64 bits) over the 56 bytes of the meta before it. Source: the format
of boltdb 1.3 and bbolt 1.3.
"""

from __future__ import annotations

from struct import Struct

MAGIC = 0xED0CDAED
VERSION = 2

BRANCH_PAGE = 0x01
LEAF_PAGE = 0x02
META_PAGE = 0x04
FREELIST_PAGE = 0x10

BUCKET_FLAG = 0x01
NO_FREELIST = 0xFFFFFFFFFFFFFFFF
MANY_IDS = 0xFFFF
"""This many elements in a free-list page's header: the real number is the first entry of the list."""

PAGE_HEADER = Struct("=QHHI")
BRANCH_ELEMENT = Struct("=IIQ")
LEAF_ELEMENT = Struct("=IIII")
BUCKET_HEADER = Struct("=QQ")
META = Struct("=IIIIQQQQQQ")

PAGE_HEADER_SIZE = PAGE_HEADER.size
ELEMENT_SIZE = LEAF_ELEMENT.size
BUCKET_HEADER_SIZE = BUCKET_HEADER.size
META_SIZE = META.size
META_END = PAGE_HEADER_SIZE + META_SIZE
"""Bytes of a meta page that carry data."""

CHECKSUMMED = META_SIZE - 8
SMALLEST_PAGE = 1 << 9
LARGEST_PAGE = 1 << 24
FIRST_DATA_PAGE = 2

MAX_KEY_SIZE = 32768
MAX_VALUE_SIZE = (1 << 31) - 2
MAX_DEPTH = 64
"""Levels of branch pages that a bucket can have; a deeper tree can only be a circle of pages."""


class Meta:
    """One state of the file: where its root bucket and free list are. Never changed once made."""

    __slots__ = ("flags", "freelist", "high_water", "page_size", "root", "sequence", "slot", "txid")

    def __init__(
        self,
        *,
        page_size: int,
        root: int,
        sequence: int,
        freelist: int,
        high_water: int,
        txid: int,
        slot: int,
        flags: int = 0,
    ) -> None:
        self.page_size = page_size
        self.root = root
        self.sequence = sequence
        self.freelist = freelist
        self.high_water = high_water
        """Number of pages in use from the start of the file; the first page beyond them has this id."""
        self.txid = txid
        self.slot = slot
        """The meta page it stands in: 0 or 1."""
        self.flags = flags


def fnv1a(data: bytes) -> int:
    """Return the 64-bit FNV-1a checksum of *data*."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def encode_meta(meta: Meta) -> bytes:
    """Return a whole meta page for *meta*, to be written at the page `meta.slot`."""
    fields = (
        MAGIC,
        VERSION,
        meta.page_size,
        meta.flags,
        meta.root,
        meta.sequence,
        meta.freelist,
        meta.high_water,
    )
    checksum = fnv1a(META.pack(*fields, meta.txid, 0)[:CHECKSUMMED])
    page = PAGE_HEADER.pack(meta.slot, META_PAGE, 0, 0) + META.pack(*fields, meta.txid, checksum)
    return page.ljust(meta.page_size, b"\0")


def decode_meta(data: bytes, slot: int) -> Meta | str:
    """Read the meta in *data*, the start of meta page *slot*; return what is wrong with it when it is not
    valid.
    """
    if len(data) < META_END:
        return "the file ends inside it"
    fields = META.unpack_from(data, PAGE_HEADER_SIZE)
    magic, version, page_size, flags, root, sequence, freelist, high_water, txid, checksum = fields
    if magic != MAGIC:
        if magic == int.from_bytes(MAGIC.to_bytes(4, "little"), "big"):
            return "it was written on a machine of the other byte order"
        return f"wrong magic number 0x{magic:08x}"
    if checksum != fnv1a(data[PAGE_HEADER_SIZE : PAGE_HEADER_SIZE + CHECKSUMMED]):
        return "wrong checksum"
    if version != VERSION:
        return f"format version {version}, known is {VERSION}"
    meta = Meta(
        page_size=page_size,
        root=root,
        sequence=sequence,
        freelist=freelist,
        high_water=high_water,
        txid=txid,
        slot=slot,
        flags=flags,
    )
    return _meta_fault(meta) or meta


def _meta_fault(meta: Meta) -> str:
    """Say what cannot be right in *meta*, whose checksum is; empty when all can."""
    size = meta.page_size
    if not SMALLEST_PAGE <= size <= LARGEST_PAGE or size & (size - 1):
        return f"impossible page size {size}"
    if not FIRST_DATA_PAGE <= meta.root < meta.high_water:
        return f"impossible root page {meta.root}"
    if meta.freelist != NO_FREELIST and not FIRST_DATA_PAGE <= meta.freelist < meta.high_water:
        return f"impossible free-list page {meta.freelist}"
    return ""
