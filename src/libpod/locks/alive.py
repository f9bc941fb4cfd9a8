"""The lock of a boot for programs that work with `filelock`."""

from __future__ import annotations

import os

import filelock

from libpod.host import files
from libpod.locks.boot import DIRECTORY_MODE, FILE_NAME, POLL_INTERVAL, BootLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class AliveLock(filelock.BaseFileLock):
    """`libpod.locks.boot.BootLock` as a lock of `filelock`: reentrant, with a time limit, a context manager.

    filelock's own Unix lock is a flock(2), which Podman does not see. Works with filelock 3.9 and 4.
    """

    def __init__(
        self, tmp_dir: str, timeout: float = -1, *, on_wait: Callable[[str], None] | None = None
    ) -> None:
        """A lock in *tmp_dir*.

        timeout: seconds after which `acquire` raises LockTimeout; negative: never.
        on_wait: called once with a message when the lock was not free for a while.
        """
        super().__init__(os.path.join(tmp_dir, FILE_NAME), timeout)
        self._tmp_dir = tmp_dir
        self._on_wait = on_wait
        self._lock: BootLock | None = None

    def acquire(  # type: ignore[override]  # the options differ between the versions of filelock
        self, timeout: float | None = None, poll_interval: float = POLL_INTERVAL, **options: Any
    ) -> Any:
        """Wait for the lock, making directory and file if there are none.

        LockTimeout, naming the holder, when it was not free in time; FileError for a file that cannot be
        locked.
        """
        limit = self.timeout if timeout is None else timeout
        if self._lock is None:
            self._lock = BootLock(self._tmp_dir, timeout=limit, on_wait=self._on_wait)
        # filelock 4 would make it with another mode.
        files.make_directory(self._tmp_dir, DIRECTORY_MODE)
        try:
            return super().acquire(timeout, poll_interval, **options)
        except filelock.Timeout as error:
            raise self._lock.timeout_error(max(limit, 0)) from error
        finally:
            if not self.is_locked:
                self._give_up()

    def _acquire(self) -> None:
        if self._lock is not None and self._lock.attempt():
            self._set_descriptor(self._lock.descriptor)

    @property
    def name(self) -> str:
        """What the lock is called in messages."""
        return self.lock_file

    def _release(self) -> None:
        self._set_descriptor(None)
        self._give_up()

    def _give_up(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    # filelock 3.9 keeps the descriptor in the lock itself, later versions in an object of their own.

    def _set_descriptor(self, descriptor: int | None) -> None:
        if hasattr(self, "_context"):
            self._context.lock_file_fd = descriptor
        else:
            self._lock_file_fd = descriptor
