"""The time zone of a container, which `--tz` gives it: the file that is bound over its /etc/localtime."""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PLACE: Final = "/etc/localtime"
LOCAL: Final = "local"
_DATABASE = "/usr/share/zoneinfo"
_LARGEST = 1 << 20


def require(name: str) -> str:
    """The file of the host that has the zone *name*. InvalidArgument for a zone that it does not know."""
    path = PLACE if name == LOCAL else os.path.normpath(os.path.join(_DATABASE, name))
    is_one = name == LOCAL or path.startswith(_DATABASE + "/")
    if not is_one or not os.path.isfile(path):
        raise InvalidArgument(f"--tz {name}: this host does not know the time zone", hint=f"see {_DATABASE}")
    return os.path.realpath(path)


def write(directory: str, name: str) -> str:
    """Copy the zone *name* into *directory*; returns the path of the copy, which the container may change."""
    path = os.path.join(directory, "localtime")
    files.write_atomic(
        path, files.read_bytes(require(name), limit=_LARGEST), mode=0o644, sync=False, sync_dir=False
    )
    return path
