"""The network section of an inspected container, from what the database keeps about its networks."""

from __future__ import annotations

from libpod.containers import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.fields import Fields
    from libpod.containers.items import Item

    Object = dict[str, object]


def network_settings(item: Item, default_network: str) -> Object:
    """The section `NetworkSettings` of the container whose network namespace is used, *item*.

    The addresses stand at the top as well when the container is only in *default_network*, or in no network
    by name.
    """
    results = item.state.members("networkStatus")
    networks = {
        name: _network(name, options, results.get(name)) for name, options in item.network_options().items()
    }
    top = _no_addresses()
    if len(results) == 1 and (not networks or list(networks) == [default_network]):
        (result,) = results.values()
        top = _addresses(result)
    settings = {
        **top,
        "Bridge": "",
        "SandboxID": "",
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "Ports": ports.bindings(item.config),
        "SandboxKey": item.namespace,
    }
    if networks:
        settings["Networks"] = networks
    return settings


def _network(name: str, options: Fields, result: Fields | None) -> Object:
    return {
        **(_no_addresses() if result is None else _addresses(result)),
        "NetworkID": name,
        "DriverOpts": None,
        "IPAMConfig": None,
        "Links": None,
        "Aliases": options.texts_or_null("aliases"),
    }


def _no_addresses() -> Object:
    return {
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
    }


def _addresses(result: Fields) -> Object:
    """The first address of each family, then the others, of one network's result."""
    found = _no_addresses()
    for interface in result.members("interfaces").values():
        for subnet in interface.children("subnets"):
            _add_subnet(found, subnet)
        _add_hardware_address(found, interface.text("mac_address"))
    return found


def _add_subnet(found: Object, subnet: Fields) -> None:
    address, _, length = subnet.text("ipnet").partition("/")
    if not address:
        return
    prefix = int(length) if length.isdecimal() else 0
    names = _SIX if ":" in address else _FOUR
    if found[names[0]]:
        others = found.setdefault(names[3], [])
        assert isinstance(others, list)
        others.append({"Addr": address, "PrefixLength": prefix})
    else:
        found[names[0]], found[names[1]], found[names[2]] = address, prefix, subnet.text("gateway")


_FOUR = ("IPAddress", "IPPrefixLen", "Gateway", "SecondaryIPAddresses")
_SIX = ("GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway", "SecondaryIPv6Addresses")


def _add_hardware_address(found: Object, address: str) -> None:
    if not found["MacAddress"]:
        found["MacAddress"] = address
    elif address:
        others = found.setdefault("AdditionalMacAddresses", [])
        assert isinstance(others, list)
        others.append(address)
