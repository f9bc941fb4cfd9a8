"""Paths inside a container's root directory, resolved as the container sees them.

Whatever links the tree holds, nothing outside the root is ever opened: openat2(2) with RESOLVE_IN_ROOT
makes `/` and `..` mean the container's root for the kernel itself.
"""

from __future__ import annotations

import errno
import os

from libpod.errors import FileError, InvalidArgument
from libpod.host import linux

MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def open_path(root: str, path: str, flags: int) -> int:
    """A descriptor of *path* inside *root*, opened with *flags*. FileError names both."""
    try:
        directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise FileError("open container root", root, error) from error
    try:
        return linux.open_in_root(directory, path, flags | os.O_CLOEXEC)
    except OSError as error:
        raise FileError("open", f"{path} in container root {root}", error) from error
    finally:
        os.close(directory)


def open_file(root: str, path: str) -> int | None:
    """A descriptor for reading the file *path* inside *root*; None if it is not there."""
    try:
        return open_path(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except FileError as error:
        if error.errno in MISSING:
            return None
        raise


def exists(root: str, path: str) -> bool:
    """Whether *path* is there inside *root*, links resolved there."""
    try:
        os.close(open_path(root, path, os.O_PATH))
    except FileError as error:
        if error.errno in MISSING:
            return False
        raise
    return True


def resolve(root: str, path: str) -> str:
    """The path on the host of *path* inside *root*; it must exist."""
    descriptor = open_path(root, path, os.O_PATH)
    try:
        found = os.readlink(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    if found != root and not found.startswith(os.path.realpath(root).rstrip("/") + "/"):
        raise InvalidArgument(f"{path} in container root {root} was moved out of it to {found}")
    return found


def make_directory(root: str, path: str, mode: int, owner: tuple[int, int] = (0, 0)) -> None:
    """Make the directory *path* inside *root*, parents included, with *mode* and *owner* (UID, GID).

    What is there stays as it is; a file in its place is a FileError.
    """
    done = ""
    parent = open_path(root, "/", os.O_PATH | os.O_DIRECTORY)
    try:
        for part in [part for part in path.split("/") if part and part != "."]:
            if part == "..":
                raise InvalidArgument(f"{path}: a directory in a container must be given without ..")
            done = f"{done}/{part}"
            child = _enter(root, parent, part, done, mode, owner)
            os.close(parent)
            parent = child
    finally:
        os.close(parent)


def _enter(root: str, parent: int, name: str, path: str, mode: int, owner: tuple[int, int]) -> int:
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:
        pass
    except OSError as error:
        raise FileError("make directory", f"{path} in container root {root}", error) from error
    else:
        os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)
    return open_path(root, path, os.O_PATH | os.O_DIRECTORY)
