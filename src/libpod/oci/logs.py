"""Container logs: the k8s-file format that conmon writes, and the journal.

A line of the file is `<time> <stdout|stderr> <F|P> <text>`: F ends a line of the output, P is a piece of one
(conmon 2.1.6, measured). Times are RFC 3339 with nine digits and a numeric zone.
"""

from __future__ import annotations

import collections
import os
import time

from libpod.errors import FileError
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

POLL_SECONDS = 0.1
_LINE = rb"(?s)(\S+) (stdout|stderr) ([FP]) (.*)"


class LogLine(NamedTuple):
    """One line, or a *partial* piece of one, of a container's output. *text* has no newline of its own."""

    time: str
    stream: str
    partial: bool
    text: bytes

    def output(self) -> bytes:
        """The bytes that the container wrote."""
        return self.text if self.partial else self.text + b"\n"


class Selection(NamedTuple):
    """Which lines are wanted: the last *tail*, or all when negative; times are seconds since 1970."""

    tail: int = -1
    since: float | None = None
    until: float | None = None

    def includes(self, line: LogLine) -> bool:
        """Whether the line's time is within the limits."""
        if self.since is None and self.until is None:
            return True
        from libpod import times

        moment = times.timestamp(line.time)
        return (self.since is None or moment >= self.since) and (self.until is None or moment <= self.until)


def read(
    path: str, selection: Selection, *, follow: bool = False, running: Callable[[], bool] = lambda: False
) -> Iterator[LogLine]:
    """The selected lines of the log file *path*, in order.

    With *follow*, goes on with what is written later, until *running* says that the container has ended
    and all was read. A file that conmon has started anew (its size limit was reached) is read from its
    beginning. No file yet is an empty log. A torn line is given as it is, as stdout.
    """
    stream = _open(path)
    if stream is None and not follow:
        return
    with _Reader(path, stream) as reader:
        yield from _last(filter(selection.includes, reader.lines()), selection.tail)
        while follow:
            # Asked first: what was written before the end is then read after it.
            going_on = running()
            yield from filter(selection.includes, reader.lines())
            if not going_on:
                return
            time.sleep(POLL_SECONDS)


def _last(lines: Iterator[LogLine], count: int) -> Iterator[LogLine]:
    """The last *count* lines of output; pieces of one line count as one."""
    if count < 0:
        yield from lines
        return
    kept: collections.deque[list[LogLine]] = collections.deque(maxlen=count or None)
    open_line: dict[str, list[LogLine]] = {}
    for line in lines:
        if count == 0:
            continue
        pieces = open_line.get(line.stream)
        if pieces is None:
            pieces = open_line[line.stream] = []
            kept.append(pieces)
        pieces.append(line)
        if not line.partial:
            del open_line[line.stream]
    for pieces in kept:
        yield from pieces


class _Reader:
    """Reads whole lines from a file that grows, and may be started anew."""

    def __init__(self, path: str, stream: BinaryIO | None) -> None:
        self._path = path
        self._stream = stream
        self._rest = b""

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def lines(self) -> Iterator[LogLine]:
        """The lines that were completed since the last call."""
        if self._stream is None:
            self._stream = _open(self._path)
        if self._stream is None:
            return
        yield from self._read(self._stream)
        replaced = self._replacement(self._stream)
        if replaced is not None:
            self._stream.close()
            self._stream, self._rest = replaced, b""
            yield from self._read(replaced)

    def _read(self, stream: BinaryIO) -> Iterator[LogLine]:
        if os.fstat(stream.fileno()).st_size < stream.tell():
            stream.seek(0)
            self._rest = b""
        for line in stream:
            self._rest += line
            if self._rest.endswith(b"\n"):
                yield parse(self._rest[:-1])
                self._rest = b""

    def _replacement(self, stream: BinaryIO) -> BinaryIO | None:
        """The file that has taken the path over, if another one has."""
        found = _open(self._path)
        if found is None:
            return None
        ours, theirs = os.fstat(stream.fileno()), os.fstat(found.fileno())
        if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino):
            found.close()
            return None
        return found


def _open(path: str) -> BinaryIO | None:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError("read log", path, error) from error


def parse(line: bytes) -> LogLine:
    """One line of a k8s-file log, without its newline."""
    import re

    found = re.fullmatch(_LINE, line)
    if found is None:
        return LogLine("1970-01-01T00:00:00Z", "stdout", partial=False, text=line)
    moment, stream, kind, text = found.groups()
    return LogLine(moment.decode("ascii", "replace"), stream.decode(), partial=kind == b"P", text=text)


def go_time(nanoseconds: int) -> str:
    """Nanoseconds since 1970 as Go's encoder writes a time in UTC."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"
