"""`libpod commit`."""

from __future__ import annotations

from libpod.cli import codes, output, transfers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument("container", metavar="CONTAINER", help="a name, an ID, or its beginning")
    parser.add_argument("name", metavar="IMAGE", nargs="?", default="", help="the name of the image")
    parser.add_argument("-a", "--author", metavar="TEXT", default="", help="who has made the image")
    transfers.add_change_flags(parser)
    parser.add_argument("-f", "--format", metavar="FORMAT", default="oci", help="oci or docker (oci)")
    parser.add_argument("--iidfile", metavar="FILE", help="write the ID of the image here")
    parser.add_argument("--include-volumes", action="store_true", help="the image has the same volumes")
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="a comment for the history")
    parser.add_switch("-p", "--pause", default=False, help="let the container stand still meanwhile")
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    parser.add_argument("-s", "--squash", action="store_true", help="make one layer of all")
    parser.runs(run)


def run(options: Namespace) -> int:
    """Make the image and print its ID."""
    from libpod.cli import runtimes
    from libpod.containers import commit
    from libpod.host import outputs

    wanted = commit.CommitOptions(
        changes=options.change,
        author=options.author,
        message=options.message,
        pause=options.pause,
        include_volumes=options.include_volumes,
        squash=options.squash,
        form=options.format,
    )
    with transfers.interruptible(), runtimes.open_runtime(options) as runtime:
        container = runtime.container(options.container)
        how = transfers.transfer_options(options)
        image = commit.commit(runtime.images, container, options.name, wanted, how)
    if options.iidfile:
        outputs.write(options.iidfile, f"sha256:{image.id}".encode())
    output.data(image.id)
    return codes.DONE
