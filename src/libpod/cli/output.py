"""What is printed: data to standard output alone, messages to standard error, nothing after a closed pipe.

This module is loaded by every start: it imports nothing that costs time.
"""

from __future__ import annotations

import os
import sys

from libpod.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Final, TextIO

    from libpod.errors import LibpodError

# The columns of Podman's tables: at least twelve wide, the space of two between them included.
_NARROWEST: Final = 12
_GAP: Final = 2
_CLEAR: Final = "\x1b[2J\x1b[H"


def data(text: str) -> None:
    """Print *text* and a newline to standard output.

    A reader that went away (`libpod ps | head -1`) is no error: the rest is dropped. Any other failure, a
    full disk for one, raises FileError.
    """
    try:
        _write(sys.stdout, text + "\n")
    except BrokenPipeError:
        _drop(sys.stdout)
    except OSError as error:
        _drop(sys.stdout)
        raise FileError("write", "standard output", error) from error


def clear() -> None:
    """Clear the screen, if standard output is one."""
    if sys.stdout.isatty():
        data(_CLEAR)


def message(text: str) -> None:
    """Print a line to standard error, if anybody listens."""
    try:
        _write(sys.stderr, printable(text, keep="\n") + "\n")
    except OSError:
        _drop(sys.stderr)


def error(failure: LibpodError) -> None:
    """Print an error, and its hint if it has one, to standard error."""
    message(f"Error: {failure.message}")
    if failure.hint:
        message(f"hint: {failure.hint}")


def warning(text: str) -> None:
    """Print a warning to standard error."""
    message(f"Warning: {text}")


def as_json(value: object) -> None:
    """Print *value* as JSON to standard output."""
    import json

    data(json.dumps(value, indent=2, ensure_ascii=False))


def formatted(
    form: str,
    value: object,
    rows: Callable[[], Sequence[Mapping[str, object]]],
    headers: Mapping[str, str] | None = None,
    *,
    heading: bool = True,
) -> None:
    """Print what `--format` asks for: *value* as JSON, or *rows* by a template (`libpod.cli.templates`)."""
    if form == "json":
        as_json(value)
        return
    from libpod.cli import templates

    shown = templates.listed(form, rows(), headers or {}, heading=heading)
    if shown:
        data(shown)


def _write(stream: TextIO | None, text: str) -> None:
    """Write *text* and hand it on at once, so that an error shows here and not at the end of the program.

    Half a surrogate pair, from a file name or a damaged record, has no UTF-8 form: it is shown as an escape.
    """
    if stream is None:
        # It was closed before the program began.
        return
    stream.flush()
    rest = text.encode("utf-8", "backslashreplace")
    while True:
        try:
            rest = rest[stream.buffer.write(rest) :]
            stream.flush()
        except BlockingIOError as error:
            from libpod.host import files

            rest = rest[error.characters_written :]
            files.wait_until_writable(stream.fileno())
        else:
            return


def _drop(stream: TextIO) -> None:
    """Send what is still to come, and what the interpreter flushes at its end, nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def printable(text: str, *, keep: str = "") -> str:
    """*text* without control characters but those in *keep*: a stored name must not drive the terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, heading: bool = True) -> str:
    """A table in Podman's form: columns aligned to the left, the last one not padded.

    Without *heading* the header only makes its columns wide enough.
    """
    lines = [header, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(_NARROWEST, max(map(len, column)) + _GAP) for column in zip(*lines, strict=True)]
    widths[-1] = 0
    return "\n".join("".join(map(str.ljust, line, widths)).rstrip() for line in lines[0 if heading else 1 :])
