"""`libpod events`."""

from __future__ import annotations

import os

from libpod.cli import codes, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "-f", "--filter", metavar="KEY=VALUE", action="append", default=[], dest="filters",
        help="container, event, image, label, pod, volume, type",
    )  # fmt: skip
    parser.add_argument("--since", metavar="TIME", help="those after a time, or a duration ago such as 10m")
    parser.add_argument("--until", metavar="TIME", help="those before a time, which may be yet to come")
    _switch(parser, "--stream", "go on with those that come (--stream=false: not)")
    _switch(parser, "--no-trunc", "do not shorten IDs (--no-trunc=false: do)")
    parser.add_format()
    parser.runs(run)


def _switch(parser: Parser, name: str, text: str) -> None:
    parser.add_argument(name, nargs="?", const="true", default="true", choices=("true", "false"), help=text)


def run(options: Namespace) -> int:
    """Print events, a line each: those that were recorded, and those that come."""
    from libpod.cli import stores
    from libpod.events import reading
    from libpod.host import jsonutil
    from libpod.times import point_in_time

    selection = reading.Selection(
        options.filters,
        since=point_in_time(options.since) if options.since else None,
        until=point_in_time(options.until) if options.until else None,
        follow=options.stream == "true",
    )
    config = stores.load_config(options)
    for event in reading.read(config, selection, output.warning):
        if options.format:
            line = jsonutil.dumps(event.as_object()).decode()
        else:
            line = output.printable(event.text(shorten=options.no_trunc == "false"))
        try:
            os.write(1, line.encode("utf-8", "backslashreplace") + b"\n")
        except BrokenPipeError:
            # The reader has seen enough.
            break
    return codes.DONE
