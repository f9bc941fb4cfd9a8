"""Which processes of a store live: the proof that is asked for before any state is reset.

Three witnesses, each looked at once for the whole store:

* The command line of every conmon names its container, its bundle (below the graph root) and its exit
  directory (in the runtime directory).
* A recorded process ID counts when the process is in a cgroup that bears the container's ID, or when it
  started before the time that is recorded for the container's start: IDs are used again.
* The control pipe in the bundle, `ctl`: conmon keeps its reading end open as long as it lives, so that
  opening it for writing without waiting fails with ENXIO when conmon is dead. Nothing is written. This
  sees through PID and mount namespaces.
"""

from __future__ import annotations

import os

from libpod.boot.decide import CLOCK_NEVER_SET, LiveProcess
from libpod.errors import FileError
from libpod.host import files, proc
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from libpod.host.proc import ConmonProcess

CONTROL_PIPE: Final = "ctl"

# The start that is recorded is taken a moment after the process was made.
_SLACK_SECONDS: Final = 5.0


class Watched(NamedTuple):
    """A container of which the database says that it has, or may have, processes."""

    id: str
    name: str
    bundle: str
    pid: int
    conmon_pid: int
    started: float | None
    """When it was last started, in seconds since 1970."""
    running: bool = True
    """The database says that it runs, is paused, or is being stopped."""
    mount_point: str = ""
    """Where its root file system is mounted, as far as the database knows."""
    netns: str = ""
    """The path of its network namespace, where it has one of its own."""


class Sight(NamedTuple):
    """What was seen: live processes, and how many containers' fate could not be seen."""

    live: tuple[LiveProcess, ...]
    unproven: int


class Places(NamedTuple):
    """The directories by which a process of this store is known."""

    graph_root: str
    run_root: str
    tmp_dir: str


def look(
    places: Places, watched: Iterable[Watched], *, system_start: float | None, sees_everything: bool
) -> Sight | None:
    """Look for processes of the store; None where the processes of this system cannot be seen.

    *system_start* is `libpod.boot.marker.system_start`. With *sees_everything* /proc shows every process
    that can belong to the store, so that one that it does not show does not live.
    """
    containers = {container.id: container for container in watched}
    try:
        conmons = [found for found in proc.conmon_processes() if _belongs(found, places)]
    except OSError:
        return None
    live = [_live_conmon(found, containers.get(found.container_id), places) for found in conmons]
    seen = {process.container for process in live}
    unproven = 0
    for container in containers.values():
        if container.id not in seen:
            found, proven = _look_at(container, places.tmp_dir, system_start, sees_everything=sees_everything)
            live += found
            unproven += not proven
    return Sight(tuple(live), unproven)


# ---------------------------------------------------------------- conmon


def _belongs(conmon: ConmonProcess, places: Places) -> bool:
    """Whether it watches a container of this store: its bundle or its exit directory is in one of our
    places.
    """
    root = _store_root(conmon)
    if root is not None and _is_ours(conmon.pid, root, (places.graph_root, places.run_root)):
        return True
    return _is_ours(conmon.pid, os.path.dirname(conmon.exit_directory), (places.tmp_dir,))


def _store_root(conmon: ConmonProcess) -> str | None:
    """The graph root (or the run root, for a store that is not kept) that its bundle is in.

    The bundle is `<root>/<driver>-containers/<id>/userdata`, and one directory more for an exec session.
    """
    end = conmon.bundle.rfind(f"-containers/{conmon.container_id}")
    return os.path.dirname(conmon.bundle[:end]) if end > 0 else None


def _is_ours(pid: int, path: str, ours: Iterable[str]) -> bool:
    """Whether *path*, as process *pid* sees it, is one of our directories.

    Where its view cannot be looked into, the text decides, and for a live process of ours: that is the
    safe side.
    """
    try:
        theirs = os.stat(_seen_by(pid, path))
    except OSError:
        return any(os.path.realpath(path) == os.path.realpath(own) for own in ours)
    return any(_identity(own) == (theirs.st_dev, theirs.st_ino) for own in ours)


def _seen_by(pid: int, path: str) -> str:
    return f"{proc.PROCESS_DIRECTORY}/{pid}/root{os.path.abspath(path)}"


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _live_conmon(conmon: ConmonProcess, container: Watched | None, places: Places) -> LiveProcess:
    recorded = container is not None and container.conmon_pid in (0, conmon.pid)
    is_session = conmon.session_id != conmon.container_id
    return LiveProcess(
        conmon.pid,
        conmon.container_id,
        name="" if container is None else container.name,
        recorded=recorded or (is_session and container is not None),
        other_directory=None if is_session else _other_directory(conmon, places.tmp_dir),
    )


def _other_directory(conmon: ConmonProcess, tmp_dir: str) -> str | None:
    """The runtime directory that this conmon sees, where it is not ours."""
    theirs = os.path.dirname(conmon.exit_directory)
    if _identity(_seen_by(conmon.pid, theirs)) is None:
        # Cleaned away, or out of our sight: then its name is all there is.
        return None if os.path.realpath(theirs) == os.path.realpath(tmp_dir) else theirs
    return None if _is_ours(conmon.pid, theirs, (tmp_dir,)) else theirs


# ---------------------------------------------------------------- what the database records


def _look_at(
    container: Watched, tmp_dir: str, system_start: float | None, *, sees_everything: bool
) -> tuple[list[LiveProcess], bool]:
    """The live process of one container that has no visible conmon, and whether its fate is proven."""
    if container.pid > 0 and _is_container_process(container, system_start):
        return [LiveProcess(container.pid, container.id, container.name, recorded=True)], True
    reader = _pipe_of(container)
    if reader:
        # Only a conmon that /proc does not show can hold it: one in another PID namespace.
        elsewhere = None if sees_everything else tmp_dir
        return [
            LiveProcess(None, container.id, container.name, recorded=True, other_directory=elsewhere)
        ], True
    return [], sees_everything or reader is not None


def _pipe_of(container: Watched) -> bool | None:
    """Whether its control pipe is read; None where its bundle cannot be looked into.

    A conmon that lives has made the pipe and keeps it: no pipe, no conmon.
    """
    if not container.bundle or not os.path.isdir(container.bundle):
        return None
    return files.has_reader(os.path.join(container.bundle, CONTROL_PIPE))


def _is_container_process(container: Watched, system_start: float | None) -> bool:
    """Whether the recorded process is still the one of the container."""
    start = proc.process_start_time(container.pid)
    if start is None:
        return False
    if container.id in _cgroups(container.pid):
        return True
    # Without cgroups of its own, a container still has a mount namespace of its own.
    if _namespace(str(container.pid)) == _namespace("self"):
        return False
    return _could_have_started(start, container.started, system_start)


def _could_have_started(start: float, recorded: float | None, system_start: float | None) -> bool:
    """Whether a process that started at *start* can be the one recorded as started at *recorded*.

    With a clock that was never set, no time proves anything, and it can.
    """
    if recorded is None or system_start is None or min(start, recorded, system_start) < CLOCK_NEVER_SET:
        return True
    latest = recorded + _SLACK_SECONDS
    return system_start <= latest and start <= latest


def _cgroups(pid: int) -> str:
    try:
        return files.read_bytes(f"{proc.PROCESS_DIRECTORY}/{pid}/cgroup").decode("utf-8", "replace")
    except FileError:
        return ""


def _namespace(process: str) -> str | None:
    try:
        return os.readlink(f"{proc.PROCESS_DIRECTORY}/{process}/ns/mnt")
    except OSError:
        return None
