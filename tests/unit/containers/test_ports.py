"""Published ports."""

from __future__ import annotations

from typing import Any

import pytest

from libpod.containers import ports
from libpod.containers.fields import Fields
from libpod.errors import DecodeError


def config(**members: Any) -> Fields:
    """A container configuration."""
    return Fields(members, "configuration of container web")


def new(host_ip: str, host: int, inside: int, count: int = 1, protocol: str = "tcp") -> dict[str, object]:
    """One mapping as Podman 4 writes it."""
    return {
        "host_ip": host_ip,
        "container_port": inside,
        "host_port": host,
        "range": count,
        "protocol": protocol,
    }


@pytest.mark.parametrize(
    ("mapping", "cell"),
    [
        (new("", 8080, 80), "0.0.0.0:8080->80/tcp"),
        (new("127.0.0.1", 8080, 80, protocol="udp"), "127.0.0.1:8080->80/udp"),
        (new("127.0.0.1", 9000, 7000, 3), "127.0.0.1:9000-9002->7000-7002/tcp"),
        (new("::1", 8099, 80), "::1:8099->80/tcp"),
        (new("", 1, 2, protocol="tcp,udp"), "0.0.0.0:1->2/tcp, 0.0.0.0:1->2/udp"),
    ],
)
def test_cells_of_the_list(mapping: dict[str, object], cell: str) -> None:
    assert [str(port) for port in ports.published(config(newPortMappings=[mapping]))] == [cell]


def test_mappings_of_older_programs_are_converted() -> None:
    old = [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "10.0.0.1"}]
    (port,) = ports.published(config(portMappings=old))
    assert port.as_json() == new("10.0.0.1", 8080, 80)


def test_new_mappings_win_over_old_ones() -> None:
    old = [{"hostPort": 1, "containerPort": 2, "protocol": "tcp", "hostIP": ""}]
    (port,) = ports.published(config(portMappings=old, newPortMappings=[new("", 3, 4)]))
    assert (port.host_port, port.container_port) == (3, 4)


def test_bindings_of_ranges_and_exposed_ports() -> None:
    found = ports.bindings(
        config(
            newPortMappings=[new("", 8080, 80), new("::1", 9000, 90, 2, "udp"), new("", 8081, 80)],
            exposedPorts={"80": ["tcp"], "7777": ["tcp", "udp"]},
        )
    )
    assert found == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "", "HostPort": "8081"}],
        "90/udp": [{"HostIp": "::1", "HostPort": "9000"}],
        "91/udp": [{"HostIp": "::1", "HostPort": "9001"}],
        "7777/tcp": None,
        "7777/udp": None,
    }


@pytest.mark.parametrize("none", [{}, {"newPortMappings": None}, {"newPortMappings": [], "portMappings": []}])
def test_no_ports(none: dict[str, Any]) -> None:
    assert ports.published(config(**none)) == []
    assert ports.bindings(config(**none)) == {}


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"newPortMappings": {}}, "newPortMappings"),
        ({"newPortMappings": [7]}, "0"),
        ({"newPortMappings": [{"host_port": "80"}]}, "host_port"),
        ({"portMappings": [{"hostIP": 7}]}, "hostIP"),
    ],
)
def test_wrong_types_are_named(members: dict[str, Any], key: str) -> None:
    with pytest.raises(DecodeError, match="configuration of container web") as caught:
        ports.published(config(**members))
    assert caught.value.key == key
