"""Signals for a container: through its OCI runtime, or past one that has lost its state."""

from __future__ import annotations

import contextlib
import os
import signal

from libpod.errors import FileError, InvalidState
from libpod.host import files, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

CONTROL_PIPE: Final = "ctl"
"""In the bundle: conmon reads it as long as it lives."""
KILL_SECONDS: Final = 10.0
"""How long a killed process may take to end."""


def send(engine: Engine, record: ContainerRecord, number: int) -> None:
    """Send signal *number* to the first process of a container.

    An OCI runtime keeps its state in a directory of this boot, which may be lost while containers live: that
    of a user at the end of their last session. Then the process gets the signal from us. InvalidState if it
    does not run (any more).
    """
    try:
        engine.runtime_of(record).kill(record.id, number)
    except InvalidState:
        if engine.runtime_of(record).state(record.id) is not None or not _send_directly(record, number):
            raise


def end_unrecorded(engine: Engine, record: ContainerRecord, *, force: bool) -> None:
    """End a container that lives although it is recorded as one that does not, before it is removed.

    So it is when another program took this boot for a new one. InvalidState without *force*, and when its
    processes do not end.
    """
    from libpod.containers.ending import wait_for_end

    # What makes a container has no reader there, and neither has one that ended: that is nearly all.
    if not files.has_reader(os.path.join(engine.files(record).bundle, CONTROL_PIPE)):
        return
    for conmon in proc.conmon_processes():
        if conmon.container_id != record.id or conmon.session_id != record.id:
            continue
        for pid in filter(proc.is_alive, proc.descendants(conmon.pid)):
            if not force:
                raise InvalidState(
                    f"container {record.name} does not run by its record, and its process {pid} lives",
                    hint="remove it with --force, which ends it",
                )
            engine.warn(f"container {record.name} does not run by its record: killing process {pid}")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            if not wait_for_end(pid, KILL_SECONDS):
                raise InvalidState(f"process {pid} of container {record.name} does not end")


def _send_directly(record: ContainerRecord, number: int) -> bool:
    """Send it to the recorded process, if that is proven to be the container's; whether it is."""
    if record.pid <= 0:
        return False
    try:
        descriptor = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return False
    try:
        # What the descriptor stands for cannot become another process while we look.
        if not _is_its_own(record):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_its_own(record: ContainerRecord) -> bool:
    """Whether the recorded process is in a cgroup of the container, or was started by its conmon."""
    directory = f"{proc.PROCESS_DIRECTORY}/{record.pid}"
    try:
        if record.id in files.read_text(f"{directory}/cgroup"):
            return True
        # Field 4 of proc(5); the command name before it may hold anything.
        parent = int(files.read_text(f"{directory}/stat").rpartition(")")[2].split()[1])
    except FileError:
        return False
    return parent == record.conmon_pid and record.id in proc.command_line(parent)
