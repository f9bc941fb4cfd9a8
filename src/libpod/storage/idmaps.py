"""ID mappings: which user and group of the host is which one in a container's user namespace.

In a record file a mapping is a list of `{"container_id": 0, "host_id": 100000, "size": 65536}`. Where the
kernel can map the IDs of overlay's lower directories, a container's layer is like any other, and only its
container record has the mapping. Elsewhere the files themselves get the IDs of the host, and the layer's
record says so.
"""

from __future__ import annotations

import itertools
import os
import stat

from libpod.errors import FileError, InvalidArgument
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from libpod.storage.driver import Driver

    Range = tuple[int, int, int]

MAXIMUM_ID = (1 << 32) - 2
_CAPABILITY = "security.capability"


class IdMaps(NamedTuple):
    """Both mappings, as triples of ID in the container, ID on the host, and how many; empty for none."""

    uids: tuple[Range, ...] = ()
    gids: tuple[Range, ...] = ()

    def owner(self) -> tuple[int, int]:
        """The user and group of the host that the container's root is. InvalidArgument if it is none."""
        return to_host(self.uids, 0), to_host(self.gids, 0)

    def records(self) -> dict[str, object]:
        """As `uidmap` and `gidmap` of a record."""
        return {"uidmap": _records(self.uids), "gidmap": _records(self.gids)} if self else {}

    def __bool__(self) -> bool:
        """Whether anything is mapped."""
        return bool(self.uids or self.gids)


NO_MAPS = IdMaps()


def _records(ranges: Sequence[Range]) -> list[dict[str, int]]:
    return [{"container_id": inside, "host_id": host, "size": size} for inside, host, size in ranges]


def of_record(record: dict[str, object]) -> IdMaps:
    """The mappings of a record; what is no mapping in it is passed over."""
    return IdMaps(_ranges(record.get("uidmap")), _ranges(record.get("gidmap")))


def _ranges(value: object) -> tuple[Range, ...]:
    found = []
    for entry in value if isinstance(value, list) else ():
        numbers = [entry.get(key) for key in ("container_id", "host_id", "size")] if entry else []
        if len(numbers) == 3 and all(isinstance(number, int) for number in numbers):
            found.append((numbers[0], numbers[1], numbers[2]))
    return tuple(found)


def check(ranges: Sequence[Range], what: str, *, root: bool = True) -> None:
    """InvalidArgument, naming *what*, for a mapping that the kernel would refuse.

    With *root* one that does not map ID 0 is refused, too.
    """
    for inside, host, size in ranges:
        if size < 1 or max(inside, host) + size - 1 > MAXIMUM_ID:
            raise InvalidArgument(f"{what} {inside}:{host}:{size}: not a range of IDs")
    for index, side in ((0, "in the container"), (1, "on the host")):
        ordered = sorted((entry[index], entry[2]) for entry in ranges)
        for (first, size), (second, _size) in itertools.pairwise(ordered):
            if first + size > second:
                raise InvalidArgument(f"{what}: ID {second} {side} is mapped twice")
    if ranges and root:
        try:
            to_host(ranges, 0)
        except InvalidArgument as error:
            raise InvalidArgument(f"{what} does not map ID 0, the container's root") from error


def to_host(ranges: Sequence[Range], identifier: int) -> int:
    """The ID on the host; the same where nothing is mapped. InvalidArgument if it has none."""
    for inside, host, size in ranges:
        if inside <= identifier < inside + size:
            return host + identifier - inside
    if ranges:
        raise InvalidArgument(f"ID {identifier} is not in the container's ID mapping")
    return identifier


# ---------------------------------------------------------------- files with the IDs of the host


def map_layer(driver: Driver, layer_id: str, maps: IdMaps) -> dict[str, object]:
    """Make a new layer one with mapped IDs; returns what its record says of that.

    Where a mount can map IDs there is nothing to do yet.
    """
    if driver.can_map_ids():
        return {}
    try:
        shift(driver.mount(layer_id), maps)
    finally:
        driver.unmount(layer_id)
    return maps.records()


def shift(directory: str, maps: IdMaps) -> None:
    """Give all files below *directory*, and itself, the IDs of the host for the IDs that they have.

    Modes and file capabilities are kept. InvalidArgument, naming the file, for an ID that is not mapped.
    """
    seen: set[tuple[int, int]] = set()
    for path in _walk(directory):
        found = os.lstat(path)
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            # A second name of a file that has been done already.
            if (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
        try:
            owner = to_host(maps.uids, found.st_uid), to_host(maps.gids, found.st_gid)
        except InvalidArgument as error:
            raise InvalidArgument(f"{path}: {error}", hint="map more IDs of the image") from error
        _change_owner(path, found, owner)


def _walk(directory: str) -> Iterator[str]:
    yield directory
    for parent, directories, names in os.walk(directory, onerror=_raise):
        for name in (*directories, *names):
            yield os.path.join(parent, name)


def _raise(error: OSError) -> None:
    raise FileError("read", str(error.filename), error) from error


def _change_owner(path: str, found: os.stat_result, owner: tuple[int, int]) -> None:
    """chown(2), and again what it takes away: set-user-ID bits and file capabilities."""
    try:
        capability = _capability(path) if stat.S_ISREG(found.st_mode) else b""
        os.lchown(path, *owner)
        if stat.S_ISREG(found.st_mode) and found.st_mode & (stat.S_ISUID | stat.S_ISGID):
            os.chmod(path, stat.S_IMODE(found.st_mode))
        if capability:
            os.setxattr(path, _CAPABILITY, capability, follow_symlinks=False)
    except OSError as error:
        raise FileError("change owner of", path, error) from error


def _capability(path: str) -> bytes:
    try:
        return os.getxattr(path, _CAPABILITY, follow_symlinks=False)
    except OSError:
        return b""
