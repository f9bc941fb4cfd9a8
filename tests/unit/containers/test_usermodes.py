"""The modes of user namespaces, taken apart."""

from __future__ import annotations

import pytest

from libpod.containers import usermodes
from libpod.containers.usermodes import UserMode
from libpod.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", UserMode("auto")),
        ("auto:size=100", UserMode("auto", 100)),
        (
            "auto:size=9,uidmapping=0:5:2,uidmapping=3:9,gidmapping=1:2:3",
            UserMode("auto", 9, ((0, 5, 2), (3, 9, 1)), ((1, 2, 3),)),
        ),
        ("keep-id", UserMode("keep-id")),
        ("keep-id:uid=0,gid=7", UserMode("keep-id", uid=0, gid=7)),
        ("nomap", UserMode("nomap")),
    ],
)
def test_modes(text: str, expected: UserMode) -> None:
    assert usermodes.is_computed(text)
    assert usermodes.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "auto:", "auto:size", "auto:size=x", "auto:size=-1", "auto:size=4294967295", "auto:uid=1",
        "auto:uidmapping=0", "auto:gidmapping=0:x:1", "auto:gidmapping=0:1:2:3", "auto:size=5,",
        "keep-id:size=1", "keep-id:uid=", "keep-id:gid=²", "nomap:uid=1",
    ],
)  # fmt: skip
def test_bad_ones_are_named(text: str) -> None:
    with pytest.raises(InvalidArgument, match=f"--userns {text.partition(':')[0]}"):
        usermodes.parse(text)


@pytest.mark.parametrize("text", ["host", "private", "container:auto", "ns:/auto", "automatic"])
def test_others(text: str) -> None:
    assert not usermodes.is_computed(text)
