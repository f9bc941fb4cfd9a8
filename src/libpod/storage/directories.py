"""Where the files of layers are: what `inspect` calls the data of the graph driver."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpod.storage.driver import Driver


def of_layers(driver: Driver, layer_ids: Sequence[str]) -> dict[str, object]:
    """The directories of a layer and of those below it, the top one first; nothing where they have no such.

    Of a layer that is mounted it is told where.
    """
    if driver.name != "overlay" or not layer_ids:
        return {}
    upper, *lower = [driver.difference(layer_id) for layer_id in layer_ids]
    found: dict[str, object] = {"LowerDir": ":".join(lower)} if lower else {}
    if driver.is_mounted(layer_ids[0]):
        found["MergedDir"] = driver.mount_point(layer_ids[0])
    return {**found, "UpperDir": upper, "WorkDir": os.path.join(os.path.dirname(upper), "work")}
