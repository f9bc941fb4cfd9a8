"""The boot refresh from its lock to its alive file.

Steps, each of which can be interrupted anywhere: the next run begins again, and ends in the same state.

1.  lock: `alive.lck` of the runtime directory, before any database is opened. When the database turns out to
    belong to another runtime directory, that one is locked and everything is read again.
2.  decide: gather the facts, then the pure decision.
3.  An alive file of an earlier boot is removed, so that after an interruption Podman too sees a boot that is
    not done.
4.  state: copy the database; reset every object, remove the containers that a reboot ends for good, and
    allocate every lock number in one transaction. Where the boot ID does not prove another boot, processes
    are looked for once more inside the transaction.
5.  containers: per-boot files. pods: cgroups. networks: addresses, rules, namespaces. storage: mount counts.
6.  The event `system refresh`. alive: the boot record, the report, and last of all the alive file.

Flushes (fsync, fdatasync), whatever the number of objects: with BoltDB two for the copy, two for the
transaction and one for the boot record; with SQLite one, four and one. Where containers are removed, four for
the records of the container storage come to that, or none where Podman 5 keeps these apart.
"""

from __future__ import annotations

import contextlib
import os

from libpod import failpoints
from libpod.boot import adoption, database, decide, marker, numbers, opening, survey
from libpod.boot import report as reports
from libpod.boot.adoption import Keep
from libpod.boot.database import Place, Reset
from libpod.boot.directories import Directories, is_systemic, remove_half_written
from libpod.boot.marker import BootRecord
from libpod.boot.networks import DeadNetworks
from libpod.boot.numbers import LockNumbers
from libpod.boot.pods import PodCgroups
from libpod.boot.remains import Remains
from libpod.boot.removal import Removal
from libpod.boot.report import Report
from libpod.errors import (
    DatabaseCorrupt,
    DatabaseMismatch,
    DecodeError,
    FileError,
    InternalError,
    InvalidState,
    LockError,
    LockTimeout,
)
from libpod.host import files
from libpod.locks.boot import BootLock
from libpod.state import reset
from libpod.storage import driver, mountpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    from libpod.boot.adoption import Kept
    from libpod.boot.directories import ContainerFiles
    from libpod.boot.survey import Survey
    from libpod.config.runtime import RuntimeConfig
    from libpod.errors import LibpodError
    from libpod.locks import LockManager
    from libpod.state.protocol import State, StateTransaction

_ATTEMPTS: Final = 3


def run(
    config: RuntimeConfig,
    *,
    dry_run: bool = False,
    on_wait: Callable[[str], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Refresh the store of *config* if this boot needs it, and report.

    The report's decision is `refuse` when something stands in the way; nothing is changed then. *dry_run*
    changes nothing at all. *on_wait* gets a line for people when another process keeps us waiting,
    *progress* what is done of how much. Raises LockTimeout, DatabaseMismatch, DatabaseLocked,
    DatabaseCorrupt, DatabaseVersion, LockError for the lock segment, and FileError for what concerns no
    single object.
    """
    if config.database_kind == "memory":
        return reports.nothing_to_do("a store in memory has nothing from before", dry_run=dry_run)
    tmp_dir = survey.known_tmp_dir(config)
    try:
        return _run(config, tmp_dir, dry_run, on_wait, progress)
    except DatabaseCorrupt as error:
        error.hint = database.damage_hint(error.path or "") or error.hint
        raise


def _run(
    config: RuntimeConfig,
    tmp_dir: str,
    dry_run: bool,  # noqa: FBT001
    on_wait: Callable[[str], None] | None,
    progress: Callable[[str, int, int], None] | None,
) -> Report:
    for _ in range(_ATTEMPTS):
        report = Report(dry_run=dry_run, progress=progress)
        with contextlib.ExitStack() as stack:
            with report.phase("lock"):
                lock = stack.enter_context(BootLock(tmp_dir, create=not dry_run, on_wait=on_wait))
            with report.phase("decide"):
                try:
                    found = survey.survey(config, quiet=dry_run, on_wait=on_wait)
                except DatabaseMismatch:
                    lock.discard()
                    raise
            if not files.same_file(found.config.tmp_dir, tmp_dir):
                lock.discard()
                tmp_dir = found.config.tmp_dir
                continue
            with contextlib.suppress(_Lives):
                _Run(found, lock, report, on_wait).act()
                return report
    raise InternalError(f"the store of {tmp_dir} changes while it is looked at; try again")


class _Lives(Exception):  # noqa: N818 - nothing is wrong: it leads to another decision
    """A container was started between the look at processes and the transaction."""


class _Run:
    """What follows when the lock is held and the facts are known."""

    def __init__(
        self, found: Survey, lock: BootLock, report: Report, on_wait: Callable[[str], None] | None
    ) -> None:
        self.found = found
        self.config = found.config
        self.facts = found.facts
        self.report = report
        self.on_wait = on_wait
        self.tmp_dir = found.config.tmp_dir
        self.write = not report.dry_run
        record = found.record
        self.sound_copy = None if record is None else record.sound_copy
        self.degraded = record is not None and record.degraded and record.boot_id == self.facts.boot_id
        self._note_lock(lock)

    def _note_lock(self, lock: BootLock) -> None:
        made = (
            lock.made
            if self.write
            else [path for path in (lock.tmp_dir, lock.path) if not os.path.lexists(path)]
        )
        for path in made:
            self.report.did(f"make {path}")

    # ------------------------------------------------------------ which of the four

    def act(self) -> None:
        """Decide, do it, and complete the report."""
        report, record = self.report, self.found.record
        report.tmp_dir = self.tmp_dir
        report.boot_id = self.facts.boot_id
        report.previous_boot_id = None if record is None else record.boot_id
        report.backend, report.database = self.found.database.kind, self.found.database.path
        report.warnings = list(self.found.warnings)
        report.decided(decide.decide(self.facts))
        {
            decide.NOOP: self._nothing,
            decide.REFUSE: lambda: None,
            decide.REFRESH: self._refresh,
            decide.ADOPT: self._adopt,
        }[report.decision.outcome]()
        report.finish()
        reports.tell_journal(report)

    def _nothing(self) -> None:
        """Write down that this boot is done, so that the next run sees it without opening the database."""
        if self.degraded:
            self._try_again()
        if self.report.dry_run or not self.report.decision.settled or not self.found.database.exists:
            return
        if self.facts.boot_id is None or self.found.record == self._record():
            return
        try:
            self._write_record()
        except FileError as error:
            self.report.warn(f"{error.message}; the next run will take longer for that")

    def _try_again(self) -> None:
        """Put right what the refresh of this boot had to leave."""
        from libpod.boot.again import Again

        directories = Directories(self.tmp_dir, dry_run=not self.write, did=self.report.did)
        with contextlib.closing(self._open(read_only=True)) as store:
            Again(store, self.config, self.report, self._place(), directories, write=self.write).run()
        self.degraded = self.report.degraded

    # ------------------------------------------------------------ refresh

    def _refresh(self) -> None:
        self._remove_half_written()
        self._remove_alive()
        directories = Directories(self.tmp_dir, dry_run=not self.write, did=self.report.did)
        remains = Remains(self.config, self.report, write=self.write)
        concerned: list[ContainerFiles] = []
        if self.found.database.exists:
            with self.report.phase("pods"):
                pods = self._prepare_pods()
            with self.report.phase("state"):
                concerned = self._change_database(pods, remains, directories)
        else:
            self._make_database()
        with self.report.phase("containers"):
            directories.prepare(concerned)
            directories.remove_stale_pause_file()
            self._each(concerned, directories.container)
            self._forget(remains, concerned)
        with self.report.phase("networks"):
            quarantined = {entry["id"] for entry in self.report.containers.quarantined}
            self._networks({container.id for container in concerned} | quarantined)
        with self.report.phase("storage"):
            self._storage()
        self._record_event()
        self._end()

    def _remove_alive(self) -> None:
        if self.facts.alive is None:
            return
        path = os.path.join(self.tmp_dir, marker.ALIVE)
        failpoints.reach("refresh.old_alive")
        if self.write:
            files.remove_file(path)
        self.report.did(f"remove {path}, which is of an earlier boot")

    def _remove_half_written(self) -> None:
        """Remove what attempts that died have left in the middle of writing."""
        directory, base = os.path.split(self.found.database.path)
        places = {
            self.tmp_dir: (marker.ALIVE, marker.PENDING, marker.REPORT),
            directory: (marker.RECORD, f"{base}.boot-"),
        }
        remove_half_written(places, dry_run=not self.write, did=self.report.did)

    # ------------------------------------------------------------ the database

    def _open(self, *, read_only: bool) -> State:
        return opening.open_state(
            self.found.database, read_only=read_only, quiet=not self.write, on_wait=self.on_wait
        )

    def _prepare_pods(self) -> PodCgroups:
        found = PodCgroups(self.config, self.report, write=self.write)
        store = self._open(read_only=True)
        try:
            found.make(store)
        finally:
            store.close()
        return found

    def _change_database(
        self, pods: PodCgroups, remains: Remains, directories: Directories
    ) -> list[ContainerFiles]:
        """Reset everything, with a copy of the database as it was before."""
        target = database.backup_path(self.found.database.path, self.facts.boot_id)
        self.report.backup = target
        # One that an attempt of this boot made before it died stays: the database may have changed since.
        is_new = not (self.facts.pending and os.path.exists(target))
        if is_new:
            self._back_up(target)
        try:
            concerned = self._reset_state(pods, remains, directories)
        except DatabaseCorrupt:
            if is_new and self.write:
                # It is as damaged as the database; the copies of earlier boots are worth more.
                files.remove_file(target)
            raise
        self._remove_old_copies(target)
        return concerned

    def _reset_state(
        self, pods: PodCgroups, remains: Remains, directories: Directories
    ) -> list[ContainerFiles]:
        file = self.found.database
        store = self._open(read_only=not self.write)
        try:
            with store.transaction() if self.write else store.view() as tables:
                if self.write:
                    store.validate_config(opening.database_config(self.config))
                if not survey.is_another_boot(self.facts):
                    self._look_again()
                    remains.unmount(self.found.watched)
                removal = self._removal(tables, remains, directories)
                concerned = self._reset_objects(tables, pods, removal)
                failpoints.reach("refresh.commit")
        finally:
            store.close()
        for warning in store.warnings:
            if warning not in self.report.warnings:
                self.report.warn(warning)
        self.report.did(f"change {file.path}: {self._counted()}")
        return concerned

    def _make_database(self) -> None:
        """First use: an empty database, which later programs find and keep to."""
        file = self.found.database
        self.report.did(f"make database {file.path}")
        if self.write:
            store = self._open(read_only=False)
            try:
                store.validate_config(opening.database_config(self.config))
            finally:
                store.close()

    def _back_up(self, target: str) -> None:
        """Copy the database as it is before this boot's refresh."""
        if self.write:
            self._copy_database(target)
        self.report.did(f"copy {self.found.database.path} to {target}")

    def _remove_old_copies(self, newest: str) -> None:
        """Now that everything could be read and written, or what could not is quarantined."""
        if not self.report.degraded:
            self.sound_copy = newest
        for old in database.superfluous_backups(self.found.database.path, newest, self.sound_copy):
            if self.write:
                files.remove_file(old)
            self.report.did(f"remove {old}")

    def _copy_database(self, target: str) -> None:
        # Opening for writing may already change the file: it makes what is missing.
        store = self._open(read_only=True)
        try:
            failpoints.reach("refresh.backup")
            store.backup(target)
        finally:
            store.close()

    def _look_again(self) -> None:
        """Nobody can store a new state now. Whoever started a container since the survey is seen here."""
        sight = survey.see(self.config, self.facts, self.found.watched)
        if sight is not None and sight.live:
            raise _Lives

    def _removal(self, tables: StateTransaction, remains: Remains, directories: Directories) -> Removal:
        def clear(gone: list[ContainerFiles]) -> dict[str, LibpodError]:
            errors = remains.forget(gone)
            self._networks({container.id for container in gone}, leaving=True)
            for container in gone:
                try:
                    directories.forget(container)
                except FileError as error:
                    errors[container.id] = error
            return errors

        return Removal(tables, self.config, self.report, driver=self._driver, clear=clear, write=self.write)

    def _reset_objects(
        self, tables: StateTransaction, pods: PodCgroups, removal: Removal
    ) -> list[ContainerFiles]:
        with contextlib.ExitStack() as stack:
            work = Reset(
                tables,
                self.report,
                place=self._place(),
                numbers=lambda style: self._lock_numbers(stack, style),
                cgroup_of=pods.path,
                removal=removal,
                write=self.write,
            )
            concerned = work.run()
            self._count_locks(work.numbers)
        return concerned

    def _place(self) -> Place:
        return Place(self.config.graph_root, self.config.run_root, f"{self._driver}-containers", self.tmp_dir)

    @property
    def _driver(self) -> str:
        return self.config.graph_driver_name or driver.detect(self.config.graph_root)

    def _counted(self) -> str:
        kinds = (
            ("container", self.report.containers),
            ("pod", self.report.pods),
            ("volume", self.report.volumes),
        )
        done = ", ".join(reports.count(counts.reset, name) for name, counts in kinds) + " reset"
        removed = self.report.containers.removed
        return f"{done}, {reports.count(removed, 'container')} removed" if removed else done

    # ------------------------------------------------------------ lock numbers

    def _lock_numbers(self, stack: contextlib.ExitStack, style: str) -> LockNumbers:
        if style == reset.FIRST_LIBPOD:
            # Lock files named after IDs, which are made when they are needed.
            return LockNumbers(None, limit=0, did=self.report.did)
        manager = self._open_manager()
        others: set[int] = set()
        resumed = False
        if manager is not None:
            stack.callback(manager.close)
            others, resumed = self._locks_of_others(manager)
        if self.write and self.report.decision.outcome == decide.REFRESH:
            marker.write_pending(self.tmp_dir, self.facts.boot_id, others)
        return LockNumbers(
            manager,
            limit=numbers.limit_of(self.config),
            usual=self.config.num_locks,
            others=others,
            resumed=resumed,
            dry_run=not self.write,
            did=self.report.did,
        )

    def _open_manager(self) -> LockManager | None:
        try:
            return numbers.open_manager(self.config, create=self.write)
        except LockError:
            if self.write:
                raise
            return None

    def _locks_of_others(self, manager: LockManager) -> tuple[set[int], bool]:
        """The numbers that belong to other stores, and whether an attempt of this boot died."""
        pending = marker.read_pending(self.tmp_dir, self.facts.boot_id)
        if manager.kind == "file":
            return set(), pending is not None
        if pending is not None:
            return pending, True
        return (manager.allocated() if survey.is_another_boot(self.facts) else set()), False

    def _count_locks(self, found: LockNumbers) -> None:
        self.report.lock_kind = self.config.lock_type or "shm"
        self.report.locks_allocated = found.allocated
        self.report.locks_renumbered = found.renumbered

    # ------------------------------------------------------------ files

    def _each(self, concerned: list[ContainerFiles], put_right: Callable[[ContainerFiles], None]) -> None:
        """Put the files of each container right; one that cannot be is quarantined."""
        for done, container in enumerate(concerned, 1):
            try:
                put_right(container)
            except InvalidState as error:
                self.report.containers.quarantine(container.id, container.name, error.message)
            except FileError as error:
                if is_systemic(error):
                    raise
                self.report.containers.quarantine(container.id, container.name, error.message)
            self.report.progress("files", done, len(concerned))

    def _forget(self, remains: Remains, concerned: list[ContainerFiles]) -> None:
        errors = remains.forget(concerned)
        for container in concerned:
            if container.id in errors:
                message = errors[container.id].message
                self.report.containers.quarantine(container.id, container.name, message)

    def _networks(self, identifiers: set[str], *, leaving: bool = False) -> None:
        """Clear away the networks of our containers, none of which runs; *leaving*: they are removed."""
        another_boot = survey.is_another_boot(self.facts)
        dead = DeadNetworks(self.config, self.report, write=self.write, another_boot=another_boot)
        recorded = {container.id: container.netns for container in self.found.watched}
        dead.clear(identifiers, recorded, leaving=leaving)

    def _storage(self) -> None:
        """Forget mounts that are gone, where the run root outlived them."""
        try:
            gone = mountpoints.reconcile(
                self.config.graph_root, self.config.run_root, self._driver, write=self.write
            )
        except (DecodeError, LockTimeout, FileError) as error:
            self.report.warn(error.message)
            return
        for layer in gone:
            self.report.did(f"forget the mount of layer {layer.layer_id} on {layer.path}")

    def _count_mounts(self) -> None:
        """Count again what is mounted, where the run root with the counts was lost."""
        try:
            found = mountpoints.restore(
                self.config.graph_root, self.config.run_root, self._driver, write=self.write
            )
        except (DecodeError, LockTimeout, FileError) as error:
            if isinstance(error, FileError) and is_systemic(error):
                raise
            self.report.warn(error.message)
            return
        for layer in found:
            self.report.did(f"count the mount of layer {layer.layer_id} on {layer.path}")

    # ------------------------------------------------------------ adopt

    def _adopt(self) -> None:
        """Make the per-boot files again; no state of a live container is changed."""
        live = {process.container for process in self.facts.live or ()}
        dead = set(self._died_unseen(live))
        self._remove_half_written()
        directories = Directories(self.tmp_dir, dry_run=not self.write, did=self.report.did)
        with self.report.phase("state"):
            kept = self._look_through(dead)
        with self.report.phase("containers"):
            directories.prepare(kept.containers)
            self._each(kept.containers, directories.keep)
            for lost in kept.lost:
                adoption.write_again(lost, self.report, write=self.write)
            for process in self.facts.live or ():
                directories.adopt(process.container, persists=adoption.persists(process.pid))
            for container in sorted(dead):
                directories.note_exit(container)
        with self.report.phase("storage"):
            self._count_mounts()
        self.report.containers.adopted = len(live)
        self._end()

    def _died_unseen(self, live: set[str]) -> Iterator[str]:
        """Containers that are recorded as running and provably do not live. No conmon is left to say so."""
        if self.facts.unproven:
            return
        for container in self.found.watched:
            if container.running and container.id not in live:
                yield container.id

    def _look_through(self, dead: set[str]) -> Kept:
        """Count the objects and keep their lock numbers; what is to be made again."""
        live = {process.container for process in self.facts.live or ()}
        live |= {container.id for container in self.found.watched} - dead
        store = self._open(read_only=not self.write)
        try:
            with (
                store.transaction() if self.write else store.view() as tables,
                contextlib.ExitStack() as stack,
            ):
                numbers = self._lock_numbers(stack, reset.store_style(tables.stored_configs()))
                work = Keep(
                    tables, self.report, place=self._place(), numbers=numbers, live=live, write=self.write
                )
                found = work.run()
                self._count_locks(numbers)
        finally:
            store.close()
        return found

    # ------------------------------------------------------------ the end

    def _end(self) -> None:
        """The marks of a finished refresh, in this order, alive last."""
        paths = [os.path.join(self.tmp_dir, name) for name in (marker.REPORT, marker.ALIVE)]
        self.degraded = self.report.degraded
        with self.report.phase("alive"):
            if self.write:
                self._write_record()
            else:
                self.report.did(f"write {self._record_path}")
        for path in paths:
            self.report.did(f"write {path}")
        self.report.finish()
        if self.write:
            self._store_report()
            marker.remove_pending(self.tmp_dir)
            marker.write_alive(self.tmp_dir, self.facts.boot_id)

    def _record_event(self) -> None:
        """Tell those who watch events, as Podman does after each refresh."""
        from libpod.events import recording

        if recording.logger_of(self.config) == recording.FILE:
            self.report.did(f"append to {recording.file_of(self.config)}")
        if self.write:
            recording.Recorder(self.config, self.report.warn).record("system", "refresh")

    def _store_report(self) -> None:
        """Keep the report for `--last`; where something is in its place, nobody needs it to go on."""
        try:
            reports.store(self.report.as_dict(), self.tmp_dir)
        except FileError as error:
            if is_systemic(error):
                raise
            self.report.warn(f"{error.message}; remove it to have the report kept for `refresh --last`")

    def _record(self) -> BootRecord:
        return BootRecord(
            boot_id=self.facts.boot_id,
            machine_id=self.facts.machine_id,
            tmp_dir=self.tmp_dir,
            run_root=self.config.run_root,
            database=self.found.database.path,
            session=self.facts.session,
            pid_namespace=marker.pid_namespace(),
            sound_copy=self.sound_copy,
            degraded=self.degraded,
        )

    @property
    def _record_path(self) -> str:
        return marker.record_path(self.found.database.path)

    def _write_record(self) -> None:
        marker.write_record(self._record_path, self._record())
        self.report.did(f"write {self._record_path}")
