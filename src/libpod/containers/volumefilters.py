"""The filters of `volume ls` and `volume prune`, as podman-volume-ls(1) has them."""

from __future__ import annotations

import re

from libpod.containers.times import parse_time
from libpod.errors import InvalidArgument
from libpod.oci import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from libpod.containers.items import Item

    Filter = Callable[[Item, bool], bool]

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def parse(texts: Sequence[str]) -> Filter:
    """A function that tells of a volume, and whether it is in use, whether it is wanted.

    Of several filters with one key one must hold (of labels all), and each key. Raises InvalidArgument.
    """
    groups: dict[str, list[Filter]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        make = _MAKERS.get(key)
        if make is None or not equals:
            raise InvalidArgument(
                f"--filter {text!r} is not known", hint=f"KEY=VALUE with a key of {', '.join(_MAKERS)}"
            )
        # Labels must all hold: each is a group of its own.
        groups.setdefault(text if key == "label" else key, []).append(make(value))

    def wanted(item: Item, used: bool) -> bool:  # noqa: FBT001 - the form of a filter
        return all(any(one(item, used) for one in group) for group in groups.values())

    return wanted


def _name(value: str) -> Filter:
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise InvalidArgument(f"--filter name={value}: {error}") from error
    return lambda item, _used: pattern.search(item.name) is not None


def _of_map(key: str) -> Callable[[str], Filter]:
    def make(value: str) -> Filter:
        name, equals, wanted = value.partition("=")

        def holds(item: Item, _used: bool) -> bool:  # noqa: FBT001
            found = (item.config.text_map(key) or {}).get(name)
            return found is not None and (not equals or found == wanted)

        return holds

    return make


def _truth(key: str, value: str) -> bool:
    if value not in _TRUTH:
        raise InvalidArgument(f"--filter {key}={value}: expected true or false")
    return _TRUTH[value]


def _dangling(value: str) -> Filter:
    wanted = _truth("dangling", value)
    return lambda _item, used: used is not wanted


def _anonymous(value: str) -> Filter:
    wanted = _truth("anonymous", value)
    return lambda item, _used: item.config.flag("isAnon") is wanted


def _until(value: str) -> Filter:
    end = logs.parse_time(value)

    def holds(item: Item, _used: bool) -> bool:  # noqa: FBT001
        created = item.config.text("createdAt")
        return parse_time(created, source=f"volume {item.name}", key="createdAt") < end

    return holds


_MAKERS: dict[str, Callable[[str], Filter]] = {
    "name": _name,
    "driver": lambda value: lambda item, _used: (item.config.text("volumeDriver") or "local") == value,
    "scope": lambda value: lambda _item, _used: value == "local",
    "label": _of_map("labels"),
    "opt": _of_map("volumeOptions"),
    "dangling": _dangling,
    "anonymous": _anonymous,
    "until": _until,
}
