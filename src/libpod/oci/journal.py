"""Container logs in the journal, which conmon's `journald` driver writes.

conmon gives each entry the fields CONTAINER_ID_FULL, PRIORITY (6 for stdout, 3 for stderr) and, for a part of
a line, CONTAINER_PARTIAL_MESSAGE; the message of a whole line ends with its newline (conmon 2.1.6, measured).
journalctl reads them.
"""

from __future__ import annotations

import os
import time

from libpod.errors import DecodeError
from libpod.host import jsonutil, process
from libpod.oci import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from libpod.oci.logs import LogLine, Selection

_STDERR_PRIORITY = "3"
READ_TIMEOUT = 60.0


def read(
    container_id: str, selection: Selection, *, follow: bool, running: Callable[[], bool]
) -> Iterator[LogLine]:
    """The selected lines of the container's output; see `libpod.oci.logs.read`."""
    command = ["journalctl", "--output=json", "--all", "--quiet", f"CONTAINER_ID_FULL={container_id}"]
    if selection.since is not None:
        command.append(f"--since=@{selection.since:.6f}")
    if selection.until is not None:
        command.append(f"--until=@{selection.until:.6f}")
    cursor = ""
    lines = f"--lines={selection.tail}" if selection.tail >= 0 else "--lines=all"
    first = [*command, lines]
    while True:
        # Asked first: what was written before the end is then read after it.
        going_on = follow and running()
        entries = _entries(first if not cursor else [*command, f"--after-cursor={cursor}"])
        for entry in entries:
            cursor = _text(entry, "__CURSOR") or cursor
            yield _line(entry)
        if not going_on:
            return
        if not cursor:
            first = [*command, "--lines=all"]
        time.sleep(logs.POLL_SECONDS)


def _entries(command: list[str]) -> list[dict[str, object]]:
    output = process.run(command, timeout=READ_TIMEOUT, environment={"TZ": os.environ.get("TZ", "")}).stdout
    return [jsonutil.loads_object(line, "output of journalctl") for line in output.splitlines() if line]


def _line(entry: dict[str, object]) -> LogLine:
    microseconds = _text(entry, "__REALTIME_TIMESTAMP")
    if not microseconds.isdigit():
        raise DecodeError("output of journalctl: an entry has no time", key="__REALTIME_TIMESTAMP")
    stream = "stderr" if _text(entry, "PRIORITY") == _STDERR_PRIORITY else "stdout"
    message = entry.get("MESSAGE")
    # Bytes that are not UTF-8 come as a list of numbers.
    text = bytes(message) if isinstance(message, list) else _text(entry, "MESSAGE").encode()
    partial = _text(entry, "CONTAINER_PARTIAL_MESSAGE") == "true"
    return logs.LogLine(
        logs.go_time(int(microseconds) * 1000),
        stream,
        partial=partial,
        text=text if partial else text.removesuffix(b"\n"),
    )


def _text(entry: dict[str, object], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
