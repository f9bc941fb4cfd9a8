"""`bolt_state.db`: buckets and keys as Podman 4.3.1 writes them, and its lock."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from libpod import boltdb, state
from libpod.errors import DatabaseLocked
from libpod.state import boltdb_schema, records
from libpod.state.boltdb import BoltState
from libpod.state.identity import DatabaseConfig
from tests.unit.state.rawfiles import bolt, bucket
from tests.unit.state.samples import container, identifier, in_pod, pod, running_container, volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Content = dict[bytes, "bytes | Content"]
OURS = DatabaseConfig("linux", "/srv/libpod", "/run/libpod", "/run/store", "/srv", "", "/srv/volumes")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BoltState]:
    """Return an empty store."""
    with contextlib.closing(BoltState(str(tmp_path / "bolt_state.db"))) as opened:
        yield opened


def content(source: boltdb.Transaction | boltdb.Bucket) -> Content:
    """Return everything as nested mappings."""
    if isinstance(source, boltdb.Transaction):
        return {name: content(found) for name, found in source.buckets()}
    return {key: content(bucket_in(source, key)) if value is None else value for key, value in source.items()}


def bucket_in(source: boltdb.Bucket, name: bytes) -> boltdb.Bucket:
    found = source.bucket(name)
    assert found is not None
    return found


def everything(store: BoltState) -> Content:
    """Return the whole file."""
    with boltdb.Database.open(store.path, read_only=True) as opened, opened.view() as transaction:
        assert list(transaction.check()) == []
        return content(transaction)


def inside(found: Content, *path: bytes) -> Content:
    """Return the bucket at this path."""
    for name in path:
        inner = found[name]
        assert isinstance(inner, dict)
        found = inner
    return found


def test_buckets_of_a_new_store(store: BoltState) -> None:
    # What Podman 4.3.1 makes, but for `ns-registry`, which it makes where it is missing.
    expected = (
        "id-registry name-registry ctr all-ctrs pod allPods vol allVolumes volume-ctrs exec exit-code"
        " exit-code-time-stamp runtime-config"
    )
    assert everything(store) == {name.encode(): {} for name in expected.split()}


def test_keys_of_a_container(store: BoltState) -> None:
    record = running_container(1, newNetworks={"podman": {"aliases": ["x"], "interface_name": "eth0"}})
    store.add_container(record)
    store.add_exec_session(record, "session")
    full, found = record.id.encode(), everything(store)
    stored = inside(found, b"ctr", full)
    config, encoded = stored.pop(b"config"), stored.pop(b"state")
    assert stored == {
        b"netns": b"/run/netns/netns-1",
        b"dependencies": {},
        b"networks": {b"podman": b'{"aliases":["x"],"interface_name":"eth0"}'},
        b"exec": {b"session": full},
    }
    # Podman keeps networks and network namespace in these places only.
    assert isinstance(config, bytes)
    assert isinstance(encoded, bytes)
    assert b"newNetworks" not in config
    assert b'"netns"' not in encoded
    assert found[b"id-registry"] == found[b"all-ctrs"] == {full: b"container-1"}
    assert found[b"name-registry"] == {b"container-1": full}
    assert found[b"exec"] == {b"session": full}
    assert store.container(record.id).network_options == record.network_options


def test_references_are_kept_at_their_target(store: BoltState) -> None:
    store.add_volume(volume("data"))
    store.add_container(container(1))
    user = container(2, Dependencies=[identifier(1)], namedVolumes=[{"volumeName": "data"}])
    store.add_container(user)
    parent = pod(3)
    store.add_pod(parent)
    store.add_container_to_pod(parent, in_pod(parent, 4))
    with boltdb.Database.open(store.path, read_only=True) as opened, opened.view() as transaction:
        dependents = bucket(transaction, b"ctr", identifier(1), b"dependencies")
        assert content(dependents) == {user.id.encode(): b"container-2"}
        assert content(bucket(transaction, b"vol", "data", b"vol-dependencies")) == {
            user.id.encode(): user.id.encode()
        }
        members = bucket(transaction, b"pod", parent.id, b"containers")
        assert content(members) == {identifier(4).encode(): b"container-4"}
        assert bucket(transaction, b"ctr", identifier(4)).get(b"pod-id") == parent.id.encode()


def test_registry_of_volumes(store: BoltState) -> None:
    store.add_volume(volume("image", storageID="abc"))
    found = everything(store)
    assert found[b"allVolumes"] == {b"image": b"image"}
    assert found[b"volume-ctrs"] == {b"abc": b"image"}


def test_registry_of_namespaces(store: BoltState) -> None:
    record = container(1, namespace="team")
    store.add_container(record)
    assert everything(store)[b"ns-registry"] == {record.id.encode(): b"team"}
    store.remove_container(record)
    assert everything(store)[b"ns-registry"] == {}


def test_keys_of_the_configuration(store: BoltState) -> None:
    store.validate_config(OURS)
    assert everything(store)[b"runtime-config"] == {
        b"os": b"linux",
        b"static-dir": b"/srv/libpod",
        b"tmp-dir": b"/run/libpod",
        b"run-root": b"/run/store",
        b"graph-root": b"/srv",
        b"volume-path": b"/srv/volumes",
    }


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, b"1970-01-01T00:00:00Z"), (1795493247.5, b"2026-11-24T04:07:27.5Z")]
)
def test_time_of_an_exit_code(seconds: float, text: bytes) -> None:
    assert boltdb_schema.encode_time(seconds) == text
    assert boltdb_schema.decode_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"2026-11-24T04:07:27.123456789Z", 1795493247.123456),
        (b"2026-11-24T05:07:27+01:00", 1795493247.0),
        (b"yesterday", 0.0),
        (b"\xff", 0.0),
        (None, 0.0),
    ],
)
def test_time_that_another_program_wrote(text: bytes | None, seconds: float) -> None:
    assert boltdb_schema.decode_time(text) == pytest.approx(seconds, abs=1e-3)


def test_exit_code_that_is_not_a_number(store: BoltState) -> None:
    store.add_exit_code("x", 3)
    with bolt(store.path) as transaction:
        bucket(transaction, b"exit-code").put(b"y", b"three")
    assert store.exit_codes() == {"x": 3}
    assert [problem.identifier for problem in store.check()] == ["y"]


def test_what_is_not_ours_survives(store: BoltState) -> None:
    store.add_container(running_container(1))
    with bolt(store.path) as transaction:
        transaction.create_bucket(b"aliases").create_bucket(b"deep").put(b"\x00\xff", b"\xfe")
        inner = bucket(transaction, b"ctr", identifier(1))
        inner.put(b"later", b"kept")
        inner.create_bucket(b"laterBucket").put(b"a", b"b")
    store.refresh()
    found = everything(store)
    assert found[b"aliases"] == {b"deep": {b"\x00\xff": b"\xfe"}}
    stored = inside(found, b"ctr", identifier(1).encode())
    assert (stored[b"later"], stored[b"laterBucket"]) == (b"kept", {b"a": b"b"})
    assert b"netns" not in stored


def test_store_of_the_first_libpod(tmp_path: Path) -> None:
    """It has fewer buckets, and configurations without lock numbers."""
    path = str(tmp_path / "bolt_state.db")
    full = identifier(1).encode()
    with bolt(path) as transaction:
        for name in (
            b"id-registry",
            b"name-registry",
            b"ctr",
            b"all-ctrs",
            b"pod",
            b"allPods",
            b"runtime-config",
        ):
            transaction.create_bucket(name)
        for registry in (b"id-registry", b"all-ctrs"):
            bucket(transaction, registry).put(full, b"old")
        bucket(transaction, b"name-registry").put(b"old", full)
        inner = bucket(transaction, b"ctr").create_bucket(full)
        inner.put(b"config", b'{"id":"%s","name":"old"}' % full)
        inner.put(b"state", b'{"state":3,"pid":7,"execSessions":{"a":{}},"userNSRoot":"/kept"}')
        inner.create_bucket(b"dependencies")
    with contextlib.closing(state.open(state.BOLTDB, path, read_only=True)) as store:
        assert store.container(identifier(1)).status == records.RUNNING
        assert store.all_volumes() == []
    with contextlib.closing(state.open(state.BOLTDB, path)) as store:
        assert store.refresh().containers == 1
        assert store.container(identifier(1)).state == {"state": 1, "userNSRoot": "/kept"}


@pytest.mark.parametrize("read_only", [False, True])
def test_locked_database(store: BoltState, read_only: bool) -> None:
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        with boltdb.Database.open(store.path):
            os.write(ready[1], b"x")
            os.close(done[1])
            os.read(done[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        with pytest.raises(DatabaseLocked, match=store.path) as caught:
            BoltState(store.path, read_only=read_only, timeout=0.1)
        assert caught.value.holder is not None
        assert f"process {child}" in caught.value.holder
    finally:
        for descriptor in (*ready, *done):
            os.close(descriptor)
        os.waitpid(child, 0)
    assert store.all_containers() == []


def test_database_is_let_go_between_operations(store: BoltState) -> None:
    store.add_container(container(1))
    with boltdb.Database.open(store.path, timeout=0):
        pass


def test_damaged_meta_page_is_told(store: BoltState) -> None:
    store.add_container(container(1))
    store.add_container(container(2))
    with open(store.path, "r+b") as file:
        newest = max((0, 1), key=lambda slot: os.pread(file.fileno(), 8, slot * 4096 + 64)[::-1])
        file.seek((1 - newest) * 4096 + 40)
        file.write(b"\xee" * 8)
    with contextlib.closing(BoltState(store.path, read_only=True)) as again:
        assert len(again.all_containers()) == 2
        assert len(again.warnings) == 1
        assert "meta page" in again.warnings[0]
