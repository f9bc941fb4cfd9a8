"""Volumes of which a container sees a copy that is its own, and volumes whose owner is changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests import leftovers
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.containers import Room

CHANGE = ("sh", "-c", "cat /d/file; rm /d/file; echo mine > /d/new; ls /d")


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    """A directory with a file, which is seen to be as it was."""
    place = tmp_path / "a:b"
    place.mkdir(mode=0o750)
    os.chown(place, 7, 8)
    (place / "file").write_text("of the host\n")
    return place


def layers(room: Room) -> list[str]:
    return [path for path in leftovers.mounts_below(str(room.root)) if path.endswith("/merged")]


def test_what_is_written_over_a_directory_is_gone(room: Room, place: Path) -> None:
    mount = f"--mount=type=bind,src={place},dst=/d,O"
    before = room.traces()
    for _ in range(2):
        assert room.say(mount, command=CHANGE) == "of the host\nnew\n"
    assert room.say(mount, command=("stat", "-c", "%u %g %a", "/d")) == "7 8 750\n"
    assert os.listdir(place) == ["file"]
    assert room.settled(lambda: room.traces() == before), room.traces().difference(before)


def test_a_start_begins_anew(room: Room, place: Path) -> None:
    room.libpod("create", "--name", "c", "--mount", f"type=bind,src={place},dst=/d,O", IMAGE, *CHANGE)
    for _ in range(2):
        assert room.libpod("start", "-a", "c").stdout == "of the host\nnew\n"
    room.libpod("container", "cleanup", "c")
    assert not os.path.exists(os.path.join(room.inspect("c")["StaticDir"], "overlay"))
    room.libpod("rm", "c")


def test_over_a_named_volume(room: Room) -> None:
    room.libpod("run", "--rm", "-v", "v:/d", IMAGE, "sh", "-c", "echo of the volume > /d/file")
    assert room.say("-v", "v:/d:O", command=CHANGE) == "of the volume\nnew\n"
    assert room.say("-v", "v:/d:O,U", "-u", "5", command=("stat", "-c", "%u", "/d")) == "5\n"
    assert room.say("-v", "v:/d", command=("stat", "-c", "%u %n", "/d", "/d/file")) == "0 /d\n0 /d/file\n"


def test_an_image_as_a_volume(room: Room) -> None:
    before, mounted = room.traces(), layers(room)
    mount = f"type=image,source={IMAGE},destination=/i"
    read = ("sh", "-c", "ls /i/bin/sh; echo x > /i/new")
    result = room.libpod("run", "--rm", "--mount", mount, IMAGE, *read, status=1)
    assert result.stdout == "/i/bin/sh\n"
    assert "Read-only file system" in result.stderr
    write = ("sh", "-c", "echo mine > /i/new; cat /i/new")
    assert room.say("--mount", f"{mount},rw=true", command=write) == "mine\n"
    room.libpod("run", "-d", "--name", "c", "--mount", mount, IMAGE, "sleep", "1000")
    assert len(layers(room)) == len(mounted) + 2
    room.libpod("rm", "-f", "-t", "0", "c")
    assert layers(room) == mounted
    assert room.settled(lambda: room.traces() == before), room.traces().difference(before)
    assert "no-such-image" in room.refused("create", "--mount", "type=image,src=no-such-image,dst=/i", IMAGE)


def test_a_failed_start_leaves_nothing(room: Room, place: Path) -> None:
    mount = f"type=image,source={IMAGE},destination=/i"
    over = f"type=bind,src={place},dst=/d,O"
    options = ("--mount", mount, "--mount", over, "-u", "nobody-here")
    room.refused("run", "--rm", *options, IMAGE, "true")
    assert layers(room) == []


def test_the_user_becomes_the_owner_of_a_bind(room: Room, place: Path) -> None:
    os.symlink("/etc/hostname", place / "link")
    owner = os.stat("/etc/hostname").st_uid
    mount = f"type=bind,src={place},dst=/d,U"
    assert room.say("--mount", mount, "-u", "5:6", command=("stat", "-c", "%u %g", "/d")) == "5 6\n"
    assert {os.lstat(place / name).st_uid for name in ("", "file", "link")} == {5}
    assert os.stat("/etc/hostname").st_uid == owner
    refused = room.libpod("create", "-v", "/etc:/d:U", IMAGE, "true", status=125)
    assert "cannot be changed" in refused.stderr


def test_a_volume_is_made_with_its_options(room: Room) -> None:
    mount = "type=volume,src=v,dst=/d,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=nr_inodes=9"
    command = ("sh", "-c", "grep ' /d ' /proc/mounts")
    assert "nr_inodes=9" in room.say("--mount", mount, command=command)
    assert "nr_inodes=9" in room.say("-v", "v:/d", command=command)
    nonsense = "type=volume,src=w,dst=/d,volume-opt=nonsense=1"
    assert "nonsense" in room.libpod("create", "--mount", nonsense, IMAGE, status=125).stderr
    assert room.libpod("volume", "ls", "-q").words == "v"
