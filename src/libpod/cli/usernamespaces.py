"""A new container's user namespace: `--userns`, `--uidmap`, `--gidmap`, `--subuidname`, `--subgidname`."""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument
from libpod.oci.options import HOST, PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    Range = tuple[int, int, int]

SUBUID_FILE, SUBGID_FILE = "/etc/subuid", "/etc/subgid"
VARIABLE = "PODMAN_USERNS"
_MODES = ("container", "ns")
_HINT = "map IDs with --uidmap 0:100000:65536, or with --subuidname and a user of /etc/subuid"


def parse(options: Namespace) -> tuple[str, list[Range], list[Range]]:
    """The mode of the user namespace, and the mappings of user and of group IDs.

    Without a flag the mode is that of `$PODMAN_USERNS`.

    One mapping stands for both. Raises InvalidArgument and NotSupported, naming the flag.
    """
    uids = _id_map("--uidmap", options.uidmap) + _subordinate("--subuidname", options.subuidname, SUBUID_FILE)
    gids = _id_map("--gidmap", options.gidmap) + _subordinate("--subgidname", options.subgidname, SUBGID_FILE)
    mode = _asked(options) or (PRIVATE if uids or gids else HOST)
    _check_mode(mode)
    if mode != PRIVATE and (uids or gids):
        raise InvalidArgument(f"--userns {mode} and an ID mapping exclude each other", hint="leave one out")
    if mode == PRIVATE and not uids and not gids:
        raise InvalidArgument("--userns private needs an ID mapping", hint=_HINT)
    return mode, uids or gids, gids or uids


def _asked(options: Namespace) -> str:
    """The mode that the flag asks for, else the environment; that does not count where anything else does."""
    if options.userns is not None:
        found: str = options.userns
        return found
    others = (options.uidmap, options.gidmap, options.subuidname, options.subgidname)
    if any(others) or options.pod is not None or options.pod_id_file is not None:
        return ""
    return os.environ.get(VARIABLE, "")


def _check_mode(mode: str) -> None:
    kind, _, value = mode.partition(":")
    if mode in (HOST, PRIVATE) or (kind in _MODES and value):
        return
    from libpod.containers import usermodes

    if not usermodes.is_computed(mode):
        modes = ("host", "private", *usermodes.COMPUTED, "container:NAME", "ns:PATH")
        raise InvalidArgument(f"--userns {mode!r} is not supported", hint=", ".join(modes))
    usermodes.parse(mode)


def _id_map(flag: str, texts: Sequence[str]) -> list[Range]:
    found = []
    for text in texts:
        parts = text.split(":")
        if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() for part in parts):
            raise InvalidArgument(f"{flag} {text!r} is not of the form CONTAINER:HOST[:SIZE]")
        found.append((int(parts[0]), int(parts[1]), int(parts[2]) if len(parts) == 3 else 1))
    return found


def _subordinate(flag: str, name: str | None, path: str) -> list[Range]:
    """The ranges of *name* in a file of the form subuid(5), one after the other from ID 0 on."""
    if not name:
        return []
    from libpod.host import subids

    found: list[Range] = []
    for first, size in subids.ranges(path, [name]):
        found.append((sum(entry[2] for entry in found), first, size))
    if not found:
        raise InvalidArgument(f"{flag} {name}: {path} has no IDs for it", hint=f"see {path}, usermod(8)")
    return found
