"""`libpod inspect`."""

from __future__ import annotations

from libpod.cli import codes, output, selecting
from libpod.errors import InvalidArgument, LibpodError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from libpod.cli.grammar import Grammar
    from libpod.containers.inspecting import Inspection
    from libpod.containers.items import Item, Store

# Fields of templates for which the storage has to be read: lists of images may be long.
_STORED = ("GraphDriver", "ImageDigest")
TYPES = ("all", "container", "image", "volume", "pod")


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="a container, an image, a volume or a pod: its name, its ID, or the unique beginning of its ID",
    )
    parser.add_argument("-t", "--type", choices=TYPES, default="all", help="look only among these (all)")
    selecting.add_latest(parser)
    parser.add_argument("-s", "--size", action="store_true", help="count the sizes of containers, too")
    parser.add_format("-f")
    parser.runs(run)


def configure_of_containers(parser: Grammar) -> None:
    """Add the arguments of `container inspect`."""
    configure(parser)
    parser.set_defaults(type="container")


def run(options: Namespace) -> int:
    """Print a list with each object; those that are found, before the error for the first that is not."""
    if options.latest == bool(options.names):
        raise InvalidArgument("inspect needs a NAME, or --latest", hint=f"see '{options.prog} --help'")
    from libpod.cli import ended, stores
    from libpod.containers import inspecting, items

    with stores.Store(options) as store:
        found = items.read(store.state)
        if ended.note(options, found.containers):
            found = items.read(store.state)
    inspection = inspecting.Inspection(found.containers, found.volumes)

    def complete(described: Sequence[dict[str, object]]) -> None:
        if options.size:
            _count_sizes(options, described)
        if any(name in (options.format or "") for name in _STORED):
            _add_stored(options, described)

    if options.latest:
        options.names = [selecting.latest_item(found.containers).id]
    return show_each(
        options.names,
        lambda name: _describe(options, found, inspection, name),
        options.format,
        complete=complete,
        fields=_fields,
    )


def show_each(
    names: Iterable[str],
    describe: Callable[[str], dict[str, object]],
    form: str | None,
    *,
    complete: Callable[[Sequence[dict[str, object]]], None] = lambda _described: None,
    fields: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda entry: entry,
) -> int:
    """Print what *describe* says of each name; then raise the error of the first name that has one.

    *complete* adds, before the print, what is told of all together; *fields* are what a template may use of
    one.
    """
    described: list[dict[str, object]] = []
    failure: LibpodError | None = None
    for name in names:
        try:
            described.append(describe(name))
        except LibpodError as error:
            failure = failure or error
    complete(described)
    output.formatted(form or "json", described, lambda: [fields(entry) for entry in described])
    if failure is not None:
        raise failure
    return codes.DONE


def _fields(described: Mapping[str, Any]) -> Mapping[str, Any]:
    from libpod.cli import inspectfields

    return inspectfields.of(described)


def _add_stored(options: Namespace, described: Sequence[dict[str, object]]) -> None:
    from libpod.cli import images
    from libpod.containers import stored

    stored.add(images.opened(options).store, described)


def _count_sizes(options: Namespace, described: Sequence[dict[str, object]]) -> None:
    from libpod.cli import runtimes
    from libpod.containers import sizes

    with runtimes.open_runtime(options) as runtime:
        counted = sizes.of_containers(runtime.engine.store, [str(entry["Id"]) for entry in described])
    for entry in described:
        found = counted.get(str(entry["Id"]))
        if found is not None:
            entry.update({"SizeRw": found["rwSize"], "SizeRootFs": found["rootFsSize"]})


def _describe(options: Namespace, store: Store, inspection: Inspection, name: str) -> dict[str, object]:
    """The object that *name* means: a container, else an image, a volume, a pod, as with Podman."""
    from libpod.cli import images
    from libpod.containers import items
    from libpod.errors import NoSuchObject

    groups = {"container": store.containers, "image": None, "volume": store.volumes, "pod": store.pods}
    for kind, group in groups.items():
        if options.type not in (kind, "all"):
            continue
        try:
            if group is None:
                return images.opened(options).inspect(name)
            item = items.find(group, name)
        except NoSuchObject:
            continue
        return inspection.describe(item, spec=_written_spec(item))
    raise NoSuchObject(name)


def _written_spec(item: Item) -> Mapping[str, object] | None:
    """The specification of a container's last start; a warning where it cannot be read."""
    from libpod.containers import items
    from libpod.errors import DecodeError, FileError

    try:
        return items.written_spec(item)
    except (DecodeError, FileError) as error:
        output.warning(error.message)
        return None
