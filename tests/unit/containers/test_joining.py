"""Ports and networks of a new container, as its configuration records them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers import joining, ports
from libpod.containers.joining import NetworkOptions, NetworkRequest
from libpod.errors import InvalidArgument, NoSuchNetwork
from libpod.network import hostports
from libpod.network.conflist import Networks

if TYPE_CHECKING:
    from pathlib import Path

ID = "0123456789abcdef" * 4


class Connector:
    def __init__(self, networks: Networks) -> None:
        self.networks = networks


class Engine:
    def __init__(self, directory: Path) -> None:
        self.connector = Connector(Networks([str(directory)]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", ("", 0, 80, 1, "tcp")),
        ("8080:80", ("", 8080, 80, 1, "tcp")),
        ("8080:80/udp", ("", 8080, 80, 1, "udp")),
        ("8080-8082:80-82", ("", 8080, 80, 3, "tcp")),
        ("80-82", ("", 0, 80, 3, "tcp")),
        ("127.0.0.1:8080:80", ("127.0.0.1", 8080, 80, 1, "tcp")),
        ("127.0.0.1::80", ("127.0.0.1", 0, 80, 1, "tcp")),
        ("[::1]:8080:80/sctp", ("::1", 8080, 80, 1, "sctp")),
        (":80", ("", 0, 80, 1, "tcp")),
    ],
)
def test_publish_is_understood(text: str, expected: tuple[object, ...]) -> None:
    port = ports.parse(text)
    found = (port.host_ip, port.host_port, port.container_port, port.count, port.protocol)
    assert found == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no port"),
        ("http", "'http' is no port"),
        ("0:80", "ports are 1 to 65535"),
        ("80:65536", "ports are 1 to 65535"),
        ("90-80", "the first one of a range first"),
        ("80-", "'80-' is no port"),
        ("-80:80", "'-80' is no port"),
        ("8080-8082:80", "3 ports of the host cannot lead to 1"),
        ("80/", "'' is no protocol"),
        ("80/icmp", "'icmp' is no protocol"),
        ("host:80:80", "'host' is not an IP address of the host"),
        ("::1:80:80", "an IPv6 address stands in brackets"),
        ("[::1:80:80", "is not an IP address of the host"),
        ("٨٠:80", "is no port"),
    ],
)
def test_publish_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match="--publish") as caught:
        ports.parse(text)
    assert message in caught.value.message


def publish(*texts: str, **keywords: Any) -> list[str]:
    exposed = keywords.pop("exposed", ())
    options = NetworkOptions(ports=[ports.parse(text) for text in texts], **keywords)
    return [str(port) for port in joining.publish(options, exposed)]


def test_the_same_port_for_other_addresses_and_protocols() -> None:
    texts = ("80:80", "80:80/udp", "80:80")
    assert publish(*texts) == ["0.0.0.0:80->80/tcp", "0.0.0.0:80->80/udp"]
    assert publish("127.0.0.1:80:80", "127.0.0.2:80:81") == ["127.0.0.1:80->80/tcp", "127.0.0.2:80->81/tcp"]


@pytest.mark.parametrize(
    "texts",
    [
        ("80:80", "80:81"),
        ("80:80", "127.0.0.1:80:80"),
        ("127.0.0.1:80:80", "80:81"),
        ("78-82:78-82", "80:80"),
    ],
)
def test_one_place_on_the_host_has_one_port(texts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument, match="port 80/tcp is published twice"):
        publish(*texts)


def test_free_ports_are_chosen_last(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, list[int]]] = []

    def random_port(address: str, protocol: str, taken: list[int]) -> int:
        asked.append((address, protocol, sorted(taken)))
        return 40000 + len(asked)

    monkeypatch.setattr(hostports, "random_port", random_port)
    found = publish("80-81", "5000:90", publish_all=True, exposed=[(90, "tcp"), (53, "udp"), (80, "tcp")])
    assert found == [
        "0.0.0.0:5000->90/tcp", "0.0.0.0:40001->80/tcp", "0.0.0.0:40002->81/tcp", "0.0.0.0:40003->53/udp",
    ]  # fmt: skip
    assert asked == [("", "tcp", [5000]), ("", "tcp", [5000, 40001]), ("", "udp", [])]


def configure(tmp_path: Path, *requests: NetworkRequest, **keywords: Any) -> dict[str, Any]:
    image: dict[str, Any] = {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "rubbish": {}}}
    options = NetworkOptions(requests=requests, **keywords)
    return joining.configure(Engine(tmp_path), options, image, ID)  # type: ignore[arg-type]


def write(directory: Path, name: str, subnet: str) -> None:
    text = '{"name": "%s", "plugins": [{"type": "bridge", "ipam": {"type": "host-local", "subnet": "%s"}}]}'
    (directory / f"{name}.conflist").write_text(text % (name, subnet))


def test_the_configuration_is_podmans(tmp_path: Path) -> None:
    write(tmp_path, "mine", "10.1.0.0/24")
    assert configure(
        tmp_path,
        NetworkRequest("podman", addresses=("10.88.0.9",), hardware_address="02:00:00:00:00:01"),
        NetworkRequest("", interface="eth0", aliases=("a", "a")),
        ports=[ports.parse("8080:80")],
    ) == {
        "createNetNS": True,
        "postConfigureNetNS": False,
        "networkMode": "bridge",
        "newNetworks": {
            "podman": {
                "static_ips": ["10.88.0.9"],
                "aliases": [ID[:12]],
                "static_mac": "02:00:00:00:00:01",
                "interface_name": "eth1",
            },
            "mine": {"aliases": ["a", ID[:12]], "interface_name": "eth0"},
        },
        "newPortMappings": [
            {"host_ip": "", "container_port": 80, "host_port": 8080, "range": 1, "protocol": "tcp"}
        ],
        "exposedPorts": {"53": ["udp"]},
    }


def test_no_network_is_asked_for(tmp_path: Path) -> None:
    assert configure(tmp_path) == {"createNetNS": False, "exposedPorts": {"80": ["tcp"], "53": ["udp"]}}
    for keywords in ({"ports": [ports.parse("80")]}, {"publish_all": True}):
        with pytest.raises(InvalidArgument, match="only for a container with a network of its own"):
            configure(tmp_path, **keywords)


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([NetworkRequest("nowhere")], "no such network: nowhere"),
        ([NetworkRequest("podman"), NetworkRequest()], "network podman is named twice"),
        ([NetworkRequest(interface="a"), NetworkRequest("b", "a")], "cannot both have the interface a"),
        ([NetworkRequest(addresses=("10.89.0.1",))], "is not in network podman, which has 10.88.0.0/16"),
        ([NetworkRequest(addresses=("fd00::1",))], "fd00::1 is not in network podman"),
        ([NetworkRequest(addresses=("10.88.0.1",))], "10.88.0.1 is the gateway of network podman"),
    ],
)  # fmt: skip
def test_what_networks_do_not_have_is_refused(
    tmp_path: Path, requests: list[NetworkRequest], message: str
) -> None:
    with pytest.raises((InvalidArgument, NoSuchNetwork)) as caught:
        configure(tmp_path, *requests)
    assert message in caught.value.message
