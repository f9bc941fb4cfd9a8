"""Running further processes in a running container, as Podman's exec sessions.

::

    <bundle>/<session>/exec-process     the OCI process
    <bundle>/<session>/exec_pid         its PID
    <bundle>/<session>/exit/<container> its exit code, written by conmon
    <bundle>/<session>/attach           conmon's attach socket

The session is in the container's state and registered in the database while it exists, so that Podman sees
it and a container is not removed under it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from libpod.containers import names
from libpod.errors import InvalidArgument, InvalidState, LibpodError
from libpod.host import files, jsonutil, proc, tree
from libpod.oci import exits, users
from libpod.oci.attach import AttachSocket, resize
from libpod.oci.conmon import ContainerFiles, LogTarget, Process
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

DIRECTORY_MODE = 0o700
SESSION_RUNNING = 2
ABANDONED_SECONDS = 300.0
"""How long the session of a process that has ended is kept for somebody who asks; Podman keeps it as long."""
_ATTACHED = ("attachStdin", "attachStdout", "attachStderr")


class ExecOptions(NamedTuple):
    """What to run in the container."""

    command: tuple[str, ...]
    environment: tuple[str, ...] = ()
    """`NAME=value`, on top of the container's."""
    working_directory: str = ""
    user: str = ""
    terminal: bool = False
    stdin: bool = False
    privileged: bool = False
    detach: bool = False
    terminal_size: tuple[int, int] | None = None
    """Lines and columns that its terminal has when the command starts."""
    may_be_left: bool = False
    """Whether `ExecSession.leave` may be called."""
    preserve_descriptors: int = 0
    """How many of our descriptors from 3 on it gets."""
    is_check: bool = False
    """Whether it is a health check, of which no events are recorded but its result."""


class ExecSession:
    """A process started by `start`. Use it as a context manager: the session is removed at the end."""

    def __init__(
        self,
        engine: Engine,
        record: ContainerRecord,
        identifier: str,
        paths: ContainerFiles,
        *,
        quiet: bool = False,
    ) -> None:
        self.id = identifier
        self._quiet = quiet
        self.pid = 0
        self.conmon_pid = 0
        self.connection: AttachSocket | None = None
        self._left = False
        self._engine = engine
        self._record = record
        self._paths = paths

    @property
    def control_pipe(self) -> str:
        """Where window sizes go."""
        return self._paths.control_pipe

    def wait(self) -> int:
        """The exit code of the process, once its output has ended; -1 if nobody knows it."""
        from libpod.containers.ending import wait_for_end

        exit_file = os.path.join(self._paths.exit_directory, self._record.id)
        wait_for_end(self.pid, None)
        ended = exits.wait(exit_file, self._paths.bundle, self.conmon_pid)
        return -1 if ended is None else ended.code

    def collect(self, seconds: float, most: int) -> tuple[bytes, bool]:
        """What it prints, up to *most* bytes, and whether it ended within so many *seconds*.

        If not, it is killed.
        """
        assert self.connection is not None
        end = time.monotonic() + seconds
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        data = b""
        while waiting.poll(max(end - time.monotonic(), 0) * 1000):
            output = self.connection.receive()
            if output is None:
                return data, True
            data += output.data[: most - len(data)]
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return data, False

    def leave(self) -> None:
        """Let the process run on without us; conmon's exit command forgets the session at its end.

        Only for a session that was started with `may_be_left`.
        """
        with self._engine.locked(self._record):
            # After its end the exit command has seen a session that somebody waits for, and left it to us.
            self._left = proc.is_alive(self.pid)
            session = _sessions(self._record).get(self.id)
            config = session.get("config") if isinstance(session, dict) else None
            if self._left and isinstance(config, dict):
                config.update(dict.fromkeys(_ATTACHED, False))
                self._engine.state.save_container(self._record)

    def close(self) -> None:
        """Forget the session, its record and its directory, unless its process was left."""
        if self.connection is not None:
            self.connection.close()
        if self._left:
            return
        with self._engine.locked(self._record):
            remove_session(self._engine, self._record, self.id, quiet=self._quiet)

    def __enter__(self) -> ExecSession:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def start(engine: Engine, record: ContainerRecord, options: ExecOptions) -> ExecSession:
    """Run a process in the container, whose lock the caller holds; it must be running.

    Raises OCIRuntimeNotFound or OCIRuntimePermissionDenied for a command that cannot be run. Nothing is left
    of a session that could not start.
    """
    if not options.command:
        raise InvalidArgument("no command to run in the container")
    identifier = names.new_id()
    paths = _paths(engine, record, identifier)
    session = ExecSession(engine, record, identifier, paths, quiet=options.is_check)
    _forget_abandoned(engine, record)
    try:
        _prepare(record, options, paths)
        with engine.state.transaction():
            engine.state.add_exec_session(record, identifier)
            _record_session(engine, record, identifier, options)
        started = engine.conmon_of(record).execute(
            paths,
            _process(engine, record, options, identifier, paths),
            _place(engine, record),
            _connect(session, options),
        )
        session.pid, session.conmon_pid = started
        _record_pid(engine, record, identifier, started.pid)
        if not options.is_check:
            engine.event(record, "exec")
    except BaseException:
        if session.connection is not None:
            session.connection.close()
        with contextlib.suppress(LibpodError):
            remove_session(engine, record, identifier)
        raise
    return session


def _paths(engine: Engine, record: ContainerRecord, identifier: str) -> ContainerFiles:
    directory = os.path.join(engine.files(record).bundle, identifier)
    return ExecFiles(directory, directory, os.path.join(directory, "exit"))


class ExecFiles(ContainerFiles):
    """The files of an exec session; they are all in one directory."""

    @property
    def pid_file(self) -> str:
        """The PID of the process."""
        return os.path.join(self.run_directory, "exec_pid")

    @property
    def conmon_pid_file(self) -> str:
        """The PID of the session's conmon."""
        return os.path.join(self.run_directory, "conmon_pid")

    @property
    def specification(self) -> str:
        """The OCI process."""
        return os.path.join(self.bundle, "exec-process")


def _prepare(record: ContainerRecord, options: ExecOptions, paths: ContainerFiles) -> None:
    files.make_directory(paths.bundle, DIRECTORY_MODE)
    files.make_directory(paths.exit_directory, DIRECTORY_MODE)
    described = jsonutil.dumps(_oci_process(record, options))
    path = os.path.join(paths.bundle, "exec-process")
    files.write_atomic(path, described, sync=False, sync_dir=False)


def _oci_process(record: ContainerRecord, options: ExecOptions) -> dict[str, object]:
    """The container's process with another command, and with the user that it is to run as."""
    source = record.describe()
    stored = jsonutil.get_object(record.config, "spec", source=source)
    process = jsonutil.copied(dict(jsonutil.get_object(stored, "process", source=source)))
    own = jsonutil.get_str(record.config, "user", "", source=source)
    user = users.lookup(_root(record), options.user or own)
    process["args"] = list(options.command)
    process["terminal"] = options.terminal
    process["user"] = {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)}
    process["env"] = _environment(process, options, user.home)
    if options.working_directory:
        process["cwd"] = options.working_directory
    if options.privileged:
        from libpod.oci import capabilities

        everything = capabilities.grantable()
        process["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), everything)
    elif options.user and user.uid != 0:
        bounding = jsonutil.get_object(process, "capabilities", {}, source=source).get("bounding", [])
        process["capabilities"] = {"bounding": bounding}
    return process


def _root(record: ContainerRecord) -> str:
    if not record.mount_point:
        raise InvalidState(f"container {record.name} is not mounted: it is not running")
    return record.mount_point


def _variables(process: dict[str, object]) -> list[str]:
    found = process.get("env")
    return [entry for entry in found if isinstance(entry, str)] if isinstance(found, list) else []


def _environment(process: dict[str, object], options: ExecOptions, home: str) -> list[str]:
    values = dict(entry.partition("=")[::2] for entry in _variables(process))
    if home:
        values["HOME"] = home
    values.update(entry.partition("=")[::2] for entry in options.environment)
    return [f"{name}={value}" for name, value in values.items()]


def _process(
    engine: Engine, record: ContainerRecord, options: ExecOptions, identifier: str, paths: ContainerFiles
) -> Process:
    command: tuple[str, ...] = ()
    if (options.detach or options.may_be_left) and engine.exit_command:
        command = (*engine.exit_command, "container", "cleanup", "--exec", identifier, record.id)
    return Process(
        container_id=record.id,
        name=record.name,
        terminal=options.terminal,
        stdin=options.stdin,
        log=LogTarget("none"),
        exit_command=command,
        session_id=identifier,
        process_specification=os.path.join(paths.bundle, "exec-process"),
        preserve_descriptors=options.preserve_descriptors,
        held_descriptors=range(3, 3 + options.preserve_descriptors),
    )


def _place(engine: Engine, record: ContainerRecord) -> Callable[[int], None]:
    from libpod.containers.placing import place_conmon

    return place_conmon(engine, record)


def _connect(session: ExecSession, options: ExecOptions) -> Callable[[], None]:
    def connect() -> None:
        if options.terminal_size is not None:
            resize(session.control_pipe, *options.terminal_size)
        if not options.detach:
            session.connection = AttachSocket(session._paths.attach_socket)

    return connect


# ---------------------------------------------------------------- records


def _record_session(engine: Engine, record: ContainerRecord, identifier: str, options: ExecOptions) -> None:
    sessions = _sessions(record)
    sessions[identifier] = {
        "id": identifier,
        "containerId": record.id,
        "state": 1,
        "config": {
            "command": list(options.command),
            "terminal": options.terminal,
            "attachStdin": options.stdin and not options.detach,
            "attachStdout": not options.detach,
            "attachStderr": not options.detach,
            "environment": dict(entry.partition("=")[::2] for entry in options.environment) or None,
            "privileged": options.privileged,
            "user": options.user,
            "workDir": options.working_directory,
        },
    }
    engine.state.save_container(record)


def _record_pid(engine: Engine, record: ContainerRecord, identifier: str, pid: int) -> None:
    session = _sessions(record).get(identifier)
    if isinstance(session, dict):
        session["state"] = SESSION_RUNNING
        session["pid"] = pid
        engine.state.save_container(record)


def _sessions(record: ContainerRecord) -> dict[str, object]:
    found = record.state.setdefault("newExecSessions", {})
    if not isinstance(found, dict):
        record.state["newExecSessions"] = found = {}
    return found


def remove_session(engine: Engine, record: ContainerRecord, identifier: str, *, quiet: bool = False) -> None:
    """Forget a session, whatever is left of it; no event tells of a *quiet* one.

    The caller holds the container's lock.
    """
    paths = _paths(engine, record, identifier)
    session = _sessions(record).pop(identifier, None)
    with engine.state.transaction():
        if session is not None:
            engine.state.save_container(record)
        if identifier in engine.state.container_exec_sessions(record):
            engine.state.remove_exec_session(identifier)
    if isinstance(session, dict) and session.get("pid") and not quiet:
        ended = exits.read(os.path.join(paths.exit_directory, record.id), paths.bundle)
        engine.event(record, "exec_died", exit_code=0 if ended is None else ended.code)
    tree.remove(paths.bundle)


def remove_left_session(engine: Engine, record: ContainerRecord, identifier: str) -> None:
    """Forget a session that has ended, unless somebody is connected to it, who will. As `remove_session`."""
    session = _sessions(record).get(identifier)
    config = session.get("config") if isinstance(session, dict) else None
    if not isinstance(config, dict) or not any(config.get(key) for key in _ATTACHED):
        remove_session(engine, record, identifier)


def _forget_abandoned(engine: Engine, record: ContainerRecord) -> None:
    """Forget sessions that ended long ago: whoever was to do that was killed (`timeout 5 libpod exec …`)."""
    for identifier, session in list(_sessions(record).items()):
        pid = session.get("pid") if isinstance(session, dict) else None
        if not isinstance(pid, int) or proc.is_alive(pid):
            continue
        paths = _paths(engine, record, identifier)
        # A new command is not to fail for what an old one has left.
        with contextlib.suppress(LibpodError):
            ended = exits.read(os.path.join(paths.exit_directory, record.id), paths.bundle)
            if ended is not None and time.time() - ended.time / 1e9 > ABANDONED_SECONDS:
                remove_session(engine, record, identifier)


def session_ids(record: ContainerRecord) -> Sequence[str]:
    """The IDs of the container's sessions."""
    return list(_sessions(record))
