"""Podman 4.3 and our program use each other's volumes on one store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore

TMPFS = ("-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=uid=5")


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    return make_store()


def both(store: Store, *arguments: str) -> tuple[str, str]:
    """What both programs print."""
    return store.podman(*arguments).stdout, store.libpod(*arguments).stdout


def inspected(store: Store) -> list[list[dict[str, Any]]]:
    """What both programs say of all volumes."""
    found = [json.loads(text) for text in both(store, "volume", "inspect", "--all")]
    return [sorted(volumes, key=lambda volume: str(volume["Name"])) for volumes in found]


def test_both_make_the_same_volumes(store: Store) -> None:
    for program, prefix in ((store.podman, "theirs"), (store.libpod, "ours")):
        program("volume", "create", f"{prefix}-plain")
        program("volume", "create", "--label", "a=b", "-o", "o=uid=7,gid=8", f"{prefix}-owned")
        program("volume", "create", *TMPFS, f"{prefix}-tmpfs")
    theirs, ours = inspected(store)
    assert theirs == ours
    for volume in theirs:
        volume["Name"] = volume["Name"].removeprefix("theirs-").removeprefix("ours-")
        volume["Mountpoint"] = volume["Mountpoint"].replace("theirs-", "").replace("ours-", "")
        del volume["CreatedAt"]
    assert theirs[:3] == theirs[3:]
    config = store.libpod("db", "dump", "--format", "json").stdout
    rows = {row["bucket"][1]: row["value"] for row in json.loads(config)
            if row["bucket"][0] == "vol" and row.get("key") == "config"}  # fmt: skip
    for name in ("plain", "owned", "tmpfs"):
        pair = [json.loads(rows[f"{prefix}-{name}"]) for prefix in ("theirs", "ours")]
        assert list(pair[0]) == list(pair[1])
    assert len(store.allocated_locks()) == 6
    store.podman("volume", "rm", "ours-plain", "ours-owned", "ours-tmpfs")
    store.libpod("volume", "rm", "theirs-plain", "theirs-owned", "theirs-tmpfs")
    assert store.allocated_locks() == set()
    assert both(store, "volume", "ls", "-q") == ("", "")
    assert list(store.path(f"{store.root}/volumes").glob("*/_data")) == []


def test_containers_of_both_share_a_volume(store: Store) -> None:
    store.libpod("run", "-d", "--name", "ours", "-v", "v:/v", IMAGE, "sh", "-c", "echo 1 > /v/a; sleep 1000")
    store.run("theirs", "-v", "v:/v", command=("sh", "-c", "echo 2 > /v/b; sleep 1000"))
    assert store.podman("exec", "ours", "cat", "/v/b").stdout == "2\n"
    assert store.libpod("exec", "theirs", "cat", "/v/a").stdout == "1\n"
    mounts = [json.loads(text)[0]["Mounts"] for text in both(store, "inspect", "ours")]
    assert mounts[0] == mounts[1]
    for program in (store.podman, store.libpod):
        refused = program("volume", "rm", "v", check=False)
        assert refused.status == 2
        assert "used by" in refused.stderr
    store.podman("rm", "-f", "-t", "0", "ours")
    store.libpod("rm", "-f", "-t", "0", "theirs")
    # Podman 4.3 leaves its containers among the users of a volume.
    store.libpod("volume", "rm", "v")


def test_mounts_are_counted_together(store: Store) -> None:
    store.podman("volume", "create", *TMPFS, "t")
    store.run("theirs", "-v", "t:/t")
    store.libpod("run", "-d", "--name", "ours", "-v", "t:/t", IMAGE, "sleep", "1000")
    assert [volumes[0]["MountCount"] for volumes in inspected(store)] == [2, 2]
    store.libpod("exec", "ours", "touch", "/t/x")
    assert store.podman("exec", "theirs", "ls", "/t").stdout == "x\n"
    store.podman("stop", "-t", "0", "ours")
    store.libpod("stop", "-t", "0", "theirs")
    assert [volumes[0]["MountCount"] for volumes in inspected(store)] == [0, 0]
    store.libpod("start", "theirs")
    store.podman("start", "ours")
    assert [volumes[0]["MountCount"] for volumes in inspected(store)] == [2, 2]
    store.reboot()
    store.refresh()
    assert [volumes[0]["MountCount"] for volumes in inspected(store)] == [0, 0]
    store.podman("start", "theirs")
    store.libpod("start", "ours")
    store.podman("rm", "-f", "-t", "0", "theirs", "ours")
    assert [volumes[0]["MountCount"] for volumes in inspected(store)] == [0, 0]
    store.libpod("volume", "rm", "t")


def test_anonymous_volumes_of_the_other(store: Store) -> None:
    store.libpod("create", "--name", "ours", "-v", "/a", IMAGE, "true")
    store.create("theirs", "-v", "/a", "--volumes-from", "ours")
    (mount,) = store.inspect("theirs")["Mounts"]
    assert mount["Destination"] == "/a"
    store.create("more", "-v", "/m")
    store.podman("rm", "-v", "ours")
    store.libpod("rm", "-v", "theirs", "more")
    store.libpod("volume", "prune", "-f")
    assert both(store, "volume", "ls", "-q") == ("", "")
    assert store.allocated_locks() == set()


def test_overlays_and_images_of_both(store: Store) -> None:
    """Either program starts what the other has made, and none of both forgets a mount."""
    store.podman("volume", "create", "v")
    options = ("-v", "/tmp:/d:O", "-v", "v:/e:O,U", f"--mount=type=image,src={IMAGE},dst=/f,rw=true")
    command = ("sh", "-c", "touch /d/new /e/new /f/new && echo done")
    for make in (store.podman, store.libpod):
        make("create", "--name", "c", "--network", "none", *options, IMAGE, *command)
        for start in (store.libpod, store.podman, store.podman, store.libpod):
            assert start("start", "-a", "c").stdout == "done\n"
        mounted = [json.loads(text)[0]["Mounts"] for text in both(store, "inspect", "c")]
        kinds = [sorted(mount["Type"] for mount in mounts if mount["Type"] != "bind") for mounts in mounted]
        assert kinds == [["image", "volume"]] * 2
        store.libpod("rm", "c")
    store.machine.run(["test", "!", "-e", "/tmp/new"])
    store.podman("volume", "rm", "v")
    store.podman("rmi", IMAGE)
