"""The control groups of pods, which a reboot took away.

With cgroupfs a pod only has a name for its group, unless it has limits: the runtime makes it with the pod's
first container. With systemd the pod has a slice, which is started here over D-Bus. Both are done before the
transaction, so that no other program has to wait for the database meanwhile. A host without D-Bus leaves the
pods without a path, as Podman does: they get one when they are started.
"""

from __future__ import annotations

from libpod import cgroups
from libpod.errors import FileError, InvalidArgument, NotSupported, SystemdError
from libpod.state.records import BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.boot.report import Report
    from libpod.cgroups import Manager
    from libpod.config.runtime import RuntimeConfig
    from libpod.state.protocol import State
    from libpod.state.records import PodRecord


class PodCgroups:
    """The path of each pod's control group, by the manager that *config* names."""

    def __init__(self, config: RuntimeConfig, report: Report, *, write: bool) -> None:
        self._manager: Manager = cgroups.open_manager(config.cgroup_manager, uid=config.uid)
        self._rootless = config.rootless
        self._report = report
        self._write = write
        self._without: set[str] = set()

    def make(self, store: State) -> None:
        """Start the slice of every pod where systemd manages them; else make groups for those with limits."""
        with store.view() as tables:
            for pod in tables.pods():
                if isinstance(pod, BrokenRecord) or not self.path(pod):
                    continue
                if (self._manager.name == "systemd" or pod.limits) and not self._make(pod):
                    return

    def _make(self, pod: PodRecord) -> bool:
        """Make one group; False where no group can be made."""
        try:
            if self._write:
                self._manager.create_pod(pod.cgroup_parent, pod.id, pod.limits)
        except NotSupported as error:
            self._report.warn(f"pods have no control groups until they are started: {error.message}")
            self._manager = cgroups.open_manager("disabled")
            return False
        except (SystemdError, FileError, InvalidArgument) as error:
            self._without.add(pod.id)
            self._report.pods.quarantine(pod.id, pod.name, error.message)
            return True
        what = "start slice" if self._manager.name == "systemd" else "make and limit control group"
        self._report.did(f"{what} {self.path(pod)}")
        return True

    def path(self, pod: PodRecord) -> str:
        """What the pod's record is to say; "" for none."""
        parent = pod.cgroup_parent
        if not pod.uses_cgroup or pod.id in self._without:
            return ""
        if (
            self._rootless
            and self._manager.name == "cgroupfs"
            and parent in ("", self._manager.default_parent)
        ):
            # A user may make nothing there.
            return ""
        try:
            self._manager.check_parent(parent or self._manager.default_parent)
            return self._manager.pod_cgroup(parent, pod.id)
        except InvalidArgument:
            # It was made under the other manager; Podman leaves it without a path too.
            return ""
