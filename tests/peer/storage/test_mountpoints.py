"""Counts of mounts in a store of Podman whose mounts have vanished, or have not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab.stores import KINDS, Kind

if TYPE_CHECKING:
    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

RECONCILE = """
import sys
from libpod.storage.mountpoints import reconcile
for gone in reconcile(sys.argv[1], sys.argv[2], "overlay"):
    print(gone.path, gone.users)
"""


@pytest.fixture(params=KINDS[::2], ids=str)
def store(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    kind: Kind = request.param
    return make_store(kind)


def reconcile(store: Store) -> list[str]:
    command = [store.python, "-c", RECONCILE, store.root, store.run_root]
    return store.machine.run(command, environment=store.libpod_environment).stdout.splitlines()


def counts(store: Store) -> dict[str, int]:
    text = store.path(f"{store.run_root}/overlay-layers/mountpoints.json").read_text()
    return {entry["path"]: entry["count"] for entry in json.loads(text)}


def mounted(store: Store, path: str) -> bool:
    lines = store.path("/proc/1/mountinfo").read_text().splitlines()
    return any(line.split()[4] == path for line in lines)


def test_a_living_store_is_left_as_it_is(store: Store) -> None:
    store.run("running")
    before = counts(store)
    assert len(before) == 1
    assert reconcile(store) == []
    assert counts(store) == before
    store.podman("rm", "-f", "-t", "0", "running")
    assert counts(store) == {}


def test_mounts_that_vanished_are_forgotten_and_podman_mounts_and_unmounts_again(store: Store) -> None:
    store.create("gone")
    store.create("there")
    for _ in range(2):
        gone = store.podman("mount", "gone").stdout.strip()
    there = store.podman("mount", "there").stdout.strip()
    store.machine.run(["umount", gone])
    assert counts(store) == {gone: 2, there: 1}
    assert reconcile(store) == [f"{gone} 2"]
    assert counts(store) == {there: 1}

    assert store.podman("mount", "gone").stdout.strip() == gone
    assert counts(store) == {gone: 1, there: 1}
    store.podman("umount", "gone")
    assert counts(store) == {there: 1}
    assert not mounted(store, gone)
    assert mounted(store, there)
    store.podman("rm", "gone", "there")


def test_without_it_the_mount_stays_for_ever(store: Store) -> None:
    """Why counts are put right: what Podman does with a count that is too high."""
    store.create("gone")
    for _ in range(2):
        path = store.podman("mount", "gone").stdout.strip()
    store.machine.run(["umount", path])
    store.podman("mount", "gone")
    store.podman("umount", "gone")
    assert mounted(store, path)
