"""What running containers use: CPU, memory, network, block devices, processes."""

from __future__ import annotations

import os
import time

from libpod.cgroups import group_of_container
from libpod.cgroups.figures import Reader
from libpod.errors import FileError
from libpod.host import files
from libpod.state.records import PAUSED, RUNNING
from libpod.times import parse_time
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from libpod.cgroups import Manager
    from libpod.cgroups.figures import Figures
    from libpod.containers.items import Item


class Usage(NamedTuple):
    """One reading of one container."""

    id: str
    name: str
    moment: float
    """Seconds of the monotonic clock."""
    age: float
    """Seconds since its start."""
    figures: Figures
    network_received: int
    """Bytes, by all interfaces of its network namespace but the loopback."""
    network_sent: int
    memory_limit: int
    """Bytes; the host's memory where it has no limit."""

    def average_cpu(self) -> float:
        """Per cent of one CPU since its start."""
        return 100 * self.figures.cpu / 1e9 / self.age if self.age > 0 else 0.0

    def cpu_since(self, before: Usage | None) -> float:
        """Per cent of one CPU since the reading *before*; since its start if there is none."""
        if before is None or self.moment <= before.moment or self.figures.cpu < before.figures.cpu:
            return self.average_cpu()
        return 100 * (self.figures.cpu - before.figures.cpu) / 1e9 / (self.moment - before.moment)

    def memory_share(self) -> float:
        """Per cent of its limit."""
        return 100 * self.figures.memory / self.memory_limit if self.memory_limit else 0.0


def read(manager: Manager, containers: Iterable[Item]) -> list[Usage]:
    """A reading of each container that runs; one that has ended is left out. No lock is needed for that."""
    reader, memory, own_network = Reader(brief=True), host_memory(), _namespace("self")
    found = []
    for item in containers:
        if item.status in (RUNNING, PAUSED):
            group = group_of_container(manager, item.config.text("cgroupParent"), item.id)
            try:
                figures = manager.figures(group, reader)
            except FileError:
                # It has ended meanwhile: its control group is gone.
                continue
            traffic = _traffic(item.state.number("pid"), own_network)
            limit = min(figures.memory_limit or memory, memory)
            found.append(Usage(item.id, item.name, time.monotonic(), _age(item), figures, *traffic, limit))
    return found


def _age(item: Item) -> float:
    started = parse_time(item.state.text("startedTime"), source=item.name, key="startedTime")
    return max(time.time() - started, 0.0)


def _namespace(process: int | str) -> str:
    """The network namespace of a process; "" where it cannot be told."""
    try:
        return os.readlink(f"/proc/{process}/ns/net")
    except OSError:
        return ""


def _traffic(pid: int, own_network: str) -> tuple[int, int]:
    """Bytes received and sent (proc(5), /proc/PID/net/dev); nothing for the host's own network."""
    received = sent = 0
    if _namespace(pid) in ("", own_network):
        return 0, 0
    try:
        lines = files.read_kernel(f"/proc/{pid}/net/dev").splitlines()[2:]
    except OSError:
        # It has ended.
        return 0, 0
    for line in lines:
        name, _, numbers = line.partition(b":")
        fields = numbers.split()
        if name.strip() != b"lo" and len(fields) > 8:
            received += int(fields[0])
            sent += int(fields[8])
    return received, sent


def host_memory() -> int:
    """Bytes of memory that the kernel has: `MemTotal` of /proc/meminfo (sysconf(3))."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
