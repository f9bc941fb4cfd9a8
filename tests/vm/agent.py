"""Runs commands in a virtual machine through QEMU's guest agent, which listens on a serial port of virtio.

The protocol is JSON, one object to a line (QEMU Guest Agent Protocol Reference, `guest-exec`). An answer that
came too late for an earlier caller may still be on its way: `guest-sync-delimited` finds the place.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ANSWER_SECONDS = 300
SYNC_SECONDS = 60
# Each question costs the machine a moment.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.4

_numbers = itertools.count(1)


class AgentError(RuntimeError):
    """The agent does not answer, or refuses."""


class Finished(NamedTuple):
    """How a command in the machine ended."""

    returncode: int
    stdout: str
    stderr: str


class Agent:
    """A connection to the agent whose port ends in the socket *path*."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._lines = self._socket.makefile("rb")
        try:
            # QEMU accepts nobody while it cannot pass on what the last one has said.
            self._socket.settimeout(SYNC_SECONDS)
            self._socket.connect(str(path))
            self._synchronize()
        except OSError as error:
            self.close()
            raise AgentError(f"no answer on {path}: {error}") from error
        self._socket.settimeout(ANSWER_SECONDS)

    def close(self) -> None:
        """Leave the port to the next caller."""
        self._lines.close()
        self._socket.close()

    def _synchronize(self) -> None:
        number = next(_numbers)
        request = {"execute": "guest-sync-delimited", "arguments": {"id": number}}
        self._socket.sendall(b"\xff" + json.dumps(request).encode() + b"\n")
        end = time.monotonic() + SYNC_SECONDS
        while time.monotonic() < end:
            line = self._lines.readline().rpartition(b"\xff")[2]
            with contextlib.suppress(ValueError):
                if json.loads(line).get("return") == number:
                    return
        raise TimeoutError("the agent does not synchronize")

    def _call(self, name: str, **arguments: object) -> Any:
        request = {"execute": name, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(self._lines.readline() or b"{}")
        if "return" not in answer:
            raise AgentError(f"{name}: {answer.get('error')}")
        return answer["return"]

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], text: str, timeout: float
    ) -> Finished:
        """Run *command* with *text* as its input. AgentError if it takes longer than *timeout* seconds."""
        pid = self._call(
            "guest-exec",
            path=command[0],
            arg=command[1:],
            env=[f"{name}={value}" for name, value in environment.items()],
            **{"input-data": base64.b64encode(text.encode()).decode(), "capture-output": True},
        )["pid"]
        end, pause = time.monotonic() + timeout, SHORTEST_PAUSE
        while not (found := self._call("guest-exec-status", pid=pid))["exited"]:
            if time.monotonic() >= end:
                raise AgentError(f"{' '.join(command)} did not end in {timeout:g} seconds")
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE)
        # A command that a signal ended has no exit code.
        code = found.get("exitcode", -int(found.get("signal", 0)))
        return Finished(code, _text(found, "out-data"), _text(found, "err-data"))


def _text(found: Mapping[str, str], key: str) -> str:
    return base64.b64decode(found.get(key, "")).decode(errors="replace")
