"""Which containers a verb is for: those that are named, the latest, those that pass filters, all."""

from __future__ import annotations

from libpod.errors import InvalidArgument, NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from libpod.cli.grammar import Grammar
    from libpod.containers.container import Container
    from libpod.containers.items import Item
    from libpod.runtime import Runtime

_LONGEST_ID = 4096


def add_several(parser: Grammar) -> None:
    """Add the arguments of a verb that is for containers that are named, or the latest."""
    parser.add_argument("container", metavar="CONTAINER", nargs="*", help="a name, an ID, or its beginning")
    add_latest(parser)


def add_latest(parser: Grammar) -> None:
    """Add `--latest`, beside an argument that names a container."""
    parser.add_argument("-l", "--latest", action="store_true", help="the container that was made last")


def add_one(parser: Grammar) -> None:
    """Add the arguments of a verb that is for one container; see `one`."""
    parser.add_argument("container", metavar="CONTAINER", nargs="?", help="a name, an ID, or its beginning")
    add_latest(parser)


def add_all(parser: Grammar, *short: str) -> None:
    """Add the arguments of a verb that can be done with all containers, *short* the letter of `--all`."""
    add_several(parser)
    parser.add_argument(*short, "--all", action="store_true", help="all containers that it can be done with")


def add_files(parser: Grammar) -> None:
    """Add `--cidfile`."""
    parser.add_argument(
        "--cidfile",
        metavar="FILE",
        action="append",
        default=[],
        help="the one whose ID is in this file",
    )


def add_filter(parser: Grammar, *short: str) -> None:
    """Add `--filter`, *short* its letter."""
    parser.add_argument(
        *short, "--filter", metavar="KEY=VALUE", action="append", default=[], help="those that ps would show"
    )


def one(runtime: Runtime, options: Namespace) -> str:
    """The one container that was asked for. InvalidArgument for none, or more than one way to say it."""
    options.container = [options.container] if options.container else []
    (found,) = names(runtime, options)
    return found


def with_command(options: Namespace, rest: str) -> None:
    """With `--latest`, the word where a name would be is the first of the *rest* already."""
    if options.latest and options.container:
        setattr(options, rest, [options.container, *getattr(options, rest)])
        options.container = None


def names(runtime: Runtime, options: Namespace, states: Sequence[str] = ()) -> list[str]:
    """The containers that were asked for; with `--all` every one, or every one in one of *states*.

    With `--all`, containers come after those that they need. InvalidArgument for none, and for two ways to
    name them at once.
    """
    given: list[str] = [*options.container, *_from_files(options)]
    every, filters = getattr(options, "all", False), getattr(options, "filter", ())
    ways = [bool(given), getattr(options, "latest", False), bool(every or filters)]
    if ways.count(True) > 1:
        raise InvalidArgument("give either containers, --latest, or --all with or without filters")
    if every or filters:
        return _found(runtime, filters, states)
    if getattr(options, "latest", False):
        return [latest(runtime)]
    if not given and not getattr(options, "cidfile", ()):
        raise InvalidArgument("give at least one container", hint=f"see '{options.prog} --help'")
    return given


def _from_files(options: Namespace) -> list[str]:
    """The IDs in files that `--cidfile` wrote; with `--ignore` a file may be missing."""
    from libpod.errors import FileError
    from libpod.host import files

    found = []
    for path in getattr(options, "cidfile", ()):
        try:
            text = files.read_text(path, limit=_LONGEST_ID).partition("\n")[0].strip()
        except FileError as error:
            if getattr(options, "ignore", False) and isinstance(error.__cause__, FileNotFoundError):
                continue
            raise
        if not text:
            raise InvalidArgument(f"{path} holds no container ID")
        found.append(text)
    return found


def _found(runtime: Runtime, filters: Sequence[str], states: Sequence[str]) -> list[str]:
    from libpod.containers import status

    found = _ordered(runtime.containers())
    wanted = _passing(runtime, filters) if filters else {container.id for container in found}
    return [
        container.id
        for container in found
        if container.id in wanted and (not states or status.status_name(container.record.status) in states)
    ]


def _passing(runtime: Runtime, filters: Sequence[str]) -> set[str]:
    import time

    from libpod.cli import pslist
    from libpod.containers import items, listing

    everything = items.read_containers(runtime.state).containers
    rows = listing.Listing(everything, now=time.time()).containers(everything=True)
    return {row["Id"] for row in pslist.select(rows, everything, filters)}


def latest(runtime: Runtime) -> str:
    """The ID of the container that was made last. NoSuchContainer if there is none."""
    from libpod.containers import items

    return latest_item(items.read_containers(runtime.state).containers).id


def latest_item(containers: Sequence[Item]) -> Item:
    """The one of *containers* that was made last. NoSuchContainer if there is none."""
    from libpod.containers import listing

    readable = [item for item in containers if item.error is None]
    if not readable:
        raise NoSuchContainer("", "there is no container, so there is no latest one")
    return max(readable, key=listing.moment)


def _ordered(containers: Sequence[Container]) -> list[Container]:
    """Every container after those that it needs; one that is not there, or is broken, needs no place."""
    from libpod.containers import graph
    from libpod.errors import InternalError

    known = {container.id: container for container in containers}
    needs = {
        container.id: [other for other in container.record.dependencies if other in known]
        for container in containers
    }
    try:
        order = graph.build(needs).start_order()
    except InternalError:
        # A circle, which the rules forbid: there is no order, and something has to be done with each.
        return list(containers)
    return [known[identifier] for identifier in order]
