"""CRIU, which writes processes to files and makes them again: whether it works here, and what it says.

The OCI runtime starts it; it must be in the search path. Its log has a line `(SECONDS) Error (FILE): TEXT`
for what went wrong, of which the first is the cause. Its figures are in an image file: two magic numbers and
the size of the entry, 32 bits each, then a `stats_entry` (protocol buffers, `images/stats.proto` of CRIU).
"""

from __future__ import annotations

import os
import re
import struct

from libpod.errors import CommandError, DecodeError, FileError, NotSupported
from libpod.host import files, process
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from libpod.oci.runc import Runc

MINIMUM_VERSION: Final = (3, 11)
"""The first that keeps a network namespace; Podman asks for it as well."""
TIMEOUT: Final = 60.0
"""Seconds for a question to CRIU. `criu check` tries out the features of the kernel."""
LARGEST_LOG: Final = 64 << 20
LARGEST_FIGURES: Final = 1 << 20

_ERROR = re.compile(r"^(?:\([0-9.]+\) )?(?: *[0-9]+: )?Error \([^)]*\): (.*)$")
_HEAD: Final = struct.Struct("<III")
_MAGIC: Final = (0x55105940, 0x57093306)

# Fields of the entry, and of dump_stats_entry and restore_stats_entry in it, with Podman's names for them.
_DUMP, _RESTORE = 1, 2
_NAMES: Final = {
    _DUMP: {1: "freezing_time", 2: "frozen_time", 3: "memdump_time", 4: "memwrite_time",
            5: "pages_scanned", 7: "pages_written"},
    _RESTORE: {3: "forking_time", 4: "restore_time", 5: "pages_restored"},
}  # fmt: skip


class Facts(NamedTuple):
    """What is needed for a checkpoint, as far as it was looked at: after the first no the rest is not."""

    rootless: bool = False
    program: str = "criu"
    """The path of CRIU; empty if it is not there."""
    version: tuple[int, ...] = MINIMUM_VERSION
    runtime: str = "runc"
    runtime_can: bool = True
    """Whether the OCI runtime was built with it."""
    failure: str | None = None
    """What `criu check` says; None if it says that all is well."""


def require(runtime: Runc, *, rootless: bool) -> None:
    """Raise NotSupported, with the cause, where checkpoints cannot work. Nothing is touched for that."""
    error = refusal(look(runtime, rootless=rootless))
    if error is not None:
        raise error


def look(runtime: Runc, *, rootless: bool) -> Facts:
    """The facts of this host."""
    facts = Facts(rootless=rootless, runtime=runtime.name)
    if rootless:
        return facts
    facts = facts._replace(program=_find())
    if not facts.program:
        return facts
    facts = facts._replace(version=version_in(_ask(facts.program, "--version")[1]))
    if facts.version < MINIMUM_VERSION:
        return facts
    facts = facts._replace(runtime_can=runtime.supports_checkpoint())
    if not facts.runtime_can:
        return facts
    status, said = _ask(facts.program, "check")
    return facts._replace(failure=first_error(said) or f"exit status {status}") if status else facts


def refusal(facts: Facts) -> NotSupported | None:
    """Why there can be no checkpoint, and what to do about it; None if there can."""
    what = "checkpoint and restore are not possible"
    if facts.rootless:
        return NotSupported(f"{what} without root: CRIU needs its privileges", hint="run it as root")
    if not facts.program:
        return NotSupported(f"{what}: there is no criu in the search path", hint="install the package criu")
    if facts.version < MINIMUM_VERSION:
        found, wanted = (".".join(map(str, version)) for version in (facts.version, MINIMUM_VERSION))
        return NotSupported(f"{what} with {facts.program} {found or 'of an unknown version'}: "
                            f"at least {wanted} is needed", hint="install a newer criu")  # fmt: skip
    if not facts.runtime_can:
        return NotSupported(f"{what} with the OCI runtime {facts.runtime}: it was built without it",
                            hint="use another one: --runtime runc")  # fmt: skip
    if facts.failure is not None:
        return NotSupported(f"{what} on this kernel: {facts.program} check: {facts.failure}",
                            hint="`criu check` tells all that is missing")  # fmt: skip
    return None


def _find() -> str:
    import shutil

    return shutil.which("criu", path=process.clean_environment()["PATH"]) or ""


def _ask(program: str, word: str) -> tuple[int, str]:
    """The exit status and what it printed. A CRIU that cannot be started or hangs is one that fails."""
    try:
        completed = process.run([program, word], timeout=TIMEOUT, check=False)
    except CommandError as error:
        return 1, error.message
    return completed.status, (completed.stdout + completed.stderr).decode("utf-8", "replace")


def version_in(text: str) -> tuple[int, ...]:
    """The numbers of `Version: 3.17.1`; none where there is no such line."""
    found = re.search(r"^Version: ([0-9]+(?:\.[0-9]+)*)", text, re.MULTILINE)
    return tuple(map(int, found[1].split("."))) if found else ()


# ---------------------------------------------------------------- its log


def errors_in(text: str) -> Iterator[str]:
    """The texts of its errors, in their order."""
    for line in text.splitlines():
        found = _ERROR.match(line)
        if found:
            yield found[1].strip()


def first_error(text: str) -> str:
    """The first error of `criu check`, which the others follow from; the last line if there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next(errors_in(text), lines[-1] if lines else "")


def cause(log: str) -> str:
    """The first error in the file *log*; empty if there is none, or no such file."""
    try:
        text = files.read_bytes(log, limit=LARGEST_LOG).decode("utf-8", "replace")
    except FileError:
        return ""
    return next(errors_in(text), "")


# ---------------------------------------------------------------- its figures


def figures(directory: str, name: str) -> dict[str, int]:
    """The figures in the file *name*, `stats-dump` or `stats-restore`: times in microseconds, and pages.

    Raises FileError and DecodeError.
    """
    path = os.path.join(directory, name)
    return figures_in(files.read_bytes(path, limit=LARGEST_FIGURES), path)


def figures_in(data: bytes, source: str) -> dict[str, int]:
    """The figures of an image file. DecodeError if it is none."""
    if len(data) < _HEAD.size:
        raise DecodeError(f"{source}: too short for figures of CRIU", source=source)
    *magic, size = _HEAD.unpack_from(data)
    entry = data[_HEAD.size : _HEAD.size + size]
    if tuple(magic) != _MAGIC or len(entry) != size:
        raise DecodeError(f"{source}: these are no figures of CRIU", source=source)
    found: dict[str, int] = {}
    for kind, value in _fields(entry, source):
        if kind in _NAMES and isinstance(value, bytes):
            named = _NAMES[kind]
            found.update({named[field]: number for field, number in _fields(value, source)
                          if field in named and isinstance(number, int)})  # fmt: skip
    return found


def _fields(data: bytes, source: str) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers, and bytes for messages in it."""
    position = 0
    while position < len(data):
        tag, position = _number(data, position, source)
        value, position = _number(data, position, source)
        if tag & 7 == 2:
            end = position + value
            if end > len(data):
                raise DecodeError(f"{source}: cut off", source=source)
            yield tag >> 3, data[position:end]
            position = end
        elif tag & 7 == 0:
            yield tag >> 3, value
        else:
            raise DecodeError(f"{source}: unexpected field {tag}", source=source)


def _number(data: bytes, position: int, source: str) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
    raise DecodeError(f"{source}: cut off", source=source)
