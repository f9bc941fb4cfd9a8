"""Which capabilities a container gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from libpod.errors import DecodeError, InvalidArgument
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


def test_all_means_every_capability_that_we_have_to_give() -> None:
    assert capabilities.adjust([], ["ALL"], []) == sorted(capabilities.grantable())
    assert "CAP_CHOWN" not in capabilities.adjust([], ["ALL"], ["CHOWN"])
    assert capabilities.known_to_kernel()[:2] == ["CAP_CHOWN", "CAP_DAC_OVERRIDE"]


@pytest.mark.parametrize(
    ("bounding", "expected"),
    [
        ("0000000000000000", []),
        ("0000000000000003", ["CAP_CHOWN", "CAP_DAC_OVERRIDE"]),
        ("0000000001000020", ["CAP_KILL", "CAP_SYS_RESOURCE"]),
        ("ffffffffffffffff", None),
    ],
)
def test_nothing_is_granted_that_was_taken_from_us(
    tmp_path: Path, bounding: str, expected: list[str] | None
) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tlibpod\nCapEff:\t0\nCapBnd:\t{bounding}\n")
    wanted = capabilities.known_to_kernel() if expected is None else expected
    assert capabilities.grantable(str(status)) == wanted


def test_a_status_without_capabilities_is_named(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tlibpod\n")
    with pytest.raises(DecodeError, match="status: no bounding set"):
        capabilities.grantable(str(status))


@pytest.mark.parametrize("name", ["NOPE", "CAP_", "", "CAP_CAP_CHOWN"])
def test_unknown_capability_is_named(name: str) -> None:
    with pytest.raises(InvalidArgument, match="unknown capability"):
        capabilities.adjust([], [name], [])


def test_adding_and_dropping_the_same_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="CHOWN cannot be both added and dropped"):
        capabilities.adjust([], ["chown"], ["CAP_CHOWN"])
