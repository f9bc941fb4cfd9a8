"""Containers whose first process is systemd: what it expects of a container manager.

Podman's `--systemd` (podman-run(1); what it sets up was measured with 4.3.1): file systems in memory where
systemd writes, a control group hierarchy that it may write to, a unique number, and the signal that makes it
halt. systemd's side of it is in https://systemd.io/CONTAINER_INTERFACE.
"""

from __future__ import annotations

import os
import posixpath

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Final

    Object = dict[str, object]

NEVER, BY_COMMAND, ALWAYS = MODES = ("false", "true", "always")
STOP_SIGNAL: Final = 37
"""SIGRTMIN+3: halt."""
_COMMANDS: Final = ("/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init")
_SHELL: Final = ("/bin/sh", "-c")
_IN_MEMORY: Final = ("/run", "/run/lock", "/tmp", "/var/log/journal")
_TMPFS: Final = ("rw", "rprivate", "nosuid", "nodev", "tmpcopyup")
CGROUPS: Final = "/sys/fs/cgroup"
HIERARCHY: Final = f"{CGROUPS}/systemd"
"""Where systemd keeps its units with cgroups version 1."""
_RELEASE_AGENT: Final = f"{HIERARCHY}/release_agent"
# What a mount has is not to be lost: in a user namespace it could not be mounted without.
_FLAGS: Final = {os.ST_NOSUID: "nosuid", os.ST_NODEV: "nodev", os.ST_NOEXEC: "noexec"}


def wanted(mode: str, command: Sequence[str], *, init: bool = False) -> bool:
    """Whether a container with this *command* is set up for systemd.

    *mode* is one of MODES; InvalidArgument for another, and for *init*, a first process of ours, with ALWAYS.
    """
    if mode not in MODES:
        raise InvalidArgument(f"--systemd {mode!r}: one of {', '.join(MODES)}")
    if mode == ALWAYS and init:
        raise InvalidArgument("--init and --systemd=always exclude each other")
    if mode != BY_COMMAND:
        return mode == ALWAYS
    words = command[2:] if len(command) > 2 and tuple(command[:2]) == _SHELL else command
    return bool(words) and (words[0] in _COMMANDS or posixpath.basename(words[0]) == "systemd")


def mounts(taken: Collection[str], *, version: int, private: bool) -> list[Object]:
    """What is mounted for systemd, but for the destinations in *taken*.

    *version* is that of the host's control groups, 0 where there are none; *private* whether the container
    has a cgroup namespace of its own.
    """
    found: list[Object] = [
        {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": list(_TMPFS)}
        for path in _IN_MEMORY
    ]
    if version == 2:
        kind, source, options = ("cgroup", "cgroup", []) if private else ("bind", CGROUPS, ["bind"])
        found.append(
            {"destination": CGROUPS, "type": kind, "source": source, "options": [*options, "private", "rw"]}
        )
    elif version == 1 and os.path.isdir(HIERARCHY):
        flags = os.statvfs(HIERARCHY).f_flag
        kept = [option for flag, option in _FLAGS.items() if flags & flag]
        options = ["bind", "rprivate", *kept]
        found.append({"destination": HIERARCHY, "type": "bind", "source": HIERARCHY, "options": options})
    return [mount for mount in found if mount["destination"] not in taken]


def hidden(added: Sequence[Object]) -> list[str]:
    """The paths to mask where *added* were mounted: what the kernel runs on the host for an empty group."""
    return [_RELEASE_AGENT] if any(mount["destination"] == HIERARCHY for mount in added) else []
