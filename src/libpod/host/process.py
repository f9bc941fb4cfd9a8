"""The one door through which other programs are started.

Arguments are a list, never a line for a shell. The environment is a clean one, standard input is empty,
the program has its own session (no terminal, and everything it starts can be ended together), and there
is always a time limit.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time

from libpod.errors import CommandError, CommandNotFound, CommandTimeout, FileError
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import IO, Final

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


class Completed(NamedTuple):
    """A program that has ended. *status* is its exit status, or the negative number of the signal that
    ended it."""

    status: int
    stdout: bytes
    stderr: bytes


def command_text(command: Sequence[str]) -> str:
    """*command* as one could type it into a shell."""
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
    process = _start(
        command, environment=environment, cwd=cwd, descriptors=descriptors,
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, executable=executable, clean=clean,
    )  # fmt: skip
    try:
        with contextlib.closing(_Conversation(process, command, input or b"")) as conversation:
            completed = conversation.finish(time.monotonic() + timeout, timeout)
    except BaseException:
        # Ctrl-C included: nothing that we started outlives us.
        _kill_session(process)
        raise
    finally:
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
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

    def __init__(self, process: subprocess.Popen[bytes], command: Sequence[str]) -> None:
        self._process = process
        self.command = tuple(command)
        self.pid = process.pid

    def wait(self, timeout: float) -> int:
        """Its exit status (negative: the signal that ended it). CommandTimeout after *timeout* seconds."""
        if self._process.returncode is not None:
            return self._process.returncode
        # Popen.wait(timeout) looks again and again, up to 50 ms too late.
        descriptor = os.pidfd_open(self.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(descriptor, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise _timeout_error(self.command, timeout)
        finally:
            os.close(descriptor)
        return self._process.wait()

    def kill(self) -> None:
        """End it and everything in its session at once, and reap it."""
        _kill_session(self._process)


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
    process = _start(
        command, environment=environment, cwd=cwd, descriptors=descriptors,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.DEVNULL if stdout is None else stdout,
        stderr=subprocess.DEVNULL if stderr is None else stderr,
    )  # fmt: skip
    return Child(process, command)


def _start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None,
    cwd: str | None,
    descriptors: Collection[int],
    stdin: int,
    stdout: int,
    stderr: int,
    executable: str | None = None,
    clean: bool = False,
) -> subprocess.Popen[bytes]:
    variables = dict(environment or {}) if clean else clean_environment(environment)
    try:
        return subprocess.Popen(
            command, executable=executable, env=variables, cwd=cwd, pass_fds=tuple(descriptors),
            stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        if cwd is not None and error.filename == cwd:
            raise FileError("change to directory", cwd, error) from error
        raise CommandNotFound(
            f"cannot start {command_text(command)}: {error.strerror or error}", command=command
        ) from error


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        # Not reaped yet, so the number still means this program and its group.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
        try:
            process.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            # It hangs in the kernel. Its parent can do no more.
            return


def _timeout_error(command: Sequence[str], timeout: float, said: str = "") -> CommandTimeout:
    message = f"{command_text(command)}: not finished after {timeout:g} seconds" + (
        f": {said}" if said else ""
    )
    return CommandTimeout(message, command=command, output=said)


class _Conversation:
    """Feeds a program its input and collects its output until it has ended, within bounds of time and
    size."""

    def __init__(self, process: subprocess.Popen[bytes], command: Sequence[str], input_data: bytes) -> None:
        self._process = process
        self._command = command
        self._input = memoryview(input_data)
        self._output: dict[IO[bytes], list[bytes]] = {}
        self._size = 0
        self._selector = selectors.DefaultSelector()
        self._ended = os.pidfd_open(process.pid)
        self._selector.register(self._ended, selectors.EVENT_READ)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)
            self._output[stream] = []
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE)

    def finish(self, deadline: float, timeout: float) -> Completed:
        while not self._step(deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                _kill_session(self._process)
                raise _timeout_error(self._command, timeout, _last_words(self._text(self._process.stderr)))
        for stream in self._output:
            self._read(stream)
        status = self._process.wait()
        return Completed(status, self._text(self._process.stdout), self._text(self._process.stderr))

    def _step(self, seconds: float) -> bool:
        """Wait for something to happen and deal with it. True once the program has ended."""
        ended = False
        for key, _events in self._selector.select(max(seconds, 0)):
            if key.fileobj == self._ended:
                ended = True
            elif key.fileobj is self._process.stdin:
                self._write()
            else:
                self._read(key.fileobj)  # type: ignore[arg-type]
        return ended

    def _read(self, stream: IO[bytes]) -> None:
        """Take what is there now."""
        while not stream.closed:
            try:
                piece = os.read(stream.fileno(), _CHUNK)
            except BlockingIOError:
                return
            if not piece:
                self._close(stream)
                return
            self._size += len(piece)
            if self._size > MAXIMUM_OUTPUT:
                message = f"{command_text(self._command)}: more than {MAXIMUM_OUTPUT} bytes of output"
                raise CommandError(message, command=self._command)
            self._output[stream].append(piece)

    def _write(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        try:
            self._input = self._input[os.write(stream.fileno(), self._input[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            # It does not want to read all of it. Its status says whether that is an error.
            self._input = self._input[:0]
        if not self._input:
            self._close(stream)

    def _close(self, stream: IO[bytes]) -> None:
        self._selector.unregister(stream)
        stream.close()

    def _text(self, stream: IO[bytes] | None) -> bytes:
        return b"".join(self._output[stream]) if stream is not None else b""

    def close(self) -> None:
        self._selector.close()
        os.close(self._ended)
