"""The lock files that Podman, skopeo and buildah use on the same store.

A lock is a record lock (fcntl) on the whole file: shared for reading, exclusive for writing. The file holds
64 bytes, different after each change, by which a program that keeps records in memory sees that another
one has changed them (measured with containers/storage 1.43 of Podman 4.3.1).
"""

from __future__ import annotations

import contextlib
import os
import time

from libpod.errors import FileError, LockTimeout
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_FILE_MODE = 0o644
TOKEN_SIZE = 64
_POLL_SECONDS = 0.02


class HeldLock:
    """A lock that is held now: reads and changes the token in its file."""

    def __init__(self, path: str, descriptor: int, *, exclusive: bool) -> None:
        self.path = path
        self.exclusive = exclusive
        self._descriptor = descriptor

    def token(self) -> bytes:
        """Who wrote last: 64 bytes, or none in a new file. Compared only for being the same."""
        try:
            return os.pread(self._descriptor, TOKEN_SIZE, 0)
        except OSError as error:
            raise FileError("read", self.path, error) from error

    def touch(self) -> None:
        """Tell all other programs that the records were changed. Only while the lock is held for writing."""
        token = _new_token()
        try:
            os.pwrite(self._descriptor, token, 0)
        except OSError as error:
            raise FileError("write", self.path, error) from error


class LockFile:
    """The lock file *path*. Each `hold` opens it anew, so that threads exclude each other as processes do."""

    def __init__(self, path: str) -> None:
        self.path = path

    @contextlib.contextmanager
    def hold(self, *, exclusive: bool, timeout: float | None = None) -> Iterator[HeldLock]:
        """Hold the lock, waiting for it at most *timeout* seconds (None: as long as it takes).

        FileError where it cannot be opened, LockTimeout with the holder where it was not free in time.
        """
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, LOCK_FILE_MODE)
        except OSError as error:
            raise FileError("open lock file", self.path, error) from error
        try:
            _lock(self.path, descriptor, exclusive=exclusive, timeout=timeout)
            yield HeldLock(self.path, descriptor, exclusive=exclusive)
        finally:
            os.close(descriptor)

    def write(self, *, timeout: float | None = None) -> contextlib.AbstractContextManager[HeldLock]:
        """Hold the lock for changing what it protects."""
        return self.hold(exclusive=True, timeout=timeout)

    def read(self) -> contextlib.AbstractContextManager[HeldLock]:
        """Hold the lock for reading what it protects."""
        return self.hold(exclusive=False)


def _lock(path: str, descriptor: int, *, exclusive: bool, timeout: float | None) -> None:
    if timeout is None:
        files.record_lock(descriptor, exclusive=exclusive)
        return
    end = time.monotonic() + timeout
    while not files.record_lock(descriptor, exclusive=exclusive, wait=False):
        if time.monotonic() >= end:
            raise _timeout_error(path, descriptor, timeout)
        time.sleep(_POLL_SECONDS)


def _timeout_error(path: str, descriptor: int, timeout: float) -> LockTimeout:
    from libpod.host import proc

    process = files.record_lock_holder(descriptor)
    holder = None if process is None else proc.describe_process(process)
    return LockTimeout(
        f"{path} is not free after {timeout:g} seconds"
        + (f"; it is held by process {holder}" if holder else ""),
        holder=holder,
    )


def _new_token() -> bytes:
    # Time first, as containers/storage has it; what counts is that no two are equal.
    start = time.time_ns().to_bytes(8, "little") + os.getpid().to_bytes(8, "little")
    return start + os.urandom(TOKEN_SIZE - len(start))
