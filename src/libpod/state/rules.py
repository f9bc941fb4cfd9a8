"""What may be looked up, added and removed: the rules that hold over every back end.

They are those of the first libpod's state, with two later ones of Podman 4.3: a full name goes before the
start of an ID (a container may be called "db" while another one's ID starts so), and volumes must exist.
"""

from __future__ import annotations

from libpod.errors import (
    ContainerExists,
    ContainerRemoved,
    DecodeError,
    DependencyExists,
    EmptyID,
    InvalidArgument,
    InvalidState,
    NoSuchContainer,
    NoSuchObject,
    NoSuchPod,
    NoSuchVolume,
    PodExists,
    PodRemoved,
)
from libpod.host import jsonutil
from libpod.state.records import CONTAINER, POD, VOLUME, BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Final, TypeVar

    from libpod.errors import ObjectExists
    from libpod.state.records import ContainerRecord, PodRecord, Record, VolumeRecord
    from libpod.state.tables import Tables

    R = TypeVar("R", ContainerRecord, PodRecord, VolumeRecord)

REMOVE_FIRST: Final = "remove first what needs it"
_MISSING: Final[dict[str, type[NoSuchObject]]] = {
    CONTAINER: NoSuchContainer,
    POD: NoSuchPod,
    VOLUME: NoSuchVolume,
}
# A label of that name has a text, not a number.
_LOCK_NUMBER: Final = rb'"lockID":\s*(\d+)'
_EXISTING: Final[dict[str, type[ObjectExists]]] = {CONTAINER: ContainerExists, POD: PodExists}


# ---------------------------------------------------------------- errors


def missing(kind: str, name: str) -> NoSuchObject:
    """The error for an object that is not there."""
    return _MISSING.get(kind, NoSuchObject)(name)


class naming:  # noqa: N801 - it stands in `with` statements, as what contextlib has
    """Name the database in the error of an object that cannot be read."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DecodeError):
            raise unreadable(self._path, str(error)) from error


def unreadable(path: str, reason: str) -> DecodeError:
    """The error for a single object that is asked for and broken."""
    return DecodeError(
        f"{path or 'state'}: {reason}",
        source=path,
        hint="the object can be removed (rm --force); `libpod db dump` shows what is stored",
    )


def whole(path: str, found: R | BrokenRecord | None, absent: NoSuchObject) -> R:
    """*found* itself. Raises *absent* for None and DecodeError for a broken record."""
    if found is None:
        raise absent
    if isinstance(found, BrokenRecord):
        raise unreadable(path, found.error)
    return found


# ---------------------------------------------------------------- what is asked for


def require_text(name: str) -> None:
    """Raise EmptyID for an empty name or ID, and InvalidArgument for one that no database can hold."""
    if not name:
        raise EmptyID
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"name or ID is not UTF-8 text: {name!a}") from error


def require_valid(record: Record) -> None:
    """Raise ContainerRemoved, PodRemoved or NoSuchVolume for a record whose object is gone."""
    if record.valid:
        return
    if record.kind == VOLUME:
        raise NoSuchVolume(record.id)
    removed = ContainerRemoved if record.kind == CONTAINER else PodRemoved
    raise removed(f"{record.describe()} was removed")


def expect(record: Record, *, found: bool) -> None:
    """Invalidate *record* and raise NoSuchObject of its kind where it was not *found*."""
    if not found:
        record.valid = False
        raise missing(record.kind, record.id)


def require_there(tables: Tables, record: Record) -> None:
    """Invalidate *record* and raise NoSuchObject of its kind where the database does not have it."""
    if record.kind == VOLUME:
        expect(record, found=tables.has_volume(record.id))
    else:
        expect(record, found=tables.kind_of(record.id) == record.kind)


def resolve(tables: Tables, name: str, kind: str) -> str:
    """The ID of the container or pod with this full ID, full name, or unique start of an ID."""
    require_text(name)
    if tables.kind_of(name) == kind:
        return name
    identifier = _owner(tables, name) or _only_match(tables, name, kind)
    if identifier is None:
        raise missing(kind, name)
    found = tables.kind_of(identifier)
    if found != kind:
        raise _MISSING[kind](name, f"no such {kind}: {name} is a {found}")
    return identifier


def _owner(tables: Tables, name: str) -> str | None:
    """Who has this name; a name whose owner is gone is free."""
    identifier = tables.id_of_name(name)
    return identifier if identifier is not None and tables.kind_of(identifier) is not None else None


def _only_match(tables: Tables, prefix: str, kind: str) -> str | None:
    match: str | None = None
    for identifier in tables.ids_with_prefix(prefix):
        if tables.kind_of(identifier) is None:
            continue
        if match is not None:
            raise _EXISTING[kind](prefix, f"several containers or pods have IDs that start with {prefix!r}")
        match = identifier
    return match


# ---------------------------------------------------------------- adding and removing


def require_free(tables: Tables, record: Record) -> None:
    """Raise ContainerExists or PodExists where the ID or the name of a new object is in use."""
    require_text(record.id)
    kind = tables.kind_of(record.id)
    if kind is not None:
        raise _EXISTING[kind](record.id, f"ID {record.id} is in use by a {kind}")
    require_free_name(tables, record.name)


def require_free_name(tables: Tables, name: str) -> None:
    """Raise ContainerExists or PodExists where a name is in use."""
    require_text(name)
    owner = _owner(tables, name)
    if owner is not None:
        kind = tables.kind_of(owner) or CONTAINER
        raise _EXISTING[kind](name, f"name {name} is in use by {kind} {owner}")


def rename_container(tables: Tables, record: ContainerRecord, name: str) -> None:
    """Register a container under another name, and set that in its configuration."""
    require_free_name(tables, name)
    old = record.name
    record.config["name"] = name
    tables.rename_container(record, old)


def insert_container(tables: Tables, record: ContainerRecord) -> None:
    """Add a container whose ID and name are free and whose dependencies and volumes are there."""
    require_free(tables, record)
    for identifier in record.dependencies:
        _require_dependency(tables, record, identifier)
    for name in record.named_volumes:
        if not tables.has_volume(name):
            raise NoSuchVolume(name, f"no such volume: {name}, which {record.describe()} uses")
    tables.insert_container(record)


def _require_dependency(tables: Tables, record: ContainerRecord, identifier: str) -> None:
    if identifier == record.id:
        raise InvalidArgument(f"{record.describe()} cannot depend on itself")
    if tables.kind_of(identifier) != CONTAINER:
        raise NoSuchContainer(
            identifier, f"no such container: {identifier}, on which {record.describe()} depends"
        )
    pod = tables.pod_of(identifier) or ""
    if pod != record.pod:
        where = f"in pod {pod}" if pod else "in no pod"
        raise InvalidArgument(f"{record.describe()} depends on container {identifier}, which is {where}")


def delete_container(tables: Tables, record: ContainerRecord) -> None:
    """Remove a container that no other needs and that has no exec sessions."""
    dependents = tables.dependents(record.id)
    if dependents:
        raise DependencyExists(
            f"{record.describe()} is needed by {', '.join(dependents)}",
            dependents=dependents,
            hint=REMOVE_FIRST,
        )
    sessions = tables.exec_sessions_of(record.id)
    if sessions:
        raise InvalidState(f"{record.describe()} has exec sessions: {', '.join(sessions)}")
    tables.delete_container(record.id)


def require_unused(tables: Tables, kind: str, identifier: str) -> None:
    """Raise DependencyExists where containers need an object of any kind."""
    users = dependents(tables, kind, identifier)
    if users:
        raise DependencyExists(
            f"{kind} {identifier} is needed by {', '.join(users)}", dependents=users, hint=REMOVE_FIRST
        )


def lock_number_of(tables: Tables, identifier: str) -> int | None:
    """The number of the lock that an object has for itself, as far as its configuration can be read."""
    import re

    found: list[int] = []
    own = None
    for config in tables.stored_configs():
        match = re.search(_LOCK_NUMBER, config)
        if match is not None:
            found.append(int(match[1]))
            if identifier.encode() in config and _is_config_of(config, identifier):
                own = found[-1]
    return own if own is not None and found.count(own) == 1 else None


def _is_config_of(config: bytes, identifier: str) -> bool:
    try:
        found = jsonutil.loads_object(config, "config")
    except DecodeError:
        return False
    return identifier == found.get("id", found.get("name"))


def dependents(tables: Tables, kind: str, identifier: str) -> list[str]:
    """The IDs of the containers that need an object of any kind."""
    if kind == CONTAINER:
        return tables.dependents(identifier)
    if kind == POD:
        return tables.pod_members(identifier)
    return tables.volume_users(identifier) if kind == VOLUME else []
