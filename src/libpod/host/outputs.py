"""Files that a user asked for by name: results, not state.

What is written appears under its name when it is whole, and a failure leaves nothing. A device or a pipe
that has the name (`/dev/stdout`, `/dev/null`) is written to, never replaced.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat

from libpod.errors import FileError
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO, Final

    from typing_extensions import Buffer

PRIVATE_MODE: Final = 0o600
_CHUNK: Final = 1 << 20


def is_special(path: str) -> bool:
    """Whether *path* is there and is neither a file nor a directory; links are followed."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


class _Waiting(io.FileIO):
    def write(self, data: Buffer, /) -> int:
        files.write_all(self.fileno(), memoryview(data))
        return memoryview(data).nbytes


def standard_output() -> BinaryIO:
    """Our standard output for much data; not buffered. Writing waits even if it does not block."""
    return _Waiting(1, "wb", closefd=False)


@contextlib.contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """A stream for what is to be at *path* once the block ends without an error. FileError names *path*.

    The file's mode follows the umask; a link there is replaced, not followed.
    """
    if is_special(path):
        with _named(path), open(path, "wb") as stream:
            yield stream
        return
    partial = f"{path}.tmp-{os.urandom(6).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _named(path):
        descriptor = os.open(partial, flags, 0o666)
        try:
            with open(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(descriptor)
            os.rename(partial, path)
        except BaseException:
            os.unlink(partial)
            raise


@contextlib.contextmanager
def writing_or_printing(path: str | None) -> Iterator[BinaryIO]:
    """As `writing`; without a *path* our standard output."""
    if path is not None:
        with writing(path) as stream:
            yield stream
        return
    with _named("standard output"):
        yield standard_output()


def fill(path: str, read: Callable[[int], bytes]) -> None:
    """Write all that *read* gives, asked for so many bytes, into a new private file at *path*.

    FileError for *path*; an error of reading is passed on as it is.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with _named(path):
        descriptor = os.open(path, flags, PRIVATE_MODE)
    try:
        while data := read(_CHUNK):
            with _named(path):
                files.write_all(descriptor, data)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError("write", path, error) from error


def write(path: str, data: bytes) -> None:
    """Write *data* to *path*, as `writing` does."""
    with writing(path) as stream:
        stream.write(data)
