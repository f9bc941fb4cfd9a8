"""`libpod diff`."""

from __future__ import annotations

from libpod.cli import codes, output, selecting
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar
    from libpod.runtime import Runtime


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="a container or an image")
    selecting.add_latest(parser)
    parser.set_defaults(only_images=False)
    parser.add_format(templates=False)
    parser.runs(run)


def configure_of_images(parser: Grammar) -> None:
    """Add the arguments of `image diff`."""
    parser.add_argument("name", metavar="IMAGE", help="a name, an ID, or its beginning")
    parser.add_format(templates=False)
    parser.set_defaults(latest=False, only_images=True)
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print what a container has changed against its image, or an image against the layer below."""
    from libpod.cli import runtimes
    from libpod.containers import changes

    with runtimes.open_runtime(options) as runtime:
        if options.only_images:
            layer = runtime.images.find(options.name).top_layer
        else:
            layer = _layer(runtime, _name(runtime, options))
        found = changes.of_layer(runtime.engine.store, layer, changes.MADE_FOR_MOUNTS)
    if options.format:
        keys = {changes.CHANGED: "changed", changes.ADDED: "added", changes.DELETED: "deleted"}
        output.as_json(
            {word: [path for path, kind in found if kind == letter] for letter, word in keys.items()}
        )
    elif found:
        output.data("\n".join(f"{kind} {output.printable(path)}" for path, kind in found))
    return codes.DONE


def _name(runtime: Runtime, options: Namespace) -> str:
    name: str | None = options.name
    if options.latest == (name is not None):
        raise InvalidArgument("give either a NAME or --latest", hint=f"see '{options.prog} --help'")
    return selecting.latest(runtime) if name is None else name


def _layer(runtime: Runtime, name: str) -> str:
    """The layer of a container, or of an image."""
    from libpod.errors import NoSuchContainer, NotSupported

    store = runtime.engine.store
    try:
        container = runtime.container(name)
    except NoSuchContainer:
        return store.image(name).top_layer
    if container.record.config.get("rootfs"):
        raise NotSupported(f"container {name} has a root directory and no layer: there is nothing to compare")
    return store.container(container.id).layer_id
