"""Moving conmon to its control group."""

from __future__ import annotations

import os

from libpod.errors import LibpodError
from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

STAYING_MODES = ("disabled", "no-conmon", "split")
"""The values of `--cgroups` with which conmon stays where it was started."""


def place_conmon(engine: Engine, record: ContainerRecord) -> Callable[[int], None]:
    """Moves conmon to its cgroup. That it cannot be moved is no reason not to run the container."""
    parent = jsonutil.get_str(record.config, "cgroupParent", "", source=record.describe())
    mode = jsonutil.get_str(record.config, "cgroupsMode", "", source=record.describe())

    def place(pid: int) -> None:
        if mode in STAYING_MODES or os.environ.get("INVOCATION_ID"):
            # A unit whose main process conmon becomes must have it in its own control group.
            return
        try:
            engine.cgroups_of(record).place_conmon(parent, record.id, pid)
        except LibpodError as error:
            engine.warn(f"conmon of container {record.name} stays in our cgroup: {error}")

    return place
