"""Whole directory trees: copying one with everything it has, and removing one."""

from __future__ import annotations

import errno
import os

from libpod.errors import FileError

COPY_TIMEOUT = 3600.0


def copy(source: str, target: str) -> None:
    """Copy the directory *source* to *target*, which must not exist, sharing blocks where that works.

    Owners, modes, times, links, devices, holes and extended attributes are kept. cp(1) of coreutils does
    that better than anything in Python's library. Raises CommandError with what cp said.
    """
    from libpod.host import process

    command = ["cp", "--archive", "--reflink=auto", "--no-target-directory", "--", source, target]
    process.run(command, timeout=COPY_TIMEOUT)


def fill(directory: int, target: str) -> None:
    """Copy what is in the open *directory* into the directory *target*, as `copy` does; the same for its own
    owner, mode and times.
    """
    from libpod.host import process

    source = f"/proc/self/fd/{directory}/."
    command = ["cp", "--archive", "--reflink=auto", "--no-target-directory", "--", source, target]
    process.run(command, timeout=COPY_TIMEOUT, descriptors=(directory,))


def change_owner(path: str, owner: tuple[int, int]) -> None:
    """Give the directory *path* and all below it to *owner* (UID, GID), following no link."""
    try:
        for _directory, names, others, descriptor in os.fwalk(path, follow_symlinks=False):
            os.chown(descriptor, *owner)
            for name in (*names, *others):
                os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
    except OSError as error:
        raise FileError("change the owner of", path, error) from error


def remove(path: str) -> bool:
    """Remove the directory *path* and all below it, following no link; False if it was not there.

    Where something is mounted at or below it, that is a FileError (EBUSY), and nothing at all is removed.
    """
    if not os.path.lexists(path):
        return False
    inside = _mount_point_inside(path)
    if inside is not None:
        raise FileError("remove", path, OSError(errno.EBUSY, f"{inside} is a mount point"))
    try:
        delete(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError("remove", error.filename or path, error) from error
    return True


def delete(path: str) -> None:
    """As `remove`, where nothing can be mounted: that is not looked for.

    Raises OSError, FileNotFoundError where *path* is not there. As `shutil.rmtree`, whose import, with every
    compressor that Python has, takes longer than what most containers leave.
    """
    for _directory, names, others, descriptor in os.fwalk(path, topdown=False, onerror=_raise):
        for name in others:
            os.unlink(name, dir_fd=descriptor)
        for name in names:
            _remove_entry(name, descriptor)
    os.rmdir(path)


def _remove_entry(name: str, directory: int) -> None:
    """Remove what `os.fwalk` takes for a directory: one that is empty by now, or a link to one."""
    try:
        os.rmdir(name, dir_fd=directory)
    except NotADirectoryError:
        os.unlink(name, dir_fd=directory)


def _raise(error: OSError) -> None:
    raise error


def _mount_point_inside(path: str) -> str | None:
    """A mount point at or below *path*. The mount table is asked, as stat(2) cannot tell a bind mount."""
    from libpod.host import mounts

    root = os.path.realpath(path)
    return next((at for at in mounts.points_below(root) if at == root or at.startswith(f"{root}/")), None)
