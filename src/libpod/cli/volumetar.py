"""`libpod volume export` and `volume import`: what is in a volume as a tar."""

from __future__ import annotations

import contextlib
import os
import sys

from libpod.cli import codes
from libpod.errors import FileError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from libpod.cli.grammar import Grammar
    from libpod.runtime import Runtime

_STREAM = "-"


def configure_export(parser: Grammar) -> None:
    """Add the arguments of `volume export`."""
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file, not to our output")
    parser.add_argument("volume", metavar="VOLUME", help="a name, or its unique beginning")
    parser.runs(_export)


def configure_import(parser: Grammar) -> None:
    """Add the arguments of `volume import`."""
    parser.add_argument("volume", metavar="VOLUME", help="a name, or its unique beginning")
    parser.add_argument("source", metavar="FILE", help="a tar, compressed or not; - for our input")
    parser.runs(_import)


@contextlib.contextmanager
def _mounted(runtime: Runtime, name: str) -> Iterator[str]:
    """The directory of a volume, which stays mounted meanwhile."""
    from libpod.containers import volumemounts

    record = runtime.state.lookup_volume(name)
    path = volumemounts.mount(runtime.engine, record)
    try:
        yield path
    finally:
        volumemounts.unmount(runtime.engine, record)


def _export(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.containers import copying
    from libpod.host import outputs

    if options.output is None and sys.stdout.isatty():
        raise InvalidArgument("a tar does not belong on a terminal", hint="use --output FILE, or a pipe")
    with (
        runtimes.open_runtime(options) as runtime,
        _mounted(runtime, options.volume) as path,
        outputs.writing_or_printing(options.output) as stream,
    ):
        copying.export_directory(path, stream)
    return codes.DONE


def _import(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.containers import copying

    with runtimes.open_runtime(options) as runtime, contextlib.ExitStack() as stack:
        if options.source == _STREAM:
            stream, shown = sys.stdin.buffer, "standard input"
        else:
            try:
                stream, shown = stack.enter_context(open(options.source, "rb")), options.source
            except OSError as error:
                raise FileError("read", options.source, error) from error
        path = stack.enter_context(_mounted(runtime, options.volume))
        # Links in the volume lead nowhere else than in a container: its directory is the root.
        place = copying.Place(os.path.realpath(path), "/", f"volume {options.volume}")
        copying.unpack(stream, place, owner=None, source=shown)
    return codes.DONE
