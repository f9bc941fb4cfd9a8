"""Checkpoints as one file, to be restored on another host or under another name.

A tar, as Podman 4.3 writes and reads it::

    config.dump             the configuration of the container
    spec.dump               its last config.json
    network.status, devshm-checkpoint.tar, checkpoint/    as in `libpod.containers.checkpoint`
    rootfs-diff.tar         what its layer has added or changed
    deleted.files           what its layer has removed: a JSON list of paths
    ctr.log                 its output so far

Memory of processes holds secrets: the file is for its owner alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tarfile

from libpod.containers import changes, cleanup, create, names
from libpod.containers.checkpoint import (
    DUMP_FIGURES,
    IMAGES,
    INVENTORY,
    NETWORK_STATUS,
    SHARED_MEMORY,
    private_file,
    read_tar,
    require_supported,
)
from libpod.errors import (
    DecodeError,
    FileError,
    InvalidArgument,
    InvalidState,
    LibpodError,
    NotSupported,
    OCIRuntimeError,
)
from libpod.host import archive, files, jsonutil, rooted, tree
from libpod.images import difference
from libpod.state.records import ContainerRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from libpod.containers.checkpoint import CheckpointFigures, CheckpointOptions, RestoreOptions
    from libpod.containers.container import Container
    from libpod.containers.engine import Engine
    from libpod.storage.images import ImageRecord

CONFIGURATION = "config.dump"
SPECIFICATION = "spec.dump"
CHANGES = "rootfs-diff.tar"
DELETED = "deleted.files"
OUTPUT = "ctr.log"
FILES = (CONFIGURATION, SPECIFICATION, CHANGES, DELETED)
"""What is beside a checkpoint only because it was exported or imported."""
ROOM = "checkpoint.room"
"""A directory beside the checkpoint for what is made for an export, or comes with an import."""
ROOM_MODE = 0o700
LARGEST_CONFIGURATION = 64 << 20
COMPRESSIONS: dict[str, Literal["w", "w:gz"]] = {"none": "w", "gzip": "w:gz"}
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_IN_ORDER = (NETWORK_STATUS, DUMP_FIGURES, SHARED_MEMORY, OUTPUT, IMAGES)
# What of a container cannot go with it, by the key of its configuration.
_BOUND = {
    "pod": "is in a pod",
    "Dependencies": "needs other containers",
    "namedVolumes": "has named volumes",
    "secrets": "has secrets",
    "rootfs": "has a root directory of its own",
    "ipcNsCtr": "joins the IPC namespace of another one",
    "netNsCtr": "joins the network of another one",
    "pidNsCtr": "joins the PID namespace of another one",
    "userNsCtr": "joins the user namespace of another one",
    "utsNsCtr": "joins the UTS namespace of another one",
    "cgroupNsCtr": "joins the cgroup namespace of another one",
}


def check_compression(name: str) -> None:
    """Raise NotSupported for zstd, which needs a library, and InvalidArgument for what nobody knows."""
    if name == "zstd":
        raise NotSupported("compression zstd is not supported", hint="use --compress gzip or none")
    if name not in COMPRESSIONS:
        raise InvalidArgument(f"unknown compression {name!r}", hint="compressions: gzip, none")


def require_movable(config: Mapping[str, object], name: str) -> None:
    """Raise NotSupported for a container that is nothing without others, or without this host."""
    for key, what in _BOUND.items():
        if config.get(key):
            raise NotSupported(f"container {name} {what}: it cannot be exported or imported")
    mappings = config.get("idMappingsOptions")
    if isinstance(mappings, dict) and (mappings.get("UIDMap") or mappings.get("GIDMap")):
        raise NotSupported(f"container {name} has mapped IDs: it cannot be exported or imported")


# ---------------------------------------------------------------- export


def require_exportable(record: ContainerRecord, wanted: CheckpointOptions) -> None:
    """Raise what would make the export fail, as long as the container still runs."""
    check_compression(wanted.compression)
    require_movable(record.config, record.name)
    directory = os.path.dirname(os.path.abspath(wanted.export))
    if os.path.isdir(wanted.export) or not os.access(directory, os.W_OK | os.X_OK):
        raise InvalidArgument(f"checkpoint file {wanted.export} cannot be written")


def export(engine: Engine, record: ContainerRecord, wanted: CheckpointOptions) -> None:
    """Write the checkpoint of *record* to the file that is wanted; whole or not at all."""
    target = os.path.abspath(wanted.export)
    temporary = f"{target}.{record.id[:12]}.tmp"
    room = os.path.join(record.static_directory, ROOM)
    tree.remove(room)
    files.make_directory(room, ROOM_MODE)
    try:
        _describe(record, room)
        if not wanted.ignore_rootfs:
            _write_changes(engine, record, room)
        with private_file(temporary) as file:
            with tarfile.open(fileobj=file, mode=COMPRESSIONS[wanted.compression]) as out:
                _pack(out, room, FILES)
                _pack(out, record.static_directory, _IN_ORDER)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, target)
    except OSError as error:
        raise FileError("write", wanted.export, error) from error
    finally:
        with contextlib.suppress(FileError):
            files.remove_file(temporary)
        tree.remove(room)
    files.sync_directory(os.path.dirname(target))


def _pack(out: tarfile.TarFile, path: str, wanted: tuple[str, ...]) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in wanted:
            archive.pack(out, directory, [name])
    finally:
        os.close(directory)


def _describe(record: ContainerRecord, room: str) -> None:
    config = dict(record.config)
    if record.network_options:
        config["newNetworks"] = record.network_options
    _write(room, CONFIGURATION, jsonutil.dumps(config))
    last = os.path.join(record.static_directory, "config.json")
    _write(room, SPECIFICATION, files.read_bytes(last, limit=LARGEST_CONFIGURATION))


def _write(room: str, name: str, data: bytes) -> None:
    files.write_atomic(os.path.join(room, name), data, sync=False, sync_dir=False)


def _write_changes(engine: Engine, record: ContainerRecord, room: str) -> None:
    """Without the marks of removed files, which are listed apart, and what is only there for mounts."""
    layer = engine.store.container(record.id).layer_id
    found = changes.of_layer(engine.store, layer, changes.MADE_FOR_MOUNTS)
    deleted = [path for path, kind in found if kind == changes.DELETED]
    _write(room, DELETED, json.dumps(deleted).encode())
    whole = os.path.join(room, "layer.tar")
    difference.write_tar(engine.store, record.id, whole)
    with (
        tarfile.open(whole) as source,
        private_file(os.path.join(room, CHANGES)) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as out,
    ):
        for member in filter(_is_change, source):
            out.addfile(member, source.extractfile(member) if member.isreg() else None)
    files.remove_file(whole)


def _is_change(member: tarfile.TarInfo) -> bool:
    path = "/" + member.name.rstrip("/")
    return path not in changes.MADE_FOR_MOUNTS and not os.path.basename(path).startswith(difference.WHITEOUT)


# ---------------------------------------------------------------- import


def restore(
    engine: Engine, path: str, name: str, wanted: RestoreOptions
) -> tuple[Container, CheckpointFigures]:
    """Make the container of an exported checkpoint and let it go on, under another *name* if one is given.

    Raises what `create_imported` and `libpod.containers.checkpoint.restore` raise; nothing is left then.
    """
    from libpod.containers.container import Container

    require_supported(engine)
    container = Container(engine, create_imported(engine, path, name))
    try:
        return container, container.restore(wanted)
    except BaseException as error:
        _take_back(engine, container)
        if isinstance(error, OCIRuntimeError):
            # It speaks of files that went with the container.
            error.hint = None
        raise


def _take_back(engine: Engine, container: Container) -> None:
    """Remove a container that could not be restored; what made that fail is the error."""
    try:
        with contextlib.suppress(*cleanup.GONE):
            container.remove(force=True, timeout=0)
    except LibpodError as error:
        engine.warn(f"container {container.name} of the checkpoint is left: {error}")


def create_imported(engine: Engine, path: str, name: str = "") -> ContainerRecord:
    """Make the container of an exported checkpoint, to be restored; under another *name* with another ID.

    Raises InvalidArgument for a file that is no such checkpoint, NoSuchImage for the image that it was made
    from, ContainerExists. Whatever fails, nothing of it is left.
    """
    config = _read_configuration(path)
    old_name = jsonutil.get_str(config, "name", source=path)
    require_movable(config, old_name)
    identifier = names.new_id() if name else jsonutil.get_str(config, "id", source=path)
    _check_id(identifier, path)
    name = create.free_name(engine, name or old_name, "container")
    image = _image(engine, config, path)
    with contextlib.ExitStack() as undo:
        engine.store.create_container(
            identifier,
            [name],
            image.id,
            metadata=json.dumps(
                {"image-name": next(iter(image.names), ""), "image-id": image.id, "name": name}
            ),
            layer_names=[f"{name}-layer"],
        )
        undo.callback(engine.store.delete_container, identifier)
        directory = engine.store.container_directory(identifier)
        run_directory = engine.store.container_run_directory(identifier)
        _unpack(path, directory)
        lock = engine.locks.allocate()
        undo.callback(engine.locks.free, lock.number)
        config = adapted(config, identifier, name, directory, run_directory)
        config.update(lockID=lock.number, runtime=engine.config.runtime_name(), rootfsImageID=image.id)
        _choose_cgroup(engine, config)
        record = ContainerRecord(identifier, config, create.first_state(run_directory))
        engine.state.add_container(record)
        undo.pop_all()
    engine.event(record, "create")
    return record


def _choose_cgroup(engine: Engine, config: dict[str, object]) -> None:
    """A parent of the other cgroup manager means nothing to ours."""
    if config.get("cgroupManager") != engine.cgroups.name:
        config.update(cgroupManager=engine.cgroups.name, cgroupParent=engine.cgroups.default_parent)


def _check_id(identifier: str, path: str) -> None:
    if len(identifier) != 64 or not set(identifier) <= set("0123456789abcdef"):
        raise InvalidArgument(f"{path}: {CONFIGURATION}: {identifier[:80]!r} is no container ID")


def adapted(
    config: Mapping[str, object], identifier: str, name: str, directory: str, run_directory: str
) -> dict[str, object]:
    """The configuration with the directories of this store, and without commands of another host."""
    found = dict(config)
    found.update(
        id=identifier,
        name=name,
        staticDir=directory,
        secretsPath=os.path.join(directory, "secrets"),
        conmonPidFile=os.path.join(run_directory, "conmon.pid"),
        pid_file=os.path.join(run_directory, "pidfile"),
        exitCommand=[],
    )
    if found.get("mounts"):
        found["ShmDir"] = os.path.join(directory, "shm")
        found["mounts"] = [found["ShmDir"]]
    if found.get("logPath"):
        found["logPath"] = os.path.join(directory, OUTPUT)
    return found


def _image(engine: Engine, config: Mapping[str, object], path: str) -> ImageRecord:
    """The image by its ID, or else by its name: it may have been made anew on this host."""
    from libpod.errors import NoSuchImage

    wanted = [jsonutil.get_str(config, key, "", source=path) for key in ("rootfsImageID", "rootfsImageName")]
    for text in filter(None, wanted):
        with contextlib.suppress(NoSuchImage):
            return engine.store.image(text)
    shown = wanted[1] or wanted[0]
    raise NoSuchImage(shown, f"{path}: there is no image {shown}", hint=f"get it first: libpod pull {shown}")


def _open(path: str) -> tarfile.TarFile:
    try:
        with open(path, "rb") as file:
            start = file.read(len(_ZSTANDARD))
        if start == _ZSTANDARD:
            raise NotSupported(f"{path} is compressed with zstd", hint=f"unpack it first: zstd -d {path}")
        return tarfile.open(path)
    except tarfile.TarError as error:
        raise InvalidArgument(f"{path} is no exported checkpoint: {error}") from error
    except OSError as error:
        raise FileError("read", path, error) from error


def _read_configuration(path: str) -> dict[str, object]:
    try:
        with _open(path) as tar:
            for member in tar:
                if member.name.removeprefix("./") == CONFIGURATION and member.isreg():
                    return _configuration(tar, member, path)
    except (tarfile.TarError, EOFError) as error:
        raise InvalidArgument(f"{path} is damaged: {error}") from error
    raise InvalidArgument(f"{path} is no exported checkpoint: there is no {CONFIGURATION} in it")


def _configuration(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> dict[str, object]:
    file = tar.extractfile(member)
    if file is None or member.size > LARGEST_CONFIGURATION:
        raise DecodeError(f"{path}: {CONFIGURATION} is too large", source=path)
    return jsonutil.loads_object(file.read(), f"{path}: {CONFIGURATION}")


def _unpack(path: str, directory: str) -> None:
    """Unpack what belongs to a checkpoint into the container's *directory*, and nothing else."""
    room = os.path.join(directory, ROOM)
    files.make_directory(room, ROOM_MODE)
    try:
        with _open(path) as tar:
            archive.unpack(tar, room, "/", archive.Unpacking(owner=(os.getuid(), os.getgid())))
        for name in (CHANGES, DELETED, *_IN_ORDER):
            _move(os.path.join(room, name), os.path.join(directory, name))
    except EOFError as error:
        raise InvalidArgument(f"{path} is damaged: {error}") from error
    finally:
        tree.remove(room)
    if not os.path.exists(os.path.join(directory, IMAGES, INVENTORY)):
        raise InvalidState(f"{path} has no complete checkpoint: there is no {IMAGES}/{INVENTORY} in it")


def _move(source: str, target: str) -> None:
    try:
        kind = stat.S_IFMT(os.lstat(source).st_mode)
    except FileNotFoundError:
        return
    if kind != (stat.S_IFDIR if os.path.basename(source) == IMAGES else stat.S_IFREG):
        raise InvalidArgument(f"the checkpoint has something else in place of {os.path.basename(source)}")
    os.rename(source, target)


# ---------------------------------------------------------------- the root of an imported container


def apply_changes(record: ContainerRecord, root: str) -> None:
    """Make the mounted *root* what it was at the checkpoint, where that was imported."""
    changed = os.path.join(record.static_directory, CHANGES)
    if os.path.exists(changed):
        read_tar(changed, root)
    deleted = os.path.join(record.static_directory, DELETED)
    if os.path.exists(deleted):
        for path in _deleted(deleted):
            _delete(root, path)


def _deleted(path: str) -> list[str]:
    try:
        found = json.loads(files.read_bytes(path, limit=LARGEST_CONFIGURATION))
    except ValueError as error:
        raise DecodeError(f"{path}: {error}", source=path) from error
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise DecodeError(f"{path}: expected a list of paths", source=path)
    return found


def _delete(root: str, path: str) -> None:
    """Remove *path* inside *root*, following no link out of it."""
    import shutil

    parent, name = os.path.split("/" + path.strip("/"))
    if name in ("", ".", ".."):
        raise InvalidArgument(f"{DELETED}: {path!r} cannot be removed")
    if not rooted.exists(root, parent):
        return
    directory = rooted.open_path(root, parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
            shutil.rmtree(name, dir_fd=directory)
        else:
            os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError("remove", f"{path} in container root {root}", error) from error
    finally:
        os.close(directory)
