"""What a storage driver does, and the one place that chooses it."""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument, NotSupported
from libpod.storage.idmaps import NO_MAPS
from libpod.values import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpod.storage.idmaps import IdMaps
    from libpod.storage.options import DriverOptions

DRIVERS = ("overlay", "vfs")
"""The drivers that we know, the preferred one first."""
KNOWN = (*DRIVERS, "btrfs", "zfs", "aufs", "devicemapper")
"""These, and those that containers/storage has besides."""


class Driver(Protocol):
    """Keeps the trees of layers below `<graph root>/<driver>`. Calls come with the store's locks held."""

    name: str
    home: str

    def create(self, layer_id: str, parent_id: str | None, *, volatile: bool = False) -> None:
        """Make an empty layer on top of *parent_id*, removing what an earlier attempt left.

        A *volatile* one need not survive a power cut.
        """

    def remove(self, layer_id: str) -> None:
        """Remove the tree of a layer that is not mounted. A tree that is not there is no error."""

    def exists(self, layer_id: str) -> bool:
        """Whether the layer has a tree."""

    def can_map_ids(self) -> bool:
        """Whether `mount` can show the files of a layer with mapped IDs."""

    def mount(
        self,
        layer_id: str,
        *,
        options: Sequence[str] = (),
        read_only: bool = False,
        volatile: bool = False,
        id_maps: IdMaps = NO_MAPS,
    ) -> str:
        """Make the tree visible and return its absolute path. *options* replace the configured ones."""

    def unmount(self, layer_id: str) -> None:
        """Undo `mount`. A layer that is not mounted is no error."""

    def mount_point(self, layer_id: str) -> str:
        """The path that `mount` returns."""

    def is_mounted(self, layer_id: str) -> bool:
        """Whether the tree is visible at its mount point now."""

    def difference(self, layer_id: str) -> str:
        """The directory with what this layer changes."""

    def release(self) -> None:
        """Give up what the driver keeps while layers are in use. Only when no layer is mounted."""

    def status(self) -> list[tuple[str, str]]:
        """Facts for `info`, as pairs."""


def detect(graph_root: str) -> str:
    """The driver that made the store at *graph_root*; overlay for a new one.

    containers/storage does the same when no driver is configured: a driver whose directory is there goes
    before its list of preferences. A vfs directory that is empty does not count.
    """
    return next(iter(found(graph_root)), DRIVERS[0])


def found(graph_root: str) -> list[str]:
    """The drivers that made something at *graph_root*, the preferred one first; none for a new store."""
    made = [name for name in KNOWN if os.path.isdir(os.path.join(graph_root, f"{name}-images"))]
    if made:
        return made
    homes = ((name, os.path.join(graph_root, name)) for name in DRIVERS)
    return [name for name, home in homes if os.path.isdir(home) and os.listdir(home)]


def open_driver(name: str, graph_root: str, run_root: str, options: DriverOptions) -> Driver:
    """The driver *name*; the one that made the store if it is empty. InvalidArgument for an unknown name."""
    name = name or detect(graph_root)
    if name in ("overlay", "overlay2"):
        from libpod.storage.overlay import OverlayDriver

        return OverlayDriver(graph_root, run_root, options)
    if name == "vfs":
        from libpod.storage.vfs import VfsDriver

        return VfsDriver(graph_root, options)
    if name in KNOWN:
        raise NotSupported(
            f"storage driver {name} of {graph_root} is not supported, only overlay and vfs are"
        )
    raise InvalidArgument(f"unknown storage driver {name!r}", hint="overlay and vfs are supported")
