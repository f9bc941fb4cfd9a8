"""Named volumes of a container that starts: mounted and counted, filled from the image, given to its user.

The caller holds the lock of the container; that of a volume is taken after it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from libpod.containers import volumes
from libpod.errors import FileError, InvalidState, LibpodError, NoSuchVolume, NotSupported
from libpod.host import files, jsonutil, mounts, process, rooted, tree
from libpod.oci import volumes as requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord, VolumeRecord

    Owner = tuple[int, int]

MOUNT_SECONDS = 120.0
"""For mount(8): a server of a network file system may be slow, and may be dead."""
OVERLAY = "O"
CHOWN = "U"
# Options that say what is to be done, not how to mount.
_ORDERS = frozenset(("copy", "nocopy", "z", "Z", CHOWN))
# What Podman stores beside what is given to mount(8).
_OWN_OPTIONS = frozenset(("UID", "GID", "SIZE", "INODES", "NOQUOTA", "copy", "nocopy"))
_UNFINISHED = "copy-up-unfinished"
"""A file beside the contents while they are being copied from the image."""


def require_supported(record: VolumeRecord) -> None:
    """Raise NotSupported for a volume of a plugin or of an image, which only Podman can mount."""
    driver = jsonutil.get_str(record.config, "volumeDriver", "", source=record.describe())
    if driver not in ("", volumes.LOCAL):
        raise NotSupported(
            f"volume {record.id} has the driver {driver}, which is not supported",
            hint="its containers can be started with podman",
        )


def uses(record: ContainerRecord) -> list[dict[str, object]]:
    """The entries of `namedVolumes`: `volumeName`, `dest`, `options`."""
    found = jsonutil.get_list(record.config, "namedVolumes", [], source=record.describe())
    return [entry for entry in found if isinstance(entry, dict)]


def _options(use: Mapping[str, object], source: str) -> list[str]:
    return jsonutil.get_str_list(use, "options", [], source=source)


# ---------------------------------------------------------------- all volumes of a container


def mount_all(engine: Engine, record: ContainerRecord, root: str, owner: Owner = (0, 0)) -> None:
    """Mount the volumes of a container whose root is mounted at *root*, and prepare what is in them.

    *owner* is who gets new ones, by the IDs of the host. Raises NoSuchVolume, NotSupported, CommandError and
    CommandTimeout of mount(8); nothing stays mounted then.
    """
    with contextlib.ExitStack() as undo:
        for use in uses(record):
            name = jsonutil.get_str(use, "volumeName", source=record.describe())
            volume = engine.state.volume(name)
            _require_other_lock(record, volume)
            with volumes.locked(engine, volume):
                _mount(engine, volume)
                undo.callback(_give_up, engine, volume)
                _prepare(engine, volume, use, root, owner)
        undo.pop_all()


def _require_other_lock(record: ContainerRecord, volume: VolumeRecord) -> None:
    if record.lock_id is not None and record.lock_id == volume.lock_id:
        raise InvalidState(
            f"container {record.name} and volume {volume.id} have the same lock, {record.lock_id}",
            hint="podman system renumber gives each of them its own",
        )


def unmount_all(engine: Engine, record: ContainerRecord) -> None:
    """Give up what `mount_all` mounted. Everything is tried; the first error is raised at the end."""
    errors: list[LibpodError] = []
    for use in uses(record):
        name = jsonutil.get_str(use, "volumeName", source=record.describe())
        try:
            with contextlib.suppress(NoSuchVolume):
                volume = engine.state.volume(name)
                if needs_mount(volume):
                    with volumes.locked(engine, volume):
                        _unmount(engine, volume)
        except LibpodError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _give_up(engine: Engine, volume: VolumeRecord) -> None:
    with volumes.locked(engine, volume):
        _unmount(engine, volume)


def oci_mounts(engine: Engine, record: ContainerRecord) -> list[dict[str, object]]:
    """The volumes as mounts of the OCI specification."""
    source = record.describe()
    return [
        {
            "destination": jsonutil.get_str(use, "dest", source=source),
            "type": "bind",
            "source": engine.state.volume(jsonutil.get_str(use, "volumeName", source=source)).mount_point,
            "options": [
                option
                for option in _options(use, source)
                if option not in _ORDERS and not option.startswith(requests.OPTION_OF_NEW)
            ],
        }
        for use in uses(record)
        if not is_overlay(use)
    ]


def is_overlay(use: Mapping[str, object]) -> bool:
    """Whether the container is to see a volume through an overlay: `libpod.containers.overlaymounts`."""
    options = use.get("options")
    return isinstance(options, list) and OVERLAY in options


# ---------------------------------------------------------------- one volume


def needs_mount(record: VolumeRecord) -> bool:
    """Whether a file system is mounted at its directory while it is used."""
    options = jsonutil.get_str_map(record.config, "volumeOptions", {}, source=record.describe())
    rest = set(options) - _OWN_OPTIONS
    # With IDs or limits alone, `o` holds nothing else.
    return bool(rest - {"o"} or (rest and not set(options) & _OWN_OPTIONS))


def mount(engine: Engine, record: VolumeRecord) -> str:
    """Mount a volume by hand, counted; returns its directory."""
    require_supported(record)
    with volumes.locked(engine, record):
        _mount(engine, record)
    return record.mount_point


def unmount(engine: Engine, record: VolumeRecord) -> None:
    """Give up a mount."""
    with volumes.locked(engine, record):
        _unmount(engine, record)


def _mount(engine: Engine, record: VolumeRecord) -> None:
    require_supported(record)
    volumes.make_directories(engine, record)
    if not needs_mount(record):
        return
    count = record.mount_count
    # A count without a mount is what an unclean end leaves.
    if not count or not mounts.is_mount_point(record.mount_point):
        _mount_file_system(record)
    record.state["mountCount"] = count + 1
    record.state["mountPoint"] = record.mount_point
    try:
        engine.state.save_volume(record)
    except BaseException:
        if not count:
            detach(record)
        raise


def _mount_file_system(record: VolumeRecord) -> None:
    options = jsonutil.get_str_map(record.config, "volumeOptions", {}, source=record.describe())
    kind, device = options.get("type", ""), options.get("device", "")
    command = ["mount"]
    if options.get("o"):
        command += ["-o", options["o"]]
    if kind:
        command += ["-t", kind]
    if kind == "bind":
        # As a type it is a word of /etc/fstab; mount(8) wants the flag.
        command = ["mount", "-o", ",".join(filter(None, ("bind", options.get("o"))))]
    process.run([*command, "--", device or kind, record.mount_point], timeout=MOUNT_SECONDS)


def _unmount(engine: Engine, record: VolumeRecord) -> None:
    if not needs_mount(record) or not record.mount_count:
        return
    record.state["mountCount"] = record.mount_count - 1
    if not record.mount_count:
        detach(record)
        record.state.pop("mountPoint", None)
    engine.state.save_volume(record)


def detach(record: VolumeRecord) -> None:
    """Unmount what is mounted at the volume's directory, however often it is."""
    if needs_mount(record):
        while mounts.unmount_if_mounted(record.mount_point):
            continue


# ---------------------------------------------------------------- first use


def _prepare(
    engine: Engine, volume: VolumeRecord, use: Mapping[str, object], root: str, owner: Owner
) -> None:
    """What the first container that uses a volume brings: the image's contents, owner and mode."""
    source = volume.describe()
    options = _options(use, source)
    if volume.state.get("notYetMounted") is not True and volume.state.get("notYetChowned") is not True:
        return
    stored = jsonutil.get_str_map(volume.config, "volumeOptions", {}, source=source)
    place = jsonutil.get_str(use, "dest", source=source)
    with _image_directory(root, place) as directory:
        if volume.state.get("notYetMounted") is True and "nocopy" not in (*options, *stored):
            _copy_up(volume, directory)
        if volume.state.get("notYetChowned") is True:
            _take_over_owner(volume, directory, owner)
    engine.state.save_volume(volume)


@contextlib.contextmanager
def _image_directory(root: str, place: str) -> Iterator[int | None]:
    """A descriptor of the directory *place* in the container's root, links resolved inside; None for none."""
    try:
        descriptor = rooted.open_path(root, place, os.O_RDONLY | os.O_DIRECTORY)
    except FileError as error:
        if error.errno not in rooted.MISSING:
            raise
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _copy_up(volume: VolumeRecord, directory: int | None) -> None:
    """Copy what the image has there into a volume that is empty; an interrupted copy goes on."""
    if directory is None or not os.listdir(directory):
        return
    target = volume.mount_point
    marker = os.path.join(os.path.dirname(target), _UNFINISHED)
    if not files.list_directory(target) or os.path.exists(marker):
        before = os.stat(target)
        files.write_atomic(marker, b"", sync=False, sync_dir=False)
        tree.fill(directory, target)
        # Its own directory changes only with `notYetChowned`.
        _set_owner_and_mode(target, before)
        files.remove_file(marker)
    volume.state.pop("notYetMounted", None)


def _take_over_owner(volume: VolumeRecord, directory: int | None, owner: Owner) -> None:
    """Owner, mode and time of the image's directory; without one, the container's root becomes the owner."""
    target = volume.mount_point
    del volume.state["notYetChowned"]
    try:
        if directory is None:
            os.chown(target, *owner)
        else:
            about = os.fstat(directory)
            _set_owner_and_mode(target, about)
            os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))
    except OSError as error:
        # What is mounted read-only, or by a server that decides for itself, keeps its owner.
        if error.errno not in (errno.EROFS, errno.EPERM):
            raise FileError("change the owner of", target, error) from error
    for key, value in zip(("uidChowned", "gidChowned"), owner, strict=True):
        if value:
            volume.state[key] = value


def _set_owner_and_mode(path: str, about: os.stat_result) -> None:
    os.chown(path, about.st_uid, about.st_gid)
    os.chmod(path, stat.S_IMODE(about.st_mode))


def give_to(engine: Engine, record: ContainerRecord, user: Owner) -> None:
    """Give all in volumes and binds with the option `U` to *user* (IDs of the host), following no link.

    InvalidArgument for a bind of what belongs to the host itself.
    """
    for use in uses(record):
        if CHOWN in _options(use, record.describe()) and not is_overlay(use):
            name = jsonutil.get_str(use, "volumeName", source=record.describe())
            tree.change_owner(engine.state.volume(name).mount_point, user)
    source = record.describe()
    specification = jsonutil.get_object(record.config, "spec", {}, source=source)
    for entry in jsonutil.get_list(specification, "mounts", [], source=source):
        if isinstance(entry, dict) and CHOWN in jsonutil.get_str_list(entry, "options", [], source=source):
            path = jsonutil.get_str(entry, "source", source=source)
            requests.require_own(path, path)
            tree.change_owner(path, user)
