"""What lists of images show: rows as `podman images --format json` has them, and its filters."""

from __future__ import annotations

from datetime import UTC, datetime

from libpod import filters
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


def select(catalog: Catalog, wanted: Sequence[str] = (), *, everything: bool = False) -> list[ImageRecord]:
    """The images that pass all filters *wanted*, `NAME=VALUE` each, the newest first.

    Images that have no name and only serve others are left out, unless *everything* is set or a filter asks
    for them. InvalidArgument for a filter that does not exist, NoSuchImage for an image that one names.
    """
    passes = _filter(catalog, wanted)
    found = [image for image in catalog.images if passes(image)]
    if not everything and not any(text.startswith("intermediate") for text in wanted):
        found = [image for image in found if image.names or not catalog.is_intermediate(image)]
    return sorted(found, key=moment, reverse=True)


def rows(images: Sequence[ImageRecord]) -> Iterator[Row]:
    """A row for each name."""
    for image in images:
        yield from (Row(image, name) for name in image.names or ("",))


# ---------------------------------------------------------------- filters


def _filter(catalog: Catalog, texts: Sequence[str]) -> Test:
    """The test that all `NAME=VALUE` and `NAME!=VALUE` make."""
    makers = {name: _bound(make, catalog) for name, make in _FILTERS.items()}
    makers |= {f"{name}!": _negated(make) for name, make in makers.items()}
    return filters.combined(texts, makers, every=makers)


def _bound(make: Callable[[Catalog, str], Test], catalog: Catalog) -> Callable[[str], Test]:
    return lambda value: make(catalog, value)


def _negated(make: Callable[[str], Test]) -> Callable[[str], Test]:
    def made(value: str) -> Test:
        test = make(value)
        return lambda image: not test(image)

    return made


def _dangling(catalog: Catalog, value: str) -> Test:
    wanted = filters.truth("dangling", value)
    return lambda image: catalog.is_dangling(image) is wanted


def _intermediate(catalog: Catalog, value: str) -> Test:
    wanted = filters.truth("intermediate", value)
    return lambda image: catalog.is_intermediate(image) is wanted


def _used(catalog: Catalog, value: str) -> Test:
    wanted = filters.truth("containers", value)
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
    return lambda image: filters.has_label(labels(catalog, image), value)


def _before(catalog: Catalog, value: str) -> Test:
    limit = moment(catalog.find(value))
    return lambda image: moment(image) < limit


def _since(catalog: Catalog, value: str) -> Test:
    limit = moment(catalog.find(value))
    return lambda image: moment(image) > limit


def _until(_catalog: Catalog, value: str) -> Test:
    from libpod.times import point_in_time

    limit = point_in_time(value)
    return lambda image: moment(image).timestamp() < limit


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
