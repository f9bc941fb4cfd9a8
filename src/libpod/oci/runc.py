"""The OCI runtime, runc or crun, driven as a program.

Only `create` is not here: conmon runs it, so that conmon is the parent of the container. The runtime writes
its messages as JSON lines to a log file that we name; the last one becomes our error.
"""

from __future__ import annotations

import errno
import os

from libpod.errors import (
    CommandTimeout,
    FileError,
    InvalidState,
    OCIRuntimeError,
    OCIRuntimeNotFound,
    OCIRuntimePermissionDenied,
)
from libpod.host import files, jsonutil, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT = 120.0
"""Seconds for one command of the runtime, none of which waits for anything but the kernel."""
CHECKPOINT_TIMEOUT = 900.0
"""Seconds for a checkpoint, which writes all memory of a container to a disk; a restore reads it again."""
CREATE_TIMEOUT = 240.0
"""Seconds until a container must have been created; Podman waits as long."""

_NOT_FOUND = ("executable file not found", "no such file or directory")
_PERMISSION = ("permission denied", "is a directory", "exec format error")
_GONE = ("does not exist", "no such file or directory", "process already finished", "container not running")

# What runc says of a container that it does not know, and what crun says.
_UNKNOWN = ("does not exist", f"/status`: {os.strerror(errno.ENOENT)}")


_LOST_HINT = "if it runs, the runtime has lost its state of it: stop the container, and start it again"


class Runc:
    """The OCI runtime at *path*. *arguments* go before the verb of every command."""

    def __init__(self, path: str, *, systemd_cgroup: bool = False, arguments: Sequence[str] = ()) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self.systemd_cgroup = systemd_cgroup
        self.arguments = tuple(arguments)

    def start(self, container_id: str) -> None:
        """Start the process of a created container."""
        self._run("start", container_id)

    def state(self, container_id: str) -> dict[str, object] | None:
        """What the runtime knows (OCI state: `status`, `pid`); None if it does not know the container."""
        completed = self._complete("state", container_id)
        if completed.status != 0:
            said = completed.stderr.decode("utf-8", "replace")
            if any(words in said for words in _UNKNOWN):
                return None
            raise failure(f"state of container {container_id}", _message(completed.stderr))
        return jsonutil.loads_object(completed.stdout, f"output of {self.path} state {container_id}")

    def kill(self, container_id: str, signal: int, *, everything: bool = False) -> None:
        """Send *signal* to the container's first process, or to *everything* in it.

        InvalidState if it does not run (any more).
        """
        flag = ["--all"] if everything else []
        self._run("kill", *flag, container_id, str(signal))

    def pause(self, container_id: str) -> None:
        """Freeze all processes."""
        self._run("pause", container_id)

    def resume(self, container_id: str) -> None:
        """Let frozen processes go on."""
        self._run("resume", container_id)

    def checkpoint(self, container_id: str, images: str, work: str, flags: Sequence[str] = ()) -> None:
        """Write its processes to the directory *images*, and the log to *work*; they end unless *flags* has
        `--leave-running`.
        """
        paths = ("--image-path", images, "--work-path", work)
        completed = self._complete("checkpoint", *paths, *flags, container_id, timeout=CHECKPOINT_TIMEOUT)
        if completed.status != 0:
            raise failure(f"{self.name} checkpoint container {container_id}", _message(completed.stderr))

    def supports_checkpoint(self) -> bool:
        """Whether it was built with it: what its `features` say, or whether it knows the verb."""
        completed = self._complete("features")
        if completed.status == 0:
            source = f"output of {self.path} features"
            found = jsonutil.loads_object(completed.stdout, source)
            notes = jsonutil.get_object(found, "annotations", {}, source=source)
            said = [value for name, value in notes.items() if name.endswith(".checkpoint.enabled")]
            if said:
                return "true" in said
        return self._complete("checkpoint", "--help").status == 0

    def delete(self, container_id: str, *, force: bool = False) -> None:
        """Make the runtime forget a stopped container; with *force* one that runs or is gone, too."""
        flag = ["--force"] if force else []
        self._run("delete", *flag, container_id)

    def version(self) -> str:
        """What `--version` prints."""
        return (
            process.run([self.path, "--version"], timeout=TIMEOUT).stdout.decode("utf-8", "replace").strip()
        )

    def keeps_personality(self) -> bool:
        """Whether it sets `linux.personality`: runc before 1.2 passes over it without a word."""
        words = self.version().split()
        if words[:2] != ["runc", "version"]:
            return True
        numbers = words[2].split(".")[:2]
        return not all(number.isdigit() for number in numbers) or [int(number) for number in numbers] >= [
            1,
            2,
        ]

    def _command(self, verb: str, *arguments: str) -> list[str]:
        flags = ["--systemd-cgroup"] if self.systemd_cgroup else []
        return [self.path, *self.arguments, *flags, "--log-format=json", verb, *arguments]

    def _run(self, verb: str, *arguments: str) -> None:
        completed = self._complete(verb, *arguments)
        if completed.status != 0:
            container_id = next((word for word in arguments if not word.startswith("-")), "")
            raise failure(f"{self.name} {verb} container {container_id}", _message(completed.stderr))

    def _complete(self, verb: str, *arguments: str, timeout: float | None = None) -> process.Completed:
        seconds = TIMEOUT if timeout is None else timeout
        try:
            return process.run(self._command(verb, *arguments), timeout=seconds, check=False)
        except CommandTimeout as error:
            raise OCIRuntimeError(
                f"{self.name} {verb} {' '.join(arguments[-1:])}: not finished after "
                f"{seconds:g} seconds, killed",
                hint=f"check that {self.path} works: `{self.path} list`",
            ) from error


def failure(what: str, message: str) -> OCIRuntimeError | InvalidState:
    """The error for what the runtime said: 127 and 126 of `run` come from its kind."""
    lowered = message.lower()
    text = f"{what}: {message or 'the runtime said nothing'}"
    if "exec" in lowered or "starting container process" in lowered:
        if any(words in lowered for words in _PERMISSION):
            return OCIRuntimePermissionDenied(text)
        if any(words in lowered for words in _NOT_FOUND):
            return OCIRuntimeNotFound(text)
    if any(words in lowered for words in _GONE):
        unknown = _LOST_HINT if _UNKNOWN[0] in lowered else None
        return InvalidState(text, hint=unknown)
    return OCIRuntimeError(text)


def log_message(path: str) -> str:
    """The text of the last message in the runtime's log file; empty if there is none."""
    try:
        data = files.read_bytes(path, limit=1 << 20)
    except FileError:
        return ""
    return _message(data)


def _message(data: bytes) -> str:
    """The last JSON line's `msg`; where there is no JSON, the last line as it is."""
    import json

    last = ""
    for line in data.decode("utf-8", "replace").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            last = line.strip() or last
            continue
        if isinstance(value, dict) and isinstance(value.get("msg"), str):
            last = value["msg"]
    return last
