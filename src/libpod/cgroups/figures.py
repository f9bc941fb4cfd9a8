"""What the kernel counts for a control group: time, memory, processes, block input and output.

The files are those of the kernel's admin guide, cgroup-v1 and cgroup-v2. With both versions side by side
each controller is read where it is.
"""

from __future__ import annotations

import errno
import os

from libpod.cgroups.hierarchy import check_path, hierarchies
from libpod.errors import FileError
from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from libpod.cgroups.hierarchy import Hierarchy

_TICKS = os.sysconf("SC_CLK_TCK")
_SECOND = 1_000_000_000
# Version 1 writes the largest whole number of pages for "no limit"; anything as large means the same.
_NO_LIMIT = 1 << 62
_MISSING = (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP, errno.ENOTDIR)


class Figures(NamedTuple):
    """One reading. What no mounted controller counts is 0."""

    cpu: int = 0
    """Nanoseconds of CPU time, by all processes that are or were in the group and those below it."""
    cpu_user: int = 0
    """Of these, nanoseconds in user mode."""
    cpu_system: int = 0
    """Of these, nanoseconds in the kernel."""
    memory: int = 0
    """Bytes, with the page cache; what Podman 4.3 shows as usage."""
    memory_inactive: int = 0
    """Bytes of page cache among these that the kernel would give up first (`inactive_file`)."""
    memory_limit: int = 0
    """Bytes; 0 for no limit."""
    pids: int = 0
    """Processes and threads."""
    pids_limit: int = 0
    """0 for no limit."""
    block_read: int = 0
    """Bytes read from block devices."""
    block_written: int = 0
    """Bytes written to block devices."""


def read(group: str, mounted: Sequence[Hierarchy] | None = None) -> Figures:
    """The figures of the control group *group*, a path from the root of the hierarchies.

    *mounted* are the hierarchies, where they are known. FileError (ENOENT) if there is no such group in any
    of them; InvalidArgument if it is not a path.
    """
    check_path(group)
    found: dict[str, int] = {}
    exists = False
    # Version 1 first: a version 2 hierarchy beside it has what is counted without any controller.
    for hierarchy in sorted(hierarchies() if mounted is None else mounted, key=lambda each: each.version):
        directory = f"{hierarchy.mount_point}/{group.strip('/')}"
        if os.path.isdir(directory):
            exists = True
            for name, value in _of(hierarchy, directory):
                found.setdefault(name, value)
    if not exists:
        raise FileError("read control group", group, FileNotFoundError(errno.ENOENT, "no such control group"))
    return Figures(**found)


def _of(hierarchy: Hierarchy, directory: str) -> Iterator[tuple[str, int]]:
    if hierarchy.version == 2:
        yield from _unified(directory)
        return
    if "cpuacct" in hierarchy.controllers:
        yield from _cpu(directory)
    if "memory" in hierarchy.controllers:
        yield from _memory(directory)
    if "pids" in hierarchy.controllers:
        yield from _pids(directory)
    if "blkio" in hierarchy.controllers:
        yield from _block(directory)


# ---------------------------------------------------------------- version 1


def _cpu(directory: str) -> Iterator[tuple[str, int]]:
    yield from _number("cpu", f"{directory}/cpuacct.usage")
    # In clock ticks; older kernels have no other file for the two.
    for line in _lines(f"{directory}/cpuacct.stat"):
        name, _, value = line.partition(" ")
        if name in ("user", "system"):
            yield f"cpu_{name}", int(value) * _SECOND // _TICKS


def _memory(directory: str) -> Iterator[tuple[str, int]]:
    yield from _number("memory", f"{directory}/memory.usage_in_bytes")
    yield from _number("memory_limit", f"{directory}/memory.limit_in_bytes")
    yield from _named(f"{directory}/memory.stat", {"total_inactive_file": "memory_inactive"})


def _block(directory: str) -> Iterator[tuple[str, int]]:
    lines = _lines(f"{directory}/blkio.throttle.io_service_bytes_recursive")
    totals = {"Read": 0, "Write": 0}
    for line in lines or _lines(f"{directory}/blkio.throttle.io_service_bytes"):
        # `MAJOR:MINOR Read BYTES`
        words = line.split()
        if len(words) == 3 and words[1] in totals:
            totals[words[1]] += int(words[2])
    yield "block_read", totals["Read"]
    yield "block_written", totals["Write"]


# ---------------------------------------------------------------- version 2


def _unified(directory: str) -> Iterator[tuple[str, int]]:
    names = {"usage_usec": "cpu", "user_usec": "cpu_user", "system_usec": "cpu_system"}
    for name, microseconds in _named(f"{directory}/cpu.stat", names):
        yield name, microseconds * 1000
    yield from _number("memory", f"{directory}/memory.current")
    yield from _number("memory_limit", f"{directory}/memory.max")
    yield from _named(f"{directory}/memory.stat", {"inactive_file": "memory_inactive"})
    yield from _pids(directory)
    yield from _io(directory)


def _io(directory: str) -> Iterator[tuple[str, int]]:
    lines = _lines(f"{directory}/io.stat")
    for name, key in (("block_read", "rbytes="), ("block_written", "wbytes=")):
        # `MAJOR:MINOR rbytes=BYTES wbytes=BYTES …`
        words = (word for line in lines for word in line.split())
        if lines:
            yield name, sum(int(word.removeprefix(key)) for word in words if word.startswith(key))


# ---------------------------------------------------------------- both


def _pids(directory: str) -> Iterator[tuple[str, int]]:
    yield from _number("pids", f"{directory}/pids.current")
    yield from _number("pids_limit", f"{directory}/pids.max")


def _number(name: str, path: str) -> Iterator[tuple[str, int]]:
    """The number in a file, 0 for no limit; nothing if the controller is not there."""
    for line in _lines(path):
        value = 0 if line == "max" else int(line)
        yield name, 0 if value >= _NO_LIMIT else value


def _named(path: str, names: dict[str, str]) -> Iterator[tuple[str, int]]:
    """From lines `KEY NUMBER`, those with a name of ours."""
    for line in _lines(path):
        key, _, value = line.partition(" ")
        if key in names:
            yield names[key], int(value)


def _lines(path: str) -> list[str]:
    try:
        return files.read_text(path).split("\n")[:-1]
    except FileError as error:
        # The group ended meanwhile, or has not this controller.
        if error.errno in _MISSING:
            return []
        raise
