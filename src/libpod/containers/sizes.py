"""How many bytes containers hold: what they changed, and what they see."""

from __future__ import annotations

import contextlib
import os
import stat

from libpod.errors import FileError, NoSuchContainer
from libpod.host import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpod.storage.store import Store


def of_containers(store: Store, container_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """`rwSize` and `rootFsSize` of each container that has a layer of its own, in bytes, by ID.

    The first counts its changes, the second the layers below them as well. FileError for what cannot be read.
    """
    layers = {layer.id: layer for layer in store.layers()}
    found: dict[str, dict[str, int]] = {}
    for container_id in container_ids:
        try:
            layer_id = store.container(container_id).layer_id
        except NoSuchContainer:
            continue
        changed = tree_size(store.driver.difference(layer_id)) if layer_id in layers else 0
        below = layers[layer_id].parent if layer_id in layers else ""
        whole = changed
        while below in layers:
            whole += max(layers[below].size, 0)
            below = layers[below].parent
        found[container_id] = {"rwSize": changed, "rootFsSize": whole}
    return found


def tree_size(path: str) -> int:
    """The bytes of all files in a tree, each counted once however many names it has; no link is followed."""
    seen: set[tuple[int, int]] = set()
    total = 0
    try:
        for descriptor, _names, others in tree.directories(path):
            for name in others:
                with contextlib.suppress(FileNotFoundError):
                    # It may run, and have removed it.
                    about = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    key = (about.st_dev, about.st_ino)
                    if stat.S_ISREG(about.st_mode) and key not in seen:
                        seen.add(key)
                        total += about.st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise FileError("read", path, error) from error
    return total
