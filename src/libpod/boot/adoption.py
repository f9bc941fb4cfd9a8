"""What is made again when the per-boot directories were lost while containers live.

No state of a live container is changed. With the run root its `/etc/hosts` and the like are gone from the
host, and the container still sees them: they are written again from what it sees, so that it can be started
once more. A container that does not live forgets them, and its next start makes them anew.
"""

from __future__ import annotations

import contextlib
import os
import stat

from libpod.boot import database
from libpod.errors import DecodeError, FileError, InvalidState
from libpod.host import files, proc
from libpod.state import reset
from libpod.state.records import BrokenRecord, ContainerRecord
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Final

    from libpod.boot.database import Place
    from libpod.boot.directories import ContainerFiles
    from libpod.boot.numbers import LockNumbers
    from libpod.boot.report import Report
    from libpod.state.protocol import StateTransaction

LARGEST_FILE: Final = 16 << 20
_LABEL: Final = "security.selinux"


class Lost(NamedTuple):
    """A file of a live container that is gone from the run root."""

    container: str
    """The container, in words."""
    pid: int
    seen: str
    """Where the container sees it."""
    path: str
    """Where it was."""


class Kept(NamedTuple):
    """What a look through the database tells to be made again."""

    containers: list[ContainerFiles]
    lost: list[Lost]


class Keep:
    """Counts the objects of a store and keeps their lock numbers.

    *live* are the IDs of the containers that live, or may. With *write* unset nothing is written, and the
    report says the same.
    """

    def __init__(
        self,
        tables: StateTransaction,
        report: Report,
        *,
        place: Place,
        numbers: LockNumbers,
        live: Collection[str],
        write: bool,
    ) -> None:
        self._tables = tables
        self._report = report
        self._place = place
        self._numbers = numbers
        self._live = live
        self._write = write
        self._found = Kept([], [])

    def run(self) -> Kept:
        """Look at every object."""
        style = reset.store_style(self._tables.stored_configs())
        kinds = (
            (self._tables.containers(), self._report.containers),
            (self._tables.pods(), self._report.pods),
            (self._tables.volumes(), self._report.volumes),
        )
        for objects, counts in kinds:
            for record in objects:
                counts.total += 1
                if isinstance(record, BrokenRecord):
                    counts.quarantine(record.id, record.name, record.error)
                    continue
                number = database.lock_number(record, style)
                if number is not None:
                    self._numbers.keep(number, record.describe())
                if isinstance(record, ContainerRecord):
                    self._container(record)
        return self._found

    def _container(self, record: ContainerRecord) -> None:
        try:
            database.require_safe(record)
            self._found.containers.append(database.container_files(record, self._place))
            lost = _lost(record)
        except (DecodeError, InvalidState) as error:
            self._report.containers.quarantine(record.id, record.name, error.message)
            return
        if record.id in self._live:
            self._found.lost.extend(lost)
        elif lost:
            self._forget(record)

    def _forget(self, record: ContainerRecord) -> None:
        """Podman takes a file that is noted for one that is there."""
        record.state["bindMounts"] = {}
        if self._write:
            self._tables.put_container(record)
        self._report.did(f"forget the files that {record.describe()} had in {record.run_directory}")


def _lost(record: ContainerRecord) -> list[Lost]:
    """The files that the container has mounted out of its run directory, and that are gone from there."""
    mounts = record.state.get("bindMounts")
    inside = f"{record.run_directory}/"
    if not isinstance(mounts, dict) or inside == "/":
        return []
    return [
        Lost(record.describe(), record.pid, seen, path)
        for seen, path in mounts.items()
        if isinstance(path, str) and path.startswith(inside) and not os.path.lexists(path)
    ]


def write_again(lost: Lost, report: Report, *, write: bool) -> None:
    """Write a lost file from what the container sees. What is no file any more is told. FileError."""
    source = f"{proc.PROCESS_DIRECTORY}/{lost.pid}/root/{lost.seen.lstrip('/')}"
    try:
        descriptor = files.open_quietly(source, os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        report.warn(f"{lost.path} is lost, and {lost.container} does not see it: {error.strerror}")
        return
    try:
        about = os.fstat(descriptor)
        # Whatever the container made of its own tree: a file without any name is reached by no path but
        # the mount of it.
        if lost.pid <= 0 or not stat.S_ISREG(about.st_mode) or about.st_nlink:
            report.warn(f"{lost.path} is lost, and {lost.container} has something else in its place")
            return
        if write:
            _copy(descriptor, about, lost.path)
    finally:
        os.close(descriptor)
    report.did(f"write {lost.path} from what {lost.container} sees")


def _copy(descriptor: int, about: os.stat_result, target: str) -> None:
    try:
        data = os.pread(descriptor, LARGEST_FILE, 0)
        files.write_atomic(target, data, mode=stat.S_IMODE(about.st_mode), sync=False, sync_dir=False)
        os.chown(target, about.st_uid, about.st_gid, follow_symlinks=False)
    except OSError as error:
        raise FileError("write", target, error) from error
    # Only with SELinux there is one, and then the next start of the container needs it.
    with contextlib.suppress(OSError):
        os.setxattr(target, _LABEL, os.getxattr(descriptor, _LABEL), follow_symlinks=False)


def persists(pid: int | None) -> bool:
    """Whether a conmon writes into a directory of its own in the runtime directory, as since Podman 5."""
    return pid is not None and "--persist-dir" in proc.command_line(pid)
