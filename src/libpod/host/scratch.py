"""A private directory for big temporary files, which nobody has to clean up after a crash.

Each user of it holds a lock (flock) on the directory that is theirs; a directory that nobody holds was left
by a program that was killed, and the next one removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile

from libpod.errors import FileError
from libpod.host import files, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "libpod-"
DIRECTORY_MODE = 0o700


@contextlib.contextmanager
def directory(parent: str) -> Iterator[str]:
    """Make a directory of our own below *parent*, which only we can write, and remove it at the end."""
    files.make_directory(parent, DIRECTORY_MODE)
    with _held(parent):
        _remove_abandoned(parent)
        try:
            path = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        except OSError as error:
            raise FileError("make temporary directory in", parent, error) from error
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        try:
            tree.remove(path)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _held(path: str) -> Iterator[None]:
    """Between its making and its locking nobody may take a new directory for an abandoned one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(parent: str) -> None:
    for name in os.listdir(parent):
        if not name.startswith(PREFIX):
            continue
        path = os.path.join(parent, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            # Its owner was quicker, or it is no directory of ours.
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileError):
                tree.remove(path)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
