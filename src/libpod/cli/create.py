"""`libpod create`."""

from __future__ import annotations

from libpod.cli import codes, creation, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    # What `start --attach` connects is said there; Podman takes the flag here, too.
    parser.add_argument(
        "-a", "--attach", metavar="STREAM", action="append", choices=("stdin", "stdout", "stderr"),
        help="does nothing here, as with Podman: see start",
    )  # fmt: skip
    parser.add_argument(
        "--init-ctr", choices=("always", "once"), help="run it before the others of its pod are started"
    )
    creation.configure(parser)
    parser.runs(run)


def run(options: Namespace) -> int:
    """Create a container and print its ID."""
    from libpod.cli import run as running
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        output.data(running.create(runtime, options).id)
    return codes.DONE
