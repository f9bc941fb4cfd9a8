"""Containers with mapped IDs, started and removed by either program, whoever made them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab.podman import IMAGE

if TYPE_CHECKING:
    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

MAP = ("cat", "/proc/self/uid_map")
KINDS = (
    ("--uidmap", "0:100000:65536"),
    ("--gidmap", "0:200000:1000"),
    ("--uidmap", "0:300000:10", "--network", "host"),
    ("--uidmap", "0:300000:10", "--privileged"),
)


def show_proc(store: Store) -> None:
    """Mount one more /proc: files are hidden in the machine's own.

    Then the kernel lets no user namespace mount one (mount_namespaces(7), "restrictions").
    """
    store.machine.run(["sh", "-c", "mkdir -p /run/whole-proc && mount -t proc proc /run/whole-proc"])


def layers(store: Store) -> int:
    return len(json.loads(store.path(f"{store.root}/overlay-layers/layers.json").read_text()))


@pytest.mark.parametrize("maker", ["podman", "libpod"])
def test_each_starts_enters_and_removes_what_the_other_made(make_store: MakeStore, maker: str) -> None:
    store = make_store()
    show_proc(store)
    ours, theirs = store.libpod, store.podman
    make, other = (theirs, ours) if maker == "podman" else (ours, theirs)
    for number, options in enumerate(KINDS):
        name = f"c{number}"
        network = () if "--network" in options else ("--network", "none")
        make("create", "--name", name, *network, *options, IMAGE, "sleep", "1000")
        other("start", name)
        for program in (make, other):
            seen = program("exec", name, *MAP).stdout
            assert int(seen.split()[1]) >= 100000
            words = program("exec", name, "ls", "-ldn", "/", "/bin", "/data").stdout.split()
            assert [words[2:4], words[11:13], words[20:22]] == [["0", "0"]] * 3
            program("exec", name, "touch", "/data/written")
        other("stop", "-t", "0", name)
        make("start", name)
        assert other("exec", name, "ls", "/data").stdout == "written\n"
        other("rm", "-f", "-t", "0", name)
    assert layers(store) == 1


def test_both_share_a_user_namespace(make_store: MakeStore) -> None:
    store = make_store()
    show_proc(store)
    store.run("theirs", "--uidmap", "0:100000:65536")
    joined = store.libpod("run", "--rm", "--userns", "container:theirs", IMAGE, *MAP).stdout
    assert joined.split() == ["0", "100000", "65536"]
    store.libpod("run", "-d", "--name", "ours", "--uidmap", "0:200000:65536", IMAGE, "sleep", "1000")
    joined = store.podman("run", "--rm", "--net=none", "--userns", "container:ours", IMAGE, *MAP).stdout
    assert joined.split() == ["0", "200000", "65536"]
    for name in ("ours", "theirs"):
        store.podman("rm", "-f", "-t", "0", name)


def test_after_a_reboot_and_our_refresh_both_start_them(make_store: MakeStore) -> None:
    store = make_store()
    show_proc(store)
    store.run("theirs", "--uidmap", "0:100000:65536")
    store.libpod("run", "-d", "--name", "ours", "--uidmap", "0:200000:65536", IMAGE, "sleep", "1000")
    store.reboot()
    show_proc(store)
    assert store.refresh()["containers"]["reset"] == 2
    rooms = store.path(f"{store.tmp_dir}/containers-root")
    assert {entry.stat().st_uid for entry in rooms.iterdir()} == {100000, 200000}
    store.libpod("start", "theirs")
    store.podman("start", "ours")
    assert store.podman("exec", "theirs", *MAP).stdout.split()[1] == "100000"
    assert store.libpod("exec", "ours", *MAP).stdout.split()[1] == "200000"
    for name in ("ours", "theirs"):
        store.libpod("rm", "-f", "-t", "0", name)
    assert list(rooms.iterdir()) == []
