"""Recording events, in Podman's file or in the journal.

::

    <tmp_dir>/events/               0700
    <tmp_dir>/events/events.log     0700, a JSON object a line; `events_logfile_path` names another
    <tmp_dir>/events/events.log.lock    a record lock on the whole file while a line is written

A file that would grow beyond `events_logfile_max_size` bytes loses its older half, and then has the event
`system rotate`; Podman does the same.
"""

from __future__ import annotations

import os
import time

from libpod.errors import FileError, InvalidArgument, LibpodError, LockTimeout
from libpod.events.event import SYSTEM, Event
from libpod.host import files, journal, jsonutil
from libpod.oci.logs import go_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from libpod.config import RuntimeConfig

FILE: Final = "file"
JOURNALD: Final = "journald"
NONE: Final = "none"
LOGGERS: Final = (FILE, JOURNALD, NONE)

DEFAULT_MAXIMUM: Final = 1_000_000
"""Bytes, as Podman."""
DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o700
LOCK_SECONDS: Final = 2.0
"""How long a change waits to be recorded while another program rotates the file, or hangs."""
_LOCK_MODE: Final = 0o644
_POLL_SECONDS: Final = 0.01
_SYSTEMD: Final = "/run/systemd/system"


def logger_of(config: RuntimeConfig) -> str:
    """Where events go: `events_logger`, or the journal where systemd runs and else a file.

    InvalidArgument for a name that is none.
    """
    wanted = config.events_logger
    if not wanted:
        return JOURNALD if os.path.isdir(_SYSTEMD) and os.path.exists(journal.SOCKET) else FILE
    if wanted not in LOGGERS:
        raise InvalidArgument(
            f"events_logger {wanted!r} is not known", hint=f"loggers are {', '.join(LOGGERS)}"
        )
    return wanted


def file_of(config: RuntimeConfig) -> str:
    """The file of the logger `file`."""
    return config.events_logfile_path or os.path.join(config.tmp_dir, "events", "events.log")


class Recorder:
    """Records events as the configuration says. That one cannot be recorded is a warning, never a failure."""

    def __init__(self, config: RuntimeConfig, warn: Callable[[str], None] = lambda _text: None) -> None:
        self._logger = logger_of(config)
        self._path = file_of(config)
        self._maximum = config.events_logfile_max_size
        self._warn = warn

    def record(
        self,
        kind: str,
        status: str,
        *,
        id: str = "",  # noqa: A002
        name: str = "",
        image: str = "",
        network: str = "",
        health: str = "",
        exit_code: int = 0,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Record that *status* (create, remove, …) has happened to an object of *kind* (volume, pod, …)."""
        if self._logger == NONE:
            return
        event = Event(
            kind=kind,
            status=status,
            time=go_time(time.time_ns()),
            id=id,
            name=name,
            image=image,
            network=network,
            health=health,
            exit_code=exit_code,
            attributes=attributes,
        )
        try:
            self._write(event)
        except LibpodError as error:
            self._warn(f"event {kind} {status} of {name or id or 'the system'} is not recorded: {error}")

    def _write(self, event: Event) -> None:
        if self._logger == JOURNALD:
            if not journal.send(event.as_fields()):
                raise LibpodError(f"no journal takes it at {journal.SOCKET}")
            return
        append(self._path, event, self._maximum)


def append(path: str, event: Event, maximum: int = DEFAULT_MAXIMUM) -> None:
    """Append *event* to the file, which is rotated first if it would exceed *maximum* bytes (0: no limit).

    Raises FileError, and LockTimeout where another program holds the file's lock for two seconds.
    """
    line = _line(event)
    try:
        lock = _open_lock(f"{path}.lock")
    except FileNotFoundError:
        files.make_directory(os.path.dirname(path), DIRECTORY_MODE)
        lock = _open_lock(f"{path}.lock")
    except OSError as error:
        raise FileError("open", f"{path}.lock", error) from error
    try:
        _acquire(lock, f"{path}.lock")
        if maximum and _size(path) + len(line) > maximum:
            _rotate(path)
            rotated = Event(kind=SYSTEM, status="rotate", time=go_time(time.time_ns()), name=path)
            line = _line(rotated) + line
        _append(path, line)
    finally:
        os.close(lock)


def _line(event: Event) -> bytes:
    return jsonutil.dumps(event.as_object()) + b"\n"


def _open_lock(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _LOCK_MODE)


def _acquire(lock: int, path: str) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while not files.record_lock(lock, wait=False):
        if time.monotonic() > end:
            raise LockTimeout(f"{path} is not free after {LOCK_SECONDS:g} seconds")
        time.sleep(_POLL_SECONDS)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise FileError("examine", path, error) from error


def _append(path: str, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError("write", path, error) from error


def _rotate(path: str) -> None:
    """Drop the older half of the file, to the end of the line that is in the middle."""
    data = files.read_bytes(path)
    _torn, _, kept = data[len(data) // 2 :].partition(b"\n")
    files.write_atomic(path, kept, mode=FILE_MODE, sync=False, sync_dir=False)
