"""What the kernel counts for a control group: time, memory, processes, block input and output.

The files are those of the kernel's admin guide, cgroup-v1 and cgroup-v2. With both versions side by side
each controller is read where it is.
"""

from __future__ import annotations

import errno
import os

from libpod.cgroups.hierarchy import check_path, hierarchies
from libpod.errors import FileError
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from libpod.cgroups.hierarchy import Hierarchy

_TICKS = os.sysconf("SC_CLK_TCK")
_SECOND = 1_000_000_000
# Version 1 writes the largest whole number of pages for "no limit"; anything as large means the same.
_NO_LIMIT = 1 << 62
_MAIN = frozenset(("cpu", "memory", "pids", "block_read"))
_LARGEST = 1 << 16
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


def read(group: str, mounted: Sequence[Hierarchy] | None = None, *, brief: bool = False) -> Figures:
    """The figures of the control group *group*, a path from the root of the hierarchies.

    *mounted* are the hierarchies, where they are known. What `stats` does not show (user and system time,
    inactive cache, limit of processes) may be left at 0 in a *brief* reading: to count the cache takes the
    kernel longer than all else. FileError (ENOENT) if there is no such group in any of them; InvalidArgument
    if it is not a path.
    """
    check_path(group)
    found: dict[str, int] = {}
    places = hierarchies() if mounted is None else mounted
    name = group.strip("/")
    # Version 1 first: a version 2 hierarchy beside it has what is counted without any controller.
    for hierarchy in sorted(places, key=_version):
        if hierarchy.version == 2 and found.keys() >= _MAIN:
            break
        for key, value in _of(hierarchy, f"{hierarchy.mount_point}/{name}", brief=brief):
            found.setdefault(key, value)
    if not found and not any(os.path.isdir(f"{hierarchy.mount_point}/{name}") for hierarchy in places):
        raise FileError("read control group", group, FileNotFoundError(errno.ENOENT, "no such control group"))
    return Figures(**found)


def _version(hierarchy: Hierarchy) -> int:
    return hierarchy.version


def _of(hierarchy: Hierarchy, directory: str, *, brief: bool) -> Iterator[tuple[str, int]]:
    if hierarchy.version == 2:
        yield from _unified(directory, brief=brief)
        return
    if "cpuacct" in hierarchy.controllers:
        yield from _cpu(directory, brief=brief)
    if "memory" in hierarchy.controllers:
        yield from _memory(directory, brief=brief)
    if "pids" in hierarchy.controllers:
        yield from _pids(directory, brief=brief)
    if "blkio" in hierarchy.controllers:
        yield from _block(directory)


# ---------------------------------------------------------------- version 1


def _cpu(directory: str, *, brief: bool) -> Iterator[tuple[str, int]]:
    yield from _number("cpu", f"{directory}/cpuacct.usage")
    if brief:
        return
    # In clock ticks; older kernels have no other file for the two.
    for line in _lines(f"{directory}/cpuacct.stat"):
        name, _, value = line.partition(" ")
        if name in ("user", "system"):
            yield f"cpu_{name}", int(value) * _SECOND // _TICKS


def _memory(directory: str, *, brief: bool) -> Iterator[tuple[str, int]]:
    yield from _number("memory", f"{directory}/memory.usage_in_bytes")
    yield from _number("memory_limit", f"{directory}/memory.limit_in_bytes")
    if not brief:
        yield from _named(f"{directory}/memory.stat", {"total_inactive_file": "memory_inactive"})


def _block(directory: str) -> Iterator[tuple[str, int]]:
    lines = _lines(f"{directory}/blkio.throttle.io_service_bytes_recursive")
    lines = lines or _lines(f"{directory}/blkio.throttle.io_service_bytes")
    if not lines:
        return
    totals = {"Read": 0, "Write": 0}
    for line in lines:
        # `MAJOR:MINOR Read BYTES`
        words = line.split()
        if len(words) == 3 and words[1] in totals:
            totals[words[1]] += int(words[2])
    yield "block_read", totals["Read"]
    yield "block_written", totals["Write"]


# ---------------------------------------------------------------- version 2


def _unified(directory: str, *, brief: bool) -> Iterator[tuple[str, int]]:
    names = {"usage_usec": "cpu", "user_usec": "cpu_user", "system_usec": "cpu_system"}
    for name, microseconds in _named(f"{directory}/cpu.stat", names):
        yield name, microseconds * 1000
    yield from _number("memory", f"{directory}/memory.current")
    yield from _number("memory_limit", f"{directory}/memory.max")
    if not brief:
        yield from _named(f"{directory}/memory.stat", {"inactive_file": "memory_inactive"})
    yield from _pids(directory, brief=brief)
    yield from _io(directory)


def _io(directory: str) -> Iterator[tuple[str, int]]:
    lines = _lines(f"{directory}/io.stat")
    for name, key in (("block_read", "rbytes="), ("block_written", "wbytes=")):
        # `MAJOR:MINOR rbytes=BYTES wbytes=BYTES …`
        words = (word for line in lines for word in line.split())
        if lines:
            yield name, sum(int(word.removeprefix(key)) for word in words if word.startswith(key))


# ---------------------------------------------------------------- both


def _pids(directory: str, *, brief: bool) -> Iterator[tuple[str, int]]:
    yield from _number("pids", f"{directory}/pids.current")
    if not brief:
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
    # Not by `libpod.host.files`: there are many of these, and the kernel gives each in one piece.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _LARGEST).decode().split("\n")[:-1]
        finally:
            os.close(descriptor)
    except OSError as error:
        # The group ended meanwhile, or has not this controller.
        if error.errno in _MISSING:
            return []
        raise FileError("read", path, error) from error
