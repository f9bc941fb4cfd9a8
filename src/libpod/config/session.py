"""Whether a user without privileges has a systemd that manages control groups.

That takes cgroup version 2 with all controllers, as version 1 cannot be delegated safely (cgroups(7)), and
the bus of the user's own systemd, which is there for a session or with lingering.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

UNIFIED = "/sys/fs/cgroup"


def is_unified() -> bool:
    """Whether version 2 is everywhere."""
    return os.path.exists(f"{UNIFIED}/cgroup.controllers")


def has_bus(environment: Mapping[str, str]) -> bool:
    """Whether the user's systemd can be asked; *environment* tells where (sd_bus_open_user(3))."""
    directory = environment.get("XDG_RUNTIME_DIR", "")
    return bool(environment.get("DBUS_SESSION_BUS_ADDRESS")) or (
        bool(directory) and os.path.exists(f"{directory}/bus")
    )


def has_systemd(environment: Mapping[str, str]) -> bool:
    """Both."""
    return is_unified() and has_bus(environment)
