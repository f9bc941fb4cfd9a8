"""What everything in a store has in common: its record files, their locks, and the layers.

`libpod.storage.store` describes the files and the order of the locks.
"""

from __future__ import annotations

import contextlib
import errno
import os

from libpod.errors import FileError, LibpodError, RuntimeStopped
from libpod.host import files
from libpod.storage import bigdata, driver, idmaps, objects, options, records
from libpod.storage.idmaps import NO_MAPS
from libpod.storage.lockfile import LockFile
from libpod.storage.records import RecordFile, identifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from libpod.storage.idmaps import IdMaps
    from libpod.storage.lockfile import HeldLock
    from libpod.storage.records import Record

DIRECTORY_MODE = 0o700
_FULL = (errno.ENOSPC, errno.EDQUOT)


class StoreBase:
    """The record files and layers of the store at *graph_root*, whose state of this boot is in *run_root*."""

    def __init__(
        self, graph_root: str, run_root: str, driver_name: str = "", driver_options: Sequence[str] = ()
    ) -> None:
        self.graph_root = graph_root
        self.run_root = run_root
        self.driver = driver.open_driver(driver_name, graph_root, run_root, options.parse(driver_options))
        self.driver_options = tuple(driver_options)
        name = self.driver.name
        self._storage_lock = LockFile(os.path.join(graph_root, "storage.lock"))
        self._layers = _record_file(os.path.join(graph_root, f"{name}-layers"), "layers", volatile=True)
        self._images = _record_file(os.path.join(graph_root, f"{name}-images"), "images", last=True)
        self._containers = _record_file(
            os.path.join(graph_root, f"{name}-containers"), "containers", last=True, volatile=True
        )
        self._mounts = _record_file(os.path.join(run_root, f"{name}-layers"), "mountpoints", durable=False)
        self._ready = False
        self._stopped = False

    # ------------------------------------------------------------ layers

    def _create_layer(
        self,
        held: HeldLock,
        parent: str | None,
        names: Sequence[str],
        id_maps: IdMaps = NO_MAPS,
        *,
        volatile: bool = False,
    ) -> str:
        layer_id = os.urandom(32).hex()
        record: Record = {"id": layer_id}
        if names:
            record["names"] = list(names)
            records.take_names(self._layers.records, set(names), layer_id)
        if parent is not None:
            record["parent"] = parent
        record["created"] = objects.now()
        records.set_incomplete(record, incomplete=True)
        self._layers.add(record)
        try:
            self._layers.save(held)
            self.driver.create(layer_id, parent, volatile=volatile)
            if id_maps:
                record.update(idmaps.map_layer(self.driver, layer_id, id_maps))
            records.set_incomplete(record, incomplete=False)
            self._layers.save(held)
        except BaseException:
            with contextlib.suppress(LibpodError):
                self.driver.remove(layer_id)
            self._layers.remove(layer_id)
            with contextlib.suppress(LibpodError):
                self._layers.save(held)
            raise
        return layer_id

    def _remove_tree(self, layer_id: str) -> None:
        self.driver.remove(layer_id)
        bigdata.remove_layer_files(os.path.dirname(self._layers.path), layer_id)

    def _delete_layer(
        self, held: HeldLock, layer_id: str, make_room: Callable[[], object] | None = None
    ) -> None:
        """Remove a layer. On a disk too full to note that, *make_room* is called, and it is tried again."""
        record = self._layers.get(layer_id)
        if record is None:
            return
        records.set_incomplete(record, incomplete=True)
        try:
            self._layers.save(held)
        except FileError as error:
            if make_room is None or error.errno not in _FULL:
                raise
            make_room()
            self._layers.save(held)
        self._remove_tree(layer_id)
        self._layers.remove(layer_id)
        self._layers.save(held)

    def _unmount(self, layer_id: str, *, force: bool) -> bool:
        with self._writing(self._mounts) as held:
            record = self._mounts.get(layer_id)
            count = records.number(record, "count") if record is not None else 0
            if count > 1 and not force:
                self._set_count(held, layer_id, self.driver.mount_point(layer_id), count - 1)
                return True
            self.driver.unmount(layer_id)
            if record is not None:
                self._mounts.remove(layer_id)
                self._mounts.save(held)
            return False

    def _set_count(self, held: HeldLock, layer_id: str, path: str, count: int) -> None:
        record = self._mounts.get(layer_id)
        if record is None:
            record = {"id": layer_id}
            self._mounts.add(record)
        record["path"] = path
        record["count"] = count
        try:
            self._mounts.save(held)
        except BaseException:
            self._mounts.forget()
            if count == 1:
                self.driver.unmount(layer_id)
            raise

    # ------------------------------------------------------------ locks

    def _prepare(self) -> None:
        if self._ready:
            return
        if self._stopped:
            raise RuntimeStopped(f"the store {self.graph_root} is shut down")
        for directory in (self.graph_root, self.driver.home, self.run_root):
            files.make_directory(directory, DIRECTORY_MODE)
        for table in (self._layers, self._images, self._containers, self._mounts):
            files.make_directory(os.path.dirname(table.path), DIRECTORY_MODE)
        self._ready = True

    @contextlib.contextmanager
    def _storage_lock_held(self) -> Iterator[HeldLock]:
        self._prepare()
        with self._storage_lock.write() as held:
            yield held

    @contextlib.contextmanager
    def _reading(self, table: RecordFile) -> Iterator[HeldLock]:
        self._prepare()
        with table.lock.read() as held:
            table.refresh(held)
            yield held

    @contextlib.contextmanager
    def _writing(self, table: RecordFile) -> Iterator[HeldLock]:
        self._prepare()
        with table.lock.write() as held:
            table.refresh(held)
            try:
                yield held
            except BaseException:
                # Whatever was changed in memory and not saved is read again.
                table.forget()
                raise

    @contextlib.contextmanager
    def _saving(self, table: RecordFile, held: HeldLock, *, needed: bool) -> Iterator[None]:
        """Save what was changed in the block."""
        yield
        if needed:
            table.save(held)

    @contextlib.contextmanager
    def _changing_layers(self) -> Iterator[HeldLock]:
        with self._writing(self._layers) as held:
            self._remove_incomplete_layers(held)
            yield held

    def _remove_incomplete_layers(self, held: HeldLock) -> None:
        """What a crash left. A layer that cannot be removed now stays marked and never stops the store."""
        for record in [record for record in self._layers.records if records.is_incomplete(record)]:
            with contextlib.suppress(FileError):
                self._delete_layer(held, identifier(record))


def _record_file(
    directory: str, name: str, *, durable: bool = True, last: bool = False, volatile: bool = False
) -> RecordFile:
    lock = LockFile(os.path.join(directory, f"{name}.lock"))
    second = os.path.join(directory, f"volatile-{name}.json") if volatile else None
    return RecordFile(
        os.path.join(directory, f"{name}.json"), lock, durable=durable, last=last, volatile=second
    )
