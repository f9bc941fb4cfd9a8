"""The facts for the decision, gathered under the lock and without changing anything."""

from __future__ import annotations

import os
import re

from libpod.boot import marker, probe
from libpod.boot.decide import Facts
from libpod.boot.opening import DatabaseFile, database_config, locate, open_state, require_driver
from libpod.boot.probe import Places, Sight, Watched
from libpod.errors import DecodeError, FileError, LockError
from libpod.host import files, proc
from libpod.state import identity, records
from libpod.state.records import BrokenRecord, ContainerRecord, Parts
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from libpod.boot.marker import BootRecord
    from libpod.config.runtime import RuntimeConfig
    from libpod.state.protocol import State

# linux/proc_ns.h, PROC_PID_INIT_INO: the PID namespace of the host.
HOST_PID_NAMESPACE: Final = 0xEFFFFFFC

MOUNT_TABLE: Final = "/etc/fstab"
# Space, tab and backslash in a path.
_OCTAL: Final = rb"\\([0-3][0-7]{2})"

_RUNNING: Final = frozenset((records.RUNNING, records.PAUSED, records.STOPPING))
_MAY_HAVE_PROCESSES: Final = _RUNNING | {records.CREATED, records.STOPPED, records.REMOVING}


class Survey(NamedTuple):
    """What is known about a store when its lock is held."""

    config: RuntimeConfig
    """With what the database remembers taken over."""
    database: DatabaseFile
    record: BootRecord | None
    facts: Facts
    watched: tuple[Watched, ...]
    """Containers recorded as having processes; not all of them when no look at them was needed."""
    warnings: tuple[str, ...]

    @property
    def places(self) -> Places:
        """The directories by which a process of this store is known."""
        return places_of(self.config)


def places_of(config: RuntimeConfig) -> Places:
    """The directories by which a process of this store is known."""
    return Places(config.graph_root, config.run_root, config.tmp_dir)


# ---------------------------------------------------------------- the survey


def known_tmp_dir(config: RuntimeConfig) -> str:
    """The runtime directory to lock first: the one asked for, or that of the last refresh, or the usual
    one.
    """
    if config.user_set("tmp_dir"):
        return config.tmp_dir
    record, _ = _read_record(locate(config))
    return config.tmp_dir if record is None else record.tmp_dir


def survey(
    config: RuntimeConfig, *, quiet: bool = False, on_wait: Callable[[str], None] | None = None
) -> Survey:
    """Gather the facts about the store of *config*. The lock of a runtime directory must be held.

    When the runtime directory of the result is another one than the one locked, the survey is to be made
    again under that lock. Raises DatabaseMismatch and everything that opening a database raises.
    """
    database = locate(config)
    record, warnings = _read_record(database)
    if not database.exists:
        return Survey(config, database, record, _marks(config, database, record), (), warnings)
    told = config.warnings
    store = open_state(database, read_only=True, quiet=quiet, on_wait=on_wait)
    try:
        stored = store.stored_config()
        config = config.adopt(stored)
        identity.compare(stored, database_config(config), database.path)
        require_driver(stored, config, database.path)
        facts, watched = _look(store, config, _marks(config, database, record))
    finally:
        store.close()
    warnings += tuple(warning for warning in config.warnings if warning not in told)
    return Survey(config, database, record, facts, watched, (*warnings, *store.warnings))


def _read_record(database: DatabaseFile) -> tuple[BootRecord | None, tuple[str, ...]]:
    """The boot record, and a warning where it cannot be understood: then it counts as none."""
    if not database.exists:
        return None, ()
    try:
        return marker.read_record(marker.record_path(database.path)), ()
    except DecodeError as error:
        return None, (f"{error.message}; it is made anew",)


def _marks(config: RuntimeConfig, database: DatabaseFile, record: BootRecord | None) -> Facts:
    """The facts that need no database and no look at processes."""
    alive = marker.read_alive(config.tmp_dir)
    boot_id = files.boot_id()
    return Facts(
        tmp_dir=config.tmp_dir,
        alive=None if alive is None else alive.text,
        alive_changed=None if alive is None else alive.changed,
        boot_id=boot_id,
        machine_id=files.machine_id(),
        system_start=marker.system_start(),
        session=marker.session(),
        record=record,
        database=database.exists,
        running=None if database.exists else 0,
        other_alive=_other_alive(config.tmp_dir, record, boot_id),
        pending=marker.read_pending(config.tmp_dir, boot_id) is not None,
        locks_held=boot_id is None and _locks_held(config),
        missing_mount=missing_mount(config.graph_root),
    )


def _other_alive(tmp_dir: str, record: BootRecord | None, boot_id: str | None) -> bool:
    """Whether the last refresh used another runtime directory, and that one is of this boot."""
    if record is None or files.same_file(tmp_dir, record.tmp_dir):
        return False
    alive = marker.read_alive(record.tmp_dir)
    return alive is not None and alive.text in ("", boot_id)


def _locks_held(config: RuntimeConfig) -> bool:
    """Whether lock numbers are allocated; not, where there is nothing that could hold them."""
    from libpod.boot import numbers

    try:
        manager = numbers.open_manager(config, create=False)
    except LockError:
        return False
    try:
        return bool(manager.allocated())
    finally:
        manager.close()


# ---------------------------------------------------------------- processes


def _look(store: State, config: RuntimeConfig, marks: Facts) -> tuple[Facts, tuple[Watched, ...]]:
    """The facts completed by a look at processes, where one is needed."""
    if _is_steady(marks):
        return marks, ()
    if marks.alive is None and is_another_boot(marks):
        # The boot ID proves it. Only a process that contradicts it makes it worth reading every container.
        sight = see(config, marks, ())
        if sight is not None and not sight.live:
            return marks._replace(live=()), ()
    watched, running = _watched(store)
    sight = see(config, marks, watched)
    if sight is None:
        return marks._replace(running=running), watched
    return marks._replace(live=sight.live, unproven=sight.unproven, running=running), watched


def see(config: RuntimeConfig, marks: Facts, watched: Iterable[Watched]) -> Sight | None:
    """Look for processes of the store; None where they cannot be seen."""
    namespace = marker.pid_namespace()
    recorded = None if marks.record is None else marks.record.pid_namespace
    return probe.look(
        places_of(config),
        watched,
        system_start=marks.system_start,
        sees_everything=namespace is not None and namespace in (recorded, HOST_PID_NAMESPACE),
    )


def _is_steady(marks: Facts) -> bool:
    """Whether no look at processes can change the decision."""
    record = marks.record
    if marks.boot_id is None or marks.alive != marks.boot_id:
        return False
    if record is None or record.boot_id != marks.boot_id:
        return True
    return (record.machine_id, record.session) == (marks.machine_id, marks.session)


def is_another_boot(facts: Facts) -> bool:
    """Whether the boot ID of the last refresh proves that this is another boot."""
    record = facts.record
    if record is None or record.boot_id is None or facts.boot_id is None:
        return False
    return record.boot_id != facts.boot_id


def _watched(store: State) -> tuple[tuple[Watched, ...], int]:
    """The containers recorded as having processes, and how many are recorded as running."""
    found: list[Watched] = []
    running = 0
    with store.view() as tables:
        for record in tables.containers(Parts(spec=False, text=False)):
            if isinstance(record, BrokenRecord):
                continue
            is_running = record.status in _RUNNING
            running += is_running
            has_process = is_running or record.pid or record.conmon_pid or record.netns
            if has_process or record.status in _MAY_HAVE_PROCESSES:
                found.append(watch(record))
    return tuple(found), running


def watch(record: ContainerRecord) -> Watched:
    """What to look for to find the processes of a container."""
    return Watched(
        record.id,
        record.name,
        record.static_directory,
        record.pid,
        record.conmon_pid,
        _started(record),
        running=record.status in _RUNNING,
        mount_point=record.mount_point,
        netns=record.netns or "",
    )


def _started(record: ContainerRecord) -> float | None:
    text = record.state.get("startedTime")
    if not isinstance(text, str) or text == records.ZERO_TIME:
        return None
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


# ---------------------------------------------------------------- a disk that is not there yet


def missing_mount(path: str) -> str | None:
    """The mount point at or above *path* that /etc/fstab names and that is not mounted, or None.

    The root directory does not count. A store below it may be the one that the mount covers, or none at all.
    """
    try:
        lines = files.read_bytes(MOUNT_TABLE).splitlines()
    except FileError:
        return None
    places = set(_parents(os.path.realpath(path)))
    named = [point for point in map(_mount_point, lines) if point in places]
    if not named:
        return None
    mounted = proc.mount_points()
    return next((point for point in named if point not in mounted), None)


def _parents(path: str) -> Iterable[str]:
    while path != "/":
        yield path
        path = os.path.dirname(path)


def _mount_point(line: bytes) -> str | None:
    """The mount point of one line of fstab(5): the second field, with octal escapes."""
    fields = line.split()
    if len(fields) < 3 or fields[0].startswith(b"#"):
        return None
    path = os.fsdecode(re.sub(_OCTAL, lambda found: bytes([int(found[1], 8)]), fields[1]))
    return os.path.realpath(path) if path.startswith("/") else None
