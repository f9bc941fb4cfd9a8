"""Which networks a new container joins and which ports it publishes, as its configuration records it.

The keys are those of Podman 4.3: `createNetNS`, `networkMode`, `newPortMappings`, `exposedPorts`, and for
each network its options (`newNetworks` here; BoltDB keeps them in a bucket of their own).
"""

from __future__ import annotations

from libpod.containers.ports import Port
from libpod.errors import InvalidArgument, NotSupported
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from libpod.containers.engine import Engine
    from libpod.network.conflist import Network

    Exposed = tuple[int, str]

_SHORT_ID = 12


class NetworkRequest(NamedTuple):
    """A network that a new container joins. An empty *name* is the default network."""

    name: str = ""
    interface: str = ""
    """Empty for the first free one of eth0, eth1, …"""
    addresses: tuple[str, ...] = ()
    hardware_address: str = ""
    aliases: tuple[str, ...] = ()


class NetworkOptions(NamedTuple):
    """The networks of a new container in the order of its interfaces, and its ports. No networks: none."""

    requests: Sequence[NetworkRequest] = ()
    ports: Sequence[Port] = ()
    """With a host port of 0 for any free one."""
    publish_all: bool = False
    exposed: Sequence[Exposed] = ()
    """Ports and protocols, beside those of the image."""
    slirp: Sequence[str] | None = None
    """The options of slirp4netns, which is the network then, and the only one."""


def configure(
    engine: Engine,
    options: NetworkOptions,
    image_config: Mapping[str, object],
    container_id: str,
    *,
    mapped: bool = False,
) -> dict[str, object]:
    """The keys of the configuration; *mapped*: the container has a user namespace of its own.

    Raises NoSuchNetwork, and InvalidArgument for an address that a network does not have, a network or a port
    that is named twice, and ports without a network; NotSupported where slirp4netns is not installed.
    """
    exposed = dict.fromkeys([*options.exposed, *image_ports(image_config)])
    if not options.requests and options.slirp is None:
        if options.ports or options.publish_all:
            raise InvalidArgument("ports can be published only for a container with a network of its own")
        return {"createNetNS": False, **_exposed(exposed)}
    published = publish(options, exposed)
    inside = {
        (port.container_port + step, name)
        for port in published
        for name in port.protocol.split(",")
        for step in range(port.count)
    }
    found: dict[str, object] = {
        "createNetNS": True,
        "postConfigureNetNS": mapped,
        **_mode(engine, options, container_id),
    }
    if published:
        found["newPortMappings"] = [port.as_json() for port in published]
    return found | _exposed([port for port in exposed if port not in inside])


# ---------------------------------------------------------------- networks


def _mode(engine: Engine, options: NetworkOptions, container_id: str) -> dict[str, object]:
    if options.slirp is None:
        return {
            "networkMode": "bridge",
            "newNetworks": _networks(engine, options.requests, container_id),
        }
    from libpod.network import slirp

    slirp.parse(options.slirp)
    if not slirp.is_installed():
        raise NotSupported(
            "slirp4netns, the network of containers of ordinary users, is not installed",
            hint=slirp.INSTALL_HINT,
        )
    given = {"network_options": {slirp.PROGRAM: list(options.slirp)}} if options.slirp else {}
    return {"networkMode": slirp.PROGRAM, **given}


def _networks(
    engine: Engine, requests: Sequence[NetworkRequest], container_id: str
) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    interfaces = _interfaces(requests)
    for request, interface in zip(requests, interfaces, strict=True):
        networks = engine.connector.networks
        network = networks.find(request.name) if request.name else networks.default()
        if network.name in found:
            raise InvalidArgument(f"network {network.name} is named twice")
        for address in request.addresses:
            _require_address(network, address)
        found[network.name] = _options(request, interface, container_id)
    return found


def _interfaces(requests: Sequence[NetworkRequest]) -> list[str]:
    asked = [request.interface for request in requests if request.interface]
    twice = next((name for name in asked if asked.count(name) > 1), None)
    if twice is not None:
        raise InvalidArgument(f"two networks cannot both have the interface {twice}")
    free = (f"eth{number}" for number in range(len(requests) + len(asked)))
    unused = (name for name in free if name not in asked)
    return [request.interface or next(unused) for request in requests]


def _options(request: NetworkRequest, interface: str, container_id: str) -> dict[str, object]:
    """Podman's PerNetworkOptions."""
    found: dict[str, object] = {}
    if request.addresses:
        found["static_ips"] = list(request.addresses)
    found["aliases"] = list(dict.fromkeys([*request.aliases, container_id[:_SHORT_ID]]))
    if request.hardware_address:
        found["static_mac"] = request.hardware_address
    found["interface_name"] = interface
    return found


def _require_address(network: Network, text: str) -> None:
    """Refuse an address that a network will never give, where its file tells which it has."""
    import ipaddress

    from libpod.network import describe

    address = ipaddress.ip_address(text)
    subnets = list(describe.subnets_of(network))
    names = ", ".join(str(subnet["subnet"]) for subnet in subnets)
    if subnets and not any(
        address in ipaddress.ip_network(str(subnet["subnet"]), strict=False) for subnet in subnets
    ):
        raise InvalidArgument(f"address {text} is not in network {network.name}, which has {names}")
    if any(ipaddress.ip_address(str(subnet["gateway"])) == address for subnet in subnets):
        raise InvalidArgument(f"address {text} is the gateway of network {network.name}")


# ---------------------------------------------------------------- ports


def image_ports(image_config: Mapping[str, object]) -> Iterator[Exposed]:
    """The ports that an image says it listens on (`ExposedPorts`: "80/tcp" to an empty object)."""
    found = image_config.get("ExposedPorts")
    for text in found if isinstance(found, dict) else ():
        number, _, protocol = text.partition("/")
        if number.isascii() and number.isdigit():
            yield int(number), protocol or "tcp"


def _exposed(ports: Iterable[Exposed]) -> dict[str, object]:
    found: dict[str, list[str]] = {}
    for number, protocol in ports:
        found.setdefault(str(number), []).append(protocol)
    return {"exposedPorts": found} if found else {}


def publish(options: NetworkOptions, exposed: Iterable[Exposed]) -> list[Port]:
    """The ports to publish, each with the port of the host that it gets."""
    from libpod.network import hostports

    wanted = list(options.ports)
    if options.publish_all:
        have = {(port.container_port, port.protocol) for port in wanted}
        wanted += [
            Port("", 0, number, 1, protocol) for number, protocol in exposed if (number, protocol) not in have
        ]
    taken: dict[tuple[int, str], Port] = {}
    found: list[Port] = []
    for port in wanted:
        if port.host_port:
            _add(port, found, taken)
    for port in wanted:
        if not port.host_port:
            for step in range(port.count):
                used = [number for number, protocol in taken if protocol == port.protocol]
                number = hostports.random_port(port.host_ip, port.protocol, used)
                _add(Port(port.host_ip, number, port.container_port + step, 1, port.protocol), found, taken)
    return found


def _add(port: Port, found: list[Port], taken: dict[tuple[int, str], Port]) -> None:
    """Note a port; refuse it where another one has the same place on the host. The same again is no error."""
    for step in range(port.count):
        other = taken.setdefault((port.host_port + step, port.protocol), port)
        if other is port or (other.host_ip and port.host_ip and other.host_ip != port.host_ip):
            continue
        if other.as_json() == port.as_json():
            return
        raise InvalidArgument(f"port {port.host_port + step}/{port.protocol} is published twice")
    found.append(port)
