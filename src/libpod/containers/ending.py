"""How it is noticed that a container has ended: by its exit file, or because nothing of it lives.

The caller holds the container's lock.
"""

from __future__ import annotations

import os
import select
import time

from libpod.containers import restarting
from libpod.errors import FileError, InvalidArgument
from libpod.host import jsonutil, proc
from libpod.oci import exits, logs
from libpod.state.records import CREATED, PAUSED, RUNNING, STOPPED, STOPPING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

UNKNOWN_EXIT = -1
"""The exit code of a container that ended when nobody looked."""


def note(engine: Engine, record: ContainerRecord, *, ended_as: int = STOPPED) -> None:
    """Take note of a container that has ended, if it has. Its state is *ended_as* then."""
    if record.status == CREATED:
        _note_of_created(engine, record)
        return
    if record.status not in (RUNNING, PAUSED, STOPPING):
        return
    paths = engine.files(record)
    ended = exits.read(os.path.join(paths.exit_directory, record.id), paths.bundle)
    if ended is None:
        if lives(record):
            return
        ended = wait_for_exit_file(engine, record)
    _note(engine, record, ended or _unknown(), ended_as)


def _note_of_created(engine: Engine, record: ContainerRecord) -> None:
    """Take note of a container that runs, or has ended, although nobody lived to write that down."""
    paths = engine.files(record)
    ended = exits.read(os.path.join(paths.exit_directory, record.id), paths.bundle)
    if ended is not None or not lives(record):
        _note(engine, record, ended or _unknown(), STOPPED)
        return
    known = engine.runtime_of(record).state(record.id) or {}
    found = {"running": RUNNING, "paused": PAUSED}.get(str(known.get("status")))
    if found is not None:
        record.status = found
        engine.state.save_container(record)


def _unknown() -> exits.Exit:
    return exits.Exit(UNKNOWN_EXIT, time.time_ns(), out_of_memory=False)


def lives(record: ContainerRecord) -> bool:
    """Whether its first process lives."""
    return record.pid > 0 and proc.is_alive(record.pid)


def wait_for_exit_file(engine: Engine, record: ContainerRecord) -> exits.Exit | None:
    """What conmon writes a moment after the end; None where nobody will."""
    paths = engine.files(record)
    return exits.wait(os.path.join(paths.exit_directory, record.id), paths.bundle, record.conmon_pid)


def _note(engine: Engine, record: ContainerRecord, ended: exits.Exit, number: int) -> None:
    before, record.status = record.status, number
    record.pid = record.conmon_pid = 0
    record.exit_code = ended.code
    if before in (RUNNING, PAUSED):
        restarting.note_end(record)
    record.state["exited"] = True
    record.state["finishedTime"] = logs.go_time(ended.time)
    if ended.out_of_memory or (ended.code != 0 and _was_out_of_memory(engine, record)):
        record.state["oomKilled"] = True
    engine.state.save_exit(record)
    engine.event(record, "died", exit_code=ended.code)


def _was_out_of_memory(engine: Engine, record: ContainerRecord) -> bool:
    """What conmon misses now and then with version 2 of control groups, as long as the group is there.

    The scope that systemd makes is gone with its last process.
    """
    from libpod.cgroups import figures

    parent = jsonutil.get_str(record.config, "cgroupParent", "", source=record.describe())
    try:
        group = engine.cgroups_of(record).container_cgroup(parent, record.id)
        return bool(group) and figures.out_of_memory_kills(group) > 0
    except (FileError, InvalidArgument):
        # That it has ended is noted all the same.
        return False


def wait_for_end(pid: int, seconds: float | None) -> bool:
    """Whether the process has ended, after at most *seconds* (None: however long it takes). A zombie has."""
    if pid <= 0:
        return True
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    return bool(ready)
