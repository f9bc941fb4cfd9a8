"""What a refresh had to leave as it was, tried again by a later one of the same boot.

By then an object may be removed or repaired, or what stood in its way may be gone. The files of a container
that does not run are put right, under its lock. Its state is left alone: whatever is in it by now was put
there in this boot, or is looked at anew by whoever uses the container.
"""

from __future__ import annotations

import contextlib

from libpod.boot import database, marker, numbers
from libpod.boot import report as reports
from libpod.errors import DecodeError, FileError, InvalidState, LockError, LockTimeout
from libpod.state import reset
from libpod.state.records import CONFIGURED, EXITED, BrokenRecord, ContainerRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from libpod.boot.database import Place
    from libpod.boot.directories import Directories
    from libpod.boot.report import Report
    from libpod.config.runtime import RuntimeConfig
    from libpod.state.protocol import State

LOCK_SECONDS: Final = 10.0
_KINDS: Final = ("containers", "pods", "volumes")
_IDLE: Final = (CONFIGURED, EXITED)


class Again:
    """Tries what the stored report of this boot has as quarantined; the outcome is told to *report*.

    With *write* unset nothing is changed, and the report says the same.
    """

    def __init__(
        self,
        store: State,
        config: RuntimeConfig,
        report: Report,
        place: Place,
        directories: Directories,
        *,
        write: bool,
    ) -> None:
        self._store = store
        self._config = config
        self._report = report
        self._place = place
        self._directories = directories
        self._write = write

    def run(self) -> None:
        """Try each object, and keep what is left in the stored report."""
        stored = self._stored()
        if stored is None:
            return
        for record in self._readable(stored):
            self._container(record)
        decision = self._report.decision
        tried = sum(getattr(self._report, kind).total for kind in _KINDS)
        reason = f"{decision.reason}; what it had left was tried again: {reports.count(tried, 'object')}"
        self._report.decided(decision._replace(reason=reason))
        if self._write:
            for kind in _KINDS:
                stored[kind]["quarantined"] = getattr(self._report, kind).quarantined
            reports.store(stored, self._report.tmp_dir)

    def _stored(self) -> dict[str, Any] | None:
        """The report of the refresh; None where it is gone, and with it the knowledge of what was left."""
        try:
            found: dict[str, Any] = marker.read_report(self._report.tmp_dir)
            for kind in _KINDS:
                reports.quarantined(found, kind)
        except (FileError, DecodeError, KeyError, TypeError):
            return None
        return found

    def _readable(self, stored: dict[str, Any]) -> list[ContainerRecord]:
        """The containers that can be read; all else is counted as in order, or still broken."""
        found = []
        with self._store.view() as tables:
            kinds = {"containers": tables.containers(), "pods": tables.pods(), "volumes": tables.volumes()}
            for kind, objects in kinds.items():
                left = reports.quarantined(stored, kind)
                counts = getattr(self._report, kind)
                for record in objects:
                    if record.id not in left:
                        continue
                    counts.total += 1
                    if isinstance(record, BrokenRecord):
                        counts.quarantine(record.id, record.name, record.error)
                    elif isinstance(record, ContainerRecord):
                        found.append(record)
                    else:
                        counts.reset += 1
        return found

    def _container(self, record: ContainerRecord) -> None:
        counts = self._report.containers
        try:
            database.require_safe(record)
            with self._locked(record):
                self._store.update_container(record)
                if record.status in _IDLE:
                    self._directories.container(database.container_files(record, self._place))
        except (DecodeError, FileError, InvalidState, LockError, LockTimeout) as error:
            counts.quarantine(record.id, record.name, error.message)
            return
        counts.reset += 1

    @contextlib.contextmanager
    def _locked(self, record: ContainerRecord) -> Iterator[None]:
        number = database.lock_number(record, self._style())
        if number is None or not self._write:
            yield
            return
        manager = numbers.open_manager(self._config, create=False)
        try:
            if number not in manager.allocated():
                raise LockError(f"lock {number} of {record.describe()} is not allocated")
            lock = manager.retrieve(number)
            lock.acquire(LOCK_SECONDS)
            try:
                yield
            finally:
                lock.release()
        finally:
            manager.close()

    def _style(self) -> str:
        with self._store.view() as tables:
            return reset.store_style(tables.stored_configs())
