"""Databases that Podman 4.3 made, and works on while we do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Database
from tests.unit.boltdb.helpers import problems, require, stored

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore
    from tests.peer.boltdb.program import Reference

BUCKETS = {
    b"all-ctrs",
    b"allPods",
    b"allVolumes",
    b"ctr",
    b"exec",
    b"exit-code",
    b"exit-code-time-stamp",
    b"id-registry",
    b"name-registry",
    b"ns-registry",
    b"pod",
    b"runtime-config",
    b"vol",
    b"volume-ctrs",
}


def rewrite_states(path: Path, addition: bytes = b"") -> int:
    """Put every container's state anew, as a refresh does, with *addition* behind it; count them."""
    with Database.open(path, create=False) as db, db.update() as tx:
        containers = require(tx.bucket(b"ctr"))
        count = 0
        for name in containers.buckets():
            container = require(containers.bucket(name))
            state = container.get(b"state")
            assert state is not None
            container.put(b"state", state + addition)
            container.flush()
            count += 1
    return count


def test_everything_is_read_and_kept(make_store: MakeStore, reference: Reference) -> None:
    path = make_store(populated=True, boot=False).database
    before = stored(path)
    assert set(before) >= BUCKETS
    assert reference.content(path) == before
    for _ in range(3):
        assert rewrite_states(path) > 3
        reference.check(path)
        assert reference.content(path) == stored(path) == before


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store(populated=True)


def test_podman_goes_on_with_what_we_wrote(store: Store, reference: Reference) -> None:
    before = set(store.states())
    assert rewrite_states(store.database, b" ") == len(before)
    assert set(store.states()) == before
    store.create("added", "--label", "large=" + "x" * 20_000)
    rewrite_states(store.database, b" " * 9000)
    store.podman("rm", "added")
    assert set(store.states()) == before
    reference.check(store.database)
    with Database.open(store.database, read_only=True) as db, db.view() as tx:
        assert problems(tx) == []


def test_podman_and_we_at_the_same_time(store: Store, reference: Reference) -> None:
    def create() -> None:
        for number in range(6):
            store.create(f"made-{number}")

    before = set(store.states())
    writes = 0
    with ThreadPoolExecutor() as executor:
        made = executor.submit(create)
        while not made.done():
            rewrite_states(store.database)
            writes += 1
        made.result()
    assert writes > 6
    assert set(store.states()) == before | {f"made-{number}" for number in range(6)}
    reference.check(store.database)
