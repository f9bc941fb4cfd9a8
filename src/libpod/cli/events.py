"""`libpod events`."""

from __future__ import annotations

import os

from libpod.cli import codes, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from libpod.cli.grammar import Grammar
    from libpod.events.event import Event


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument(
        "-f", "--filter", metavar="KEY=VALUE", action="append", default=[], dest="filters",
        help="container, event, image, label, pod, volume, type",
    )  # fmt: skip
    parser.add_argument("--since", metavar="TIME", help="those after a time, or a duration ago such as 10m")
    parser.add_argument("--until", metavar="TIME", help="those before a time, which may be yet to come")
    parser.add_switch("--stream", default=True, help="go on with those that come (true)")
    parser.add_switch("--no-trunc", default=True, help="do not shorten IDs (true)")
    parser.add_format()
    parser.runs(run)


def run(options: Namespace) -> int:
    """Print events, a line each: those that were recorded, and those that come."""
    from libpod.cli import stores
    from libpod.events import reading
    from libpod.times import point_in_time

    selection = reading.Selection(
        options.filters,
        since=point_in_time(options.since) if options.since else None,
        until=point_in_time(options.until) if options.until else None,
        follow=options.stream,
    )
    line_of = _line_maker(options.format, shorten=not options.no_trunc)
    config = stores.load_config(options)
    for event in reading.read(config, selection, output.warning):
        try:
            os.write(1, line_of(event).encode("utf-8", "backslashreplace") + b"\n")
        except BrokenPipeError:
            # The reader has seen enough.
            break
    return codes.DONE


def _line_maker(form: str | None, *, shorten: bool) -> Callable[[Event], str]:
    """What makes a line of an event."""
    if form is None:
        return lambda event: output.printable(event.text(shorten=shorten))
    if form == "json":
        from libpod.host import jsonutil

        return lambda event: jsonutil.dumps(event.as_object()).decode()
    from libpod.cli.templates import Template

    template = Template(form)
    return lambda event: output.printable(template.render(_fields(event)), keep="\t\n")


def _fields(event: Event) -> dict[str, object]:
    """Podman's fields for templates."""
    return {
        "ID": event.id,
        "Name": event.name,
        "Type": event.kind,
        "Status": event.status,
        "Time": event.time,
        "Image": event.image,
        "Network": event.network,
        "HealthStatus": event.health,
        "ContainerExitCode": event.exit_code,
        "Attributes": dict(event.attributes or {}),
    }
