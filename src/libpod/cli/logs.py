"""`libpod logs`."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.parser import Parser
    from libpod.oci.logs import LogLine, Selection


def configure(parser: Parser) -> None:
    """Add the arguments."""
    add_selection(parser)
    parser.add_argument("container", metavar="CONTAINER", help="a name, an ID, or its beginning")
    parser.runs(run)


def add_selection(parser: Parser) -> None:
    """Add the arguments that tell which lines are wanted, and how."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the container ends")
    parser.add_argument("-t", "--timestamps", action="store_true", help="put the time before each line")
    parser.add_argument("--tail", metavar="LINES", type=int, default=-1, help="only the last lines (-1: all)")
    parser.add_argument(
        "--since", metavar="TIME", help="not older than this: a time, or a duration such as 10m"
    )
    parser.add_argument("--until", metavar="TIME", help="not newer than this")


def selection(options: Namespace) -> Selection:
    """The lines that were asked for. InvalidArgument for what is no time."""
    from libpod.oci.logs import Selection
    from libpod.times import point_in_time

    return Selection(
        tail=options.tail,
        since=point_in_time(options.since) if options.since else None,
        until=point_in_time(options.until) if options.until else None,
    )


def run(options: Namespace) -> int:
    """Print the output: what the container wrote to stderr goes to ours."""
    from libpod.cli import codes, runtimes

    wanted = selection(options)
    with runtimes.open_runtime(options) as runtime:
        try:
            for line in runtime.container(options.container).logs(wanted, follow=options.follow):
                write(line, timestamps=options.timestamps)
        except BrokenPipeError:
            # The reader has seen enough.
            return codes.DONE
    return codes.DONE


def write(line: LogLine, *, timestamps: bool, before: bytes = b"") -> None:
    """Write a line to the stream that the container wrote it to. Raises BrokenPipeError."""
    moment = f"{line.time} ".encode() if timestamps else b""
    view = memoryview(before + moment + line.output())
    descriptor = 2 if line.stream == "stderr" else 1
    while view:
        view = view[os.write(descriptor, view) :]
