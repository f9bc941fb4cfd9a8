"""Standard streams between our terminal or pipes and a container."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from libpod.oci.attach import AttachSocket

_CHUNK = 8192
# Signals that are ours, not the container's.
_KEPT = (signal.SIGCHLD, signal.SIGPIPE, signal.SIGWINCH, signal.SIGURG)


def pump(connection: AttachSocket, *, stdin: bool) -> None:
    """Hand output on until the container's streams end, and our standard input to it with *stdin*."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        if stdin:
            _register_input(selector, connection)
        while True:
            for key, _events in selector.select():
                if key.fileobj is connection:
                    output = connection.receive()
                    if output is None:
                        return
                    _write(output.stream, output.data)
                else:
                    _forward_input(selector, connection)


def _register_input(selector: selectors.BaseSelector, connection: AttachSocket) -> None:
    try:
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    except PermissionError:
        # epoll takes no regular files: they are always ready, and short enough to be sent at once.
        while data := os.read(sys.stdin.fileno(), _CHUNK):
            connection.send(data)
        connection.end_input()


def _forward_input(selector: selectors.BaseSelector, connection: AttachSocket) -> None:
    data = os.read(sys.stdin.fileno(), _CHUNK)
    if data:
        connection.send(data)
        return
    selector.unregister(sys.stdin.fileno())
    connection.end_input()


def _write(stream: int, data: bytes) -> None:
    """A reader that went away is no reason to stop the container: it runs on, unheard."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(stream, view) :]
    except BrokenPipeError:
        return


@contextlib.contextmanager
def raw_terminal(*, wanted: bool) -> Iterator[None]:
    """Let keys through as they are pressed; the terminal is put back whatever happens."""
    if not wanted or not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def window_size(control_pipe: str, *, wanted: bool) -> Iterator[None]:
    """Tell conmon the size of our terminal, now and whenever it changes."""
    if not wanted or not sys.stdin.isatty():
        yield
        return

    def send(*_ignored: object) -> None:
        size = os.get_terminal_size(sys.stdin.fileno())
        with contextlib.suppress(OSError):
            descriptor = os.open(control_pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(descriptor, f"1 {size.lines} {size.columns}\n".encode())
            finally:
                os.close(descriptor)

    send()
    before = signal.signal(signal.SIGWINCH, send)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


@contextlib.contextmanager
def forwarded_signals(send: Callable[[int], None]) -> Iterator[None]:
    """Give the signals that we get to the container instead."""

    def forward(number: int, _frame: object) -> None:
        send(number)

    wanted = [
        number
        for number in (
            signal.SIGTERM,
            signal.SIGINT,
            signal.SIGHUP,
            signal.SIGQUIT,
            signal.SIGUSR1,
            signal.SIGUSR2,
        )
        if number not in _KEPT
    ]
    before = {number: signal.signal(number, forward) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
