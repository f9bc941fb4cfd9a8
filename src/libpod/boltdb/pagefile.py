"""The open file: reading and writing whole pages, and its two meta pages."""

from __future__ import annotations

import errno
import os
from io import FileIO
from sys import byteorder

from libpod import failpoints
from libpod.boltdb.layout import (
    FIRST_DATA_PAGE,
    FREELIST_PAGE,
    LARGEST_PAGE,
    LEAF_PAGE,
    META_END,
    PAGE_HEADER,
    SMALLEST_PAGE,
    Meta,
    decode_meta,
    encode_meta,
)
from libpod.errors import DatabaseCorrupt, FileError

PAGESIZE = os.sysconf("SC_PAGE_SIZE")

BUFFERS_AT_ONCE = 512
"""Pages handed to one pwritev(2), which takes at most 1024."""

FIRST_PAGES = 4
"""Pages of a new file: two metas, a free list, the root bucket."""

SMALLEST_FILE = 1 << 15
LARGEST_STEP = 1 << 24
"""A growing file is doubled, from 32 KiB on; from 16 MiB on it grows by 16 MiB at a time. bbolt does the
same.
"""

CHECK_HINT = "restore a backup of the file; `libpod db check` lists all damage in it"


_HINTS = {
    errno.ENOSPC: "the file system is full: free some space, the database holds its old state",
    errno.EDQUOT: "the disk quota is used up: free some space, the database holds its old state",
    errno.EROFS: "the file system is mounted read-only",
    errno.EACCES: "the database belongs to another user, or its directory forbids it",
    errno.EISDIR: "the database is a file; is the path one directory short?",
}


def failure(operation: str, path: str, error: OSError) -> FileError:
    """Return the FileError for *error*, with a hint for the usual causes."""
    return FileError(operation, path, error, hint=_HINTS.get(error.errno or 0))


class PageFile:
    """A bolt file that is open and locked. System errors become FileError, damage becomes DatabaseCorrupt."""

    __slots__ = ("_stream", "descriptor", "page_size", "path")

    def __init__(self, descriptor: int, path: str) -> None:
        self._stream = FileIO(descriptor)  # gives the lock back, should the file be forgotten without close()
        self.descriptor = descriptor
        self.path = path
        self.page_size = PAGESIZE

    def close(self) -> None:
        """Close the file, which also gives its lock back."""
        self._stream.close()

    def corrupt(self, page: int, cause: str) -> DatabaseCorrupt:
        """Return the error for damage found on *page*."""
        return DatabaseCorrupt(f"{self.path}: page {page}: {cause}", path=self.path, hint=CHECK_HINT)

    def size(self) -> int:
        """Return the size of the file in bytes."""
        return os.fstat(self.descriptor).st_size

    # Pages

    def read(self, page: int, high_water: int) -> tuple[bytes, int]:
        """Return *page* with its overflow pages, and how many pages these are together.

        Raises DatabaseCorrupt when it is not a page below *high_water*, says of itself that it is another
        page, or is cut off.
        """
        if not FIRST_DATA_PAGE <= page < high_water:
            raise self.corrupt(page, f"something refers to it, but pages 2 to {high_water - 1} are in use")
        data = self._read(page * self.page_size, self.page_size)
        if len(data) < self.page_size:
            raise self.corrupt(page, "the file ends before or inside it")
        own_id, overflow = int.from_bytes(data[:8], byteorder), int.from_bytes(data[12:16], byteorder)
        if own_id != page:
            raise self.corrupt(page, f"it says that it is page {own_id}")
        if not overflow:
            return data, 1
        if page + overflow >= high_water:
            raise self.corrupt(page, f"its {overflow} overflow pages reach beyond the pages in use")
        data = self._read(page * self.page_size, (overflow + 1) * self.page_size)
        if len(data) < (overflow + 1) * self.page_size:
            raise self.corrupt(page, "the file ends inside it")
        return data, overflow + 1

    def _read(self, offset: int, size: int) -> bytes:
        try:
            data = os.pread(self.descriptor, size, offset)
            while 0 < len(data) < size:
                more = os.pread(self.descriptor, size - len(data), offset + len(data))
                if not more:
                    break
                data += more
        except OSError as error:
            raise failure("read", self.path, error) from error
        return data

    def write(self, pages: dict[int, bytes]) -> None:
        """Write *pages* (id: bytes, a multiple of the page size), neighbours together. Raises FileError,
        with ENOSPC for a full disk.
        """
        failpoints.reach("boltdb.write")
        batch: list[bytes] = []
        first = following = 0
        for page in sorted(pages):
            data = pages[page]
            if page != following or len(batch) >= BUFFERS_AT_ONCE:
                self._write(batch, first)
                batch = []
                first = page
            batch.append(data)
            following = page + len(data) // self.page_size
        self._write(batch, first)

    def _write(self, buffers: list[bytes], page: int) -> None:
        if not buffers:
            return
        offset = page * self.page_size
        size = sum(map(len, buffers))
        try:
            written = os.pwritev(self.descriptor, buffers, offset)
            if written < size:
                rest = memoryview(b"".join(buffers))
                while written < size:
                    written += os.pwrite(self.descriptor, rest[written:], offset + written)
        except OSError as error:
            raise failure("write", self.path, error) from error

    def grow(self, pages: int) -> None:
        """Make the file long enough for *pages* pages. The next sync makes the new length durable."""
        wanted = pages * self.page_size
        if self.size() >= wanted:
            return
        length = SMALLEST_FILE
        while length < wanted and length < LARGEST_STEP:
            length *= 2
        self.truncate(length if length >= wanted else wanted + LARGEST_STEP)

    def truncate(self, size: int) -> None:
        """Set the length of the file to *size* bytes."""
        try:
            os.ftruncate(self.descriptor, size)
        except OSError as error:
            raise failure("resize", self.path, error) from error

    def sync(self) -> None:
        """Wait until everything that was written is on the disk."""
        try:
            os.fdatasync(self.descriptor)
        except OSError as error:
            raise failure("sync", self.path, error) from error

    # Meta pages

    def initialize(self) -> None:
        """Write the first state: an empty free list and an empty root bucket. For an empty file."""
        try:
            self.write(dict(enumerate(_first_pages())))
        except FileError:
            self.truncate(0)
            raise
        failpoints.reach("boltdb.sync_data")
        self.sync()

    def is_blank(self) -> bool:
        """Tell whether the file is empty, or the machine failed while its first state was being written."""
        size = self.size()
        if size != FIRST_PAGES * PAGESIZE:
            return not size
        data = self._read(0, size)
        pages = [data[start : start + PAGESIZE] for start in range(0, size, PAGESIZE)]
        first = _first_pages()
        return pages != first and all(
            page in (want, bytes(PAGESIZE)) for page, want in zip(pages, first, strict=True)
        )

    def metas(self) -> list[Meta | str]:
        """Read both meta pages; for one that is not valid, what is wrong with it."""
        first = decode_meta(self._read(0, META_END), 0)
        if isinstance(first, Meta):
            return [first, self._second_meta(first.page_size)]
        size = SMALLEST_PAGE
        while size <= LARGEST_PAGE:
            second = self._second_meta(size)
            if isinstance(second, Meta):
                return [first, second]
            size *= 2
        return [first, self._second_meta(self.page_size)]

    def _second_meta(self, page_size: int) -> Meta | str:
        meta = decode_meta(self._read(page_size, META_END), 1)
        if isinstance(meta, Meta) and meta.page_size != page_size:
            return f"it stands at byte {page_size}, but has page size {meta.page_size}"
        return meta

    def write_meta(self, meta: Meta) -> None:
        """Write *meta* to its meta page."""
        self._write([encode_meta(meta)], meta.slot)


def _first_pages() -> list[bytes]:
    """Return the pages of a new file."""
    metas = [
        Meta(
            page_size=PAGESIZE,
            root=3,
            sequence=0,
            freelist=2,
            high_water=FIRST_PAGES,
            txid=slot,
            slot=slot,
        )
        for slot in (0, 1)
    ]
    empty = [PAGE_HEADER.pack(page, kind, 0, 0) for page, kind in ((2, FREELIST_PAGE), (3, LEAF_PAGE))]
    return [*map(encode_meta, metas), *(page.ljust(PAGESIZE, b"\0") for page in empty)]
