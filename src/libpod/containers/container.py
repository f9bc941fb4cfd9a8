"""A container: what can be done with it, and in which state.

Every operation takes the container's lock, reads its state anew, and looks whether it has ended meanwhile.
The states and their numbers are Podman's: configured, created, running, stopped, paused, exited, removing,
stopping.
"""

from __future__ import annotations

import contextlib
import signal
import time

from libpod.containers import cleanup, ending, restarting, status
from libpod.errors import (
    ContainerStopped,
    InvalidState,
    LibpodError,
    LockError,
    NoSuchContainer,
)
from libpod.host import jsonutil, process
from libpod.oci import logs
from libpod.state.records import CONFIGURED, CREATED, EXITED, PAUSED, REMOVING, RUNNING, STOPPED, STOPPING
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from libpod.containers.checkpoint import CheckpointFigures, CheckpointOptions, RestoreOptions
    from libpod.containers.engine import Engine
    from libpod.containers.execute import ExecOptions, ExecSession
    from libpod.oci.attach import AttachSocket
    from libpod.oci.logs import LogLine, Selection
    from libpod.state.records import ContainerRecord

KILL_SECONDS = 20.0


class Patience(NamedTuple):
    """How long a container that was asked to end may take: in *seconds*, and until when (time.monotonic)."""

    seconds: float
    deadline: float


class Container:
    """One container of a runtime. Its *record* is what the database says, as of the last operation."""

    def __init__(self, engine: Engine, record: ContainerRecord) -> None:
        self._engine = engine
        self.record = record

    @property
    def id(self) -> str:
        """64 hexadecimal digits."""
        return self.record.id

    @property
    def name(self) -> str:
        """The name that people use."""
        return self.record.name

    @property
    def has_terminal(self) -> bool:
        """Whether its first process has a terminal."""
        source = self.record.describe()
        spec = jsonutil.get_object(self.record.config, "spec", {}, source=source)
        return jsonutil.get_object(spec, "process", {}, source=source).get("terminal") is True

    # ------------------------------------------------------------ state

    def state(self) -> str:
        """The word for its state now: `created`, `running`, `exited`, …"""
        with self._locked():
            return status.status_name(self.record.status)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._engine.locked(self.record):
            ending.note(self._engine, self.record)
            yield

    def _require(self, *states: int, verb: str) -> None:
        if self.record.status in states:
            return
        found = status.status_name(self.record.status)
        wanted = " or ".join(status.status_name(state) for state in states)
        raise InvalidState(
            f"container {self.name} is {found}: to {verb} it, it must be {wanted}",
            hint=status.way_out(self.record.status, states, self.name),
        )

    def require_running(self, verb: str) -> None:
        """Raise InvalidState unless it runs now; *verb* is what somebody wants to do with it."""
        with self._locked():
            self._require(RUNNING, verb=verb)

    # ------------------------------------------------------------ starting

    def init(self) -> None:
        """Create it in the OCI runtime without letting it run. It must be created, exited or stopped."""
        self._start_dependencies()
        with self._locked():
            self._init()

    def _init(self) -> None:
        from libpod.containers import start

        self._require(CONFIGURED, EXITED, STOPPED, verb="initialize")
        restarting.begin_anew(self.record)
        if self.record.status == STOPPED:
            cleanup.take_down(self._engine, self.record)
        start.initialize(self._engine, self.record)

    def start(self) -> None:
        """Run it, after the containers that it needs. Starting a running container does nothing."""
        self._start_dependencies()
        self.start_alone()

    def start_alone(self) -> None:
        """As `start`, for a container whose dependencies run."""
        with self._locked():
            if self.record.status == RUNNING:
                return
            self._require(CONFIGURED, CREATED, EXITED, STOPPED, verb="start")
            if self.record.status != CREATED:
                self._init()
            self._let_run()

    def _let_run(self) -> None:
        # Imported where something is started: most verbs start nothing.
        from libpod.containers import start

        start.start(self._engine, self.record)

    def start_attached(self, prepare: Callable[[], object] = lambda: None) -> AttachSocket:
        """As `start`, connected before it runs, so that no output is lost.

        *prepare* is called when its terminal is there and nothing has looked at it yet.
        """
        self._start_dependencies()
        with self._locked():
            self._require(CONFIGURED, CREATED, EXITED, STOPPED, verb="start")
            if self.record.status != CREATED:
                self._init()
            from libpod.oci.attach import AttachSocket  # loaded while the OCI runtime was busy

            connection = AttachSocket(self._engine.files(self.record).attach_socket)
            try:
                prepare()
                self._let_run()
            except BaseException:
                connection.close()
                raise
            self._engine.event(self.record, "attach")
            return connection

    def attach(self) -> AttachSocket:
        """Connect to the streams of a running container."""
        from libpod.oci.attach import AttachSocket

        with self._locked():
            self._require(RUNNING, verb="attach to")
            connection = AttachSocket(self._engine.files(self.record).attach_socket)
            self._engine.event(self.record, "attach")
            return connection

    def _start_dependencies(self) -> None:
        from libpod.containers import dependencies

        for record in dependencies.needed(self._engine.state, self.record):
            Container(self._engine, record).start_alone()

    # ------------------------------------------------------------ stopping

    def stop(self, timeout: float | None = None) -> None:
        """Ask it to end with its stop signal, and kill it after *timeout* seconds (its own if None).

        Raises ContainerStopped if it has ended already, and InvalidState if it never ran. Others can work
        with the container while we wait.
        """
        patience = self.begin_stop(timeout)
        if patience is not None:
            self.finish_stop(patience)

    def begin_stop(self, timeout: float | None = None) -> Patience | None:
        """The first half of `stop`: ask it to end. `finish_stop` must follow with what is returned here.

        None is returned where that was all: for a container that was made and never ran.
        """
        if timeout is None:
            timeout = jsonutil.get_int(self.record.config, "stopTimeout", 10, source=self.record.describe())
        with self._locked():
            if self.record.status in (STOPPED, EXITED, REMOVING):
                if restarting.give_up(self.record):
                    self._engine.state.save_container(self.record)
                raise ContainerStopped(f"container {self.name} is stopped already")
            self._require(RUNNING, STOPPING, CREATED, verb="stop")
            if self.record.status == CREATED:
                cleanup.take_down(self._engine, self.record)
                return None
            self.record.status = STOPPING
            self._engine.state.save_container(self.record)
        if timeout > 0:
            self._signal(self._stop_signal())
        return Patience(timeout, time.monotonic() + timeout)

    def _stop_signal(self) -> int:
        return jsonutil.get_int(self.record.config, "stopSignal", 15, source=self.record.describe())

    def finish_stop(self, patience: Patience) -> None:
        """Wait until it has ended, kill it when our *patience* is at its end, and take it down."""
        self._end(patience)
        # A container with `--rm` may be gone by now, as it was asked for.
        with contextlib.suppress(*cleanup.GONE), self._locked():
            self.record.state["stoppedByUser"] = True
            self._engine.state.save_container(self.record)
            self._engine.event(self.record, "stop")
            if self.record.status == STOPPED:
                cleanup.take_down(self._engine, self.record)

    def _end(self, patience: Patience) -> None:
        pid = self.record.pid
        if patience.seconds > 0:
            if ending.wait_for_end(pid, max(patience.deadline - time.monotonic(), 0)):
                return
            name = process.signal_name(self._stop_signal())
            waited = f"{patience.seconds:g} seconds after {name}"
            self._engine.warn(f"container {self.name} is alive {waited}: killing it")
        self._signal(signal.SIGKILL)
        if not ending.wait_for_end(pid, KILL_SECONDS):
            raise InvalidState(
                f"container {self.name}: process {pid} is alive {KILL_SECONDS:g} seconds after SIGKILL",
                hint="it waits for the kernel; see /proc/PID/stack, or try again later",
            )

    def _signal(self, number: int) -> None:
        try:
            self._send(number)
        except LibpodError:
            # It may have ended in this moment; a container without conmon may be unknown to nobody else.
            if ending.lives(self.record):
                raise

    def _send(self, number: int) -> None:
        from libpod.containers import signals

        signals.send(self._engine, self.record, number)

    def kill(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to its first process. It must be running."""
        with self._locked():
            self._require(RUNNING, STOPPING, PAUSED, verb="send a signal to")
            if number == signal.SIGKILL:
                # Its restart policy must not take this for an end of its own, however soon that comes.
                self.record.state["stoppedByUser"] = True
                self._engine.state.save_container(self.record)
            self._send(number)
            self._engine.event(self.record, "kill")

    def rename(self, name: str) -> None:
        """Give it another name, in the database and in the storage. It may run.

        Raises ContainerExists or PodExists where the name is in use, and InvalidArgument for what is none.
        """
        from libpod.containers import names

        names.check(name, "container")
        with self._locked():
            old = self.name
            if name == old:
                return
            self._engine.state.rename_container(self.record, name)
            try:
                self._engine.store.set_container_names(self.id, [name])
            except NoSuchContainer:
                # In a root directory of its own it has no record in the storage, or another program took it.
                pass
            except LibpodError:
                self._engine.state.rename_container(self.record, old)
                raise
            self._engine.event(self.record, "rename")

    def pause(self) -> None:
        """Freeze all its processes. It must be running."""
        with self._locked():
            self._require(RUNNING, verb="pause")
            if self._engine.config.rootless:
                from libpod.containers import userlimits

                userlimits.require_group(self._engine, self.record)
            self._engine.runtime_of(self.record).pause(self.id)
            self.record.status = PAUSED
            self._engine.state.save_container(self.record)
            self._engine.event(self.record, "pause")

    def unpause(self) -> None:
        """Let it go on. It must be paused."""
        with self._locked():
            self._require(PAUSED, verb="unpause")
            self._engine.runtime_of(self.record).resume(self.id)
            self.record.status = RUNNING
            self._engine.state.save_container(self.record)
            self._engine.event(self.record, "unpause")

    def checkpoint(self, wanted: CheckpointOptions) -> CheckpointFigures:
        """Write its processes to files and end them; `restore` lets them go on. It must be running.

        Raises NotSupported where that cannot be; see `libpod.containers.checkpoint`.
        """
        from libpod.containers import checkpoint

        checkpoint.require_supported(self._engine)
        with self._locked():
            self._require(RUNNING, verb="checkpoint")
            return checkpoint.checkpoint(self._engine, self.record, wanted)

    def restore(self, wanted: RestoreOptions) -> CheckpointFigures:
        """Let its processes go on from its checkpoint. It must be created, exited or stopped."""
        from libpod.containers import checkpoint

        checkpoint.require_supported(self._engine)
        with self._locked():
            self._require(CONFIGURED, EXITED, STOPPED, verb="restore")
            return checkpoint.restore(self._engine, self.record, wanted)

    def restart(self, timeout: float | None = None) -> None:
        """Stop it if it runs, then start it."""
        with self._locked():
            self._require(CONFIGURED, CREATED, RUNNING, STOPPED, EXITED, verb="restart")
            running = self.record.status == RUNNING
            self._engine.event(self.record, "restart")
        if running:
            with contextlib.suppress(ContainerStopped):
                self.stop(timeout)
        self.start()

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; its exit code, -1 if nobody knows it.

        A container that was removed meanwhile is waited for as well: its code is kept for some minutes.
        LockError if it has not ended after *timeout* seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                with self._locked():
                    if self.record.status not in (RUNNING, PAUSED, STOPPING, CREATED):
                        return self.record.exit_code
                    pid = self.record.pid
            except cleanup.GONE:
                code = self._engine.state.exit_code(self.id)
                if code is None:
                    raise
                return code
            left = 3600.0 if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise LockError(f"container {self.name} has not ended after {timeout:g} seconds")
            if ending.wait_for_end(pid, left):
                ending.wait_for_exit_file(self._engine, self.record)

    def wait_for(self, states: Collection[str], interval: float) -> int:
        """Wait until its state is one of *states*, looked at every *interval* seconds.

        Returns its exit code if it has ended by then, else -1. InvalidArgument for what is no state.
        """
        status.check_names(states)
        while (found := self.state()) not in states:
            time.sleep(interval)
        return self.record.exit_code if found in ("exited", "stopped") else ending.UNKNOWN_EXIT

    def wait_and_remove(self) -> int:
        """Wait until it has ended, and remove it, with the volumes made for it; its exit code, as of `wait`.

        Quicker than one after the other: its end and that it is being removed are one note in the database,
        and one wait for the disk.
        """
        ending.wait_for_end(self.record.pid, None)
        # What is wrong here, or keeps it from being removed, is met again below.
        with contextlib.suppress(LibpodError), self._engine.locked(self.record):
            cleanup.require_removable(self._engine, self.record)
            ending.note(self._engine, self.record, ended_as=REMOVING)
        code = self.wait()
        # conmon's exit command may have removed it already.
        with contextlib.suppress(*cleanup.GONE):
            self.remove(force=True, timeout=0, volumes=True)
        return code

    def execute(self, options: ExecOptions) -> ExecSession:
        """Run a further process in it; it must be running. The caller closes the session."""
        from libpod.containers import execute

        with self._locked():
            self._require(RUNNING, verb="run a command in")
            return execute.start(self._engine, self.record, options)

    # ------------------------------------------------------------ storage, logs

    def mount(self) -> str:
        """Mount its root for use from outside; returns the path. `unmount` gives it up."""
        with self._locked():
            root = jsonutil.get_str(self.record.config, "rootfs", "", source=self.record.describe())
            path = root or self._engine.store.mount(self.id)
            self._engine.event(self.record, "mount")
            return path

    def mount_path(self) -> str:
        """Where its root is mounted; empty if it is not."""
        root = jsonutil.get_str(self.record.config, "rootfs", "", source=self.record.describe())
        return root or self._engine.store.mount_path(self.id)

    def unmount(self, *, force: bool = False) -> None:
        """Give up a mount; with *force* all. InvalidState if that would take its root from under it."""
        with self._locked():
            count = self._engine.store.mounted(self.id)
            in_use = self.record.status in (CREATED, RUNNING, PAUSED, STOPPING)
            if in_use and (force or count <= 1):
                raise InvalidState(
                    f"container {self.name} runs: its root stays mounted", hint=f"libpod stop {self.name}"
                )
            self._engine.store.unmount(self.id, force=force)
            self._engine.event(self.record, "unmount")

    def logs(
        self, selection: Selection, *, follow: bool = False, running: Callable[[], bool] | None = None
    ) -> Iterator[LogLine]:
        """Its output so far, and with *follow* what comes until it ends, which *running* tells."""
        running = self.is_running if running is None else running
        source = self.record.describe()
        driver = jsonutil.get_str(self.record.config, "logDriver", "k8s-file", source=source)
        if driver == "journald":
            from libpod.oci import journal

            return journal.read(self.id, selection, follow=follow, running=running)
        if driver in ("none", "passthrough"):
            raise InvalidState(f"container {self.name} has the log driver {driver}: there is no log")
        path = jsonutil.get_str(self.record.config, "logPath", "", source=source)
        return logs.read(path, selection, follow=follow, running=running)

    def is_running(self) -> bool:
        """Whether it has begun and not ended; False for one that is gone."""
        try:
            with self._locked():
                return self.record.status in (CREATED, RUNNING, PAUSED, STOPPING)
        except cleanup.GONE:
            return False

    # ------------------------------------------------------------ the end

    def cleanup(self) -> bool:
        """Take down what a container that has ended left: in the OCI runtime, and its mounts.

        conmon's exit command does this. False if its restart policy has let it run again instead. Raises
        InvalidState while it runs.
        """
        with self._locked():
            if self.record.status in (RUNNING, PAUSED, STOPPING):
                raise InvalidState(
                    f"container {self.name} runs: it cannot be cleaned up", hint=f"libpod stop {self.name}"
                )
            if not restarting.is_due(self.record):
                cleanup.take_down(self._engine, self.record)
                return True
        self._start_dependencies()
        with self._locked():
            # Somebody may have stopped, started or removed it meanwhile.
            if self.record.status in (STOPPED, EXITED) and restarting.is_due(self.record):
                self._run_again()
        return False

    def _run_again(self) -> None:
        from libpod.containers import start

        restarting.note_restart(self.record)
        cleanup.take_down(self._engine, self.record, event="restart")
        start.initialize(self._engine, self.record)
        self._let_run()

    def cleanup_session(self, identifier: str) -> None:
        """Forget an exec session that has ended."""
        from libpod.containers import execute

        with self._locked():
            execute.remove_left_session(self._engine, self.record, identifier)

    def remove(
        self,
        *,
        force: bool = False,
        timeout: float | None = None,
        volumes: bool = False,
        depend: bool = False,
        with_pod: bool = False,
    ) -> None:
        """Remove it, with its storage and its lock, and with *volumes* those that were made for it alone;
        these also go with a container that removes itself. With *depend* all that need it go first.

        One that runs is only removed with *force*, which stops it first. Raises InvalidState otherwise, and
        DependencyExists while other containers need it. The infra container of a pod is only removed
        *with_pod*.
        """
        if depend:
            self._remove_dependents(force=force, timeout=timeout)
        # Before it is stopped: what others need goes on running.
        cleanup.require_removable(self._engine, self.record, with_pod=with_pod)
        if force:
            self._stop_for_removal(timeout)
        self._require_end(force=force)
        with self._locked():
            if self.record.status in (RUNNING, PAUSED, STOPPING):
                found = status.status_name(self.record.status)
                raise InvalidState(
                    f"container {self.name} is {found}: it cannot be removed",
                    hint="stop it first, or use --force",
                )
            number = self.record.lock_id
            cleanup.remove(self._engine, self.record, with_pod=with_pod)
        if number is not None:
            self._engine.free_lock(number)
        if (volumes or self.record.auto_remove) and self.record.named_volumes:
            from libpod.containers.volumes import remove_anonymous

            remove_anonymous(self._engine, self.record.named_volumes)

    def _remove_dependents(self, *, force: bool, timeout: float | None) -> None:
        from libpod.containers import dependencies

        for identifier in dependencies.dependents(self._engine.state, self.record):
            dependent = Container(self._engine, self._engine.state.container(identifier))
            dependent.remove(force=force, timeout=timeout)

    def _require_end(self, *, force: bool) -> None:
        if self.record.status in (CONFIGURED, EXITED):
            from libpod.containers import signals

            signals.end_unrecorded(self._engine, self.record, force=force)

    def _stop_for_removal(self, timeout: float | None) -> None:
        with self._locked():
            if self.record.status == PAUSED:
                self._engine.runtime_of(self.record).resume(self.id)
                self.record.status = RUNNING
                self._engine.state.save_container(self.record)
            running = self.record.status in (RUNNING, STOPPING)
        if running:
            with contextlib.suppress(ContainerStopped):
                self.stop(timeout)
