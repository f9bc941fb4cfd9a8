"""Containers that a reboot ends for good, removed with their storage in the transaction of the refresh.

These are the containers made with `--rm` that had run, and those whose removal had begun, as since
Podman 5.0. One that was made and never ran stays. So does one that others need, and one whose files cannot be
removed now: it is reset like all the others, and the report says why.

Everything of a container goes before its rows do. Where a refresh is killed in between, its rows still say
what it was, and the next refresh goes the same way once more: what is gone already is no error.
"""

from __future__ import annotations

import os

from libpod.boot import probe
from libpod.boot.directories import is_systemic
from libpod.errors import DatabaseCorrupt, FileError, InvalidState, LibpodError
from libpod.host import files, jsonutil, proc, tree
from libpod.state import records, reset
from libpod.state.records import BrokenRecord, VolumeRecord
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from libpod.boot.directories import ContainerFiles
    from libpod.boot.report import Report
    from libpod.config.runtime import RuntimeConfig
    from libpod.state.protocol import StateTransaction
    from libpod.state.records import ContainerRecord


class Candidate(NamedTuple):
    """A container to be removed, with its state already reset, and its files."""

    record: ContainerRecord
    files: ContainerFiles


def is_candidate(record: ContainerRecord, style: str) -> bool:
    """Whether a container is to be removed, by its state after the reset."""
    if style != reset.PODMAN:
        return False
    return record.status == records.REMOVING or (record.status == records.EXITED and record.auto_remove)


class Removal:
    """Removes containers with *tables*; *write* unset only tells the *report*.

    *clear* removes the traces of some containers outside their storage, says what it did, and returns the
    error of each whose traces cannot be removed, by its ID.
    """

    def __init__(
        self,
        tables: StateTransaction,
        config: RuntimeConfig,
        report: Report,
        *,
        driver: str,
        clear: Callable[[list[ContainerFiles]], dict[str, LibpodError]],
        write: bool,
    ) -> None:
        self._tables = tables
        self._config = config
        self._driver = driver
        self._report = report
        self._clear = clear
        self._write = write
        self._volumes: set[str] = set()
        self.gone: set[str] = set()
        """The IDs of the containers, and the names of the volumes, that are removed."""
        self.locks: set[int] = set()
        """The numbers of the locks that they had."""

    def run(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Remove what can be removed; those that stay."""
        waiting = {candidate.record.id: candidate for candidate in candidates}
        if not waiting:
            return []
        staying = [waiting.pop(key) for key in self._held(waiting.values())]
        # Those that need others go before them.
        while batch := [found for found in waiting.values() if not self._dependents(found.record.id)]:
            for candidate in batch:
                del waiting[candidate.record.id]
            staying += self._remove(batch)
        for candidate in waiting.values():
            users = ", ".join(user[:12] for user in self._dependents(candidate.record.id))
            self._report.warn(f"{_what(candidate)} is kept: it is needed by {users}")
        self._remove_volumes()
        return [*staying, *waiting.values()]

    def _held(self, candidates: Iterable[Candidate]) -> list[str]:
        """Those that go with their pod alone, and those that have a conmon after all."""
        pods = list(self._tables.pods())
        infra = {pod.infra_id for pod in pods if not isinstance(pod, BrokenRecord)}
        unknown = {pod.id for pod in pods if isinstance(pod, BrokenRecord)}
        return [
            record.id
            for record, own in candidates
            if record.id in infra
            or record.pod in unknown
            or files.has_reader(f"{own.bundle}/{probe.CONTROL_PIPE}") is not False
        ]

    def _release(self, record: ContainerRecord | VolumeRecord) -> None:
        number = record.lock_id
        if number is not None:
            self.locks.add(number)

    def _dependents(self, identifier: str) -> list[str]:
        return [user for user in self._tables.dependents(identifier) if user not in self.gone]

    # ------------------------------------------------------------ containers

    def _remove(self, batch: list[Candidate]) -> list[Candidate]:
        """Remove containers that nothing else needs; those that could not be removed."""
        errors = self._clear([candidate.files for candidate in batch])
        if self._write:
            errors |= self._remove_storage([found for found in batch if found.record.id not in errors])
        staying = []
        for candidate in batch:
            error = errors.get(candidate.record.id) or self._forget(candidate.record)
            if error is None:
                self._report.did(f"remove {_what(candidate)}")
            else:
                self._report.warn(f"{_what(candidate)} is kept: {error.message}")
                staying.append(candidate)
        return staying

    def _forget(self, record: ContainerRecord) -> LibpodError | None:
        """Remove the rows of a container; the error where they are on a damaged page."""
        try:
            if self._write:
                self._tables.delete_container(record.id)
        except DatabaseCorrupt as error:
            return error
        self._volumes.update(record.named_volumes)
        self.gone.add(record.id)
        self._report.removed("container", record.id, record.name)
        self._release(record)
        return None

    def _remove_storage(self, batch: list[Candidate]) -> dict[str, LibpodError]:
        from libpod.storage.store import Store

        config = self._config
        try:
            store = Store(config.graph_root, config.run_root, self._driver, config.graph_driver_options)
            failed = self._unmount(batch)
            rest = [found.record.id for found in batch if found.record.id not in failed]
            return failed | store.delete_containers(rest)
        except LibpodError as error:
            if isinstance(error, FileError) and is_systemic(error):
                # Nothing can be written there: neither can what was begun be taken back.
                raise
            return {candidate.record.id: error for candidate in batch}

    def _unmount(self, batch: list[Candidate]) -> dict[str, LibpodError]:
        """Give up what is mounted in the containers' own directories: /dev/shm, and nothing after a reboot.

        A container that has anything else mounted there is not to be touched.
        """
        mounted = proc.mount_points()
        failed: dict[str, LibpodError] = {}
        for record, own in batch:
            try:
                paths = jsonutil.get_str_list(record.config, "mounts", [], source=record.describe())
                inside = {os.path.realpath(path) for path in paths if path.startswith(f"{own.bundle}/")}
                _detach(inside & mounted)
                _require_none_below(os.path.realpath(own.bundle), mounted - inside)
            except LibpodError as error:
                failed[record.id] = error
        return failed

    # ------------------------------------------------------------ volumes

    def _remove_volumes(self) -> None:
        """Remove the volumes without a name that these containers had for themselves."""
        for name in sorted(self._volumes):
            volume = self._tables.read_volume(name)
            if not isinstance(volume, VolumeRecord) or not volume.anonymous:
                continue
            if set(self._tables.volume_users(name)) - self.gone:
                continue
            try:
                self._remove_volume(volume)
            except LibpodError as error:
                self._report.warn(f"volume {name} is kept: {error.message}")

    def _remove_volume(self, volume: VolumeRecord) -> None:
        data = volume.mount_point
        directory = os.path.dirname(data)
        ours = os.path.join(os.path.normpath(self._config.volume_path), volume.id)
        if volume.driver not in ("", "local") or not files.same_file(directory, ours):
            # What a driver keeps, or what lies elsewhere, is not ours to remove.
            return
        if self._write:
            _detach({os.path.realpath(data)} & proc.mount_points())
            tree.remove(directory)
            self._tables.delete_volume(volume.id)
        self.gone.add(volume.id)
        self._report.did(f"remove {volume.describe()}")
        self._report.removed("volume", volume.id, volume.name)
        self._release(volume)


def _detach(paths: Iterable[str]) -> None:
    from libpod.host import mounts

    for path in paths:
        mounts.unmount_if_mounted(path)


def _require_none_below(directory: str, mounted: Iterable[str]) -> None:
    for path in mounted:
        if path.startswith(f"{directory}/"):
            raise InvalidState(f"something is mounted at {path}")


def _what(candidate: Candidate) -> str:
    record = candidate.record
    why = "made with --rm" if record.auto_remove else "whose removal had begun"
    return f"{record.describe()}, {why}"
