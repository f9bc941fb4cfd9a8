"""How a container ended: the files that conmon leaves.

`<runtime directory>/exits/<id>` holds the exit code in decimal (128 and more for a signal), renamed into
place, so that it is whole when it is there; its time is when the container ended. An empty file `oom` in the
bundle says that the kernel killed a process of it for memory (conmon 2.1.6, measured).
"""

from __future__ import annotations

import errno
import os
import time

from libpod.errors import DecodeError, FileError
from libpod.host import files, proc
from libpod.values import NamedTuple

# conmon is a millisecond behind the end, unless the disk is slow: it flushes the log first.
POLL_SECONDS = 0.001
MAXIMUM_POLL_SECONDS = 0.1
PATIENCE = 30.0
"""How many seconds a conmon that lives may take: the exit code of a busy machine is not to be lost."""


class Exit(NamedTuple):
    """How and when a container ended. *time* is in nanoseconds since 1970."""

    code: int
    time: int
    out_of_memory: bool


def read(exit_file: str, bundle: str) -> Exit | None:
    """The end of a container; None while it has not ended. DecodeError if the file holds no number."""
    try:
        data = files.read_bytes(exit_file, limit=64)
        changed = os.stat(exit_file).st_ctime_ns
    except (FileError, OSError) as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    try:
        code = int(data)
    except ValueError as error:
        raise DecodeError(
            f"{exit_file}: expected an exit code, found {data[:20]!r}", source=exit_file
        ) from error
    return Exit(code, changed, os.path.exists(os.path.join(bundle, "oom")))


def wait(exit_file: str, bundle: str, conmon_pid: int) -> Exit | None:
    """As `read`, waiting for conmon, which writes the file just after the container ended.

    None where it does not live (any more), or has not written it within `PATIENCE`.
    """
    deadline = time.monotonic() + PATIENCE
    pause = POLL_SECONDS
    while True:
        # Looked at in this order: what it has written before its end is seen.
        expected = conmon_pid > 0 and proc.is_alive(conmon_pid) and time.monotonic() < deadline
        found = read(exit_file, bundle)
        if found is not None or not expected:
            return found
        time.sleep(pause)
        pause = min(pause * 1.3, MAXIMUM_POLL_SECONDS)
