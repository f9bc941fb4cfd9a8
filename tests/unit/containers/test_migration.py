"""Exported checkpoints: what can go to another host, and files that are none."""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers import migration
from libpod.errors import LibpodError, NotSupported
from libpod.state.records import ContainerRecord

if TYPE_CHECKING:
    from pathlib import Path

IDENTIFIER = "c" * 64


def _tar(path: Path, members: dict[str, bytes], mode: Any = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.gid = len(data), os.getuid(), os.getgid()
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    "config",
    [
        {"pod": "p"},
        {"Dependencies": ["d"]},
        {"namedVolumes": [{"volumeName": "v"}]},
        {"rootfs": "/srv/root"},
        {"netNsCtr": "d"},
        {"idMappingsOptions": {"UIDMap": [{"container_id": 0}]}},
    ],
)
def test_what_cannot_go_along_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(NotSupported, match=r"container web .*: it cannot be exported"):
        migration.require_movable(config, "web")


def test_an_ordinary_container_can_go_along() -> None:
    migration.require_movable({"idMappingsOptions": {"UIDMap": None}, "pod": "", "namedVolumes": []}, "web")


@pytest.mark.parametrize(
    ("name", "said"), [("zstd", "zstd is not supported"), ("lz4", "unknown compression 'lz4'")]
)
def test_compressions(name: str, said: str) -> None:
    migration.check_compression("gzip")
    migration.check_compression("none")
    with pytest.raises(LibpodError, match=said):
        migration.check_compression(name)


def test_the_configuration_gets_the_directories_of_this_store() -> None:
    config = {
        "id": IDENTIFIER, "name": "web", "staticDir": "/old", "ShmDir": "/old/shm", "mounts": ["/old/shm"],
        "logPath": "/old/ctr.log", "exitCommand": ["/usr/bin/podman", "x"], "unknown": {"kept": True},
    }  # fmt: skip

    found = migration.adapted(config, "d" * 64, "other", "/new", "/run/new")

    assert found["id"] == "d" * 64
    assert found["name"] == "other"
    assert found["mounts"] == [found["ShmDir"]] == ["/new/shm"]
    assert found["logPath"] == "/new/ctr.log"
    assert found["pid_file"] == "/run/new/pidfile"
    assert found["exitCommand"] == []
    assert found["unknown"] == {"kept": True}
    assert "/old" not in json.dumps(found)


def test_shared_memory_of_the_host_stays_that() -> None:
    found = migration.adapted({"ShmDir": "/dev/shm"}, IDENTIFIER, "web", "/new", "/run/new")

    assert found["ShmDir"] == "/dev/shm"
    assert "mounts" not in found


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", "is no exported checkpoint"),
        (b"no tar at all" * 100, "is no exported checkpoint"),
        (b"\x28\xb5\x2f\xfd rest", "compressed with zstd"),
        (None, "read"),
    ],
)
def test_files_that_are_no_checkpoint(tmp_path: Path, contents: bytes | None, said: str) -> None:
    path = tmp_path / "file"
    if contents is not None:
        path.write_bytes(contents)

    with pytest.raises(LibpodError, match=said) as caught:
        migration._read_configuration(str(path))
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"other": b"{}"}, "there is no config.dump in it"),
        ({"config.dump": b"{"}, "config.dump"),
        ({"config.dump": b"[]"}, "config.dump"),
    ],
)
def test_tars_that_are_no_checkpoint(tmp_path: Path, members: dict[str, bytes], said: str) -> None:
    path = _tar(tmp_path / "file.tar.gz", members)

    with pytest.raises(LibpodError, match=said):
        migration._read_configuration(str(path))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_configuration_is_found(tmp_path: Path, mode: str) -> None:
    path = _tar(tmp_path / "file", {"network.status": b"{}", "./config.dump": b'{"name":"web"}'}, mode)

    assert migration._read_configuration(str(path)) == {"name": "web"}


def test_only_what_belongs_to_a_checkpoint_is_unpacked(tmp_path: Path) -> None:
    path = _tar(tmp_path / "x.tar", {"checkpoint/inventory.img": b"i", "config.json": b"{}", "ctr.log": b"l"})
    directory = tmp_path / "bundle"
    directory.mkdir()

    migration._unpack(str(path), str(directory))

    assert sorted(entry.name for entry in directory.iterdir()) == ["checkpoint", "ctr.log"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"checkpoint/core-1.img": b""}, "there is no checkpoint/inventory.img"),
        ({"checkpoint/inventory.img": b"", "../escaped": b""}, "leaves its directory"),
        ({"checkpoint": b""}, "something else in place of checkpoint"),
        ({"ctr.log/x": b"", "checkpoint/inventory.img": b""}, "something else in place of ctr.log"),
    ],
)
def test_bad_members_are_refused(tmp_path: Path, members: dict[str, bytes], said: str) -> None:
    path = _tar(tmp_path / "x.tar", members)
    directory = tmp_path / "bundle"
    directory.mkdir()

    with pytest.raises(LibpodError, match=said):
        migration._unpack(str(path), str(directory))
    assert not (tmp_path / "escaped").exists()
    assert not (directory / migration.ROOM).exists()


def test_a_root_becomes_what_it_was(tmp_path: Path) -> None:
    root, bundle, outside = tmp_path / "root", tmp_path / "bundle", tmp_path / "outside"
    for directory in (root / "etc", root / "gone" / "deep", bundle, outside):
        directory.mkdir(parents=True)
    (root / "etc" / "old").write_text("old")
    (outside / "file").write_text("stays")
    (root / "link").symlink_to(outside)
    _tar(bundle / "rootfs-diff.tar", {"etc/new": b"new"}, "w")
    deleted = ["/etc/old", "/gone", "/never/there", "/link/file"]
    (bundle / "deleted.files").write_text(json.dumps(deleted))

    migration.apply_changes(ContainerRecord(IDENTIFIER, {"staticDir": str(bundle)}), str(root))

    assert sorted(entry.name for entry in (root / "etc").iterdir()) == ["new"]
    assert not (root / "gone").exists()
    assert (outside / "file").read_text() == "stays"


@pytest.mark.parametrize("deleted", ["{", "{}", "[1]", '["/"]', '["/etc/.."]'])
def test_bad_lists_of_removed_files(tmp_path: Path, deleted: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "deleted.files").write_text(deleted)

    with pytest.raises(LibpodError, match=r"deleted\.files"):
        migration.apply_changes(ContainerRecord(IDENTIFIER, {"staticDir": str(tmp_path)}), str(tmp_path))
    assert (tmp_path / "etc").exists()
