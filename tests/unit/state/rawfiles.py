"""A hand in the databases behind the back of the state store."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from libpod import boltdb, state
from tests.unit.state.samples import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = {"container": ("Container", "ID"), "pod": ("Pod", "ID"), "volume": ("Volume", "Name")}
BUCKETS = {"container": b"ctr", "pod": b"pod", "volume": b"vol"}


@contextlib.contextmanager
def sqlite(path: str) -> Iterator[sqlite3.Connection]:
    """Open a database as SQLite does, without the checks of references, and commit at the end."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@contextlib.contextmanager
def bolt(path: str) -> Iterator[boltdb.Transaction]:
    """Open a database for writing."""
    with boltdb.Database.open(path) as opened, opened.update() as transaction:
        yield transaction


def bucket(transaction: boltdb.Transaction, *names: bytes | str) -> boltdb.Bucket:
    """Return the bucket with this path, which must be there."""
    found: boltdb.Bucket | boltdb.Transaction = transaction
    for name in names:
        inner = found.bucket(name if isinstance(name, bytes) else name.encode())
        assert inner is not None, name
        found = inner
    assert isinstance(found, boltdb.Bucket)
    return found


def stored(kind: str, directory: Path, object_kind: str, identifier: str, part: str) -> bytes | None:
    """Return the stored text of an object."""
    path = database(kind, directory)
    if kind == state.BOLTDB:
        with boltdb.Database.open(path, read_only=True) as opened, opened.view() as transaction:
            return bucket(transaction, BUCKETS[object_kind], identifier).get(part.encode())
    table, key = TABLES[object_kind]
    with sqlite(path) as connection:
        query = f"SELECT CAST(JSON AS BLOB) FROM {table}{part.capitalize()} WHERE {key} = ?"
        (value,) = connection.execute(query, (identifier,)).fetchone()
    return value if isinstance(value, bytes) else None


def store(
    kind: str, directory: Path, object_kind: str, identifier: str, part: str, value: bytes | None
) -> None:
    """Put a text in the place of the stored one; None removes it."""
    path = database(kind, directory)
    if kind == state.BOLTDB:
        with bolt(path) as transaction:
            place = bucket(transaction, BUCKETS[object_kind], identifier)
            place.delete(part.encode()) if value is None else place.put(part.encode(), value)
        return
    table, key = TABLES[object_kind]
    with sqlite(path) as connection:
        if value is None:
            connection.execute(f"DELETE FROM {table}{part.capitalize()} WHERE {key} = ?", (identifier,))
        else:
            # As text: a wrong encoding then shows in text and not in a BLOB.
            query = f"UPDATE {table}{part.capitalize()} SET JSON = CAST(? AS TEXT) WHERE {key} = ?"
            connection.execute(query, (value, identifier))
