"""Containers with mapped IDs, started and removed by either program, whoever made them."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.lab import database
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


def give_ids(store: Store, uids: str, gids: str) -> None:
    """Give subordinate IDs to the account of containers, in the files of the machine."""
    for name, text in (("subuid", uids), ("subgid", gids)):
        store.path(f"/run/{name}").write_text(text)
        store.machine.run(["mount", "--bind", f"/run/{name}", f"/etc/{name}"])


def mapping(store: Store, name: str) -> list[str]:
    """The mapping of user IDs that both programs show for a container."""
    shown = store.inspect(name)["HostConfig"]["IDMappings"]["UidMap"]
    assert json.loads(store.libpod("inspect", name).stdout)[0]["HostConfig"]["IDMappings"]["UidMap"] == shown
    return list(shown)


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


def test_neither_gives_away_ids_that_the_other_has_chosen(make_store: MakeStore) -> None:
    store = make_store()
    show_proc(store)
    give_ids(store, "containers:1000000:7000\n", "containers:2000000:7000\n")
    programs = {"a": store.podman, "b": store.libpod, "c": store.podman, "d": store.libpod}
    for name, run in programs.items():
        run("create", "--name", name, "--network", "none", "--userns", "auto:size=1500", IMAGE, *MAP)
    expected = {name: 1000000 + 1500 * number for number, name in enumerate(programs)}
    assert {name: mapping(store, name) for name in programs} == {
        name: [f"0:{first}:1500"] for name, first in expected.items()
    }
    # Podman adds the namespace of its own at the start: whoever starts it has to.
    for run in (store.podman, store.libpod):
        for name, first in expected.items():
            assert run("start", "--attach", name).stdout.split() == ["0", str(first), "1500"]
    for run in (store.podman, store.libpod):
        refused = run("create", "--network", "none", "--userns", "auto:size=1500", IMAGE, *MAP, check=False)
        assert refused.status == 125, refused
    store.libpod("rm", "a")
    store.podman("rm", "d")
    # 1500 and 2500 are free, in two places: one range where that is enough.
    store.libpod("create", "--name", "e", "--userns", "auto:size=2000", IMAGE, *MAP)
    assert mapping(store, "e") == ["0:1004500:2000"]
    store.libpod("create", "--name", "f", "--userns", "auto:size=1900", IMAGE, *MAP)
    assert mapping(store, "f") == ["0:1000000:1500", "1500:1006500:400"]
    started = store.libpod("start", "--attach", "f").stdout.split()
    assert started == ["0", "1000000", "1500", "1500", "1006500", "400"]
    store.libpod("rm", "--all", "--force")
    assert layers(store) == 1


def test_the_records_of_chosen_ids_are_alike(make_store: MakeStore) -> None:
    store = make_store()
    give_ids(store, "containers:1000000:9000\n", "containers:2000000:9000\n")
    mode = "auto:size=100,uidmapping=5:5000:10,gidmapping=0:6000:1"
    for name, run in (("ours", store.libpod), ("theirs", store.podman)):
        run("create", "--name", name, "--network", "none", "--userns", mode, IMAGE, *MAP)
    found = {}
    for stored in database.objects(store.database, "container").values():
        options = json.loads(stored.config)["idMappingsOptions"]
        for side in ("UIDMap", "GIDMap"):
            ranges = options[side]
            # Both have the ranges that were asked for; the others have IDs of their own.
            options[side] = sorted((entry["container_id"], entry["size"]) for entry in ranges)
            assert {"UIDMap": 5000, "GIDMap": 6000}[side] in [entry["host_id"] for entry in ranges]
        found[stored.name] = options
    assert found["ours"] == found["theirs"]


def test_both_choose_at_the_same_time(make_store: MakeStore) -> None:
    store = make_store()
    give_ids(store, "containers:1000000:1600\n", "containers:2000000:1600\n")
    options = ("--network", "none", "--userns", "auto:size=100", IMAGE)
    programs = (["podman", *store.options], store.libpod_command())
    loops = [
        " ".join(
            ["for i in 1 2 3 4 5 6 7 8; do", shlex.join([*words, "create", "--name"]), f"{name}$i",
             shlex.join(options), "true || exit 1; done"]
        )
        for name, words in zip("ab", programs, strict=True)
    ]  # fmt: skip
    script = f"({loops[0]}) & first=$!; ({loops[1]}); second=$?; wait $first && exit $second"
    store.machine.run(["sh", "-c", script], environment=store.libpod_environment)
    given = sorted(mapping(store, name)[0] for name in store.states())
    assert given == sorted(f"0:{1000000 + 100 * number}:100" for number in range(16))
