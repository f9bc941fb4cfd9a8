"""Our terminal while it is connected to a container: raw mode, its size, and the keys that leave it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONTROL = "ctrl-"
_CONTROL_SIGNS = "@[\\]^_"
_RESTORED = b"r"
_SETTLING_SECONDS = 0.05


class DetachKeys:
    """The keys that leave a container without ending it, looked for in what is typed.

    *text* is as podman-run(1) has it, `--detach-keys`: characters, or `ctrl-` and one of a-z @ [ \\ ] ^ _,
    with commas between them; empty for none. Raises InvalidArgument for anything else.
    """

    def __init__(self, text: str) -> None:
        self.keys = bytes(_key(part, text) for part in text.split(",")) if text else b""
        self._held = 0

    def filter(self, data: bytes) -> tuple[bytes, bool]:
        """What of *data* goes to the container, and whether the keys are complete.

        The beginning of the keys is held back until it is clear that they are not meant.
        """
        if not self.keys:
            return data, False
        passed = bytearray()
        for index in range(len(data)):
            passed += self.keys[: self._held]
            passed.append(data[index])
            self._held = self._matching(passed)
            del passed[len(passed) - self._held :]
            if self._held == len(self.keys):
                self._held = 0
                return bytes(passed), True
        return bytes(passed), False

    def _matching(self, typed: bytearray) -> int:
        """How many of the last bytes typed are the beginning of the keys."""
        longest = min(len(self.keys), len(typed), self._held + 1)
        return next(size for size in range(longest, -1, -1) if typed.endswith(self.keys[:size]))


def _key(part: str, text: str) -> int:
    if len(part) == 1 and part.isascii() and part.isprintable():
        return ord(part)
    sign = part.removeprefix(_CONTROL)
    letter = len(sign) == 1 and sign.isascii() and sign.isalpha()
    if sign != part and (letter or (len(sign) == 1 and sign in _CONTROL_SIGNS)):
        return ord(sign.upper()) & 0x1F
    raise InvalidArgument(
        f"--detach-keys {text!r}: {part!r} is no key",
        hint="keys are single characters and ctrl-a to ctrl-z, with commas between: ctrl-p,ctrl-q",
    )


@contextlib.contextmanager
def raw_mode(*, wanted: bool) -> Iterator[None]:
    """Let keys through as they are pressed. The terminal is put back whatever happens, even if we are killed.

    Without *wanted*, or if our standard input is no terminal, nothing is done.
    """
    if not wanted or not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def restore() -> None:
        # A terminal that was closed meanwhile needs no mode.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    with _watched(restore, descriptor):
        try:
            # What was typed ahead is kept: people do not wait for a container.
            tty.setraw(descriptor, termios.TCSADRAIN)
            yield
        finally:
            restore()


@contextlib.contextmanager
def _watched(restore: Callable[[], None], terminal: int) -> Iterator[None]:
    """Keep a process beside us that calls *restore* if we die without having done so.

    It learns of that from a pipe, whose other end only we hold. In a session of its own it may set the
    modes of a terminal that a shell has taken back, and no key pressed there reaches it.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        try:
            _watch(restore, reading, terminal)
        finally:
            os._exit(0)
    os.close(reading)
    try:
        yield
    finally:
        os.write(writing, _RESTORED)
        os.close(writing)
        os.waitpid(child, 0)


def _watch(restore: Callable[[], None], reading: int, terminal: int) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    # Whatever we hold open beside that would seem in use after our end: pipes, the attach socket.
    kept = {reading, terminal}
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
    if os.read(reading, 1) != _RESTORED:
        restore()


def size() -> tuple[int, int] | None:
    """Lines and columns of our terminal; None if our standard input is none."""
    if not sys.stdin.isatty():
        return None
    found = os.get_terminal_size(sys.stdin.fileno())
    return found.lines, found.columns


@contextlib.contextmanager
def size_followed(control_pipe: str, *, wanted: bool) -> Iterator[None]:
    """Give the container's terminal the size of ours, now and whenever ours changes."""
    from libpod.oci import attach

    now = size() if wanted else None
    if now is None:
        yield
        return

    def follow(*_ignored: object) -> None:
        # A window is drawn larger in many steps, and of sizes in quick succession conmon loses the later ones
        # (2.1.6, measured): the size after a while is that of all steps.
        time.sleep(_SETTLING_SECONDS)
        current = size()
        if current is not None:
            attach.resize(control_pipe, *current)

    before = signal.signal(signal.SIGWINCH, follow)
    attach.resize(control_pipe, *now)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
