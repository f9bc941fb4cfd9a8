"""The vfs driver: each layer is a full copy of its parent, in `<graph root>/vfs/dir/<layer>`. No mounts."""

from __future__ import annotations

import os
import stat

from libpod.errors import FileError, InvalidArgument
from libpod.host import files, mounts, tree
from libpod.storage.idmaps import NO_MAPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpod.storage.idmaps import IdMaps
    from libpod.storage.options import DriverOptions

DEFAULT_MODE = 0o555
DIRECTORY_MODE = 0o700


class VfsDriver:
    """Layers as plain directories, for file systems on which overlay does not work."""

    name = "vfs"

    def __init__(self, graph_root: str, options: DriverOptions) -> None:
        self.home = os.path.join(graph_root, self.name)
        self.options = options

    def create(self, layer_id: str, parent_id: str | None, *, volatile: bool = False) -> None:
        """Copy the parent's tree. *volatile* means nothing here."""
        del volatile
        files.make_directory(os.path.join(self.home, "dir"), DIRECTORY_MODE)
        self.remove(layer_id)
        path = self.difference(layer_id)
        if parent_id is None:
            files.make_directory(path, DEFAULT_MODE)
            return
        try:
            tree.copy(self.difference(parent_id), path)
        except BaseException:
            self.remove(layer_id)
            raise

    def remove(self, layer_id: str) -> None:
        """Remove the layer's tree."""
        path = self.difference(layer_id)
        try:
            tree.delete(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError("remove layer", path, error) from error

    def exists(self, layer_id: str) -> bool:
        """Whether the layer has a directory."""
        return os.path.isdir(self.difference(layer_id))

    def can_map_ids(self) -> bool:
        """Never: there is no mount."""
        return False

    def mount(
        self,
        layer_id: str,
        *,
        options: Sequence[str] = (),
        read_only: bool = False,
        volatile: bool = False,
        id_maps: IdMaps = NO_MAPS,
    ) -> str:
        """The directory itself. *read_only* and *volatile* mean nothing here; other options are refused."""
        del read_only, volatile
        if id_maps:
            raise InvalidArgument(f"layer {layer_id}: the vfs storage driver cannot map IDs in a mount")
        for option in options:
            if option not in ("ro", "rw"):
                raise InvalidArgument(f"mount option {option!r} does not work with the vfs storage driver")
        path = self.difference(layer_id)
        try:
            found = os.lstat(path)
        except OSError as error:
            raise FileError("mount layer", path, error) from error
        if not stat.S_ISDIR(found.st_mode):
            raise FileError("mount layer", path, NotADirectoryError(20, "not a directory"))
        return path

    def unmount(self, layer_id: str) -> None:
        """Nothing to undo."""

    def mount_point(self, layer_id: str) -> str:
        """The directory of the layer."""
        return self.difference(layer_id)

    def is_mounted(self, layer_id: str) -> bool:
        """A directory is always there."""
        return self.exists(layer_id)

    def difference(self, layer_id: str) -> str:
        """The directory of the layer: a full tree, not only what it changes."""
        return os.path.join(self.home, "dir", layer_id)

    def release(self) -> None:
        """Nothing is kept."""

    def status(self) -> list[tuple[str, str]]:
        """The facts that `podman info` shows."""
        return [("Backing Filesystem", mounts.filesystem_type(self.home))]
