"""What /proc tells about processes and mounts (proc(5)).

Reading the table of processes needs no library; what is asked of a single process goes through psutil,
which is loaded only then, as it costs more start-up time than most commands run.
"""

from __future__ import annotations

import os

from libpod.errors import DecodeError, FileError
from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

PROCESS_DIRECTORY = "/proc"
MOUNT_TABLE_FILE = "/proc/self/mountinfo"


# ---------------------------------------------------------------- processes


class ConmonProcess(NamedTuple):
    """A running conmon (the process that watches one container or exec session), from its command line."""

    pid: int
    container_id: str
    session_id: str
    """The ID of what it runs: the container's own, or that of an exec session in it."""
    exit_directory: str
    bundle: str
    command: tuple[str, ...]


def process_start_time(pid: int) -> float | None:
    """When process *pid* started, in seconds since 1970; None if there is none, or it is a zombie."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return None


def command_line(pid: int) -> list[str]:
    """The arguments of process *pid*; empty for a kernel thread, a zombie, or no process."""
    return _split_arguments(_read_command_line(pid))


def describe_process(pid: int) -> str:
    """Process *pid* for a message: "1234 (podman start web)", or just "1234" if that is all we may know."""
    arguments = command_line(pid)
    if not arguments:
        return str(pid)
    text = " ".join(arguments)
    return f"{pid} ({text if len(text) <= 100 else text[:99] + '…'})"


def process_of_thread(thread_id: int) -> int:
    """The process that thread *thread_id* belongs to; the same number where that cannot be read."""
    try:
        status = files.read_bytes(f"{PROCESS_DIRECTORY}/{thread_id}/status")
    except FileError:
        return thread_id
    for line in status.splitlines():
        if line.startswith(b"Tgid:") and line[5:].strip().isdigit():
            return int(line[5:])
    return thread_id


def conmon_processes() -> Iterator[ConmonProcess]:
    """Every conmon that runs now, of all users that we may see.

    It is known by its command line, not by its name, as the path of conmon can be configured.
    """
    for name in os.listdir(PROCESS_DIRECTORY):
        if not name.isdigit():
            continue
        raw = _read_command_line(int(name))
        if b"\0--exit-dir\0" in raw and b"\0-c\0" in raw:
            found = _parse_conmon(int(name), _split_arguments(raw))
            if found is not None:
                yield found


def _parse_conmon(pid: int, arguments: list[str]) -> ConmonProcess | None:
    values: dict[str, str] = {}
    remaining = iter(arguments[1:])
    for argument in remaining:
        if argument in ("--exit-command", "--exit-command-arg", "--runtime-arg", "--runtime-opt"):
            # Their values are options of another program, -c among them.
            next(remaining, None)
        elif argument in ("-c", "-u", "-b", "--exit-dir"):
            values.setdefault(argument, next(remaining, ""))
    container = values.get("-c", "")
    if not container or "--exit-dir" not in values:
        return None
    return ConmonProcess(
        pid,
        container,
        values.get("-u", container),
        values["--exit-dir"],
        values.get("-b", ""),
        tuple(arguments),
    )


def _read_command_line(pid: int) -> bytes:
    try:
        return files.read_bytes(f"{PROCESS_DIRECTORY}/{pid}/cmdline")
    except FileError:
        # Ended meanwhile, or hidden from us.
        return b""


def _split_arguments(raw: bytes) -> list[str]:
    return [os.fsdecode(part) for part in raw.split(b"\0")[:-1]] if raw else []


def is_alive(pid: int) -> bool:
    """Whether a process has this ID and is not a zombie (proc(5), the state in /proc/PID/stat)."""
    try:
        data = files.read_kernel(f"{PROCESS_DIRECTORY}/{pid}/stat")
    except OSError:
        # ESRCH if it has ended in between.
        return False
    # The name in parentheses may hold anything, so the state is looked for after the last one.
    return data.rpartition(b")")[2].split()[:1] not in ([b"Z"], [b"X"], [])


def descendants(pid: int) -> list[int]:
    """The children of a process, their children, and so on (proc(5), task/TID/children)."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def in_user_namespace() -> bool:
    """Whether we are in a user namespace other than the host's (user_namespaces(7)): what we may is less."""
    first = files.read_bytes(f"{PROCESS_DIRECTORY}/self/uid_map").split()
    return first != [b"0", b"0", b"4294967295"]


def _children(pid: int) -> list[int]:
    directory = f"{PROCESS_DIRECTORY}/{pid}/task"
    try:
        lists = [files.read_bytes(f"{directory}/{thread}/children") for thread in os.listdir(directory)]
    except (OSError, FileError):
        # It has ended meanwhile.
        return []
    return [int(number) for line in lists for number in line.split()]


# ---------------------------------------------------------------- mounts


class Mount(NamedTuple):
    """One line of /proc/self/mountinfo."""

    identifier: int
    parent: int
    device: str
    """"major:minor" of the file system."""
    root: str
    """The part of the file system that is mounted here."""
    mount_point: str
    options: frozenset[str]
    propagation: tuple[str, ...]
    """The optional fields: "shared:7", "master:3", ..."""
    kind: str
    """The file system type."""
    source: str
    super_options: frozenset[str]


def mounts(table: str | None = None, *, kinds: Collection[str] = ()) -> list[Mount]:
    """The mounts of our mount namespace, in the order they were made; or of another *table* in /proc.

    With *kinds* only those of these file system types, which is quicker where there are many others.
    """
    return list(each_mount(table, kinds=kinds))


def each_mount(table: str | None = None, *, kinds: Collection[str] = ()) -> Iterator[Mount]:
    """The same, one after another: the kernel makes no more lines than are asked for."""
    path = table or MOUNT_TABLE_FILE
    # What stands before the separator can hold no space, and so no such word.
    endings = tuple(os.fsencode(f"{kind} ") for kind in kinds)
    try:
        with open(path, "rb") as lines:
            for line in lines:
                if not kinds or line.partition(b" - ")[2].startswith(endings):
                    yield _parse_mount(line.rstrip(b"\n"))
    except OSError as error:
        raise FileError("read", path, error) from error


def mount_points(table: str | None = None) -> set[str]:
    """The paths that something is mounted on in that mount namespace."""
    return {mount.mount_point for mount in mounts(table)}


def _parse_mount(line: bytes) -> Mount:
    fields = line.split(b" ")
    try:
        separator = fields.index(b"-", 6)
        kind, source, super_options = fields[separator + 1 : separator + 4]
        return Mount(
            int(fields[0]),
            int(fields[1]),
            fields[2].decode("ascii"),
            _unescape(fields[3]),
            _unescape(fields[4]),
            _options(fields[5]),
            tuple(map(os.fsdecode, fields[6:separator])),
            os.fsdecode(kind),
            _unescape(source),
            _options(super_options),
        )
    except ValueError as error:
        raise DecodeError(
            f"{MOUNT_TABLE_FILE}: not a line of a mount table: {os.fsdecode(line)!r}", source=MOUNT_TABLE_FILE
        ) from error


def _options(field: bytes) -> frozenset[str]:
    return frozenset(_unescape(field).split(","))


def _unescape(field: bytes) -> str:
    """Undo the octal escapes of space, tab, newline and backslash."""
    if b"\\" not in field:
        return os.fsdecode(field)
    first, *rest = field.split(b"\\")
    pieces = [first]
    for piece in rest:
        pieces += (bytes([int(piece[:3], 8)]), piece[3:])
    return os.fsdecode(b"".join(pieces))
