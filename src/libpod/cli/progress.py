"""A bar on a terminal while a refresh goes through a thousand objects or more."""

from __future__ import annotations

import os
import sys

from libpod.cli import output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Final, Self, TextIO

_BAR: Final = 30
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Shows how far a run is, in one line that vanishes at the end; shows nothing where there is no terminal.

    Call it with what is worked on, how much of it is done, and how much there is. A context manager.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._enabled = self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._shown = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show it."""
        line = bar(what, done, total)
        if self._enabled and line != self._shown:
            self._write(_CLEAR + line)
            self._shown = line

    def message(self, text: str) -> None:
        """Print a line of text above the bar."""
        self._clear()
        output.message(text)

    def _clear(self) -> None:
        if self._shown:
            self._write(_CLEAR)
            self._shown = ""

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # The terminal is gone; the work goes on.
            self._enabled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()


def bar(what: str, done: int, total: int) -> str:
    """One line: `database  [#####...............]  2500 of 10000`."""
    filled = _BAR * done // total if total else _BAR
    return f"{what:<10} [{'#' * filled}{'.' * (_BAR - filled)}] {done:>{len(str(total))}} of {total}"
