"""Control groups as transient units of systemd: Podman's `cgroup_manager = "systemd"`."""

from __future__ import annotations

from libpod.cgroups import hierarchy
from libpod.cgroups.hierarchy import Cgroup
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from libpod.cgroups.figures import Figures, Reader
    from libpod.cgroups.units import Systemd

SLICE = ".slice"
DEFAULT_PARENT = "machine.slice"
DEFAULT_USER_PARENT = "user.slice"

# What is written without systemd, with cgroup version 1.
_DIRECTLY = frozenset(("blkio", "cpuset", "memory"))
_ACCOUNTING = {
    b"CPUAccounting": True,
    b"MemoryAccounting": True,
    b"TasksAccounting": True,
    b"IOAccounting": True,
}


class SystemdManager:
    """Names, makes and removes the units that Podman 4.3 and 5 use with this manager::

        <parent>.slice                                        the parent; systemd makes it when it is needed
        <parent>-libpod_pod_<pod id>.slice                    a pod; made here
        libpod-<id>.scope                                     a container; made by the runtime
        libpod-conmon-<id>.scope                              its conmon; made here

    A failed unit of the same name, left by a crash, would be in the way of a new one: it is reset first.
    """

    name = "systemd"

    def __init__(self, *, uid: int = 0) -> None:
        """A manager of units of the system, or of user *uid*."""
        self._user = uid != 0
        self._top = f"/user.slice/user-{uid}.slice/user@{uid}.service" if self._user else ""
        self.default_parent = DEFAULT_USER_PARENT if self._user else DEFAULT_PARENT

    def parent_of(self, parent: str) -> str:
        """The slice that an object with *parent* is in; "" stands for the default."""
        return parent or self.default_parent

    def check_parent(self, parent: str) -> None:
        """InvalidArgument for anything but a slice."""
        base = parent.rpartition("/")[2]
        if not base.endswith(SLICE) or base == SLICE:
            raise InvalidArgument(
                f"cgroup parent {parent!r} is not a systemd slice, but the cgroup manager is systemd",
                hint='give a name that ends in .slice, or use cgroup_manager = "cgroupfs"',
            )

    def pod_cgroup(self, parent: str, pod_id: str) -> str:
        """`<parent>.slice/<parent>-libpod_pod_<pod id>.slice`."""
        parent = self.parent_of(parent)
        return f"{parent}/{self._pod_unit(parent, pod_id)}"

    def pod_group(self, parent: str, pod_id: str) -> str:
        """Below its parent, and that below the slices that its name tells."""
        return self._top + slice_path(self._pod_unit(self.parent_of(parent), pod_id))

    def _pod_unit(self, parent: str, pod_id: str) -> str:
        self.check_parent(parent)
        base = parent.rpartition("/")[2].removesuffix(SLICE)
        return f"{base}-libpod_pod_{pod_id}{SLICE}"

    def create_pod(self, parent: str, pod_id: str, resources: Mapping[str, object] | None = None) -> str:
        """Make the slice with its limits, and wait until it is there."""
        parent = self.parent_of(parent)
        unit = self._pod_unit(parent, pod_id)
        properties = {b"Wants": [parent.rpartition("/")[2].encode()], b"DefaultDependencies": False}
        version, limiting = 0, {}
        if resources:
            from libpod.cgroups import limits

            version = hierarchy.version()
            limiting = limits.properties(resources, version)
        with self._systemd() as systemd:
            made = systemd.start(unit, f"libpod pod {pod_id}", {**properties, **_ACCOUNTING, **limiting})
            if limiting and not made:
                # Podman's refresh makes slices without some of them.
                systemd.change(unit, limiting)
            if resources:
                try:
                    self._limit_directly(parent, pod_id, resources, version)
                except BaseException:
                    if made:
                        systemd.stop(unit)
                        self._remove_directly(parent, pod_id)
                    raise
        return self.pod_cgroup(parent, pod_id)

    def _limit_directly(
        self, parent: str, pod_id: str, resources: Mapping[str, object], version: int
    ) -> None:
        """Set what systemd has no property for."""
        from libpod.cgroups import limits

        group = Cgroup(self.pod_group(parent, pod_id))
        if version == 1:
            group.create(_DIRECTLY)
        limits.apply(group, resources, directly=limits.NOT_OF_SYSTEMD if version == 1 else limits.BLOCKS)

    def _remove_directly(self, parent: str, pod_id: str) -> None:
        """Remove the group where systemd may not know of it."""
        if any(_DIRECTLY & mounted.controllers for mounted in hierarchy.hierarchies()):
            Cgroup(self.pod_group(parent, pod_id)).remove(controllers=_DIRECTLY)

    def remove_pod(self, parent: str, pod_id: str) -> None:
        """Stop the slice, which ends everything in it."""
        with self._systemd() as systemd:
            systemd.stop(self._pod_unit(self.parent_of(parent), pod_id))
        self._remove_directly(parent, pod_id)

    def container_path(self, parent: str, container_id: str) -> str:
        """`<parent>.slice:libpod:<id>`, of which runc makes a scope."""
        parent = self.parent_of(parent)
        self.check_parent(parent)
        return f"{parent.rpartition('/')[2]}:libpod:{container_id}"

    def container_cgroup(self, parent: str, container_id: str) -> str:
        """The scope below its slice, and that below the slices that its name tells."""
        parent = self.parent_of(parent)
        self.check_parent(parent)
        return f"{self._top}{slice_path(parent.rpartition('/')[2])}/libpod-{container_id}.scope"

    def place_conmon(self, parent: str, container_id: str, pid: int) -> str:
        """Move it to a scope of its own, and wait until it is there."""
        parent = self.parent_of(parent).rpartition("/")[2]
        self.check_parent(parent)
        unit = f"libpod-conmon-{container_id}.scope"
        properties = {
            b"PIDs": [pid],
            b"Slice": parent.encode(),
            b"Delegate": True,
            b"DefaultDependencies": False,
        }
        with self._systemd() as systemd:
            # runc 1.1 takes a failed unit of this name for its own, and runs the container outside of it.
            systemd.reset_failed(f"libpod-{container_id}.scope")
            if not systemd.start(unit, f"libpod conmon of {container_id}", properties):
                # The conmon of an exec session, beside that of the container.
                systemd.attach(unit, pid)
        return f"{self._top}{slice_path(parent)}/{unit}"

    def remove_container(self, parent: str, container_id: str) -> None:  # noqa: ARG002 - the protocol's
        """Stop the container's scope and forget that its conmon's has failed, if they are there.

        The scope of conmon ends with the last process in it, which may be the one that is clearing up.
        """
        with self._systemd() as systemd:
            systemd.stop(f"libpod-{container_id}.scope")
            systemd.reset_failed(f"libpod-conmon-{container_id}.scope")

    def figures(self, group: str, reader: Reader | None = None) -> Figures:
        """Read from the mounted hierarchies, as systemd does not know all of them."""
        from libpod.cgroups import figures

        return (reader or figures.Reader()).read(group)

    def _systemd(self) -> AbstractContextManager[Systemd]:
        # Most verbs ask only for names: what talks over D-Bus costs them nothing.
        from libpod.cgroups import units

        return units.connected(user=self._user)


def slice_path(name: str) -> str:
    """Where systemd has the slice *name*, whose dashes tell the slices above it (systemd.slice(5))."""
    base = name.removesuffix(SLICE)
    if base == "-":
        return ""
    parts = base.split("-")
    return "".join(f"/{'-'.join(parts[:count])}{SLICE}" for count in range(1, len(parts) + 1))
