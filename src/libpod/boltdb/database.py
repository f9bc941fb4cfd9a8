"""A bolt file that is open: its lock, its current state, and its transactions."""

from __future__ import annotations

import errno
import os
import stat

from libpod.boltdb import lock
from libpod.boltdb.freepages import FreeList, decode_free_list
from libpod.boltdb.layout import FIRST_DATA_PAGE, NO_FREELIST, Meta
from libpod.boltdb.pagefile import CHECK_HINT, PageFile, failure
from libpod.boltdb.transaction import Transaction
from libpod.errors import DatabaseClosed, DatabaseCorrupt, InvalidState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self


class Database:
    """An open bolt file. `open` makes one; a context manager that closes it.

    The file lock is held from `open` to `close`: exclusive, or shared for a read-only database. Belongs
    to one thread. Any number of readers and one writer can be open at the same time; a reader keeps
    seeing the state that it began with.
    """

    __slots__ = ("_closed", "_file", "_free", "_readers", "_writer", "path", "read_only", "warnings")

    def __init__(self, file: PageFile, *, read_only: bool) -> None:
        self._file = file
        self._closed = False
        self.path = file.path
        self.read_only = read_only
        self.warnings: list[str] = []
        """What is wrong with the file, but can be put right: sentences for a person."""
        self._free: FreeList | None = None
        self._readers: list[Transaction] = []
        self._writer: Transaction | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        create: bool = True,
        mode: int = 0o600,
        timeout: float | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> Self:
        """Lock and open the bolt file *path*; an empty file becomes an empty database.

        A missing file is made with *mode* when *create* is set and *read_only* is not. Waits *timeout*
        seconds for the lock (None: for ever) and calls *on_wait* once with the name of the process that
        has it. Raises FileError, DatabaseLocked and DatabaseCorrupt.
        """
        path = os.fsdecode(path)
        while True:
            file = PageFile(_open_file(path, read_only=read_only, create=create, mode=mode), path)
            usable = False
            try:
                lock.acquire(file.descriptor, path, exclusive=not read_only, timeout=timeout, on_wait=on_wait)
                if _is_at_path(file.descriptor, path):  # else it was replaced while we waited
                    database = cls(file, read_only=read_only)
                    database._prepare()
                    usable = True
                    return database
            finally:
                if not usable:
                    file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Roll back what is open and give the lock back. Harmless when it was closed already."""
        if self._closed:
            return
        for tx in [*self._readers, *([self._writer] if self._writer else [])]:
            tx.rollback()
        self._closed = True
        self._file.close()

    def view(self) -> Transaction:
        """Begin a read transaction on the last committed state."""
        self._require_open()
        tx = Transaction(self, self._file, self._current_meta(), None)
        self._readers.append(tx)
        return tx

    def update(self) -> Transaction:
        """Begin the write transaction. Raises InvalidState when there is one already, or the database is
        open read-only.
        """
        self._require_open()
        if self.read_only:
            raise InvalidState(f"{self.path}: it is open for reading only")
        if self._writer is not None:
            raise InvalidState(f"{self.path}: a write transaction is open already")
        meta = self._current_meta()
        free = self._free
        if free is None or free.txid != meta.txid:
            free = self._read_free_list(meta)
        free.settle(reader.txid for reader in self._readers)
        self._writer = Transaction(self, self._file, meta, free)
        return self._writer

    # For transactions

    def end(self, tx: Transaction) -> None:
        """Forget the transaction *tx*, which has ended."""
        if tx is self._writer:
            self._writer = None
        else:
            self._readers.remove(tx)

    def committed(self, free: FreeList) -> None:
        """Keep the free list of the state that was just committed."""
        self._free = free

    # Inside

    def _require_open(self) -> None:
        if self._closed:
            raise DatabaseClosed(f"{self.path}: the database is closed", path=self.path)

    def _prepare(self) -> None:
        """Make an empty file a database, and see that any other one can be used."""
        if not self.read_only and self._file.is_blank():
            self._file.initialize()
            _sync_directory(self.path)
        meta = self._current_meta()
        self._file.page_size = meta.page_size

    def _current_meta(self) -> Meta:
        """Return the newest valid state that the two meta pages hold."""
        metas = self._file.metas()
        valid = [meta for meta in metas if isinstance(meta, Meta)]
        if not valid:
            raise DatabaseCorrupt(self._no_meta(metas), path=self.path, hint=CHECK_HINT)
        current = max(valid, key=lambda meta: (meta.txid, meta.txid % 2 == meta.slot))
        for slot, fault in enumerate(metas):
            if isinstance(fault, str):
                self._warn(f"meta page {slot} is invalid ({fault}), meta page {1 - slot} is used")
        pages = self._file.size() // current.page_size
        if pages < current.high_water:
            cause = f"the file ends before it, but pages up to {current.high_water - 1} are in use"
            raise self._file.corrupt(pages, cause)
        return current

    def _no_meta(self, metas: list[Meta | str]) -> str:
        if not self._file.size():
            return f"{self.path}: the file is empty, it is not a bolt database"
        return (
            f"{self.path}: not a bolt database, or damaged: meta page 0: {metas[0]}; meta page 1: {metas[1]}"
        )

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def _read_free_list(self, meta: Meta) -> FreeList:
        if meta.freelist == NO_FREELIST:
            return FreeList(meta.txid, 0, 0, self._unused_pages(meta))
        data, span = self._file.read(meta.freelist, meta.high_water)
        try:
            return FreeList(meta.txid, meta.freelist, span, decode_free_list(data, meta.high_water))
        except ValueError as error:
            raise self._file.corrupt(meta.freelist, str(error)) from None

    def _unused_pages(self, meta: Meta) -> list[int]:
        """Find the free pages of a file that stores no free list: all that no bucket uses."""
        used: set[int] = set()
        with self.view() as tx:
            for page, span in tx.pages().items():
                used.update(range(page, page + span))
        return [page for page in range(FIRST_DATA_PAGE, meta.high_water) if page not in used]


def _open_file(path: str, *, read_only: bool, create: bool, mode: int) -> int:
    # O_NONBLOCK: opening a FIFO in place of the file must not hang.
    flags = os.O_CLOEXEC | os.O_NONBLOCK | (os.O_RDONLY if read_only else os.O_RDWR)
    if create and not read_only:
        flags |= os.O_CREAT
    try:
        descriptor = _open_quietly(path, flags) if read_only else os.open(path, flags, mode)
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(kind):
            os.close(descriptor)
            fault = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
            raise OSError(fault, "Is a directory" if fault == errno.EISDIR else "Not a regular file")
    except OSError as error:
        raise failure("open", path, error) from error
    return descriptor


def _open_quietly(path: str, flags: int) -> int:
    """Open in a way that leaves no trace in the access time, where the file is ours."""
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def _is_at_path(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise failure("look at", path, error) from error


def _sync_directory(path: str) -> None:
    directory = os.path.dirname(os.path.abspath(path))
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise failure("sync", directory, error) from error
