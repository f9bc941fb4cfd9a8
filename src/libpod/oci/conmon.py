"""conmon: the small program that stays with a container when we are gone.

It starts the OCI runtime, is the parent of the container's first process, keeps its log, serves its attach
socket, writes its exit file and then runs our exit command.

Protocol, as conmon 2.1.6 has it (conmon(8), and measured):

1. We start conmon with two pipes. It reads one byte from the start pipe (`_OCI_STARTPIPE`) before it does
   anything, so that we can first move it to its cgroup: what it forks later is then in there too.
2. It forks; the first process writes its PID file and ends, and we wait for that.
3. The runtime creates the container. conmon writes one JSON line to the sync pipe (`_OCI_SYNCPIPE`):
   `{"data": PID}`, with API version 0 `{"pid": PID}`; a negative number and `message` if it failed.

For exec there is a third pipe (`_OCI_ATTACHPIPE`): conmon says on it that its socket is there, waits for a
second byte on the start pipe, runs the command, and at its end writes the exit code to it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from libpod.errors import DecodeError, InvalidArgument, OCIRuntimeError
from libpod.host import jsonutil, proc, process
from libpod.oci import runc
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

START_TIMEOUT = 60.0
"""Seconds until conmon must have forked."""
EXEC_READY_TIMEOUT = 60.0
API_VERSION = 1
MAXIMUM_MESSAGE = 1 << 20
STANDARD_STREAMS = (0, 1, 2)


class ContainerFiles(NamedTuple):
    """Where the files of one container are."""

    bundle: str
    """config.json, the attach socket, the control pipe."""
    run_directory: str
    """The PID files and the runtime's log, for this boot."""
    exit_directory: str
    """conmon writes the exit code to `<exit_directory>/<id>`."""
    own_conmon_pid_file: str = ""
    """Where the PID of conmon is wanted, if not in the run directory."""
    own_pid_file: str = ""
    """Where the PID of the container's first process is wanted, if not in the run directory."""

    @property
    def pid_file(self) -> str:
        """The PID of the container's first process, written by the runtime."""
        return self.own_pid_file or os.path.join(self.run_directory, "pidfile")

    @property
    def conmon_pid_file(self) -> str:
        """The PID of conmon."""
        return self.own_conmon_pid_file or os.path.join(self.run_directory, "conmon.pid")

    @property
    def runtime_log(self) -> str:
        """Messages of the OCI runtime, one JSON object a line."""
        return os.path.join(self.run_directory, "oci-log")

    @property
    def attach_socket(self) -> str:
        """Where conmon takes attach connections (SOCK_SEQPACKET)."""
        return os.path.join(self.bundle, "attach")

    @property
    def control_pipe(self) -> str:
        """Where conmon takes window sizes and the request to open its log again."""
        return os.path.join(self.bundle, "ctl")


class LogTarget(NamedTuple):
    """Where conmon writes the output. *size* is in bytes, negative for no limit."""

    driver: str
    path: str = ""
    tag: str = ""
    size: int = -1

    def arguments(self) -> list[str]:
        """As conmon wants them."""
        target = f"{self.driver}:{self.path}" if self.path and self.driver == "k8s-file" else self.driver
        words = ["-l", target]
        if self.size >= 0:
            words += ["--log-size-max", str(self.size)]
        if self.tag:
            words += ["--log-tag", self.tag]
        return words


class Process(NamedTuple):
    """What conmon is to run and how."""

    container_id: str
    name: str
    terminal: bool = False
    stdin: bool = False
    log: LogTarget = LogTarget("none")
    exit_command: Sequence[str] = ()
    exit_delay: int = 0
    """Seconds between the end and the exit command."""
    timeout: int = 0
    """Seconds after which conmon kills the container; 0 for never."""
    no_pivot_root: bool = False
    sdnotify_socket: str = ""
    session_id: str = ""
    """The exec session; empty for the container itself."""
    process_specification: str = ""
    """For exec: the file with the OCI process."""
    preserve_descriptors: int = 0
    """How many descriptors from 3 on the process inherits."""
    restore: str = ""
    """The directory with the images of a checkpoint that it goes on from; empty for a new one."""
    runtime_flags: Sequence[str] = ()
    """Flags for the runtime's verb."""
    held_descriptors: Sequence[int] = ()
    """Descriptors that conmon keeps open while it runs: sockets that hold published ports."""


class Started(NamedTuple):
    """PIDs on the host."""

    pid: int
    conmon_pid: int


class Conmon:
    """conmon at *path*, which drives the OCI runtime *runtime*.

    *environment* is what conmon and what it starts get: nothing of ours but what is named there.
    *log_level* is conmon's own. *api_version* 0 is the protocol of conmon before 2.0.
    """

    def __init__(
        self,
        path: str,
        runtime: runc.Runc,
        *,
        environment: Mapping[str, str] | None = None,
        log_level: str = "error",
        api_version: int = API_VERSION,
    ) -> None:
        self.path = path
        self.runtime = runtime
        self.environment = dict(environment or {})
        self.log_level = log_level
        self.api_version = api_version

    def create(
        self,
        files: ContainerFiles,
        what: Process,
        place: Callable[[int], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Started:
        """Create the container whose `config.json` is in the bundle; restored from a checkpoint it also runs.

        *place* is called with conmon's PID before it forks, to move it to its cgroup, and *meanwhile* while
        the runtime works, for which it needs some 30 ms. Raises
        OCIRuntimeError, or one of its kinds, with the runtime's own message; the caller then deletes what
        the runtime may have left.
        """
        passed = what.log.driver == "passthrough"
        if passed and any(map(os.isatty, STANDARD_STREAMS)):
            raise InvalidArgument(
                "log driver passthrough would give the container our terminal",
                hint="connect input and output to files or pipes, as a unit does",
            )
        command = self.command(files, what)
        with _Conversation(
            self, files, command, place, held=what.held_descriptors, passed=passed
        ) as conversation:
            meanwhile()
            verb, seconds = ("create", runc.CREATE_TIMEOUT)
            if what.restore:
                verb, seconds = ("restore", runc.CHECKPOINT_TIMEOUT)
            pid = conversation.read_pid(seconds, f"{verb} container {what.container_id}")
            return Started(pid, _read_pid(files.conmon_pid_file))

    def execute(
        self, files: ContainerFiles, what: Process, place: Callable[[int], None], ready: Callable[[], None]
    ) -> Started:
        """Run a further process in a running container, as the exec session `what.session_id`.

        *ready* is called when conmon's attach socket is there and before the process runs, so that no
        output is lost.
        """
        command = self.command(files, what)
        held = what.held_descriptors
        with _Conversation(self, files, command, place, attach=True, held=held) as conversation:
            conversation.wait_ready(EXEC_READY_TIMEOUT)
            ready()
            conversation.go()
            pid = conversation.read_pid(runc.CREATE_TIMEOUT, f"exec in container {what.container_id}")
            return Started(pid, _read_pid(files.conmon_pid_file))

    def command(self, files: ContainerFiles, what: Process) -> list[str]:
        """The argument list, in the order Podman 4.3 uses."""
        # conmon 2.1.6 takes every version that is given, 0 too, for 1 or newer.
        version = ["--api-version", str(self.api_version)] if self.api_version else []
        words = [self.path, *version, "-c", what.container_id]
        words += ["-u", what.session_id or what.container_id, "-r", self.runtime.path, "-b", files.bundle]
        words += ["-p", files.pid_file, "-n", what.name, "--exit-dir", files.exit_directory, "--full-attach"]
        for argument in self.runtime.arguments:
            words += ["--runtime-arg", argument]
        if self.runtime.systemd_cgroup:
            words.append("-s")
        words += what.log.arguments()
        words += ["--log-level", self.log_level]
        for argument in ("--log-format=json", "--log", files.runtime_log):
            words.append(f"--runtime-arg={argument}")
        words += self._process_arguments(what)
        words += ["--conmon-pidfile", files.conmon_pid_file]
        if what.restore:
            words += ["--restore", what.restore]
        for flag in what.runtime_flags:
            words += ["--runtime-opt", flag]
        return words + _exit_arguments(what)

    def _process_arguments(self, what: Process) -> list[str]:
        words: list[str] = []
        if what.sdnotify_socket:
            words.append(f"--sdnotify-socket={what.sdnotify_socket}")
        if what.terminal:
            words.append("-t")
        elif what.stdin:
            words.append("-i")
        if what.timeout:
            words.append(f"--timeout={what.timeout}")
        if what.no_pivot_root:
            words.append("--no-pivot")
        if what.process_specification:
            words += ["-e", "--exec-attach", "--exec-process-spec", what.process_specification]
        if what.preserve_descriptors:
            words += ["--runtime-opt", "--preserve-fds", "--runtime-opt", str(what.preserve_descriptors)]
        return words


def _exit_arguments(what: Process) -> list[str]:
    if not what.exit_command:
        return []
    words = ["--exit-command", what.exit_command[0]]
    for argument in what.exit_command[1:]:
        words += ["--exit-command-arg", argument]
    if what.exit_delay:
        words += ["--exit-delay", str(what.exit_delay)]
    return words


class _Conversation:
    """conmon from its start until it has answered; ended early, nothing of it stays."""

    def __init__(
        self,
        conmon: Conmon,
        files: ContainerFiles,
        command: Sequence[str],
        place: Callable[[int], None],
        *,
        attach: bool = False,
        held: Sequence[int] = (),
        passed: bool = False,
    ) -> None:
        self._held = held
        self._conmon = conmon
        self._files = files
        self._command = command
        self._place = place
        self._attach = attach
        self._passed = passed
        self._open: list[int] = []
        self._child: process.Child | None = None
        self._said: dict[int, bytes] = {}

    def __enter__(self) -> _Conversation:
        try:
            self._start()
        except BaseException as error:
            self.__exit__(error)
            raise
        return self

    def _start(self) -> None:
        sync_ours, sync_theirs = self._pipe()
        start_theirs, self._start_pipe = self._pipe()
        theirs = [sync_theirs, start_theirs]
        names = {"_OCI_SYNCPIPE": str(sync_theirs), "_OCI_STARTPIPE": str(start_theirs)}
        self._sync_pipe = sync_ours
        if self._attach:
            self._attach_pipe, attach_theirs = self._pipe()
            theirs.append(attach_theirs)
            names["_OCI_ATTACHPIPE"] = str(attach_theirs)
        environment = {**self._conmon.environment, **names}
        streams = STANDARD_STREAMS if self._passed else (None, None, None)
        self._child = process.spawn(
            self._command, environment=environment, cwd=self._files.bundle,
            descriptors=[*theirs, *self._held],
            stdin=streams[0], stdout=streams[1], stderr=streams[2],
        )  # fmt: skip
        for descriptor in theirs:
            self._close(descriptor)
        self._place(self._child.pid)
        self.go()
        status = self._child.wait(START_TIMEOUT)
        if status != 0:
            raise OCIRuntimeError(
                f"{process.command_text(self._command)}: conmon ended with status {status} at its start",
                hint=f"check that `{self._conmon.path} --version` works; its messages are in the journal",
            )

    def _pipe(self) -> tuple[int, int]:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self._open += [reading, writing]
        return reading, writing

    def _close(self, descriptor: int) -> None:
        self._open.remove(descriptor)
        os.close(descriptor)

    def go(self) -> None:
        """Let conmon take its next step. If it has ended, what follows finds out and says so."""
        try:
            os.write(self._start_pipe, b"\0")
        except BrokenPipeError:
            return

    def wait_ready(self, timeout: float) -> None:
        """Wait until the attach socket of an exec session is there."""
        self._read_line(self._attach_pipe, timeout, "prepare exec")

    def read_pid(self, timeout: float, what: str) -> int:
        """The PID of the process that the runtime made; raises what the runtime said instead."""
        line = self._read_line(self._sync_pipe, timeout, what)
        try:
            answer = jsonutil.loads_object(line, self._conmon.path)
            key = "pid" if self._conmon.api_version == 0 else "data"
            number = jsonutil.get_int(answer, key, source=self._conmon.path)
        except DecodeError as error:
            raise DecodeError(f"{what}: conmon answered {line[:200]!r}", source=self._conmon.path) from error
        if number < 0:
            said = runc.log_message(self._files.runtime_log) or str(answer.get("message", ""))
            raise runc.failure(f"{self._conmon.runtime.name}: {what}", said)
        return number

    def _read_line(self, descriptor: int, timeout: float, what: str) -> bytes:
        deadline = time.monotonic() + timeout
        data = self._said.pop(descriptor, b"")
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while b"\n" not in data and len(data) < MAXIMUM_MESSAGE:
            if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
                raise OCIRuntimeError(
                    f"{what}: no answer from conmon after {timeout:g} seconds",
                    hint=f"{self._conmon.runtime.path} may hang; what it left is removed by `rm --force`",
                )
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                break
            data += piece
        if not data:
            said = runc.log_message(self._files.runtime_log)
            raise OCIRuntimeError(f"{what}: conmon ended without an answer" + (f": {said}" if said else ""))
        line, _, rest = data.partition(b"\n")
        self._said[descriptor] = rest
        return line

    def __exit__(self, *exception: object) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()
        if self._child is not None and any(exception):
            self._child.kill()
            _kill_conmon(self._files)


def _kill_conmon(files: ContainerFiles) -> None:
    """End a conmon that did not answer, and the runtime below it, which hangs.

    The PID file is in our run directory; its number counts only while that process is conmon for this bundle.
    """
    try:
        pid = _read_pid(files.conmon_pid_file)
    except OCIRuntimeError:
        return
    if files.bundle not in proc.command_line(pid):
        return
    for victim in [*proc.descendants(pid), pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


def _read_pid(path: str) -> int:
    try:
        with open(path, "rb", buffering=0) as stream:
            return int(stream.read())
    except (OSError, ValueError) as error:
        raise OCIRuntimeError(f"{path}: conmon did not write its PID there: {error}") from error
