"""`libpod volume VERB`; the tars of volumes are in `libpod.cli.volumetar`."""

from __future__ import annotations

from libpod.cli import asking, codes, output, volumetar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.containers.items import Item
    from libpod.runtime import Runtime

HEADER: Final = ("DRIVER", "VOLUME NAME")
HEADERS: Final = {"Name": "VOLUME NAME"}
_VERBS: Final = (
    ("create", "Make a volume."),
    ("ls", "List volumes."),
    ("list", "The same as ls."),
    ("inspect", "Show everything about volumes."),
    ("rm", "Remove volumes."),
    ("remove", "The same as rm."),
    ("prune", "Remove all volumes that no container uses."),
    ("exists", "Tell by the exit status whether a volume exists."),
    ("mount", "Mount volumes, and print where."),
    ("unmount", "Give up mounts of volumes."),
    ("export", "Write what is in a volume as a tar."),
    ("import", "Put what is in a tar into a volume."),
)


def configure(parser: Grammar) -> None:
    """Add the verbs below this noun."""
    verbs = parser.add_verbs(_VERBS)
    _configure_create(verbs["create"])
    for name in ("ls", "list"):
        _configure_ls(verbs[name])
    for name in ("rm", "remove"):
        _configure_rm(verbs[name])
    inspected = verbs["inspect"]
    _several(inspected)
    inspected.add_argument("-a", "--all", action="store_true", help="all volumes")
    inspected.add_format("-f")
    inspected.runs(run_inspect)
    pruned = verbs["prune"]
    asking.add_force(pruned)
    _filters(pruned)
    pruned.runs(run_prune)
    verbs["exists"].add_argument("volume", metavar="VOLUME", help="its whole name")
    verbs["exists"].runs(run_exists)
    volumetar.configure_export(verbs["export"])
    volumetar.configure_import(verbs["import"])
    for name, run in (("mount", run_mount), ("unmount", run_unmount)):
        _several(verbs[name])
        verbs[name].runs(run)


def _several(parser: Grammar) -> None:
    parser.add_argument("volume", metavar="VOLUME", nargs="*", help="a name, or its unique beginning")


def _filters(parser: Grammar, *short: str) -> None:
    parser.add_argument(
        *short, "--filter", metavar="KEY=VALUE", action="append", default=[], dest="filters",
        help="name, driver, scope, label, opt, dangling, anonymous, until",
    )  # fmt: skip


def _configure_create(parser: Grammar) -> None:
    parser.add_argument("--driver", metavar="NAME", default="local", help="the volume driver (local)")
    parser.add_argument(
        "-l", "--label", metavar="NAME[=VALUE]", action="append", default=[], help="set a label"
    )
    parser.add_argument(
        "-o", "--opt", metavar="NAME=VALUE", action="append", default=[], help="type=…, device=…, o=…"
    )
    parser.add_argument("--ignore", action="store_true", help="a volume that exists is no error")
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="its name (a random one)")
    parser.runs(run_create)


def _configure_ls(parser: Grammar) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="print names only")
    parser.add_argument("-n", "--noheading", action="store_true", help="print no header")
    _filters(parser, "-f")
    parser.add_format()
    parser.runs(run_ls)


def _configure_rm(parser: Grammar) -> None:
    _several(parser)
    parser.add_argument("-a", "--all", action="store_true", help="all volumes")
    parser.add_argument("-f", "--force", action="store_true", help="remove the containers that use it first")
    parser.add_argument(
        "-t", "--time", metavar="SECONDS", type=int, help="how long to wait before a container is killed"
    )
    parser.runs(run_rm)


# ---------------------------------------------------------------- verbs


def run_create(options: Namespace) -> int:
    """Make a volume and print its name."""
    from libpod.cli import runtimes
    from libpod.containers import volumes
    from libpod.errors import VolumeExists

    wanted = volumes.parse_options(options.opt)
    labels = dict(text.partition("=")[::2] for text in options.label)
    with runtimes.open_runtime(options) as runtime:
        try:
            made = volumes.create(
                runtime.engine, options.name, driver=options.driver, labels=labels, options=wanted
            )
        except VolumeExists:
            if not options.ignore:
                raise
            output.data(options.name)
            return codes.DONE
        output.data(made.id)
    return codes.DONE


def _read(options: Namespace) -> tuple[list[Item], set[str]]:
    """All volumes by name, and the names of those in use."""
    from libpod.cli import stores
    from libpod.containers import items

    with stores.Store(options) as store:
        found = items.read(store.state, with_linux=False)
    used = {
        use.text("volumeName")
        for item in found.containers
        if item.error is None
        for use in item.config.children("namedVolumes")
    }
    return sorted(found.volumes, key=lambda item: item.name), used


def run_ls(options: Namespace) -> int:
    """Print the volumes."""
    from libpod.containers import inspecting, volumefilters

    wanted = volumefilters.parse(options.filters)
    items, used = _read(options)
    found = [item for item in items if wanted(item, item.name in used)]
    if options.format:
        described = [inspecting.Inspection([], []).volume(item) for item in found]
        output.formatted(options.format, described, lambda: described, HEADERS, heading=not options.noheading)
    elif options.quiet:
        for item in found:
            output.data(item.name)
    else:
        rows = [(item.config.text("volumeDriver") or "local", item.name) for item in found]
        header, _, body = output.table(HEADER, rows).partition("\n")
        lines = body if options.noheading else f"{header}\n{body}".rstrip()
        if lines:
            output.data(lines)
    for item in found:
        if item.error is not None:
            output.warning(item.error)
    return codes.DONE


def run_inspect(options: Namespace) -> int:
    """Print volumes in full."""
    from libpod.cli import inspect
    from libpod.containers import inspecting
    from libpod.errors import InvalidArgument

    if bool(options.volume) == options.all:
        raise InvalidArgument("give either volumes or --all", hint=f"see '{options.prog} --help'")
    known, _used = _read(options)
    inspection = inspecting.Inspection([], known)
    names = [item.name for item in known] if options.all else options.volume
    return inspect.show_each(names, lambda name: inspection.volume(_find(known, name)), options.format)


def _find(known: Sequence[Item], name: str) -> Item:
    """The volume with this name, or the only one whose name begins so."""
    from libpod.errors import NoSuchVolume

    hits = [item for item in known if item.name == name]
    hits = hits or [item for item in known if item.name.startswith(name)]
    if len(hits) != 1:
        raise NoSuchVolume(name)
    return hits[0]


def run_exists(options: Namespace) -> int:
    """0 if it exists, 1 if it does not."""
    from libpod.cli import stores

    with stores.Store(options) as store:
        return codes.DONE if store.state.has_volume(options.volume) else codes.DEGRADED


def run_rm(options: Namespace) -> int:
    """Remove volumes: 1 if one does not exist, 2 if one is in use, 125 for other failures, as Podman."""
    from libpod.cli import runtimes
    from libpod.errors import InvalidArgument

    if bool(options.volume) == options.all:
        raise InvalidArgument("give either volumes or --all", hint=f"see '{options.prog} --help'")
    with runtimes.open_runtime(options) as runtime:
        names = _names(runtime) if options.all else options.volume
        return _for_each(
            names,
            lambda name: runtime.remove_volume(name, force=options.force, timeout=options.time),
            ignore_missing=options.force,
        )


def _names(runtime: Runtime) -> list[str]:
    return sorted(record.id for record in runtime.state.all_volumes())


def _for_each(names: Sequence[str], act: Callable[[str], object], *, ignore_missing: bool = False) -> int:
    """Do something with each volume and print its name; the exit status of the worst failure."""
    from libpod.errors import LibpodError, NoSuchVolume

    status = codes.DONE
    for name in names:
        try:
            act(name)
        except LibpodError as error:
            if ignore_missing and isinstance(error, NoSuchVolume):
                continue
            output.error(error)
            status = max(status, codes.of_removal(error))
        else:
            output.data(name)
    return status


def run_prune(options: Namespace) -> int:
    """Remove what nobody uses; asks first, unless told not to."""
    from libpod.cli import runtimes
    from libpod.containers import items, volumefilters, volumes
    from libpod.state.records import BrokenRecord

    wanted = volumefilters.parse(options.filters)
    if not asking.agreed(options, "This removes all volumes that no container uses."):
        return codes.DONE
    with runtimes.open_runtime(options) as runtime:
        state = runtime.state
        found = [
            record
            for record in state.all_volumes()
            if not isinstance(record, BrokenRecord)
            and not state.volume_in_use(record)
            and wanted(items.volume_item(record), False)  # noqa: FBT003 - it is not in use
        ]

        def prune(name: str) -> None:
            volumes.remove(runtime.engine, state.volume(name))
            runtime.engine.events.record("volume", "prune", name=name)

        return _for_each(sorted(record.id for record in found), prune, ignore_missing=True)


def run_mount(options: Namespace) -> int:
    """Mount volumes and print their directories."""
    from libpod.cli import runtimes
    from libpod.containers import volumemounts

    with runtimes.open_runtime(options) as runtime:
        for name in options.volume:
            record = runtime.state.lookup_volume(name)
            output.data(volumemounts.mount(runtime.engine, record))
            runtime.engine.events.record("volume", "mount", name=record.id)
    return codes.DONE


def run_unmount(options: Namespace) -> int:
    """Give up mounts."""
    from libpod.cli import runtimes
    from libpod.containers import volumemounts

    with runtimes.open_runtime(options) as runtime:

        def unmount(name: str) -> None:
            record = runtime.state.lookup_volume(name)
            volumemounts.unmount(runtime.engine, record)
            runtime.engine.events.record("volume", "unmount", name=record.id)

        return _for_each(options.volume, unmount)
