"""Control groups of pods, containers and their conmon, by three managers behind one protocol.

`cgroupfs` makes directories in the mounted hierarchies itself (version 1, version 2, or both side by side).
`systemd` asks systemd for transient units over D-Bus. `disabled` does nothing, for hosts and containers
without control groups. Paths are those that Podman uses and stores, so either program finds what the
other has made.
"""

from __future__ import annotations

from libpod.errors import InvalidArgument
from libpod.values import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.cgroups.figures import Figures, Reader

MANAGERS = ("cgroupfs", "systemd", "disabled")


class Manager(Protocol):
    """Makes, names and removes control groups."""

    @property
    def name(self) -> str:
        """Which of MANAGERS this is: Podman's `cgroup_manager`."""

    @property
    def default_parent(self) -> str:
        """The cgroup parent of an object that names none."""

    def check_parent(self, parent: str) -> None:
        """InvalidArgument if *parent* is not a parent of the kind that this manager needs."""

    # ------------------------------------------------------------ pods

    def pod_cgroup(self, parent: str, pod_id: str) -> str:
        """The path that a pod's record has (`cgroupPath`), and the parent of its containers."""

    def pod_group(self, parent: str, pod_id: str) -> str:
        """Where a pod's control group is, from the root of a hierarchy; "" if it has none."""

    def create_pod(self, parent: str, pod_id: str, resources: Mapping[str, object] | None = None) -> str:
        """Make a pod's control group, where its first container does not do that, and return `pod_cgroup`.

        *resources* are limits for all that is in the pod, in the form of `cgroups.limits`. InvalidArgument,
        naming the flag, for one that cannot be; then nothing is left of the group.
        """

    def remove_pod(self, parent: str, pod_id: str) -> None:
        """Remove a pod's control group with all empty ones below it. None there is fine.

        FileError or SystemdError if processes are in it still.
        """

    # ------------------------------------------------------------ containers

    def container_path(self, parent: str, container_id: str) -> str:
        """What the OCI configuration says (`linux.cgroupsPath`)."""

    def container_cgroup(self, parent: str, container_id: str) -> str:
        """Where the container's control group is, from the root of a hierarchy; "" if it has none."""

    def place_conmon(self, parent: str, container_id: str, pid: int) -> str:
        """Move a conmon that has not forked yet out of our control group, and return where it is now.

        Otherwise it would be ended together with the service, or the user's session, that started the
        container.
        """

    def remove_container(self, parent: str, container_id: str) -> None:
        """Remove what an OCI runtime has left of a container's control group. None there is fine."""

    # ------------------------------------------------------------ both

    def figures(self, group: str, reader: Reader | None = None) -> Figures:
        """What the kernel counts for a group, as `container_cgroup` and `pod_group` name it.

        Who asks for many groups, or for less, makes a *reader* first.

        FileError (ENOENT) if there is no such group, NotSupported where control groups are disabled.
        """


def group_of_container(manager: Manager, parent: str, container_id: str) -> str:
    """Where a container's control group is, as `Manager.container_cgroup`.

    One that was made with the other manager, as its *parent* tells, is where that one has put it.
    """
    try:
        return manager.container_cgroup(parent, container_id)
    except InvalidArgument:
        other = open_manager("systemd" if parent.endswith(".slice") else "cgroupfs")
        return other.container_cgroup(parent, container_id)


def open_manager(name: str, *, uid: int = 0) -> Manager:
    """The manager *name* of MANAGERS; for "systemd" the one of user *uid*. InvalidArgument for any other.

    What a user without privileges can have of it is in `cgroups.user`.
    """
    if name == "cgroupfs":
        from libpod.cgroups.cgroupfs import CgroupfsManager

        return CgroupfsManager()
    if name == "systemd":
        from libpod.cgroups.systemd import SystemdManager

        return SystemdManager(uid=uid)
    if name == "disabled":
        from libpod.cgroups.disabled import DisabledManager

        return DisabledManager()
    raise InvalidArgument(
        f"unknown cgroup_manager {name!r}", hint=f"cgroup_manager is one of {', '.join(MANAGERS)}"
    )
