"""The mounted control group hierarchies, and one group in all of them (cgroups(7)).

With version 2 there is one hierarchy. With version 1 there is one for each controller, or a few together,
and one without controllers in which systemd keeps its units; a version 2 hierarchy may be mounted beside
those ("hybrid"). A group has the same path in each.
"""

from __future__ import annotations

import errno
import os
import time

from libpod.errors import FileError, InvalidArgument, NotSupported
from libpod.host import files, proc
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MEMBERSHIP_FILE = "/proc/self/cgroup"
MODE = 0o755
# How long a group may stay busy after its last process has ended, in seconds.
BUSY_SECONDS = 5.0
_PAUSE = 0.02
# Version 1: a new group of this controller has no processors and no memory, and takes no process.
_INHERITED = ("cpuset.cpus", "cpuset.mems")


class Hierarchy(NamedTuple):
    """One mounted hierarchy."""

    mount_point: str
    version: int
    controllers: frozenset[str]
    """Version 1: which controllers, or "name=systemd". Version 2: none, they are switched on per group."""


def hierarchies() -> list[Hierarchy]:
    """The hierarchies that are mounted, in the order of their mounts; empty where there are none."""
    found: dict[str, Hierarchy] = {}
    # One line for each hierarchy: after as many, the mounts of all containers need not be read.
    known = files.read_bytes(MEMBERSHIP_FILE).count(b"\n")
    visible: set[str] = set()
    for mount in proc.each_mount(kinds=("cgroup", "cgroup2")):
        if mount.kind == "cgroup2":
            found[mount.mount_point] = Hierarchy(mount.mount_point, 2, frozenset())
        else:
            controllers = mount.super_options - {"rw", "ro"}
            found[mount.mount_point] = Hierarchy(mount.mount_point, 1, controllers)
        # One that something is mounted over does not count: it may be there a second time.
        if _is_visible(mount):
            visible.add(mount.device)
            if len(visible) == known:
                break
    return list(found.values())


def _is_visible(mount: proc.Mount) -> bool:
    try:
        device = os.stat(mount.mount_point).st_dev
    except OSError:
        return False
    return mount.device == f"{os.major(device)}:{os.minor(device)}"


def version() -> int:
    """2 if all controllers are in a version 2 hierarchy, else 1. NotSupported if none is mounted."""
    mounted = hierarchies()
    if not mounted:
        raise NotSupported(
            "no control group hierarchy is mounted", hint='cgroup_manager = "disabled" works without'
        )
    return 2 if all(hierarchy.version == 2 for hierarchy in mounted) else 1


def check_path(path: str) -> None:
    """InvalidArgument if *path* could lead out of a hierarchy, or means its root."""
    parts = path.strip("/").split("/")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise InvalidArgument(f"not a control group: {path!r}")


class Cgroup:
    """The control group *path* in every hierarchy."""

    def __init__(self, path: str) -> None:
        check_path(path)
        self.path = "/" + path.strip("/")

    def directories(self, controllers: Collection[str] = ()) -> list[str]:
        """Where it is, or would be; with *controllers* only in the hierarchies of these."""
        return [
            hierarchy.mount_point + self.path
            for hierarchy in hierarchies()
            if not controllers or hierarchy.controllers.intersection(controllers)
        ]

    def exists(self) -> bool:
        """Whether any hierarchy has it."""
        return any(os.path.isdir(directory) for directory in self.directories())

    def create(self, controllers: Collection[str] = ()) -> None:
        """Make it, and the groups above it, where they are missing; with *controllers* only in theirs."""
        for hierarchy in hierarchies():
            if controllers and not hierarchy.controllers.intersection(controllers):
                continue
            path = hierarchy.mount_point
            for part in self.path.strip("/").split("/"):
                path = f"{path}/{part}"
                files.make_directory(path, MODE)
                if "cpuset" in hierarchy.controllers:
                    _inherit(path)

    def add(self, pid: int) -> None:
        """Move process *pid*, with all its threads, into it."""
        for directory in self.directories():
            write(f"{directory}/cgroup.procs", str(pid))

    def processes(self) -> set[int]:
        """The processes in it and in the groups below it."""
        return {
            pid for directory in self.directories() for group in _tree(directory) for pid in _members(group)
        }

    def remove(self, *, busy_seconds: float = BUSY_SECONDS, controllers: Collection[str] = ()) -> bool:
        """Remove it with all below it; False if there was none. With *controllers* only in their hierarchies.

        FileError (EBUSY), naming the processes, if it is not empty after *busy_seconds*.
        """
        end = time.monotonic() + busy_seconds
        removed = False
        for directory in self.directories(controllers):
            for group in _tree(directory):
                removed |= _remove(group, end)
        return removed


def _tree(directory: str) -> Iterator[str]:
    """*directory* and all groups below it, the deepest first."""
    for path, _directories, _files in os.walk(directory, topdown=False):
        yield path


def _members(group: str) -> list[int]:
    try:
        return [int(line) for line in files.read_bytes(f"{group}/cgroup.procs").split()]
    except FileError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
            # Removed meanwhile; or a version 2 group of threads, whose processes are counted above it.
            return []
        raise


def _remove(group: str, end: float) -> bool:
    while True:
        try:
            os.rmdir(group)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= end:
                raise _busy_error(group, error) from error
            time.sleep(_PAUSE)
        else:
            return True


def _busy_error(group: str, error: OSError) -> FileError:
    members = _members(group) if error.errno == errno.EBUSY else []
    if members:
        names = ", ".join(proc.describe_process(pid) for pid in members[:5])
        error = OSError(error.errno, f"processes are in it: {names}")
    return FileError("remove control group", group, error)


def _inherit(directory: str) -> None:
    for name in _INHERITED:
        path = f"{directory}/{name}"
        if not files.read_bytes(path).strip():
            write(path, files.read_bytes(f"{os.path.dirname(directory)}/{name}").decode().strip())


def write(path: str, text: str) -> None:
    """Write to a control file. The kernel acts on the write, so there is no temporary file. FileError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError(f"write {text!r} to", path, error) from error
