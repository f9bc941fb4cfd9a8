"""Options of volumes, and which of them are mounted."""

from __future__ import annotations

import pytest

from libpod.containers import volumefilters, volumemounts, volumes
from libpod.containers.items import Item
from libpod.errors import InvalidArgument, NotSupported
from libpod.state.records import VolumeRecord


@pytest.mark.parametrize(
    ("texts", "stored", "rest"),
    [
        ((), {}, (None, None, 0, 0, False)),
        (("o=uid=7,gid=8",), {"o": "uid=7,gid=8", "UID": "7", "GID": "8"}, (7, 8, 0, 0, False)),
        (
            ("type=tmpfs", "device=tmpfs", "o=size=1m,noquota"),
            {"type": "tmpfs", "device": "tmpfs", "o": "size=1m", "SIZE": "1m", "NOQUOTA": "true"},
            (None, None, 1 << 20, 0, True),
        ),
        (("o=noquota",), {"NOQUOTA": "true"}, (None, None, 0, 0, True)),
        (
            ("type=nfs", "device=server:/x", "o=addr=10.0.0.1,ro"),
            {"type": "nfs", "device": "server:/x", "o": "addr=10.0.0.1,ro"},
            (None, None, 0, 0, False),
        ),
    ],
)
def test_options(texts: tuple[str, ...], stored: dict[str, str], rest: tuple[object, ...]) -> None:
    found = volumes.parse_options(texts)
    assert found.stored == stored
    assert found[1:] == rest


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("color=red", InvalidArgument),
        ("", InvalidArgument),
        ("o=uid=x", InvalidArgument),
        ("o=uid=-1", InvalidArgument),
        ("o=gid=", InvalidArgument),
        ("o=inodes=many", InvalidArgument),
        ("o=size=much", InvalidArgument),
        ("o=size=1m", NotSupported),
        ("o=inodes=5", NotSupported),
    ],
)
def test_bad_options(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        volumes.parse_options([text])


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, False),
        ({"o": "uid=7", "UID": "7"}, False),
        ({"NOQUOTA": "true"}, False),
        ({"nocopy": ""}, False),
        ({"o": "ro"}, True),
        ({"type": "tmpfs"}, True),
        ({"type": "tmpfs", "device": "tmpfs", "o": "uid=7", "UID": "7"}, True),
        ({"device": "/dev/sdx1"}, True),
    ],
)
def test_which_volumes_are_mounted(options: dict[str, str], *, needed: bool) -> None:
    assert volumemounts.needs_mount(VolumeRecord("v", {"name": "v", "volumeOptions": options})) is needed


def item(name: str, **config: object) -> Item:
    return Item("volume", name, name, {"createdAt": "2026-01-01T00:00:00Z", **config})


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ((), "ab"),
        (("name=a",), "a"),
        (("name=a", "name=b"), "ab"),
        (("name=a", "dangling=true"), ""),
        (("label=x",), "ab"),
        (("label=x=1",), "a"),
        (("label=x", "label=y"), "b"),
        (("opt=type=tmpfs",), "b"),
        (("driver=local",), "a"),
        (("scope=local",), "ab"),
        (("anonymous=1",), "b"),
        (("until=2026-01-01T00:00:00Z",), ""),
        (("until=2026-01-02",), "ab"),
        (("dangling=0",), "a"),
    ],
)
def test_filters(filters: tuple[str, ...], found: str) -> None:
    wanted = volumefilters.parse(filters)
    options = {"type": "tmpfs"}
    second: dict[str, object] = {
        "labels": {"x": "2", "y": ""},
        "volumeOptions": options,
        "volumeDriver": "o",
        "isAnon": True,
    }
    known = [
        (item("a", labels={"x": "1"}), True),
        (item("b", **second), False),
    ]
    assert "".join(one.name for one, used in known if wanted(one, used)) == found


@pytest.mark.parametrize("text", ["", "name", "size=3", "name=(", "dangling=maybe", "until=whenever"])
def test_bad_filters(text: str) -> None:
    with pytest.raises(InvalidArgument):
        volumefilters.parse([text])
