"""The way in and out of the command: what is run, and with which exit status it ends (`libpod.cli.codes`).

This module is loaded by every start: it imports nothing that costs time.
"""

from __future__ import annotations

import gc
import os
import sys

from libpod.cli import codes, options, output
from libpod.errors import LibpodError, OCIRuntimeNotFound, OCIRuntimePermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import NoReturn

    from libpod.cli.parser import Parser

_GARBAGE_THRESHOLD = 50_000
"""New objects until Python looks for cycles, instead of its 700."""


def make_parser() -> Parser:
    """The whole grammar of the command line, for man pages and completions."""
    from libpod.cli import parser

    return parser.make_parser()


def script() -> NoReturn:
    """Run the command of this process, and end it.

    What the kernel frees anyway is not taken down first: that takes a tenth of the time of a short verb.
    """
    status = main()
    try:
        for stream in (sys.stdout, sys.stderr):
            # None where it was closed before we began.
            if stream is not None:
                stream.flush()
    except OSError:
        sys.exit(status)
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these *arguments* (those of the process); returns the exit status."""
    # What most verbs make before they end is not worth a look for cycles; a long run still gets its looks.
    gc.set_threshold(_GARBAGE_THRESHOLD)
    _open_missing_streams()
    given = sys.argv[1:] if arguments is None else arguments
    parsed: Namespace | None = None
    try:
        line = options.split(given)
        if line.verb == options.VERSION:
            from libpod.version import VERSION

            output.data(f"libpod version {VERSION}")
            return codes.DONE
        parsed = _parse(line)
        if parsed.missing_verb:
            return _no_verb(parsed.missing_verb)
        status: int = parsed.run(parsed)
    except KeyboardInterrupt:
        output.message("interrupted")
        return codes.INTERRUPTED
    except LibpodError as error:
        return _failed(error, error.message, error.hint, parsed)
    except Exception as error:  # noqa: BLE001 - status 1 has a meaning of its own, and nobody is above us
        what = f"unexpected {type(error).__name__}: {error}"
        return _failed(error, what, "run it again with --log-level=debug and report what it prints", parsed)
    return status


def _open_missing_streams() -> None:
    """Let the null device stand for a standard stream that was closed before we started.

    Otherwise the next file that is opened gets its number: a database, and output would go into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)  # noqa: FBT003
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _parse(given: options.Given) -> Namespace:
    if given.verb == "refresh" and not given.rest:
        from libpod.cli import refresh

        # What every boot runs: to import the parser would take longer than all else that it does.
        return refresh.plain(given)
    from libpod.cli import grammar

    return grammar.parse(given)


def _no_verb(parser: Parser) -> int:
    parser.print_help()
    output.message(f"Error: missing command '{parser.prog} COMMAND'")
    return codes.FAILED


def _failed(error: Exception, what: str, hint: str | None, parsed: Namespace | None) -> int:
    if parsed is not None and options.wants_traceback(parsed):
        import traceback

        output.message("".join(traceback.format_exception(error)).rstrip())
    output.message(f"Error: {what}")
    if hint:
        output.message(f"hint: {hint}")
    if isinstance(error, OCIRuntimeNotFound):
        return codes.NOT_FOUND
    return codes.NOT_EXECUTABLE if isinstance(error, OCIRuntimePermissionDenied) else codes.FAILED
