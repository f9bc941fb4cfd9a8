"""The images of a store, and the layers that they are made of.

`libpod.storage.store` describes the files and the order of the locks.
"""

from __future__ import annotations

import os

from libpod.errors import DependencyExists, NoSuchImage
from libpod.host import jsonutil, tree
from libpod.storage import bigdata, objects, records
from libpod.storage.base import StoreBase
from libpod.storage.images import ImageRecord, normalize
from libpod.storage.records import identifier
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from libpod.storage.lockfile import HeldLock
    from libpod.storage.objects import Layer, StorageContainer
    from libpod.storage.records import Record


class Snapshot(NamedTuple):
    """Layers by ID, images and containers of one moment."""

    layers: dict[str, Layer]
    images: list[ImageRecord]
    containers: list[StorageContainer]


class ImageStore(StoreBase):
    """What can be done with images."""

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

    def snapshot(self) -> Snapshot:
        """All that the store holds, without what is mounted."""
        with self._reading(self._layers), self._reading(self._images), self._reading(self._containers):
            return Snapshot(
                {identifier(record): objects.layer(record, {}) for record in self._layers.records},
                [ImageRecord(record) for record in self._images.records],
                [objects.container(record) for record in self._containers.records],
            )

    def image(self, name: str) -> ImageRecord:
        """The image with this name, ID or unique beginning of an ID. NoSuchImage if there is none.

        A short name is completed as Podman does: `bb` is found as localhost/bb:latest and as
        docker.io/library/bb:latest, `localhost/bb` as localhost/bb:latest.
        """
        with self._reading(self._images):
            return ImageRecord(self._find_image(name))

    def named_image(self, name: str) -> ImageRecord | None:
        """The image that has exactly this name or ID, or this name on localhost; None if there is none.

        Both come before everything else that a short name may mean, so registries.conf need not be read.
        """
        with self._reading(self._images):
            for candidate in normalize(name)[:2]:
                found = self._images.get(candidate)
                if found is not None:
                    return ImageRecord(found)
        return None

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

    def file_owners(self, image_id: str) -> int:
        """One more than the highest user or group ID of the image's files, as its layers record them."""
        highest = -1
        with self._reading(self._layers), self._reading(self._images):
            layer = self._layers.get(records.text(self._find_image(image_id), "layer"))
            while layer is not None:
                for key in ("uidset", "gidset"):
                    found = layer.get(key)
                    numbers = (
                        [number for number in found if type(number) is int] if isinstance(found, list) else []
                    )
                    highest = max([highest, *numbers])
                layer = self._layers.get(records.text(layer, "parent"))
        return highest + 1

    # ------------------------------------------------------------ images

    def change_image_names(self, image_id: str, change: Callable[[list[str]], Sequence[str]]) -> list[str]:
        """Replace the names of an image by what *change* makes of them; returns them as they are then.

        Names that another image has are taken from it, as Podman does. All happens under one lock, so that
        no change of another program is lost.
        """
        with self._changing_layers(), self._writing(self._images) as held:
            record = self._find_image(image_id)
            wanted = list(dict.fromkeys(change(records.names(record))))
            records.take_names(self._images.records, set(wanted), identifier(record))
            record["names"] = wanted
            if not wanted:
                del record["names"]
            history = [name for name in ImageRecord(record).names_history if name not in wanted]
            if wanted or history:
                record["names-history"] = [*reversed(wanted), *history]
            self._images.save(held)
            return wanted

    def forget_image_name(self, image_id: str, name: str) -> None:
        """Take a name away from an image as if it had never had it."""
        with self._writing(self._images) as held:
            record = self._find_image(image_id)
            for key in ("names", "names-history"):
                left = [known for known in objects.texts(record.get(key)) if known != name]
                if left:
                    record[key] = left
                else:
                    record.pop(key, None)
            self._images.save(held)

    def clear_incomplete_layers(self) -> None:
        """Remove layers that a program which was killed has left half made."""
        with self._changing_layers():
            return

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
