"""Control groups as directories, made by ourselves: Podman's `cgroup_manager = "cgroupfs"`."""

from __future__ import annotations

from libpod.cgroups.hierarchy import Cgroup, check_path
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.cgroups.figures import Figures, Reader

DEFAULT_PARENT = "/libpod_parent"
CONMON = "conmon"
POD_BUSY_SECONDS = 30.0
"""How long the conmons in a pod's group may take to end, each with a process of ours that clears up."""


class CgroupfsManager:
    """Names and removes the groups that Podman 4.3 and 5 use with this manager::

    <parent>/<pod id>               a pod; made by the runtime with its first container
    <parent>/libpod-<id>            a container; made by the runtime
    <parent>/conmon                 the conmons of all containers with this parent
    """

    name = "cgroupfs"
    default_parent = DEFAULT_PARENT

    def check_parent(self, parent: str) -> None:
        """InvalidArgument for a systemd slice, and for a path that leads elsewhere."""
        if parent.endswith(".slice"):
            raise InvalidArgument(
                f"cgroup parent {parent!r} is a systemd slice, but the cgroup manager is cgroupfs",
                hint='give a path such as /libpod_parent, or use cgroup_manager = "systemd"',
            )
        check_path(parent)

    def pod_cgroup(self, parent: str, pod_id: str) -> str:
        """`<parent>/<pod id>`."""
        return _below(parent or self.default_parent, pod_id)

    def pod_group(self, parent: str, pod_id: str) -> str:
        """The same."""
        return self.pod_cgroup(parent, pod_id)

    def create_pod(self, parent: str, pod_id: str, resources: Mapping[str, object] | None = None) -> str:
        """Only names it, unless it has limits: the runtime makes it with the first container."""
        self.check_parent(parent or self.default_parent)
        path = self.pod_cgroup(parent, pod_id)
        if resources and path:
            from libpod.cgroups import limits

            group = Cgroup(path)
            was_there = group.exists()
            try:
                group.create()
                limits.apply(group, resources)
            except BaseException:
                if not was_there:
                    group.remove()
                raise
        return path

    def remove_pod(self, parent: str, pod_id: str) -> None:
        """Remove it, with the groups of its conmons and containers, in every hierarchy."""
        Cgroup(self.pod_cgroup(parent, pod_id)).remove(busy_seconds=POD_BUSY_SECONDS)

    def container_path(self, parent: str, container_id: str) -> str:
        """`<parent>/libpod-<id>`."""
        return _below(parent or self.default_parent, f"libpod-{container_id}")

    def container_cgroup(self, parent: str, container_id: str) -> str:
        """The same."""
        return self.container_path(parent, container_id)

    def place_conmon(self, parent: str, container_id: str, pid: int) -> str:  # noqa: ARG002 - the protocol's
        """Move it to `<parent>/conmon`."""
        group = Cgroup(_below(parent or self.default_parent, CONMON))
        group.create()
        group.add(pid)
        return group.path

    def remove_container(self, parent: str, container_id: str) -> None:
        """Remove its directories in every hierarchy."""
        Cgroup(self.container_path(parent, container_id)).remove()

    def figures(self, group: str, reader: Reader | None = None) -> Figures:
        """Read from the mounted hierarchies."""
        from libpod.cgroups import figures

        return (reader or figures.Reader()).read(group)


def _below(parent: str, name: str) -> str:
    path = f"{parent.rstrip('/')}/{name}"
    check_path(path)
    return path
