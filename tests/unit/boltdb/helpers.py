"""What the tests of the storage engine share: plain dicts as the model of a file, and a hand in its bytes."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from libpod.boltdb import Bucket, Database, Transaction
from libpod.boltdb.layout import META_END, Meta, decode_meta, encode_meta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")

Content = dict[bytes, "bytes | Content"]


def content(source: Transaction | Bucket) -> Content:
    """Return everything in *source* as nested dicts."""
    if isinstance(source, Transaction):
        return {name: content(bucket) for name, bucket in source.buckets()}
    found: Content = {}
    for key, value in source.items():
        if value is not None:
            found[key] = value
        else:
            nested = source.bucket(key)
            assert nested is not None
            found[key] = content(nested)
    return found


def stored(path: Path) -> Content:
    """Return everything in the file, which must be sound."""
    with Database.open(path, read_only=True) as db, db.view() as tx:
        assert problems(tx) == []
        assert db.warnings == []
        return content(tx)


def problems(tx: Transaction) -> list[str]:
    """Return what the checker finds, as text."""
    return [str(problem) for problem in tx.check()]


def fill(target: Transaction | Bucket, wanted: Content) -> None:
    """Put *wanted* into *target*."""
    for key, value in wanted.items():
        if isinstance(value, dict):
            fill(target.create_bucket(key), value)
        else:
            assert isinstance(target, Bucket)
            target.put(key, value)


def make(path: Path, wanted: Content) -> None:
    """Make the file *path* with *wanted* in it."""
    with Database.open(path) as db, db.update() as tx:
        fill(tx, wanted)


def require(bucket: Bucket | None) -> Bucket:
    """Return *bucket*, which must exist."""
    assert bucket is not None
    return bucket


def numbered(count: int, value: bytes = b"value") -> Content:
    """Return *count* keys in order."""
    return {b"key%06d" % number: value for number in range(count)}


def patch(path: Path, offset: int, data: bytes) -> None:
    """Overwrite bytes of the file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def page_bytes(path: Path, page: int, span: int = 1) -> bytes:
    """Return *span* pages from *page* on."""
    with path.open("rb") as file:
        file.seek(page * PAGE)
        return file.read(span * PAGE)


def read_meta(path: Path, slot: int) -> Meta:
    """Return the meta of one slot, which must be valid."""
    meta = decode_meta(page_bytes(path, slot)[:META_END], slot)
    assert isinstance(meta, Meta)
    return meta


def newest_meta(path: Path) -> Meta:
    """Return the meta that counts."""
    return max((read_meta(path, slot) for slot in (0, 1)), key=lambda meta: meta.txid)


def change_meta(path: Path, change: Callable[[Meta], None], slots: tuple[int, ...] = (0, 1)) -> None:
    """Change the metas of *slots*, with a right checksum again."""
    for slot in slots:
        meta = read_meta(path, slot)
        change(meta)
        patch(path, slot * PAGE, encode_meta(meta).ljust(PAGE, b"\0")[:PAGE])


def header(path: Path, page: int) -> tuple[int, int, int, int]:
    """Return a page's header: id, type, number of elements, overflow."""
    page_id, kind, count, overflow = struct.unpack_from("=QHHI", page_bytes(path, page))
    return page_id, kind, count, overflow


def pages_of_type(path: Path, kind: int) -> Iterator[int]:
    """Yield the pages in use whose header has this type; contents that look like one may be among them."""
    for page in range(2, newest_meta(path).high_water):
        page_id, found, _, _ = header(path, page)
        if page_id == page and found == kind:
            yield page
