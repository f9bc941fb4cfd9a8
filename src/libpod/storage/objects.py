"""What the store shows of its records: layers and containers as values, and new records."""

from __future__ import annotations

import time

from libpod.errors import NoSuchObject
from libpod.storage import idmaps, records
from libpod.storage.idmaps import NO_MAPS
from libpod.storage.records import identifier
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from libpod.storage.idmaps import IdMaps
    from libpod.storage.records import Record


class NoSuchLayer(NoSuchObject):
    """No layer has this name or ID."""

    kind = "layer"


class Layer(NamedTuple):
    """A layer as `Store.layers` shows it. Sizes are in bytes, -1 where they are not recorded."""

    id: str
    names: tuple[str, ...]
    parent: str
    created: str
    difference_digest: str
    size: int
    incomplete: bool
    mount_point: str
    mount_count: int


class StorageContainer(NamedTuple):
    """A container of the store: a read-write layer with names, and two directories for the engine."""

    id: str
    names: tuple[str, ...]
    image_id: str
    layer_id: str
    metadata: str
    created: str
    flags: Mapping[str, object]
    id_maps: IdMaps = NO_MAPS

    @property
    def volatile(self) -> bool:
        """Whether its tree need not survive a crash."""
        return self.flags.get("Volatile") is True


def now() -> str:
    """The time as Go's encoder writes it: RFC 3339 in UTC, nanoseconds without trailing zeros."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"


def layer(record: Record, mount: Record) -> Layer:
    """The layer of a record, and of its record in mountpoints.json."""
    size = record.get("diff-size")
    return Layer(
        id=identifier(record),
        names=tuple(records.names(record)),
        parent=records.text(record, "parent"),
        created=records.text(record, "created"),
        difference_digest=records.text(record, "diff-digest"),
        size=size if isinstance(size, int) else -1,
        incomplete=records.is_incomplete(record),
        mount_point=records.text(mount, "path"),
        mount_count=records.number(mount, "count"),
    )


def container(record: Record) -> StorageContainer:
    """The container of a record."""
    return StorageContainer(
        id=identifier(record),
        names=tuple(records.names(record)),
        image_id=records.text(record, "image"),
        layer_id=records.text(record, "layer"),
        metadata=records.text(record, "metadata"),
        created=records.text(record, "created"),
        flags=records.flags(record),
        id_maps=idmaps.of_record(record),
    )


def container_record(
    container_id: str,
    names: Sequence[str],
    image_id: str,
    layer_id: str,
    metadata: str,
    flags: Mapping[str, object],
    id_maps: IdMaps,
) -> Record:
    """A new record, with the flags that every one has."""
    return {
        "id": container_id,
        "names": list(names),
        "image": image_id,
        "layer": layer_id,
        "metadata": metadata,
        "created": now(),
        **id_maps.records(),
        "flags": {"MountLabel": "", "ProcessLabel": "", **flags},
    }


def texts(value: object) -> list[str]:
    """The texts in a list; none if it is something else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
