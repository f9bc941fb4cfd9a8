"""`libpod pod`: its verbs, and `ps` and `inspect` among them."""

from __future__ import annotations

import time

from libpod.cli import codes, output, podlife, podlist, ps
from libpod.cli.verbs import POD_VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from libpod.cli.grammar import Grammar

    Row = Mapping[str, Any]

HEADER: Final = ("POD ID", "NAME", "STATUS", "CREATED", "INFRA ID", "# OF CONTAINERS")
HEADERS: Final = {
    "ID": "POD ID",
    "Id": "POD ID",
    "InfraID": "INFRA ID",
    "InfraId": "INFRA ID",
    "Created": "CREATED",
    "NumberOfContainers": "# OF CONTAINERS",
    "ContainerIds": "IDS",
    "ContainerNames": "NAMES",
    "ContainerStatuses": "STATUS",
}
"""The columns of templates by Podman's fields, where they are not the fields' names."""
NAMESPACES: Final = {"CGROUP": "Cgroup", "NAMESPACES": "Namespace"}
"""The columns of `--ns`, which tells no more than Podman does: the keys of a row."""
CONTAINER_COLUMNS: Final = {"ids": ("IDS", "Id"), "names": ("NAMES", "Names"), "status": ("STATUS", "Status")}
"""By the flag --ctr-…: the heading, and the key in what a row has of each container."""


def configure(parser: Grammar) -> None:
    """Add the verbs below this noun."""
    parser.add_noun(POD_VERBS)


def configure_ps(parser: Grammar) -> None:
    """Add the arguments of `pod ps`."""
    parser.add_argument("-q", "--quiet", action="store_true", help="print IDs only")
    parser.add_argument("--no-trunc", action="store_true", help="do not shorten IDs")
    parser.add_argument("--noheading", action="store_true", help="print no heading")
    for what, text in (("ids", "IDs"), ("names", "names"), ("status", "states")):
        parser.add_argument(f"--ctr-{what}", action="store_true", help=f"show the containers' {text}")
    parser.add_argument(
        "-f", "--filter", metavar="KEY=VALUE", action="append", default=[], help="show only such pods"
    )
    parser.add_argument("--sort", choices=tuple(podlist.SORT_KEYS), help="what to sort by (created)")
    parser.add_argument("-l", "--latest", action="store_true", help="show the latest pod only")
    parser.add_argument("--ns", action="store_true", help="show their control groups and namespaces")
    parser.add_format()
    parser.runs(run_ps)


def configure_inspect(parser: Grammar) -> None:
    """Add the arguments of `pod inspect`."""
    podlife.add_pods(parser)
    parser.add_format("-f")
    parser.runs(run_inspect)


def run_ps(options: Namespace) -> int:
    """Print the pods."""
    from libpod.cli import stores
    from libpod.containers import items, listing

    with stores.Store(options) as store:
        found = items.read(store.state, with_linux=False)
        troubles = store.quarantined("pods")
    now = time.time()
    everything = listing.Listing(found.containers, found.pods, now=now, troubles=troubles).pods()
    rows = podlist.ordered(podlist.select(everything, options.filter, now=now), options.sort)
    if options.latest:
        rows = rows[:1]
    if options.format:
        output.formatted(
            options.format, rows, lambda: [_fields(row, whole=options.no_trunc) for row in rows], HEADERS,
            heading=not options.noheading,
        )  # fmt: skip
    elif options.quiet:
        # Podman shortens the IDs of containers only.
        ps.print_ids(rows, whole=True)
    else:
        shown = [name for name in CONTAINER_COLUMNS if getattr(options, f"ctr_{name}")]
        heading = not options.noheading
        output.data(text(rows, whole=options.no_trunc, shown=shown, ns=options.ns, heading=heading))
        for line in ps.reasons(rows):
            output.warning(line)
    return codes.DONE


def text(
    rows: Sequence[Row], *, whole: bool, shown: Sequence[str] = (), ns: bool = False, heading: bool = True
) -> str:
    """The table for people; with *whole* nothing in it is shortened, with *ns* control groups are told.

    *shown* are the CONTAINER_COLUMNS that take the place of the number of containers.
    """
    columns = [CONTAINER_COLUMNS[name] for name in shown]
    last = [title for title, _ in columns] or HEADER[-1:]
    header = (*HEADER[:-1], *(NAMESPACES if ns else ()), *last)
    cells = []
    for row in rows:
        namespaces = [row[key] for key in NAMESPACES.values()] if ns else []
        about = _about_containers(row, columns, whole=whole)
        cells.append([*_cells(row, whole=whole), *namespaces, *about])
    return output.table(header, cells, heading=heading)


def _cells(row: Row, *, whole: bool) -> list[str]:
    return [
        ps.short(row["Id"], whole=whole),
        row["Name"],
        row["Status"],
        row["CreatedAt"],
        ps.short(row["InfraId"], whole=whole),
    ]


def _fields(row: Row, *, whole: bool) -> dict[str, object]:
    """What a template may use: what JSON has, and Podman's fields for templates."""
    from libpod.cli.templates import Map

    found = row["Containers"]
    return {
        **row,
        **dict.fromkeys(("ID", "Id"), ps.short(row["Id"], whole=whole)),
        **dict.fromkeys(("InfraID", "InfraId"), ps.short(row["InfraId"], whole=whole)),
        "Created": row["CreatedAt"],
        "Labels": Map(row["Labels"] or {}),
        "Networks": ",".join(row["Networks"] or ()),
        "NumberOfContainers": len(found),
        "ContainerIds": ",".join(ps.short(entry["Id"], whole=False) for entry in found),
        "ContainerNames": ",".join(entry["Names"] for entry in found),
        "ContainerStatuses": ",".join(entry["Status"] for entry in found),
    }


def _about_containers(row: Row, columns: Sequence[tuple[str, str]], *, whole: bool) -> list[str]:
    found = row["Containers"]
    if not columns:
        return [str(len(found))]
    return [
        ",".join(ps.short(entry[key], whole=whole or key != "Id") for entry in found) for _, key in columns
    ]


def run_inspect(options: Namespace) -> int:
    """Print one pod as an object, several as a list."""
    from libpod.cli import stores
    from libpod.containers import inspecting, items

    with stores.Store(options) as store:
        found = items.read(store.state)
    names = podlife.chosen(options, lambda: {pod.id: pod.config.text("created") for pod in found.pods})
    pods = [items.find(found.pods, name) for name in names]
    inspection = inspecting.Inspection(found.containers, found.volumes)
    described = [inspection.describe(pod) for pod in pods]
    one = described[0] if len(described) == 1 else described
    output.formatted(options.format or "json", one, lambda: _completed(described))
    return codes.DONE


def _completed(described: Sequence[Row]) -> list[Row]:
    from libpod.cli import inspectfields

    return [inspectfields.of(entry) for entry in described]
