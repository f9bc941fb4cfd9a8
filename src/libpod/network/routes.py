"""Routes of the host that a network would get in the way of.

A bridge gets the route to its subnet. Where another interface has the very same one (a bridge of Podman's
netavark has the same default subnet as that of CNI), the kernel takes one of the two, and the containers
behind the other cannot be reached.
"""

from __future__ import annotations

import ipaddress

from libpod.errors import FileError, NetworkError
from libpod.host import files
from libpod.network import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.network.conflist import Network

ROUTES_FILE = "/proc/net/route"
_BRIDGE = "bridge"


def require_free(network: Network) -> None:
    """Raise NetworkError where another interface of the host has a subnet of a network with a bridge."""
    main = network.plugins[0]
    if main["type"] != _BRIDGE:
        return
    own = describe.interface(network)
    subnets = {str(subnet["subnet"]) for subnet in describe.subnets_of(network)}
    for interface, subnet in _routes():
        if subnet in subnets and interface != own:
            raise NetworkError(
                f"network {network.name}: its addresses {subnet} are in use by interface {interface}",
                hint=f"end what uses {interface}, or give the network another subnet in {network.path}",
            )


def _routes() -> Iterator[tuple[str, str]]:
    """Interface and IPv4 network of each route (proc(5): numbers are hexadecimal, in the host's order)."""
    try:
        lines = files.read_text(ROUTES_FILE).splitlines()[1:]
    except FileError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) > 7:
            address, mask = (int(field, 16).to_bytes(4, "little") for field in (fields[1], fields[7]))
            length = f"{int.from_bytes(mask, 'big'):032b}".count("1")
            yield fields[0], f"{ipaddress.IPv4Address(address)}/{length}"
