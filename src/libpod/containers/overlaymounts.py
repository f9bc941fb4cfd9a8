"""Volumes of which a container sees a copy that is its own for one run: `:O`, and images as volumes.

An overlay file system over a directory, over a named volume, or over an image. What is written there is in
`overlay` of the container's own directory, as with Podman, and is gone when the container has ended. The OCI
runtime mounts it, in the container alone; an image is mounted on the host, counted, until the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat

from libpod.containers import volumemounts
from libpod.errors import FileError, InvalidArgument, NoSuchImage
from libpod.host import files, jsonutil, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

    Mount = dict[str, object]

_DIRECTORY = "overlay"
_MODE = 0o700


def prepare(engine: Engine, record: ContainerRecord) -> list[Mount]:
    """Make what a start needs, and return the mounts of the OCI specification.

    `give_up` undoes it, also after a failure. Raises NoSuchImage, NoSuchVolume, and InvalidArgument for a
    path that cannot be told to the kernel.
    """
    # What an earlier run has left was not cleaned up yet.
    give_up(engine, record)
    home = _home(record)
    files.make_directory(home, _MODE)
    return [*_directories(engine, record, home), *_images(engine, record, home)]


def _home(record: ContainerRecord) -> str:
    return os.path.join(record.static_directory, _DIRECTORY)


def _directories(engine: Engine, record: ContainerRecord, home: str) -> Iterator[Mount]:
    source = record.describe()
    for entry in _entries(record, "overlayVolumes"):
        path = jsonutil.get_str(entry, "source", source=source)
        yield _overlay(home, jsonutil.get_str(entry, "dest", source=source), path)
    for use in _entries(record, "namedVolumes"):
        if volumemounts.is_overlay(use):
            volume = engine.state.volume(jsonutil.get_str(use, "volumeName", source=source))
            yield _overlay(home, jsonutil.get_str(use, "dest", source=source), volume.mount_point)


def _images(engine: Engine, record: ContainerRecord, home: str) -> Iterator[Mount]:
    source = record.describe()
    for entry in _entries(record, "ctrImageVolumes"):
        image = engine.store.image(jsonutil.get_str(entry, "source", source=source))
        path = engine.store.mount_image(image.id)
        destination = jsonutil.get_str(entry, "dest", source=source)
        yield _overlay(home, destination, path, read_only=entry.get("rw") is not True)


def _entries(record: ContainerRecord, key: str) -> list[Mapping[str, object]]:
    found = jsonutil.get_list(record.config, key, [], source=record.describe())
    return [entry for entry in found if isinstance(entry, dict)]


def _room(home: str, destination: str) -> str:
    room = os.path.join(home, hashlib.sha256(os.fsencode(destination)).hexdigest()[:12])
    files.make_directory(room, _MODE)
    return room


def _overlay(home: str, destination: str, source: str, *, read_only: bool = False) -> Mount:
    room = _room(home, destination)
    upper, work, merged = (os.path.join(room, name) for name in ("upper", "work", "merge"))
    for path in (upper, work, merged):
        files.make_directory(path, _MODE)
    try:
        about = os.stat(source)
        if not stat.S_ISDIR(about.st_mode):
            raise InvalidArgument(f"{source}:{destination}:O: only a directory can be an overlay")
        os.chown(upper, about.st_uid, about.st_gid)
        os.chmod(upper, stat.S_IMODE(about.st_mode))
    except OSError as error:
        raise FileError("make an overlay of", source, error) from error
    lower = _lower(source)
    # Without a place to write there are two directories to read, or the kernel refuses.
    options = [f"lowerdir={lower}:{upper}"] if read_only else [f"lowerdir={lower}", f"upperdir={upper}"]
    options += ["ro"] if read_only else [f"workdir={work}"]
    return {"destination": destination, "type": "overlay", "source": merged, "options": [*options, "private"]}


def _lower(path: str) -> str:
    """A path as the kernel's list of lower directories has it (mount(2): a comma ends every option)."""
    if "," in path:
        raise InvalidArgument(f"{path} cannot be an overlay: its name has a comma")
    return path.replace("\\", "\\\\").replace(":", "\\:")


def give_to(record: ContainerRecord, user: tuple[int, int]) -> None:
    """Make *user* (IDs of the host) the owner of the overlays with the option `U`, not of what is below."""
    uses = [use for use in _entries(record, "namedVolumes") if volumemounts.is_overlay(use)]
    for use in (*_entries(record, "overlayVolumes"), *uses):
        if volumemounts.CHOWN in jsonutil.get_str_list(use, "options", [], source=record.describe()):
            destination = jsonutil.get_str(use, "dest", source=record.describe())
            tree.change_owner(os.path.join(_room(_home(record), destination), "upper"), user)


def give_up(engine: Engine, record: ContainerRecord) -> None:
    """Unmount the images, and remove what was written. Nothing happens where neither was made.

    Podman makes the same directory, so that what it has mounted is given up as well.
    """
    home = _home(record)
    if not os.path.isdir(home):
        return
    for entry in _entries(record, "ctrImageVolumes"):
        with contextlib.suppress(NoSuchImage):
            engine.store.unmount_image(jsonutil.get_str(entry, "source", source=record.describe()))
    tree.remove(home)
