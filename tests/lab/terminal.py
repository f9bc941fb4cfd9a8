"""A real terminal with our program in it: what a person types, sees, and finds afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

SECONDS = 120.0


class Terminal:
    """A pseudo-terminal of *lines* and *columns* that *command* runs in; a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        lines: int = 24,
        columns: int = 80,
        reset: Sequence[int] = (signal.SIGINT, signal.SIGQUIT),
    ) -> None:
        self.seen = ""
        self._keyboard, self._ours = os.openpty()
        self.resize(lines, columns)
        self.first_modes = self.modes()
        self.process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=self._ours,
            stdout=self._ours,
            stderr=self._ours,
            start_new_session=True,
            preexec_fn=lambda: self._prepare(reset),
        )

    @staticmethod
    def _prepare(reset: Sequence[int]) -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in reset:
            signal.signal(number, signal.SIG_DFL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.hang_up()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._ours)

    def hang_up(self) -> None:
        """Close the window."""
        for descriptor in (self._keyboard, self._ours):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def resize(self, lines: int, columns: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self._keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def modes(self) -> list[Any]:
        """The modes of the terminal; those at first are `first_modes`."""
        return termios.tcgetattr(self._ours)

    def is_raw(self) -> bool:
        """Whether keys go through as they are pressed."""
        return not self.modes()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._keyboard, text.encode())

    def expect(self, text: str, seconds: float = SECONDS) -> None:
        """Wait until *text* is seen; what came before it has been seen then."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            if not select.select([self._keyboard], [], [], max(end - time.monotonic(), 0))[0]:
                raise AssertionError(f"{text!r} did not appear: {self.seen!r}")
            try:
                data = os.read(self._keyboard, 1 << 16)
            except OSError as error:
                raise AssertionError(f"{text!r} did not appear before the end: {self.seen!r}") from error
            self.seen += data.decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def wait(self, seconds: float = SECONDS) -> int:
        """The exit status of our program; what it prints meanwhile is read."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"it does not end: {self.seen!r}")
            if select.select([self._keyboard], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self._keyboard, 1 << 16).decode(errors="replace")
        return self.process.returncode
