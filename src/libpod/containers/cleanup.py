"""Taking down what a container needs only while it runs, and removing it. The caller holds its lock.

This is on the way of verbs that take nothing down, such as `exec`: what works on mounts, networks and volumes
is imported where they are.
"""

from __future__ import annotations

import contextlib
import os

from libpod.containers import starthooks
from libpod.errors import (
    ContainerRemoved,
    DependencyExists,
    FileError,
    InvalidArgument,
    InvalidState,
    LibpodError,
    NoSuchContainer,
    OCIRuntimeError,
)
from libpod.host import files, jsonutil, proc, tree
from libpod.oci import exits
from libpod.state.records import CONFIGURED, CREATED, EXITED, PAUSED, REMOVING, RUNNING, STOPPED, STOPPING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

GONE = (NoSuchContainer, ContainerRemoved)
"""What is raised for a container that somebody else has removed, the second for every use but the first."""
_HAS_RUN = (CREATED, RUNNING, STOPPED, PAUSED, STOPPING)
"""The states of a container that the OCI runtime has created."""
LEFTOVERS = ("attach", "ctl", "winsz", "oom")


def take_down(engine: Engine, record: ContainerRecord, *, event: str = "cleanup") -> None:
    """Make the OCI runtime forget a container that does not run, and unmount its file systems.

    Its state becomes *exited*, or *configured* if it has not run. Everything is tried; the first error is
    raised at the end. It is recorded as *event*.
    """
    errors: list[LibpodError] = []
    is_up = record.status in (CREATED, STOPPED) or record.mounted
    if is_up and record.config.get("healthcheck"):
        from libpod.containers import health

        health.end(engine, record)
    if record.status in (CREATED, STOPPED):
        with _collected(errors):
            _forget(engine, record)
            record.status = EXITED if record.status == STOPPED else CONFIGURED
            record.pid = record.conmon_pid = 0
            engine.state.save_container(record)
    with _collected(errors):
        disconnect(engine, record)
    with _collected(errors):
        unmount(engine, record)
    if is_up:
        engine.event(record, event)
    if errors:
        raise errors[0]


def disconnect(engine: Engine, record: ContainerRecord) -> None:
    """Leave the networks, and save that."""
    from libpod.containers import connecting

    if connecting.disconnect(engine, record):
        engine.state.save_container(record)


def _forget(engine: Engine, record: ContainerRecord, *, has_run: bool = False) -> None:
    """`delete` of the runtime; a container that it does not know is no error.

    *has_run* tells what the state does not, once it is *removing*: that the runtime has created it.
    """
    try:
        runtime = engine.runtime_of(record)
    except InvalidArgument:
        # It is not installed any more. What does not run is taken down without it.
        runtime = engine.runtime
    try:
        runtime.delete(record.id, force=True)
    except (InvalidState, OCIRuntimeError):
        if runtime.state(record.id) is not None:
            raise
    if has_run or record.status in _HAS_RUN:
        starthooks.run_poststop(engine, record)
    with contextlib.suppress(LibpodError):
        engine.cgroups_of(record).remove_container(_cgroup_parent(record), record.id)


def _cgroup_parent(record: ContainerRecord) -> str:
    return jsonutil.get_str(record.config, "cgroupParent", "", source=record.describe())


def unmount(engine: Engine, record: ContainerRecord, *, note: bool = True) -> None:
    """Give up the mounts that `libpod.containers.start.mount` made, and with *note* save that it is so."""
    from libpod.containers import volumemounts
    from libpod.host import mounts

    source = record.describe()
    for path in jsonutil.get_str_list(record.config, "mounts", [], source=source):
        mounts.unmount_if_mounted(path)
    errors: list[LibpodError] = []
    if record.has_overlays:
        from libpod.containers import overlaymounts

        with _collected(errors):
            overlaymounts.give_up(engine, record)
    if not record.mounted:
        if errors:
            raise errors[0]
        return
    with _collected(errors):
        volumemounts.unmount_all(engine, record)
    unmount_root(engine, record)
    record.set_mount_point("")
    if note:
        engine.state.save_container(record)
    if errors:
        raise errors[0]


def unmount_root(engine: Engine, record: ContainerRecord) -> None:
    """Give up one use of the mount of its layer."""
    if not jsonutil.get_str(record.config, "rootfs", "", source=record.describe()):
        with contextlib.suppress(NoSuchContainer):
            engine.store.unmount(record.id)


def after_failure(engine: Engine, record: ContainerRecord) -> None:
    """Undo a start that failed; the error that made it fail goes on, what fails here is told beside it."""
    errors: list[LibpodError] = []
    with _collected(errors):
        _forget(engine, record)
    with _collected(errors):
        record.status = EXITED if record.status in (STOPPED, EXITED) else CONFIGURED
        record.pid = record.conmon_pid = 0
        engine.state.save_container(record)
    with _collected(errors):
        disconnect(engine, record)
    with _collected(errors):
        unmount(engine, record)
        engine.state.save_container(record)
    for error in errors:
        engine.warn(f"cleaning up after container {record.name} failed: {error}")


def forget_strays(engine: Engine, record: ContainerRecord) -> None:
    """Take down what runs of a container that does not run, as far as the database knows.

    A program that was killed between creating a container and writing that down leaves such ones.
    """
    paths = engine.files(record)
    conmon_pid, pid = (_named_process(path) for path in (paths.conmon_pid_file, paths.pid_file))
    if not (conmon_pid or pid):
        return
    exit_file = os.path.join(engine.exit_directory, record.id)
    known = engine.runtime_of(record).state(record.id) is not None
    if known:
        _forget(engine, record)
        # conmon writes it just before it turns into our exit command, which finds nothing to do.
        exits.wait(exit_file, paths.bundle, conmon_pid)


def _named_process(pid_file: str) -> int:
    """The process that the file names; 0 if none lives."""
    try:
        pid = int(files.read_text(pid_file))
    except (FileError, ValueError):
        return 0
    return pid if proc.is_alive(pid) else 0


def remove_leftovers(engine: Engine, record: ContainerRecord) -> None:
    """Remove the files of an earlier conmon: a stale exit file would be taken for the end of the next run."""
    for name in LEFTOVERS:
        files.remove_file(os.path.join(record.static_directory, name))
    files.remove_file(os.path.join(engine.exit_directory, record.id))


def remove(engine: Engine, record: ContainerRecord, *, with_pod: bool = False) -> None:
    """Remove a container that does not run: mounts, storage, record and lock, in this order.

    Its state is *removing* from the first step on, so that what a crash leaves is known for what it is.
    Raises what `require_removable` raises.
    """
    from libpod.containers import idmaps

    require_removable(engine, record, with_pod=with_pod)
    created = record.status not in (CONFIGURED, EXITED)
    if record.status != REMOVING:
        record.pid = record.conmon_pid = 0
        record.status = REMOVING
        engine.state.save_container(record)
    if created:
        _forget(engine, record, has_run=True)
    else:
        forget_strays(engine, record)
    disconnect(engine, record)
    # A removal that is interrupted is begun again, and what is unmounted already is no error. Uses of volumes
    # are counted, though, and must not be given up twice.
    unmount(engine, record, note=bool(record.named_volumes))
    remove_leftovers(engine, record)
    tree.remove(os.path.join(engine.config.tmp_dir, idmaps.USER_ROOTS, record.id))
    with contextlib.suppress(NoSuchContainer):
        engine.store.delete_container(record.id)
    engine.state.remove_container_exec_sessions(record)
    if record.pod:
        engine.state.remove_container_from_pod(engine.state.pod(record.pod), record)
    else:
        engine.state.remove_container(record)
    engine.event(record, "remove")


def require_removable(engine: Engine, record: ContainerRecord, *, with_pod: bool = False) -> None:
    """Raise for a container that cannot be removed, whatever its state.

    DependencyExists while others need it, InvalidState for the infra container of a pod unless it goes
    *with_pod*, and NotSupported while a network of Podman's netavark is set up for it, whose addresses and
    rules nobody would give back.
    """
    from libpod.containers import connecting

    connecting.require_removable(engine, record)
    if record.config.get("pause") is True and record.pod and not with_pod:
        raise InvalidState(
            f"container {record.name} is the infra container of pod {record.pod[:12]}, which needs it",
            hint=f"remove the pod: libpod pod rm {record.pod[:12]}",
        )
    users = engine.state.container_in_use(record)
    if users:
        raise DependencyExists(
            f"container {record.name} is needed by {', '.join(user[:12] for user in users)}",
            dependents=users,
            hint="remove those first, or all of them with --depend",
        )


@contextlib.contextmanager
def _collected(errors: list[LibpodError]) -> Iterator[None]:
    try:
        yield
    except LibpodError as error:
        errors.append(error)
