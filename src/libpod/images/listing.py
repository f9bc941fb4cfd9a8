"""What lists of images show: rows as `podman images --format json` has them, and its filters."""

from __future__ import annotations

from datetime import UTC, datetime

from libpod.errors import InvalidArgument
from libpod.images import reference
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from libpod.images.catalog import Catalog
    from libpod.storage.images import ImageRecord

    Data = dict[str, object]
    Test = Callable[[ImageRecord], bool]

NO_NAME = "<none>"
_TRUE = frozenset(("1", "t", "true", "T", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "false", "F", "FALSE", "False"))


class Row(NamedTuple):
    """One name of an image; an image without one has one row."""

    image: ImageRecord
    name: str

    @property
    def repository(self) -> str:
        """The name without tag and digest."""
        return reference.split_tag(self.name.partition("@")[0])[0] or NO_NAME

    @property
    def tag(self) -> str:
        """The tag."""
        return reference.split_tag(self.name.partition("@")[0])[1] or NO_NAME


def moment(image: ImageRecord) -> datetime:
    """When an image was made; a record that does not say so counts as the oldest."""
    try:
        found = datetime.fromisoformat(image.created)
    except ValueError:
        found = datetime.min
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def select(catalog: Catalog, filters: Sequence[str] = (), *, everything: bool = False) -> list[ImageRecord]:
    """The images that pass all *filters*, `NAME=VALUE` each, the newest first.

    Images that have no name and only serve others are left out, unless *everything* is set or a filter asks
    for them. InvalidArgument for a filter that does not exist, NoSuchImage for an image that one names.
    """
    tests = [make_filter(catalog, text) for text in filters]
    if not everything and not any(text.startswith("intermediate") for text in filters):
        tests.append(lambda image: bool(image.names) or not catalog.is_intermediate(image))
    found = [image for image in catalog.images if all(test(image) for test in tests)]
    return sorted(found, key=moment, reverse=True)


def rows(images: Sequence[ImageRecord]) -> Iterator[Row]:
    """A row for each name."""
    for image in images:
        yield from (Row(image, name) for name in image.names or ("",))


# ---------------------------------------------------------------- filters


def make_filter(catalog: Catalog, text: str) -> Test:
    """The test for one `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    negated = name.endswith("!")
    make = _FILTERS.get(name.rstrip("!"))
    if make is None or not equals:
        raise InvalidArgument(f"invalid image filter {text!r}", hint=f"filters: {', '.join(_FILTERS)}")
    test = make(catalog, value)
    return (lambda image: not test(image)) if negated else test


def _boolean(name: str, value: str) -> bool:
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise InvalidArgument(f"image filter {name}={value}: expected true or false")


def _dangling(catalog: Catalog, value: str) -> Test:
    wanted = _boolean("dangling", value)
    return lambda image: catalog.is_dangling(image) is wanted


def _intermediate(catalog: Catalog, value: str) -> Test:
    wanted = _boolean("intermediate", value)
    return lambda image: catalog.is_intermediate(image) is wanted


def _used(catalog: Catalog, value: str) -> Test:
    wanted = _boolean("containers", value)
    return lambda image: (image.id in catalog.users) is wanted


def _reference(_catalog: Catalog, value: str) -> Test:
    """`web`, `quay.io/*/web`, `web:1*`: the whole name, its end, and with or without the tag."""
    import fnmatch

    def matches(name: str) -> bool:
        repository, _tag = reference.split_tag(name.partition("@")[0])
        parts = name.split("/")
        ends = ["/".join(parts[first:]) for first in range(len(parts))]
        bare = ["/".join(repository.split("/")[first:]) for first in range(len(parts))]
        return any(fnmatch.fnmatchcase(text, value) for text in (*ends, *bare))

    return lambda image: any(map(matches, image.names))


def _label(catalog: Catalog, value: str) -> Test:
    key, equals, wanted = value.partition("=")

    def has(image: ImageRecord) -> bool:
        found = labels(catalog, image) or {}
        return key in found and (not equals or found[key] == wanted)

    return has


def _before(catalog: Catalog, value: str) -> Test:
    limit = moment(catalog.find(value))
    return lambda image: moment(image) < limit


def _since(catalog: Catalog, value: str) -> Test:
    limit = moment(catalog.find(value))
    return lambda image: moment(image) > limit


def _until(_catalog: Catalog, value: str) -> Test:
    limit = _point_in_time(value)
    return lambda image: moment(image).timestamp() < limit


def _point_in_time(value: str) -> float:
    """Seconds since 1970 of a date, such a number itself, or `36h` ago."""
    import re
    import time

    if value.isdigit():
        return float(value)
    spans = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", value)
    if spans and value:
        hours, minutes, seconds = (int(span or 0) for span in spans.groups())
        return time.time() - 3600 * hours - 60 * minutes - seconds
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError as error:
        raise InvalidArgument(
            f"image filter until={value}: no date and no length of time", hint="such as 2026-01-31 or 36h"
        ) from error


def _id(_catalog: Catalog, value: str) -> Test:
    return lambda image: image.id.startswith(value)


_FILTERS = {
    "dangling": _dangling,
    "reference": _reference,
    "label": _label,
    "before": _before,
    "since": _since,
    "after": _since,
    "until": _until,
    "id": _id,
    "containers": _used,
    "intermediate": _intermediate,
}


# ---------------------------------------------------------------- values


def labels(catalog: Catalog, image: ImageRecord) -> dict[str, str] | None:
    """The labels of an image; None if it has none."""
    config = catalog.readable_config(image).get("config")
    found = config.get("Labels") if isinstance(config, dict) else None
    return found if isinstance(found, dict) else None


def repository_digests(image: ImageRecord) -> list[str]:
    """Every repository that an image has a name in, with each of its digests."""
    places = dict.fromkeys(reference.split_tag(name.partition("@")[0])[0] for name in image.names)
    return sorted(f"{place}@{digest}" for place in places for digest in image.digests)


def describe(catalog: Catalog, image: ImageRecord) -> Data:
    """One image as `podman images --format json` shows it."""
    parent = catalog.parent(image)
    size = catalog.size(image)
    when = moment(image)
    return {
        "Id": image.id,
        "ParentId": parent.id if parent is not None else "",
        "RepoTags": None,
        "RepoDigests": repository_digests(image),
        "Size": size,
        "SharedSize": 0,
        "VirtualSize": size,
        "Labels": labels(catalog, image),
        "Containers": len(catalog.users.get(image.id, ())),
        "Names": image.names,
        "Digest": image.digest,
        "History": image.names_history,
        "Created": int(when.timestamp()) if when.year > 1 else 0,
        "CreatedAt": when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def human_size(size: int, *, digits: int = 3, gap: str = " ") -> str:
    """Bytes in decimal units with so many digits: `2.01 MB`, as Podman's lists have them."""
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    if f"{amount:.{digits}g}".find("e") >= 0 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.{digits}g}{gap}{_UNITS[unit]}"


_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
