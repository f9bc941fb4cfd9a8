"""What `--userns` asks for: its text, taken apart."""

from __future__ import annotations

from libpod.errors import InvalidArgument
from libpod.oci.options import AUTO
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.storage.idmaps import Range

KEEP_ID, NO_MAP = "keep-id", "nomap"
COMPUTED = (AUTO, KEEP_ID, NO_MAP)
"""The modes whose ID mapping is worked out here."""
_LARGEST = (1 << 32) - 2
_AUTO_HINT = "auto:size=NUMBER, auto:uidmapping=CONTAINER:HOST:SIZE, auto:gidmapping=CONTAINER:HOST:SIZE"
_KEEP_HINT = "keep-id:uid=NUMBER,gid=NUMBER"


class UserMode(NamedTuple):
    """One of COMPUTED with its options; None and empty for those that were not given."""

    kind: str
    size: int = 0
    """`auto`: how many IDs; 0 for as many as the image needs."""
    uids: tuple[Range, ...] = ()
    """`auto`: mappings that are asked for."""
    gids: tuple[Range, ...] = ()
    uid: int | None = None
    """`keep-id`: what the user's own ID is in the container."""
    gid: int | None = None


def is_computed(mode: str) -> bool:
    """Whether *mode* is one of COMPUTED, with options or without."""
    return mode.partition(":")[0] in COMPUTED


def parse(mode: str) -> UserMode:
    """Take apart a mode that `is_computed`. InvalidArgument, naming the option, for what cannot be."""
    kind, colon, rest = mode.partition(":")
    if kind not in COMPUTED:
        raise InvalidArgument(f"--userns {mode!r} is not supported")
    found = UserMode(kind)
    if not colon:
        return found
    if kind == NO_MAP:
        raise InvalidArgument(f"--userns {mode}: {NO_MAP} has no options")
    for option in rest.split(","):
        key, _, value = option.partition("=")
        if kind == AUTO:
            found = _auto(found, mode, key, value)
        else:
            found = _keep_id(found, mode, key, value)
    return found


def _auto(found: UserMode, mode: str, key: str, value: str) -> UserMode:
    if key == "size":
        return found._replace(size=_number(mode, key, value))
    if key == "uidmapping":
        return found._replace(uids=(*found.uids, _mapping(mode, key, value)))
    if key == "gidmapping":
        return found._replace(gids=(*found.gids, _mapping(mode, key, value)))
    raise InvalidArgument(f"--userns {mode}: {key!r} is no option of {AUTO}", hint=_AUTO_HINT)


def _keep_id(found: UserMode, mode: str, key: str, value: str) -> UserMode:
    if key == "uid":
        return found._replace(uid=_number(mode, key, value))
    if key == "gid":
        return found._replace(gid=_number(mode, key, value))
    raise InvalidArgument(f"--userns {mode}: {key!r} is no option of {KEEP_ID}", hint=_KEEP_HINT)


def _number(mode: str, key: str, text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= _LARGEST:
        raise InvalidArgument(f"--userns {mode}: {key}={text} is not a number from 0 to {_LARGEST}")
    return number


def _mapping(mode: str, key: str, text: str) -> Range:
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() for part in parts):
        raise InvalidArgument(f"--userns {mode}: {key}={text} is not of the form CONTAINER:HOST[:SIZE]")
    return int(parts[0]), int(parts[1]), int(parts[2]) if len(parts) == 3 else 1
