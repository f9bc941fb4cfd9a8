"""`libpod cp` and `libpod export`."""

from __future__ import annotations

import contextlib
import os
import sys

from libpod.cli import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar
    from libpod.containers.copying import Place
    from libpod.runtime import Runtime

_STREAM = "-"


def configure(parser: Grammar) -> None:
    """Add the arguments of `cp`."""
    parser.add_switch(
        "-a", "--archive", default=True, help="give what is copied to the container's user, or to us (true)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="let a file replace a directory, and the other way round"
    )
    parser.add_argument("source", metavar="[CONTAINER:]PATH", help="what to copy; - for a tar on our input")
    parser.add_argument("target", metavar="[CONTAINER:]PATH", help="where to; - for a tar on our output")
    parser.runs(_copy)


def _copy(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.containers import copying
    from libpod.errors import InvalidArgument
    from libpod.host import outputs

    with runtimes.open_runtime(options) as runtime, contextlib.ExitStack() as stack:
        source, target = (_side(runtime, text, stack) for text in (options.source, options.target))
        if not (_is_of_container(options.source) or _is_of_container(options.target)):
            raise InvalidArgument(
                "cp needs a container as source or target", hint="name it before the path: web:/etc/hosts"
            )
        owner = target.owner if options.archive and target is not None else None
        if target is None and source is not None:
            copying.pack(source, outputs.standard_output())
        elif source is None and target is not None:
            copying.unpack(sys.stdin.buffer, target, owner=owner, overwrite=options.overwrite)
        elif source is not None and target is not None:
            copying.copy(source, target, owner=owner, overwrite=options.overwrite)
    return codes.DONE


def _is_of_container(text: str) -> bool:
    """A path of the host may have a colon, too: it begins with . or / then, as podman-cp(1) has it."""
    return ":" in text and not text.startswith((".", "/"))


def _side(runtime: Runtime, text: str, stack: contextlib.ExitStack) -> Place | None:
    """The place that *text* means; None for a stream."""
    from libpod.containers import copying
    from libpod.errors import InvalidArgument

    if text == _STREAM:
        return None
    if not _is_of_container(text):
        absolute = os.path.join(os.getcwd(), text)
        return copying.Place("/", absolute, text, (os.getuid(), os.getgid()))
    name, _, path = text.partition(":")
    if not path:
        raise InvalidArgument(f"{text}: no path in the container", hint=f"its whole root is {text}/")
    return stack.enter_context(copying.opened(runtime.engine, runtime.container(name), path))


def configure_export(parser: Grammar) -> None:
    """Add the arguments of `export`."""
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file, not to our output")
    parser.add_argument("container", metavar="CONTAINER", help="a name, an ID, or its beginning")
    parser.runs(_export)


def _export(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.containers import copying
    from libpod.errors import InvalidArgument
    from libpod.host import outputs

    if options.output is None and sys.stdout.isatty():
        raise InvalidArgument("a tar does not belong on a terminal", hint="use --output FILE, or a pipe")
    with runtimes.open_runtime(options) as runtime:
        container = runtime.container(options.container)
        with outputs.writing_or_printing(options.output) as stream:
            copying.export(container, stream)
    return codes.DONE
