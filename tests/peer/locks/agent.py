"""A Python process in a machine that evaluates what the test asks it to, one line at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.podman import Store

SCRIPT = """
import os, signal, sys
kind, tmp_dir = sys.argv[1:]
from libpod import locks
manager = locks.open_manager(kind, tmp_dir=tmp_dir)
held = {}
def hold(lock, timeout=None):
    lock.acquire(timeout)
    held[lock.name] = lock
    return lock.name
def let_go():
    held.popitem()[1].release()
def waited_for(path):
    inode = ':%d ' % os.stat(path).st_ino
    return any('->' in line and inode in line for line in open('/proc/locks'))
def go_on(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return False
    return True
def contended(lock):
    word = manager._mapping.read(lock._offset, 4)
    return bool(int.from_bytes(word, sys.byteorder) & 0x80000000)
for line in sys.stdin:
    try:
        print(repr(eval(line)), flush=True)
    except Exception as error:
        print(type(error).__name__ + ': ' + str(error), flush=True)
"""
PATIENCE = 120.0


class Agent:
    """Runs beside Podman on *store* and uses its locks through our library; ended with the `with` block."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._process = store.machine.start(
            [store.python, "-c", SCRIPT, store.lock_type, store.tmp_dir],
            environment=store.libpod_environment,
        )

    def ask(self, expression: str) -> str:
        """Evaluate *expression* there and return what it gives, as text; or the error, with its class."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            assert self._process.stderr is not None
            raise AssertionError(f"the agent has ended: {self._process.stderr.read()}")
        return answer.strip()

    def wait_until(self, expression: str) -> None:
        """Ask until the answer is True."""
        deadline = time.monotonic() + PATIENCE
        while (answer := self.ask(expression)) != "True":
            assert time.monotonic() < deadline, f"{expression} stays {answer}"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        self._store.machine.run(["sh", "-c", f"kill -KILL {self.ask('os.getpid()')}"])
        self._process.wait(PATIENCE)

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        streams = (self._process.stdin, self._process.stdout, self._process.stderr)
        assert None not in streams
        for stream in streams:
            assert stream is not None
            stream.close()
        self._process.wait(PATIENCE)
