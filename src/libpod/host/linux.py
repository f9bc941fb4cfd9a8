"""System and C library calls that Python has no function for. The only module that uses ctypes."""

from __future__ import annotations

import _thread
import ctypes
import errno
import mmap
import os
import signal
import sys
import time

from libpod.errors import FileError, InternalError, LockError, NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Literal, TypeVar

    T = TypeVar("T")
    LockResult = Literal["acquired", "owner died", "busy"]

# mount(2) and umount(2).
MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_SYNCHRONOUS: Final = 0x10
MS_REMOUNT: Final = 0x20
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_BIND: Final = 0x1000
MS_MOVE: Final = 0x2000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
MS_SLAVE: Final = 0x80000
MS_SHARED: Final = 0x100000
MS_RELATIME: Final = 0x200000
MS_STRICTATIME: Final = 0x1000000
MNT_DETACH: Final = 0x2
UMOUNT_NOFOLLOW: Final = 0x8

# openat2(2); the number is the same on every architecture.
_SYS_OPENAT2: Final = 437
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_IN_ROOT: Final = 0x10

# clone(2), clone3(2).
CLONE_FS: Final = 0x200
CLONE_NEWNS: Final = 0x20000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
_SYS_CLONE3: Final = 435
_PR_SET_PDEATHSIG: Final = 1

# open_tree(2), move_mount(2), mount_setattr(2); the numbers are the same on every architecture.
_SYS_OPEN_TREE: Final = 428
_SYS_MOVE_MOUNT: Final = 429
_SYS_MOUNT_SETATTR: Final = 442
_OPEN_TREE_CLONE: Final = 0x1
_MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
_AT_FDCWD: Final = -100
_AT_EMPTY_PATH: Final = 0x1000
_MOUNT_ATTR_IDMAP: Final = 0x00100000

# pthread.h; glibc and musl agree on both.
_PTHREAD_PROCESS_SHARED: Final = 1
_PTHREAD_MUTEX_ROBUST: Final = 1

_POINTER_SIZE: Final = ctypes.sizeof(ctypes.c_void_p)
MUTEX_SIZE: Final = 24 if _POINTER_SIZE == 4 else 48 if os.uname().machine == "aarch64" else 40
"""sizeof(pthread_mutex_t) in bytes; glibc's ABI for this machine."""
MUTEX_ALIGNMENT: Final = _POINTER_SIZE

# linux/futex.h: the first word of a robust mutex of glibc holds the thread that owns it.
_FUTEX_OWNER: Final = 0x3FFFFFFF
_IS_GLIBC: Final = "CS_GNU_LIBC_VERSION" in os.confstr_names


_library = ctypes.CDLL(None, use_errno=True)
# The same, called with the interpreter's lock held.
_held_library = ctypes.PyDLL(None, use_errno=True)


class _TimeSpec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


# ---------------------------------------------------------------- mounts, namespaces, processes


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str = "") -> None:
    """mount(2). *kind* is the file system type, *data* its options. FileError naming *target* if it fails."""
    encoded_kind = None if kind is None else kind.encode()
    result = _library.mount(
        os.fsencode(source),
        os.fsencode(target),
        encoded_kind,
        ctypes.c_ulong(flags),
        os.fsencode(data) or None,
    )
    _check(result, f"mount {source} on", target)


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2). FileError naming *target* if it fails."""
    _check(_library.umount2(os.fsencode(target), ctypes.c_int(flags)), "unmount", target)


def open_in_root(directory: int, path: str, flags: int) -> int:
    """openat2(2) with RESOLVE_IN_ROOT: *path* and all links in it are resolved with *directory* as `/`.

    Returns the descriptor. OSError if it fails.
    """
    how = (ctypes.c_uint64 * 3)(flags, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    result = _library.syscall(
        ctypes.c_long(_SYS_OPENAT2),
        ctypes.c_int(directory),
        ctypes.c_char_p(os.fsencode(path)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return int(result)


def unshare(flags: int) -> None:
    """unshare(2): leave namespaces that this thread shares. *flags* are its CLONE_… values."""
    _check(_library.unshare(ctypes.c_int(flags)), "leave namespace of", "this process")


def in_directory(directory: str, work: Callable[[], T]) -> T:
    """What *work* returns, called with *directory* as the working directory of it alone.

    A thread changes its working directory, and only its own (CLONE_FS). OSError where it cannot.
    """
    found: list[T] = []
    failure: list[BaseException] = []
    done = _thread.allocate_lock()

    def there() -> None:
        try:
            unshare(CLONE_FS)
            os.chdir(directory)
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failure.append(error)
        finally:
            done.release()

    # The module threading would cost every start of a container its time.
    done.acquire()
    _thread.start_new_thread(there, ())
    done.acquire()
    if failure:
        raise failure[0]
    return found[0]


def idmapped_mount(source: str, target: str, user_namespace: int) -> None:
    """Bind *source* on *target* with the IDs of its files mapped as in *user_namespace* (a descriptor).

    FileError if the kernel, or the file system, cannot do that (mount_setattr(2), ID-mapped mounts).
    """
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC
    tree = _library.syscall(
        ctypes.c_long(_SYS_OPEN_TREE), ctypes.c_int(_AT_FDCWD), os.fsencode(source), ctypes.c_uint(flags)
    )
    _check(min(tree, 0), "copy mount of", source)
    try:
        attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
        result = _library.syscall(
            ctypes.c_long(_SYS_MOUNT_SETATTR),
            ctypes.c_int(tree),
            b"",
            ctypes.c_uint(_AT_EMPTY_PATH),
            ctypes.byref(attributes),
            ctypes.c_size_t(ctypes.sizeof(attributes)),
        )
        _check(result, "map the IDs of", source)
        result = _library.syscall(
            ctypes.c_long(_SYS_MOVE_MOUNT),
            ctypes.c_int(tree),
            b"",
            ctypes.c_int(_AT_FDCWD),
            os.fsencode(target),
            ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH),
        )
        _check(result, f"mount {source} on", target)
    finally:
        os.close(tree)


def hold_user_namespace() -> int:
    """Make a user namespace, and return the PID of a child in it that does nothing; the caller kills it.

    A process with several threads cannot enter a new user namespace itself, and fork(2) in one is unsafe for
    all but a child like this one: it blocks every signal and sleeps. It ends with us.
    """
    arguments = (ctypes.c_uint64 * 8)(CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = _held_library.syscall(
            ctypes.c_long(_SYS_CLONE3), ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments))
        )
        if pid == 0:
            _held_library.prctl(ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL))
            while True:
                _held_library.pause()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    _check(min(pid, 0), "make user namespace for", "ID-mapped mounts")
    return int(pid)


def enter_namespace(descriptor: int) -> None:
    """setns(2): let this thread join the namespace that is open as *descriptor*."""
    _check(_library.setns(ctypes.c_int(descriptor), ctypes.c_int(0)), "join namespace with", "this thread")


def _check(result: int, operation: str, target: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise FileError(operation, target, OSError(number, os.strerror(number)))


# ---------------------------------------------------------------- mutexes in shared memory


class SharedMapping:
    """A file mapped into memory together with other processes, with POSIX mutexes at chosen offsets.

    The mutexes are robust and process-shared: when the process that owns one dies, the kernel wakes the next
    waiter and tells it so. A mutex is owned by the thread that locked it, and only that thread may unlock it.

    While a thread owns a mutex, the C library and the kernel keep pointers into the mapping; unmapping it
    then would crash the process. A mapping with an owned mutex is therefore kept from Python's own
    clearing up, which comes before the kernel's: only the kernel tells the next in line that the owner is
    gone.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._map = mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._anchor: ctypes.c_char | None = ctypes.c_char.from_buffer(self._map)
        self._address = ctypes.addressof(self._anchor)
        self._owned: set[int] = set()
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """*length* bytes at *offset*."""
        return self._map[offset : offset + length]

    def write(self, offset: int, data: bytes) -> None:
        """Store *data* at *offset*."""
        self._map[offset : offset + len(data)] = data

    def initialise_mutex(self, offset: int) -> None:
        """Make an unlocked robust process-shared mutex at *offset*, whatever was there."""
        attributes = ctypes.create_string_buffer(64)
        _call("pthread_mutexattr_init", attributes)
        try:
            _call("pthread_mutexattr_setpshared", attributes, ctypes.c_int(_PTHREAD_PROCESS_SHARED))
            _call("pthread_mutexattr_setrobust", attributes, ctypes.c_int(_PTHREAD_MUTEX_ROBUST))
            _call("pthread_mutex_init", self._pointer(offset), attributes)
        finally:
            _call("pthread_mutexattr_destroy", attributes)

    def lock_mutex(self, offset: int, seconds: float) -> LockResult:
        """Lock the mutex at *offset*, waiting up to *seconds* (0: not at all).

        "owner died" is a lock as good as "acquired": the owner before was killed, the mutex is consistent
        again. Signals do not end the wait, so callers who want Ctrl-C to work wait in short pieces.
        LockError if the mutex can never be locked again.
        """
        result = self._wait_for(offset, seconds)
        if result in (errno.ETIMEDOUT, errno.EBUSY):
            return "busy"
        if result == errno.EOWNERDEAD:
            _call("pthread_mutex_consistent", self._pointer(offset))
        elif result != 0:
            raise LockError(f"cannot lock shared mutex: {os.strerror(result)}")
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._map))
        self._owned.add(offset)
        return "acquired" if result == 0 else "owner died"

    def _wait_for(self, offset: int, seconds: float) -> int:
        pointer = self._pointer(offset)
        result: int = _library.pthread_mutex_trylock(pointer)
        if result != errno.EBUSY or seconds <= 0:
            return result
        if hasattr(_library, "pthread_mutex_clocklock"):
            end = _time_spec(time.monotonic() + seconds)
            clock = ctypes.c_int(time.CLOCK_MONOTONIC)
            return int(_library.pthread_mutex_clocklock(pointer, clock, ctypes.byref(end)))
        end = _time_spec(time.time() + seconds)
        return int(_library.pthread_mutex_timedlock(pointer, ctypes.byref(end)))

    def unlock_mutex(self, offset: int) -> None:
        """Unlock the mutex at *offset*. LockError if this thread does not own it."""
        result = _library.pthread_mutex_unlock(self._pointer(offset))
        if result != 0:
            raise LockError(f"cannot unlock shared mutex: {os.strerror(result)}")
        self._owned.discard(offset)
        ctypes.pythonapi.Py_DecRef(ctypes.py_object(self._map))

    def mutex_owner(self, offset: int) -> int | None:
        """The thread ID that owns the mutex at *offset*, or None if none does or it cannot be told."""
        if not _IS_GLIBC:
            return None
        word = int.from_bytes(self.read(offset, 4), sys.byteorder)
        return word & _FUTEX_OWNER or None

    def close(self) -> None:
        """Unmap, unless a mutex in it is still owned. Further use is an error."""
        if self._owned or self._anchor is None:
            return
        self._anchor = None
        self._map.close()

    def _pointer(self, offset: int) -> ctypes.c_void_p:
        if self._anchor is None:
            raise InternalError("shared mapping was closed")
        if offset < 0 or offset + MUTEX_SIZE > self.size or offset % MUTEX_ALIGNMENT:
            raise InternalError(f"no mutex can be at offset {offset} of {self.size}")
        return ctypes.c_void_p(self._address + offset)


def _time_spec(moment: float) -> _TimeSpec:
    seconds = int(moment)
    return _TimeSpec(seconds, int((moment - seconds) * 1e9))


def _call(name: str, *arguments: object) -> None:
    result = getattr(_library, name)(*arguments)
    if result != 0:
        raise NotSupported(f"{name}: {os.strerror(result)}")
