"""`libpod stats`."""

from __future__ import annotations

import time

from libpod.cli import codes, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final

    from libpod.cgroups import Manager
    from libpod.cli.grammar import Grammar
    from libpod.config.sources import Settings
    from libpod.containers.statistics import Usage

HEADER: Final = (
    "ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET IO", "BLOCK IO", "PIDS", "CPU TIME",
    "AVG CPU %",
)  # fmt: skip
_FIELDS: Final = (
    "ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDS", "CPUTime", "AVGCPU",
)  # fmt: skip
HEADERS: Final = {**dict(zip(_FIELDS, HEADER, strict=True)), "Up": "CPU TIME", "AvgCPU": "AVG CPU %"}
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
DEFAULT_INTERVAL: Final = 5


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument("container", metavar="CONTAINER", nargs="*", help="those alone (all that run)")
    parser.add_argument("-a", "--all", action="store_true", help="show those that do not run, too")
    parser.add_argument("-l", "--latest", action="store_true", help="show the container that was made last")
    parser.add_argument("--no-stream", action="store_true", help="print once, and end")
    parser.add_argument("--no-reset", action="store_true", help="do not clear the screen in between")
    parser.add_argument("--no-trunc", action="store_true", help="do not shorten IDs")
    parser.add_argument(
        "-i",
        "--interval",
        metavar="SECONDS",
        type=int,
        default=DEFAULT_INTERVAL,
        help=f"how often to print ({DEFAULT_INTERVAL})",
    )
    parser.add_format()
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print figures, once or again and again until Ctrl-C."""
    from libpod import cgroups
    from libpod.cli import stores
    from libpod.errors import InvalidArgument

    if options.latest and options.container:
        raise InvalidArgument("give either containers or --latest, not both")
    if options.interval < 1:
        raise InvalidArgument("--interval is at least one second")
    # What the database remembers says nothing of control groups: the settings are enough.
    settings = stores.collect(options)
    name = str(settings.values["cgroup_manager"])
    if settings.account.rootless:
        from libpod.cgroups import user

        manager = user.open_manager(name, settings.account.uid)
    else:
        manager = cgroups.open_manager(name)
    return repeat(
        lambda: _read(manager, options, settings),
        lambda usages, before: _print(usages, before, options),
        options,
        options.interval,
    )


def repeat(
    read: Callable[[], Sequence[Usage]],
    show: Callable[[Sequence[Usage], Mapping[str, Usage]], None],
    options: Namespace,
    interval: int,
) -> int:
    """Show what is read, beside what was read before: once, or every *interval* seconds until Ctrl-C."""
    before: dict[str, Usage] = {}
    while True:
        usages = read()
        if not (options.no_stream or options.no_reset or options.format):
            output.clear()
        show(usages, before)
        if options.no_stream:
            return codes.DONE
        before = {usage.id: usage for usage in usages}
        time.sleep(interval)


def _read(manager: Manager, options: Namespace, settings: Settings) -> list[Usage]:
    """Those named, which must be there; else all. One that does not run has no figures."""
    from libpod.cli import stores
    from libpod.containers import items, statistics
    from libpod.errors import NoSuchContainer

    with stores.Store(options, settings) as store:
        found = items.read_states(store.state).containers
    if options.container and not found:
        raise NoSuchContainer(options.container[0])
    chosen = [items.find(found, name) for name in options.container]
    if options.latest:
        from libpod.cli import selecting

        chosen = [selecting.latest_item(found)]
    return statistics.read(manager, chosen or found)


def _print(usages: Sequence[Usage], before: Mapping[str, Usage], options: Namespace) -> None:
    rows = [cells(usage, before.get(usage.id), whole=options.no_trunc) for usage in usages]
    if options.format:
        value = [as_json(usage, before.get(usage.id)) for usage in usages]
        output.formatted(
            options.format,
            value,
            lambda: [
                _fields(usage, before.get(usage.id), row) for usage, row in zip(usages, rows, strict=True)
            ],
            HEADERS,
        )
    else:
        output.data(output.table(HEADER, rows))


def _fields(usage: Usage, before: Usage | None, row: Sequence[str]) -> dict[str, object]:
    """What a template may use: the texts of the table, and Podman's fields with the numbers."""
    figures = usage.figures
    texts = dict(zip(_FIELDS, row, strict=True))
    return {
        **texts,
        "MemUsageBytes": in_binary(usage),
        **dict.fromkeys(("Up", "UpTime"), texts["CPUTime"]),
        "ContainerID": usage.id,
        "CPU": usage.cpu_since(before),
        "AvgCPU": usage.average_cpu(),
        **dict.fromkeys(("CPUNano", "Duration"), figures.cpu),
        "SystemNano": time.time_ns(),
        "MemLimit": usage.memory_limit,
        "NetInput": usage.network_received,
        "NetOutput": usage.network_sent,
        "BlockInput": figures.block_read,
        "BlockOutput": figures.block_written,
        "PIDs": figures.pids,
    }


def in_binary(usage: Usage) -> str:
    """Memory as Podman's `MemUsageBytes` tells it: in units of 1024, four digits."""

    def told(size: float) -> str:
        unit = 0
        while size >= 1024 and unit < len(_UNITS) - 1:
            size, unit = size / 1024, unit + 1
        return f"{size:.4g}{_UNITS[unit]}"

    return f"{told(usage.figures.memory)} / {told(usage.memory_limit)}"


def cells(usage: Usage, before: Usage | None, *, whole: bool = False) -> list[str]:
    """The texts of one row."""
    from libpod.sizes import human_size
    from libpod.times import exact_span

    def size(number: int) -> str:
        return human_size(number, digits=4, gap="")

    figures = usage.figures
    return [
        usage.id if whole else usage.id[:12],
        usage.name,
        f"{usage.cpu_since(before):.2f}%",
        f"{size(figures.memory)} / {size(usage.memory_limit)}",
        f"{usage.memory_share():.2f}%",
        f"{size(usage.network_received)} / {size(usage.network_sent)}",
        f"{size(figures.block_read)} / {size(figures.block_written)}",
        str(figures.pids),
        exact_span(figures.cpu),
        f"{usage.average_cpu():.2f}%",
    ]


def as_json(usage: Usage, before: Usage | None) -> dict[str, str]:
    """The row with Podman's keys."""
    row = dict(zip(_FIELDS, cells(usage, before), strict=True))
    return {
        "id": row["ID"],
        "name": row["Name"],
        "cpu_time": row["CPUTime"],
        "cpu_percent": row["CPUPerc"],
        "avg_cpu": row["AVGCPU"],
        "mem_usage": row["MemUsage"],
        "mem_percent": row["MemPerc"],
        "net_io": row["NetIO"],
        "block_io": row["BlockIO"],
        "pids": row["PIDS"],
    }
