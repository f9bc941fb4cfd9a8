"""What only the storage tells of containers: their directories, and the digests of their images."""

from __future__ import annotations

from libpod.errors import NoSuchContainer, NoSuchImage
from libpod.storage import directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from libpod.storage.store import Store


def add(store: Store, described: Iterable[dict[str, Any]]) -> None:
    """Add that to what `inspect` has described, as far as *store* knows it."""
    parents = {layer.id: layer.parent for layer in store.layers()}
    for entry in described:
        if "HostConfig" not in entry:
            continue
        try:
            container = store.container(entry["Id"])
        except NoSuchContainer:
            # In a root directory of its own.
            continue
        chain = []
        layer_id = container.layer_id
        while layer_id in parents and layer_id not in chain:
            chain.append(layer_id)
            layer_id = parents[layer_id]
        entry["GraphDriver"] = {**entry["GraphDriver"], "Data": directories.of_layers(store.driver, chain)}
        try:
            entry["ImageDigest"] = store.image(container.image_id).digest if container.image_id else ""
        except NoSuchImage:
            entry["ImageDigest"] = ""
