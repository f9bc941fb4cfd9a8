"""`libpod tag`, `untag`, `rmi` and `image prune`."""

from __future__ import annotations

from libpod.cli import asking, codes, images, output
from libpod.errors import InvalidArgument, LibpodError, NoSuchImage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar

"""Exit statuses of `rmi`, as Podman has them."""


def configure_tag(parser: Grammar) -> None:
    """Add the arguments of `tag`."""
    parser.add_argument("image", metavar="IMAGE", help="a name or an ID")
    parser.add_argument("names", metavar="NAME", nargs="+", help="a further name")
    parser.runs(_tag)


def _tag(options: Namespace) -> int:
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        runtime.images.tag(options.image, *options.names)
    return codes.DONE


def configure_untag(parser: Grammar) -> None:
    """Add the arguments of `untag`."""
    parser.add_argument("image", metavar="IMAGE", help="a name or an ID")
    parser.add_argument("names", metavar="NAME", nargs="*", help="a name to take away; without one, all")
    parser.runs(_untag)


def _untag(options: Namespace) -> int:
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        runtime.images.untag(options.image, *options.names)
    return codes.DONE


# ---------------------------------------------------------------- removal


def configure_rmi(parser: Grammar) -> None:
    """Add the arguments of `rmi`."""
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="a name or an ID")
    parser.add_argument("-a", "--all", action="store_true", help="all images")
    parser.add_argument(
        "-f", "--force", action="store_true", help="remove the containers that use it, and all its names"
    )
    parser.add_argument("-i", "--ignore", action="store_true", help="images that do not exist are no error")
    parser.add_argument("--no-prune", action="store_true", help="keep parents without a name")
    parser.runs(_rmi)


def _rmi(options: Namespace) -> int:
    from libpod.cli import runtimes

    if bool(options.images) == options.all:
        raise InvalidArgument("give either images or --all", hint=f"see '{options.prog} --help'")
    status = codes.DONE
    with runtimes.open_runtime(options) as runtime:
        names = options.images or [image.id for image in runtime.images.list(everything=True)]
        for name in names:
            try:
                done = runtime.images.remove(
                    name, force=options.force, prune=not options.no_prune, whole=options.all
                )
            except LibpodError as error:
                if isinstance(error, NoSuchImage) and (options.ignore or options.force or options.all):
                    continue
                output.error(error)
                status = max(status, codes.of_removal(error))
                continue
            lines = [f"Untagged: {gone}" for gone in done.untagged]
            lines += [f"Deleted: {gone}" for gone in done.deleted]
            output.data("\n".join(lines))
    return status


def configure_prune(parser: Grammar) -> None:
    """Add the arguments of `image prune`."""
    parser.add_argument(
        "-a", "--all", action="store_true", help="all images that no container uses, not only nameless ones"
    )
    asking.add_force(parser)
    # `-f` is `--force` here.
    images.add_filter(parser, "--filter")
    parser.runs(_prune)


def _prune(options: Namespace) -> int:
    from libpod.cli import runtimes

    what = "that no container uses" if options.all else "that have no name and that nothing uses"
    if not asking.agreed(options, f"This removes all images {what}."):
        return codes.DONE
    with runtimes.open_runtime(options) as runtime:
        gone = runtime.images.prune(options.filter, everything=options.all)
    if gone:
        output.data("\n".join(gone))
    return codes.DONE
