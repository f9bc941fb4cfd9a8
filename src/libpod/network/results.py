"""Results of CNI plugins, of every version of the specification, as Podman's databases record them.

Versions 0.1.0 and 0.2.0 have at most one address of each kind (`ip4`, `ip6`); from 0.3.0 on there are lists
of `interfaces` and `ips`. A record is Podman's StatusBlock: for each interface of the container its hardware
address and its addresses with their gateways, and the name servers.
"""

from __future__ import annotations

import ipaddress

from libpod.errors import DecodeError
from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Object = Mapping[str, object]
    Status = dict[str, object]

DEFAULT_ROUTES = ("0.0.0.0/0", "::/0")


def status(result: Object, interface: str, source: str) -> Status:
    """Podman's record of a *result* for the container's *interface*. DecodeError, naming *source*."""
    hardware = _hardware_address(result, interface, source)
    subnets = [_subnet(address, gateway, source) for address, gateway in _addresses(result, source)]
    found: Status = {"interfaces": {interface: {"subnets": subnets or None, "mac_address": hardware}}}
    dns = jsonutil.get_object(result, "dns", {}, source=source)
    servers = jsonutil.get_str_list(dns, "nameservers", [], source=source)
    search = [
        domain
        for domain in (
            jsonutil.get_str(dns, "domain", "", source=source),
            *jsonutil.get_str_list(dns, "search", [], source=source),
        )
        if domain
    ]
    if servers:
        found["dns_server_ips"] = list(servers)
    if search:
        found["dns_search_domains"] = list(dict.fromkeys(search))
    return found


def addresses_of(result: Object | None) -> list[str]:
    """The addresses in a result, without prefix lengths; none where it cannot be understood."""
    try:
        return addresses_in(status(result or {}, "", "result"))
    except DecodeError:
        return []


def addresses_in(status: Object) -> list[str]:
    """The addresses in Podman's record of one network, without prefix lengths."""
    found = []
    interfaces = status.get("interfaces")
    for interface in interfaces.values() if isinstance(interfaces, dict) else ():
        for subnet in interface.get("subnets") or ():
            found.append(str(subnet.get("ipnet", "")).partition("/")[0])
    return found


def _subnet(address: str, gateway: str, source: str) -> dict[str, str]:
    try:
        ipaddress.ip_interface(address)
        if gateway:
            ipaddress.ip_address(gateway)
    except ValueError as error:
        raise DecodeError(f"{source}: {error}", source=source, key="ips") from error
    return {"ipnet": address, "gateway": gateway} if gateway else {"ipnet": address}


def _addresses(result: Object, source: str) -> Iterator[tuple[str, str]]:
    """Address with its prefix length, and gateway."""
    for key in ("ip4", "ip6"):
        old = jsonutil.get_object(result, key, None, source=source)
        if old:
            yield (
                jsonutil.get_str(old, "ip", source=source),
                jsonutil.get_str(old, "gateway", "", source=source),
            )
    for item in jsonutil.get_list(result, "ips", [], source=source):
        if not isinstance(item, dict):
            raise DecodeError(f"{source}: ips: expected objects", source=source, key="ips")
        yield (
            jsonutil.get_str(item, "address", source=source),
            jsonutil.get_str(item, "gateway", "", source=source),
        )


def _hardware_address(result: Object, interface: str, source: str) -> str:
    for item in jsonutil.get_list(result, "interfaces", [], source=source):
        if not isinstance(item, dict):
            raise DecodeError(f"{source}: interfaces: expected objects", source=source, key="interfaces")
        in_container = jsonutil.get_str(item, "sandbox", "", source=source)
        if in_container and jsonutil.get_str(item, "name", "", source=source) == interface:
            return jsonutil.get_str(item, "mac", "", source=source)
    return ""


def has_default_route(result: Object) -> bool:
    """Whether the interface leads everywhere."""
    routes = result.get("routes")
    found = list(routes) if isinstance(routes, list) else []
    for key in ("ip4", "ip6"):
        old = result.get(key)
        if isinstance(old, dict) and isinstance(old.get("routes"), list):
            found += old["routes"]
    return any(isinstance(route, dict) and route.get("dst") in DEFAULT_ROUTES for route in found)


def without_default_route(plugin: Object) -> dict[str, object]:
    """A plugin's configuration that does not ask for a default route.

    A container with several networks has its default route in the first of them that offers one: of two
    default routes the kernel takes the one that was made last.
    """
    found = {key: value for key, value in plugin.items() if key != "isDefaultGateway"}
    ipam = found.get("ipam")
    if isinstance(ipam, dict) and isinstance(ipam.get("routes"), list):
        routes = [
            route
            for route in ipam["routes"]
            if not (isinstance(route, dict) and route.get("dst") in DEFAULT_ROUTES)
        ]
        found["ipam"] = {**ipam, "routes": routes}
    return found
