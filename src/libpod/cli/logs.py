"""`libpod logs`."""

from __future__ import annotations

from libpod.cli import selecting
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.containers.container import Container
    from libpod.oci.logs import LogLine, Selection


# Podman's, in its order: white, red, yellow, blue, magenta, cyan, green.
_COLORS: Final = tuple(b"\x1b[%dm" % number for number in (37, 31, 33, 34, 35, 36, 32))
_RESET: Final = b"\x1b[0m"


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    add_selection(parser)
    parser.add_argument("-n", "--names", action="store_true", help="put names before the lines, not IDs")
    selecting.add_several(parser)
    parser.runs(run)


def add_selection(parser: Grammar) -> None:
    """Add the arguments that tell which lines are wanted, and how."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the container ends")
    parser.add_argument("-t", "--timestamps", action="store_true", help="put the time before each line")
    parser.add_argument("--tail", metavar="LINES", type=int, default=-1, help="only the last lines (-1: all)")
    parser.add_argument(
        "--since", metavar="TIME", help="not older than this: a time, or a duration such as 10m"
    )
    parser.add_argument("--until", metavar="TIME", help="not newer than this")
    parser.add_argument("--color", action="store_true", help="show each container in a colour of its own")


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
    """Print the output: what a container wrote to stderr goes to ours. Of several, each line tells whose."""
    from libpod.cli import codes, runtimes

    wanted = selection(options)
    with runtimes.open_runtime(options) as runtime:
        containers = [runtime.container(name) for name in selecting.names(runtime, options)]
        try:
            if len(containers) == 1:
                color = _COLORS[0] if options.color else b""
                for line in containers[0].logs(wanted, follow=options.follow):
                    write(line, timestamps=options.timestamps, color=color)
            else:
                write_several(containers, wanted, options)
        except BrokenPipeError:
            # The reader has seen enough.
            return codes.DONE
    return codes.DONE


def write_several(containers: Sequence[Container], wanted: Selection, options: Namespace) -> None:
    """Write the lines of several containers, with the container before each line. Raises BrokenPipeError."""
    from libpod.containers import podlogs

    prefix = _Prefix(containers, names=options.names)
    colors = {
        container.id: _COLORS[place % len(_COLORS)] if options.color else b""
        for place, container in enumerate(containers)
    }
    for container, line in podlogs.read(containers, wanted, follow=options.follow):
        before = prefix.of(container, line)
        write(line, timestamps=options.timestamps, before=before, color=colors[container.id])


class _Prefix:
    """What stands before a line. A piece that goes on with a line has nothing before it."""

    def __init__(self, containers: Sequence[Container], *, names: bool) -> None:
        self._texts = {
            container.id: (container.name if names else container.id[:12]).encode() + b" "
            for container in containers
        }
        self._open: set[tuple[str, str]] = set()

    def of(self, container: Container, line: LogLine) -> bytes:
        place = (container.id, line.stream)
        begins = place not in self._open
        (self._open.add if line.partial else self._open.discard)(place)
        return self._texts[container.id] if begins else b""


def write(line: LogLine, *, timestamps: bool, before: bytes = b"", color: bytes = b"") -> None:
    """Write a line to the stream that the container wrote it to. Raises BrokenPipeError."""
    moment = f"{line.time} ".encode() if timestamps else b""
    text = before + moment + line.output()
    if color:
        content = text.removesuffix(b"\n")
        text = color + content + _RESET + text[len(content) :]
    files.write_all(2 if line.stream == "stderr" else 1, text)
