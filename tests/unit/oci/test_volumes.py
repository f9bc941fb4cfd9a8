"""What --volume, --mount and --tmpfs mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from libpod.errors import InvalidArgument
from libpod.oci import volumes
from libpod.oci.volumes import ImageVolume, NamedVolume, Overlay


def test_bind_has_what_podman_implies(tmp_path: Path) -> None:
    found = volumes.parse([f"{tmp_path}:/data"])
    assert found.mounts["/data"] == {
        "destination": "/data",
        "type": "bind",
        "source": str(tmp_path),
        "options": ["rw", "rprivate", "rbind"],
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("ro", ["ro", "rprivate", "rbind"]),
        ("rw,shared", ["rw", "shared", "rbind"]),
        ("ro,bind,slave,nosuid", ["ro", "bind", "slave", "nosuid"]),
        ("z", ["z", "rw", "rprivate", "rbind"]),
    ],
)
def test_bind_options(tmp_path: Path, options: str, expected: list[str]) -> None:
    assert volumes.parse([f"{tmp_path}:/data:{options}"]).mounts["/data"]["options"] == expected


def test_mount_and_volume_say_the_same(tmp_path: Path) -> None:
    one = volumes.parse([f"{tmp_path}:/data:ro"])
    other = volumes.parse(mounts=[f"type=bind,src={tmp_path},dst=/data,ro"])
    assert one == other


def test_named_volumes() -> None:
    found = volumes.parse(["data:/v:nodev"], ["type=volume,source=more,target=/w"])
    assert found.named == {
        "/v": NamedVolume("data", "/v", ("nodev",)),
        "/w": NamedVolume("more", "/w", ()),
    }
    assert found.destinations() == ["/v", "/w"]


def test_tmpfs_defaults() -> None:
    expected = ["size=1m", "rw", "rprivate", "nosuid", "nodev", "tmpcopyup"]
    assert volumes.parse(tmpfs=["/t:size=1m"]).mounts["/t"]["options"] == expected
    assert volumes.parse(mounts=["type=tmpfs,dst=/t,tmpfs-size=1m"]).mounts["/t"]["options"] == expected


def test_destination_is_cleaned(tmp_path: Path) -> None:
    assert list(volumes.parse([f"{tmp_path}://a/../b//c/"]).mounts) == ["/b/c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}:relative", "must be absolute"),
        ("{}:/", "root of the container"),
        ("{}:/..", "root of the container"),
        ("{}/missing:/data", "no such file"),
        ("{}:/data:nope", "unknown option 'nope'"),
        ("{}:/data:ro,rw", "exclude each other"),
        ("{}:/data:shared,slave", "exclude each other"),
        ("{}:/data:idmap", "idmap is not supported"),
        ("/etc:/data:U", "owner of /etc cannot be changed"),
        ("/usr/../var/:/data:U,ro", "it is the host's"),
        ("/etc/passwd:/data:O", "only a directory"),
        ("a:b:c:d", "not of the form"),
        (":/data", "not of the form"),
        ("a b:/data", "neither a path nor a name"),
    ],
)
def test_bad_volume(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        volumes.parse([text.format(tmp_path)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=nfs,dst=/x", "type 'nfs' is not supported"),
        ("type=bind,dst=/x", "needs a source"),
        ("type=tmpfs", "no destination"),
        ("type=tmpfs,dst=/x,what=1", "unknown tmpfs option"),
        ("type=bind,src=/,dst=/x,ro=maybe", "true or false"),
        ("type=image,dst=/x", "needs a source"),
        ("type=image,src=i,dst=/x,U", "unknown option 'U'"),
        ("type=bind,src=/,dst=/x,volume-opt=type=tmpfs", "unknown option 'volume-opt=type=tmpfs'"),
        ("", "no destination"),
    ],
)
def test_bad_mount(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        volumes.parse(mounts=[text])


def test_one_destination_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="/t is mounted twice"):
        volumes.parse([f"{tmp_path}:/t"], tmpfs=["/t"])


def test_the_same_twice_is_once(tmp_path: Path) -> None:
    once = volumes.parse([f"{tmp_path}:/t:ro"])
    assert volumes.parse([f"{tmp_path}:/t:ro", f"{tmp_path}:/t:ro"]) == once


def test_overlays_and_images(tmp_path: Path) -> None:
    found = volumes.parse(
        [f"{tmp_path}:/o:O,U", "data:/d:O"], ["type=image,src=i,dst=/i", "type=image,src=i,dst=/w,rw=true"]
    )
    assert found.overlays == {"/o": Overlay(str(tmp_path), "/o", ("O", "U"))}
    assert found.named == {"/d": NamedVolume("data", "/d", ("O",))}
    assert found.images == {"/i": ImageVolume("i", "/i", False), "/w": ImageVolume("i", "/w", True)}
    assert found.destinations() == ["/d", "/o", "/i", "/w"]


@pytest.mark.parametrize("option", ["U", "U=true", "chown"])
def test_the_owner_is_changed_by_a_mount(tmp_path: Path, option: str) -> None:
    found = volumes.parse(mounts=[f"type=bind,src={tmp_path},dst=/x,{option},bind-nonrecursive"])
    assert found.mounts["/x"]["options"] == ["U", "bind", "rw", "rprivate"]
    found = volumes.parse(mounts=[f"type=bind,src={tmp_path},dst=/x,U=false"])
    assert found.mounts["/x"]["options"] == ["rw", "rprivate", "rbind"]


def test_options_of_a_volume_that_is_made() -> None:
    text = "type=volume,src=v,dst=/x,volume-opt=type=tmpfs,volume-opt=o=size=1m"
    options = ("volume-opt=type=tmpfs", "volume-opt=o=size=1m")
    assert volumes.parse(mounts=[text]).named == {"/x": NamedVolume("v", "/x", options)}
