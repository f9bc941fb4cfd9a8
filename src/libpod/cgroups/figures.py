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
    from collections.abc import Callable, Iterator, Sequence

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


_NOTHING = (0,) * len(Figures._fields)


class Reader:
    """Reads one group after another: which files there are to read is found out once.

    *mounted* are the hierarchies, where they are known. What `stats` does not show (user and system time,
    inactive cache, limit of processes) is left at 0 in a *brief* reading, which is quicker: to count the
    cache takes the kernel longer than all else.
    """

    __slots__ = ("_mounted", "_sources")

    def __init__(self, mounted: Sequence[Hierarchy] | None = None, *, brief: bool = False) -> None:
        self._mounted = hierarchies() if mounted is None else mounted
        # Version 1 first: a version 2 hierarchy beside it has what is counted without any controller.
        self._sources = [
            (hierarchy.mount_point, "/" + source.file, source.key, source.parse)
            for hierarchy in sorted(self._mounted, key=_version)
            for source in (_VERSION_2 if hierarchy.version == 2 else _VERSION_1)
            if source.controller in hierarchy.controllers or hierarchy.version == 2
            if not (brief and source.long)
        ]

    def read(self, group: str) -> Figures:
        """The figures of the control group *group*, a path from the root of the hierarchies.

        FileError (ENOENT) if there is no such group in any of them; InvalidArgument if it is not a path.
        """
        check_path(group)
        path = "/" + group.strip("/")
        found: dict[str, int] = {}
        for mount_point, file, key, parse in self._sources:
            if key not in found:
                file_path = mount_point + path + file
                try:
                    text = files.read_kernel(file_path)
                except OSError as error:
                    # The group ended meanwhile, or has not this controller.
                    if error.errno not in _MISSING:
                        raise FileError("read", file_path, error) from error
                else:
                    parse(text, key, found)
        if not found and not any(os.path.isdir(hierarchy.mount_point + path) for hierarchy in self._mounted):
            missing = FileNotFoundError(errno.ENOENT, "no such control group")
            raise FileError("read control group", group, missing)
        return Figures._make(map(found.get, Figures._fields, _NOTHING))


def out_of_memory_kills(group: str) -> int:
    """How many processes of *group* the kernel has killed because its memory was used up.

    Those of the groups below it count with version 2. 0 where there is no such group.
    """
    check_path(group)
    for hierarchy in hierarchies():
        if hierarchy.version == 1 and "memory" not in hierarchy.controllers:
            continue
        file = "memory.events" if hierarchy.version == 2 else "memory.oom_control"
        path = f"{hierarchy.mount_point}/{group.strip('/')}/{file}"
        try:
            found = dict(_pairs(files.read_kernel(path)))
        except OSError as error:
            if error.errno not in _MISSING:
                raise FileError("read", path, error) from error
        else:
            return found.get(b"oom_kill", 0)
    return 0


def _version(hierarchy: Hierarchy) -> int:
    return hierarchy.version


# ---------------------------------------------------------------- what the files say


def _number(text: bytes, key: str, found: dict[str, int]) -> None:
    """One number, or "max" for no limit."""
    value = 0 if text == b"max\n" else int(text)
    found[key] = 0 if value >= _NO_LIMIT else value


def _ticks(text: bytes, _key: str, found: dict[str, int]) -> None:
    """In clock ticks; older kernels have no other file for the two."""
    for name, value in _pairs(text):
        if name in (b"user", b"system"):
            found.setdefault(f"cpu_{name.decode()}", value * _SECOND // _TICKS)


def _cpu_stat(text: bytes, _key: str, found: dict[str, int]) -> None:
    for name, microseconds in _pairs(text):
        if name in _CPU_STAT:
            found.setdefault(_CPU_STAT[name], microseconds * 1000)


def _total_inactive(text: bytes, key: str, found: dict[str, int]) -> None:
    found[key] = dict(_pairs(text)).get(b"total_inactive_file", 0)


def _inactive(text: bytes, key: str, found: dict[str, int]) -> None:
    found[key] = dict(_pairs(text)).get(b"inactive_file", 0)


def _block_bytes(text: bytes, _key: str, found: dict[str, int]) -> None:
    """`MAJOR:MINOR Read BYTES`, and a total."""
    lines = [line.split() for line in text.splitlines()]
    for name, what in (("block_read", b"Read"), ("block_written", b"Write")):
        if lines:
            found[name] = sum(int(words[2]) for words in lines if len(words) == 3 and words[1] == what)


def _io_stat(text: bytes, _key: str, found: dict[str, int]) -> None:
    """`MAJOR:MINOR rbytes=BYTES wbytes=BYTES …`"""
    words = text.split()
    for name, what in (("block_read", b"rbytes="), ("block_written", b"wbytes=")):
        found[name] = sum(int(word.removeprefix(what)) for word in words if word.startswith(what))


def _pairs(text: bytes) -> Iterator[tuple[bytes, int]]:
    """From lines `KEY NUMBER`."""
    for line in text.splitlines():
        name, _, value = line.partition(b" ")
        yield name, int(value)


_CPU_STAT = {b"usage_usec": "cpu", b"user_usec": "cpu_user", b"system_usec": "cpu_system"}


class _Source(NamedTuple):
    """A file that is read unless the figure *key* is known; *parse* puts that there, and maybe more."""

    controller: str
    file: str
    key: str
    parse: Callable[[bytes, str, dict[str, int]], None]
    long: bool = False


_VERSION_1 = (
    _Source("cpuacct", "cpuacct.usage", "cpu", _number),
    _Source("cpuacct", "cpuacct.stat", "cpu_user", _ticks, long=True),
    _Source("memory", "memory.usage_in_bytes", "memory", _number),
    _Source("memory", "memory.limit_in_bytes", "memory_limit", _number),
    _Source("memory", "memory.stat", "memory_inactive", _total_inactive, long=True),
    _Source("pids", "pids.current", "pids", _number),
    _Source("pids", "pids.max", "pids_limit", _number, long=True),
    _Source("blkio", "blkio.throttle.io_service_bytes_recursive", "block_read", _block_bytes),
    _Source("blkio", "blkio.throttle.io_service_bytes", "block_read", _block_bytes),
)
_VERSION_2 = (
    _Source("cpu", "cpu.stat", "cpu", _cpu_stat),
    _Source("memory", "memory.current", "memory", _number),
    _Source("memory", "memory.max", "memory_limit", _number),
    _Source("memory", "memory.stat", "memory_inactive", _inactive, long=True),
    _Source("pids", "pids.current", "pids", _number),
    _Source("pids", "pids.max", "pids_limit", _number, long=True),
    _Source("io", "io.stat", "block_read", _io_stat),
)
