"""Which pods `libpod pod ps` shows, and in which order."""

from __future__ import annotations

from libpod import filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Final

    Row = Mapping[str, Any]
    Matches = Callable[[Row, str], bool]

SORT_KEYS: Final[dict[str, Callable[[Row], Any]]] = {
    "created": lambda row: row["Created"],
    "id": lambda row: row["Id"],
    "name": lambda row: row["Name"],
    "number": lambda row: len(row["Containers"]),
    "status": lambda row: row["Status"],
}


def ordered(rows: Sequence[Row], key: str | None) -> list[Row]:
    """The rows by *key* of SORT_KEYS. They come newest first, and stay so for "created"."""
    if key in (None, "created"):
        return list(rows)
    return sorted(rows, key=SORT_KEYS[key])


def select(rows: Sequence[Row], texts: Sequence[str], *, now: float) -> list[Row]:
    """The rows that match Podman's filters for pods. *now* is the time in seconds since 1970."""
    if not texts:
        return list(rows)
    from libpod.times import point_in_time

    until = {"until": lambda row, value: _created(row) <= point_in_time(value, now)}
    return filters.select(rows, texts, {**_FILTERS, **until})


def _created(row: Row) -> float:
    from libpod.times import parse_time

    return parse_time(row["Created"], source=f"pod {row['Name']}", key="created")


_FILTERS: Final[dict[str, Matches]] = {
    "id": lambda row, value: row["Id"].startswith(value),
    "name": lambda row, value: filters.search(value, row["Name"]),
    "status": lambda row, value: row["Status"].lower() == value.lower(),
    "label": lambda row, value: filters.has_label(row["Labels"], value),
    "label!": lambda row, value: not filters.has_label(row["Labels"], value),
    "network": lambda row, value: value in row["Networks"],
    "ctr-ids": lambda row, value: any(entry["Id"].startswith(value) for entry in row["Containers"]),
    "ctr-names": lambda row, value: any(filters.search(value, entry["Names"]) for entry in row["Containers"]),
    "ctr-status": lambda row, value: any(entry["Status"] == value.lower() for entry in row["Containers"]),
    "ctr-number": lambda row, value: str(len(row["Containers"])) == value,
}
