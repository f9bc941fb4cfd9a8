"""The flags of `create` and `run` that are about networks, spelled as Podman spells them."""

from __future__ import annotations

from libpod.errors import InvalidArgument, NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from libpod.cli.grammar import Grammar
    from libpod.config.runtime import RuntimeConfig
    from libpod.containers.joining import NetworkOptions, NetworkRequest

_MODES_HINT = "none, host, bridge, slirp4netns, NAME, container:NAME or ns:PATH"
_OPTIONS_HINT = "ip=ADDRESS, mac=ADDRESS, interface_name=NAME and alias=NAME are"
_HARDWARE_ADDRESS = r"([0-9a-f]{2}:){5}[0-9a-f]{2}"
_INTERFACE = r"[^/:\s]{1,15}"
_PROTOCOLS = ("tcp", "udp", "sctp")
# What the network namespace is where nothing of ours is set up in it.
NONE = "none"
SLIRP = "slirp4netns"


def configure(parser: Grammar) -> None:
    """Add the flags."""
    parser.add_argument(
        "--network", "--net", metavar="MODE", action="append", default=[],
        help="the network: bridge, or a network by its name with options (NAME:ip=…,mac=…), given again for "
        "each further one; or none, host, container:NAME, ns:PATH",
    )  # fmt: skip
    parser.add_argument(
        "-p", "--publish", metavar="[[IP:]HOST:]PORT[/PROTOCOL]", action="append", default=[],
        help="publish a port, or a range of them, on the host",
    )  # fmt: skip
    parser.add_argument(
        "-P",
        "--publish-all",
        action="store_true",
        help="publish every exposed port on a free port of the host",
    )
    parser.add_argument(
        "--expose", metavar="PORT[/PROTOCOL]", action="append", default=[], help="a port that it listens on"
    )
    parser.add_argument("--ip", metavar="ADDRESS", help="its IPv4 address")
    parser.add_argument("--ip6", metavar="ADDRESS", help="its IPv6 address")
    parser.add_argument("--mac-address", metavar="ADDRESS", help="its hardware address")
    parser.add_argument(
        "--network-alias", metavar="NAME", action="append", default=[], help="a further name in its network"
    )


def parse(options: Namespace, config: RuntimeConfig) -> tuple[str, NetworkOptions]:
    """The network namespace, as `libpod.oci.options.Namespaces` has it, and what is set up in it.

    Raises InvalidArgument, naming the flag, for what cannot be, and NotSupported.
    """
    from libpod.cli import output
    from libpod.containers import joining, ports
    from libpod.oci.options import HOST, PRIVATE

    given = options.network or [SLIRP if config.rootless else "bridge"]
    modes = [mode for text in given for mode in _split(text)]
    published = [ports.parse(text) for text in options.publish]
    exposed = [port for text in options.expose for port in _exposed(text)]
    single = _single_mode(modes)
    if single is None:
        if config.rootless:
            raise NotSupported(
                "networks by name are set up for root only", hint=f"--network {SLIRP}, none or host"
            )
        found = joining.NetworkOptions(
            requests=_requests(modes, options),
            ports=published,
            publish_all=options.publish_all,
            exposed=exposed,
        )
        return PRIVATE, found
    _refuse_fixed(options, modes)
    if single == HOST and (published or options.publish_all):
        output.warning("ports are not published: the container uses the network of the host")
        return single, joining.NetworkOptions(exposed=exposed)
    found = joining.NetworkOptions(
        ports=published, publish_all=options.publish_all, exposed=exposed, slirp=_slirp_options(single)
    )
    if found.slirp is not None:
        return PRIVATE, found
    return PRIVATE if single == NONE else single, found


def _split(mode: str) -> list[str]:
    """`NAME,NAME`, as Podman takes it; behind a colon the commas are between options."""
    return [mode] if ":" in mode else mode.split(",")


def _single_mode(modes: Sequence[str]) -> str | None:
    """The mode, where it is none in which networks are joined by name."""
    for mode in modes:
        kind, _, rest = mode.partition(":")
        if mode in (NONE, "host") or kind == SLIRP or (kind in ("container", "ns") and rest):
            if len(modes) > 1:
                raise InvalidArgument(f"--network {mode} and another network exclude each other")
            return mode
        if kind in ("pasta", "container", "ns", ""):
            raise InvalidArgument(f"--network {mode!r} is not supported", hint=_MODES_HINT)
    return None


def _slirp_options(mode: str) -> list[str] | None:
    kind, _, rest = mode.partition(":")
    if kind != SLIRP:
        return None
    return rest.split(",") if rest else []


def _refuse_fixed(options: Namespace, modes: Sequence[str]) -> None:
    given = {
        "--ip": options.ip,
        "--ip6": options.ip6,
        "--mac-address": options.mac_address,
        "--network-alias": options.network_alias,
    }
    for flag, value in given.items():
        if value:
            raise InvalidArgument(f"{flag} cannot be used with --network {modes[0]}")


# ---------------------------------------------------------------- networks


def _requests(modes: Sequence[str], options: Namespace) -> list[NetworkRequest]:
    found = [_request(mode) for mode in modes]
    fixed = [_address(text) for text in (options.ip, options.ip6) if text]
    if (fixed or options.mac_address) and len(found) > 1:
        raise InvalidArgument(
            "--ip, --ip6 and --mac-address are for one network",
            hint="with several: --network NAME:ip=…,mac=…",
        )
    if fixed:
        found[0] = found[0]._replace(addresses=(*found[0].addresses, *fixed))
    if options.mac_address:
        found[0] = found[0]._replace(hardware_address=_hardware_address(options.mac_address))
    aliases = tuple(_alias(text) for text in options.network_alias)
    return [request._replace(aliases=(*request.aliases, *aliases)) for request in found]


def _request(mode: str) -> NetworkRequest:
    from libpod.containers.joining import NetworkRequest
    from libpod.network import conflist

    name, _, rest = mode.partition(":")
    found = NetworkRequest("" if name in ("bridge", "default", "private") else name)
    if not conflist.is_name(name):
        raise InvalidArgument(f"--network {mode!r}: that cannot be the name of a network", hint=_MODES_HINT)
    for option in rest.split(",") if rest else ():
        key, _, value = option.partition("=")
        if key in ("ip", "ip6"):
            found = found._replace(addresses=(*found.addresses, _address(value)))
        elif key == "mac":
            found = found._replace(hardware_address=_hardware_address(value))
        elif key == "interface_name":
            found = found._replace(interface=_interface(value))
        elif key == "alias":
            found = found._replace(aliases=(*found.aliases, _alias(value)))
        else:
            raise InvalidArgument(f"--network {mode}: {key!r} is no option", hint=_OPTIONS_HINT)
    return found


def _address(text: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise InvalidArgument(f"{text!r} is not an IP address") from error


def _hardware_address(text: str) -> str:
    import re

    address = text.lower().replace("-", ":")
    if not re.fullmatch(_HARDWARE_ADDRESS, address):
        raise InvalidArgument(f"{text!r} is not a hardware address", hint="such as 92:d0:c6:0a:29:33")
    if int(address[:2], 16) & 1:
        raise InvalidArgument(f"hardware address {text} is one of a group, which no interface can have")
    return address


def _interface(text: str) -> str:
    import re

    if not re.fullmatch(_INTERFACE, text) or text in (".", "..", "lo"):
        raise InvalidArgument(
            f"{text!r} cannot be the name of an interface", hint="up to 15 characters: eth0"
        )
    return text


def _alias(text: str) -> str:
    if not text or text.split() != [text]:
        raise InvalidArgument(f"{text!r} cannot be a name in a network")
    return text


# ---------------------------------------------------------------- ports


def _exposed(text: str) -> list[tuple[int, str]]:
    from libpod.containers import ports

    span, _, protocol = text.partition("/")
    first, count = ports.span(span, f"--expose {text}")
    protocol = protocol or "tcp"
    if protocol not in _PROTOCOLS:
        raise InvalidArgument(f"--expose {text}: {protocol!r} is no protocol", hint=", ".join(_PROTOCOLS))
    return [(first + step, protocol) for step in range(count)]
