"""Files, directories and record locks, so that nothing is ever half written or followed somewhere else.

Every function raises `libpod.errors.FileError` where the system refuses, naming the path. New contents go
to a temporary file `.tmp-<name><random>` in the same directory (the name containers/storage uses too;
every program ignores leftovers of it), are flushed, and then renamed over the old ones.

Record locks are the kernel's open-file-description locks (F_OFD_SETLK). They exclude the classic fcntl
locks that Podman, skopeo and buildah take, and unlike those they are not lost when another descriptor of
the same file is closed, and they exclude threads of one process. `flock` is another kind that those
programs do not see.

This module is loaded by every start of the program: it imports nothing that costs time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import time

from libpod import failpoints
from libpod.errors import DecodeError, FileError, NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"
MACHINE_ID_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
LOCK_TABLE_FILE = "/proc/locks"
PROCESS_DIRECTORY = "/proc"

# linux/fs.h: _IOW(0x94, 9, int)
FICLONE = 0x40049409
_COPY_CHUNK = 1 << 26
_READ_CHUNK = 1 << 16
_HALF_PAGE = 1 << 11
_NO_CLONE = frozenset(
    (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.ETXTBSY)
)
_NO_RANGE_COPY = frozenset((errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM))

# fcntl(2), struct flock: type, whence, start, length, pid. Length 0 is "to the end, however far it grows".
_FLOCK = "hhqqi4x"
_LOCK_BUSY = (errno.EAGAIN, errno.EACCES)
# A pipe that nobody reads answers ENXIO, as a socket does; the others are for what is no pipe, or nothing.
_NO_READER = (errno.ENXIO, errno.ENOENT, errno.EISDIR, errno.ELOOP)


# ---------------------------------------------------------------- reading


def read_bytes(path: str, *, limit: int | None = None) -> bytes:
    """The contents of *path*.

    *limit* is the largest size in bytes that is accepted; a longer file is a FileError (EFBIG), so that a
    wrong path cannot fill the memory. Opening never waits for the other end of a pipe.
    """
    try:
        descriptor = open_quietly(path, os.O_NOCTTY | os.O_NONBLOCK)
        try:
            return _read_all(descriptor, limit)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError("read", path, error) from error


def read_kernel(path: str) -> bytes:
    """A file below /proc or /sys, which the kernel makes up on the spot, with as few calls as can be.

    OSError as it comes, for callers that expect what they ask about to end meanwhile.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = piece = os.read(descriptor, _READ_CHUNK)
        # The kernel gives as many whole lines as fit into a page: much less than a page is all there is.
        while len(piece) >= _HALF_PAGE:
            piece = os.read(descriptor, _READ_CHUNK)
            data += piece
        return data
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, limit: int | None) -> bytes:
    size = os.fstat(descriptor).st_size
    if limit is not None:
        # Whatever the file says of itself: no more than what shows that it is too long.
        size = min(size, limit)
    pieces: list[bytes] = []
    total = 0
    while True:
        try:
            piece = os.read(descriptor, max(size + 1 - total, _READ_CHUNK))
        except BlockingIOError:
            # A pipe whose writer is still busy.
            os.set_blocking(descriptor, True)
            continue
        if not piece:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.append(piece)
        total += len(piece)
        if limit is not None and total > limit:
            raise OSError(errno.EFBIG, f"file is longer than {limit} bytes")


def read_text(path: str, *, limit: int | None = None) -> str:
    """The contents of *path* as text. DecodeError, with the byte offset, if they are not UTF-8."""
    data = read_bytes(path, limit=limit)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(
            f"{path}: not UTF-8 text: byte 0x{data[error.start]:02x} at offset {error.start}", source=path
        ) from error


def open_quietly(path: str, flags: int = 0) -> int:
    """Open *path* for reading in a way that leaves no trace in its access time, where it is ours; OSError.

    A file of another user is opened all the same.
    """
    flags |= os.O_RDONLY | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def has_reader(path: str) -> bool | None:
    """Whether a process reads from the named pipe at *path*; None where that is closed to us."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return False if error.errno in _NO_READER else None
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def list_directory(path: str) -> list[str]:
    """The names in the directory *path*, in no order, which leaves no trace in its access time."""
    try:
        descriptor = open_quietly(path, os.O_DIRECTORY)
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError("list", path, error) from error


# ---------------------------------------------------------------- writing


def write_atomic(
    path: str, data: bytes, *, mode: int = 0o600, sync: bool = True, sync_dir: bool = True
) -> None:
    """Replace the contents of *path*: after a crash it holds the old or the new contents, never a mixture.

    *mode* is set exactly, whatever the umask. Without *sync* the file is not flushed before the rename,
    which is right for files on a tmpfs; without *sync_dir* the rename itself may be lost by a power cut.
    A symlink at *path* is replaced, not followed.
    """
    try:
        with _TemporaryFile(path, mode) as temporary:
            write_all(temporary.descriptor, data)
            temporary.commit(sync=sync)
    except OSError as error:
        raise FileError("write", path, error) from error
    if sync_dir:
        sync_directory(os.path.dirname(path) or ".")


class _TemporaryFile:
    """A new file beside *path* that takes its place at `commit`, and is removed if there is none."""

    def __init__(self, path: str, mode: int) -> None:
        self.path = path
        self.mode = mode
        self.name: str | None = None
        self.descriptor = -1

    def __enter__(self) -> _TemporaryFile:
        directory, base = os.path.split(self.path)
        # 255 bytes is the longest name; whatever the base, there is room for the rest.
        base = os.fsdecode(os.fsencode(base)[:200])
        name = os.path.join(directory, f".tmp-{base}{os.urandom(6).hex()}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.descriptor = os.open(name, flags, 0o600)
        self.name = name
        return self

    def commit(self, *, sync: bool) -> None:
        """Flush, set the mode, and rename over the target."""
        assert self.name is not None
        os.fchmod(self.descriptor, self.mode)
        if sync:
            failpoints.reach("files.sync")
            os.fsync(self.descriptor)
        failpoints.reach("files.rename")
        os.rename(self.name, self.path)
        self.name = None

    def __exit__(self, *_exception: object) -> None:
        os.close(self.descriptor)
        if self.name is not None:
            os.unlink(self.name)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of *data*, also where *descriptor* does not block: then it waits. OSError."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            wait_until_writable(descriptor)


def wait_until_writable(descriptor: int) -> None:
    """Wait until something can be written, or writing fails.

    A terminal or pipe that we share with others is full at times, and one of them may have made it one that
    does not block.
    """
    import select

    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    waiting.poll()


def sync_directory(path: str) -> None:
    """Flush the names in the directory *path*, so that a rename or removal in it survives a power cut."""
    failpoints.reach("files.sync_directory")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError("flush directory", path, error) from error


def copy_file(source: str, target: str, *, mode: int = 0o600, sync_dir: bool = True) -> str:
    """Copy the regular file *source* to *target* in one atomic, flushed step.

    Without *sync_dir* the name of the copy may be lost by a power cut, until the directory is flushed by
    something else. Returns "reflink" where the file system shares the blocks (ioctl FICLONE), else "copy".
    """
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise FileError("read", source, error) from error
    try:
        _require_regular(descriptor, source)
        with _TemporaryFile(target, mode) as temporary:
            how = _copy_contents(descriptor, temporary.descriptor)
            temporary.commit(sync=True)
    except OSError as error:
        raise FileError(f"copy {source} to", target, error) from error
    finally:
        os.close(descriptor)
    if sync_dir:
        sync_directory(os.path.dirname(target) or ".")
    return how


def _require_regular(descriptor: int, path: str) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise FileError("read", path, OSError(errno.EINVAL, "not a regular file"))


def _copy_contents(source: int, target: int) -> str:
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno not in _NO_CLONE:
            raise
        _copy_bytes(source, target)
        return "copy"
    return "reflink"


def _copy_bytes(source: int, target: int) -> None:
    try:
        while os.copy_file_range(source, target, _COPY_CHUNK):
            pass
    except OSError as error:
        # Both descriptors stand where the last successful call left them: sendfile goes on from there.
        if error.errno not in _NO_RANGE_COPY:
            raise
        while os.sendfile(target, source, None, _COPY_CHUNK):
            pass


# ---------------------------------------------------------------- directories and names


def make_directory(path: str, mode: int) -> bool:
    """Make the directory *path*, parents included; True if it was not there.

    Every directory made gets exactly *mode*, whatever the umask. A directory that is there is left as it
    is; a file or a symlink in its place is a FileError, as somebody else could have put the symlink
    there.
    """
    try:
        return _make_one(path, mode)
    except FileNotFoundError:
        parent = os.path.dirname(path.rstrip("/"))
        # Unlike the last part, a parent may be a symlink: /var/run is one.
        if parent not in ("", "/") and not os.path.isdir(parent):
            make_directory(parent, mode)
    # The parent is there by now, made by us or by somebody at the same time.
    try:
        return _make_one(path, mode)
    except FileNotFoundError as error:
        # An empty path, or a place where nothing can be made: /proc, a directory that is being removed.
        raise FileError("make directory", path, error) from error


def _make_one(path: str, mode: int) -> bool:
    try:
        os.mkdir(path, mode)
    except FileNotFoundError:
        raise
    except FileExistsError:
        _require_directory(path)
        return False
    except OSError as error:
        raise FileError("make directory", path, error) from error
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
    return True


def _require_directory(path: str) -> None:
    try:
        mode = os.lstat(path.rstrip("/") or "/").st_mode
    except OSError as error:
        raise FileError("make directory", path, error) from error
    if stat.S_ISLNK(mode):
        raise FileError("make directory", path, OSError(errno.ELOOP, "a symbolic link is in its place"))
    if not stat.S_ISDIR(mode):
        raise FileError("make directory", path, OSError(errno.ENOTDIR, "a file is in its place"))


def remove_file(path: str) -> bool:
    """Remove the name *path*; False if it was not there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError("remove", path, error) from error
    return True


def same_file(first: str, second: str) -> bool:
    """Whether two paths mean the same file or directory: equal when resolved, or one device and inode.

    A path that does not exist is compared by its resolved text.
    """
    if os.path.realpath(first) == os.path.realpath(second):
        return True
    try:
        one, other = os.stat(first), os.stat(second)
    except OSError:
        return False
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


# ---------------------------------------------------------------- which boot, which machine


def boot_id() -> str | None:
    """The kernel's random ID of this boot, or None where it cannot be read (no /proc)."""
    return _read_identifier(BOOT_ID_FILE, dashes=True)


def machine_id() -> str | None:
    """The ID of this installation (machine-id(5)), or None where there is none or it is not set up yet."""
    for path in MACHINE_ID_FILES:
        found = _read_identifier(path, dashes=False)
        if found is not None:
            return found
    return None


def _read_identifier(path: str, *, dashes: bool) -> str | None:
    try:
        data = read_bytes(path, limit=4096)
    except FileError:
        return None
    text = data.decode("ascii", "replace").strip()
    digits = text.replace("-", "") if dashes else text
    if len(digits) != 32 or digits.strip("0123456789abcdef"):
        return None
    return text


def boot_time() -> float:
    """When the kernel started, in seconds since 1970, by the clocks of clock_gettime(2); never late.

    `btime` of proc(5) /proc/stat says the same in whole seconds, and a quick reboot takes less than one.
    """
    return time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME)


# ---------------------------------------------------------------- record locks


def record_lock(descriptor: int, *, exclusive: bool = True, wait: bool = True) -> bool:
    """Lock the whole file open as *descriptor*; False if it is held elsewhere and *wait* is not set.

    The lock belongs to the open file: it ends with `record_unlock`, or when the last copy of the
    descriptor is closed, a killed process included.
    """
    kind = fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK
    request = struct.pack(_FLOCK, kind, os.SEEK_SET, 0, 0, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, request)
    except OSError as error:
        if not wait and error.errno in _LOCK_BUSY:
            return False
        raise _lock_error("lock", descriptor, error) from error
    return True


def record_unlock(descriptor: int) -> None:
    """Give the lock up."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        raise _lock_error("unlock", descriptor, error) from error


def record_lock_holder(descriptor: int) -> int | None:
    """The process that keeps us from locking this file, or None if none does or it cannot be told.

    A classic lock names its process. An open-file-description lock belongs to none (fcntl(2) answers -1),
    so the processes that have the file open are looked through.
    """
    request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, request)
    except OSError as error:
        raise _lock_error("query the lock of", descriptor, error) from error
    kind, _whence, _start, _length, process = struct.unpack(_FLOCK, answer)
    if kind == fcntl.F_UNLCK:
        return None
    return process if process > 0 else _description_lock_holder(descriptor)


def flock_holder(descriptor: int) -> int | None:
    """The process that holds a flock(2) lock on this file, or None if none does or it cannot be told."""
    wanted = _lock_table_name(descriptor)
    try:
        table = read_bytes(LOCK_TABLE_FILE)
    except FileError:
        return None
    # "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; a waiting request has "->" after the number.
    for line in table.decode("ascii", "replace").splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == wanted and fields[4].isdigit():
            return int(fields[4]) or None
    return None


def _lock_table_name(descriptor: int) -> str:
    """How /proc/locks writes this file: device in hexadecimal, inode in decimal."""
    about = os.fstat(descriptor)
    return f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"


def _description_lock_holder(descriptor: int) -> int | None:
    wanted = os.fstat(descriptor)
    for process in _process_ids():
        for number in _open_descriptors(process):
            if process == os.getpid() and number == descriptor:
                continue
            if _holds_description_lock(process, number, wanted):
                return process
    return None


def _process_ids() -> Iterator[int]:
    for name in os.listdir(PROCESS_DIRECTORY):
        if name.isdigit():
            yield int(name)


def _open_descriptors(process: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"{PROCESS_DIRECTORY}/{process}/fd")]
    except OSError:
        # Gone meanwhile, or of another user.
        return []


def _holds_description_lock(process: int, number: int, wanted: os.stat_result) -> bool:
    try:
        about = os.stat(f"{PROCESS_DIRECTORY}/{process}/fd/{number}")
        if (about.st_dev, about.st_ino) != (wanted.st_dev, wanted.st_ino):
            return False
        details = read_bytes(f"{PROCESS_DIRECTORY}/{process}/fdinfo/{number}")
    except (OSError, FileError):
        return False
    return any(b"OFDLCK" in line for line in details.splitlines() if line.startswith(b"lock:"))


def _lock_error(operation: str, descriptor: int, error: OSError) -> FileError | NotSupported:
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        path = f"file descriptor {descriptor}"
    if error.errno == errno.ENOLCK:
        return NotSupported(f"{operation} {path}: the file system has no record locks")
    return FileError(operation, path, error)
