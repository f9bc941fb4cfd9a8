"""A bucket: ordered keys with values, and further buckets."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from libpod.boltdb.layout import (
    BUCKET_FLAG,
    BUCKET_HEADER,
    BUCKET_HEADER_SIZE,
    MAX_DEPTH,
    MAX_KEY_SIZE,
    MAX_VALUE_SIZE,
    PAGE_HEADER_SIZE,
)
from libpod.boltdb.nodes import Branch, Leaf, decode_node, encode_leaf
from libpod.errors import DatabaseCorrupt, InvalidArgument, NoSuchObject, ObjectExists

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.boltdb.nodes import Node
    from libpod.boltdb.transaction import Transaction


class Bucket:
    """Keys and values in the order of the keys' bytes; made by a transaction or another bucket, and ends
    with the transaction.

    A key holds either a value or a bucket. A bucket that is small and has no buckets in it is stored
    inside its parent's page (*inline*, root page 0), any other one has a tree of pages.
    """

    __slots__ = ("_buckets", "_changed", "_name", "_node", "_parent", "_root", "_sequence", "_tx")

    def __init__(
        self,
        tx: Transaction,
        parent: Bucket | None,
        name: bytes,
        root: int,
        sequence: int,
        node: Leaf | None = None,
    ) -> None:
        self._tx: Transaction | None = tx
        self._parent = parent
        self._name = name
        self._root = root
        self._sequence = sequence
        self._node: Node | None = node
        """The root node, while it is inline or dirty."""
        self._buckets: dict[bytes, Bucket] = {}
        """Buckets in this one that a write transaction has opened: one object for each."""
        self._changed = False
        """The header is to be written again although no key was changed."""

    # Reading

    def get(self, key: bytes) -> bytes | None:
        """Return the value of *key*; None when there is no such key, or when it is a bucket."""
        leaf, index = self._find(key)
        if index < 0 or leaf.flags[index]:
            return None
        return bytes(leaf.values[index])

    def bucket(self, name: bytes) -> Bucket | None:
        """Return the bucket *name* in this one, or None. Raises DatabaseCorrupt when its header is
        damaged.
        """
        opened = self._buckets.get(name)
        if opened is not None:
            return opened
        leaf, index = self._find(name)
        if index < 0 or not leaf.flags[index]:
            return None
        return self._open(name, leaf.values[index], leaf.page)

    def items(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield every key with its value (None for a bucket), in order.

        Keys may be changed meanwhile. A change to a page that the walk has reached already may or may not
        be seen.
        """
        return self.seek(b"")

    def seek(self, key: bytes) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the keys from *key* on, like `items`."""
        for leaf, first in self._leaves(key):
            values = leaf.values[first:]
            for found, flag, value in zip(leaf.keys[first:], leaf.flags[first:], values, strict=True):
                yield found, None if flag else bytes(value)

    def __iter__(self) -> Iterator[bytes]:
        return self.keys()

    def __contains__(self, key: bytes) -> bool:
        return self._find(key)[1] >= 0

    def keys(self) -> Iterator[bytes]:
        """Yield every key, buckets included, in order."""
        for leaf, first in self._leaves(b""):
            yield from leaf.keys[first:]

    def buckets(self) -> Iterator[bytes]:
        """Yield the names of the buckets in this one, in order."""
        for leaf, first in self._leaves(b""):
            if any(leaf.flags):
                yield from [
                    key for key, flag in zip(leaf.keys[first:], leaf.flags[first:], strict=True) if flag
                ]

    @property
    def sequence(self) -> int:
        """The number that `next_sequence` gave last, 0 at first."""
        return self._sequence

    @sequence.setter
    def sequence(self, value: int) -> None:
        self._writable()
        self._sequence = value & 0xFFFFFFFFFFFFFFFF
        self._changed = True

    # Writing

    def put(self, key: bytes, value: bytes) -> None:
        """Set *key* (1 to 32768 bytes) to *value*. Raises InvalidArgument when *key* is a bucket or of a
        wrong size.
        """
        _require_key(key)
        if len(value) > MAX_VALUE_SIZE:
            raise InvalidArgument(
                f"value of {len(value)} bytes for key {readable(key)}: at most {MAX_VALUE_SIZE} are allowed"
            )
        self._writable()
        leaf, index = self._find(key, change=True)
        if index < 0:
            _insert(leaf, key, bytes(value), 0)
        elif leaf.flags[index]:
            raise InvalidArgument(f"{readable(key)} is a bucket and cannot have a value")
        else:
            leaf.values[index] = bytes(value)

    def delete(self, key: bytes) -> bool:
        """Remove *key* and its value; tell whether there was one. Raises InvalidArgument when *key* is a
        bucket.
        """
        self._writable()
        leaf, index = self._find(key)
        if index < 0:
            return False
        if leaf.flags[index]:
            raise InvalidArgument(f"{readable(key)} is a bucket: delete it as one")
        _remove(*self._find(key, change=True))
        return True

    def create_bucket(self, name: bytes) -> Bucket:
        """Make the bucket *name*. Raises ObjectExists when there is one, InvalidArgument when *name* has
        a value.
        """
        _require_key(name)
        tx = self._writable()
        leaf, index = self._find(name, change=True)
        if index >= 0:
            if leaf.flags[index]:
                raise ObjectExists(readable(name), f"bucket already exists: {readable(name)}")
            raise InvalidArgument(f"{readable(name)} has a value and cannot be a bucket")
        bucket = Bucket(tx, self, name, 0, 0, Leaf([], [], []))
        _insert(leaf, name, bucket._stored_value(), BUCKET_FLAG)
        self._remember(bucket)
        return bucket

    def create_bucket_if_missing(self, name: bytes) -> Bucket:
        """Return the bucket *name*, made if there is none."""
        return self.bucket(name) or self.create_bucket(name)

    def delete_bucket(self, name: bytes, *, lose_pages: bool = False) -> None:
        """Remove the bucket *name* with everything in it. Raises NoSuchObject when there is none.

        Raises DatabaseCorrupt, and changes nothing, where not all of its pages can be told, unless
        *lose_pages* is set: then nobody uses its pages any more, and nobody can.
        """
        self._writable()
        bucket = self.bucket(name)
        if bucket is None:
            raise NoSuchObject(readable(name), f"no such bucket: {readable(name)}")
        leaf, index = self._find(name, change=True)
        bucket._free(lose_pages=lose_pages)
        del self._buckets[name]
        _remove(leaf, index)

    def next_sequence(self) -> int:
        """Count this bucket's sequence up by one and return it."""
        self.sequence = self._sequence + 1
        return self._sequence

    def flush(self) -> None:
        """Write what was changed in this bucket and the buckets in it to new pages now, and forget it in
        memory.

        Nothing becomes visible before the transaction is committed: no committed page refers to the new
        ones. Keeps the memory of a transaction that changes many buckets small.
        """
        tx = self._writable()
        with tx.all_or_nothing():
            for bucket in reversed(self._in_memory()):
                bucket.write_changes()

    # Inside

    def _writable(self) -> Transaction:
        tx = self._live()
        tx.require_writable()
        return tx

    def _live(self) -> Transaction:
        if self._tx is None:
            raise InvalidArgument(f"bucket {readable(self._name)} was deleted in this transaction")
        self._tx.require_open()
        return self._tx

    def _descend(self, key: bytes, *, change: bool = False) -> tuple[Leaf, bytes | None]:
        """Find the leaf where *key* belongs, and the first key behind that leaf (None: it is the last leaf).

        With *change* every node on the way becomes dirty and is tied to this bucket, unless one of them
        is damaged.
        """
        tx = self._live()
        node = root = self._node or tx.load(self._root)
        upper: bytes | None = None
        way: list[tuple[Branch, int, Node]] = []
        while isinstance(node, Branch):
            keys = node.keys
            index = bisect_right(keys, key) or 1
            if index < len(keys):
                upper = keys[index]
            child = node.children[index - 1]
            if isinstance(child, int):
                child = tx.load(child, keys[index - 1], upper)
            way.append((node, index - 1, child))
            if len(way) > MAX_DEPTH:
                raise tx.corrupt(child.page, f"it is more than {MAX_DEPTH} levels deep: pages form a circle")
            node = child
        if change:
            self._node = tx.own(root)
            for branch, index, child in way:
                branch.children[index] = tx.own(child)
        return node, upper

    def _find(self, key: bytes, *, change: bool = False) -> tuple[Leaf, int]:
        """Find the leaf where *key* belongs and its index there; -1 when there is no such key."""
        leaf, _ = self._descend(key, change=change)
        index = bisect_left(leaf.keys, key)
        if index < len(leaf.keys) and leaf.keys[index] == key:
            return leaf, index
        return leaf, -1

    def _leaves(self, key: bytes) -> Iterator[tuple[Leaf, int]]:
        """Yield the leaves from *key* on, each with the index of its first key that counts."""
        start: bytes | None = key
        while start is not None:
            leaf, following = self._descend(start)
            yield leaf, bisect_left(leaf.keys, start)
            start = following

    def _open(self, name: bytes, value: bytes | memoryview, page: int) -> Bucket:
        """Make the bucket whose header and inline page *value* holds, which stands on *page*."""
        tx = self._live()
        try:
            root, sequence, node = decode_bucket(value)
        except ValueError as error:
            raise tx.corrupt(page, f"bucket {readable(name)} in it is damaged: {error}") from None
        if root:
            tx.claim_root(root, self, name)
        bucket = Bucket(tx, self, name, root, sequence, node)
        if tx.writable:
            self._remember(bucket)
        return bucket

    def _remember(self, bucket: Bucket) -> None:
        self._buckets[bucket._name] = bucket
        self._live().opened.append(bucket)

    def write_changes(self) -> None:
        """Write the dirty nodes of this bucket and put its new header into its parent."""
        tx = self._tx
        if tx is None or not (self._changed or (self._node is not None and self._node.dirty)):
            return
        from libpod.boltdb.tree import balance, write_tree

        if self._node is not None and self._node.dirty:
            node = balance(tx, self._node)
            if self._parent is not None and isinstance(node, Leaf) and _fits_inline(node, tx.page_size):
                tx.free(node.page, node.span)
                self._node, self._root = node, 0
                node.page = node.span = 0
                node.dirty = node.unbalanced = False
            else:
                self._root = write_tree(tx, node)
                self._node = None
        self._changed = False
        if self._parent is not None:
            leaf, index = self._parent._find(self._name, change=True)
            leaf.values[index] = self._stored_value()

    def header(self) -> tuple[int, int]:
        """Return root page and sequence as they were stored last."""
        return self._root, self._sequence

    def _stored_value(self) -> bytes:
        header = BUCKET_HEADER.pack(self._root, self._sequence)
        if self._root or not isinstance(self._node, Leaf):
            return header
        return header + encode_leaf(0, self._node.keys, self._node.values, self._node.flags)

    def pages(self) -> dict[int, int]:
        """Return the pages of this bucket and of all buckets in it, each with its span. Reads all of them."""
        return self._collect()[0]

    def _collect(self) -> tuple[dict[int, int], list[Bucket]]:
        from libpod.boltdb.tree import collect_tree

        tx = self._live()
        pages: dict[int, int] = {}
        buckets: list[Bucket] = [self]
        for bucket in buckets:
            for name, value in collect_tree(tx, bucket._node or bucket._root, pages):
                buckets.append(bucket._buckets.get(name) or bucket._open(name, value, bucket._root))
        return pages, buckets

    def _in_memory(self) -> list[Bucket]:
        """This bucket and those in it that were opened."""
        buckets: list[Bucket] = [self]
        for bucket in buckets:
            buckets.extend(bucket._buckets.values())
        return buckets

    def _free(self, *, lose_pages: bool) -> None:
        """Free every page of this bucket and of all buckets in it. Reads all of them before it changes
        anything.
        """
        try:
            pages, buckets = self._collect()
        except DatabaseCorrupt:
            if not lose_pages:
                raise
            pages, buckets = {}, self._in_memory()
        tx = self._writable()
        with tx.all_or_nothing():
            for page, span in pages.items():
                tx.free(page, span)
        for bucket in buckets:
            bucket._tx = None


def decode_bucket(value: bytes | memoryview) -> tuple[int, int, Leaf | None]:
    """Read a bucket's header: root page, sequence, and the leaf itself where it is stored inline.

    Raises ValueError, saying what is wrong with it.
    """
    if len(value) < BUCKET_HEADER_SIZE:
        raise ValueError(f"its header has {len(value)} bytes")
    root, sequence = BUCKET_HEADER.unpack_from(value)
    if root:
        return root, sequence, None
    if len(value) < BUCKET_HEADER_SIZE + PAGE_HEADER_SIZE:
        raise ValueError("its inline page is cut off")
    node = decode_node(bytes(value), start=BUCKET_HEADER_SIZE, span=0)
    if not isinstance(node, Leaf) or any(node.flags):
        raise ValueError("its inline page is not a page of keys and values")
    node.page = 0
    return root, sequence, node


def readable(key: bytes) -> str:
    """Return *key* for a message."""
    return key.decode("utf-8", "backslashreplace")


def _fits_inline(leaf: Leaf, page_size: int) -> bool:
    return not any(leaf.flags) and PAGE_HEADER_SIZE + sum(leaf.sizes()) <= page_size // 4


def _insert(leaf: Leaf, key: bytes, value: bytes, flag: int) -> None:
    index = bisect_left(leaf.keys, key)
    leaf.keys.insert(index, bytes(key))
    leaf.values.insert(index, value)
    leaf.flags.insert(index, flag)


def _remove(leaf: Leaf, index: int) -> None:
    del leaf.keys[index], leaf.values[index], leaf.flags[index]
    leaf.unbalanced = True


def _require_key(key: bytes) -> None:
    if not 0 < len(key) <= MAX_KEY_SIZE:
        raise InvalidArgument(f"key of {len(key)} bytes: 1 to {MAX_KEY_SIZE} are allowed")
