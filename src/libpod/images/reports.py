"""Everything about one image: `image inspect`, `history`, and the tree of its layers."""

from __future__ import annotations

from libpod.images import listing
from libpod.images.catalog import diff_ids, history_of
from libpod.storage import directories
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.images.catalog import Catalog
    from libpod.storage.images import ImageRecord
    from libpod.storage.objects import Layer

    Data = dict[str, object]

UNKNOWN = "<missing>"


def inspect(catalog: Catalog, image: ImageRecord) -> Data:
    """An image with Podman's key names. DecodeError, FileError where it is damaged."""
    config, manifest = catalog.config(image), catalog.manifest(image)
    inner = config.get("config")
    inner = inner if isinstance(inner, dict) else {}
    history = history_of(config)
    parent = catalog.parent(image)
    size = catalog.size(image)
    return {
        "Id": image.id,
        "Digest": image.digest,
        "RepoTags": [name for name in image.names if "@" not in name],
        "RepoDigests": listing.repository_digests(image),
        "Parent": parent.id if parent is not None else "",
        "Comment": _comment(config, history),
        "Created": config.get("created"),
        "Config": inner,
        "Version": config.get("docker_version", ""),
        "Author": config.get("author", ""),
        "Architecture": config.get("architecture", ""),
        "Os": config.get("os", ""),
        "Size": size,
        "VirtualSize": size,
        "GraphDriver": {"Name": catalog.store.driver.name, "Data": _directories(catalog, image)},
        "RootFS": {"Type": "layers", "Layers": diff_ids(config)},
        "Labels": listing.labels(catalog, image),
        "Annotations": manifest.get("annotations") or {},
        "ManifestType": _media_type(manifest),
        "User": inner.get("User", ""),
        "History": history,
        "NamesHistory": image.names_history,
        **({"Healthcheck": inner["Healthcheck"]} if inner.get("Healthcheck") else {}),
    }


def _comment(config: Data, history: list[Data]) -> object:
    """Docker's format has a comment of its own; OCI's has that of its last step."""
    if config.get("comment"):
        return config["comment"]
    comments = [entry["comment"] for entry in history if entry.get("comment")]
    return comments[0] if comments else ""


def _media_type(manifest: Data) -> object:
    if manifest.get("mediaType"):
        return manifest["mediaType"]
    if manifest.get("schemaVersion") == 1:
        return "application/vnd.docker.distribution.manifest.v1+json"
    return "application/vnd.oci.image.manifest.v1+json"


def _directories(catalog: Catalog, image: ImageRecord) -> Data:
    return directories.of_layers(catalog.store.driver, [layer.id for layer in catalog.chain(image)])


class Step(NamedTuple):
    """One step of an image's history. *size* is in bytes."""

    id: str
    created: str
    created_by: str
    size: int
    comment: str
    names: list[str]


def history(catalog: Catalog, image: ImageRecord) -> list[Step]:
    """How an image was made, the last step first, with the sizes of the layers that the steps added."""
    layers = catalog.chain(image)
    seen: set[str] = set()
    steps: list[Step] = []
    for entry in reversed(history_of(catalog.config(image))):
        empty = entry.get("empty_layer") is True
        images = catalog.by_top_layer.get(layers[0].id, []) if layers else []
        images = sorted(images, key=lambda other: other.id != image.id)
        identifier = images[0].id if images and images[0].id not in seen else UNKNOWN
        seen.add(identifier)
        size = 0 if empty or not layers else max(layers[0].size, 0)
        names = [name for other in images for name in other.names]
        texts = (str(entry.get(key) or "") for key in ("created", "created_by", "comment"))
        created, created_by, comment = texts
        steps.append(Step(identifier, created, created_by, size, comment, names))
        if layers and not empty:
            layers = layers[1:]
    return steps


class Node(NamedTuple):
    """A layer in a tree, with the names of the images whose top layer it is, and the layers on it."""

    layer: Layer
    names: list[str]
    children: list[Node]


def tree(catalog: Catalog, image: ImageRecord, *, whole: bool = False) -> list[Node]:
    """The layers of an image, the lowest first; with *whole* the layers of all images made from it."""
    if whole:
        chain = catalog.chain(image)
        return [_subtree(catalog, chain[0])] if chain else []
    return [_node(catalog, layer, []) for layer in reversed(catalog.chain(image))]


def _subtree(catalog: Catalog, layer: Layer) -> Node:
    own = {container.layer_id for container in catalog.containers}
    children = [
        child for child in catalog.layers.values() if child.parent == layer.id and child.id not in own
    ]
    return _node(catalog, layer, [_subtree(catalog, child) for child in children])


def _node(catalog: Catalog, layer: Layer, children: list[Node]) -> Node:
    names = [name for image in catalog.by_top_layer.get(layer.id, ()) for name in image.names]
    return Node(layer, names, children)
