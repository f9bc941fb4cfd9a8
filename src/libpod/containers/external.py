"""Containers that only the storage knows: buildah's, and those that a killed program has left."""

from __future__ import annotations

import os

from libpod.containers.items import Item
from libpod.containers.listing import Listing
from libpod.state.records import CONTAINER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any, Final

    from libpod.storage.objects import StorageContainer
    from libpod.storage.store import Store

STATE: Final = "storage"
"""What stands for the state of such a container, which has none."""
_BUILDAH_FILE: Final = "buildah.json"


def items(store: Store, known: Collection[str]) -> list[Item]:
    """The containers of *store* whose IDs are not *known*, with as much of a configuration as can be told."""
    names = {image.id: image.names for image in store.images()}
    return [
        Item(
            CONTAINER,
            found.id,
            found.names[0] if found.names else found.id,
            {
                "createdTime": found.created,
                "command": [_maker(store, found)],
                "rootfsImageID": found.image_id,
                "rootfsImageName": next(iter(names.get(found.image_id, ())), ""),
            },
        )
        for found in store.containers()
        if found.id not in known
    ]


def _maker(store: Store, found: StorageContainer) -> str:
    made_by_buildah = os.path.exists(os.path.join(store.container_directory(found.id), _BUILDAH_FILE))
    return "buildah" if made_by_buildah else STATE


def rows(containers: Sequence[Item], *, now: float) -> list[dict[str, Any]]:
    """Their rows in a list, as `Listing` makes them. *now* is the time in seconds since 1970."""
    found: list[dict[str, Any]] = Listing(containers, now=now).containers(everything=True)
    for row in found:
        row.update(State=STATE, Status=STATE.title(), ExitedAt=0, StartedAt=0)
    return found
