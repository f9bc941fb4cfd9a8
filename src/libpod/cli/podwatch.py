"""`libpod pod stats` and `libpod pod top`."""

from __future__ import annotations

from libpod.cli import codes, output, podlife
from libpod.cli.grammar import REMAINDER
from libpod.errors import InvalidState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.containers.container import Container
    from libpod.containers.statistics import Usage
    from libpod.runtime import Runtime

STATS_HEADER: Final = (
    "POD", "CID", "NAME", "CPU %", "MEM USAGE/ LIMIT", "MEM %", "NET IO", "BLOCK IO", "PIDS",
)  # fmt: skip
_KEYS: Final = ("Pod", "CID", "Name", "CPU", "MemUsage", "Mem", "NetIO", "BlockIO", "PIDS")
_ALIVE: Final = ("running", "paused")


def configure_stats(parser: Grammar) -> None:
    """Add the arguments of `pod stats`."""
    podlife.add_pods(parser)
    parser.add_argument("-a", "--all", action="store_true", help="all pods, which is what is shown anyway")
    parser.add_argument("--no-stream", action="store_true", help="print once, and end")
    parser.add_argument("--no-reset", action="store_true", help="do not clear the screen in between")
    parser.add_format()
    parser.runs(run_stats)


def run_stats(options: Namespace) -> int:
    """Print the figures of all containers of pods, once or again and again until Ctrl-C."""
    from libpod.cli import runtimes, stats

    pod_of: dict[str, str] = {}
    with runtimes.open_runtime(options) as runtime:
        return stats.repeat(
            lambda: _usages(runtime, options, pod_of),
            lambda usages, before: _print(usages, before, pod_of, options),
            options,
            stats.DEFAULT_INTERVAL,
        )


def _usages(runtime: Runtime, options: Namespace, pod_of: dict[str, str]) -> list[Usage]:
    """The figures of each container that lives; the IDs of their pods go into *pod_of*."""
    from libpod.containers import items, statistics

    if not options.pods and not options.latest:
        pods = runtime.pods()
    else:
        pods = [runtime.pod(name) for name in podlife.named(runtime, options)]
    members = [items.container_item(container.record) for pod in pods for container in pod.containers()]
    pod_of.update({member.id: member.config.text("pod") for member in members})
    return statistics.read(runtime.engine.cgroups, members)


def _alive(containers: Sequence[Container]) -> list[Container]:
    return [container for container in containers if container.state() in _ALIVE]


def _print(
    usages: Sequence[Usage], before: Mapping[str, Usage], pod_of: Mapping[str, str], options: Namespace
) -> None:
    from libpod.cli import stats

    # The same as there without the times.
    rows = [
        [
            pod_of[usage.id][:12],
            *map(_traffic, stats.cells(usage, before.get(usage.id))[: len(STATS_HEADER) - 1]),
        ]
        for usage in usages
    ]
    if not options.format:
        output.data(output.table(STATS_HEADER, rows))
        return
    found = [
        {**dict(zip(_KEYS, row, strict=True)), "MemUsageBytes": stats.in_binary(usage)}
        for row, usage in zip(rows, usages, strict=True)
    ]
    output.formatted(options.format, found, lambda: found, dict(zip(_KEYS, STATS_HEADER, strict=False)))


def _traffic(cell: str) -> str:
    """A cell as Podman has it for pods: nothing read and nothing written is no figure here."""
    return "-- / --" if cell == "0B / 0B" else cell


def configure_top(parser: Grammar) -> None:
    """Add the arguments of `pod top`."""
    podlife.add_pod(parser)
    parser.add_argument(
        "columns", metavar="COLUMN", nargs=REMAINDER, help="user, pid, ppid, args, … (podman-top(1))"
    )
    parser.runs(run_top)


def run_top(options: Namespace) -> int:
    """Print the processes of all running containers of a pod."""
    from libpod.cli import runtimes
    from libpod.containers import processes

    names = [name for word in options.columns for name in word.split(",")] or list(processes.DEFAULT)
    with runtimes.open_runtime(options) as runtime:
        pod = runtime.pod(podlife.chosen_one(runtime, options))
        alive = _alive(pod.containers())
        if not alive:
            raise InvalidState(
                f"pod {pod.name} has no container that is running", hint=f"libpod pod start {pod.name}"
            )
        rows = list(_rows(alive, names))
        output.data(output.table(processes.Columns(alive[0].record, names).header(), rows))
    return codes.DONE


def _rows(containers: Sequence[Container], names: Sequence[str]) -> Iterator[Sequence[str]]:
    """A row for each process; with a shared PID namespace every container has those of the others, too."""
    from libpod.containers import processes

    seen: set[int] = set()
    for container in containers:
        columns = processes.Columns(container.record, names)
        for process in processes.of_container(container.record):
            if process.pid not in seen:
                seen.add(process.pid)
                yield columns.row(process)
