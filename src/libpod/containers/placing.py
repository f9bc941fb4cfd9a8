"""Moving conmon to its control group."""

from __future__ import annotations

from libpod.errors import LibpodError
from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord


def place_conmon(engine: Engine, record: ContainerRecord) -> Callable[[int], None]:
    """Moves conmon to its cgroup. That it cannot be moved is no reason not to run the container."""
    parent = jsonutil.get_str(record.config, "cgroupParent", "", source=record.describe())

    def place(pid: int) -> None:
        try:
            engine.cgroups.place_conmon(parent, record.id, pid)
        except LibpodError as error:
            engine.warn(f"conmon of container {record.name} stays in our cgroup: {error}")

    return place
