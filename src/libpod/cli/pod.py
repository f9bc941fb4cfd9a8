"""`libpod pod ps` and `libpod pod inspect`."""

from __future__ import annotations

import time

from libpod.cli import codes, output, ps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from libpod.cli.parser import Parser

    Row = Mapping[str, Any]

HEADER: Final = ("POD ID", "NAME", "STATUS", "CREATED", "INFRA ID", "# OF CONTAINERS")


def configure(parser: Parser) -> None:
    """Add the verbs below this noun."""
    verbs = parser.add_verbs(
        (("ps", "List pods."), ("inspect", "Show everything about a pod and its containers."))
    )
    listed, inspected = verbs["ps"], verbs["inspect"]
    listed.add_argument("-q", "--quiet", action="store_true", help="print IDs only")
    listed.add_argument("--no-trunc", action="store_true", help="do not shorten IDs")
    listed.add_format()
    listed.runs(run_ps)
    inspected.add_argument("name", metavar="POD", help="a name, an ID, or the unique beginning of an ID")
    inspected.add_format()
    inspected.runs(run_inspect)


def run_ps(options: Namespace) -> int:
    """Print the pods."""
    from libpod.cli import stores
    from libpod.containers import items, listing

    with stores.Store(options) as store:
        found = items.read(store.state, with_linux=False)
        troubles = store.quarantined("pods")
    rows = listing.Listing(found.containers, found.pods, now=time.time(), troubles=troubles).pods()
    if options.format:
        output.as_json(rows)
    elif options.quiet:
        # Podman shortens the IDs of containers only.
        ps.print_ids(rows, whole=True)
    else:
        output.data(text(rows, whole=options.no_trunc))
        for line in ps.reasons(rows):
            output.warning(line)
    return codes.DONE


def text(rows: Sequence[Row], *, whole: bool) -> str:
    """The table for people; with *whole* nothing in it is shortened."""
    return output.table(HEADER, (_cells(row, whole=whole) for row in rows))


def _cells(row: Row, *, whole: bool) -> list[str]:
    return [
        ps.short(row["Id"], whole=whole),
        row["Name"],
        row["Status"],
        row["CreatedAt"],
        ps.short(row["InfraId"], whole=whole),
        str(len(row["Containers"])),
    ]


def run_inspect(options: Namespace) -> int:
    """Print one pod."""
    from libpod.cli import stores
    from libpod.containers import inspecting, items

    with stores.Store(options) as store:
        found = items.read(store.state)
    pod = items.find(found.pods, options.name)
    output.as_json(inspecting.Inspection(found.containers, found.volumes).describe(pod))
    return codes.DONE
