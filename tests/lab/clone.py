"""Multiplies one container of a store: a thousand made by Podman would take minutes.

Each copy has an ID, a name, a lock number, storage records, a layer and a directory of its own, so Podman
lists, starts and removes it like one that it made. The machine must be off.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from libpod import boltdb
from tests.lab import database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.lab.podman import Store

# How many go into one transaction: bounds the memory that the bench needs.
AT_ONCE = 500


class Copy(NamedTuple):
    """What distinguishes one copy."""

    identifier: str
    name: str
    layer: str
    lock_number: int


def containers(store: Store, original: str, count: int) -> list[str]:
    """Make *count* copies of the container *original* and return their names."""
    identifier, stored = database.named(store.database, "container", original)
    first = max(database.lock_numbers(store.database).values()) + 1
    copies = [
        Copy(secrets.token_hex(32), f"{original}-{number}", secrets.token_hex(32), first + number)
        for number in range(count)
    ]
    _copy_storage(store.on_disk(store.root), identifier, original, copies)
    for start in range(0, count, AT_ONCE):
        _store(store.database, identifier, stored, copies[start : start + AT_ONCE])
    return [copy.name for copy in copies]


# Storage.


def _copy_storage(root: Path, identifier: str, original: str, copies: Sequence[Copy]) -> None:
    layer = _copy_records(root, identifier, original, copies)
    for copy in copies:
        _copy_layer(root / "overlay", layer, copy.layer)
        source = root / "overlay-containers" / identifier
        shutil.copytree(source, source.with_name(copy.identifier), symlinks=True)
        config = source.with_name(copy.identifier) / "userdata" / "config.json"
        if config.exists():
            config.write_bytes(_renamed(config.read_bytes(), identifier, copy.identifier))


def _copy_records(root: Path, identifier: str, original: str, copies: Sequence[Copy]) -> str:
    """Add the storage records of all copies; return the layer of the original."""
    container = _find(root / "overlay-containers/containers.json", identifier)
    layer = _find(root / "overlay-layers/layers.json", container["layer"])
    new_containers, new_layers = [], []
    for copy in copies:
        metadata = json.loads(container["metadata"]) | {"name": copy.name}
        changes = {"id": copy.identifier, "names": [copy.name], "layer": copy.layer}
        new_containers.append(container | changes | {"metadata": json.dumps(metadata, separators=(",", ":"))})
        new_layers.append(layer | {"id": copy.layer, "names": [f"{copy.name}-layer"]})
    _append(root / "overlay-containers/containers.json", new_containers)
    _append(root / "overlay-layers/layers.json", new_layers)
    return str(container["layer"])


def _find(path: Path, identifier: str) -> dict[str, Any]:
    for record in json.loads(path.read_text()):
        if record["id"] == identifier:
            assert isinstance(record, dict)
            return record
    raise AssertionError(f"{path} has no record of {identifier}")


def _append(path: Path, records: Sequence[dict[str, Any]]) -> None:
    path.write_text(json.dumps([*json.loads(path.read_text()), *records], separators=(",", ":")))


def _copy_layer(home: Path, original: str, identifier: str) -> None:
    """Copy an empty container layer: it has a short name of its own and the lower layers of the original."""
    link = base64.b32encode(secrets.token_bytes(17)).decode()[:26]
    directory = home / identifier
    shutil.copytree(home / original, directory, symlinks=True)
    (directory / "link").write_text(link)
    (home / "l" / link).symlink_to(f"../{identifier}/diff")


# Database.


def _store(path: Path, identifier: str, stored: database.Stored, copies: Sequence[Copy]) -> None:
    if path.suffix == ".sql":
        _store_sqlite(path, identifier, stored, copies)
    else:
        _store_bolt(path, identifier, stored, copies)


def _values(identifier: str, stored: database.Stored, copy: Copy) -> tuple[bytes, bytes]:
    """Return the config and the state of *copy*."""
    assert stored.state is not None
    config = json.loads(_renamed(stored.config, identifier, copy.identifier))
    config |= {"name": copy.name, "lockID": copy.lock_number}
    state = _renamed(stored.state, identifier, copy.identifier)
    return json.dumps(config, separators=(",", ":")).encode(), state


def _renamed(value: bytes, old: str, new: str) -> bytes:
    """Replace the ID, long or short (the host name of a container is its short ID)."""
    return value.replace(old.encode(), new.encode()).replace(old[:12].encode(), new[:12].encode())


def _store_bolt(path: Path, identifier: str, stored: database.Stored, copies: Sequence[Copy]) -> None:
    engine = boltdb.Database.open(str(path), create=False, timeout=30)
    try:
        with engine.update() as transaction:
            ids, names, every, parent = (
                _bucket(transaction, name) for name in (b"id-registry", b"name-registry", b"all-ctrs", b"ctr")
            )
            for copy in copies:
                key, name = copy.identifier.encode(), copy.name.encode()
                ids.put(key, name)
                names.put(name, key)
                every.put(key, name)
                bucket = parent.create_bucket(key)
                config, state = _values(identifier, stored, copy)
                bucket.put(b"config", config)
                bucket.put(b"state", state)
                bucket.create_bucket(b"dependencies")
    finally:
        engine.close()


def _bucket(transaction: boltdb.Transaction, name: bytes) -> boltdb.Bucket:
    found = transaction.bucket(name)
    assert found is not None, name
    return found


def _store_sqlite(path: Path, identifier: str, stored: database.Stored, copies: Sequence[Copy]) -> None:
    with _connection(path) as connection:
        row = connection.execute(
            "SELECT State, ExitCode FROM ContainerState WHERE ID = ?", (identifier,)
        ).fetchone()
        for copy in copies:
            config, state = (value.decode() for value in _values(identifier, stored, copy))
            connection.execute("INSERT INTO IDNamespace VALUES (?)", (copy.identifier,))
            values = (copy.identifier, copy.name, None, config)
            connection.execute("INSERT INTO ContainerConfig VALUES (?, ?, ?, ?)", values)
            connection.execute(
                "INSERT INTO ContainerState VALUES (?, ?, ?, ?)", (copy.identifier, *row, state)
            )


@contextlib.contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(os.fspath(path))) as connection, connection:
        yield connection
