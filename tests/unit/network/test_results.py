"""Results of every version, and the default route of a container with several networks."""

from __future__ import annotations

from typing import Any

import pytest

from libpod.errors import DecodeError
from libpod.network import results

NEW: dict[str, Any] = {
    "cniVersion": "0.4.0",
    "interfaces": [
        {"name": "cni0", "mac": "0a:00:00:00:00:01"},
        {"name": "eth0", "mac": "0a:00:00:00:00:02"},
        {"name": "eth0", "mac": "0a:00:00:00:00:03", "sandbox": "/run/netns/x"},
    ],
    "ips": [
        {"version": "4", "interface": 2, "address": "10.1.0.2/16", "gateway": "10.1.0.1"},
        {"version": "6", "interface": 2, "address": "fd00::2/64"},
    ],
    "routes": [{"dst": "0.0.0.0/0"}],
    "dns": {"nameservers": ["10.1.0.1"], "domain": "a.example", "search": ["a.example", "b.example"]},
}
OLD = {
    "ip4": {"ip": "10.1.0.2/16", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
    "ip6": {"ip": "fd00::2/64"},
    "dns": {},
}
SUBNETS = [{"ipnet": "10.1.0.2/16", "gateway": "10.1.0.1"}, {"ipnet": "fd00::2/64"}]


def test_a_result_becomes_podmans_record() -> None:
    assert results.status(NEW, "eth0", "x") == {
        "interfaces": {"eth0": {"subnets": SUBNETS, "mac_address": "0a:00:00:00:00:03"}},
        "dns_server_ips": ["10.1.0.1"],
        "dns_search_domains": ["a.example", "b.example"],
    }


def test_a_result_of_the_first_versions_is_understood() -> None:
    assert results.status(OLD, "eth0", "x") == {
        "interfaces": {"eth0": {"subnets": SUBNETS, "mac_address": ""}}
    }
    assert results.has_default_route(OLD)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ips": [{"address": "rubbish"}]},
        {"ips": [{"address": "10.1.0.2/16", "gateway": "x"}]},
        {"ips": [{}]},
        {"ips": ["10.1.0.2/16"]},
        {"ips": {}},
        {"ip4": {"ip": 5}},
        {"interfaces": ["eth0"]},
        {"dns": {"nameservers": "10.1.0.1"}},
    ],
)
def test_rubbish_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match="network a"):
        results.status(wrong, "eth0", "network a")


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([{"dst": "0.0.0.0/0"}], True),
        ([{"dst": "::/0", "gw": "fd00::1"}], True),
        ([{"dst": "10.0.0.0/8"}], False),
        ([], False),
        (None, False),
        ("rubbish", False),
    ],
)
def test_default_routes_are_seen(routes: object, expected: bool) -> None:
    assert results.has_default_route({"routes": routes}) is expected


def test_only_default_routes_are_taken_out() -> None:
    plugin = {
        "type": "bridge",
        "isDefaultGateway": True,
        "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8"}]},
    }
    assert results.without_default_route(plugin) == {
        "type": "bridge",
        "ipam": {"type": "host-local", "routes": [{"dst": "10.0.0.0/8"}]},
    }
    assert plugin["isDefaultGateway"] is True
