"""Podman, buildah and skopeo read what we write to a store, and count mounts with us."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    for program in ("buildah", "skopeo"):
        tools.require_tool(program)
    return make_store()


def where(store: Store) -> tuple[str, ...]:
    return ("--root", store.root, "--runroot", store.run_root)


def count(store: Store) -> int:
    """How many users the one mounted layer has."""
    path = store.path(f"{store.run_root}/overlay-layers/mountpoints.json")
    return sum(record["count"] for record in json.loads(path.read_text() or "[]")) if path.exists() else 0


def test_all_programs_know_our_container(store: Store) -> None:
    identifier = store.libpod("create", "--name", "web", "--network", "none", IMAGE, "true").stdout.strip()
    assert "web" in store.podman("ps", "-a", "--format", "{{.Names}}").stdout
    listed = store.machine.run(["buildah", *where(store), "containers", "--all", "--json"]).stdout
    assert identifier in {entry["id"] for entry in json.loads(listed)}
    image = f"containers-storage:[overlay@{store.root}+{store.run_root}]{IMAGE}"
    assert json.loads(store.machine.run(["skopeo", "inspect", image]).stdout)["Architecture"]
    store.podman("rm", "web")
    assert "web" not in store.libpod("ps", "-a").stdout


def test_mounts_are_counted_together(store: Store) -> None:
    store.libpod("create", "--name", "web", "--network", "none", IMAGE, "true")
    path = store.libpod("mount", "web").stdout.strip()
    assert store.podman("mount", "web").stdout.strip() == path
    assert count(store) == 2
    store.libpod("umount", "web")
    assert store.path(f"{path}/bin").exists()
    assert count(store) == 1
    store.podman("umount", "web")
    assert count(store) == 0
    assert not store.path(path).exists()
    store.libpod("rm", "web")


def test_a_container_of_buildah_can_be_removed_by_force(store: Store) -> None:
    name = store.machine.run(["buildah", *where(store), "from", "--name", "theirs", IMAGE]).stdout.strip()
    assert name == "theirs"
    refused = store.libpod("create", "--name", "theirs", "--network", "none", IMAGE, "true", check=False)
    assert refused.status == 125
    assert "libpod rm --force theirs" in refused.stderr
    assert store.libpod("rm", "theirs", check=False).status == 1
    store.libpod("rm", "--force", "theirs")
    assert store.machine.run(["buildah", *where(store), "containers", "--all", "-q"]).stdout == ""
    assert len(json.loads(store.path(f"{store.root}/overlay-layers/layers.json").read_text())) == 1
