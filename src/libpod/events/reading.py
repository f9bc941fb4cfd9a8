"""Reading events from Podman's file or the journal, what was recorded and what comes."""

from __future__ import annotations

import os
import time

from libpod import filters
from libpod.errors import DecodeError, FileError, InvalidArgument
from libpod.events import recording
from libpod.events.event import CONTAINER, IDENTIFIER, IMAGE, POD, VOLUME, Event
from libpod.host import jsonutil, process
from libpod.times import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from libpod.config import RuntimeConfig

    Filter = Callable[[Event], bool]

POLL_SECONDS = 0.2
JOURNAL_SECONDS = 60.0
"""How long journalctl may take for what is there."""


class Selection:
    """Which events are wanted: those after *since* and before *until* (seconds since 1970) that the filters
    *wanted* let through; with *follow* also those to come, until *until*.
    """

    def __init__(
        self,
        wanted: Sequence[str] = (),
        *,
        since: float | None = None,
        until: float | None = None,
        follow: bool = False,
    ) -> None:
        self.wanted = filters.combined(wanted, _MAKERS, every=())
        self.since = since
        self.until = until
        self.follow = follow

    @property
    def new_only(self) -> bool:
        """Whether only what comes from now on is wanted."""
        return self.follow and self.since is None and self.until is None

    def over(self) -> bool:
        """Whether nothing that comes now can be wanted."""
        return not self.follow or (self.until is not None and time.time() >= self.until)

    def takes(self, event: Event) -> bool:
        """Whether *event* is wanted. DecodeError for one whose time is none."""
        if self.since is None and self.until is None:
            return self.wanted(event)
        try:
            moment = timestamp(event.time)
        except ValueError as error:
            raise DecodeError(f"event with the time {event.time!r}", key="Time") from error
        if self.since is not None and moment <= self.since:
            return False
        return (self.until is None or moment < self.until) and self.wanted(event)


def _of(kind: str) -> Callable[[str], Filter]:
    """Events of one kind, of the object with this name or beginning of an ID."""
    return lambda value: (
        lambda event: (
            event.kind == kind
            and (event.name == value or (bool(value) and (event.id or event.name).startswith(value)))
        )
    )


def _image(value: str) -> Filter:
    """Events of an image, and of containers that were made from it."""
    of_itself = _of(IMAGE)(value)
    return lambda event: of_itself(event) or (event.kind == CONTAINER and event.image == value)


_MAKERS: dict[str, Callable[[str], Filter]] = {
    "container": _of(CONTAINER),
    "event": lambda value: lambda event: event.status == value,
    "status": lambda value: lambda event: event.status == value,
    "image": _image,
    "label": lambda value: lambda event: filters.has_label(event.attributes, value),
    "pod": _of(POD),
    "volume": _of(VOLUME),
    "type": lambda value: lambda event: event.kind == value,
}


def read(
    config: RuntimeConfig, selection: Selection, warn: Callable[[str], None] = lambda _text: None
) -> Iterator[Event]:
    """The events that *selection* takes, oldest first; with its *follow*, on and on.

    What is no event is passed over with a warning. Raises InvalidArgument where none are recorded, FileError
    and CommandError.
    """
    logger = recording.logger_of(config)
    if logger == recording.NONE:
        raise InvalidArgument(
            'no events are recorded: the configuration says events_logger = "none"',
            hint='set events_logger to "file" or "journald" in containers.conf',
        )
    if logger == recording.JOURNALD:
        found = _journal(selection, warn)
    else:
        found = _file(recording.file_of(config), selection, warn)
    for event in found:
        if selection.takes(event):
            yield event


# ---------------------------------------------------------------- the file


def _file(path: str, selection: Selection, warn: Callable[[str], None]) -> Iterator[Event]:
    for line in _lines(path, selection):
        try:
            yield Event.from_object(jsonutil.loads_object(line, path), path)
        except DecodeError as error:
            warn(error.message)


def _lines(path: str, selection: Selection) -> Iterator[bytes]:
    """The whole lines of the file. One that was rotated is gone on with after the last line that was read."""
    skip_all, last = selection.new_only, b""
    over = False
    while not over:
        stream = _open(path)
        over = selection.over()
        if stream is not None:
            with stream:
                lines = _after(stream, last, skip_all=skip_all)
                done = False
                while not done:
                    # Asked first: what was written before the end is then read after it.
                    over = selection.over()
                    done = over or not _is_current(stream, path)
                    for line in (*lines, *_whole_lines(stream)):
                        last = line
                        yield line
                    lines = []
                    time.sleep(0 if done else POLL_SECONDS)
        skip_all = False
        time.sleep(0 if over else POLL_SECONDS)


def _open(path: str) -> BinaryIO | None:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError("open", path, error) from error


def _after(stream: BinaryIO, last: bytes, *, skip_all: bool) -> list[bytes]:
    if skip_all:
        stream.seek(0, os.SEEK_END)
        return []
    lines = list(_whole_lines(stream))
    return lines[lines.index(last) + 1 :] if last in lines else lines


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    while True:
        start = stream.tell()
        line = stream.readline()
        if not line.endswith(b"\n"):
            stream.seek(start)
            return
        if line.strip():
            yield line


def _is_current(stream: BinaryIO, path: str) -> bool:
    """Whether the open file is still the one of this name: a rotation puts another in its place."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


# ---------------------------------------------------------------- the journal


def _journal(selection: Selection, warn: Callable[[str], None]) -> Iterator[Event]:
    command = ["journalctl", "--output=json", "--all", "--quiet", f"SYSLOG_IDENTIFIER={IDENTIFIER}"]
    command.append(f"_UID={os.getuid()}")
    since = time.time() if selection.new_only else selection.since
    cursor = "" if since is None else f"--since=@{since:.6f}"
    while True:
        # Asked first: what is recorded before the end is then read after it.
        over = selection.over()
        done = process.run([*command, *filter(None, (cursor,))], timeout=JOURNAL_SECONDS)
        for line in done.stdout.splitlines():
            entry = jsonutil.loads_object(line, "output of journalctl")
            cursor = f"--after-cursor={entry.get('__CURSOR')}"
            if "PODMAN_EVENT" in entry:
                try:
                    yield Event.from_fields(entry)
                except DecodeError as error:
                    warn(error.message)
        if over:
            return
        time.sleep(POLL_SECONDS)
