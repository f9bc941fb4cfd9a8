"""The record files of a store: layers.json, images.json, containers.json and mountpoints.json.

Each is one JSON array of objects. A record here is the raw mapping that was read; keys that we do not know
survive every write. A damaged file is refused with its path and the position of the damage, and never
overwritten: containers/storage 1.43 takes such a file for an empty list and wipes the store with its next
write.
"""

from __future__ import annotations

import os

from libpod.errors import DecodeError, FileError, NoSuchObject
from libpod.host import files, jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from libpod.storage.lockfile import HeldLock, LockFile

    Record = dict[str, object]

RECORD_FILE_MODE = 0o600
NEVER = "0001-01-01T00:00:00Z"


class RecordFile:
    """One record file and the lock that protects it.

    `refresh` and `save` take the held lock as their argument, so that they cannot be called without it.
    *durable* files are flushed when they are written; those in the run root are gone with the next boot
    and are not. *last* is set on the file that is written at the end of a change: flushing its directory
    entry makes the renames before it durable as well.

    *volatile* is a second file under the same lock, never flushed, in which containers/storage since 1.46
    (Podman 4.5) keeps containers made with `--rm` and their layers. A record stays in the file that it was
    read from, and only a file that changes is written.
    """

    def __init__(
        self,
        path: str,
        lock: LockFile,
        *,
        durable: bool = True,
        last: bool = False,
        volatile: str | None = None,
    ) -> None:
        self.path = path
        self.volatile_path = volatile
        self.lock = lock
        self.records: list[Record] = []
        self._durable = durable
        self._last = last
        self._volatile_ids: set[str] = set()
        self._by_key: dict[str, Record] = {}
        self._seen: tuple[object, ...] | None = None

    def refresh(self, held: HeldLock) -> None:
        """Read the file, if it was changed since it was last read. DecodeError if it is damaged."""
        seen = (held.token(), self._identity())
        if seen == self._seen:
            return
        self.records = read_records(self.path)
        volatile = [] if self.volatile_path is None else read_records(self.volatile_path, may_be_empty=True)
        self._volatile_ids = {identifier(record) for record in volatile}
        self.records += volatile
        self._seen = seen
        self._index()

    def save(self, held: HeldLock) -> None:
        """Write the records, and tell the other programs."""
        if self._volatile_ids:
            self._save_both()
        else:
            self._save_main(jsonutil.dumps(self.records))
        held.touch()
        self._seen = (held.token(), self._identity())
        self._index()

    def _save_main(self, data: bytes) -> None:
        files.write_atomic(
            self.path, data, mode=RECORD_FILE_MODE, sync=self._durable, sync_dir=self._durable and self._last
        )

    def _save_both(self) -> None:
        assert self.volatile_path is not None
        volatile = [record for record in self.records if identifier(record) in self._volatile_ids]
        rest = [record for record in self.records if identifier(record) not in self._volatile_ids]
        if rest != read_records(self.path):
            self._save_main(jsonutil.dumps(rest))
        if volatile != read_records(self.volatile_path, may_be_empty=True):
            data = jsonutil.dumps(volatile)
            files.write_atomic(self.volatile_path, data, mode=RECORD_FILE_MODE, sync=False, sync_dir=False)

    def forget(self) -> None:
        """Read the file again next time, after a change in memory that was not saved."""
        self._seen = None

    def get(self, key: str) -> Record | None:
        """The record with this full ID or name."""
        return self._by_key.get(key)

    def find(self, key: str, missing: type[NoSuchObject]) -> Record:
        """The record with this ID, name, or unique beginning of an ID; raises *missing* if there is none."""
        found = self._by_key.get(key)
        if found is not None:
            return found
        matches = [record for record in self.records if key and identifier(record).startswith(key)]
        if len(matches) != 1:
            several = f"{missing.kind} {key} is not unique in {self.path}" if matches else None
            raise missing(key, several)
        return matches[0]

    def add(self, record: Record) -> None:
        """Append a record; `save` makes it known."""
        self.records.append(record)
        self._index()

    def remove(self, record_id: str) -> None:
        """Drop the record with this ID; `save` makes it known."""
        self.remove_all({record_id})

    def remove_all(self, record_ids: Collection[str]) -> None:
        """Drop the records with these IDs; `save` makes it known."""
        self.records = [record for record in self.records if record.get("id") not in record_ids]
        self._index()

    def _index(self) -> None:
        index: dict[str, Record] = {}
        for record in self.records:
            for name in names(record):
                index[name] = record
        # An ID wins over a name that looks like one.
        for record in self.records:
            index[identifier(record)] = record
        self._by_key = index

    def _identity(self) -> tuple[object, ...]:
        return _identity(self.path), self.volatile_path and _identity(self.volatile_path)


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError("read", path, error) from error
    return about.st_ino, about.st_mtime_ns, about.st_size


def read_records(path: str, *, may_be_empty: bool = False) -> list[Record]:
    """The records in *path*; none if there is no file. DecodeError, with the position, if it is damaged.

    A power cut may leave a file that is not flushed empty: with *may_be_empty* that is no damage.
    """
    try:
        data = files.read_bytes(path)
    except FileError as error:
        if error.errno == 2:
            return []
        raise
    if may_be_empty and not data:
        return []
    try:
        return _checked(jsonutil.loads(data, path), path)
    except DecodeError as error:
        error.hint = (
            "the file was left as it is; put back a copy of it, or correct it at that place, "
            "before anything else writes to this store"
        )
        raise


def _checked(value: object, path: str) -> list[Record]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise DecodeError(f"{path}: expected a JSON array of records", source=path)
    seen: dict[str, int] = {}
    for number, record in enumerate(value):
        if not isinstance(record, dict) or not isinstance(record.get("id"), str) or not record["id"]:
            raise DecodeError(
                f"{path}: record {number} is not an object with an id", source=path, key=f"[{number}]"
            )
        first = seen.setdefault(record["id"], number)
        if first != number:
            raise DecodeError(
                f"{path}: records {first} and {number} have the same id {record['id']}",
                source=path,
                key=f"[{number}]",
            )
    return value


def identifier(record: Record) -> str:
    """The full ID of a record."""
    return str(record["id"])


def names(record: Record) -> list[str]:
    """The names of a record."""
    found = record.get("names")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def text(record: Record, key: str) -> str:
    """The text at *key*, empty if it is absent."""
    value = record.get(key)
    return value if isinstance(value, str) else ""


def number(record: Record, key: str) -> int:
    """The whole number at *key*, 0 if it is absent."""
    value = record.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def flags(record: Record) -> dict[str, object]:
    """The `flags` mapping of a record; an empty one, not stored, if it has none."""
    value = record.get("flags")
    return value if isinstance(value, dict) else {}


def is_incomplete(record: Record) -> bool:
    """Whether a layer was left half made or half removed."""
    return flags(record).get("incomplete") is True


def set_incomplete(record: Record, *, incomplete: bool) -> None:
    """Mark a layer as half made, or as whole."""
    if incomplete:
        record["flags"] = {**flags(record), "incomplete": True}
        return
    rest = {key: value for key, value in flags(record).items() if key != "incomplete"}
    if rest:
        record["flags"] = rest
    else:
        record.pop("flags", None)


def take_names(records: Iterable[Record], taken: set[str], keeper: str) -> None:
    """Take the names *taken* away from all records but the one with the ID *keeper*."""
    for record in records:
        if identifier(record) != keeper and taken.intersection(names(record)):
            left = [name for name in names(record) if name not in taken]
            if left:
                record["names"] = left
            else:
                record.pop("names", None)
