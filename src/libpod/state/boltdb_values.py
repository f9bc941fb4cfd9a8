"""Single values in the buckets of the BoltDB schema: read with care, and written only where they change."""

from __future__ import annotations

from libpod.host import jsonutil
from libpod.state import boltdb_schema as schema
from libpod.state import records
from libpod.state.records import CONTAINER
from libpod.state.texts import decode_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.boltdb import Bucket
    from libpod.state.records import ContainerRecord, PodRecord, Record, VolumeRecord

    Values = dict[bytes, bytes | None]


def decode_pod(identifier: str, values: Values) -> PodRecord:
    """The pod with these values in its bucket. Raises DecodeError."""
    return records.decode_pod(identifier, values.get(schema.CONFIG), values.get(schema.STATE))


def decode_volume(name: str, values: Values) -> VolumeRecord:
    """The volume with these values in its bucket. Raises DecodeError."""
    return records.decode_volume(name, values.get(schema.CONFIG), values.get(schema.STATE))


def decode_netns(identifier: str, value: bytes | None) -> str | None:
    """The path of a container's network namespace. Raises DecodeError."""
    return None if value is None else decode_text(value, f"{CONTAINER} {identifier}: netns")


def config_without_networks(record: ContainerRecord) -> bytes:
    """The configuration as Podman stores it in this database: the networks have a bucket of their own."""
    if "newNetworks" not in record.config:
        return record.config_bytes()
    return jsonutil.dumps({key: value for key, value in record.config.items() if key != "newNetworks"})


def put_config(bucket: Bucket, record: Record) -> bool:
    """Write a configuration that was changed; whether it was written."""
    return record.config_changed and put_changed(bucket, schema.CONFIG, record.config_bytes())


def put_changed(bucket: Bucket, key: bytes, value: bytes) -> bool:
    """Write a value if it is not what is stored; whether it was written."""
    if bucket.get(key) == value:
        return False
    bucket.put(key, value)
    return True


def put_or_delete(bucket: Bucket, key: bytes, value: str | None) -> bool:
    """Write a value, or remove it where there is none; whether anything was changed."""
    return put_changed(bucket, key, value.encode()) if value else bucket.delete(key)
