"""Users and groups of a container, looked up in its own /etc/passwd and /etc/group.

The container decides what is in these files and where links lead, so a link is followed as the container
would, and never out of its root.
"""

from __future__ import annotations

import os
import stat

from libpod.errors import InvalidArgument
from libpod.host import rooted
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAXIMUM_ID = (1 << 31) - 1
_MAXIMUM_SIZE = 1 << 24
# Who owns what nobody may own, and whose ID images need not map.
_NOBODY = ("nobody", "nogroup")
_NOBODY_ID = 65534


class User(NamedTuple):
    """Whom the first process runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    """Supplementary groups."""
    home: str
    name: str
    """Empty if the user is not in passwd."""


def lookup(root: str, user: str, groups: Sequence[str] = ()) -> User:
    """The user `NAME`, `UID`, `NAME:GROUP`, … of the container at *root*; root for an empty text.

    *groups* are further groups, names or numbers. Supplementary groups come from the group file when no
    group is given, as Docker has it. InvalidArgument for names that are not in the files.
    """
    name, colon, group = user.partition(":")
    entry = _find(root, name or "0")
    gid = entry.gid
    supplementary: list[int] = []
    if colon and group:
        gid = _group(root, group)
    elif entry.name:
        supplementary = [number for number in _memberships(root, entry.name) if number != gid]
    supplementary += [_group(root, text) for text in groups]
    return entry._replace(gid=gid, groups=tuple(dict.fromkeys(supplementary)))


def highest_id(root: str) -> int:
    """The highest ID of the accounts and groups in the files at *root*; those of nobody do not count."""
    entries = [(fields[0], fields[2:4]) for fields in _lines(root, "/etc/passwd", 4)]
    entries += [(fields[0], fields[2:3]) for fields in _lines(root, "/etc/group", 3)]
    numbers = [_number(text) for name, texts in entries if name not in _NOBODY for text in texts]
    return max((number for number in numbers if number is not None and number != _NOBODY_ID), default=0)


def has_account(root: str, name: str, number: int) -> bool:
    """Whether /etc/passwd has an entry of this name or number."""
    return any(name == fields[0] or number == _number(fields[2]) for fields in _lines(root, "/etc/passwd", 3))


def has_group(root: str, name: str, number: int) -> bool:
    """Whether /etc/group has an entry of this name or number."""
    return any(name == fields[0] or number == _number(fields[2]) for fields in _lines(root, "/etc/group", 3))


def _find(root: str, name: str) -> User:
    number = _number(name)
    for fields in _lines(root, "/etc/passwd", 6):
        uid = _number(fields[2])
        if uid is not None and (fields[0] == name or uid == number):
            return User(uid, _number(fields[3]) or 0, (), fields[5] or "/", fields[0])
    if number is None:
        raise InvalidArgument(
            f"no user {name!r} in /etc/passwd of the container", hint="give a number, or a name that is in it"
        )
    return User(number, 0, (), "/root" if number == 0 else "/", "")


def _group(root: str, text: str) -> int:
    number = _number(text)
    for fields in _lines(root, "/etc/group", 3):
        if fields[0] == text:
            found = _number(fields[2])
            if found is not None:
                return found
    if number is None:
        raise InvalidArgument(
            f"no group {text!r} in /etc/group of the container", hint="give a number, or a name that is in it"
        )
    return number


def _memberships(root: str, name: str) -> Iterator[int]:
    for fields in _lines(root, "/etc/group", 4):
        number = _number(fields[2])
        if number is not None and name in fields[3].split(","):
            yield number


def _number(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text) if int(text) <= MAXIMUM_ID else None


def read(root: str, path: str) -> bytes | None:
    """The file *path*, passwd(5) or group(5), in the container's *root*; None if there is no plain file."""
    descriptor = rooted.open_file(root, path)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return None
        return stream.read(_MAXIMUM_SIZE)


def _lines(root: str, path: str, least: int) -> Iterator[list[str]]:
    """The entries of a file like passwd(5) with at least so many fields; none if there is no file."""
    for line in (read(root, path) or b"").decode("utf-8", "replace").splitlines():
        fields = line.strip().split(":")
        if len(fields) >= least and not line.startswith("#"):
            yield fields
