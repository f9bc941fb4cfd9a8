"""The part of a refresh that is in the database: a copy of it, and everything reset in one transaction."""

from __future__ import annotations

import os
import re
import time

from libpod.boot import removal
from libpod.boot.directories import USER_DATA, USER_ROOTS, ContainerFiles
from libpod.boot.removal import Candidate
from libpod.errors import DecodeError, FileError, InvalidState, LockError
from libpod.host import files, jsonutil
from libpod.state import reset
from libpod.state.records import BrokenRecord, ContainerRecord, Parts, PodRecord, VolumeRecord
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final

    from libpod.boot.numbers import LockNumbers
    from libpod.boot.removal import Removal
    from libpod.boot.report import Objects, Report
    from libpod.state.protocol import StateTransaction
    from libpod.state.records import Record

BACKUPS_KEPT: Final = 2
_BACKUP_MARK: Final = ".boot-"

# An ID becomes part of paths: nothing else may be in it. Volumes have names of the same letters.
_SAFE: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]*"


# ---------------------------------------------------------------- the copy


def backup_path(database: str, boot_id: str | None) -> str:
    """Where the copy of this boot is."""
    return f"{database}{_BACKUP_MARK}{(boot_id or 'unknown')[:8]}"


def backups(database: str) -> list[str]:
    """The copies that are there, the oldest first."""
    directory, name = os.path.split(database)
    mark = name + _BACKUP_MARK
    found = (os.path.join(directory, entry) for entry in files.list_directory(directory))
    return sorted((path for path in found if os.path.basename(path).startswith(mark)), key=_changed)


def superfluous_backups(database: str, newest: str, sound: str | None) -> list[str]:
    """The copies that are too many when *newest* is there, the oldest first.

    *sound* is the last copy in which every object could be read: that one is kept, however old it is.
    """
    older = [path for path in backups(database) if path != newest]
    return [path for path in older[: len(older) + 1 - BACKUPS_KEPT] if path != sound]


def damage_hint(database: str) -> str | None:
    """What to do about a damaged database; None where no copy of it is there."""
    try:
        found = backups(database) if database else []
    except FileError:
        found = []
    if not found:
        return None
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(_changed(found[-1])))
    return (
        f"put back the copy of {when}, {found[-1]}, when `libpod db check` finds no problem in it; "
        "move the damaged file away, do not remove it"
    )


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError as error:
        raise FileError("look at", path, error) from error


# ---------------------------------------------------------------- the transaction


class Place(NamedTuple):
    """Where the files of the store's containers are."""

    graph_root: str
    run_root: str
    shelf: str
    """`<driver>-containers`, for a container whose bundle does not name it."""
    tmp_dir: str


class Reset:
    """Resets every object of a store within one transaction of *tables*, and says what files are concerned.

    *numbers* gives the lock numbers for the style of the store, *cgroup_of* the path of a pod's cgroup, and
    *removal* removes the containers that a reboot ends for good. With *write* unset nothing is written, and
    the report says the same.
    """

    def __init__(
        self,
        tables: StateTransaction,
        report: Report,
        *,
        place: Place,
        numbers: Callable[[str], LockNumbers],
        cgroup_of: Callable[[PodRecord], str],
        removal: Removal,
        write: bool,
    ) -> None:
        self._tables = tables
        self._removal = removal
        self._leaving: list[Candidate] = []
        self._report = report
        self._place = place
        self._cgroup_of = cgroup_of
        self._write = write
        self._style = reset.store_style(tables.stored_configs())
        self.numbers = numbers(self._style)
        self._broken: set[str] = set()
        self._total = sum(1 for _ in tables.ids_with_prefix(""))
        self._done = 0

    def run(self) -> list[ContainerFiles]:
        """Reset everything; what the containers' files need."""
        found = self._containers()
        found += [self._keep(*candidate) for candidate in self._removal.run(self._leaving)]
        self._others(self._tables.pods(), self._report.pods, self._pod)
        self._others(self._tables.volumes(), self._report.volumes, self._volume)
        self._keep_numbers_of_broken()
        for number in sorted(self._removal.locks):
            self.numbers.release(number)
        dangling = self._tables.dangling_ids()
        if self._write:
            self._tables.clear_exec_sessions()
            self._tables.clear_exit_codes()
            self._tables.drop_dangling()
        for identifier in dangling:
            self._report.did(f"drop ID {identifier}, which no container or pod has")
        return found

    # ------------------------------------------------------------ containers

    def _containers(self) -> list[ContainerFiles]:
        counts, found = self._report.containers, []
        for record in self._tables.containers(Parts(linux=False)):
            counts.total += 1
            if isinstance(record, BrokenRecord):
                self._quarantine(counts, record)
                continue
            try:
                concerned = self._container(record)
            except (DecodeError, InvalidState) as error:
                counts.quarantine(record.id, record.name, error.message)
                continue
            if concerned is not None:
                found.append(concerned)
        return found

    def _container(self, record: ContainerRecord) -> ContainerFiles | None:
        """Reset one container; None for one that is to be removed."""
        require_safe(record)
        concerned = container_files(record, self._place)
        reset.reset_container(record.state, self._style)
        record.run_directory = concerned.run_directory
        if self._style == reset.FIRST_LIBPOD:
            self._set_old_directories(record, concerned)
        self._advance()
        if removal.is_candidate(record, self._style):
            self._leaving.append(Candidate(record, concerned))
            return None
        return self._keep(record, concerned)

    def _keep(self, record: ContainerRecord, concerned: ContainerFiles) -> ContainerFiles:
        self._number(record, self._report.containers)
        if self._write:
            self._tables.put_container(record)
        self._report.containers.reset += 1
        return concerned

    def _set_old_directories(self, record: ContainerRecord, concerned: ContainerFiles) -> None:
        """Two more paths that the first libpod keeps: it shows a container with ID maps another tree."""
        run_directory = concerned.run_directory
        if concerned.owner is not None:
            root = os.path.join(os.path.realpath(self._place.tmp_dir), USER_ROOTS, record.id)
            record.state["userNSRoot"] = root
            run_directory = f"{root}/rundir"
        record.state["destinationRunDir"] = run_directory

    # ------------------------------------------------------------ pods and volumes

    def _others(
        self,
        found: Iterable[PodRecord | VolumeRecord | BrokenRecord],
        counts: Objects,
        change: Callable[[Any], None],
    ) -> None:
        for record in found:
            if record.id in self._removal.gone:
                # Still found in a dry run only, and counted where it was removed.
                continue
            counts.total += 1
            if isinstance(record, BrokenRecord):
                self._quarantine(counts, record)
                continue
            try:
                change(record)
            except DecodeError as error:
                counts.quarantine(record.id, record.name, error.message)
                continue
            counts.reset += 1

    def _pod(self, record: PodRecord) -> None:
        reset.reset_pod(record.state, self._style)
        path = self._cgroup_of(record)
        if path:
            record.cgroup_path = path
        self._number(record, self._report.pods)
        if self._write:
            self._tables.put_pod(record)
        self._advance()

    def _volume(self, record: VolumeRecord) -> None:
        reset.reset_volume(record.state, self._style)
        self._number(record, self._report.volumes)
        if self._write:
            self._tables.put_volume(record)

    # ------------------------------------------------------------ lock numbers

    def _number(self, record: Record, counts: Objects) -> None:
        """Allocate the lock of an object; a number that it must not have is changed."""
        number = lock_number(record, self._style)
        if number is None:
            return
        try:
            new = self.numbers.claim(number, record.describe())
        except LockError as error:
            counts.quarantine(record.id, record.name, error.message)
            return
        if new != number:
            record.set_lock_id(new)
            self._report.did(f"change lock number of {record.describe()} from {number} to {new}")

    def _keep_numbers_of_broken(self) -> None:
        """A quarantined object keeps its number, where that can still be read."""
        if not self._broken:
            return
        for config in self._tables.stored_configs():
            if b'"lockID"' not in config:
                continue
            try:
                found = jsonutil.loads_object(config, "config")
                identifier = jsonutil.get_str(found, "id", "", source="config")
                identifier = identifier or jsonutil.get_str(found, "name", "", source="config")
                number = jsonutil.get_int(found, "lockID", 0, source="config")
            except DecodeError:
                # This is what is broken in it.
                continue
            if identifier in self._broken:
                self.numbers.keep(number, f"quarantined {identifier}")

    # ------------------------------------------------------------ counting

    def _quarantine(self, counts: Objects, record: BrokenRecord) -> None:
        self._broken.add(record.id)
        counts.quarantine(record.id, record.name, record.error)

    def _advance(self) -> None:
        self._done += 1
        self._report.progress("database", self._done, self._total)


def lock_number(record: Record, style: str) -> int | None:
    """The number of an object's lock. Podman reads 0 where none is stored; the first libpod has no
    numbers.
    """
    number = record.lock_id
    return 0 if number is None and style == reset.PODMAN else number


def container_files(record: ContainerRecord, place: Place) -> ContainerFiles:
    """Where the files of a container are. DecodeError where its ID maps cannot be understood."""
    bundle = record.static_directory
    shelf = _shelf(bundle, record.id) or place.shelf
    return ContainerFiles(
        record.id,
        record.name,
        bundle or f"{place.graph_root}/{shelf}/{record.id}/{USER_DATA}",
        f"{place.run_root}/{shelf}/{record.id}/{USER_DATA}",
        mapped_root(record),
    )


def require_safe(record: ContainerRecord) -> None:
    """Refuse an ID that no path can be made of: InvalidState."""
    if not re.fullmatch(_SAFE, record.id):
        raise InvalidState(f"{record.id!r} is no container ID: no directory can be named after it")


def _shelf(bundle: str, identifier: str) -> str | None:
    """`<driver>-containers` out of `<graph_root>/<driver>-containers/<id>/userdata`."""
    parts = bundle.rsplit("/", 3)
    if len(parts) == 4 and parts[2:] == [identifier, USER_DATA] and parts[1].endswith("-containers"):
        return parts[1]
    return None


def mapped_root(record: ContainerRecord) -> tuple[int, int] | None:
    """User and group ID on the host of a container's root, or None without ID maps."""
    source = record.describe()
    options = jsonutil.get_object(record.config, "idMappingsOptions", {}, source=source)
    users = jsonutil.get_list(options, "UIDMap", [], source=source)
    groups = jsonutil.get_list(options, "GIDMap", [], source=source)
    if not users and not groups:
        return None
    return _host_root(users, source, "UIDMap"), _host_root(groups, source, "GIDMap")


def _host_root(ranges: list[object], source: str, key: str) -> int:
    """The ID on the host that a map gives to 0; without a map, 0."""
    for entry in ranges:
        if not isinstance(entry, dict):
            raise DecodeError(f"{source}: {key}: expected objects", source=source, key=key)
        first = jsonutil.get_int(entry, "container_id", 0, source=source)
        size = jsonutil.get_int(entry, "size", 0, source=source)
        if first <= 0 < first + size:
            return jsonutil.get_int(entry, "host_id", 0, source=source) - first
    if ranges:
        raise DecodeError(f"{source}: {key}: it has no ID for the container's root", source=source, key=key)
    return 0
