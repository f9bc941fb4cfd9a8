"""The processes of a container, for `top`, with the names that podman-top(1) has for their columns.

They are read in /proc on the host: an image needs no ps, and cannot lie about what runs in it. Those of a
container with a PID namespace of its own are all that are in it; with the host's, its first process and the
descendants of that. proc(5) has the formats.
"""

from __future__ import annotations

import contextlib
import os
import time

from libpod.containers import idmaps
from libpod.errors import FileError, InvalidArgument
from libpod.host import files, proc, rooted
from libpod.times import span
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Final

    from libpod.state.records import ContainerRecord

DEFAULT: Final = ("user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TTY_MAJORS: Final = {4: "tty", 136: "pts/"}


class Process(NamedTuple):
    """One process: numbers of /proc/PID/stat, the fields of /proc/PID/status, and its arguments."""

    pid: int
    """On the host."""
    stat: tuple[str, ...]
    """From the state on: field 3 of proc(5) is the first."""
    status: dict[str, str]
    arguments: list[str]
    label: str

    @property
    def inner_pid(self) -> str:
        """Its number in the innermost PID namespace."""
        return self.status.get("NSpid", str(self.pid)).split()[-1]

    def number(self, field: int) -> int:
        """Field *field* of proc(5), counted from 1."""
        return int(self.stat[field - 3])


def of_container(record: ContainerRecord) -> list[Process]:
    """The processes of a running container, the first one first. Those that end meanwhile are left out."""
    pids = _pids(record.pid)
    found = [process for process in map(_read, pids) if process is not None]
    return sorted(found, key=lambda process: (process.pid != record.pid, int(process.inner_pid)))


def _pids(first: int) -> list[int]:
    inside = _namespace(first)
    if inside is None or inside == _namespace(os.getpid()):
        return [first, *proc.descendants(first)]
    everything = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [pid for pid in everything if _namespace(pid) == inside]


def _namespace(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def _read(pid: int) -> Process | None:
    try:
        stat = files.read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        lines = files.read_text(f"/proc/{pid}/status").splitlines()
    except FileError:
        return None
    status = dict(line.partition(":\t")[::2] for line in lines)
    label = ""
    with contextlib.suppress(FileError):
        label = files.read_text(f"/proc/{pid}/attr/current").strip("\0\n")
    return Process(pid, tuple(stat), status, proc.command_line(pid), label)


class Columns:
    """Chosen columns. InvalidArgument, naming it, for one that is not known."""

    def __init__(self, record: ContainerRecord, names: Sequence[str]) -> None:
        self._names = [_ALIASES.get(name.lower().lstrip("%"), name.lower().lstrip("%")) for name in names]
        for name, given in zip(self._names, names, strict=True):
            if name not in _COLUMNS:
                raise InvalidArgument(
                    f"top has no column {given!r}", hint=f"columns: {', '.join(sorted(_COLUMNS))}"
                )
        self._users = _Names(record)

    def header(self) -> list[str]:
        """Their headings."""
        return [_COLUMNS[name][0] for name in self._names]

    def row(self, process: Process) -> list[str]:
        """Their values for one process."""
        return [_COLUMNS[name][1](process, self._users) for name in self._names]


class _Names:
    """Users and groups by the container's own files."""

    def __init__(self, record: ContainerRecord) -> None:
        self._maps = idmaps.of_container(record)
        root = f"/proc/{record.pid}/root"
        self._names = {kind: dict(_entries(root, f"/etc/{kind}")) for kind in ("passwd", "group")}

    def user(self, host_id: int) -> str:
        """The user that the host's number is inside."""
        return self._name("passwd", _inside(self._maps.uids, host_id))

    def group(self, host_id: int) -> str:
        """The group that the host's number is inside."""
        return self._name("group", _inside(self._maps.gids, host_id))

    def _name(self, kind: str, number: int) -> str:
        return self._names[kind].get(number, str(number))


def _inside(ranges: Sequence[tuple[int, int, int]], host_id: int) -> int:
    for inside, host, size in ranges:
        if host <= host_id < host + size:
            return inside + host_id - host
    return host_id


def _entries(root: str, path: str) -> Iterator[tuple[int, str]]:
    descriptor = None
    with contextlib.suppress(FileError):
        descriptor = rooted.open_file(root, path)
    if descriptor is None:
        return
    with open(descriptor, errors="replace") as file:
        for line in file.read(1 << 24).splitlines():
            fields = line.split(":")
            if len(fields) > 2 and fields[2].isdigit():
                yield int(fields[2]), fields[0]


# ---------------------------------------------------------------- columns


def _seconds(ticks: int) -> float:
    return ticks / _TICKS


def _age(process: Process) -> float:
    up = float(files.read_text("/proc/uptime").split()[0])
    return max(up - _seconds(process.number(22)), 0.0)


def _cpu_seconds(process: Process) -> float:
    return _seconds(process.number(14) + process.number(15))


def _cpu_share(process: Process) -> str:
    age = _age(process)
    return f"{100 * _cpu_seconds(process) / age if age else 0:.3f}"


def _terminal(process: Process) -> str:
    device = process.number(7)
    major, minor = os.major(device), os.minor(device)
    return f"{_TTY_MAJORS[major]}{minor}" if device and major in _TTY_MAJORS else "?"


def _identity(key: str, index: int) -> Callable[[Process], int]:
    return lambda process: int(process.status.get(key, "0 0 0 0").split()[index])


def _capabilities(key: str) -> _Column:
    def named(process: Process, _users: _Names) -> str:
        from libpod.oci import capabilities

        mask = int(process.status.get(key, "0"), 16)
        if not mask:
            return "none"
        known = capabilities.known_to_kernel()
        held = [name.removeprefix("CAP_") for number, name in enumerate(known) if mask >> number & 1]
        return "full" if len(held) == len(known) else ",".join(held)

    return key.upper(), named


def _status(heading: str, key: str, names: dict[str, str] | None = None) -> _Column:
    def value(process: Process, _users: _Names) -> str:
        found = process.status.get(key, "").strip()
        return (names or {}).get(found, found)

    return heading, value


def _arguments(process: Process, _users: _Names) -> str:
    return " ".join(process.arguments) or f"[{process.status.get('Name', '?')}]"


def _parent(process: Process, _users: _Names) -> str:
    parent = _read(process.number(4))
    ours = process.status.get("NSpid", "").split()
    theirs = parent.status.get("NSpid", "").split() if parent is not None else []
    return theirs[-1] if len(ours) == len(theirs) and theirs else "0"


if TYPE_CHECKING:
    _Column = tuple[str, Callable[[Process, _Names], str]]

_real, _effective = _identity("Uid", 0), _identity("Uid", 1)
_real_group, _effective_group = _identity("Gid", 0), _identity("Gid", 1)
_SECCOMP = {"0": "disabled", "1": "strict", "2": "filter"}

_COLUMNS: Final[dict[str, _Column]] = {
    "args": ("COMMAND", _arguments),
    "comm": ("COMMAND", lambda process, _users: process.status.get("Name", "")),
    "capbnd": _capabilities("CapBnd"),
    "capeff": _capabilities("CapEff"),
    "capinh": _capabilities("CapInh"),
    "capprm": _capabilities("CapPrm"),
    "etime": ("ELAPSED", lambda process, _users: span(_age(process))),
    "group": ("GROUP", lambda process, users: users.group(_effective_group(process))),
    "rgroup": ("RGROUP", lambda process, users: users.group(_real_group(process))),
    "hgroup": ("HGROUP", lambda process, _users: str(_effective_group(process))),
    "hpid": ("HPID", lambda process, _users: str(process.pid)),
    "huser": ("HUSER", lambda process, _users: str(_effective(process))),
    "label": ("LABEL", lambda process, _users: process.label or "?"),
    "nice": ("NI", lambda process, _users: str(process.number(19))),
    "pcpu": ("%CPU", lambda process, _users: _cpu_share(process)),
    "pgid": ("PGID", lambda process, _users: process.status.get("NSpgid", "?").split()[-1]),
    "pid": ("PID", lambda process, _users: process.inner_pid),
    "ppid": ("PPID", _parent),
    "rss": ("RSS", lambda process, _users: str(process.number(24) * _PAGE // 1024)),
    "ruser": ("RUSER", lambda process, users: users.user(_real(process))),
    "seccomp": _status("SECCOMP", "Seccomp", _SECCOMP),
    "state": ("STATE", lambda process, _users: process.stat[0]),
    "stime": ("STIME", lambda process, _users: time.ctime(time.time() - _age(process))),
    "time": ("TIME", lambda process, _users: span(_cpu_seconds(process))),
    "tty": ("TTY", lambda process, _users: _terminal(process)),
    "user": ("USER", lambda process, users: users.user(_effective(process))),
    "vsz": ("VSZ", lambda process, _users: str(process.number(23) // 1024)),
}
_ALIASES: Final = {
    "cpu": "pcpu",
    "command": "args",
    "c": "pcpu",
    "ni": "nice",
    "uid": "huser",
    "gid": "hgroup",
}
