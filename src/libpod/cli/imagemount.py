"""`libpod image mount` and `image unmount`: what is in images, read-only, to be seen from the host."""

from __future__ import annotations

from libpod.cli import codes, output
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar
    from libpod.runtime import Runtime
    from libpod.storage.images import ImageRecord


def configure(parser: Grammar) -> None:
    """Add the arguments of `image mount`."""
    _add_images(parser, "all images")
    parser.add_format(templates=False)
    parser.runs(_mount)


def configure_unmount(parser: Grammar) -> None:
    """Add the arguments of `image unmount`."""
    _add_images(parser, "all images that are mounted")
    parser.add_argument("-f", "--force", action="store_true", help="whoever else has it mounted")
    parser.runs(_unmount)


def _add_images(parser: Grammar, what: str) -> None:
    parser.add_argument("image", metavar="IMAGE", nargs="*", help="a name, an ID, or its beginning")
    parser.add_argument("-a", "--all", action="store_true", help=what)


def _mounted(runtime: Runtime) -> list[tuple[ImageRecord, str]]:
    """The images that are mounted, with the places."""
    paths = {layer.id: layer.mount_point for layer in runtime.layers() if layer.mount_point}
    return [
        (image, paths[image.top_layer]) for image in runtime.engine.store.images() if image.top_layer in paths
    ]


def _mount(options: Namespace) -> int:
    from libpod.cli import runtimes

    if options.all and options.image:
        raise InvalidArgument("give either images or --all, not both")
    with runtimes.open_runtime(options) as runtime:
        if not options.image and not options.all:
            _print(_mounted(runtime), options)
            return codes.DONE
        wanted = [runtime.images.find(name) for name in options.image]
        if options.all:
            wanted = [image for image in runtime.engine.store.images() if image.top_layer]
        found = []
        for image in wanted:
            found.append((image, runtime.engine.store.mount_image(image.id)))
            _record(runtime, "mount", image)
        if len(options.image) == 1 and not options.format:
            output.data(found[0][1])
        else:
            _print(found, options)
    return codes.DONE


def _record(runtime: Runtime, status: str, image: ImageRecord) -> None:
    name = image.names[0] if image.names else image.id
    runtime.engine.events.record("image", status, id=image.id, name=name)


def _print(found: list[tuple[ImageRecord, str]], options: Namespace) -> None:
    if options.format:
        output.as_json(
            [
                {"id": image.id, "Names": image.digests, "Repositories": image.names, "mountpoint": path}
                for image, path in found
            ]
        )
        return
    rows = [(name, path) for image, path in found for name in image.names or [image.id]]
    if rows:
        width = max(len(name) for name, _ in rows)
        output.data("\n".join(f"{output.printable(name):<{width}}  {path}" for name, path in rows))


def _unmount(options: Namespace) -> int:
    from libpod.cli import runtimes

    if options.all == bool(options.image):
        raise InvalidArgument("give either images or --all", hint=f"see '{options.prog} --help'")
    with runtimes.open_runtime(options) as runtime:
        if options.all:
            wanted = [image for image, _path in _mounted(runtime)]
        else:
            wanted = [runtime.images.find(name) for name in options.image]
        for image in wanted:
            runtime.engine.store.unmount_image(image.id, force=options.force)
            _record(runtime, "unmount", image)
            output.data(image.id)
    return codes.DONE
