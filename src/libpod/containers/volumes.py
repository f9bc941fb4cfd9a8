"""Named volumes: making, finding and removing them, as Podman's database records them.

::

    <volume_path>/                  0700
    <volume_path>/NAME/             0700, of the volume's owner
    <volume_path>/NAME/_data        0755, what containers see; other file systems are mounted there

A volume with options (`type`, `device`, `o`) is mounted by mount(8) while at least one container that uses it
is mounted; the count is in its state. See `libpod.containers.volumemounts`.
"""

from __future__ import annotations

import contextlib
import os

from libpod.containers import names
from libpod.errors import (
    FileError,
    InvalidArgument,
    LibpodError,
    LockError,
    NoSuchVolume,
    NotSupported,
    VolumeExists,
)
from libpod.host import files, tree
from libpod.state.records import VolumeRecord
from libpod.storage.objects import now
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from libpod.containers.engine import Engine

LOCAL = "local"
DATA = "_data"
HOME_MODE = 0o700
DATA_MODE = 0o755
LOCK_SECONDS = 300.0


class VolumeOptions(NamedTuple):
    """The options of a new volume. *stored* is what Podman keeps of them; IDs are those of its directory."""

    stored: Mapping[str, str] = {}
    uid: int | None = None
    gid: int | None = None
    size: int = 0
    """Bytes."""
    inodes: int = 0
    no_quota: bool = False


def parse_options(texts: Sequence[str]) -> VolumeOptions:
    """The options of `--opt`: `type=…`, `device=…`, `o=…` with mount options, `copy` and `nocopy`.

    In `o`, `uid`, `gid`, `size`, `inodes` and `noquota` are Podman's own. Raises InvalidArgument for an
    unknown one, and NotSupported for a limit of size or inodes without a file system that could keep it.
    """
    stored: dict[str, str] = {}
    own: dict[str, str] = {}
    for text in texts:
        key, _, value = text.partition("=")
        if key == "o":
            own = dict(part.partition("=")[::2] for part in value.split(",") if part)
        elif key not in ("type", "device", "copy", "nocopy"):
            raise InvalidArgument(
                f"volume option {text!r} is not known", hint="options are type, device, o, copy and nocopy"
            )
        stored[key] = value
    found = VolumeOptions(stored, *_own_options(stored, own))
    if (found.size or found.inodes) and not found.no_quota and not stored.get("type"):
        raise NotSupported(
            "size and inodes of a volume need a file system of its own",
            hint="add --opt type=tmpfs --opt device=tmpfs, or mount a file system that has the limit",
        )
    if stored.get("type") == "bind" and not os.path.exists(stored.get("device", "")):
        raise InvalidArgument(f"volume device {stored.get('device')!r}: no such file or directory")
    return found


def _own_options(
    stored: dict[str, str], own: Mapping[str, str]
) -> tuple[int | None, int | None, int, int, bool]:
    """The values of Podman's own mount options, which it also stores under names in capitals."""
    numbers: dict[str, int] = {}
    for key in ("uid", "gid", "size", "inodes"):
        if key in own:
            numbers[key] = _size(own[key]) if key == "size" else _number(key, own[key])
            stored[key.upper()] = own[key]
    if "noquota" in own:
        stored["NOQUOTA"] = "true"
        rest = ",".join(f"{key}={value}" if value else key for key, value in own.items() if key != "noquota")
        stored.pop("o")
        stored.update({"o": rest} if rest else {})
    return (
        numbers.get("uid"), numbers.get("gid"), numbers.get("size", 0), numbers.get("inodes", 0),
        "noquota" in own,
    )  # fmt: skip


def _number(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidArgument(f"volume option {key}={text} is not a number")
    return int(text)


def _size(text: str) -> int:
    from libpod import sizes

    return sizes.memory_size(text, "size")


# ---------------------------------------------------------------- locks


@contextlib.contextmanager
def locked(engine: Engine, record: VolumeRecord) -> Iterator[None]:
    """Hold the lock of a volume, with its state read anew. It is taken after that of a container."""
    with engine.holding(record, engine.state.update_volume):
        yield


# ---------------------------------------------------------------- making


def create(
    engine: Engine,
    name: str = "",
    *,
    driver: str = LOCAL,
    labels: Mapping[str, str] | None = None,
    options: VolumeOptions = VolumeOptions(),  # noqa: B008 - it cannot be changed
    anonymous: bool = False,
) -> VolumeRecord:
    """Make a volume; without a *name* it gets one.

    Raises VolumeExists, InvalidArgument for a bad name, NotSupported for a driver other than `local`.
    Whatever fails, nothing is left.
    """
    if driver not in ("", LOCAL):
        raise NotSupported(
            f"volume driver {driver} is not supported",
            hint="plugins for volumes are Podman's alone; --opt type=… mounts other file systems",
        )
    name = names.check(name, "volume") if name else names.new_id()
    if engine.state.has_volume(name):
        raise VolumeExists(name)
    number = engine.locks.allocate().number
    with contextlib.ExitStack() as undo:
        undo.callback(engine.locks.free, number)
        record = _record(engine, name, number, dict(labels or {}), options, anonymous=anonymous)
        _add(engine, record)
        undo.pop_all()
    engine.events.record("volume", "create", name=name)
    return record


def _add(engine: Engine, record: VolumeRecord) -> None:
    """The database decides who makes a volume; others wait at its lock until the directory is there."""
    lock = engine.lock(record)
    lock.acquire(LOCK_SECONDS)
    try:
        engine.state.add_volume(record)
        try:
            make_directories(engine, record)
        except BaseException:
            engine.state.remove_volume(record)
            raise
    finally:
        lock.release()


def _record(
    engine: Engine,
    name: str,
    number: int,
    labels: Mapping[str, str],
    options: VolumeOptions,
    *,
    anonymous: bool,
) -> VolumeRecord:
    """Configuration and first state of Podman 4.3, keys in its order."""
    config: dict[str, object] = {
        "name": name,
        "lockID": number,
        "labels": dict(labels),
        "volumeDriver": LOCAL,
        "mountPoint": os.path.join(engine.config.volume_path, name, DATA),
        "createdAt": now(),
        "volumeOptions": dict(options.stored),
        "isAnon": anonymous,
        "uid": options.uid or 0,
        "gid": options.gid or 0,
        "size": options.size,
        "inodes": options.inodes,
        "disableQuota": options.no_quota,
    }
    for key in ("volumeOptions", "disableQuota"):
        if not config[key]:
            del config[key]
    state: dict[str, object] = {"mountCount": 0, "notYetMounted": True}
    if options.uid is None and options.gid is None:
        state["notYetChowned"] = True
    return VolumeRecord(name, config, state)


def make_directories(engine: Engine, record: VolumeRecord) -> None:
    """Make the volume's directories where they are missing; what is there stays as it is."""
    files.make_directory(engine.config.volume_path, HOME_MODE)
    owner = tuple(value if isinstance(value := record.config.get(key), int) else 0 for key in ("uid", "gid"))
    for path, mode in ((os.path.dirname(record.mount_point), HOME_MODE), (record.mount_point, DATA_MODE)):
        if files.make_directory(path, mode):
            os.chown(path, owner[0], owner[1], follow_symlinks=False)


def ensure(
    engine: Engine,
    name: str,
    options: VolumeOptions = VolumeOptions(),  # noqa: B008 - it cannot be changed
) -> tuple[VolumeRecord, bool]:
    """The volume with this very name, made with *options* if it is not there; and whether it was made now."""
    try:
        return engine.state.volume(name), False
    except NoSuchVolume:
        pass
    try:
        return create(engine, name, options=options), True
    except VolumeExists:
        return engine.state.volume(name), False


# ---------------------------------------------------------------- removing


def remove(engine: Engine, record: VolumeRecord) -> None:
    """Remove a volume with all that is in it.

    Raises DependencyExists while containers use it, and NotSupported for one that a plugin of Podman's has.
    """
    from libpod.containers import volumemounts

    volumemounts.require_supported(record)
    number = record.lock_id
    directory = os.path.dirname(record.mount_point)
    doomed = os.path.join(os.path.dirname(directory), f".{record.id}.{os.urandom(4).hex()}")
    with locked(engine, record):
        # In one transaction, or a new volume of this name would get the old directory.
        with engine.state.transaction():
            engine.state.remove_volume(record)
            volumemounts.detach(record)
            _rename(directory, doomed)
        tree.remove(doomed)
    if number is not None:
        with contextlib.suppress(LockError):
            engine.locks.free(number)
    engine.events.record("volume", "remove", name=record.id)


def _rename(directory: str, target: str) -> None:
    try:
        os.rename(directory, target)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError("rename", directory, error) from error


def remove_anonymous(engine: Engine, volumes: Sequence[str]) -> None:
    """Remove those of *volumes* that were made for one container and that no other uses.

    What cannot be removed is a warning: the container itself is gone already.
    """
    for name in volumes:
        try:
            record = engine.state.volume(name)
            if record.config.get("isAnon") is True and not engine.state.volume_in_use(record):
                remove(engine, record)
        except NoSuchVolume:
            continue
        except LibpodError as error:
            engine.warn(f"volume {name} stays: {error}")
