"""Limits that were asked for, held against what the control groups of this host can keep.

With cgroups version 1 a limit whose file the kernel does not have is left out with a warning, as Podman has
it. What only the other version knows is refused: nobody could tell that the limit is not there.
"""

from __future__ import annotations

import os

from libpod.cgroups import hierarchy
from libpod.errors import NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from libpod.cgroups.hierarchy import Hierarchy
    from libpod.containers.engine import Engine
    from libpod.oci.options import Resources

# The flag, the controller, and files of which the kernel has one where the limit can be kept. The groups at
# the top have no weights; what BFQ counts is there where it is.
_VERSION_1: Final = {
    "memory_swappiness": ("--memory-swappiness", "memory", ("memory.swappiness",)),
    "oom_kill_disable": ("--oom-kill-disable", "memory", ("memory.oom_control",)),
    "cpu_rt_period": ("--cpu-rt-period", "cpu", ("cpu.rt_period_us",)),
    "cpu_rt_runtime": ("--cpu-rt-runtime", "cpu", ("cpu.rt_runtime_us",)),
    "blkio_weight": ("--blkio-weight", "blkio", ("blkio.weight", "blkio.bfq.io_serviced")),
}
_ONLY_VERSION_1: Final = ("memory_swappiness", "oom_kill_disable", "cpu_rt_period", "cpu_rt_runtime")


def kept(engine: Engine, resources: Resources) -> Resources:
    """*resources* without what the kernel has no file for, which is told as a warning.

    Raises NotSupported for a limit that only the other version of control groups has.
    """
    asked = [name for name in _VERSION_1 if getattr(resources, name) not in (None, False)]
    if not asked and not resources.cgroup_files:
        return resources
    mounted = hierarchy.hierarchies()
    second = all(entry.version == 2 for entry in mounted)
    if resources.cgroup_files and not second:
        raise NotSupported(
            "--cgroup-conf needs cgroups version 2 alone, and this host has version 1",
            hint="leave it out; --memory, --cpus and others work with both",
        )
    for name in asked:
        flag, controller, files = _VERSION_1[name]
        if second and name in _ONLY_VERSION_1:
            raise NotSupported(
                f"{flag} needs cgroups version 1, and this host has version 2", hint="leave it out"
            )
        if not second and not _has_file(mounted, controller, files):
            engine.warn(f"{flag} is left out: the kernel has no {files[0]} for it")
            resources = resources._replace(**{name: type(resources)()._asdict()[name]})
    return resources


def _has_file(mounted: Sequence[Hierarchy], controller: str, files: Sequence[str]) -> bool:
    return any(
        os.path.exists(os.path.join(entry.mount_point, file))
        for entry in mounted
        if controller in entry.controllers
        for file in files
    )
