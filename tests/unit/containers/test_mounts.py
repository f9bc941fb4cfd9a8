"""Volumes, binds and temporary file systems of a container."""

from __future__ import annotations

from typing import Any

import pytest

from libpod.containers import mounts
from libpod.containers.fields import Fields
from libpod.containers.items import Item

CONFIG = Fields(
    {
        "namedVolumes": [
            {"volumeName": "data", "dest": "/data/", "options": ["ro", "rprivate", "nosuid"]},
            {"volumeName": "unused", "dest": "/elsewhere", "options": []},
        ],
        "userVolumes": ["/tmp", "/host", "/data", "/nowhere"],
    },
    "configuration of container web",
)
SPEC = Fields(
    {
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {
                "destination": "/host/",
                "type": "bind",
                "source": "/srv",
                "options": ["z", "rw", "rslave", "rbind"],
            },
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=10m", "rw"]},
        ]
    },
    "specification of container web",
)
VOLUME = Item("volume", "data", "data", {"mountPoint": "/srv/volumes/data/_data", "volumeDriver": "local"})


def test_volumes_come_before_binds() -> None:
    assert mounts.inspected(CONFIG, SPEC, {"data": VOLUME}) == [
        {
            "Type": "volume",
            "Name": "data",
            "Source": "/srv/volumes/data/_data",
            "Destination": "/data/",
            "Driver": "local",
            "Mode": "",
            "Options": ["nosuid"],
            "RW": False,
            "Propagation": "rprivate",
        },
        {
            "Type": "bind",
            "Source": "/srv",
            "Destination": "/host/",
            "Driver": "",
            "Mode": "z",
            "Options": ["rbind"],
            "RW": True,
            "Propagation": "rslave",
        },
    ]


def test_as_they_were_asked_for() -> None:
    assert mounts.binds(CONFIG, SPEC) == ["data:/data/:ro,rprivate,nosuid", "/srv:/host/:z,rw,rslave,rbind"]
    assert mounts.tmpfs(CONFIG, SPEC) == {"/tmp": "size=10m,rw"}


@pytest.mark.parametrize(
    ("volumes", "source"),
    [
        ({}, ""),
        ({"data": Item("volume", "data", "data", {}, {"mountPoint": "/mnt/plugin"})}, "/mnt/plugin"),
        ({"data": Item("volume", "data", "data", error="invalid JSON")}, ""),
    ],
)
def test_where_a_volume_is(volumes: dict[str, Item], source: str) -> None:
    (volume, _bind) = mounts.inspected(CONFIG, SPEC, volumes)
    assert (volume["Source"], volume["Driver"]) == (source, "local")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"Mode": "", "Options": [], "RW": True, "Propagation": ""}),
        (["ro", "rw"], {"Mode": "", "Options": [], "RW": True, "Propagation": ""}),
        (
            ["Z", "shared", "ro", "exec"],
            {"Mode": "Z", "Options": ["exec"], "RW": False, "Propagation": "shared"},
        ),
    ],
)
def test_options(options: list[str], expected: dict[str, Any]) -> None:
    config = Fields({"userVolumes": ["/a"]}, "")
    spec = Fields({"mounts": [{"destination": "/a", "type": "bind", "source": "/b", "options": options}]}, "")
    (found,) = mounts.inspected(config, spec, {})
    assert expected.items() <= found.items()
