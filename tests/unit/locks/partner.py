"""A second process for a test: it runs a function, and the two pass words to each other."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Partner:
    """A forked process that runs *work*, and is gone at the end of the `with` block."""

    def __init__(self, work: Callable[[Partner], object]) -> None:
        self._from_child, to_parent = os.pipe()
        from_parent, self._to_child = os.pipe()
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._from_child)
            os.close(self._to_child)
            self._from_child, self._to_child = from_parent, to_parent
            self._run(work)
        os.close(to_parent)
        os.close(from_parent)

    def _run(self, work: Callable[[Partner], object]) -> None:
        status = 99
        try:
            work(self)
            status = 0
        except BaseException:  # noqa: BLE001 - the child must never go on with the parent's tests
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)

    def say(self, word: str) -> None:
        """Send a word to the other side."""
        os.write(self._to_child, word.encode() + b"\n")

    def hear(self) -> str:
        """Wait for a word of the other side."""
        letters = b""
        while not letters.endswith(b"\n"):
            letter = os.read(self._from_child, 1)
            assert letter, f"the other process has ended: {self.join() if self.pid else 'parent'}"
            letters += letter
        return letters.decode().strip()

    def kill(self) -> None:
        """End it as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        self.join()

    def join(self) -> int:
        """Wait for its end and return its status."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is not None and self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        os.close(self._to_child)
        self.join()
        os.close(self._from_child)
