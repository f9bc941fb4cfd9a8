"""Every key of a BoltDB file, for people and programs that look into it."""

from __future__ import annotations

from libpod.state.texts import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.boltdb import Bucket


def dump(bucket: Bucket, path: list[str]) -> Iterator[dict[str, object]]:
    """The keys and values of the bucket at *path*, and of the buckets in it; an empty one by its path."""
    empty = True
    for key, value in bucket.items():
        empty = False
        if value is not None:
            yield {"bucket": path, "key": printable(key), "value": printable(value)}
            continue
        nested = bucket.bucket(key)
        if nested is not None:
            yield from dump(nested, [*path, printable(key)])
    if empty:
        yield {"bucket": path}
