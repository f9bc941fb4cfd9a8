"""The one door through which other programs are started.

Arguments are a list, never a line for a shell. The environment is a clean one, standard input is empty,
the program has its own session (no terminal, and everything it starts can be ended together), and there
is always a time limit.

It is started by posix_spawn(3) and not by `subprocess`: to import that takes longer than to start a program.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import select
import signal
import time

from libpod.errors import CommandError, CommandNotFound, CommandTimeout, FileError
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Final

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a program needs to find the user's things; everything else of our environment stays with us.
KEPT_VARIABLES: Final = (
    "PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "TMPDIR",
    # Inside a user's namespace they say whose it is; see `host.usernamespace`.
    "_CONTAINERS_USERNS_CONFIGURED", "_CONTAINERS_ROOTLESS_UID", "_CONTAINERS_ROOTLESS_GID",
)  # fmt: skip
MAXIMUM_OUTPUT: Final = 256 * 1024 * 1024
"""Bytes of output after which a program is taken for one that has gone mad."""

_CHUNK: Final = 1 << 16
_SHOWN_OUTPUT: Final = 2000
# A killed program that does not end sits in the kernel; we do not wait for it longer than this.
_KILL_SECONDS: Final = 10.0
# What Python ignores for itself, and a program must not find ignored.
_RESTORED: Final = (signal.SIGPIPE, signal.SIGXFSZ)


class Completed(NamedTuple):
    """A program that has ended. *status* is its exit status, or the negative number of the signal that
    ended it."""

    status: int
    stdout: bytes
    stderr: bytes


def command_text(command: Sequence[str]) -> str:
    """*command* as one could type it into a shell."""
    import shlex

    return shlex.join(command)


def signal_name(number: int) -> str:
    """ "SIGKILL" for 9; "signal 99" for a number without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def clean_environment(additions: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program gets: PATH, home and runtime directories, untranslated messages, and *additions*."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment.setdefault("PATH", DEFAULT_PATH)
    environment["LC_ALL"] = "C.UTF-8"
    environment.update(additions or {})
    return environment


def run(
    command: Sequence[str],
    *,
    timeout: float,
    input: bytes | None = None,  # noqa: A002 - the name that subprocess.run has for it
    environment: Mapping[str, str] | None = None,
    cwd: str | None = None,
    check: bool = True,
    descriptors: Collection[int] = (),
    executable: str | None = None,
    clean: bool = False,
) -> Completed:
    """Run *command* to its end and collect its output.

    timeout: seconds after which the program, and everything it started, is killed (CommandTimeout).
    input: what it reads from standard input, which is empty otherwise.
    environment: variables in addition to `clean_environment`.
    check: whether any status but 0 is a CommandError.
    descriptors: open files that it inherits under the same numbers.
    executable: the program, where the first argument is only what it is told to be called.
    clean: whether *environment* is all that it gets.

    Raises CommandNotFound if it cannot be started. A background process that it leaves behind and that
    keeps the output open does not keep us waiting.
    """
    with contextlib.closing(_Conversation(command, input)) as conversation:
        child = _start(
            command, environment=environment, descriptors=descriptors, streams=conversation.theirs,
            executable=executable, clean=clean, cwd=cwd,
        )  # fmt: skip
        try:
            completed = conversation.finish(child, time.monotonic() + timeout, timeout)
        except BaseException:
            # Ctrl-C included: nothing that we started outlives us.
            child.kill()
            raise
    if check and completed.status != 0:
        raise failure(command, completed)
    return completed


def failure(command: Sequence[str], completed: Completed) -> CommandError:
    """The error for a program that has failed: how it ended, and the end of what it said."""
    said = _last_words(completed.stderr) or _last_words(completed.stdout)
    if completed.status < 0:
        how = f"killed by {signal_name(-completed.status)}"
    else:
        how = f"exit status {completed.status}"
    message = f"{command_text(command)}: {how}" + (f": {said}" if said else "")
    return CommandError(message, command=command, status=completed.status, output=said)


def _last_words(output: bytes) -> str:
    text = output.decode("utf-8", "replace").strip()
    return text if len(text) <= _SHOWN_OUTPUT else "…" + text[-_SHOWN_OUTPUT:]


class Child:
    """A program that runs beside us, from `spawn`."""

    def __init__(self, pid: int, command: Sequence[str]) -> None:
        self.command = tuple(command)
        self.pid = pid
        self._status: int | None = None

    def wait(self, timeout: float) -> int:
        """Its exit status (negative: the signal that ended it). CommandTimeout after *timeout* seconds."""
        if self._status is None:
            try:
                descriptor = os.pidfd_open(self.pid)
            except ProcessLookupError:
                return self.reap()
            try:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                if not poll.poll(_milliseconds(timeout)):
                    raise _timeout_error(self.command, timeout)
            finally:
                os.close(descriptor)
        return self.reap()

    def reap(self) -> int:
        """Wait for it without a limit: it has ended, or is about to."""
        if self._status is None:
            try:
                _, status = os.waitpid(self.pid, 0)
            except ChildProcessError:
                # Whoever started us ignores the end of children, and so the kernel has told nobody.
                self._status = 0
            else:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def kill(self) -> None:
        """End it and everything in its session at once, and reap it."""
        if self._status is not None:
            return
        # Not reaped yet, so the number still means this program and its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        # One that hangs in the kernel stays. Its parent can do no more.
        with contextlib.suppress(CommandTimeout):
            self.wait(_KILL_SECONDS)


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: str | None = None,
    descriptors: Collection[int] = (),
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> Child:
    """Start *command* and return at once.

    *descriptors* are inherited under the same numbers; *stdin*, *stdout* and *stderr* are descriptors
    too, and /dev/null where None. *environment* is in addition to `clean_environment`. CommandNotFound if
    it cannot start.
    """
    return _start(
        command, environment=environment, cwd=cwd, descriptors=descriptors, streams=(stdin, stdout, stderr)
    )


def _start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None,
    cwd: str | None,
    descriptors: Collection[int],
    streams: Sequence[int | None],
    executable: str | None = None,
    clean: bool = False,
) -> Child:
    variables = dict(environment or {}) if clean else clean_environment(environment)
    with contextlib.ExitStack() as stack:
        actions = _actions(streams, descriptors, stack)
        try:
            path = executable or _find(command[0], variables.get("PATH", DEFAULT_PATH))

            def start() -> int:
                return os.posix_spawn(
                    path, list(command), variables, file_actions=actions, setsid=True, setsigdef=_RESTORED
                )

            if cwd is None:
                return Child(start(), command)
            from libpod.host import linux

            return Child(linux.in_directory(cwd, start), command)
        except OSError as error:
            if cwd is not None and error.filename == cwd:
                raise FileError("change to directory", cwd, error) from error
            raise CommandNotFound(
                f"cannot start {command_text(command)}: {error.strerror or error}", command=command
            ) from error


def _find(name: str, path: str) -> str:
    """The program *name*, looked for in the directories of *path*. FileNotFoundError if it is in none."""
    if "/" in name:
        return name
    for directory in path.split(":") if name else ():
        candidate = os.path.join(directory, name)
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def _actions(
    streams: Sequence[int | None], passed: Collection[int], stack: contextlib.ExitStack
) -> list[tuple[object, ...]]:
    """What becomes of our descriptors in a new program: it has *streams*, those *passed*, and no others."""
    actions: list[tuple[object, ...]] = []
    for number, stream in enumerate(streams):
        if stream is None:
            actions.append((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0))
            continue
        if stream < len(streams) and stream != number:
            # It would be overwritten before its turn, where we have no such stream ourselves.
            stream = fcntl.fcntl(stream, fcntl.F_DUPFD_CLOEXEC, len(streams))
            stack.callback(os.close, stream)
        actions.append((os.POSIX_SPAWN_DUP2, stream, number))
    # On itself: from then on it is inherited (posix_spawn_file_actions_adddup2(3)).
    actions += [(os.POSIX_SPAWN_DUP2, descriptor, descriptor) for descriptor in passed]
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor >= len(streams) and descriptor not in passed and _is_inheritable(descriptor):
            actions.append((os.POSIX_SPAWN_CLOSE, descriptor))
    return actions


def _is_inheritable(descriptor: int) -> bool:
    """Whether it would stay open. What Python opens does not; what we were started with does."""
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        # That of the listing itself.
        return False


def _milliseconds(seconds: float) -> int:
    return max(math.ceil(seconds * 1000), 0)


def _timeout_error(command: Sequence[str], timeout: float, said: str = "") -> CommandTimeout:
    message = f"{command_text(command)}: not finished after {timeout:g} seconds" + (
        f": {said}" if said else ""
    )
    return CommandTimeout(message, command=command, output=said)


class _Conversation:
    """Feeds a program its input and collects its output until it has ended, within bounds of time and
    size."""

    def __init__(self, command: Sequence[str], input_data: bytes | None) -> None:
        self._command = command
        self._input = memoryview(input_data or b"")
        self._output: dict[int, list[bytes]] = {}
        self._size = 0
        self._open: set[int] = set()
        self._stdin: int | None = None
        stdin: int | None = None
        if input_data is not None:
            stdin, self._stdin = self._pipe()
        self._stdout, stdout = self._pipe()
        self._stderr, stderr = self._pipe()
        self.theirs = (stdin, stdout, stderr)
        """The program's ends of the pipes."""

    def _pipe(self) -> tuple[int, int]:
        found = os.pipe2(os.O_CLOEXEC)
        self._open.update(found)
        return found

    def finish(self, child: Child, deadline: float, timeout: float) -> Completed:
        for descriptor in self.theirs:
            if descriptor is not None:
                self._close(descriptor)
        ended = os.pidfd_open(child.pid)
        self._open.add(ended)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        for descriptor in (self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
            self._output[descriptor] = []
            poll.register(descriptor, select.POLLIN)
        if self._stdin is not None:
            os.set_blocking(self._stdin, False)
            poll.register(self._stdin, select.POLLOUT)
        while not self._step(poll, ended, deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                child.kill()
                raise _timeout_error(self._command, timeout, _last_words(self._text(self._stderr)))
        for descriptor in self._output:
            self._read(descriptor, poll)
        return Completed(child.reap(), self._text(self._stdout), self._text(self._stderr))

    def _step(self, poll: select.poll, ended: int, seconds: float) -> bool:
        """Wait for something to happen and deal with it. True once the program has ended."""
        found = False
        for descriptor, _events in poll.poll(_milliseconds(seconds)):
            if descriptor == ended:
                found = True
            elif descriptor == self._stdin:
                self._write(poll)
            else:
                self._read(descriptor, poll)
        return found

    def _read(self, descriptor: int, poll: select.poll) -> None:
        """Take what is there now."""
        while descriptor in self._open:
            try:
                piece = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                return
            if not piece:
                poll.unregister(descriptor)
                self._close(descriptor)
                return
            self._size += len(piece)
            if self._size > MAXIMUM_OUTPUT:
                message = f"{command_text(self._command)}: more than {MAXIMUM_OUTPUT} bytes of output"
                raise CommandError(message, command=self._command)
            self._output[descriptor].append(piece)

    def _write(self, poll: select.poll) -> None:
        assert self._stdin is not None
        try:
            self._input = self._input[os.write(self._stdin, self._input[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            # It does not want to read all of it. Its status says whether that is an error.
            self._input = self._input[:0]
        if not self._input:
            poll.unregister(self._stdin)
            self._close(self._stdin)

    def _close(self, descriptor: int) -> None:
        self._open.remove(descriptor)
        os.close(descriptor)

    def _text(self, descriptor: int) -> bytes:
        return b"".join(self._output[descriptor])

    def close(self) -> None:
        for descriptor in list(self._open):
            self._close(descriptor)
