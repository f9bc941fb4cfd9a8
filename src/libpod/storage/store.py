"""A store of layers, images and containers, shared with Podman, skopeo and buildah.

::

    <graph root>/                             <run root>/
    ├── storage.lock  userns.lock             └── <driver>-layers/mountpoints.json  mountpoints.lock
    ├── <driver>/                 trees       └── <driver>-containers/<id>/userdata/
    ├── <driver>-layers/          layers.json      layers.lock
    ├── <driver>-images/          images.json      images.lock      <id>/<big data>
    └── <driver>-containers/      containers.json  containers.lock  <id>/<big data>  <id>/userdata/

Beside layers.json and containers.json there may be a volatile-layers.json and a volatile-containers.json of a
later Podman: see `libpod.storage.records.RecordFile`.

Locks are taken in this order, and given up in the reverse one: userns, storage, layers, images, containers,
mountpoints. Layers change only under layers.lock held for writing; a mount also holds storage.lock, since
it may have to bind the driver's home. mountpoints.lock is taken last and held for the shortest time.

A layer is recorded as incomplete before its tree is made or removed and as whole afterwards, so that a
crash leaves a record that the next program which opens the layers for writing clears away.
"""

from __future__ import annotations

import contextlib
import os

from libpod.errors import (
    ContainerExists,
    InvalidArgument,
    InvalidState,
    LibpodError,
    NoSuchContainer,
    RuntimeStopped,
)
from libpod.host import files, mounts, tree
from libpod.storage import batch, idmaps, objects, options, records
from libpod.storage.base import DIRECTORY_MODE
from libpod.storage.idmaps import NO_MAPS, IdMaps
from libpod.storage.imagestore import ImageStore
from libpod.storage.lockfile import LockFile
from libpod.storage.objects import NoSuchLayer
from libpod.storage.records import identifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from libpod.storage.lockfile import HeldLock
    from libpod.storage.objects import StorageContainer
    from libpod.storage.records import Record


class Store(ImageStore):
    """The store at *graph_root*, whose state of this boot is in *run_root*.

    Opening is cheap: nothing is read or made before it is needed. An empty *driver_name* means the driver
    that made the store. *driver_options* are `name=value` texts.
    """

    # ------------------------------------------------------------ directories

    def container_directory(self, container_id: str) -> str:
        """The engine's own directory of a container, which survives a reboot."""
        return os.path.join(os.path.dirname(self._containers.path), container_id, "userdata")

    def container_run_directory(self, container_id: str) -> str:
        """The engine's own directory of a container for this boot."""
        return os.path.join(self.run_root, f"{self.driver.name}-containers", container_id, "userdata")

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

    @contextlib.contextmanager
    def choosing_ids(self) -> Iterator[IdMaps]:
        """All mappings of the store's containers; nobody chooses IDs for another one until the block ends."""
        self._prepare()
        with LockFile(os.path.join(self.graph_root, "userns.lock")).write():
            maps = [container.id_maps for container in self.containers()]
            yield IdMaps(
                tuple(entry for found in maps for entry in found.uids),
                tuple(entry for found in maps for entry in found.gids),
            )

    def create_container(
        self,
        container_id: str,
        names: Sequence[str],
        image_id: str | None,
        *,
        metadata: str = "",
        flags: Mapping[str, object] | None = None,
        layer_names: Sequence[str] = (),
        id_maps: IdMaps = NO_MAPS,
    ) -> StorageContainer:
        """Make a container with a new read-write layer on top of an image, or of nothing.

        *flags* are kept with it; `MountOpts` (a list) and `Volatile` change how it is mounted. With *id_maps*
        its files are seen with mapped IDs. Raises NoSuchImage, and ContainerExists when the ID or a name is
        taken. Nothing is left behind by a failure.
        """
        with (
            # Files that get mapped IDs one by one need a mount for it.
            self._storage_lock_held() if id_maps else contextlib.nullcontext(),
            self._changing_layers() as held,
            self._reading(self._images),
            self._writing(self._containers) as last,
        ):
            self._refuse_taken(container_id, names)
            parent = self._top_layer(image_id)
            for name in layer_names:
                self._delete_orphan(held, name)
            volatile = (flags or {}).get("Volatile") is True
            layer = self._create_layer(held, parent, layer_names, id_maps, volatile=volatile)
            record = objects.container_record(
                container_id, names, image_id or "", layer, metadata, flags or {}, id_maps
            )
            try:
                self._containers.add(record)
                self._containers.save(last)
                # After the record, by which they are found and removed if we do not come to an end.
                for directory in (
                    self.container_directory(container_id),
                    self.container_run_directory(container_id),
                ):
                    files.make_directory(directory, DIRECTORY_MODE)
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
                    hint="it is of another program (buildah), or was left by one that was killed: "
                    f"remove it with `libpod rm --force {name}`",
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

    def set_container_names(self, container_id: str, names: Sequence[str]) -> None:
        """Replace the names of a container. ContainerExists if another one has one of them."""
        with self._writing(self._containers) as held:
            record = self._containers.find(container_id, NoSuchContainer)
            self._refuse_taken("", [name for name in names if name not in records.names(record)])
            record["names"] = list(names)
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
                # What fills the disk may be what the container has written: that goes in any case.
                self._delete_layer(held, layer, lambda: self._make_room(container_id, layer))
            self._remove_directories(container_id)
            self._containers.remove(container_id)
            self._containers.save(last)

    def _make_room(self, container_id: str, layer: str) -> None:
        self._remove_directories(container_id)
        tree.remove(self.driver.difference(layer))

    def delete_orphan(self, layer_name: str) -> bool:
        """Remove the layer of this name if nothing needs it; whether there was such a one.

        A program that is killed between making a container's layer and its record leaves one.
        """
        with self._changing_layers() as held, self._reading(self._images), self._reading(self._containers):
            return self._delete_orphan(held, layer_name)

    def _delete_orphan(self, held: HeldLock, layer_name: str) -> bool:
        record = self._layers.get(layer_name)
        if record is None or layer_name not in records.names(record) or self._is_needed(identifier(record)):
            return False
        self._unmount(identifier(record), force=True)
        self._delete_layer(held, identifier(record))
        return True

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

    def _remove_directories(self, container_id: str) -> None:
        shared_memory = os.path.join(self.container_directory(container_id), "shm")
        if mounts.is_mount_point(shared_memory):
            # The engine's, which may not know of it any more: a record was broken, or a removal died.
            mounts.unmount_if_mounted(shared_memory)
        for path in (self.container_directory(container_id), self.container_run_directory(container_id)):
            tree.remove(os.path.dirname(path))

    # ------------------------------------------------------------ mounts

    def mount(self, container_id: str, mount_options: Sequence[str] = ()) -> str:
        """Mount the layer of a container, or count one more user of the mount; returns its path."""
        record = self.container(container_id)
        own = record.flags.get("MountOpts")
        wanted = list(mount_options) or ([str(option) for option in own] if isinstance(own, list) else [])
        label = record.flags.get("MountLabel")
        if label:
            # SELinux: all files that are seen through the mount have it.
            wanted = [*(wanted or options.parse(self.driver_options).mount_options), f'context="{label}"']
        return self._mount_layer(record.layer_id, wanted, volatile=record.volatile, id_maps=record.id_maps)

    def _mount_layer(
        self, layer_id: str, mount_options: Sequence[str], *, volatile: bool, id_maps: IdMaps = NO_MAPS
    ) -> str:
        with self._storage_lock_held(), self._changing_layers(), self._writing(self._mounts) as held:
            layer = self._layers.get(layer_id)
            if layer is None:
                raise NoSuchLayer(layer_id)
            record = self._mounts.get(layer_id)
            count = records.number(record, "count") if record is not None else 0
            if count and self.driver.is_mounted(layer_id):
                path = self.driver.mount_point(layer_id)
            else:
                # A count without a mount is what a reboot or a lazy unmount leaves: it starts anew.
                count = 0
                path = self.driver.mount(
                    layer_id,
                    options=mount_options,
                    read_only="ro" in mount_options,
                    volatile=volatile,
                    # Files of a layer with a mapping of its own have the IDs of the host already.
                    id_maps=NO_MAPS if idmaps.of_record(layer) else id_maps,
                )
            self._set_count(held, layer_id, path, count + 1)
            return path

    @contextlib.contextmanager
    def image_root(self, image_id: str) -> Iterator[str]:
        """The files of an image, to be read in the block; "" for one without a layer. NoSuchImage."""
        with self._changing_layers(), self._reading(self._images):
            layer = self._top_layer(image_id)
        if layer is None:
            yield ""
            return
        path = self._mount_layer(layer, ["ro"], volatile=False)
        try:
            yield path
        finally:
            with self._changing_layers():
                self._unmount(layer, force=False)

    def mount_image(self, name: str) -> str:
        """Mount what is in an image, read-only, or count one more user of the mount; returns its path.

        Raises NoSuchImage, and InvalidArgument for an image without layers.
        """
        image = self.image(name)
        if not image.top_layer:
            raise InvalidArgument(f"image {name} has no layers")
        return self._mount_layer(image.top_layer, ["ro"], volatile=False)

    def unmount_image(self, name: str, *, force: bool = False) -> bool:
        """Give up one use of the mount of an image, with *force* all; True if it is still mounted."""
        with self._changing_layers():
            return self._unmount(self.image(name).top_layer, force=force)

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
