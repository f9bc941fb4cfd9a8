"""A network as Podman describes it: what `network ls` and `network inspect` print.

The keys and values are those that Podman 4.3.1 prints for networks of CNI.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os

from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from libpod.network.conflist import Network

    Object = Mapping[str, object]
    Subnet = dict[str, object]

_INTERFACE_KEYS = {"bridge": "bridge", "macvlan": "master", "ipvlan": "master"}
# What the bridge plugin takes for a name where none is given.
_DEFAULT_BRIDGE = "cni0"


def describe(network: Network) -> dict[str, object]:
    """The description of a network. DecodeError for a value of a wrong type in its file."""
    source = network.path or f"network {network.name}"
    main = network.plugins[0]
    driver = str(main["type"])
    subnets = list(subnets_of(network))
    ipam = _ipam(main, source)
    own = jsonutil.get_object(jsonutil.loads_object(network.text, source), "args", {}, source=source)
    found: dict[str, object] = {
        "name": network.name,
        "id": network.id,
        "driver": driver,
        "network_interface": interface(network),
        "created": _created(network.path),
        "subnets": subnets,
        "ipv6_enabled": any(":" in str(subnet["subnet"]) for subnet in subnets),
        "internal": driver == "bridge" and main.get("isGateway") is not True,
        "dns_enabled": any(plugin["type"] == "dnsname" for plugin in network.plugins),
        "labels": jsonutil.get_str_map(own, "podman_labels", {}, source=source),
        "options": _options(main, own, source),
        "ipam_options": {"driver": jsonutil.get_str(ipam, "type", "none", source=source)},
    }
    optional = ("network_interface", "created", "subnets", "labels", "options")
    return {key: value for key, value in found.items() if value or key not in optional}


def interface(network: Network) -> str:
    """The interface of the host that a network uses, where its file tells. DecodeError."""
    main = network.plugins[0]
    key = _INTERFACE_KEYS.get(str(main["type"]))
    if key is None:
        return ""
    default = _DEFAULT_BRIDGE if key == "bridge" else ""
    return jsonutil.get_str(main, key, default, source=network.path or f"network {network.name}")


def _options(main: Object, own: Object, source: str) -> dict[str, str]:
    options = dict(jsonutil.get_str_map(own, "podman_options", {}, source=source))
    for key in ("mtu", "vlan"):
        number = jsonutil.get_int(main, key, 0, source=source)
        if number:
            options[key] = str(number)
    return options


def _created(path: str) -> str:
    try:
        moment = os.stat(path).st_mtime
    except OSError:
        return ""
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat().replace("+00:00", "Z")


def _ipam(main: Object, source: str) -> Object:
    return jsonutil.get_object(main, "ipam", {}, source=source)


def subnets_of(network: Network) -> Iterator[Subnet]:
    """The subnets from which a network gives addresses, with their gateways, as far as its file tells.

    The plugin host-local takes the first address of a subnet for the gateway where none is given. Raises
    DecodeError.
    """
    source = network.path or f"network {network.name}"
    for item in _ranges(_ipam(network.plugins[0], source), source):
        text = jsonutil.get_str(item, "subnet", "", source=source)
        try:
            subnet = ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue
        gateway = jsonutil.get_str(item, "gateway", "", source=source)
        yield {"subnet": text, "gateway": gateway or str(subnet.network_address + 1)}


def _ranges(ipam: Object, source: str) -> Iterator[Object]:
    if "subnet" in ipam:
        yield ipam
    for group in jsonutil.get_list(ipam, "ranges", [], source=source):
        for item in group if isinstance(group, list) else []:
            if isinstance(item, dict):
                yield item
