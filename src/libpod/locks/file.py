"""Locks that are files: Podman's `lock_type = "file"`, and the lock files of the first libpod."""

from __future__ import annotations

import errno
import os
import time

from libpod.errors import FileError, InvalidArgument, LockError, LockExists, NoLocksLeft
from libpod.host import files
from libpod.locks.waiting import Holders, WaitingLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.locks import Kind

DIRECTORY_NAME = "locks"
DIRECTORY_MODE = 0o711
FILE_MODE = 0o644
# Podman counts locks with 32 bits.
LARGEST_NUMBER = 2**32 - 1

ID_DIRECTORY_NAME = "lock"
ID_DIRECTORY_MODE = 0o755
ID_FILE_MODE = 0o600

# Pauses between attempts, in seconds: the kernel cannot wait for a record lock for a limited time.
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.05

_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class FileLock(WaitingLock):
    """A record lock on a whole file, which is made if it is missing, as Podman does it."""

    def __init__(
        self, path: str, holders: Holders, *, name: str, mode: int = FILE_MODE, number: int | None = None
    ) -> None:
        super().__init__(name, holders, number=number)
        self._path = path
        self._mode = mode
        self._descriptor = -1
        self._made = False

    def discard_if_made(self) -> None:
        """Remove the file if it was not there before this lock was taken; the lock must be held.

        For whoever finds that what the lock guards is gone: its number was free, and would stay taken.
        """
        if self._made:
            files.remove_file(self._path)

    def _wait(self, timeout: float | None) -> None:
        if timeout is None:
            # The kernel wakes those who wait in their order, Podman among them.
            self._attempt(wait=True)
        else:
            super()._wait(timeout)

    def _try(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        pause = SHORTEST_PAUSE
        while not self._attempt(wait=False):
            remaining = end - time.monotonic()
            if remaining <= 0:
                return False
            time.sleep(min(pause, remaining))
            pause = min(2 * pause, LONGEST_PAUSE)
        return True

    def _attempt(self, *, wait: bool) -> bool:
        descriptor = self._open_or_make()
        try:
            locked = files.record_lock(descriptor, wait=wait)
        except BaseException:
            os.close(descriptor)
            raise
        if locked:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return locked

    def _open_or_make(self) -> int:
        while True:
            try:
                return _open(self._path, _OPEN_FLAGS & ~os.O_CREAT, self._mode)
            except FileError as error:
                if error.errno != errno.ENOENT:
                    raise
            try:
                descriptor = _open(self._path, _OPEN_FLAGS | os.O_EXCL, self._mode)
            except FileError as error:
                if error.errno != errno.EEXIST:
                    raise
                continue
            self._made = True
            return descriptor

    def _let_go(self) -> None:
        # Nobody else has this descriptor, so closing it frees the lock.
        os.close(self._descriptor)
        self._descriptor = -1

    def _holder(self) -> str | None:
        from libpod.host import proc

        descriptor = _open(self._path, _OPEN_FLAGS, self._mode)
        try:
            process = files.record_lock_holder(descriptor)
        finally:
            os.close(descriptor)
        return None if process is None else proc.describe_process(process)


class FileLockManager:
    """Numbered lock files, shared with Podman 4.3 and 5 where `lock_type = "file"` is set.

    On disk::

        <tmp_dir>/locks/      0711
        <tmp_dir>/locks/<n>   0644, empty: number n is taken; a record lock (fcntl) on it is the lock

    A number is taken by creating its file exclusively and freed by unlinking it. There is no largest
    number but Podman's 32 bits, and no lock protects the directory. Taking the lock of a free number
    takes the number too.
    """

    kind: Kind = "file"

    def __init__(self, tmp_dir: str, *, create: bool = True) -> None:
        self.directory = os.path.join(tmp_dir, DIRECTORY_NAME)
        self._holders = Holders()
        if create:
            files.make_directory(self.directory, DIRECTORY_MODE)
        elif not os.path.isdir(self.directory):
            raise LockError(f"there are no lock files: {self.directory} does not exist")

    def allocate(self) -> FileLock:
        """Take the lowest free number."""
        taken = self.allocated()
        number = 0
        while number <= LARGEST_NUMBER:
            if number not in taken and self._create(number):
                return self._lock(number)
            number += 1
        raise NoLocksLeft(f"all locks in {self.directory} are taken")

    def allocate_given(self, number: int) -> FileLock:
        """Take the free number *number*."""
        lock = self.retrieve(number)
        if not self._create(number):
            raise LockExists(f"lock {number} in {self.directory} is taken already", number=number)
        return lock

    def retrieve(self, number: int) -> FileLock:
        """The lock of a number."""
        if not 0 <= number <= LARGEST_NUMBER:
            raise LockError(
                f"there is no lock {number}: lock numbers are 0 to {LARGEST_NUMBER}", number=number
            )
        return self._lock(number)

    def free(self, number: int) -> None:
        """Give a number back."""
        if not files.remove_file(self._path(number)):
            raise LockError(f"lock {number} in {self.directory} is not taken", number=number)

    def free_all(self) -> None:
        """Give all numbers back."""
        for number in self.allocated():
            files.remove_file(self._path(number))

    def allocated(self) -> set[int]:
        """The numbers that are taken now. Files with other names are left alone.

        What is no regular file can be locked by nobody: such a number is neither taken nor to be had.
        """
        try:
            with os.scandir(self.directory) as entries:
                names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError as error:
            raise FileError("list locks in", self.directory, error) from error
        return {int(name) for name in names if name.isascii() and name.isdigit() and name == str(int(name))}

    def close(self) -> None:
        """Nothing is kept open."""

    def _lock(self, number: int) -> FileLock:
        return FileLock(self._path(number), self._holders, name=f"lock {number}", number=number)

    def _path(self, number: int) -> str:
        return os.path.join(self.directory, str(number))

    def _create(self, number: int) -> bool:
        """Create the file of *number*; False if it is there."""
        path = self._path(number)
        try:
            descriptor = os.open(path, _OPEN_FLAGS | os.O_EXCL, FILE_MODE)
        except FileExistsError:
            return False
        except OSError as error:
            raise FileError("create lock file", path, error) from error
        os.close(descriptor)
        return True


class IdLocks:
    """The locks of the first libpod: one file for each container and pod, named after its ID.

    On disk::

        <tmp_dir>/lock/       0755
        <tmp_dir>/lock/<id>   0600, empty; a record lock (fcntl) on it is the lock

    A file is made when its lock is first taken and is never removed, so nothing has to be allocated.
    """

    def __init__(self, tmp_dir: str, *, create: bool = True) -> None:
        self.directory = os.path.join(tmp_dir, ID_DIRECTORY_NAME)
        self._holders = Holders()
        if create:
            files.make_directory(self.directory, ID_DIRECTORY_MODE)

    def lock(self, identifier: str) -> FileLock:
        """The lock of the container or pod *identifier*."""
        if identifier in ("", ".", "..") or "/" in identifier or "\0" in identifier:
            raise InvalidArgument(f"not an ID that a lock can be named after: {identifier!r}")
        path = os.path.join(self.directory, identifier)
        return FileLock(path, self._holders, name=f"lock of {identifier}", mode=ID_FILE_MODE)

    def close(self) -> None:
        """Nothing is kept open."""


def _open(path: str, flags: int, mode: int) -> int:
    try:
        return os.open(path, flags, mode)
    except OSError as error:
        raise FileError("open lock file", path, error) from error
