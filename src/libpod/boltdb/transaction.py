"""A transaction: one state of the file, and the pages that are to replace some of it."""

from __future__ import annotations

from bisect import bisect_left

from libpod import failpoints
from libpod.boltdb.bucket import Bucket, readable
from libpod.boltdb.freepages import FreeList, FreePages, encode_free_list, free_list_size
from libpod.boltdb.layout import Meta
from libpod.boltdb.nodes import decode_node
from libpod.errors import DatabaseClosed, DatabaseCorrupt, FileError, InvalidState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from libpod.boltdb.check import Problem
    from libpod.boltdb.database import Database
    from libpod.boltdb.nodes import Node
    from libpod.boltdb.pagefile import PageFile

CACHE_BYTES = 4 << 20
"""Clean pages that a transaction keeps in memory; when there are more, it forgets all of them."""

BUFFER_BYTES = 2 << 20
"""New pages that are collected before they are written to the file."""


class Transaction:
    """A state of the database, as `Database.view` and `Database.update` give it.

    A context manager: the end of the block commits a write transaction, and an exception rolls it back. A
    commit writes all new pages to places that no committed state uses, syncs, writes the meta page that
    makes them count, and syncs again: whenever it is interrupted, the file holds either the old state or
    the new one. A transaction without changes writes nothing.
    """

    __slots__ = (
        "_buffer",
        "_buffered",
        "_cache",
        "_cached",
        "_database",
        "_failed",
        "_file",
        "_file_size",
        "_free",
        "_freed",
        "_high_water",
        "_large",
        "_list",
        "_meta",
        "_open",
        "_own",
        "_root",
        "_roots",
        "opened",
        "page_size",
        "txid",
        "writable",
    )

    def __init__(self, database: Database, file: PageFile, meta: Meta, free: FreeList | None) -> None:
        """Begin on the state *meta*; with *free*, its settled free list, as a write transaction."""
        self._database = database
        self._file = file
        self._meta = meta
        self._open = True
        self._failed = False
        self.page_size = meta.page_size
        self.writable = free is not None
        self.txid = _next_txid(meta) if self.writable else meta.txid
        """The number of this transaction; for a reader, of the last one that it sees."""
        self.opened: list[Bucket] = []
        """Every bucket that a write transaction has opened; each stands behind the one that it is in."""

        self._cache: dict[int, Node] = {}
        self._cached = 0
        self._large: Node | None = None
        """The page of several pages that a reader has read last."""
        self._roots: dict[int, tuple[int, bytes]] = {meta.root: (0, b"")}
        """Root page: the bucket that claims it, as root page of its parent and name."""
        self._root = Bucket(self, None, b"", meta.root, meta.sequence)

        self._list = free or FreeList(meta.txid, 0, 0, ())
        self._free = FreePages(self._list.ids)
        self._freed: dict[int, int] = {}
        """Pages of the old state that the new one does not need: page, span."""
        self._own: dict[int, int] = {}
        """Pages that this transaction has made: page, span."""
        self._high_water = meta.high_water
        self._buffer: dict[int, bytes] = {}
        self._buffered = 0
        self._file_size = -1
        """Length of the file before this transaction made it longer; -1 when it did not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.writable and self._open:
            self.commit()
        else:
            self.rollback()

    # The top level

    def bucket(self, name: bytes) -> Bucket | None:
        """Return the top-level bucket *name*, or None."""
        return self._root.bucket(name)

    def buckets(self) -> Iterator[tuple[bytes, Bucket]]:
        """Yield name and bucket of every top-level bucket, in order."""
        for name in self._root.buckets():
            bucket = self._root.bucket(name)
            if bucket is not None:
                yield name, bucket

    def create_bucket(self, name: bytes) -> Bucket:
        """Make the top-level bucket *name*. Raises ObjectExists when there is one."""
        return self._root.create_bucket(name)

    def create_bucket_if_missing(self, name: bytes) -> Bucket:
        """Return the top-level bucket *name*, made if there is none."""
        return self._root.create_bucket_if_missing(name)

    def delete_bucket(self, name: bytes) -> None:
        """Remove the top-level bucket *name* with everything in it. Raises NoSuchObject when there is
        none.
        """
        self._root.delete_bucket(name)

    def check(self) -> Iterator[Problem]:
        """Read every page of the state that this transaction began with, and yield what is wrong with it."""
        from libpod.boltdb.check import check

        self.require_open()
        return check(self._file, self._meta)

    # The end

    def commit(self) -> None:
        """Make the changes of this write transaction count, durably. Raises FileError when the disk
        refuses them.

        The transaction has ended afterwards. After an error before the last sync the file holds its old
        state.
        """
        self.require_writable()
        try:
            with self.all_or_nothing():
                for bucket in reversed(self.opened):
                    bucket.write_changes()
                self._root.write_changes()
                if self._freed or self._own:
                    self._store()
        finally:
            self.rollback()

    def rollback(self) -> None:
        """End this transaction; changes that were not committed are dropped. Harmless when it has ended
        already.
        """
        if not self._open:
            return
        self._open = False
        self._cache.clear()
        self._large = None
        self._buffer.clear()
        self.opened.clear()
        if self._file_size >= 0:
            self._give_space_back()
        self._database.end(self)

    def _store(self) -> None:
        """Write the free list, all pages that are left, and the meta page."""
        free = self._write_free_list()
        self._write_buffer()
        failpoints.reach("boltdb.sync_data")
        self._file.sync()
        root, sequence = self._root.header()
        meta = Meta(
            page_size=self.page_size,
            root=root,
            sequence=sequence,
            freelist=free.page,
            high_water=self._high_water,
            txid=self.txid,
            slot=self.txid % 2,
            flags=self._meta.flags,
        )
        failpoints.reach("boltdb.meta")
        self._file_size = -1  # from here on the new pages may count
        self._file.write_meta(meta)
        failpoints.reach("boltdb.sync_meta")
        self._file.sync()
        self._database.committed(free)

    def _write_free_list(self) -> FreeList:
        old = self._list
        self.free(old.page, old.span)
        freed = [page for first, span in self._freed.items() for page in range(first, first + span)]
        pending = {**old.pending, self.txid: freed}
        kept = sum(map(len, pending.values()))
        span = self.pages_for(free_list_size(kept + self._free.count()))
        page = self.allocate(span)
        ids = sorted(self._free.ids())
        everything = [*ids, *(page for pages in pending.values() for page in pages)]
        self.write(page, span, encode_free_list(page, everything, span - 1))
        return FreeList(self.txid, page, span, ids, pending)

    def _give_space_back(self) -> None:
        try:
            if self._file.size() > self._file_size:
                self._file.truncate(self._file_size)
        except FileError as error:
            self._database.warnings.append(f"the file is longer than it needs to be: {error}")

    def pages(self) -> dict[int, int]:
        """Return every page that the buckets of this state use, with its span. Reads all of them."""
        return self._root.pages()

    # For buckets: reading

    def require_open(self) -> None:
        """Raise DatabaseClosed when this transaction has ended."""
        if not self._open:
            raise DatabaseClosed(f"{self._file.path}: the transaction has ended", path=self._file.path)

    def require_writable(self) -> None:
        """Raise InvalidState unless this is a write transaction in which nothing has failed."""
        self.require_open()
        if not self.writable:
            raise InvalidState(f"{self._file.path}: a read transaction changes nothing")
        if self._failed:
            raise InvalidState(
                f"{self._file.path}: a part of the transaction has failed, it can only be rolled back"
            )

    def corrupt(self, page: int, cause: str) -> DatabaseCorrupt:
        """Return the error for damage found on *page*."""
        return self._file.corrupt(page, cause)

    def load(self, page: int, lower: bytes | None = None, upper: bytes | None = None) -> Node:
        """Return the clean node on *page*, whose keys are from *lower* up to, but without *upper*.

        Raises DatabaseCorrupt for a page that is damaged, or has other keys, or is free.
        """
        node = self._large
        if node is None or node.page != page:
            node = self._cache.get(page) or self._read_node(page)
        keys = node.keys
        if keys and ((lower is not None and keys[0] < lower) or (upper is not None and keys[-1] >= upper)):
            raise self.corrupt(page, "it has keys that belong on other pages")
        return node

    def _read_node(self, page: int) -> Node:
        self.require_open()
        if page in self._own:
            data, span = self._own_page(page)
        else:
            data, span = self._file.read(page, self._meta.high_water)
            self._require_used(page, span)
        try:
            node = decode_node(data, span=span)
        except ValueError as error:
            raise self.corrupt(page, str(error)) from None
        if span > 1 and not self.writable:
            # Large values, which a reader wants once, or twice in turn: new memory for each would cost more.
            self._large = node
            return node
        self._cached += len(data)
        if self._cached > CACHE_BYTES:
            self._cache.clear()
            self._cached = len(data)
        self._cache[page] = node
        return node

    def _own_page(self, page: int) -> tuple[bytes, int]:
        if page in self._buffer:
            return self._buffer[page], self._own[page]
        return self._file.read(page, self._high_water)

    def _require_used(self, page: int, span: int) -> None:
        """Raise DatabaseCorrupt when the free list names *page*, or one of its overflow pages."""
        ids = self._list.ids
        index = bisect_left(ids, page)
        if index < len(ids) and ids[index] < page + span:
            raise self.corrupt(ids[index], "it is in use, but the free list has it as free")

    def claim_root(self, root: int, parent: Bucket, name: bytes) -> None:
        """Note that bucket *name* in *parent* has its root on page *root*; DatabaseCorrupt when another
        bucket has it there.
        """
        owner = (parent.header()[0], name)
        if self._roots.setdefault(root, owner) != owner:
            other = readable(self._roots[root][1]) or "the top level"
            raise self.corrupt(root, f"it is the root of bucket {readable(name)} and of {other}")

    # For buckets: writing

    def own(self, node: Node) -> Node:
        """Return *node*, dirty: it belongs to its bucket from now on, and its page will be replaced."""
        if not node.dirty:
            node.dirty = True
            self._cache.pop(node.page, None)
        return node

    def pages_for(self, size: int) -> int:
        """Return how many pages *size* bytes take."""
        return -(-size // self.page_size)

    def allocate(self, span: int) -> int:
        """Take *span* neighbouring pages that no committed state uses; return the first."""
        page = self._free.allocate(span)
        if page is None:
            page = self._high_water
            self._high_water += span
        self._own[page] = span
        return page

    def free(self, page: int, span: int) -> None:
        """Note that the new state does not need *page* with its *span* pages. Page 0 stands for none."""
        if not page:
            return
        if page in self._own:
            self._buffer.pop(page, None)
            self._cache.pop(page, None)
            self._free.release(page, self._own.pop(page))
        elif page in self._freed:
            raise self.corrupt(page, "it is used twice")
        else:
            self._freed[page] = span

    def write(self, page: int, span: int, data: bytes) -> None:
        """Set the *span* pages from *page* on to *data*, padded with zero bytes."""
        self._buffer[page] = data.ljust(span * self.page_size, b"\0")
        self._buffered += span * self.page_size
        if self._buffered >= BUFFER_BYTES:
            self._write_buffer()

    def _write_buffer(self) -> None:
        if self._high_water > self._meta.high_water:
            if self._file_size < 0:
                self._file_size = self._file.size()
            self._file.grow(self._high_water + 1)
        self._file.write(self._buffer)
        self._buffer.clear()
        self._buffered = 0

    def all_or_nothing(self) -> _Step:
        """Return a context manager for changes that belong together: when it is left by an exception,
        only a rollback is allowed.
        """
        self.require_writable()
        return _Step(self)

    def set_failed(self, *, failed: bool) -> None:
        """Note that a step is only half done, or done."""
        self._failed = failed


class _Step:
    """Several changes of a transaction that are worth nothing alone."""

    __slots__ = ("_tx",)

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def __enter__(self) -> None:
        self._tx.set_failed(failed=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._tx.set_failed(failed=False)


def _next_txid(meta: Meta) -> int:
    """Return the number of the transaction after *meta*, such that it is stored in the other meta page."""
    txid = meta.txid + 1
    return txid + 1 if txid % 2 == meta.slot else txid
