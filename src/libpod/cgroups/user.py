"""Control groups of a user without privileges.

Only what systemd has delegated to the user can be used: with version 2 everywhere, and systemd's manager of
the user reachable over D-Bus; or below a parent that was named, and that the user may write to. Elsewhere
containers stay in the control group of whoever starts them, and have no limits of their own, as with Podman.
"""

from __future__ import annotations

import os

from libpod import cgroups
from libpod.cgroups.cgroupfs import DEFAULT_PARENT, CgroupfsManager
from libpod.cgroups.systemd import SystemdManager
from libpod.config import session
from libpod.errors import FileError, NotSupported
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.cgroups import Manager
    from libpod.cgroups.figures import Figures, Reader

_SLICE = ".slice"


class UserCgroupfsManager(CgroupfsManager):
    """Groups only below a parent that was asked for by name, which the user must be able to write to."""

    def _has_group(self, parent: str) -> bool:
        # Podman names a group of a pod below the default parent, and makes none.
        below_default = f"{parent}/".startswith(f"{self.default_parent}/")
        return parent != "" and not below_default and not parent.endswith(_SLICE)

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

    def figures(self, group: str, reader: Reader | None = None) -> Figures:
        """NotSupported for a container without a group."""
        if not group:
            raise NotSupported(
                "containers of a user without delegated control groups are not counted", hint=HINT
            )
        return super().figures(group, reader)


class UserSystemdManager(SystemdManager):
    """Slices also for what was made without a session, which has the other manager's default parent."""

    def parent_of(self, parent: str) -> str:
        """The default for that parent and what is below it, where no user has a group."""
        return super().parent_of("" if f"{parent}/".startswith(f"{DEFAULT_PARENT}/") else parent)


HINT = (
    "it needs cgroup version 2, a session of the user's systemd (log in, or loginctl enable-linger USER), "
    'and cgroup_manager = "systemd"'
)


def open_manager(name: str, uid: int) -> Manager:
    """The manager *name* for the user *uid*; the one without groups where systemd's cannot be had.

    InvalidArgument for a name that is none.
    """
    if name not in ("cgroupfs", "systemd"):
        return cgroups.open_manager(name)
    if name == "systemd" and session.has_systemd(os.environ):
        return UserSystemdManager(uid=uid)
    return UserCgroupfsManager()


def controllers(manager: Manager, uid: int, parent: str = "") -> frozenset[str]:
    """The controllers with which *manager* can limit containers of this user below *parent*."""
    if not session.is_unified():
        return frozenset()
    if manager.name == "systemd":
        return _enabled(f"{session.UNIFIED}/user.slice/user-{uid}.slice/user@{uid}.service")
    group = manager.container_cgroup(parent, "new")
    return _enabled(_delegated(f"{session.UNIFIED}{group}")) if group else frozenset()


def _delegated(directory: str) -> str:
    """The group that exists, at *directory* or above it; "" if the user can make none in it."""
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return directory if os.access(directory, os.W_OK) else ""


def _enabled(directory: str) -> frozenset[str]:
    if not directory:
        return frozenset()
    try:
        return frozenset(files.read_text(f"{directory}/cgroup.controllers").split())
    except FileError:
        return frozenset()
