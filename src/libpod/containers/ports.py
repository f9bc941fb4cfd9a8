"""Published ports: what the two forms of the configuration say, and how lists and inspection show them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from libpod.containers.fields import Fields

    Binding = dict[str, str]

ANY_ADDRESS = "0.0.0.0"


class Port:
    """Ports of the host, from *host_port* on, that lead to as many ports of a container."""

    __slots__ = ("container_port", "count", "host_ip", "host_port", "protocol")

    def __init__(self, host_ip: str, host_port: int, container_port: int, count: int, protocol: str) -> None:
        self.host_ip = host_ip
        self.host_port = host_port
        self.container_port = container_port
        self.count = count
        self.protocol = protocol

    def as_json(self) -> dict[str, object]:
        """The object that Podman's lists hold."""
        return {
            "host_ip": self.host_ip,
            "container_port": self.container_port,
            "host_port": self.host_port,
            "range": self.count,
            "protocol": self.protocol,
        }

    def __str__(self) -> str:
        """The cell of a list: "0.0.0.0:8080->80/tcp", with two ranges for several ports."""
        address = self.host_ip or ANY_ADDRESS
        host, inside = _span(self.host_port, self.count), _span(self.container_port, self.count)
        return ", ".join(f"{address}:{host}->{inside}/{name}" for name in self.protocol.split(","))


def _span(first: int, count: int) -> str:
    return str(first) if count <= 1 else f"{first}-{first + count - 1}"


def published(config: Fields) -> list[Port]:
    """The port mappings in the container configuration *config*.

    `newPortMappings` of Podman 4 and 5 counts; where it is empty, `portMappings` of older programs, the first
    libpod among them.
    """
    ports = [
        Port(
            item.text("host_ip"),
            item.number("host_port"),
            item.number("container_port"),
            item.number("range", 1),
            item.text("protocol", "tcp"),
        )
        for item in config.children("newPortMappings")
    ]
    return ports or [
        Port(
            item.text("hostIP"),
            item.number("hostPort"),
            item.number("containerPort"),
            1,
            item.text("protocol", "tcp"),
        )
        for item in config.children("portMappings")
    ]


def bindings(config: Fields) -> dict[str, list[Binding] | None]:
    """Published and exposed ports as inspection shows them: "80/tcp" to where it is published, or to None."""
    found: dict[str, list[Binding] | None] = {}
    for port in published(config):
        for name in port.protocol.split(","):
            for step in range(port.count):
                places = found.setdefault(f"{port.container_port + step}/{name}", [])
                assert places is not None
                places.append({"HostIp": port.host_ip, "HostPort": str(port.host_port + step)})
    for number, protocols in _exposed(config):
        for name in protocols:
            found.setdefault(f"{number}/{name}", None)
    return found


def _exposed(config: Fields) -> Iterable[tuple[str, list[str]]]:
    exposed = config.child("exposedPorts")
    return ((number, exposed.texts(number)) for number in exposed.raw)
