"""Standard streams and signals between us and a container."""

from __future__ import annotations

import contextlib
import signal
import sys

from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from libpod.cli.terminal import DetachKeys
    from libpod.oci.attach import AttachSocket, Output

STDIN, STDOUT, STDERR = 0, 1, 2
# What is ours, not the container's: our children, our pipes, our terminal, and our own coming and going.
_OURS = frozenset(
    (signal.SIGCHLD, signal.SIGPIPE, signal.SIGWINCH, signal.SIGURG, signal.SIGTSTP, signal.SIGTTIN,
     signal.SIGTTOU, signal.SIGCONT, signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS,
     signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS)
)  # fmt: skip


class Wanted(NamedTuple):
    """Which streams are connected, and the keys that leave the container running."""

    stdin: bool = False
    outputs: frozenset[int] = frozenset((STDOUT, STDERR))
    keys: DetachKeys | None = None


def wanted(options: Namespace, default_keys: str, *, stdin: bool, chosen: list[str] | None = None) -> Wanted:
    """What the flags ask for: *chosen* of `stdin`, `stdout` and `stderr`, or all of them.

    Keys are only looked for where somebody can type them. Raises InvalidArgument for keys that mean nothing,
    and for other names of streams.
    """
    from libpod.cli.terminal import DetachKeys
    from libpod.errors import InvalidArgument

    names = [name.lower() for name in chosen or ("stdin", "stdout", "stderr")]
    for name in names:
        if name not in ("stdin", "stdout", "stderr"):
            raise InvalidArgument(f"--attach {name!r}: streams are stdin, stdout and stderr")
    text = default_keys if options.detach_keys is None else options.detach_keys
    keys = DetachKeys(text)
    outputs = {number for name, number in (("stdout", STDOUT), ("stderr", STDERR)) if name in names}
    typed = stdin and "stdin" in names
    return Wanted(typed, frozenset(outputs), keys if typed and sys.stdin.isatty() else None)


def relay(connection: AttachSocket, what: Wanted, pid: int) -> bool:
    """Hand output on until the streams end and process *pid* has ended, and our input to it if wanted.

    Returns False if it is left running: the keys for that were typed, or their terminal was closed. Raises
    FileError, after its end, where output could not be written and was lost.
    """
    sink = Sink(what.outputs)
    if not what.stdin:
        # With one thing to wait for, to ask first whether it has come would only cost time.
        for output in connection.outputs():
            sink.write(output)
        return ended(pid, sink)
    from libpod.cli import feeding

    return feeding.relay(connection, what.keys, sink, pid)


def ended(pid: int, sink: Sink) -> bool:
    """A process that has closed its streams may go on, and signals for it come to us."""
    from libpod.containers.ending import wait_for_end

    has_ended = wait_for_end(pid, None)
    sink.check()
    return has_ended


def hand_on(connection: AttachSocket, sink: Sink) -> bool:
    """Write what has come; False at the end."""
    for output in connection.receive_more():
        if output is None:
            return False
        sink.write(output)
    return True


class Sink:
    """Where output goes: our own standard streams, those that are in *outputs*.

    A reader that went away is no reason to stop the container: it runs on, unheard. Nor is a full disk, but
    that is told.
    """

    def __init__(self, outputs: frozenset[int]) -> None:
        self._outputs = outputs
        self._failure: OSError | None = None

    def write(self, output: Output) -> None:
        """Write a piece of output."""
        if output.stream not in self._outputs:
            return
        try:
            files.write_all(output.stream, output.data)
        except BrokenPipeError:
            return
        except OSError as error:
            self._failure = self._failure or error

    def check(self) -> None:
        """Raise FileError if something was lost."""
        if self._failure is not None:
            from libpod.errors import FileError

            raise FileError("write", "what the container said to our output", self._failure)


class Proxy:
    """Gives the signals that we get to the container instead, by *send*. A context manager.

    Until `open` is called they are kept: the container that they are meant for is not there yet. Signals
    that we are to ignore (`nohup`) stay ignored.
    """

    def __init__(self, send: Callable[[int], None], *, wanted: bool = True) -> None:
        self._send = send
        self._wanted = wanted
        self._waiting: list[int] = []
        self._busy = True
        self._before: dict[int, object] = {}

    def __enter__(self) -> Proxy:
        for number in signal.valid_signals() - _OURS if self._wanted else ():
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, None) and number < signal.SIGRTMIN:
                self._before[number] = handler
                signal.signal(number, self._take)
        return self

    def _take(self, number: int, _frame: object) -> None:
        # Another signal may come while this one is sent, with the container's lock held.
        self._waiting.append(number)
        if not self._busy:
            self.open()

    def open(self) -> None:
        """From now on the container gets them."""
        self._busy = True
        try:
            while self._waiting:
                self._send(self._waiting.pop(0))
        finally:
            self._busy = False

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


@contextlib.contextmanager
def proxied(send: Callable[[int], None], *, wanted: bool) -> Iterator[Proxy]:
    """A Proxy whose *send* may fail: the container may have ended in this moment."""
    from libpod.errors import LibpodError

    def try_to_send(number: int) -> None:
        with contextlib.suppress(LibpodError):
            send(number)

    with Proxy(try_to_send, wanted=wanted) as proxy:
        yield proxy
