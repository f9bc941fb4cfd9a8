"""Whole directory trees: copying one with everything it has, and removing one."""

from __future__ import annotations

import errno
import os

from libpod.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

COPY_TIMEOUT = 3600.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT_OPEN = 64
"""How many directories above the present one stay open: coming back to them is safe whatever is moved."""


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
    """Give the directory *path* and all below it to *owner* (UID, GID), following no link.

    What is no directory stays as it is.
    """
    try:
        for descriptor, _names, others in directories(path):
            os.chown(descriptor, *owner)
            for name in others:
                os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
    except NotADirectoryError:
        return
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
    for descriptor, names, others in directories(path):
        for name in others:
            os.unlink(name, dir_fd=descriptor)
        for name in names:
            os.rmdir(name, dir_fd=descriptor)
    os.rmdir(path)


def directories(path: str) -> Iterator[tuple[int, list[str], list[str]]]:
    """The directory *path* and all below it, those inside first: a descriptor, and the names in it of
    directories and of all else.

    A container can make trees that are deeper than Python's stack, the limit of open files and the longest
    path that the kernel takes: none of them limits this walk. No link is followed, and what vanishes while
    we look is left out. OSError for what cannot be read.
    """
    levels = [_Level(os.open(path, _DIRECTORY))]
    try:
        while levels:
            level = levels[-1]
            if level.left:
                inner = level.enter()
                if inner is not None:
                    level.release(len(levels))
                    levels.append(inner)
                continue
            yield level.descriptor, level.names, level.others
            if len(levels) > 1:
                levels[-2].come_back(level.descriptor)
            os.close(levels.pop().descriptor)
    finally:
        for level in levels:
            if level.descriptor >= 0:
                os.close(level.descriptor)


class _Level:
    """An open directory on the way to the one that `directories` is at."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.names: list[str] = []
        self.others: list[str] = []
        self._identity: tuple[int, int] | None = None
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    found = self.names if entry.is_dir(follow_symlinks=False) else self.others
                    found.append(entry.name)
        except OSError:
            os.close(descriptor)
            raise
        self.left = list(self.names)

    def enter(self) -> _Level | None:
        """The next directory in it; None if it is there no more."""
        try:
            return _Level(os.open(self.left.pop(), _DIRECTORY, dir_fd=self.descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def release(self, depth: int) -> None:
        """Give up the descriptor while we are further inside, if many are open."""
        if depth > _KEPT_OPEN:
            about = os.fstat(self.descriptor)
            self._identity = (about.st_dev, about.st_ino)
            os.close(self.descriptor)
            self.descriptor = -1

    def come_back(self, inner: int) -> None:
        """Open it again, from a directory in it, if it was given up."""
        if self.descriptor >= 0:
            return
        descriptor = os.open("..", _DIRECTORY, dir_fd=inner)
        about = os.fstat(descriptor)
        if (about.st_dev, about.st_ino) != self._identity:
            os.close(descriptor)
            raise OSError(errno.EBUSY, "a directory was moved while the tree was read")
        self.descriptor = descriptor


def _mount_point_inside(path: str) -> str | None:
    """A mount point at or below *path*. The mount table is asked, as stat(2) cannot tell a bind mount."""
    from libpod.host import mounts

    root = os.path.realpath(path)
    return next((at for at in mounts.points_below(root) if at == root or at.startswith(f"{root}/")), None)
