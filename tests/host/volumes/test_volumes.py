"""Named volumes on real containers: made, filled, shared, mounted, counted and removed."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers import volumes as making
from tests import leftovers
from tests.host.volumes.conftest import CONTENT, DATA
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room


def volumes(room: Room, *filters: str) -> list[str]:
    arguments = [word for one in filters for word in ("--filter", one)]
    return room.libpod("volume", "ls", "-q", *arguments).words.split()


def inspect(room: Room, name: str) -> dict[str, Any]:
    (found,) = json.loads(room.libpod("volume", "inspect", name).stdout)
    assert isinstance(found, dict)
    return found


def data(room: Room, name: str) -> Path:
    return Path(inspect(room, name)["Mountpoint"])


def mounted_volumes(room: Room) -> list[str]:
    return [path for path in leftovers.mounts_below(str(room.root)) if path.endswith("/_data")]


# ---------------------------------------------------------------- made and removed


def test_a_volume_outlives_its_containers(room: Room) -> None:
    room.libpod("run", "--rm", "-v", "keep:/k", IMAGE, "sh", "-c", "echo hello > /k/file")
    assert room.say("-v", "keep:/other:ro", command=("cat", "/other/file")) == "hello\n"
    assert volumes(room) == ["keep"]
    room.libpod("volume", "rm", "keep")
    assert volumes(room) == []


def test_create_says_what_podman_says(room: Room) -> None:
    name = room.libpod("volume", "create").words
    assert len(name) == 64
    options = ("--label", "a=b", "--label", "c", "-o", "o=uid=7,gid=8")
    assert room.libpod("volume", "create", *options, "mine").words == "mine"
    found = inspect(room, "mine")
    assert found["Labels"] == {"a": "b", "c": ""}
    assert (found["UID"], found["GID"], found["NeedsCopyUp"]) == (7, 8, True)
    assert found["Options"] == {"UID": "7", "GID": "8", "o": "uid=7,gid=8"}
    about = data(room, "mine").stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (7, 8, 0o755)
    assert "already exists" in room.refused("volume", "create", "mine")
    assert room.libpod("volume", "create", "--ignore", "mine").words == "mine"
    table = room.libpod("volume", "ls").stdout.splitlines()
    assert table[0].split() == ["DRIVER", "VOLUME", "NAME"]
    assert ["local", "mine"] in [line.split() for line in table]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "../x"), "volume name '../x' is not allowed"),
        (("create", "--driver", "nfs-plugin", "x"), "volume driver nfs-plugin is not supported"),
        (("create", "-o", "color=red", "x"), "volume option 'color=red' is not known"),
        (("create", "-o", "o=size=1m", "x"), "size and inodes of a volume need a file system of its own"),
        (("create", "-o", "o=uid=me", "x"), "uid=me is not a number"),
        (("create", "-o", "type=bind", "-o", "device=/nowhere", "x"), "'/nowhere': no such file"),
        (("ls", "--filter", "colour=red"), "--filter 'colour=red' is not known"),
        (("ls", "--filter", "dangling=perhaps"), "expected true or false"),
        (("inspect",), "give either volumes or --all"),
        (("inspect", "nothing"), "no such volume: nothing"),
        (("mount", "nothing"), "no such volume: nothing"),
    ],
)
def test_what_cannot_be(room: Room, arguments: tuple[str, ...], message: str) -> None:
    assert message in room.refused("volume", *arguments)


def test_exit_codes_of_rm_and_exists(room: Room) -> None:
    room.libpod("create", "--name", "c", "-v", "used:/u", IMAGE, "true")
    room.libpod("volume", "create", "free")
    assert room.libpod("volume", "rm", "nothing", status=1).stderr == "Error: no such volume: nothing\n"
    result = room.libpod("volume", "rm", "free", "used", status=2)
    assert result.words == "free"
    assert "volume used is used by" in result.stderr
    room.libpod("volume", "exists", "used")
    room.libpod("volume", "exists", "free", status=1)
    room.libpod("volume", "rm", "--force", "nothing")
    assert room.libpod("volume", "rm", "--force", "used").words == "used"
    assert room.names() == []


def test_lists_and_prunes_by_filter(room: Room) -> None:
    room.libpod("volume", "create", "--label", "keep=yes", "labelled")
    room.libpod("volume", "create", "plain")
    room.libpod("create", "--name", "c", "-v", "used:/u", "-v", "/anonymous", IMAGE, "true")
    (anonymous,) = volumes(room, "anonymous=true")
    assert volumes(room, "name=^pl", "name=us") == ["plain", "used"]
    assert volumes(room, "label=keep") == volumes(room, "label=keep=yes") == ["labelled"]
    assert volumes(room, "label=keep=no") == volumes(room, "driver=x") == volumes(room, "until=1h") == []
    assert volumes(room, "dangling=true") == ["labelled", "plain"]
    assert set(volumes(room, "dangling=false")) == {anonymous, "used"}
    assert room.libpod("volume", "prune", data="n\n").words == ""
    assert room.libpod("volume", "prune", "-f", "--filter", "label=keep").words == "labelled"
    assert room.libpod("volume", "prune", data="y\n").words == "plain"
    assert set(volumes(room)) == {anonymous, "used"}
    rows = json.loads(room.libpod("volume", "ls", "--format", "json", "--filter", "name=used").stdout)
    assert [row["Name"] for row in rows] == ["used"]


def test_anonymous_volumes_go_with_their_container(room: Room) -> None:
    before = room.traces()
    room.libpod("run", "--rm", "-v", "/a", CONTENT, "true")
    room.libpod("run", "-d", "--rm", "--name", "d", "-v", "/a", CONTENT, "true")
    assert room.settled(lambda: room.traces() == before)
    room.libpod("create", "--name", "c", "-v", "/a", "-v", "named:/n", CONTENT, "true")
    assert len(volumes(room)) == 4
    room.libpod("rm", "-v", "c")
    assert volumes(room) == ["named"]
    room.libpod("create", "--name", "c", "-v", "/a", IMAGE, "true")
    room.libpod("rm", "c")
    assert len(volumes(room)) == 2


def test_a_failed_creation_unmakes_its_volumes(room: Room) -> None:
    room.libpod("create", "--name", "taken", IMAGE, "true")
    options = ("--name", "taken", "-v", "new:/n", "-v", "/a")
    assert "in use" in room.refused("create", *options, CONTENT, "true")
    room.refused("create", "-v", "new:/n", "--volumes-from", "nobody", IMAGE, "true")
    room.refused("create", "-v", "new:/n", "--cap-add", "NOTHING", IMAGE, "true")


# ---------------------------------------------------------------- filled from the image


def test_copy_up_keeps_everything_and_follows_nothing(room: Room) -> None:
    room.libpod("run", "--rm", "-v", "v:/srv/content", CONTENT, "true")
    top = data(room, "v")
    about = top.stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (12, 34, 0o2750)
    assert about.st_mtime == 1_000_000_000
    file = (top / "file").stat()
    assert (top / "file").read_bytes() == DATA
    assert (file.st_uid, stat.S_IMODE(file.st_mode), file.st_mtime) == (12, 0o4711, 1_000_000_000)
    assert os.getxattr(top / "file", "user.color") == b"green"
    assert (top / "hard").stat().st_ino == file.st_ino
    assert stat.S_ISFIFO((top / "sub" / "fifo").stat().st_mode)
    assert stat.S_IMODE((top / "sub").stat().st_mode) == 0o1777
    assert (top / "null").stat().st_rdev == os.makedev(1, 3)
    assert os.readlink(top / "absolute") == "/etc/shadow"
    assert os.readlink(top / "upwards") == "../../../../../../etc/shadow"
    assert "NeedsCopyUp" not in inspect(room, "v")
    assert "NeedsChown" not in inspect(room, "v")
    assert [path.name for path in top.parent.iterdir()] == ["_data"]


@pytest.mark.parametrize(
    ("place", "options", "found"),
    [
        ("/srv/content", "", True),
        ("/srv/content", ":nocopy", False),
        ("/srv/linked", "", True),  # a link to / and up is one inside the container
        ("/srv/empty", "", False),
        ("/srv/absent", "", False),
    ],
)
def test_what_is_copied(room: Room, place: str, options: str, *, found: bool) -> None:
    listed = room.say(
        "--image-volume", "ignore", "-v", f"v:{place}{options}", image=CONTENT, command=("ls", place)
    )
    assert ("file" in listed.split()) is found
    assert bool(os.listdir(data(room, "v"))) is found
    assert inspect(room, "v").get("NeedsCopyUp", False) is not found


def test_the_directory_gets_the_images_owner_once(room: Room) -> None:
    room.libpod("run", "--rm", "-v", "v:/srv/empty", CONTENT, "true")
    about = data(room, "v").stat()
    assert (about.st_uid, stat.S_IMODE(about.st_mode)) == (12, 0o700)
    os.chown(data(room, "v"), 99, 99)
    room.libpod("run", "--rm", "-v", "v:/srv/empty", CONTENT, "true")
    assert data(room, "v").stat().st_uid == 99


def test_a_volume_with_an_owner_keeps_it(room: Room) -> None:
    room.libpod("volume", "create", "-o", "o=uid=7", "v")
    room.libpod("run", "--rm", "-v", "v:/srv/content", CONTENT, "true")
    about = data(room, "v").stat()
    assert (about.st_uid, stat.S_IMODE(about.st_mode)) == (7, 0o755)
    assert (data(room, "v") / "file").stat().st_uid == 12


def test_what_is_in_a_volume_is_never_overwritten(room: Room) -> None:
    room.libpod("volume", "create", "v")
    (data(room, "v") / "file").write_text("mine")
    room.libpod("run", "--rm", "-v", "v:/srv/content", CONTENT, "true")
    assert os.listdir(data(room, "v")) == ["file"]
    assert (data(room, "v") / "file").read_text() == "mine"


def test_an_interrupted_copy_is_finished_by_the_next_start(room: Room) -> None:
    room.libpod("volume", "create", "v")
    (data(room, "v") / "file").write_text("half")
    (data(room, "v").parent / "copy-up-unfinished").touch()
    room.libpod("run", "--rm", "-v", "v:/srv/content", CONTENT, "true")
    assert (data(room, "v") / "file").read_bytes() == DATA
    assert [path.name for path in data(room, "v").parent.iterdir()] == ["_data"]


def test_the_option_u_gives_all_to_the_user(room: Room) -> None:
    outside = room.directory / "outside"
    outside.touch()
    room.libpod("volume", "create", "v")
    (data(room, "v") / "link").symlink_to(outside)
    (data(room, "v") / "sub").mkdir()
    room.libpod("run", "--rm", "--user", "worker", "-v", "v:/v:U", IMAGE, "touch", "/v/sub/mine")
    assert {path.lstat().st_uid for path in data(room, "v").rglob("*")} == {1000}
    assert data(room, "v").stat().st_uid == 1000
    assert outside.stat().st_uid == 0


# ---------------------------------------------------------------- of images and other containers


def test_volumes_of_the_image(room: Room) -> None:
    room.libpod("create", "--name", "c", CONTENT, "true")
    entries = room.inspect("c")["Mounts"]
    assert sorted(entry["Destination"] for entry in entries) == ["/srv/content", "/srv/new"]
    assert all(len(entry["Name"]) == 64 for entry in entries)
    room.libpod("rm", "-v", "c")
    mounted = ("grep", "-c", " /srv/", "/proc/mounts")
    assert room.libpod("run", "--rm", "--image-volume", "ignore", CONTENT, *mounted, status=1).words == "0"
    assert room.say("--image-volume", "tmpfs", image=CONTENT, command=mounted) == "2\n"
    own = ("-v", "named:/srv/content", "--tmpfs", "/srv/new")
    assert room.say(*own, image=CONTENT, command=mounted) == "2\n"
    assert volumes(room) == ["named"]
    assert "--image-volume 'x' is not known" in room.refused("create", "--image-volume", "x", CONTENT, "true")


def test_volumes_from_another_container(room: Room) -> None:
    bound = room.directory / "bound"
    bound.mkdir()
    room.libpod("run", "--name", "a", "-v", "v:/v", "-v", f"{bound}:/b", "--tmpfs", "/t", CONTENT, "true")
    writing = ("sh", "-c", "touch /v/x /b/x; ls -d /srv/content/file; grep -c ' /t ' /proc/mounts")
    listed = room.say("--volumes-from", "a", image=IMAGE, command=writing)
    assert listed == "/srv/content/file\n1\n"
    assert (bound / "x").exists()
    for place in ("/v", "/b"):
        command = ("run", "--rm", "--volumes-from", "a:ro", IMAGE, "touch", f"{place}/y")
        assert "Read-only" in room.libpod(*command, status=1).stderr
    room.libpod("create", "--name", "b", "--volumes-from", "a:ro", IMAGE, "true")
    annotations = room.inspect("b")["Config"]["Annotations"]
    assert annotations["io.podman.annotations.volumes-from"] == "a:ro"
    # An anonymous volume that another container has as well stays for it.
    room.libpod("rm", "-v", "a")
    assert len(volumes(room)) == 3
    room.libpod("rm", "-v", "b")
    assert volumes(room) == ["v"]
    assert "options are ro or rw" in room.refused("create", "--volumes-from", "x:noexec", IMAGE, "true")


# ---------------------------------------------------------------- with file systems of their own


def test_a_tmpfs_is_mounted_while_it_is_used(room: Room) -> None:
    room.libpod("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=5", "t")
    assert mounted_volumes(room) == []
    room.sleep("one", "-v", "t:/t")
    room.sleep("two", "-v", "t:/t")
    assert inspect(room, "t")["MountCount"] == 2
    assert len(mounted_volumes(room)) == 1
    assert "size=1024k" in room.libpod("exec", "one", "grep", " /t ", "/proc/mounts").stdout
    room.libpod("exec", "one", "touch", "/t/shared")
    room.libpod("exec", "two", "ls", "/t/shared")
    room.libpod("stop", "-t", "0", "one")
    assert inspect(room, "t")["MountCount"] == 1
    room.libpod("rm", "-f", "-t", "0", "one", "two")
    assert room.settled(lambda: inspect(room, "t")["MountCount"] == 0)
    assert mounted_volumes(room) == []
    assert room.libpod("volume", "mount", "t").words.endswith("/t/_data")
    assert len(mounted_volumes(room)) == 1
    room.libpod("volume", "unmount", "t")
    assert mounted_volumes(room) == []


def test_a_bind_volume(room: Room) -> None:
    source = room.directory / "source"
    source.mkdir()
    (source / "file").touch()
    room.libpod("volume", "create", "-o", "type=bind", "-o", f"device={source}", "-o", "o=ro", "b")
    assert room.say("-v", "b:/b", command=("ls", "/b")) == "file\n"
    assert mounted_volumes(room) == []


def test_a_count_without_a_mount_is_what_an_unclean_end_leaves(room: Room) -> None:
    room.libpod("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "t")
    room.libpod("volume", "mount", "t")
    leftovers.unmount(mounted_volumes(room))
    assert "tmpfs" in room.say("-v", "t:/t", command=("grep", " /t ", "/proc/mounts"))
    room.libpod("volume", "rm", "t")


def test_a_mount_that_fails_leaves_nothing(room: Room) -> None:
    room.libpod("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "good")
    room.libpod("volume", "create", "-o", "type=tmpfs", "-o", "o=nonsense", "bad")
    room.libpod("create", "--name", "c", "-v", "good:/a", "-v", "bad:/b", IMAGE, "true")
    assert "mount -o nonsense" in room.refused("start", "c")
    assert inspect(room, "good")["MountCount"] == 0
    assert room.status("c") == "created"
    assert room.libpod("volume", "rm", "bad", status=2)


def test_a_reboot_resets_the_counts(room: Room) -> None:
    room.libpod("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "t")
    room.libpod("volume", "mount", "t")
    leftovers.unmount(mounted_volumes(room))
    (room.tmp_dir / "alive").unlink()
    assert json.loads(room.libpod("refresh", "--format", "json").stdout)["volumes"]["reset"] == 1
    assert inspect(room, "t")["MountCount"] == 0


def test_a_volume_of_a_plugin_is_refused(room: Room) -> None:
    with room.runtime() as runtime:
        record = making.create(runtime.engine, "v")
        record.set_config("volumeDriver", "plugin")
        with runtime.state.transaction() as transaction:
            transaction.put_volume(record)
    room.libpod("create", "--name", "c", "-v", "v:/v", IMAGE, "true")
    assert "volume v has the driver plugin, which is not supported" in room.refused("start", "c")
    assert "driver plugin" in room.refused("volume", "rm", "v")
    with room.runtime() as runtime, runtime.state.transaction() as transaction:
        record = runtime.state.volume("v")
        record.set_config("volumeDriver", "local")
        transaction.put_volume(record)
