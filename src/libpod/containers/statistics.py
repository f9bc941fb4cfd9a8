"""What running containers use: CPU, memory, network, block devices, processes."""

from __future__ import annotations

import contextlib
import os
import time
from typing import NamedTuple

from libpod.errors import FileError, LibpodError
from libpod.host import files, jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpod.cgroups.figures import Figures
    from libpod.containers.container import Container
    from libpod.containers.engine import Engine


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


def read(engine: Engine, containers: Sequence[Container]) -> list[Usage]:
    """A reading of each container that runs; one that ends meanwhile is left out."""
    total = _host_memory()
    found = []
    for container in containers:
        with contextlib.suppress(FileError):
            found.append(_read(engine, container, total))
    return found


def _read(engine: Engine, container: Container, total: int) -> Usage:
    record = container.record
    parent = jsonutil.get_str(record.config, "cgroupParent", "", source=record.describe())
    figures = engine.cgroups.figures(engine.cgroups.container_cgroup(parent, record.id))
    received, sent = _network(record.pid)
    limit = min(figures.memory_limit or total, total)
    return Usage(record.id, record.name, time.monotonic(), _age(container), figures, received, sent, limit)


def _age(container: Container) -> float:
    from libpod.oci.logs import timestamp

    started = jsonutil.get_str(container.record.state, "startedTime", "", source=container.name)
    try:
        return max(time.time() - timestamp(started), 0.0)
    except ValueError:
        return 0.0


def _network(pid: int) -> tuple[int, int]:
    """Bytes received and sent (proc(5), /proc/PID/net/dev); nothing for the host's own network."""
    received = sent = 0
    try:
        if os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            return 0, 0
        lines = files.read_text(f"/proc/{pid}/net/dev").splitlines()[2:]
    except (OSError, LibpodError):
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
