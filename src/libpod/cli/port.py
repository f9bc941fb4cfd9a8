"""`libpod port`."""

from __future__ import annotations

import time

from libpod.cli import codes, output, ps, selecting
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from libpod.cli.grammar import Grammar
    from libpod.containers.items import Item
    from libpod.containers.listing import Listing

    Row = dict[str, object]


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument("-a", "--all", action="store_true", help="show those of all running containers")
    parser.add_argument(
        "container", metavar="CONTAINER", nargs="?", help="a name, an ID, or the unique beginning of an ID"
    )
    parser.add_argument(
        "port", metavar="PORT[/PROTOCOL]", nargs="?", help="show only where this port of the container is"
    )
    selecting.add_latest(parser)
    parser.add_format(templates=False)
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print each port of the container, and the places of the host that lead to it."""
    if options.latest and not options.port:
        # The only word is that of the port.
        options.container, options.port = None, options.container
    if options.all + options.latest + bool(options.container) != 1:
        raise InvalidArgument(
            "port needs either a CONTAINER, or --latest, or --all",
            hint="see 'libpod port --help'",
        )
    from libpod.cli import stores
    from libpod.containers import items, listing
    from libpod.state.records import RUNNING

    with stores.Store(options) as store:
        found = items.read_containers(store.state)
    if options.all:
        wanted = [item for item in found.containers if item.status == RUNNING]
    elif options.latest:
        wanted = [selecting.latest_item(found.containers)]
    else:
        wanted = [items.find(found.containers, options.container)]
    rows = list(_rows(wanted, listing.Listing(found.containers, now=time.time())))
    if options.port:
        rows = _only(rows, wanted[0].name, options.port)
    if options.format:
        output.as_json(rows)
    elif rows:
        output.data("\n".join(_text(row, options) for row in rows))
    return codes.DONE


def _rows(wanted: Iterable[Item], lists: Listing) -> Iterator[Row]:
    """One row for each single port."""
    for item in wanted:
        for port in lists.ports(item):
            for protocol in port.protocol.split(","):
                for step in range(port.count):
                    yield {
                        "container": item.id,
                        "container_port": port.container_port + step,
                        "protocol": protocol,
                        "host_ip": port.host_ip,
                        "host_port": port.host_port + step,
                    }


def _only(rows: Iterable[Row], container: str, text: str) -> list[Row]:
    number, _, protocol = text.partition("/")
    protocol = protocol or "tcp"
    found = [row for row in rows if (str(row["container_port"]), row["protocol"]) == (number, protocol)]
    if not found:
        raise InvalidArgument(f"container {container} does not publish port {number}/{protocol}")
    return found


def _text(row: Row, options: Namespace) -> str:
    from libpod.containers.ports import ANY_ADDRESS

    address = str(row["host_ip"]) or ANY_ADDRESS
    place = f"[{address}]:{row['host_port']}" if ":" in address else f"{address}:{row['host_port']}"
    if options.port:
        return place
    line = f"{row['container_port']}/{row['protocol']} -> {place}"
    return f"{ps.short(str(row['container']), whole=False)}\t{line}" if options.all else line
