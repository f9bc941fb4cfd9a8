"""A store of layers, images and containers, shared with Podman, skopeo and buildah.

::

    <graph root>/                             <run root>/
    ├── storage.lock                          └── <driver>-layers/mountpoints.json  mountpoints.lock
    ├── <driver>/                 trees       └── <driver>-containers/<id>/userdata/
    ├── <driver>-layers/          layers.json      layers.lock
    ├── <driver>-images/          images.json      images.lock      <id>/<big data>
    └── <driver>-containers/      containers.json  containers.lock  <id>/<big data>  <id>/userdata/

Beside layers.json and containers.json there may be a volatile-layers.json and a volatile-containers.json of a
later Podman: see `libpod.storage.records.RecordFile`.

Locks are taken in this order, and given up in the reverse one: storage, layers, images, containers,
mountpoints. Layers change only under layers.lock held for writing; a mount also holds storage.lock, since
it may have to bind the driver's home. mountpoints.lock is taken last and held for the shortest time.

A layer is recorded as incomplete before its tree is made or removed and as whole afterwards, so that a
crash leaves a record that the next program which opens the layers for writing clears away.
"""

from __future__ import annotations

import contextlib
import os
import secrets

from libpod.errors import (
    ContainerExists,
    DependencyExists,
    FileError,
    InvalidState,
    LibpodError,
    NoSuchContainer,
    NoSuchImage,
    RuntimeStopped,
)
from libpod.host import files, jsonutil, tree
from libpod.storage import batch, bigdata, driver, objects, options, records
from libpod.storage.images import ImageRecord, normalize
from libpod.storage.lockfile import LockFile
from libpod.storage.objects import NoSuchLayer
from libpod.storage.records import RecordFile, identifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from libpod.storage.lockfile import HeldLock
    from libpod.storage.objects import Layer, StorageContainer
    from libpod.storage.records import Record

DIRECTORY_MODE = 0o700


class Store:
    """The store at *graph_root*, whose state of this boot is in *run_root*.

    Opening is cheap: nothing is read or made before it is needed. An empty *driver_name* means the driver
    that made the store. *driver_options* are `name=value` texts.
    """

    def __init__(
        self, graph_root: str, run_root: str, driver_name: str = "", driver_options: Sequence[str] = ()
    ) -> None:
        self.graph_root = graph_root
        self.run_root = run_root
        self.driver = driver.open_driver(driver_name, graph_root, run_root, options.parse(driver_options))
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

    # ------------------------------------------------------------ directories

    def container_directory(self, container_id: str) -> str:
        """The engine's own directory of a container, which survives a reboot."""
        return os.path.join(os.path.dirname(self._containers.path), container_id, "userdata")

    def container_run_directory(self, container_id: str) -> str:
        """The engine's own directory of a container for this boot."""
        return os.path.join(self.run_root, f"{self.driver.name}-containers", container_id, "userdata")

    # ------------------------------------------------------------ looking things up

    def layers(self) -> list[Layer]:
        """All layers, with what is mounted."""
        with self._reading(self._layers), self._reading(self._mounts):
            mounts = {identifier(record): record for record in self._mounts.records}
            return [
                objects.layer(record, mounts.get(identifier(record), {})) for record in self._layers.records
            ]

    def images(self) -> list[ImageRecord]:
        """All images."""
        with self._reading(self._images):
            return [ImageRecord(record) for record in self._images.records]

    def image(self, name: str) -> ImageRecord:
        """The image with this name, ID or unique beginning of an ID. NoSuchImage if there is none.

        A short name is completed as Podman does: `bb` is found as localhost/bb:latest and as
        docker.io/library/bb:latest, `localhost/bb` as localhost/bb:latest.
        """
        with self._reading(self._images):
            return ImageRecord(self._find_image(name))

    def _find_image(self, name: str) -> Record:
        for candidate in normalize(name):
            found = self._images.get(candidate)
            if found is not None:
                return found
        return self._images.find(name, NoSuchImage)

    def image_data(self, image_id: str, key: str) -> bytes:
        """A piece of an image's big data: its `manifest`, its configuration (a digest)."""
        with self._reading(self._images):
            record = self._find_image(image_id)
            return bigdata.read(os.path.dirname(self._images.path), identifier(record), key)

    def image_config(self, image_id: str) -> dict[str, object]:
        """The OCI configuration of an image."""
        source = f"manifest of image {image_id}"
        manifest = jsonutil.loads_object(self.image_data(image_id, "manifest"), source)
        digest = jsonutil.get_str(
            jsonutil.get_object(manifest, "config", source=source), "digest", source=source
        )
        return jsonutil.loads_object(self.image_data(image_id, digest), f"configuration of image {image_id}")

    def image_size(self, image_id: str) -> int:
        """The bytes of an image: its layers uncompressed, and its big data."""
        with self._reading(self._layers), self._reading(self._images):
            record = self._find_image(image_id)
            size = sum(ImageRecord(record).big_data_sizes.values())
            layer = self._layers.get(records.text(record, "layer"))
            while layer is not None:
                size += records.number(layer, "diff-size")
                layer = self._layers.get(records.text(layer, "parent"))
            return size

    def containers(self) -> list[StorageContainer]:
        """All containers of the store, those of other programs included."""
        with self._reading(self._containers):
            return [objects.container(record) for record in self._containers.records]

    def container(self, name: str) -> StorageContainer:
        """The container with this ID, name, layer ID or unique beginning of an ID; else NoSuchContainer."""
        with self._reading(self._containers):
            return objects.container(self._find_container(name))

    def _find_container(self, name: str) -> Record:
        if self._containers.get(name) is None:
            for record in self._containers.records:
                if record.get("layer") == name:
                    return record
        return self._containers.find(name, NoSuchContainer)

    # ------------------------------------------------------------ containers

    def create_container(
        self,
        container_id: str,
        names: Sequence[str],
        image_id: str | None,
        *,
        metadata: str = "",
        flags: Mapping[str, object] | None = None,
        layer_names: Sequence[str] = (),
    ) -> StorageContainer:
        """Make a container with a new read-write layer on top of an image, or of nothing.

        *flags* are kept with it; `MountOpts` (a list) and `Volatile` change how it is mounted. Raises
        NoSuchImage, and ContainerExists when the ID or a name is taken. Nothing is left behind by a failure.
        """
        with (
            self._changing_layers() as held,
            self._reading(self._images),
            self._writing(self._containers) as last,
        ):
            self._refuse_taken(container_id, names)
            parent = self._top_layer(image_id)
            layer = self._create_layer(held, parent, layer_names)
            record = objects.container_record(
                container_id, names, image_id or "", layer, metadata, flags or {}
            )
            try:
                for directory in (
                    self.container_directory(container_id),
                    self.container_run_directory(container_id),
                ):
                    files.make_directory(directory, DIRECTORY_MODE)
                self._containers.add(record)
                self._containers.save(last)
            except BaseException:
                # The record may be on disk already: it is the last step of a save that can fail after it.
                self._containers.remove(container_id)
                with contextlib.suppress(LibpodError, OSError):
                    self._containers.save(last)
                with contextlib.suppress(LibpodError):
                    self._remove_directories(container_id)
                self._delete_layer(held, layer)
                raise
        return objects.container(record)

    def _refuse_taken(self, container_id: str, names: Sequence[str]) -> None:
        for name in (container_id, *names):
            holder = self._containers.get(name)
            if holder is not None:
                raise ContainerExists(
                    name,
                    f"{name} is in use in {self.graph_root} by the storage container {identifier(holder)}",
                    hint="another program (buildah) may have made it; see `podman ps --all --external`",
                )

    def _top_layer(self, image_id: str | None) -> str | None:
        if image_id is None:
            return None
        image = self._find_image(image_id)
        layer = records.text(image, "layer")
        if layer and self._layers.get(layer) is None:
            raise NoSuchLayer(
                layer, f"image {image_id} needs layer {layer}, which {self._layers.path} does not have"
            )
        return layer or None

    def _create_layer(self, held: HeldLock, parent: str | None, names: Sequence[str]) -> str:
        layer_id = secrets.token_hex(32)
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
            self.driver.create(layer_id, parent)
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

    def set_container_names(self, container_id: str, names: Sequence[str]) -> None:
        """Replace the names of a container. ContainerExists if another one has one of them."""
        with self._writing(self._containers) as held:
            record = self._containers.find(container_id, NoSuchContainer)
            self._refuse_taken("", [name for name in names if name not in records.names(record)])
            record["names"] = list(names)
            self._containers.save(held)

    def set_container_metadata(self, container_id: str, metadata: str) -> None:
        """Replace the text that the engine keeps with a container."""
        with self._writing(self._containers) as held:
            self._containers.find(container_id, NoSuchContainer)["metadata"] = metadata
            self._containers.save(held)

    def delete_container(self, name: str) -> None:
        """Remove a container, its layer (unmounting it) and its directories.

        A container whose layer is gone is removed all the same.
        """
        with (
            self._changing_layers() as held,
            self._reading(self._images),
            self._writing(self._containers) as last,
        ):
            record = self._find_container(name)
            container_id = identifier(record)
            layer = records.text(record, "layer")
            if self._layers.get(layer) is not None:
                self._unmount(layer, force=True)
                self._delete_layer(held, layer)
            self._containers.remove(container_id)
            self._containers.save(last)
            self._remove_directories(container_id)

    def delete_containers(self, container_ids: Collection[str]) -> dict[str, LibpodError]:
        """Remove several containers with as many flushes as one; the error of each that stays, by its ID.

        *container_ids* are full. Of one that the store does not know, the directories are removed.
        """
        with (
            self._changing_layers() as held,
            self._reading(self._images),
            self._writing(self._containers) as last,
        ):
            failed: dict[str, LibpodError] = {}
            containers = self._layers_of(container_ids)
            layers = {key: layer for key, layer in containers.items() if self._layers.get(layer)}
            with self._saving(self._layers, held, needed=bool(layers)):
                batch.each(layers, self._begin_removal, failed)
            with self._saving(self._layers, held, needed=bool(layers)):
                batch.each(layers, self._remove_tree, failed)
                self._layers.remove_all({layer for key, layer in layers.items() if key not in failed})
            with self._saving(self._containers, last, needed=bool(containers)):
                self._containers.remove_all(containers.keys() - failed.keys())
            batch.each({key: key for key in container_ids}, self._remove_directories, failed)
        return failed

    def _layers_of(self, container_ids: Collection[str]) -> dict[str, str]:
        """The layer of each of these containers that is known, by the ID of the container."""
        wanted = frozenset(container_ids)
        found = (record for record in self._containers.records if identifier(record) in wanted)
        return {identifier(record): records.text(record, "layer") for record in found}

    def _begin_removal(self, layer_id: str) -> None:
        self._unmount(layer_id, force=True)
        record = self._layers.get(layer_id)
        if record is not None:
            records.set_incomplete(record, incomplete=True)

    def _remove_tree(self, layer_id: str) -> None:
        self.driver.remove(layer_id)
        bigdata.remove_layer_files(os.path.dirname(self._layers.path), layer_id)

    def _remove_directories(self, container_id: str) -> None:
        for path in (self.container_directory(container_id), self.container_run_directory(container_id)):
            tree.remove(os.path.dirname(path))

    def _delete_layer(self, held: HeldLock, layer_id: str) -> None:
        record = self._layers.get(layer_id)
        if record is None:
            return
        records.set_incomplete(record, incomplete=True)
        self._layers.save(held)
        self._remove_tree(layer_id)
        self._layers.remove(layer_id)
        self._layers.save(held)

    # ------------------------------------------------------------ mounts

    def mount(self, container_id: str, mount_options: Sequence[str] = ()) -> str:
        """Mount the layer of a container, or count one more user of the mount; returns its path."""
        record = self.container(container_id)
        own = record.flags.get("MountOpts")
        wanted = list(mount_options) or ([str(option) for option in own] if isinstance(own, list) else [])
        return self._mount_layer(record.layer_id, wanted, volatile=record.volatile)

    def mount_image(self, image_id: str) -> str:
        """Mount the top layer of an image read-only; returns its path."""
        with self._reading(self._images):
            layer = records.text(self._find_image(image_id), "layer")
        return self._mount_layer(layer, ["ro"], volatile=False)

    def _mount_layer(self, layer_id: str, mount_options: Sequence[str], *, volatile: bool) -> str:
        with self._storage_lock_held(), self._changing_layers(), self._writing(self._mounts) as held:
            if self._layers.get(layer_id) is None:
                raise NoSuchLayer(layer_id)
            record = self._mounts.get(layer_id)
            count = records.number(record, "count") if record is not None else 0
            if count and self.driver.is_mounted(layer_id):
                path = self.driver.mount_point(layer_id)
            else:
                # A count without a mount is what a reboot or a lazy unmount leaves: it starts anew.
                count = 0
                path = self.driver.mount(
                    layer_id, options=mount_options, read_only="ro" in mount_options, volatile=volatile
                )
            self._set_count(held, layer_id, path, count + 1)
            return path

    def mounted(self, container_id: str) -> int:
        """How many users the mount of a container has; 0 if it is not mounted."""
        layer = self.container(container_id).layer_id
        with self._reading(self._mounts):
            record = self._mounts.get(layer)
            count = records.number(record, "count") if record is not None else 0
        return count if count and self.driver.is_mounted(layer) else 0

    def mount_path(self, container_id: str) -> str:
        """Where the layer of a container is mounted; empty if it is not."""
        return (
            self.driver.mount_point(self.container(container_id).layer_id)
            if self.mounted(container_id)
            else ""
        )

    def unmount(self, container_id: str, *, force: bool = False) -> bool:
        """Give up one use of a mount, or with *force* all; True if it is still mounted."""
        layer = self.container(container_id).layer_id
        with self._changing_layers():
            return self._unmount(layer, force=force)

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

    # ------------------------------------------------------------ images

    def set_image_names(self, image_id: str, names: Sequence[str]) -> None:
        """Replace the names of an image; names that another image has are taken from it, as Podman does."""
        with self._changing_layers(), self._writing(self._images) as held:
            record = self._find_image(image_id)
            wanted = list(dict.fromkeys(names))
            records.take_names(self._images.records, set(wanted), identifier(record))
            record["names"] = wanted
            history = [name for name in ImageRecord(record).names_history if name not in wanted]
            record["names-history"] = [*reversed(wanted), *history]
            self._images.save(held)

    def delete_image(self, name: str) -> list[str]:
        """Remove an image and the layers that nothing else needs; returns the IDs of those layers.

        Raises DependencyExists naming the containers that were made from it.
        """
        with (
            self._changing_layers() as held,
            self._writing(self._images) as images,
            self._reading(self._containers),
        ):
            record = self._find_image(name)
            image_id = identifier(record)
            users = [identifier(user) for user in self._containers.records if user.get("image") == image_id]
            if users:
                raise DependencyExists(
                    f"image {name} is in use by container {', '.join(user[:12] for user in users)}",
                    dependents=users,
                    hint="remove the containers first",
                )
            self._images.remove(image_id)
            self._images.save(images)
            tree.remove(os.path.join(os.path.dirname(self._images.path), image_id))
            return self._delete_unused_layers(held, records.text(record, "layer"))

    def _delete_unused_layers(self, held: HeldLock, top: str) -> list[str]:
        removed: list[str] = []
        layer_id = top
        while layer_id:
            record = self._layers.get(layer_id)
            if record is None or self._is_needed(layer_id):
                break
            parent = records.text(record, "parent")
            self._unmount(layer_id, force=True)
            self._delete_layer(held, layer_id)
            removed.append(layer_id)
            layer_id = parent
        return removed

    def _is_needed(self, layer_id: str) -> bool:
        if any(record.get("parent") == layer_id for record in self._layers.records):
            return True
        if any(record.get("layer") == layer_id for record in self._containers.records):
            return True
        return any(
            record.get("layer") == layer_id or layer_id in objects.texts(record.get("mapped-layers"))
            for record in self._images.records
        )

    # ------------------------------------------------------------ the end

    def shutdown(self, *, force: bool = False) -> None:
        """Give up the driver's home, unless a layer is still mounted.

        InvalidState names the layers that are mounted; with *force* they are unmounted first. A second call
        is RuntimeStopped.
        """
        if self._stopped:
            raise RuntimeStopped(f"the store {self.graph_root} is shut down already")
        if not self._ready and not os.path.isdir(os.path.dirname(self._layers.path)):
            self._stopped = True
            return
        with self._storage_lock_held() as storage, self._changing_layers():
            mounted = self._mounted_layers()
            if force:
                for layer_id in mounted:
                    self._unmount(layer_id, force=True)
                mounted = self._mounted_layers()
            if mounted:
                raise InvalidState(
                    f"the store {self.graph_root} has mounted layers: {', '.join(mounted)}",
                    hint="containers that run, or that `podman mount` has mounted, keep their layers",
                )
            self._stopped = True
            self.driver.release()
            storage.touch()

    def _mounted_layers(self) -> list[str]:
        with self._reading(self._mounts):
            return [
                identifier(record)
                for record in self._mounts.records
                if self.driver.is_mounted(identifier(record))
            ]

    def status(self) -> list[tuple[str, str]]:
        """The driver's facts for `info`."""
        return self.driver.status()

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
