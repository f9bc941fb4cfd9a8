"""Which capabilities a container gets."""

from __future__ import annotations

import pytest

from libpod.errors import InvalidArgument
from libpod.oci import capabilities


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        ([], [], ["CAP_CHOWN", "CAP_KILL"]),
        (["net_admin"], [], ["CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN"]),
        (["CAP_NET_ADMIN"], ["KILL"], ["CAP_CHOWN", "CAP_NET_ADMIN"]),
        ([], ["ALL"], []),
        (["NET_RAW"], ["all"], ["CAP_NET_RAW"]),
        ([], ["SYS_TIME"], ["CAP_CHOWN", "CAP_KILL"]),
    ],
)
def test_adjust(add: list[str], drop: list[str], expected: list[str]) -> None:
    assert capabilities.adjust(["CHOWN", "CAP_KILL"], add, drop) == expected


def test_all_means_every_capability_of_this_kernel() -> None:
    everything = capabilities.known_to_kernel()
    assert capabilities.adjust([], ["ALL"], []) == sorted(everything)
    assert "CAP_CHOWN" not in capabilities.adjust([], ["ALL"], ["CHOWN"])
    assert everything[:2] == ["CAP_CHOWN", "CAP_DAC_OVERRIDE"]


@pytest.mark.parametrize("name", ["NOPE", "CAP_", "", "CAP_CAP_CHOWN"])
def test_unknown_capability_is_named(name: str) -> None:
    with pytest.raises(InvalidArgument, match="unknown capability"):
        capabilities.adjust([], [name], [])


def test_adding_and_dropping_the_same_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="CHOWN cannot be both added and dropped"):
        capabilities.adjust([], ["chown"], ["CAP_CHOWN"])
