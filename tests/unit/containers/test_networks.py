"""The network section of inspection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers.networks import network_settings
from libpod.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from libpod.containers.items import Item

ALIASES = b'{"aliases":["web"],"interface_name":"eth0"}'


def result(*addresses: tuple[str, str], mac: str = "4e:21:86:fa:fe:66") -> dict[str, object]:
    """The status of one network, with (address, gateway) pairs."""
    subnets = [{"ipnet": address, "gateway": gateway} for address, gateway in addresses]
    return {"interfaces": {"eth0": {"subnets": subnets, "mac_address": mac}}}


FOUR = ("10.88.0.2/16", "10.88.0.1")
SIX = ("fd00::2/64", "fd00::1")


def settings(item: Item) -> dict[str, Any]:
    """The section, for a host whose default network is "podman"."""
    return network_settings(item, "podman")


def test_addresses_of_the_default_network_stand_at_the_top_too(container: Callable[..., Item]) -> None:
    status = {"podman": result(FOUR, SIX)}
    found = settings(
        container(networks={"podman": ALIASES}, state__networkStatus=status, namespace="/run/netns/x")
    )
    network = found["Networks"]["podman"]
    for place in (found, network):
        assert (place["IPAddress"], place["IPPrefixLen"], place["Gateway"]) == ("10.88.0.2", 16, "10.88.0.1")
        assert (place["GlobalIPv6Address"], place["GlobalIPv6PrefixLen"]) == ("fd00::2", 64)
        assert place["IPv6Gateway"] == "fd00::1"
        assert place["MacAddress"] == "4e:21:86:fa:fe:66"
    assert network["Aliases"] == ["web"]
    assert network["NetworkID"] == "podman"
    assert found["SandboxKey"] == "/run/netns/x"


@pytest.mark.parametrize("networks", [{"back": ALIASES}, {"back": ALIASES, "podman": ALIASES}])
def test_addresses_of_other_networks_stand_with_them_alone(
    container: Callable[..., Item], networks: dict[str, bytes]
) -> None:
    found = settings(container(networks=networks, state__networkStatus={"back": result(FOUR)}))
    assert found["IPAddress"] == ""
    assert found["Networks"]["back"]["IPAddress"] == "10.88.0.2"
    assert list(found["Networks"]) == sorted(networks)


def test_a_network_without_a_name(container: Callable[..., Item]) -> None:
    found = settings(container(state__networkStatus={"slirp": result(FOUR)}))
    assert found["IPAddress"] == "10.88.0.2"
    assert "Networks" not in found


def test_further_addresses_are_secondary(container: Callable[..., Item]) -> None:
    one, other = result(FOUR, ("10.88.0.3/16", "")), result(SIX, ("fd00::3/64", ""), mac="02:00:00:00:00:01")
    interfaces = {"eth0": one["interfaces"]["eth0"], "eth1": other["interfaces"]["eth0"]}  # type: ignore[index]
    found = settings(container(state__networkStatus={"podman": {"interfaces": interfaces}}))
    assert found["SecondaryIPAddresses"] == [{"Addr": "10.88.0.3", "PrefixLength": 16}]
    assert found["SecondaryIPv6Addresses"] == [{"Addr": "fd00::3", "PrefixLength": 64}]
    assert found["AdditionalMacAddresses"] == ["02:00:00:00:00:01"]


def test_a_container_that_does_not_run_has_no_addresses(container: Callable[..., Item]) -> None:
    found = settings(container(networks={"podman": ALIASES}))
    assert found["Networks"]["podman"]["IPAddress"] == found["IPAddress"] == ""
    assert found["Ports"] == {}


def test_options_may_be_decoded_already(container: Callable[..., Item]) -> None:
    found = settings(container(networks={"podman": {"aliases": ["web"]}}))
    assert found["Networks"]["podman"]["Aliases"] == ["web"]


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"podman": b"{"}, "networks of container web, podman: invalid JSON"),
        ({"podman": b"[]"}, "networks of container web, podman: expected a JSON object"),
        ({"podman": 7}, "networks of container web: podman: expected an object, found the number 7"),
        ({"podman": b'{"aliases":"web"}'}, "networks of container web, podman: aliases: expected a list"),
    ],
)
def test_damaged_options_are_named(
    container: Callable[..., Item], networks: dict[str, object], message: str
) -> None:
    with pytest.raises(DecodeError, match=message):
        settings(container(networks=networks))
