"""The images of a store at one moment: what each is made of, and how they hang together."""

from __future__ import annotations

import functools

from libpod.errors import DecodeError, FileError, ImageExists, NoSuchImage
from libpod.host import jsonutil
from libpod.images import reference, registries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from libpod.images.registries import Registries
    from libpod.storage.images import ImageRecord
    from libpod.storage.objects import Layer, StorageContainer
    from libpod.storage.store import Store

    K = TypeVar("K")
    V = TypeVar("V")
    Data = dict[str, object]
    Step = tuple[object, ...]

_SHA256 = "sha256:"


class Catalog:
    """Reads the records once, and manifests and configurations when they are asked for.

    *read_registries* gives what short names may mean; it is asked only when there is one.
    """

    def __init__(self, store: Store, read_registries: Callable[[], Registries]) -> None:
        self.store = store
        self._read_registries = read_registries
        self.layers, self.images, self.containers = store.snapshot()
        self._sizes: dict[str, int] = {"": 0}
        self._configs: dict[str, Data] = {}
        self._shapes: dict[str, tuple[list[object], list[Step]]] = {}

    # ------------------------------------------------------------ finding

    @functools.cached_property
    def by_name(self) -> dict[str, ImageRecord]:
        """Images by full name."""
        return {name: image for image in self.images for name in image.names}

    @functools.cached_property
    def by_id(self) -> dict[str, ImageRecord]:
        """Images by full ID."""
        return {image.id: image for image in self.images}

    def find(self, name: str) -> ImageRecord:
        """The image that *name* means: an ID, its unique beginning, a name, a short name, or a digest.

        Raises NoSuchImage, and ImageExists where several could be meant.
        """
        return self.locate(name)[0]

    def locate(self, name: str) -> tuple[ImageRecord, str]:
        """The image, and that name of it by which it was found; an empty one for an ID or a digest."""
        plain = name.removeprefix(_SHA256)
        found = self.by_id.get(plain)
        if found is not None:
            return found, ""
        for search in (self._find_name, self._find_beginning, self._find_digest, self._find_end):
            for image, by in search(name, plain):
                return image, by
        raise NoSuchImage(name, f"{name}: image not known", hint="see 'libpod images', or pull it")

    def _find_name(self, name: str, _plain: str) -> Iterator[tuple[ImageRecord, str]]:
        for candidate in self._candidates(name):
            image = self.by_name.get(candidate)
            if image is not None:
                yield image, candidate

    def _candidates(self, name: str) -> list[str]:
        if name in self.by_name:
            return [name]
        given = _parse(name)
        if given is None:
            return []
        if not given.is_short:
            return [str(given.complete())]
        local = str(given.on(reference.LOCALHOST).complete())
        return [local] if local in self.by_name else registries.local_names(self._read_registries(), name)

    def _find_beginning(self, name: str, plain: str) -> Iterator[tuple[ImageRecord, str]]:
        matches = [image for image in self.images if plain and image.id.startswith(plain)]
        if len(matches) > 1:
            raise ImageExists(
                name, f"{name} is the beginning of {len(matches)} image IDs", hint="give more of it"
            )
        yield from ((image, "") for image in matches)

    def _find_digest(self, name: str, _plain: str) -> Iterator[tuple[ImageRecord, str]]:
        """`NAME@DIGEST`, for an image that has that digest and a name in that repository; or the digest."""
        given = _parse(name)
        digest = name if name.startswith(_SHA256) else given.digest if given is not None else ""
        for image in self.images if digest else ():
            if digest in image.digests and (given is None or not given.digest or _same_place(image, given)):
                yield image, ""

    def _find_end(self, name: str, _plain: str) -> Iterator[tuple[ImageRecord, str]]:
        """A short name that ends the name of one image, whatever its registry is."""
        given = _parse(name)
        if given is None or not given.is_short or given.digest:
            return
        ending = f"/{given.complete()}"
        matches = {known: image for known, image in self.by_name.items() if known.endswith(ending)}
        if len({image.id for image in matches.values()}) > 1:
            raise ImageExists(
                name, f"{name} may mean {', '.join(sorted(matches))}", hint="give the full name"
            )
        yield from ((image, known) for known, image in matches.items())

    # ------------------------------------------------------------ contents

    def manifest(self, image: ImageRecord) -> Data:
        """The manifest. DecodeError, FileError where the image is damaged."""
        return jsonutil.loads_object(
            self.store.image_data(image.id, "manifest"), f"manifest of image {image.id}"
        )

    def config(self, image: ImageRecord) -> Data:
        """The OCI configuration, read once."""
        found = self._configs.get(image.id)
        if found is None:
            found = self._configs[image.id] = self._read_config(image)
        return found

    def _read_config(self, image: ImageRecord) -> Data:
        digest = _SHA256 + image.id
        if digest in image.big_data_sizes:
            return jsonutil.loads_object(
                self.store.image_data(image.id, digest), f"configuration of image {image.id}"
            )
        return self.store.image_config(image.id)

    def readable_config(self, image: ImageRecord) -> Data:
        """The same; empty where it cannot be read: one damaged image must not hide the others."""
        try:
            return self.config(image)
        except (DecodeError, FileError):
            return {}

    def chain(self, image: ImageRecord) -> list[Layer]:
        """The layers, the top one first. NoSuchImage where one is lost."""
        found: list[Layer] = []
        layer_id = image.top_layer
        while layer_id:
            layer = self.layers.get(layer_id)
            if layer is None or len(found) > len(self.layers):
                raise NoSuchImage(
                    image.id,
                    f"image {image.id[:12]} is damaged: layer {layer_id[:12]} is not in the store",
                    hint="remove it by 'libpod rmi', and pull it again",
                )
            found.append(layer)
            layer_id = layer.parent
        return found

    def size(self, image: ImageRecord) -> int:
        """The bytes of an image: its layers uncompressed, and its big data."""
        return self._size_below(image.top_layer) + sum(image.big_data_sizes.values())

    def _size_below(self, layer_id: str) -> int:
        steps: list[str] = []
        while layer_id not in self._sizes:
            layer = self.layers.get(layer_id)
            if layer is None or len(steps) > len(self.layers):
                self._sizes[layer_id] = 0
                break
            steps.append(layer_id)
            layer_id = layer.parent
        size = self._sizes[layer_id]
        for step in reversed(steps):
            size += max(self.layers[step].size, 0)
            self._sizes[step] = size
        return size

    # ------------------------------------------------------------ how they hang together

    @functools.cached_property
    def by_top_layer(self) -> dict[str, list[ImageRecord]]:
        """Images by their top layer."""
        return _grouped((image.top_layer, image) for image in self.images)

    @functools.cached_property
    def _children_of_layer(self) -> dict[str, list[str]]:
        return _grouped((layer.parent, layer.id) for layer in self.layers.values())

    @functools.cached_property
    def users(self) -> dict[str, list[StorageContainer]]:
        """Containers by the ID of their image, those of other programs included."""
        return _grouped((container.image_id, container) for container in self.containers)

    def parent(self, image: ImageRecord) -> ImageRecord | None:
        """The image of the store that this one was made from."""
        layer = self.layers.get(image.top_layer)
        below = [image.top_layer, layer.parent if layer is not None else ""]
        candidates = [
            other for layer_id in below for other in self.by_top_layer.get(layer_id, ()) if layer_id
        ]
        for candidate in candidates:
            if candidate.id != image.id and self._is_parent(candidate, image):
                return candidate
        return None

    def children(self, image: ImageRecord) -> list[ImageRecord]:
        """The images that were made from this one."""
        if not image.top_layer:
            return []
        above = [image.top_layer, *self._children_of_layer.get(image.top_layer, ())]
        candidates = [other for layer_id in above for other in self.by_top_layer.get(layer_id, ())]
        return [other for other in candidates if other.id != image.id and self._is_parent(image, other)]

    def _is_parent(self, parent: ImageRecord, child: ImageRecord) -> bool:
        """Whether the child's layers and history begin with all of the parent's, and its history goes on."""
        layers, steps = self._shape(parent)
        all_layers, all_steps = self._shape(child)
        return (
            len(steps) < len(all_steps)
            and layers == all_layers[: len(layers)]
            and steps == all_steps[: len(steps)]
        )

    def _shape(self, image: ImageRecord) -> tuple[list[object], list[Step]]:
        """The layers and the history of an image, for comparing."""
        found = self._shapes.get(image.id)
        if found is None:
            config = self.readable_config(image)
            found = diff_ids(config), [_step(entry) for entry in history_of(config)]
            self._shapes[image.id] = found
        return found

    def is_intermediate(self, image: ImageRecord) -> bool:
        """Whether it has no name and only serves others that were made from it."""
        return not image.names and bool(self.children(image))

    def is_dangling(self, image: ImageRecord) -> bool:
        """Whether it has no name and nothing was made from it."""
        return not image.names and not self.children(image)


def _grouped(pairs: Iterator[tuple[K, V]]) -> dict[K, list[V]]:
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _parse(name: str) -> reference.Reference | None:
    from libpod.errors import InvalidArgument

    try:
        return reference.parse(name)
    except InvalidArgument:
        return None


def _same_place(image: ImageRecord, wanted: reference.Reference) -> bool:
    places = {reference.split_tag(name.partition("@")[0])[0] for name in image.names}
    return wanted.repository in places or f"{reference.LOCALHOST}/{wanted.path}" in places


def diff_ids(config: Data) -> list[object]:
    """The digests of the uncompressed layers that a configuration names, the lowest first."""
    rootfs = config.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    return found if isinstance(found, list) else []


def history_of(config: Data) -> list[Data]:
    """The history that a configuration tells, the oldest step first."""
    found = config.get("history")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _step(entry: Data) -> Step:
    return tuple(entry.get(key) for key in ("created", "created_by", "author", "comment", "empty_layer"))
