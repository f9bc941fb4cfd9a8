"""Reads and changes what a store's database holds, with the store's machine off or Podman at rest.

BoltDB files are read with our own engine, which `tests/peer/boltdb` holds against the reference library;
`db.sql` with the standard library.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from libpod import boltdb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKETS = {"container": b"ctr", "pod": b"pod", "volume": b"vol"}
TABLES = {"container": ("Container", "ID"), "pod": ("Pod", "ID"), "volume": ("Volume", "Name")}


class Stored(NamedTuple):
    """One object as it is stored."""

    name: str
    config: bytes
    state: bytes | None
    netns: str | None

    @property
    def lock_number(self) -> int:
        """The number of the object's lock."""
        return int(json.loads(self.config)["lockID"])

    def state_json(self) -> dict[str, Any]:
        """Return the state, decoded; empty where none is stored."""
        decoded = json.loads(self.state or b"{}")
        assert isinstance(decoded, dict)
        return decoded


def objects(path: Path, kind: str) -> dict[str, Stored]:
    """Return all objects of one *kind* (container, pod, volume) by their ID, a volume by its name."""
    return dict(_sqlite_objects(path, kind) if path.suffix == ".sql" else _bolt_objects(path, kind))


def _bolt_objects(path: Path, kind: str) -> Iterator[tuple[str, Stored]]:
    with _bolt(path) as database, database.view() as transaction:
        parent = transaction.bucket(BUCKETS[kind])
        assert parent is not None
        for key in list(parent.keys()):
            bucket = parent.bucket(key)
            assert bucket is not None
            config = bucket.get(b"config")
            assert config is not None
            netns = bucket.get(b"netns")
            name = str(json.loads(config).get("name", key.decode()))
            yield key.decode(), Stored(name, config, bucket.get(b"state"), netns.decode() if netns else None)


def _sqlite_objects(path: Path, kind: str) -> Iterator[tuple[str, Stored]]:
    table, key = TABLES[kind]
    # Podman stores the JSON as BLOBs, whatever the columns say; a TEXT in one is as good for it.
    columns = f"c.{key}, CAST(c.JSON AS BLOB), CAST(s.JSON AS BLOB)"
    query = f"SELECT {columns} FROM {table}Config c LEFT JOIN {table}State s USING ({key})"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for identifier, config, state in connection.execute(query):
            name = json.loads(config).get("name", identifier)
            yield identifier, Stored(name, config, state, _netns(state))


def _netns(state: bytes | None) -> str | None:
    """Return the network namespace in a state; a broken state has none."""
    try:
        decoded = json.loads(state or b"{}")
    except (ValueError, RecursionError):
        return None
    return decoded.get("netns") if isinstance(decoded, dict) else None


@contextlib.contextmanager
def _bolt(path: Path, *, read_only: bool = True) -> Iterator[boltdb.Database]:
    database = boltdb.Database.open(str(path), read_only=read_only, create=False, timeout=30)
    try:
        yield database
    finally:
        database.close()


def named(path: Path, kind: str, name: str) -> tuple[str, Stored]:
    """Return the ID and the content of the object with this *name*."""
    for identifier, stored in objects(path, kind).items():
        if stored.name == name:
            return identifier, stored
    raise AssertionError(f"no {kind} {name} in {path}")


def write(path: Path, kind: str, identifier: str, part: str, value: bytes) -> None:
    """Replace the "config" or "state" of one object by *value*, whatever that is."""
    if path.suffix == ".sql":
        table, key = TABLES[kind]
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            query = f"UPDATE {table}{part.capitalize()} SET JSON = ? WHERE {key} = ?"
            connection.execute(query, (value, identifier))
        return
    with _bolt(path, read_only=False) as database, database.update() as transaction:
        parent = transaction.bucket(BUCKETS[kind])
        assert parent is not None
        bucket = parent.bucket(identifier.encode())
        assert bucket is not None
        bucket.put(part.encode(), value)


def change(path: Path, kind: str, identifier: str, part: str, **changes: object) -> None:
    """Set single keys in the "config" or "state" of one object."""
    stored = objects(path, kind)[identifier]
    decoded = json.loads((stored.config if part == "config" else stored.state) or b"{}")
    decoded.update(changes)
    write(path, kind, identifier, part, json.dumps(decoded, separators=(",", ":")).encode())


def lock_numbers(path: Path) -> dict[str, int]:
    """Return the lock number of every container, pod and volume by its kind and ID."""
    return {
        f"{kind} {identifier}": stored.lock_number
        for kind in BUCKETS
        for identifier, stored in objects(path, kind).items()
    }
