"""The lock `<tmp_dir>/alive.lck`: who holds it may look whether this boot has been prepared, and prepare it.

Podman takes it with the same kind of lock at every start (fcntl, whole file, for writing), before it
looks for the file `alive` and until its refresh is finished. It has to be taken before any database is
opened.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

import filelock

from libpod.errors import FileError, LockTimeout
from libpod.host import files, proc

if TYPE_CHECKING:
    from collections.abc import Callable

FILE_NAME = "alive.lck"
FILE_MODE = 0o644
DIRECTORY_MODE = 0o751
PATIENCE = 1.0
"""Seconds of waiting after which the user is told why nothing happens."""


class AliveLock(filelock.BaseFileLock):
    """The lock as `filelock` has them: reentrant, with a time limit, a context manager.

    filelock's own Unix lock is a flock(2), which Podman does not see. Works with filelock 3.9 and 4.
    """

    def __init__(
        self, tmp_dir: str, timeout: float = -1, *, on_wait: Callable[[str], None] | None = None
    ) -> None:
        """A lock in *tmp_dir*.

        timeout: seconds after which `acquire` raises LockTimeout; negative: never.
        on_wait: called once with a message when the lock was not free for `PATIENCE` seconds.
        """
        super().__init__(os.path.join(tmp_dir, FILE_NAME), timeout)
        self._tmp_dir = tmp_dir
        self._on_wait = on_wait
        self._waiting_since: float | None = None

    def acquire(  # type: ignore[override]  # the options differ between the versions of filelock
        self, timeout: float | None = None, poll_interval: float = 0.05, **options: Any
    ) -> Any:
        """Wait for the lock, making the directory if there is none.

        LockTimeout, naming the holder, when it was not free in time; FileError for a file that cannot be
        locked.
        """
        files.make_directory(self._tmp_dir, DIRECTORY_MODE)
        self._waiting_since = None
        try:
            return super().acquire(timeout, poll_interval, **options)
        except filelock.Timeout as error:
            raise self._timeout_error(self.timeout if timeout is None else timeout) from error

    def _timeout_error(self, limit: float) -> LockTimeout:
        holder = self._holder()
        return LockTimeout(
            f"{self.lock_file} is not free after {max(limit, 0):g} seconds"
            + (f"; it is held by process {holder}" if holder else ""),
            holder=holder,
            hint="another libpod or podman is starting or refreshing; see what it waits for, or end it",
        )

    def _acquire(self) -> None:
        descriptor = self._open()
        try:
            locked = files.record_lock(descriptor, wait=False)
        except BaseException:
            os.close(descriptor)
            raise
        if locked:
            self._set_descriptor(descriptor)
        else:
            os.close(descriptor)
            self._tell()

    @property
    def name(self) -> str:
        """What the lock is called in messages."""
        return self.lock_file

    def _release(self) -> None:
        descriptor = self._descriptor()
        self._set_descriptor(None)
        if descriptor is not None:
            os.close(descriptor)

    def _tell(self) -> None:
        """Say once that we wait, and for whom."""
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        if self._on_wait is None or now - self._waiting_since < PATIENCE:
            return
        self._waiting_since = float("inf")
        self._on_wait(f"waiting for {self.lock_file}, held by process {self._holder() or 'unknown'}")

    def _holder(self) -> str | None:
        with contextlib.suppress(FileError):
            descriptor = self._open()
            try:
                process = files.record_lock_holder(descriptor)
            finally:
                os.close(descriptor)
            if process is not None:
                return proc.describe_process(process)
        return None

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(self.lock_file, flags, FILE_MODE)
        except OSError as error:
            raise FileError("open lock file", self.lock_file, error) from error

    # filelock 3.9 keeps the descriptor in the lock itself, later versions in an object of their own.

    def _descriptor(self) -> int | None:
        return self._context.lock_file_fd if hasattr(self, "_context") else self._lock_file_fd

    def _set_descriptor(self, descriptor: int | None) -> None:
        if hasattr(self, "_context"):
            self._context.lock_file_fd = descriptor
        else:
            self._lock_file_fd = descriptor
