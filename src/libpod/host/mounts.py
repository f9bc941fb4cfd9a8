"""What is mounted, and mounting with the options that people write: `nodev,ro,metacopy=on`."""

from __future__ import annotations

import contextlib
import errno
import os
import signal

from libpod.errors import FileError
from libpod.host import files, linux, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    IdRanges = Sequence[tuple[int, int, int]]

# What mount(8) calls each flag, and whether the word sets or clears it.
_FLAG_WORDS = {
    "ro": (linux.MS_RDONLY, True),
    "rw": (linux.MS_RDONLY, False),
    "nosuid": (linux.MS_NOSUID, True),
    "suid": (linux.MS_NOSUID, False),
    "nodev": (linux.MS_NODEV, True),
    "dev": (linux.MS_NODEV, False),
    "noexec": (linux.MS_NOEXEC, True),
    "exec": (linux.MS_NOEXEC, False),
    "sync": (linux.MS_SYNCHRONOUS, True),
    "async": (linux.MS_SYNCHRONOUS, False),
    "noatime": (linux.MS_NOATIME, True),
    "atime": (linux.MS_NOATIME, False),
    "nodiratime": (linux.MS_NODIRATIME, True),
    "diratime": (linux.MS_NODIRATIME, False),
    "relatime": (linux.MS_RELATIME, True),
    "norelatime": (linux.MS_RELATIME, False),
    "strictatime": (linux.MS_STRICTATIME, True),
}


def split_options(options: Sequence[str]) -> tuple[int, list[str]]:
    """The flags of mount(2) that *options* ask for, and the options that are left for the file system."""
    flags = 0
    rest: list[str] = []
    for option in options:
        known = _FLAG_WORDS.get(option)
        if known is None:
            rest.append(option)
        elif known[1]:
            flags |= known[0]
        else:
            flags &= ~known[0]
    return flags, rest


def is_mount_point(path: str) -> bool:
    """Whether something is mounted at exactly this path, a bind mount of the same file system included.

    Read from /proc/self/mountinfo, as stat(2) cannot tell a bind mount.
    """
    wanted = os.path.realpath(path)
    needle = _escape(wanted)
    for line in files.read_bytes(proc.MOUNT_TABLE_FILE).splitlines():
        # proc(5): mount ID, parent ID, device, root, mount point, …
        if needle in line and line.split(b" ", 5)[4] == needle:
            return True
    return False


def points_below(path: str) -> set[str]:
    """Mount points that may be at or below *path*, which has no links in it; quick where there are none."""
    if _escape(path) not in files.read_bytes(proc.MOUNT_TABLE_FILE):
        return set()
    return proc.mount_points()


def _escape(path: str) -> bytes:
    raw = os.fsencode(path)
    for character in (b"\\", b" ", b"\t", b"\n"):
        raw = raw.replace(character, b"\\%03o" % ord(character))
    return raw


def filesystem_type(path: str) -> str:
    """The type of the file system that *path* is on, as `mount` names it; empty if it cannot be told."""
    path = os.path.realpath(path)
    best = ""
    kind = ""
    for mount in proc.mounts():
        root = mount.mount_point.rstrip("/") + "/"
        if (path + "/").startswith(root) and len(root) >= len(best):
            best, kind = root, mount.kind
    return kind


def unmount_if_mounted(path: str) -> bool:
    """Detach what is mounted at *path*; False if nothing was. It goes when its last user does."""
    try:
        linux.unmount(path, linux.MNT_DETACH | linux.UMOUNT_NOFOLLOW)
    except FileError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return False
        raise
    return True


def mount_relative(directory: str, source: str, target: str, kind: str, flags: int, data: str) -> None:
    """mount(2) with *directory* as the working directory, for paths in *data* that are relative to it."""
    linux.in_directory(directory, lambda: linux.mount(source, target, kind, flags, data))


@contextlib.contextmanager
def id_mapped(source: str, target: str, uids: IdRanges, gids: IdRanges) -> Iterator[None]:
    """Have *source* mounted on *target* with mapped IDs, until the end of the block.

    *uids* and *gids* are triples of the ID on disk, the ID that is shown, and how many. What is mounted from
    it meanwhile (an overlay with a lower directory in it) keeps the mapping. FileError where it is not
    possible.
    """
    with _user_namespace(uids, gids) as descriptor:
        linux.idmapped_mount(source, target, descriptor)
    try:
        yield
    finally:
        unmount_if_mounted(target)


@contextlib.contextmanager
def _user_namespace(uids: IdRanges, gids: IdRanges) -> Iterator[int]:
    """A descriptor of a user namespace with these mappings (user_namespaces(7))."""
    holder = linux.hold_user_namespace()
    try:
        for name, ranges in (("uid_map", uids), ("gid_map", gids)):
            _write_map(f"/proc/{holder}/{name}", ranges)
        descriptor = os.open(f"/proc/{holder}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_map(path: str, ranges: IdRanges) -> None:
    text = "".join(f"{first} {shown} {size}\n" for first, shown, size in ranges)
    try:
        # The kernel takes the whole mapping with one write, and only one.
        with open(path, "wb", buffering=0) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise FileError("write ID mapping to", path, error) from error
