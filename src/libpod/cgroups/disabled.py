"""No control groups at all: Podman's `cgroup_manager = "disabled"` and `--cgroups=disabled`."""

from __future__ import annotations

from libpod.errors import NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.cgroups.figures import Figures, Reader


class DisabledManager:
    """Does nothing, and has no paths."""

    name = "disabled"
    default_parent = ""

    def check_parent(self, parent: str) -> None:
        """Any parent will do, as none is used."""

    def pod_cgroup(self, parent: str, pod_id: str) -> str:  # noqa: ARG002 - the protocol's
        """No path."""
        return ""

    def pod_group(self, parent: str, pod_id: str) -> str:  # noqa: ARG002
        """No path."""
        return ""

    def create_pod(self, parent: str, pod_id: str, resources: Mapping[str, object] | None = None) -> str:  # noqa: ARG002
        """Make nothing. NotSupported for limits."""
        if resources:
            raise NotSupported(
                "without control groups nothing is limited",
                hint='use cgroup_manager = "cgroupfs" or "systemd"',
            )
        return ""

    def remove_pod(self, parent: str, pod_id: str) -> None:
        """Remove nothing."""

    def container_path(self, parent: str, container_id: str) -> str:  # noqa: ARG002
        """No path."""
        return ""

    def container_cgroup(self, parent: str, container_id: str) -> str:  # noqa: ARG002
        """No path."""
        return ""

    def place_conmon(self, parent: str, container_id: str, pid: int) -> str:  # noqa: ARG002
        """Leave it where it is."""
        return ""

    def remove_container(self, parent: str, container_id: str) -> None:
        """Remove nothing."""

    def figures(self, group: str, reader: Reader | None = None) -> Figures:  # noqa: ARG002
        """Always NotSupported."""
        raise NotSupported(
            "without control groups nothing is counted", hint='use cgroup_manager = "cgroupfs" or "systemd"'
        )
