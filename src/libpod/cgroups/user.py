"""Control groups of a user without privileges.

Only what systemd has delegated to the user can be used: with version 2 everywhere, and systemd's manager of
the user reachable over D-Bus. Elsewhere containers stay in the control group of whoever starts them, and have
no limits of their own, as with Podman.
"""

from __future__ import annotations

import os

from libpod import cgroups
from libpod.cgroups.cgroupfs import CgroupfsManager
from libpod.errors import FileError, NotSupported
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpod.cgroups import Manager
    from libpod.cgroups.figures import Figures
    from libpod.cgroups.hierarchy import Hierarchy

UNIFIED = "/sys/fs/cgroup"
_SLICE = ".slice"


class UserCgroupfsManager(CgroupfsManager):
    """Groups only below a parent that was asked for by name, which the user must be able to write to."""

    def _has_group(self, parent: str) -> bool:
        return parent not in ("", self.default_parent) and not parent.endswith(_SLICE)

    def check_parent(self, parent: str) -> None:
        """Slices are systemd's: Podman stores one where it falls back to this manager."""
        if self._has_group(parent):
            super().check_parent(parent)

    def pod_cgroup(self, parent: str, pod_id: str) -> str:
        """No path below the default parent."""
        return super().pod_cgroup(parent, pod_id) if self._has_group(parent) else ""

    def remove_pod(self, parent: str, pod_id: str) -> None:
        """Remove it where it has a group."""
        if self._has_group(parent):
            super().remove_pod(parent, pod_id)

    def container_path(self, parent: str, container_id: str) -> str:
        """No path below the default parent."""
        return super().container_path(parent, container_id) if self._has_group(parent) else ""

    def place_conmon(self, parent: str, container_id: str, pid: int) -> str:
        """Move it where there is a group for it."""
        return super().place_conmon(parent, container_id, pid) if self._has_group(parent) else ""

    def remove_container(self, parent: str, container_id: str) -> None:
        """Remove what there is."""
        if self._has_group(parent):
            super().remove_container(parent, container_id)

    def figures(
        self, group: str, mounted: Sequence[Hierarchy] | None = None, *, brief: bool = False
    ) -> Figures:
        """NotSupported for a container without a group."""
        if not group:
            raise NotSupported(
                "containers of a user without delegated control groups are not counted", hint=HINT
            )
        return super().figures(group, mounted, brief=brief)


HINT = (
    "it needs cgroup version 2, a session of the user's systemd (log in, or loginctl enable-linger USER), "
    'and cgroup_manager = "systemd"'
)


def is_unified() -> bool:
    """Whether version 2 is everywhere."""
    return os.path.exists(f"{UNIFIED}/cgroup.controllers")


def has_session() -> bool:
    """Whether the user's systemd can be asked."""
    directory = os.environ.get("XDG_RUNTIME_DIR", "")
    return bool(os.environ.get("DBUS_SESSION_BUS_ADDRESS")) or (
        bool(directory) and os.path.exists(f"{directory}/bus")
    )


def open_manager(name: str, uid: int) -> Manager:
    """The manager *name* for the user *uid*; the one without groups where systemd's cannot be had.

    InvalidArgument for a name that is none.
    """
    if name not in ("cgroupfs", "systemd"):
        return cgroups.open_manager(name)
    if name == "systemd" and is_unified() and has_session():
        from libpod.cgroups.systemd import SystemdManager

        return SystemdManager(uid=uid)
    return UserCgroupfsManager()


def controllers(manager: Manager, uid: int) -> frozenset[str]:
    """The controllers with which this user's containers can be limited by *manager*."""
    if manager.name != "systemd":
        return frozenset()
    group = f"/user.slice/user-{uid}.slice/user@{uid}.service"
    try:
        return frozenset(files.read_text(f"{UNIFIED}{group}/cgroup.controllers").split())
    except FileError:
        return frozenset()
