"""The time zone of a container: a copy of the host's file for it, bound over /etc/localtime."""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument
from libpod.host import files
from libpod.oci import etcfiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

LOCAL: Final = "local"
LOCALTIME: Final = "/etc/localtime"
DATABASE: Final = "/usr/share/zoneinfo"
_LARGEST: Final = 1 << 20


def check(zone: str) -> str:
    """*zone*, which may be empty; InvalidArgument for one that this host does not have."""
    if zone and zone != LOCAL:
        _path(zone)
    return zone


def copy(zone: str, directory: str, owner: tuple[int, int]) -> str:
    """Copy the file of *zone* to *directory* for *owner* (UID, GID); returns the path of the copy.

    Raises InvalidArgument for an unknown zone, FileError.
    """
    source = LOCALTIME if zone == LOCAL else _path(zone)
    return etcfiles.write(directory, "localtime", files.read_bytes(source, limit=_LARGEST), owner)


def _path(zone: str) -> str:
    path = os.path.join(DATABASE, zone)
    # A zone is a name in the database, and no way to any other file of the host.
    if ".." in zone.split("/") or zone.startswith("/") or not os.path.isfile(path):
        raise InvalidArgument(
            f"--tz {zone!r}: this host has no such time zone",
            hint=f"a file below {DATABASE}, such as Europe/Berlin, or local for the host's",
        )
    return path
