"""Published ports: how they are asked for, what the two forms of the configuration say, and how lists and
inspection show them.
"""

from __future__ import annotations

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from libpod.containers.fields import Fields

    Binding = dict[str, str]

ANY_ADDRESS = "0.0.0.0"
PROTOCOLS = ("tcp", "udp", "sctp")
LAST_PORT = 65535


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


def parse(text: str) -> Port:
    """The ports that `--publish` *text* asks for: `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`.

    HOST and CONTAINER are numbers or ranges of one length; an IPv6 address stands in brackets. Without HOST
    the host port is 0, for any free one. Raises InvalidArgument.
    """
    flag = f"--publish {text}"
    places, slash, protocol = text.partition("/")
    protocol = protocol if slash else "tcp"
    if protocol not in PROTOCOLS:
        raise InvalidArgument(f"{flag}: {protocol!r} is no protocol", hint=f"one of {', '.join(PROTOCOLS)}")
    rest, _, inside = places.rpartition(":")
    address, colon, outside = rest.rpartition(":") if not rest.endswith("]") else (rest, ":", "")
    container_port, count = span(inside, flag)
    host_port, host_count = span(outside, flag) if outside else (0, count)
    if host_count != count:
        raise InvalidArgument(
            f"{flag}: {host_count} ports of the host cannot lead to {count} of the container"
        )
    return Port(_host_address(address, flag) if colon else "", host_port, container_port, count, protocol)


def span(text: str, flag: str) -> tuple[int, int]:
    """The first port of a number or range, and how many there are. InvalidArgument, naming the *flag*."""
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise InvalidArgument(f"{flag}: {text!r} is no port", hint="a number, or a range such as 8000-8010")
    low, high = int(first), int(numbers[-1])
    if not 1 <= low <= high <= LAST_PORT:
        raise InvalidArgument(f"{flag}: {text}: ports are 1 to {LAST_PORT}, the first one of a range first")
    return low, high - low + 1


def _host_address(text: str, flag: str) -> str:
    import ipaddress

    if not text:
        return ""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError as error:
        raise InvalidArgument(f"{flag}: {text!r} is not an IP address of the host") from error
    if address.version == 6 and bare == text:
        raise InvalidArgument(f"{flag}: an IPv6 address stands in brackets: [{text}]")
    return str(address)


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
