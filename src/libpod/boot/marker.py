"""The marks that say which boot a store was refreshed in.

In the runtime directory (lost at a reboot where it is on a tmpfs)::

    <tmp_dir>/            0751
        alive.lck         0644  see `libpod.locks.boot`
        alive             0644  exactly the boot ID and a newline, written last. Podman 4 looks only whether
                                it exists and leaves it empty; Podman 5 refuses any other content
        refresh.pending   0600  this boot's refresh was begun: its boot ID, and the lock numbers that others
                                had allocated before. Removed after alive is written
        refresh.json      0600  the last report

Beside the database (survives a reboot)::

    boot-record.json      0600  the last finished refresh: boot ID, machine ID, runtime directory, run root,
                                database, session, PID namespace, the last sound copy of the database, and
                                whether something was left as it was

This module is loaded by every start: it imports nothing that costs time.
"""

from __future__ import annotations

import errno
import os

from libpod import failpoints
from libpod.errors import DecodeError, FileError
from libpod.host import files, jsonutil
from libpod.locks.boot import GIVE_UP_AFTER, BootLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

ALIVE: Final = "alive"
PENDING: Final = "refresh.pending"
REPORT: Final = "refresh.json"
RECORD: Final = "boot-record.json"
RECORD_VERSION: Final = 1

ALIVE_MODE: Final = 0o644
RECORD_MODE: Final = 0o600

# No file here is longer than a few hundred bytes, but for the lock numbers in refresh.pending.
_LIMIT: Final = 1 << 20
# What opening or reading a symbolic link, a socket or a directory fails with.
_NO_FILE: Final = (errno.ELOOP, errno.ENXIO, errno.EISDIR)

_INIT_STATUS: Final = "/proc/1/stat"
_PID_NAMESPACE: Final = "/proc/self/ns/pid"
_JOURNAL_INVOCATION: Final = "/run/systemd/units/invocation:systemd-journald.service"


# ---------------------------------------------------------------- alive


class Alive:
    """What the alive file holds, and when it was last changed (seconds since 1970)."""

    __slots__ = ("changed", "text")

    def __init__(self, text: str, changed: float) -> None:
        self.text = text
        self.changed = changed


def read_alive(tmp_dir: str) -> Alive | None:
    """The alive file of *tmp_dir*, or None where there is none.

    Only its first line counts; bytes that are no text become replacement characters, which no boot ID has.
    """
    path = os.path.join(tmp_dir, ALIVE)
    found = _read(path)
    if found is None:
        return None
    return Alive(found[0].decode("utf-8", "replace").removesuffix("\n"), found[1])


def write_alive(tmp_dir: str, boot_id: str | None) -> str:
    """Write the alive file, the last step; returns its path.

    Without a boot ID it is left empty, as Podman 4 does: Podman 5 accepts that too. It is not flushed: after
    a power cut it is of an earlier boot, whatever it holds.
    """
    path = os.path.join(tmp_dir, ALIVE)
    failpoints.reach("marker.alive")
    data = b"" if boot_id is None else boot_id.encode() + b"\n"
    files.write_atomic(path, data, mode=ALIVE_MODE, sync=False, sync_dir=False)
    return path


def _read(path: str) -> tuple[bytes, float] | None:
    """Contents and change time of a small regular file; None where there is none."""
    try:
        descriptor = files.open_quietly(path, os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_read(path, error) from error
    try:
        return os.read(descriptor, _LIMIT), os.fstat(descriptor).st_ctime
    except OSError as error:
        raise _not_read(path, error) from error
    finally:
        os.close(descriptor)


def _not_read(path: str, error: OSError) -> FileError:
    hint = f"{path} is no regular file: remove it" if error.errno in _NO_FILE else None
    return FileError("read", path, error, hint=hint)


# ---------------------------------------------------------------- the boot record


class BootRecord:
    """What the last finished refresh wrote beside the database. None: it could not be told then."""

    __slots__ = (
        "boot_id", "database", "degraded", "machine_id", "pid_namespace", "run_root", "session", "sound_copy",
        "tmp_dir",
    )  # fmt: skip

    def __init__(
        self,
        *,
        boot_id: str | None,
        machine_id: str | None,
        tmp_dir: str,
        run_root: str,
        database: str,
        session: str | None = None,
        pid_namespace: int | None = None,
        sound_copy: str | None = None,
        degraded: bool = False,
    ) -> None:
        self.boot_id = boot_id
        self.machine_id = machine_id
        self.tmp_dir = tmp_dir
        self.run_root = run_root
        self.database = database
        self.session = session
        self.pid_namespace = pid_namespace
        self.sound_copy = sound_copy
        """The last copy of the database in which every object could be read."""
        self.degraded = degraded
        """The refresh of that boot had to leave an object as it was, and the next one tries it again."""

    def as_dict(self) -> dict[str, object]:
        """What the file holds."""
        return {"version": RECORD_VERSION} | {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BootRecord) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"BootRecord({self.as_dict()!r})"


def record_path(database: str) -> str:
    """Where the boot record of the database at *database* is."""
    return os.path.join(os.path.dirname(database), RECORD)


def read_record(path: str) -> BootRecord | None:
    """The boot record at *path*, or None where there is none.

    Raises DecodeError where it cannot be understood, and FileError where it cannot be read.
    """
    found = _read(path)
    if found is None:
        return None
    return _decode_record(jsonutil.loads_object(found[0], path), path)


def _decode_record(value: dict[str, object], path: str) -> BootRecord:
    if value.get("version") != RECORD_VERSION:
        raise DecodeError(
            f"{path}: version: expected {RECORD_VERSION}, found {value.get('version')!r}",
            source=path,
            key="version",
        )
    namespace = value.get("pid_namespace")
    if namespace is not None and not isinstance(namespace, int):
        raise _wrong(path, "pid_namespace", namespace)
    return BootRecord(
        boot_id=_optional_text(value, "boot_id", path),
        machine_id=_optional_text(value, "machine_id", path),
        tmp_dir=_text(value, "tmp_dir", path),
        run_root=_text(value, "run_root", path),
        database=_text(value, "database", path),
        session=_optional_text(value, "session", path),
        pid_namespace=namespace,
        sound_copy=_optional_text(value, "sound_copy", path),
        degraded=value.get("degraded") is True,
    )


def write_record(path: str, record: BootRecord) -> None:
    """Write the boot record, flushed.

    Its name is not: when a power cut loses it, the record before it is there, of an earlier boot as well.
    """
    import json

    failpoints.reach("marker.record")
    data = json.dumps(record.as_dict(), indent=1).encode() + b"\n"
    files.write_atomic(path, data, mode=RECORD_MODE, sync_dir=False)


def _text(value: dict[str, object], key: str, path: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise _wrong(path, key, found)
    return found


def _optional_text(value: dict[str, object], key: str, path: str) -> str | None:
    return None if value.get(key) is None else _text(value, key, path)


def _wrong(path: str, key: str, found: object) -> DecodeError:
    return DecodeError(f"{path}: {key}: unexpected value {found!r}", source=path, key=key)


# ---------------------------------------------------------------- a refresh that was begun


def read_pending(tmp_dir: str, boot_id: str | None) -> set[int] | None:
    """The lock numbers that others had allocated when a refresh of this boot was begun.

    None where none was begun in this boot, as far as can be told. A file that cannot be understood was not
    written completely, and nothing was done after it: None as well.
    """
    if boot_id is None:
        return None
    path = os.path.join(tmp_dir, PENDING)
    found = _read(path)
    if found is None:
        return None
    try:
        value = jsonutil.loads_object(found[0], path)
    except DecodeError:
        return None
    others = value.get("locks_of_others")
    if value.get("boot_id") != boot_id or not isinstance(others, list):
        return None
    return {number for number in others if isinstance(number, int)}


def write_pending(tmp_dir: str, boot_id: str | None, locks_of_others: Iterable[int]) -> None:
    """Note that this boot's refresh begins. Not flushed: a power cut ends the boot that it speaks of."""
    import json

    failpoints.reach("marker.pending")
    value = {"boot_id": boot_id, "locks_of_others": sorted(locks_of_others)}
    path = os.path.join(tmp_dir, PENDING)
    files.write_atomic(path, json.dumps(value).encode() + b"\n", sync=False, sync_dir=False)


def remove_pending(tmp_dir: str) -> None:
    """The refresh is finished."""
    failpoints.reach("marker.finished")
    files.remove_file(os.path.join(tmp_dir, PENDING))


# ---------------------------------------------------------------- this boot


def session() -> str | None:
    """A text that changes when user space is started again without the kernel, or None.

    When an outer container is restarted its first process is another one, so its start time (proc(5), field
    22 of /proc/PID/stat, clock ticks since the kernel started) differs. `systemctl soft-reboot` keeps PID 1
    and /run, but every service gets a new invocation ID, and systemd keeps the ID of each running service as
    a symlink in /run/systemd/units. That of the journal may change without a soft reboot: a change only means
    that a closer look is due.
    """
    try:
        status = files.read_bytes(_INIT_STATUS)
    except FileError:
        return None
    # The command name, field 2, may hold anything, a parenthesis included.
    fields = status.rpartition(b")")[2].split()
    if len(fields) < 20:
        return None
    try:
        invocation = os.readlink(_JOURNAL_INVOCATION)
    except OSError:
        invocation = ""
    return f"{fields[19].decode('ascii', 'replace')} {invocation}".strip()


def system_start() -> float:
    """When the first process of our PID namespace started, in seconds since 1970; on a host, the boot.

    It is a clock tick early at most (10 ms), as the kernel rounds its start down, and never late.
    """
    kernel, current = files.boot_time(), session()
    if current is None:
        return kernel
    return kernel + int(current.split()[0]) / os.sysconf("SC_CLK_TCK")


def pid_namespace() -> int | None:
    """The inode of our PID namespace (namespaces(7)), or None."""
    try:
        return os.stat(_PID_NAMESPACE).st_ino
    except OSError:
        return None


# ---------------------------------------------------------------- the last report


def read_report(tmp_dir: str) -> dict[str, object]:
    """The report of the last refresh in this boot. FileError (ENOENT) where there was none; DecodeError."""
    path = os.path.join(tmp_dir, REPORT)
    return jsonutil.loads_object(files.read_bytes(path), path)


# ---------------------------------------------------------------- is this boot done


def finished(
    record_paths: Iterable[str],
    tmp_dir: str | None,
    *,
    on_wait: Callable[[str], None] | None = None,
    timeout: float = GIVE_UP_AFTER,
) -> BootRecord | None:
    """The boot record, when it and the alive file say beyond doubt that this boot's refresh is done.

    *record_paths* are the places for a record, beside each place where a database may be; *tmp_dir* is the
    runtime directory that the user asked for by an option, or None. None as answer means that a
    closer look is due, not that a refresh is. Nothing is made or changed, and no database is opened.
    Raises `LockTimeout`, `FileError`.
    """
    record = _only_record(record_paths)
    if record is None or record.boot_id is None:
        return None
    if tmp_dir is not None and not files.same_file(tmp_dir, record.tmp_dir):
        return None
    with BootLock(record.tmp_dir, create=False, timeout=timeout, on_wait=on_wait) as lock:
        alive = read_alive(record.tmp_dir)
        # Podman 4 leaves it empty. Beside a record of this boot that means the same: `libpod.boot.decide`.
        if not lock.held or alive is None or alive.text not in ("", record.boot_id):
            return None
    if record.boot_id != files.boot_id() or record.machine_id != files.machine_id():
        return None
    return record if record.session == session() else None


def _only_record(paths: Iterable[str]) -> BootRecord | None:
    """The one record whose database is there. With two, a closer look is due."""
    found = None
    for path in dict.fromkeys(paths):
        try:
            record = read_record(path)
        except DecodeError:
            return None
        if record is None or not os.path.exists(record.database):
            continue
        if found is not None or not files.same_file(record_path(record.database), path):
            return None
        found = record
    return found
