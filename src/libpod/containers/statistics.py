"""What running containers use: CPU, memory, network, block devices, processes."""

from __future__ import annotations

import os
import time

from libpod.cgroups.hierarchy import hierarchies
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


def read(cgroups: Manager, containers: Iterable[Item]) -> list[Usage]:
    """A reading of each container that runs; one that has ended is left out. No lock is needed for that."""
    total, mounted, own_network = _host_memory(), hierarchies(), _namespace("self")
    found = []
    for item in containers:
        if item.status in (RUNNING, PAUSED):
            group = cgroups.container_cgroup(item.config.text("cgroupParent"), item.id)
            try:
                figures = cgroups.figures(group, mounted, brief=True)
            except FileError:
                # It has ended meanwhile: its control group is gone.
                continue
            traffic = _traffic(item.state.number("pid"), own_network)
            found.append(_read(figures, item, total, traffic))
    return found


def _read(figures: Figures, item: Item, total: int, traffic: tuple[int, int]) -> Usage:
    limit = min(figures.memory_limit or total, total)
    started = parse_time(item.state.text("startedTime"), source=item.name, key="startedTime")
    age = max(time.time() - started, 0.0)
    return Usage(item.id, item.name, time.monotonic(), age, figures, *traffic, limit)


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
        lines = files.read_bytes(f"/proc/{pid}/net/dev").decode().splitlines()[2:]
    except FileError:
        return 0, 0
    for line in lines:
        name, _, numbers = line.partition(":")
        fields = numbers.split()
        if name.strip() != "lo" and len(fields) > 8:
            received += int(fields[0])
            sent += int(fields[8])
    return received, sent


def _host_memory() -> int:
    for line in files.read_text("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0
