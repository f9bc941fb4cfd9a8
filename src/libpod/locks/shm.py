"""Locks in a POSIX shared memory segment: Podman's default, `lock_type = "shm"`."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import sys

from libpod import failpoints
from libpod.errors import FileError, InvalidArgument, LockError, LockExists, LockTimeout, NoLocksLeft
from libpod.host import linux
from libpod.locks.waiting import Holders, WaitingLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from libpod.locks import Kind

DIRECTORY: Final = "/dev/shm"
SEGMENT_MODE: Final = 0o600
MAGIC: Final = 0x87D1
LOCKS_PER_GROUP: Final = 32
# The account is locked for microseconds. Somebody who holds it longer has been stopped.
ACCOUNT_TIMEOUT: Final = 30.0

_FULL: Final = 0xFFFFFFFF
_ALIGNMENT: Final = linux.MUTEX_ALIGNMENT


def _aligned(offset: int) -> int:
    return (offset + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT


ACCOUNT_MUTEX: Final = _aligned(4)
COUNTS: Final = ACCOUNT_MUTEX + linux.MUTEX_SIZE
GROUPS: Final = _aligned(COUNTS + 8)
GROUP_MUTEXES: Final = _aligned(4)
GROUP_SIZE: Final = GROUP_MUTEXES + LOCKS_PER_GROUP * linux.MUTEX_SIZE


def segment_path(uid: int) -> str:
    """The file of Podman's segment of user *uid*. All stores of a user, whatever their --root, share one."""
    return f"{DIRECTORY}/libpod_lock" if uid == 0 else f"{DIRECTORY}/libpod_rootless_lock_{uid}"


def segment_size(num_locks: int) -> int:
    """The size in bytes of a segment for *num_locks* locks."""
    return GROUPS + _group_count(num_locks) * GROUP_SIZE


def _group_count(num_locks: int) -> int:
    return -(-num_locks // LOCKS_PER_GROUP)


class ShmLock(WaitingLock):
    """A robust, process-shared POSIX mutex. If its owner is killed, the next to ask for it gets it."""

    def __init__(self, mapping: linux.SharedMapping, number: int, path: str, holders: Holders) -> None:
        super().__init__(f"lock {number} in {path}", holders, number=number)
        self._mapping = mapping
        group, index = divmod(number, LOCKS_PER_GROUP)
        self._offset = GROUPS + group * GROUP_SIZE + GROUP_MUTEXES + index * linux.MUTEX_SIZE

    def _try(self, seconds: float) -> bool:
        return self._mapping.lock_mutex(self._offset, seconds) != "busy"

    def _let_go(self) -> None:
        self._mapping.unlock_mutex(self._offset)

    def _holder(self) -> str | None:
        return _describe_owner(self._mapping, self._offset)


class ShmLockManager:
    """Numbered locks in shared memory, shared with Podman 4.3 and 5.

    The segment, in the byte order and with the mutex size of this machine (offsets for x86-64, where
    sizeof(pthread_mutex_t) is 40; checked against Podman 4.3.1)::

        0                     u16   magic 0x87D1
        8                     mutex that guards the account: the bitmaps below
        48                    u32   number of groups
        52                    u32   number of locks, 32 for each group
        56 + 1288 g           u32   bitmap of group g: bit i is set when lock 32 g + i is taken
        56 + 1288 g + 8 + 40 i      mutex of lock 32 g + i

    All mutexes are robust and process-shared. A mutex may be locked whether its number is taken or not.
    A segment is made complete in a file without a name, which is then linked to its place, so that no other
    program ever finds one that is half made.
    """

    kind: Kind = "shm"

    def __init__(self, path: str, *, num_locks: int, create: bool = True, uid: int | None = None) -> None:
        """Open the segment at *path*, which must have been made for *num_locks* by the user *uid*."""
        if not 0 < num_locks <= _FULL:
            raise InvalidArgument(f"num_locks must be a positive number, not {num_locks}")
        self.path = path
        self.num_locks = _group_count(num_locks) * LOCKS_PER_GROUP
        self._holders = Holders()
        descriptor = self._open_or_create() if create else _open(path)
        if descriptor is None:
            raise LockError(f"there is no lock segment {path}")
        try:
            self._check_file(descriptor, os.geteuid() if uid is None else uid)
            self._mapping = linux.SharedMapping(descriptor, segment_size(num_locks))
        except OSError as error:
            raise FileError("map lock segment", path, error) from error
        finally:
            os.close(descriptor)
        self._check_header()

    # ------------------------------------------------------------ opening

    def _open_or_create(self) -> int:
        while True:
            descriptor = _open(self.path)
            if descriptor is not None:
                return descriptor
            with contextlib.suppress(FileExistsError):
                _create(self.path, self.num_locks)

    def _check_file(self, descriptor: int, uid: int) -> None:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise LockError(f"{self.path} is not a lock segment: it is no regular file")
        if about.st_uid not in (uid, os.geteuid()):
            # /dev/shm is open to all users, and whoever owns the segment can change it under our hands.
            raise LockError(f"{self.path} belongs to user {about.st_uid}, not to us")
        if about.st_size != segment_size(self.num_locks):
            header = os.pread(descriptor, GROUPS, 0)
            raise self._wrong_size(header, about.st_size)

    def _wrong_size(self, header: bytes, size: int) -> LockError:
        magic, _groups, locks = _parse_header(header)
        if magic != MAGIC or size != segment_size(locks):
            return self._damaged(f"it has {size} bytes where {segment_size(self.num_locks)} are expected")
        return self._mismatch(locks)

    def _check_header(self) -> None:
        magic, groups, locks = _parse_header(self._mapping.read(0, GROUPS))
        if magic == MAGIC and (groups * LOCKS_PER_GROUP, locks) == (self.num_locks, self.num_locks):
            return
        self._mapping.close()
        if magic != MAGIC:
            raise self._damaged(f"its magic number is {magic:#06x} instead of {MAGIC:#06x}")
        raise self._damaged(f"its size is that of {self.num_locks} locks, but it says it has {locks}")

    def _damaged(self, why: str) -> LockError:
        return LockError(
            f"{self.path} is not a lock segment of Podman: {why}",
            hint=f"when no container runs, remove {self.path}; the next start makes a new one",
        )

    def _mismatch(self, found: int) -> LockError:
        return LockError(
            f"{self.path} was made for {found} locks, but num_locks is {self.num_locks}",
            hint=f"set num_locks = {found} in containers.conf, or stop all containers and run "
            "`podman system renumber`",
        )

    # ------------------------------------------------------------ numbers

    def allocate(self) -> ShmLock:
        """Take the lowest free number."""
        with self._account():
            for group in range(self.num_locks // LOCKS_PER_GROUP):
                bitmap = self._bitmap(group)
                if bitmap != _FULL:
                    index = (~bitmap & (bitmap + 1)).bit_length() - 1
                    self._set_bitmap(group, bitmap | 1 << index)
                    return self._lock(group * LOCKS_PER_GROUP + index)
        raise NoLocksLeft(
            f"all {self.num_locks} locks in {self.path} are taken",
            hint="remove containers, pods or volumes, or set a larger num_locks in containers.conf, stop all "
            "containers and run `podman system renumber`",
        )

    def allocate_given(self, number: int) -> ShmLock:
        """Take the free number *number*."""
        self._check_number(number)
        group, index = divmod(number, LOCKS_PER_GROUP)
        with self._account():
            bitmap = self._bitmap(group)
            if bitmap >> index & 1:
                raise LockExists(f"lock {number} in {self.path} is taken already", number=number)
            self._set_bitmap(group, bitmap | 1 << index)
        return self._lock(number)

    def retrieve(self, number: int) -> ShmLock:
        """The lock of a number."""
        self._check_number(number)
        return self._lock(number)

    def free(self, number: int) -> None:
        """Give a number back."""
        self._check_number(number)
        group, index = divmod(number, LOCKS_PER_GROUP)
        with self._account():
            bitmap = self._bitmap(group)
            if not bitmap >> index & 1:
                raise LockError(f"lock {number} in {self.path} is not taken", number=number)
            self._set_bitmap(group, bitmap & ~(1 << index))

    def free_all(self) -> None:
        """Give all numbers back. Every store of this user has its numbers in this segment."""
        with self._account():
            for group in range(self.num_locks // LOCKS_PER_GROUP):
                self._set_bitmap(group, 0)

    def allocated(self) -> set[int]:
        """The numbers that are taken now."""
        found: set[int] = set()
        with self._account():
            for group in range(self.num_locks // LOCKS_PER_GROUP):
                bitmap = self._bitmap(group)
                first = group * LOCKS_PER_GROUP
                found.update(first + index for index in range(LOCKS_PER_GROUP) if bitmap >> index & 1)
        return found

    def close(self) -> None:
        """Let go of the memory, unless a lock is held; then it goes with the process."""
        self._mapping.close()

    def _lock(self, number: int) -> ShmLock:
        return ShmLock(self._mapping, number, self.path, self._holders)

    def _check_number(self, number: int) -> None:
        if not 0 <= number < self.num_locks:
            raise LockError(
                f"there is no lock {number}: {self.path} has {self.num_locks} locks",
                number=number,
                hint="set num_locks in containers.conf as it was when the object was made, or stop all "
                "containers and run `podman system renumber`",
            )

    # ------------------------------------------------------------ the account

    @contextlib.contextmanager
    def _account(self) -> Iterator[None]:
        """Hold the mutex of the bitmaps."""
        if self._mapping.lock_mutex(ACCOUNT_MUTEX, ACCOUNT_TIMEOUT) == "busy":
            holder = _describe_owner(self._mapping, ACCOUNT_MUTEX)
            raise LockTimeout(
                f"the account of locks in {self.path} is not free after {ACCOUNT_TIMEOUT:g} seconds"
                + (f"; it is held by process {holder}" if holder else ""),
                holder=holder,
            )
        try:
            yield
        finally:
            self._mapping.unlock_mutex(ACCOUNT_MUTEX)

    def _bitmap(self, group: int) -> int:
        return int.from_bytes(self._mapping.read(GROUPS + group * GROUP_SIZE, 4), sys.byteorder)

    def _set_bitmap(self, group: int, bitmap: int) -> None:
        self._mapping.write(GROUPS + group * GROUP_SIZE, bitmap.to_bytes(4, sys.byteorder))


def _open(path: str) -> int | None:
    """Open a segment; None if there is none."""
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError("open lock segment", path, error) from error


def _create(path: str, num_locks: int) -> None:
    """Make a segment in which nothing is taken. FileExistsError if there is one meanwhile."""
    directory = os.path.dirname(path)
    try:
        descriptor = os.open(directory, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, SEGMENT_MODE)
        try:
            os.fchmod(descriptor, SEGMENT_MODE)
            os.ftruncate(descriptor, segment_size(num_locks))
            _initialise(linux.SharedMapping(descriptor, segment_size(num_locks)), num_locks)
            # The directory descriptor is not used for an absolute path, but only with one does Python call
            # linkat(2), which can follow this link of /proc to a file without a name.
            source = f"/proc/self/fd/{descriptor}"
            failpoints.reach("locks.link")
            os.link(source, path, src_dir_fd=descriptor, follow_symlinks=True)
        finally:
            os.close(descriptor)
    except FileExistsError:
        raise
    except OSError as error:
        raise FileError("create lock segment", path, error) from error


def _initialise(mapping: linux.SharedMapping, num_locks: int) -> None:
    groups = _group_count(num_locks)
    mapping.write(0, struct.pack("=H", MAGIC))
    mapping.write(COUNTS, struct.pack("=II", groups, groups * LOCKS_PER_GROUP))
    mapping.initialise_mutex(ACCOUNT_MUTEX)
    # A mutex that nobody holds is plain data, and copying it 2048 times is much faster than that many calls.
    mutex = mapping.read(ACCOUNT_MUTEX, linux.MUTEX_SIZE)
    group = bytes(GROUP_MUTEXES) + mutex * LOCKS_PER_GROUP
    mapping.write(GROUPS, group * groups)
    mapping.close()


def _parse_header(header: bytes) -> tuple[int, int, int]:
    """Magic number, groups and locks; zeros where the header is too short."""
    header = header.ljust(GROUPS, b"\0")
    (magic,) = struct.unpack_from("=H", header)
    groups, locks = struct.unpack_from("=II", header, COUNTS)
    return magic, groups, locks


def _describe_owner(mapping: linux.SharedMapping, offset: int) -> str | None:
    from libpod.host import proc

    thread = mapping.mutex_owner(offset)
    return None if thread is None else proc.describe_process(proc.process_of_thread(thread))
