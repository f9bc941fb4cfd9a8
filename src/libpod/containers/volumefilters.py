"""The filters of `volume ls` and `volume prune`, as podman-volume-ls(1) has them."""

from __future__ import annotations

from libpod import filters, times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from libpod.containers.items import Item

    Filter = Callable[[Item, bool], bool]


def parse(texts: Sequence[str]) -> Filter:
    """A function that tells of a volume, and whether it is in use, whether it is wanted.

    Raises InvalidArgument, for values as well.
    """
    return filters.combined(texts, _MAKERS)


def _name(value: str) -> Filter:
    filters.search(value, "")
    return lambda item, _used: filters.search(value, item.name)


def _of_map(key: str, value: str) -> Filter:
    return lambda item, _used: filters.has_label(item.config.text_map(key), value)


def _dangling(value: str) -> Filter:
    wanted = filters.truth("dangling", value)
    return lambda _item, used: used is not wanted


def _anonymous(value: str) -> Filter:
    wanted = filters.truth("anonymous", value)
    return lambda item, _used: item.config.flag("isAnon") is wanted


def _until(value: str) -> Filter:
    end = times.point_in_time(value)

    def holds(item: Item, _used: bool) -> bool:  # noqa: FBT001
        created = item.config.text("createdAt")
        return times.parse_time(created, source=f"volume {item.name}", key="createdAt") < end

    return holds


_MAKERS: dict[str, Callable[[str], Filter]] = {
    "name": _name,
    "driver": lambda value: lambda item, _used: (item.config.text("volumeDriver") or "local") == value,
    "scope": lambda value: lambda _item, _used: value == "local",
    "label": lambda value: _of_map("labels", value),
    "opt": lambda value: _of_map("volumeOptions", value),
    "dangling": _dangling,
    "anonymous": _anonymous,
    "until": _until,
}
