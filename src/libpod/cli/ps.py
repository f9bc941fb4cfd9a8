"""`libpod ps`."""

from __future__ import annotations

import gc
import time

from libpod.cli import codes, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Final

    from libpod.cli.parser import Parser

    Row = Mapping[str, Any]

HEADER: Final = ("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")
SHORT_ID: Final = 12
_LONGEST_COMMAND: Final = 17


def configure(parser: Parser) -> None:
    """Add the arguments."""
    parser.add_argument("-a", "--all", action="store_true", help="show all containers, not only running ones")
    parser.add_argument("-q", "--quiet", action="store_true", help="print IDs only")
    parser.add_argument("--no-trunc", action="store_true", help="do not shorten IDs and commands")
    parser.add_format()
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print the containers."""
    # All that is read is needed to the end, which is near: looking for garbage takes a third of the time.
    gc.disable()
    try:
        return _list(options)
    finally:
        gc.enable()


def _list(options: Namespace) -> int:
    from libpod.cli import stores
    from libpod.containers import items, listing

    with stores.Store(options) as store:
        found = items.read_containers(store.state)
        troubles = store.quarantined("containers")
    rows = listing.Listing(found.containers, now=time.time(), troubles=troubles).containers(
        everything=options.all
    )
    if options.format:
        output.as_json(rows)
    elif options.quiet:
        print_ids(rows, whole=options.no_trunc)
    else:
        output.data(text(rows, whole=options.no_trunc))
        for line in reasons(rows):
            output.warning(line)
        hidden = 0 if options.all else sum(item.error is not None for item in found.containers)
        if hidden:
            output.warning(f"{hidden} broken container{'s' * (hidden > 1)} not shown; see 'libpod ps -a'")
    return codes.DONE


def print_ids(rows: Sequence[Row], *, whole: bool) -> None:
    """Print one ID a line, and nothing where there are none."""
    if rows:
        output.data("\n".join(output.printable(short(row["Id"], whole=whole)) for row in rows))


def text(rows: Sequence[Row], *, whole: bool) -> str:
    """The table for people; with *whole* nothing in it is shortened."""
    return output.table(HEADER, (_cells(row, whole=whole) for row in rows))


def _cells(row: Row, *, whole: bool) -> list[str]:
    return [
        short(row["Id"], whole=whole),
        row["Image"],
        _command(row["Command"], whole=whole),
        row["CreatedAt"],
        row["Status"],
        ", ".join(map(_port, row["Ports"] or ())),
        ", ".join(row["Names"]),
    ]


def short(identifier: str, *, whole: bool) -> str:
    """The ID as lists show it."""
    return identifier if whole else identifier[:SHORT_ID]


def _command(command: Sequence[str] | None, *, whole: bool) -> str:
    joined = " ".join(command or ())
    return joined if whole or len(joined) <= _LONGEST_COMMAND else joined[:_LONGEST_COMMAND] + "..."


def _port(port: Row) -> str:
    from libpod.containers.ports import Port

    return str(
        Port(port["host_ip"], port["host_port"], port["container_port"], port["range"], port["protocol"])
    )


def reasons(rows: Sequence[Row]) -> Iterator[str]:
    """One line for each row with a trouble."""
    for row in rows:
        if "Error" in row:
            name = row["Names"][0] if "Names" in row else row["Name"]
            yield f"{name} ({short(row['Id'], whole=False)}): {row['Error']}"
