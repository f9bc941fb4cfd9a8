"""What `ps` shows of the containers, and how: filters, order, fields of templates."""

from __future__ import annotations

from libpod import filters, times
from libpod.containers import listing
from libpod.containers.listing import moment
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Final

    from libpod.containers.items import Item

    Row = dict[str, Any]

STATES: Final = {
    "created": ("created", "initialized"),
    "configured": ("created",),
    "initialized": ("initialized",),
    "running": ("running",),
    "paused": ("paused",),
    "stopped": ("exited", "stopped"),
    "exited": ("exited", "stopped"),
    "stopping": ("stopping",),
    "removing": ("removing",),
    "unknown": ("unknown",),
    "broken": ("broken",),
}
NAMESPACES: Final = {
    "CGROUPNS": "Cgroup",
    "IPC": "Ipc",
    "MNT": "Mnt",
    "NET": "Net",
    "PIDNS": "Pidns",
    "USERNS": "User",
    "UTS": "Uts",
}
"""The columns of `--ns`, which are fields of templates as well: their keys in what JSON has of namespaces."""
HEADERS: Final = {
    "ID": "CONTAINER ID",
    "Id": "CONTAINER ID",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "CreatedHuman": "CREATED",
    "Created": "CREATED",
}


def select(rows: Sequence[Row], items: Sequence[Item], texts: Sequence[str]) -> list[Row]:
    """The rows that pass the filters *texts*. *items* are all containers, shown or not."""
    return filters.select(rows, texts, _tests({item.id: item for item in items}))


def _tests(by_id: Mapping[str, Item]) -> dict[str, filters.Matches]:
    def created(name: str) -> float:
        from libpod.containers import items

        return moment(items.find(list(by_id.values()), name))

    def uses_volume(row: Row, value: str) -> bool:
        config = by_id[row["Id"]].raw_config
        named = config.get("namedVolumes")
        entries = named if isinstance(named, list) else ()
        names = [entry.get("volumeName") for entry in entries if isinstance(entry, dict)]
        return value in names or value in row["Mounts"] or value in _sources(config)

    return {
        "id": lambda row, value: row["Id"].startswith(value) or filters.search(value, row["Id"]),
        "name": lambda row, value: any(filters.search(value, name) for name in row["Names"]),
        "label": lambda row, value: filters.has_label(row["Labels"], value),
        "label!": lambda row, value: not filters.has_label(row["Labels"], value),
        "status": lambda row, value: row["State"] in _states(value),
        "exited": lambda row, value: row["State"] in STATES["exited"] and row["ExitCode"] == _number(value),
        "ancestor": lambda row, value: _is_made_from(row, value),
        "before": lambda row, value: moment(by_id[row["Id"]]) < created(value),
        "since": lambda row, value: moment(by_id[row["Id"]]) > created(value),
        "until": lambda row, value: moment(by_id[row["Id"]]) <= times.point_in_time(value),
        "volume": uses_volume,
        "pod": lambda row, value: bool(row["Pod"]) and (
            value == row["PodName"] or row["Pod"].startswith(value)
        ),
        "network": lambda row, value: value in row["Networks"],
        "restart-policy": lambda row, value: by_id[row["Id"]].raw_config.get("restart_policy", "") == value,
        "health": lambda row, value: listing.health(by_id[row["Id"]]) == value,
    }  # fmt: skip


def _sources(config: Mapping[str, Any]) -> list[object]:
    spec = config.get("spec")
    mounts = spec.get("mounts") if isinstance(spec, dict) else None
    return [entry.get("source") for entry in mounts or () if isinstance(entry, dict)]


def _states(value: str) -> tuple[str, ...]:
    if value not in STATES:
        raise InvalidArgument(f"--filter status={value}: no such state", hint=f"states: {', '.join(STATES)}")
    return STATES[value]


def _number(value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise InvalidArgument(f"--filter exited={value}: an exit code is a number") from error


def _is_made_from(row: Row, value: str) -> bool:
    """By the image's ID or name, with its tag or without, with its registry or without."""
    image = row["Image"]
    untagged = image.rpartition(":")[0] if ":" in image.rpartition("/")[2] else image
    names = (image, untagged)
    return row["ImageID"].startswith(value) or any(
        name == value or name.endswith("/" + value) for name in names
    )


def ordered(rows: list[Row], key: str) -> list[Row]:
    """The rows by one of `ps.SORT_KEYS`; what was started last comes first, as with Podman."""
    keys: dict[str, Callable[[Row], Any]] = {
        "command": lambda row: row["Command"] or [],
        "created": lambda row: row["Created"],
        "id": lambda row: row["Id"],
        "image": lambda row: row["Image"],
        "names": lambda row: row["Names"],
        "runningfor": lambda row: row["StartedAt"],
        "size": lambda row: (row["Size"] or {}).get("rootFsSize", 0),
        "status": lambda row: row["State"],
    }
    return sorted(rows, key=keys[key])


def namespaces(row: Mapping[str, Any]) -> dict[str, str]:
    """The numbers of the namespaces that `--ns` has looked up, by the columns NAMESPACES; else empty."""
    return {column: row["Namespaces"].get(key, "") for column, key in NAMESPACES.items()}


def fields(row: Row, cells: Mapping[str, str], created: str, *, whole: bool) -> dict[str, object]:
    """What a template of `ps` may use: the texts of the table by Podman's field names, and what JSON has.

    *created* is the time, RFC 3339; with *whole* IDs are not shortened.
    """
    from libpod.cli.ps import short
    from libpod.cli.templates import Map
    from libpod.containers.namespaceids import FILES

    found = namespaces(row)
    return {
        **row,
        **found,
        "Namespaces": {key: row["Namespaces"].get(key, "") for key in FILES},
        "Cgroup": found["CGROUPNS"],
        "User": found["USERNS"],
        "ID": cells["CONTAINER ID"],
        "ImageID": short(row["ImageID"], whole=whole),
        "Pod": short(row["Pod"], whole=whole),
        "Image": cells["IMAGE"],
        "Command": cells["COMMAND"],
        "RunningFor": row["CreatedAt"],
        "CreatedHuman": row["CreatedAt"],
        "CreatedAt": created,
        "Created": created,
        # As Podman has it; the word for the state is in JSON.
        "State": cells["STATUS"],
        "Status": cells["STATUS"],
        "Ports": cells["PORTS"],
        "Names": cells["NAMES"],
        "Labels": Map(row["Labels"] or {}),
        "Networks": ",".join(row["Networks"]),
        "Size": size_text(row["Size"]),
    }


def size_text(size: Mapping[str, int] | None) -> str:
    """`12B (virtual 4.2MB)`."""
    from libpod.sizes import human_size

    if size is None:
        return ""
    own, whole = (human_size(size[key], gap="") for key in ("rwSize", "rootFsSize"))
    return f"{own} (virtual {whole})"
