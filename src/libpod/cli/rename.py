"""`libpod rename` and `libpod container prune`."""

from __future__ import annotations

from libpod.cli import asking, codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar


def configure(parser: Grammar) -> None:
    """Add the arguments of `rename`."""
    parser.add_argument("container", metavar="CONTAINER", help="a name, an ID, or its beginning")
    parser.add_argument("name", metavar="NAME", help="its new name")
    parser.runs(_rename)


def _rename(options: Namespace) -> int:
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        runtime.container(options.container).rename(options.name)
    return codes.DONE


def configure_prune(parser: Grammar) -> None:
    """Add the arguments of `container prune`."""
    asking.add_force(parser)
    parser.add_argument(
        "--filter", metavar="KEY=VALUE", action="append", default=[], help="label, label!= or until"
    )
    parser.runs(_prune)


def _prune(options: Namespace) -> int:
    import time

    from libpod.cli import pslist, runtimes
    from libpod.containers import items, listing

    if not asking.agreed(options, "This removes all containers that do not run."):
        return codes.DONE
    with runtimes.open_runtime(options) as runtime:
        found = items.read_containers(runtime.state)
        rows = listing.Listing(found.containers, now=time.time()).containers(everything=True)
        chosen = pslist.select(rows, found.containers, options.filter)
        ended = [
            row["Id"] for row in chosen if row["State"] in ("created", "initialized", "exited", "stopped")
        ]
        return runtimes.for_each(runtime, ended, lambda container: container.remove(), may_be_gone=True)
