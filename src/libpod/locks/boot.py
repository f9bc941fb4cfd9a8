"""The lock of a boot: who holds it may look whether this boot has been prepared, and prepare it.

::

    <tmp_dir>/            0751
        alive.lck         0644  record lock on the whole file, for writing

Podman takes it at every start with a lock of the same kind (fcntl), before it looks for the file `alive` and
until its refresh is finished. It has to be taken before any database is opened.

This module is loaded by every start: it imports nothing that costs time.
"""

from __future__ import annotations

import errno
import os
import time

from libpod.errors import FileError, LockTimeout
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Final, Self

FILE_NAME: Final = "alive.lck"
FILE_MODE: Final = 0o644
DIRECTORY_MODE: Final = 0o751

MESSAGE_AFTER: Final = 2.0
"""Seconds of waiting for the lock until somebody is told."""
GIVE_UP_AFTER: Final = 120.0
"""Seconds of waiting for the lock until `LockTimeout`; a refresh of thousands of containers ends sooner."""
POLL_INTERVAL: Final = 0.02
"""Seconds between two attempts: the kernel cannot wait for a record lock for a limited time."""

_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class BootLock:
    """The lock on `<tmp_dir>/alive.lck`; a context manager.

    With *create* the directory (0751) and the file (0644) are made where they are missing, and the lock
    excludes everybody. Without, nothing is made or changed: a lock file that is missing leaves nothing to
    lock, and the lock is shared, which waits for a refresh and lets other readers in.
    *on_wait* gets one line for people, with the holder, after MESSAGE_AFTER seconds.
    Raises `LockTimeout` after *timeout* seconds and `FileError`.
    """

    def __init__(
        self,
        tmp_dir: str,
        *,
        create: bool = True,
        timeout: float = GIVE_UP_AFTER,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self.tmp_dir = tmp_dir
        self.path = os.path.join(tmp_dir, FILE_NAME)
        self.create = create
        self.timeout = timeout
        self.on_wait = on_wait
        self.made: list[str] = []
        """Which of the directory and the file were not there before."""
        self.descriptor = -1
        """The open lock file, -1 for none."""
        self._since: float | None = None
        self._told = False

    @property
    def held(self) -> bool:
        """Whether there is a lock to speak of: without *create* a missing file leaves none."""
        return self.descriptor >= 0

    def __enter__(self) -> Self:
        try:
            while not self.attempt():
                if self.waited() >= self.timeout:
                    raise self.timeout_error(self.timeout)
                time.sleep(POLL_INTERVAL)
        except BaseException:
            self.release()
            raise
        self._since = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def attempt(self) -> bool:
        """Take the lock if it is free; False if it is not, after telling who holds it when it is time to.

        The file stays open for the next attempt: `release` closes it.
        """
        if self.descriptor < 0:
            self.descriptor = self._open()
        if self.descriptor < 0:
            return True
        if not files.record_lock(self.descriptor, exclusive=self.create, wait=False):
            self._tell()
            return False
        if self._is_in_place():
            return True
        # Removed while we waited, and perhaps made anew: whoever comes now locks another file.
        self.release()
        return False

    def waited(self) -> float:
        """Seconds since the first attempt that failed."""
        if self._since is None:
            self._since = time.monotonic()
        return time.monotonic() - self._since

    def release(self) -> None:
        """Give the lock up, or up to wait for it."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def discard(self) -> None:
        """Remove what was made for the lock, which must be held: the store turned out to be elsewhere.

        Whoever waits for it sees that, and makes it anew.
        """
        for path in reversed(self.made):
            try:
                os.unlink(path) if path == self.path else os.rmdir(path)
            except OSError:
                # Somebody else uses it by now.
                break
        self.made = []

    def timeout_error(self, seconds: float) -> LockTimeout:
        """The error for a lock that was not free within so many seconds."""
        holder = self._holder()
        return LockTimeout(
            f"{self.path} is not free after {seconds:g} seconds; it is held by {_process(holder)}",
            holder=holder,
            hint="another libpod or podman is starting or refreshing; see what it waits for, or end it",
        )

    # ------------------------------------------------------------ the file

    def _open(self) -> int:
        try:
            return self._open_new() if self.create else self._open_old()
        except OSError as error:
            raise _lock_file_error(self.path, error) from error

    def _open_new(self) -> int:
        try:
            if files.make_directory(self.tmp_dir, DIRECTORY_MODE):
                self.made.append(self.tmp_dir)
        except FileError as error:
            from libpod.config.rootless import SESSION_HINT, USERS_RUNTIME

            if self.tmp_dir.startswith(f"{USERS_RUNTIME}/"):
                error.hint = error.hint or SESSION_HINT
            raise
        try:
            return os.open(self.path, os.O_RDWR | _FLAGS)
        except FileNotFoundError:
            pass
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | _FLAGS, FILE_MODE)
        os.fchmod(descriptor, FILE_MODE)
        self.made.append(self.path)
        return descriptor

    def _open_old(self) -> int:
        try:
            return os.open(self.path, os.O_RDONLY | _FLAGS)
        except FileNotFoundError:
            return -1

    def _is_in_place(self) -> bool:
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        ours = os.fstat(self.descriptor)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    # ------------------------------------------------------------ who holds it

    def _tell(self) -> None:
        if self.waited() < MESSAGE_AFTER or self._told or self.on_wait is None:
            return
        self._told = True
        limit = f" ({self.timeout:g} s at most)" if self.timeout >= 0 else ""
        self.on_wait(f"waiting for {_process(self._holder())} to release {self.path}{limit}")

    def _holder(self) -> str | None:
        from libpod.host import proc

        process = None if self.descriptor < 0 else files.record_lock_holder(self.descriptor)
        return None if process is None else proc.describe_process(process)


def _process(holder: str | None) -> str:
    return "another process" if holder is None else f"process {holder}"


def _lock_file_error(path: str, error: OSError) -> FileError:
    hint = None
    if error.errno == errno.ELOOP:
        hint = f"{path} is a symbolic link that somebody placed there: remove it"
    elif error.errno == errno.EISDIR:
        hint = f"{path} is a directory: remove it"
    return FileError("open lock file", path, error, hint=hint)
