"""`libpod ps`."""

from __future__ import annotations

import gc
import time

from libpod.cli import codes, output
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Final

    from libpod.cli.grammar import Grammar
    from libpod.containers.items import Item
    from libpod.containers.listing import Listing

    Row = Mapping[str, Any]

HEADER: Final = ("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")
POD_HEADER: Final = ("POD ID", "PODNAME")
SHORT_ID: Final = 12
SORT_KEYS: Final = ("command", "created", "id", "image", "names", "runningfor", "size", "status")
_LONGEST_COMMAND: Final = 17


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument("-a", "--all", action="store_true", help="show all containers, not only running ones")
    parser.add_argument("-q", "--quiet", action="store_true", help="print IDs only")
    parser.add_argument("-p", "--pod", action="store_true", help="show the pods that they are in")
    parser.add_argument("--no-trunc", action="store_true", help="do not shorten IDs and commands")
    parser.add_argument("-s", "--size", action="store_true", help="show sizes, which have to be counted")
    parser.add_argument("-l", "--latest", action="store_true", help="show the container made last")
    parser.add_argument("-n", "--last", metavar="NUMBER", type=int, help="show so many that were made last")
    parser.add_argument("--sort", metavar="COLUMN", choices=SORT_KEYS, help=f"one of {', '.join(SORT_KEYS)}")
    parser.add_argument("--noheading", action="store_true", help="print no headers")
    parser.add_argument(
        "-f", "--filter", metavar="KEY=VALUE", action="append", default=[], help="show those that match"
    )
    parser.add_argument("--sync", action="store_true", help="look which have ended meanwhile, as always")
    parser.add_argument("--ns", action="store_true", help="show the namespaces that they are in")
    parser.add_argument(
        "--external", "--storage", action="store_true", help="show those, too, that only the storage knows"
    )
    parser.add_argument("-w", "--watch", metavar="SECONDS", type=int, help="show them again after this time")
    parser.add_format()
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print the containers; with `--watch` again and again until Ctrl-C."""
    _check(options)
    while True:
        # All that is read is needed to the end, which is near: looking for garbage takes a third of the time.
        gc.disable()
        try:
            status = _list(options)
        finally:
            gc.enable()
        if not options.watch:
            return status
        time.sleep(options.watch)
        output.clear()


def _check(options: Namespace) -> None:
    if options.ns and (options.size or options.quiet):
        raise InvalidArgument(f"--ns and {'--size' if options.size else '--quiet'} exclude each other")
    if options.watch is not None and options.watch < 0:
        raise InvalidArgument(f"--watch {options.watch} is negative")


def _list(options: Namespace) -> int:
    from libpod.cli import ended, stores
    from libpod.containers import items, listing

    with stores.Store(options) as store:
        read = items.read_with_pods if options.pod else items.read_containers
        found = read(store.state)
        if ended.note(options, found.containers):
            found = read(store.state)
        troubles = store.quarantined("containers")
    others: list[Item] = []
    if options.external and not options.latest:
        others = _external(options, found.containers)
    everything = [*found.containers, *others]
    made = listing.Listing(found.containers, found.pods, now=time.time(), troubles=troubles)
    rows = _selected(options, made, everything, others)
    if options.size or options.sort == "size":
        _count_sizes(options, rows)
    if options.sort:
        from libpod.cli import pslist

        rows = pslist.ordered(rows, options.sort)
    if options.ns:
        _add_namespaces(rows)
    _print(options, rows, everything)
    hidden = 0 if options.all else sum(item.error is not None for item in found.containers)
    if hidden and not (options.format or options.quiet):
        output.warning(f"{hidden} broken container{'s' * (hidden > 1)} not shown; see 'libpod ps -a'")
    return codes.DONE


def _external(options: Namespace, known: Sequence[Item]) -> list[Item]:
    from libpod.cli import runtimes
    from libpod.containers import external

    with runtimes.open_runtime(options) as runtime:
        return external.items(runtime.engine.store, {item.id for item in known})


def _add_namespaces(rows: Sequence[dict[str, Any]]) -> None:
    from libpod.containers import namespaceids

    for row in rows:
        row["Namespaces"] = namespaceids.of_process(row["Pid"]) if row["Pid"] else {}


def _selected(
    options: Namespace, listing: Listing, everything: Sequence[Item], others: Sequence[Item]
) -> list[dict[str, Any]]:
    """What is shown. A filter for a state asks for that, whether containers run or not.

    *others* are those of *everything* that only the storage knows.
    """
    newest = 1 if options.latest else options.last
    for_state = any(part.startswith("status=") for text in options.filter for part in text.split(","))
    rows: list[dict[str, Any]] = listing.containers(everything=options.all or for_state or newest is not None)
    if others:
        from libpod.containers import external

        rows += external.rows(others, now=time.time())
    if options.filter:
        from libpod.cli import pslist

        rows = pslist.select(rows, everything, options.filter)
    if newest is not None:
        # They come by their exact time, the oldest first: so those of one second are turned round, too.
        rows = sorted(rows, key=lambda row: row["Created"])[::-1][: max(newest, 0)]
        if options.sort:
            rows.reverse()
    return rows


def _count_sizes(options: Namespace, rows: Sequence[dict[str, Any]]) -> None:
    from libpod.cli import runtimes
    from libpod.containers import sizes

    with runtimes.open_runtime(options) as runtime:
        counted = sizes.of_containers(runtime.engine.store, [row["Id"] for row in rows])
    for row in rows:
        row["Size"] = counted.get(row["Id"])


def _print(options: Namespace, rows: Sequence[dict[str, Any]], containers: Sequence[Item]) -> None:
    if options.format:
        from libpod.cli import pslist

        def fields() -> list[dict[str, object]]:
            created = {item.id: _created(item) for item in containers}
            cells = [_named_cells(row, whole=options.no_trunc) for row in rows]
            return [
                pslist.fields(row, texts, created[row["Id"]], whole=options.no_trunc)
                for row, texts in zip(rows, cells, strict=True)
            ]

        output.formatted(options.format, rows, fields, pslist.HEADERS, heading=not options.noheading)
    elif options.quiet:
        print_ids(rows, whole=options.no_trunc)
    else:
        heading = not options.noheading
        if options.ns:
            shown = _namespaces_text(rows, whole=options.no_trunc, heading=heading)
        else:
            shown = text(rows, whole=options.no_trunc, sizes=options.size, pods=options.pod, heading=heading)
        if shown:
            output.data(shown)
        for line in reasons(rows):
            output.warning(line)


def _created(item: Item) -> str:
    """When it was made; nothing for a record that cannot be read."""
    created = item.raw_config.get("createdTime") if item.error is None else ""
    return created if isinstance(created, str) else ""


def print_ids(rows: Sequence[Row], *, whole: bool) -> None:
    """Print one ID a line, and nothing where there are none."""
    if rows:
        output.data("\n".join(output.printable(short(row["Id"], whole=whole)) for row in rows))


def text(
    rows: Sequence[Row], *, whole: bool, sizes: bool = False, pods: bool = False, heading: bool = True
) -> str:
    """The table for people; with *whole* nothing in it is shortened, with *pods* each one's pod is told."""
    header = [*HEADER, *(("SIZE",) if sizes else ()), *(POD_HEADER if pods else ())]
    cells = []
    for row in rows:
        size = [_size(row)] if sizes else []
        pod = [short(row["Pod"], whole=whole), row["PodName"]] if pods else []
        cells.append([*_cells(row, whole=whole), *size, *pod])
    return output.table(header, cells, heading=heading)


def _namespaces_text(rows: Sequence[Row], *, whole: bool, heading: bool) -> str:
    """The table of `--ns`."""
    from libpod.cli import pslist

    cells = [
        [short(row["Id"], whole=whole), *row["Names"], str(row["Pid"]), *pslist.namespaces(row).values()]
        for row in rows
    ]
    return output.table(("CONTAINER ID", "NAMES", "PID", *pslist.NAMESPACES), cells, heading=heading)


def _size(row: Row) -> str:
    from libpod.cli import pslist

    return pslist.size_text(row["Size"])


def _named_cells(row: Row, *, whole: bool) -> dict[str, str]:
    return dict(zip(HEADER, _cells(row, whole=whole), strict=True))


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
