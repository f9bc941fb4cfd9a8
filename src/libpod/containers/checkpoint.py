"""Checkpoint and restore: the processes of a container become files, and processes again, by CRIU.

The files are in the container's own directory, with Podman's names::

    checkpoint/             the images of CRIU; without inventory.img in it there is no checkpoint
    devshm-checkpoint.tar   what was in /dev/shm, which is no part of the images
    network.status          addresses by network, as in the state record
    dump.log, stats-dump    of the last checkpoint; removed unless they are kept
    restore.log, stats-restore    of the last restore; removed unless they are kept

A new checkpoint is written to `checkpoint.new` and then takes the place of the old one, so that one that
fails costs nothing. The caller holds the container's lock.
"""

from __future__ import annotations

import contextlib
import os
import tarfile
import time

from libpod import failpoints
from libpod.containers import cleanup, connecting
from libpod.errors import (
    FileError,
    InvalidState,
    LibpodError,
    NotSupported,
    OCIRuntimeError,
)
from libpod.host import archive, files, jsonutil, tree
from libpod.oci import criu, exits
from libpod.state.records import RUNNING, STOPPED
from libpod.storage.objects import now
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from libpod.containers.engine import Engine
    from libpod.network.setup import Join
    from libpod.state.records import ContainerRecord

IMAGES = "checkpoint"
INVENTORY = "inventory.img"
NEW_IMAGES = "checkpoint.new"
SHARED_MEMORY = "devshm-checkpoint.tar"
NETWORK_STATUS = "network.status"
DUMP_LOG, DUMP_FIGURES = "dump.log", "stats-dump"
RESTORE_LOG, RESTORE_FIGURES = "restore.log", "stats-restore"
NEVER = "0001-01-01T00:00:00Z"
IMAGES_MODE = 0o700


class CheckpointOptions(NamedTuple):
    """A checkpoint. *keep* keeps the log and the figures of CRIU."""

    keep: bool = False
    leave_running: bool = False
    tcp_established: bool = False
    """Keep established TCP connections, which otherwise make it fail."""
    file_locks: bool = False
    """The same for file locks."""
    export: str = ""
    """A tar file to write it to, for another host or another name; see `libpod.containers.migration`."""
    compression: str = "gzip"
    ignore_rootfs: bool = False


class RestoreOptions(NamedTuple):
    """A restore. *keep* keeps the checkpoint, the log and the figures."""

    keep: bool = False
    tcp_established: bool = False
    file_locks: bool = False
    ignore_static_ip: bool = False
    ignore_static_mac: bool = False
    new_addresses: bool = False
    """Whether it gets other addresses than at the checkpoint: there may be several of it."""


class CheckpointFigures(NamedTuple):
    """How long the runtime took, in microseconds, and what CRIU counted (`libpod.oci.criu.figures`)."""

    duration: int
    criu: Mapping[str, int]


def require_supported(engine: Engine) -> None:
    """Raise NotSupported, with the cause, where this host cannot do it."""
    criu.require(engine.runtime, rootless=engine.config.rootless)


def is_infra(record: ContainerRecord) -> bool:
    """Whether it holds a pod together."""
    return bool(record.pod) and record.config.get("pause") is True


def flags(wanted: CheckpointOptions | RestoreOptions) -> list[str]:
    """The flags of the runtime's verb."""
    names = ("leave_running", "tcp_established", "file_locks")
    return [f"--{name.replace('_', '-')}" for name in names if getattr(wanted, name, False)]


# ---------------------------------------------------------------- checkpoint


def checkpoint(engine: Engine, record: ContainerRecord, wanted: CheckpointOptions) -> CheckpointFigures:
    """Write the processes of a running container to files; they end, unless they are left running.

    Raises InvalidState for a container that would remove itself before it can be restored, and
    OCIRuntimeError with the reason of CRIU; the container runs on then.
    """
    require_restorable(record)
    if record.auto_remove and not wanted.leave_running and not wanted.export:
        raise InvalidState(
            f"container {record.name} removes itself when it ends, and its checkpoint with it",
            hint="use --export FILE, or --leave-running",
        )
    if is_infra(record):
        raise InvalidState(
            f"container {record.name} is the infra container of pod {record.pod[:12]}, whose others need it",
            hint="checkpoint those",
        )
    if wanted.export:
        from libpod.containers import migration

        migration.require_exportable(record, wanted)
    if record.state.get("newExecSessions"):
        # They are no children of its first process, and CRIU does not see them.
        engine.warn(f"exec sessions of container {record.name} are no part of its checkpoint")
    bundle = record.static_directory
    began = time.monotonic_ns()
    _dump(engine, record, wanted)
    duration = (time.monotonic_ns() - began) // 1000
    failpoints.reach("checkpoint.dumped")
    try:
        _save_beside(record)
    finally:
        record.state.update(checkpointPath=os.path.join(bundle, IMAGES))
        if not wanted.leave_running:
            _note_end(engine, record)
        engine.state.save_container(record)
    if wanted.export:
        migration.export(engine, record, wanted)
    figures = CheckpointFigures(duration, _figures(engine, bundle, DUMP_FIGURES))
    if wanted.keep:
        record.state["checkpointLog"] = os.path.join(bundle, DUMP_LOG)
    else:
        record.state.pop("checkpointLog", None)
        _remove(bundle, DUMP_LOG, DUMP_FIGURES)
    if not wanted.leave_running:
        cleanup.take_down(engine, record)
    engine.state.save_container(record)
    engine.event(record, "checkpoint")
    return figures


def _dump(engine: Engine, record: ContainerRecord, wanted: CheckpointOptions) -> None:
    bundle = record.static_directory
    images, new = os.path.join(bundle, IMAGES), os.path.join(bundle, NEW_IMAGES)
    tree.remove(new)
    files.make_directory(new, IMAGES_MODE)
    try:
        engine.runtime_of(record).checkpoint(record.id, new, bundle, flags(wanted))
        if not os.path.exists(os.path.join(new, INVENTORY)):
            raise OCIRuntimeError(f"checkpoint of {record.describe()}: there is no {INVENTORY} in {new}")
        tree.remove(images)
        os.rename(new, images)
        files.sync_directory(bundle)
    except BaseException as error:
        _let_go_on(engine, record)
        tree.remove(new)
        failure = _with_cause(error, record, "checkpoint", os.path.join(bundle, DUMP_LOG), keep=wanted.keep)
        if not wanted.keep:
            _remove(bundle, DUMP_LOG, DUMP_FIGURES)
        raise failure from error


def _let_go_on(engine: Engine, record: ContainerRecord) -> None:
    """A checkpoint that failed, or was interrupted, may leave the processes frozen."""
    with contextlib.suppress(LibpodError):
        known = engine.runtime_of(record).state(record.id)
        if known is not None and known.get("status") == "paused":
            engine.runtime_of(record).resume(record.id)


def _with_cause(
    error: BaseException, record: ContainerRecord, verb: str, log: str, *, keep: bool
) -> BaseException:
    """The error of the runtime with what CRIU wrote to its log, where that tells more."""
    cause = criu.cause(log) if isinstance(error, (OCIRuntimeError, InvalidState)) else ""
    if not cause:
        return error
    hint = f"see {log}" if keep else "with --keep, the log of CRIU stays"
    return OCIRuntimeError(f"{verb} container {record.name}: CRIU says: {cause}", hint=hint)


def _note_end(engine: Engine, record: ContainerRecord) -> None:
    """The processes have ended, but not of their own: nobody is told an exit code.

    conmon is given time to see it: an exit file that came later would be taken for the end of the next run.
    """
    exits.wait(os.path.join(engine.exit_directory, record.id), record.static_directory, record.conmon_pid)
    record.status = STOPPED
    record.pid = record.conmon_pid = 0
    for key in ("restored", "restoreLog"):
        record.state.pop(key, None)
    record.state.update(checkpointed=True, checkpointedTime=now(), restoredTime=NEVER, finishedTime=now())


def _save_beside(record: ContainerRecord) -> None:
    """What belongs to the checkpoint and is not in the images of CRIU."""
    bundle = record.static_directory
    status = record.state.get("networkStatus")
    files.write_atomic(os.path.join(bundle, NETWORK_STATUS), jsonutil.dumps(status or {}), sync=False)
    directory = own_shared_memory(record)
    if directory:
        write_tar(directory, os.path.join(bundle, SHARED_MEMORY))
    else:
        _remove(bundle, SHARED_MEMORY)


def own_shared_memory(record: ContainerRecord) -> str:
    """The directory of the host that is its /dev/shm and nobody else's; empty if it has none."""
    source = record.describe()
    path = jsonutil.get_str(record.config, "ShmDir", "", source=source)
    return path if path in jsonutil.get_str_list(record.config, "mounts", [], source=source) else ""


def write_tar(directory: str, target: str) -> None:
    """Write what is in *directory* to the tar file *target*, which only we can read."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with private_file(target) as file, tarfile.open(fileobj=file, mode="w") as out:
                archive.pack(out, descriptor, os.listdir(descriptor))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError("write", target, error) from error


@contextlib.contextmanager
def private_file(path: str) -> Iterator[BinaryIO]:
    """A new file that only we can read: memory of processes holds their secrets."""
    files.remove_file(path)
    flags_ = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags_, 0o600), "wb") as file:
        yield file


def _figures(engine: Engine, bundle: str, name: str) -> Mapping[str, int]:
    """What CRIU counted. A checkpoint is no worse for figures that nobody can read."""
    try:
        return criu.figures(bundle, name)
    except LibpodError as error:
        engine.warn(f"no figures: {error}")
        return {}


def _remove(bundle: str, *names: str) -> None:
    for name in names:
        files.remove_file(os.path.join(bundle, name))


# ---------------------------------------------------------------- restore


class Restoring:
    """What a start needs to know when it goes on from a checkpoint, for `libpod.containers.start`."""

    def __init__(self, record: ContainerRecord, wanted: RestoreOptions) -> None:
        self._record = record
        self._wanted = wanted
        self._addresses = {} if wanted.new_addresses else _read_addresses(record)
        self.images = os.path.join(record.static_directory, IMAGES)
        self.flags: Sequence[str] = flags(wanted)

    def address(self, join: Join) -> Join:
        """The network with the addresses that the container had, or without those that are to be ignored."""
        addresses, hardware = self._addresses.get(join.network, ((), ""))
        if self._wanted.ignore_static_ip:
            join = join._replace(addresses=())
        elif addresses:
            join = join._replace(addresses=addresses)
        if self._wanted.ignore_static_mac:
            return join._replace(hardware_address="")
        return join._replace(hardware_address=hardware) if hardware else join

    def fill(self, root: str) -> None:
        """Put files where the processes left them: in /dev/shm, and in the mounted *root* after an import."""
        directory = own_shared_memory(self._record)
        path = os.path.join(self._record.static_directory, SHARED_MEMORY)
        if directory and os.path.exists(path):
            read_tar(path, directory)
        from libpod.containers import migration

        migration.apply_changes(self._record, root)


def read_tar(path: str, directory: str) -> None:
    """Unpack the tar file *path* into *directory*."""
    try:
        with tarfile.open(path) as tar:
            archive.unpack(tar, directory, "/", archive.Unpacking(overwrite=True))
    except tarfile.TarError as error:
        raise InvalidState(f"{path}: it is damaged: {error}") from error
    except OSError as error:
        raise FileError("read", path, error) from error


def _read_addresses(record: ContainerRecord) -> dict[str, tuple[tuple[str, ...], str]]:
    """By network: the addresses without prefix lengths, and the hardware address, of `network.status`."""
    path = os.path.join(record.static_directory, NETWORK_STATUS)
    if not os.path.exists(path):
        return {}
    return addresses_in(jsonutil.loads_object(files.read_bytes(path, limit=1 << 20), path), path)


def addresses_in(status: Mapping[str, object], source: str) -> dict[str, tuple[tuple[str, ...], str]]:
    """The addresses in the network status of a container. DecodeError if it is none."""
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    for network in status:
        of_network = jsonutil.get_object(status, network, source=source)
        interfaces = jsonutil.get_object(of_network, "interfaces", {}, source=source)
        addresses: list[str] = []
        hardware = ""
        for name in interfaces:
            interface = jsonutil.get_object(interfaces, name, source=source)
            hardware = hardware or jsonutil.get_str(interface, "mac_address", "", source=source)
            for subnet in jsonutil.get_list(interface, "subnets", [], source=source):
                text = subnet.get("ipnet") if isinstance(subnet, dict) else None
                addresses += [str(text).partition("/")[0]] if text else []
        found[network] = (tuple(addresses), hardware)
    return found


def restore(engine: Engine, record: ContainerRecord, wanted: RestoreOptions) -> CheckpointFigures:
    """Let the processes of a container that does not run go on from its checkpoint.

    Raises InvalidState if it has none, and OCIRuntimeError with the reason of CRIU. After a failure it is as
    it was before, its checkpoint included.
    """
    from libpod.containers import start

    bundle = record.static_directory
    if not os.path.exists(os.path.join(bundle, IMAGES, INVENTORY)):
        raise InvalidState(
            f"container {record.name} has no checkpoint",
            hint=f"make one while it runs: libpod container checkpoint {record.name}",
        )
    require_restorable(record)
    if record.status == STOPPED:
        cleanup.take_down(engine, record)
    before = dict(record.state)
    began = time.monotonic_ns()
    try:
        start.initialize(engine, record, Restoring(record, wanted))
    except BaseException as error:
        failure = _with_cause(error, record, "restore", os.path.join(bundle, RESTORE_LOG), keep=wanted.keep)
        _undo(engine, record, before)
        if not wanted.keep:
            _remove(bundle, RESTORE_LOG, RESTORE_FIGURES)
        raise failure from error
    duration = (time.monotonic_ns() - began) // 1000
    failpoints.reach("checkpoint.restored")
    return _note_restored(engine, record, before, wanted, duration)


def require_restorable(record: ContainerRecord) -> None:
    """Raise NotSupported for a container whose network is made once the OCI runtime has made it: CRIU needs
    the network before.
    """
    if connecting.is_joined_late(record) or connecting.uses_slirp(record):
        raise NotSupported(
            f"container {record.name} has a network inside its user namespace or of slirp4netns, "
            "which cannot be restored"
        )


def _undo(engine: Engine, record: ContainerRecord, before: Mapping[str, object]) -> None:
    """A failed start has taken down what it made; what it forgot of the checkpoint is written again."""
    for key in ("exitCode", "exited", "oomKilled", "stoppedByUser", *_KEYS):
        record.state.pop(key, None)
        if key in before:
            record.state[key] = before[key]
    with contextlib.suppress(*cleanup.GONE):
        engine.state.save_container(record)
    cleanup.remove_leftovers(engine, record)


_KEYS = (
    "checkpointed", "checkpointedTime", "checkpointPath", "checkpointLog", "restored", "restoredTime",
    "restoreLog",
)  # fmt: skip


def _note_restored(
    engine: Engine,
    record: ContainerRecord,
    before: Mapping[str, object],
    wanted: RestoreOptions,
    duration: int,
) -> CheckpointFigures:
    bundle = record.static_directory
    record.status = RUNNING
    record.state.update(restored=True, restoredTime=now(), checkpointedTime=NEVER, startedTime=now())
    if wanted.keep:
        record.state.update(
            {key: before[key] for key in ("checkpointPath", "checkpointLog") if key in before}
        )
        record.state["restoreLog"] = os.path.join(bundle, RESTORE_LOG)
    engine.state.save_container(record)
    figures = CheckpointFigures(duration, _figures(engine, bundle, RESTORE_FIGURES))
    engine.event(record, "restore")
    if not wanted.keep:
        forget(bundle)
    return figures


def forget(bundle: str) -> None:
    """Remove a checkpoint and all that belongs to it."""
    from libpod.containers import migration

    tree.remove(os.path.join(bundle, IMAGES))
    _remove(
        bundle,
        DUMP_LOG,
        DUMP_FIGURES,
        RESTORE_LOG,
        RESTORE_FIGURES,
        NETWORK_STATUS,
        SHARED_MEMORY,
        *migration.FILES,
    )
