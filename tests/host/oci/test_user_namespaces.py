"""Containers whose users are others on the host: mappings, files, and what is left of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.host import mounts
from libpod.storage import idmaps
from libpod.storage.idmaps import IdMaps
from tests.lab import image

if TYPE_CHECKING:
    from tests.lab.containers import Room

MAPPED = ("--uidmap", "0:200000:65536")
LOOK = "cat /proc/self/uid_map /proc/self/gid_map; stat -c '%u %g %n' / /bin/busybox /home/worker /dev/shm"
SEEN = [
    "0 200000 65536",
    "0 200000 65536",
    "0 0 /",
    "0 0 /bin/busybox",
    "1000 1000 /home/worker",
    "0 0 /dev/shm",
]


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("by_mount", [True, False], ids=["mapped by the mount", "files changed"])
def test_a_mapped_container_from_start_to_end(room: Room, *, by_mount: bool) -> None:
    if not by_mount:
        # What a kernel without ID-mapped lower directories makes of its one trial.
        answer = room.run_root / "overlay" / "idmapped-lower-dir-false"
        answer.parent.mkdir(parents=True, exist_ok=True)
        answer.touch()
    before = room.traces()
    room.sleep("m", *MAPPED)
    assert lines(room.libpod("exec", "m", "sh", "-c", LOOK).stdout) == SEEN
    assert room.libpod("exec", "--user", "worker", "m", "id", "-u").words == "1000"
    pid = room.inspect("m")["State"]["Pid"]
    assert os.stat(f"/proc/{pid}").st_uid == 200000
    room.libpod("exec", "m", "sh", "-c", "echo data > /data/file; touch /dev/shm/file")
    record = layer_record(room, "m")
    assert ("uidmap" in record) is not by_mount
    written = room.root / "overlay" / record["id"] / "diff/data/file"
    assert (written.stat().st_uid, written.read_text()) == (200000, "data\n")
    room.libpod("stop", "-t", "1", "m")
    room.libpod("start", "m")
    assert room.libpod("exec", "m", "cat", "/data/file").words == "data"
    room.libpod("rm", "-f", "-t", "0", "m")
    assert room.settled(lambda: room.traces() == before)


def layer_record(room: Room, name: str) -> dict[str, str]:
    records = json.loads((room.root / "overlay-layers/layers.json").read_text())
    return next(record for record in records if record.get("names") == [f"{name}-layer"])


def test_kinds_of_mappings(room: Room) -> None:
    ten = ("--uidmap", "0:300000:10")
    for options, expected in (
        (("--gidmap", "0:300000:1000"), ["0 300000 1000"]),
        (("--uidmap", "0:300000:3"), ["0 300000 3"]),
        ((*ten, "--uidmap", "10:400000:5"), ["0 300000 10", "10 400000 5"]),
        ((*ten, "--network", "host"), ["0 300000 10"]),
        ((*ten, "--pid", "host"), ["0 300000 10"]),
        ((*ten, "--ipc", "host"), ["0 300000 10"]),
        ((*ten, "--privileged"), ["0 300000 10"]),
        ((*ten, "--read-only"), ["0 300000 10"]),
        (("--userns", "ns:/proc/self/ns/user"), ["0 0 4294967295"]),
    ):
        assert lines(room.say(*options, command=("cat", "/proc/self/uid_map"))) == expected, options


def test_a_user_namespace_is_shared(room: Room) -> None:
    room.sleep("m", *MAPPED)
    look = ("sh", "-c", "readlink /proc/self/ns/user; stat -c %u /bin/busybox")
    theirs = room.libpod("exec", "m", *look).stdout
    assert room.say("--userns", "container:m", command=look) == theirs
    pid = room.inspect("m")["State"]["Pid"]
    assert room.say("--userns", f"ns:/proc/{pid}/ns/user", command=look) == theirs
    room.libpod("stop", "-t", "0", "m")
    room.libpod("create", "--name", "joined", "--userns", "container:m", "bb", "true")
    assert "needed by" in room.refused("rm", "m")
    room.libpod("rm", "joined")


def test_user_namespace_of_a_container_without_one_is_the_hosts(room: Room) -> None:
    room.sleep("plain")
    assert room.say("--userns", "container:plain", command=("readlink", "/proc/self/ns/user")).strip() == (
        os.readlink("/proc/self/ns/user")
    )


def test_chosen_ids_beside_those_that_are_asked_for(room: Room) -> None:
    """All are asked for here: which others there are is up to the host's own files."""
    mode = "auto:size=10,uidmapping=0:300000:10,gidmapping=0:400000:4,gidmapping=4:500000:6"
    look = ("cat", "/proc/self/uid_map", "/proc/self/gid_map")
    assert lines(room.say("--userns", mode, command=look)) == [
        "0 300000 10", "0 400000 4", "4 500000 6"
    ]  # fmt: skip
    refused = room.libpod("run", "--rm", "--userns", mode, "--user", "10", "bb", "true", status=125)
    assert "cannot run as 10:0: ID 10 is not in the container's ID mapping" in refused.stderr


def test_a_root_directory_is_taken_as_it_is(room: Room, tmp_path: Path) -> None:
    """Nobody has asked us to change the owners of somebody else's files: the caller prepares them."""
    tree = tmp_path / "tree"
    image.unpack(tree)
    idmaps.shift(str(tree), IdMaps(((0, 200000, 65536),), ((0, 200000, 65536),)))
    os.chown(tree / "data", 0, 0)
    command = ("run", "--rm", *MAPPED, "--rootfs", str(tree), "stat", "-c", "%u", "/data", "/home/worker")
    assert room.libpod(*command).stdout.split() == ["65534", "1000"]
    assert (tree / "data").stat().st_uid == 0


REFUSED = (
    (("--userns", "private"), "needs an ID mapping"),
    (("--userns", "host", *MAPPED), "exclude each other"),
    (("--userns", "keep-id"), "--userns keep-id is for users without privileges"),
    (("--userns", "nomap"), "--userns nomap is for users without privileges"),
    (("--userns", "auto:size=x"), "size=x is not a number"),
    (("--userns", "auto:color=red"), "'color' is no option of auto"),
    (("--userns", "auto:size=5,uidmapping=0:1:2,uidmapping=1:9:1"), "ID 1 in the container is mapped twice"),
    (("--userns", "auto:size=5,uidmapping=0:1:2,uidmapping=3:2:1"), "ID 2 on the host is mapped twice"),
    (("--userns", "auto:size=5,uidmapping=0:1:0"), "not a range of IDs"),
    (("--userns", "container:none"), "no such container"),
    (("--userns", "ns:/none"), "/none"),
    (("--userns", "bogus"), "not supported"),
    (("--uidmap", "1:100000:5"), "ID 0"),
    (("--uidmap", "0:100000:0"), "not a range"),
    (("--uidmap", "0:4294967295:2"), "not a range"),
    (("--uidmap", "0:1:x"), "not of the form"),
    (("--uidmap", "0:1:5", "--uidmap", "4:9:1"), "mapped twice"),
    (("--uidmap", "0:1:5", "--uidmap", "5:2:1"), "mapped twice"),
    (("--subuidname", "nobody-has-this"), "/etc/subuid"),
)


def test_what_cannot_be_is_refused(room: Room) -> None:
    for options, words in REFUSED:
        assert words in room.refused("create", *options, "bb", "true"), options


WITHOUT_RANGES = (
    (("--userns", "auto"), "needs 1024 user IDs: of 0 that may be used, 0 are free"),
    (("--userns", "auto"), "add a range for nobody-has-this to /etc/subuid"),
    (("--userns", "auto:size=70000"), "needs 70000 user IDs"),
    (
        ("--userns", "auto", "--user", "70000"),
        "70001 IDs are needed, and no container may have more than 65536",
    ),
)


def test_without_ranges_nothing_is_chosen(room: Room) -> None:
    settings = room.directory / "storage.conf"
    settings.write_text("[storage.options]\nroot-auto-userns-user = 'nobody-has-this'\n")
    before = room.traces()
    for options, words in WITHOUT_RANGES:
        command = ("create", *options, "bb", "true")
        found = room.libpod(*command, status=125, environment={"CONTAINERS_STORAGE_CONF": str(settings)})
        assert words in found.stderr, options
    assert room.traces() == before


def test_an_id_that_is_not_mapped_stops_the_copy_and_leaves_nothing(room: Room) -> None:
    (room.run_root / "overlay").mkdir(parents=True, exist_ok=True)
    (room.run_root / "overlay" / "idmapped-lower-dir-false").touch()
    message = room.refused("create", "--uidmap", "0:200000:1000", "bb", "true")
    assert "/home/worker: ID 1000 is not in the container's ID mapping" in message


def test_a_killed_mount_does_not_take_the_store_with_it(room: Room) -> None:
    """The home of the driver, left mounted below a layer, must not be removed with the layer."""
    room.libpod("create", "--name", "m", *MAPPED, "bb", "true")
    layer = room.root / "overlay" / layer_record(room, "m")["id"]
    (layer / "mapped/0").mkdir(parents=True)
    try:
        os.spawnlp(os.P_WAIT, "mount", "mount", "--bind", str(room.root / "overlay"), str(layer / "mapped/0"))
        assert mounts.is_mount_point(str(layer / "mapped/0"))
        room.libpod("rm", "m")
    finally:
        mounts.unmount_if_mounted(str(layer / "mapped/0"))
    assert not layer.exists()
    assert room.say(command=("echo", "alive")) == "alive\n"
