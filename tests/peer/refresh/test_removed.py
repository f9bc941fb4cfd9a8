"""Containers that a reboot ends for good: made with `--rm`, and had run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab import database
from tests.lab.stores import PODMAN_4, PODMAN_5

if TYPE_CHECKING:
    from tests.lab.podman import Store
    from tests.lab.stores import Kind, MakeStore

STAY = {"stays": "exited", "never-ran": "created", "needs-it": "created", "needed": "exited"}


@pytest.fixture(params=[PODMAN_4, PODMAN_5], ids=str)
def store(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    """Containers made with --rm, some with volumes, in a pod, and needed by others, after a power cut."""
    kind: Kind = request.param
    store = make_store(kind)
    store.run("goes", "--rm", "-v", "/scratch", "-v", "named:/named")
    store.run("goes-too", "--rm", "--requires=goes")
    store.podman("pod", "create", "--name", "pod", "--infra=false")
    store.run("goes-from-pod", "--rm", "--pod=pod", "--net=none")
    store.run("stays", "-v", "/kept")
    store.create("never-ran", "--rm", "-v", "/kept")
    store.run("needed", "--rm")
    store.create("needs-it", "--requires=needed")
    store.reboot()
    return store


def check_removed(store: Store) -> None:
    """Podman sees what is to be left, nothing of what is gone, and makes the same names again."""
    assert store.states() == STAY
    listed = store.podman("ps", "-a", "--external", "--format", "{{.Names}}").stdout.split()
    assert sorted(listed) == sorted(STAY)
    assert len(store.podman("volume", "ls", "-q").stdout.split()) == 3
    assert "named" in store.podman("volume", "ls", "-q").stdout.split()
    numbers = database.lock_numbers(store.database)
    assert store.allocated_locks() == set(numbers.values())
    assert len(set(numbers.values())) == len(numbers)
    identifiers = database.objects(store.database, "container").keys()
    shelf = store.on_disk(f"{store.root}/overlay-containers")
    assert {path.name for path in shelf.iterdir() if path.is_dir()} == identifiers
    layers = [path.name for path in store.on_disk(f"{store.root}/overlay").iterdir()]
    assert len([name for name in layers if len(name) == 64]) == len(STAY) + 1
    assert store.libpod("db", "check").status == 0
    store.run("goes", "--rm", "-v", "named:/named")
    store.podman("start", "stays")
    store.podman("start", "needs-it")
    store.podman("rm", "-f", "-t", "0", "goes")


def test_removed_with_storage_and_anonymous_volumes(store: Store) -> None:
    planned = store.refresh("--dry-run")
    report = store.refresh()
    assert planned["removals"] == report["removals"]
    names = [entry["name"] for entry in report["removals"] if entry["kind"] == "container"]
    assert sorted(names) == ["goes", "goes-from-pod", "goes-too"]
    assert report["containers"]["removed"] == 3
    assert report["volumes"]["removed"] == 1
    assert len([line for line in report["actions"] if line.startswith("remove container")]) == 3
    assert [line for line in report["warnings"] if "container needed" in line]
    text = store.libpod("refresh", "--last").stdout
    assert "3 containers removed" in text
    check_removed(store)


@pytest.mark.parametrize("calls", ["fsync,fdatasync", "unlink,unlinkat,rmdir", "rename,renameat,renameat2"])
def test_killed_meanwhile(make_store: MakeStore, calls: str) -> None:
    tools.require_tool("strace")
    store = make_store()
    for number in range(1, 14, 2):
        for name in ("goes", "goes-too"):
            store.run(f"{name}-{number}", "--rm", "-v", "/scratch")
        store.reboot()
        fault = f"inject={calls}:signal=SIGKILL:when={number}"
        store.libpod("refresh", before=("strace", "-f", "-qq", "-o", "/dev/null", "-e", fault), check=False)
        store.refresh()
        assert store.states() == {}
        assert store.allocated_locks() == set()
        assert store.podman("volume", "ls", "-q").stdout == ""
        assert store.podman("ps", "-a", "--external", "-q").stdout == ""
    shelf = store.on_disk(f"{store.root}/overlay-containers")
    assert json.loads((shelf / "containers.json").read_text() or "[]") in ([], None)
    assert [path.name for path in shelf.iterdir() if path.is_dir()] == []


def test_something_of_somebody_else_is_mounted_in_it(make_store: MakeStore) -> None:
    store = make_store(tmp_dir="/srv/tmpdir")
    identifier = store.run("goes", "--rm")
    store.reboot()
    inside = f"{store.root}/overlay-containers/{identifier}/userdata/inside"
    store.machine.run(["sh", "-ec", f"mkdir {inside} /srv/precious; echo kept >/srv/precious/file"])
    store.machine.run(["mount", "--bind", "/srv/precious", inside])
    report = store.refresh()
    assert [line for line in report["warnings"] if f"something is mounted at {inside}" in line]
    assert store.states() == {"goes": "exited"}
    assert store.path("/srv/precious/file").read_text() == "kept\n"
    store.machine.run(["umount", inside])
    store.podman("start", "goes")


def test_in_the_same_boot(make_store: MakeStore) -> None:
    """All were killed and the runtime directory cleaned: mounts, locks and runc's state are still there."""
    store = make_store(PODMAN_4._replace(lock_type="shm"))
    store.run("goes", "--rm", "-v", "/scratch", "--shm-size=1m")
    store.run("stays")
    for name in ("goes", "stays"):
        store.kill(store.inspect(name)["State"]["ConmonPid"], store.pid(name))
    store.remove_tmp_dir()
    report = store.refresh()
    assert report["decision"] == "refresh"
    assert report["warnings"] == []
    assert [entry["name"] for entry in report["removals"]][:1] == ["goes"]
    assert store.states() == {"stays": "exited"}
    assert store.allocated_locks() == set(database.lock_numbers(store.database).values())
    assert report["removals"][0]["id"] not in store.path("/proc/1/mounts").read_text()
    store.run("goes", "--rm")
    store.podman("start", "stays")
