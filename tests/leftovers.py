"""What a test may leave behind on the machine: processes, mounts, network namespaces.

The machine is shared with other test processes, and what is found must be ours. A process is ours when it is
our child, or when its command line names our temporary directory (a conmon, whose parent is gone); a mount,
when it is below that directory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NETWORK_NAMESPACES = Path("/run/netns")
# A busy machine takes its time to end what was killed.
PATIENCE = 30.0

# Processes that a fixture of a wider scope owns, although one test started them: a machine after a reboot.
kept: set[int] = set()


def children() -> set[int]:
    """Return the direct children of this process, zombies too."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread may end while we look.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.update(int(pid) for pid in (task / "children").read_text().split())
    return found


def command_line(pid: int) -> str:
    """Return the command line of *pid*, empty for a zombie or a process that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processes_naming(directory: str) -> set[int]:
    """Return all processes, but our own ancestors and ourselves, whose command line names *directory*."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {pid for pid in pids if directory in command_line(pid)} - _lineage()


def _lineage() -> set[int]:
    """Return this process and its ancestors."""
    found: set[int] = set()
    pid = os.getpid()
    while pid > 1:
        found.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


def mounts_below(directory: str) -> list[str]:
    """Return the mount points below *directory*, the innermost first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in reversed(points) if point.startswith(directory.rstrip("/") + "/")]


def network_namespaces() -> set[str]:
    """Return the names of the bound network namespaces."""
    return set(os.listdir(NETWORK_NAMESPACES)) if NETWORK_NAMESPACES.is_dir() else set()


def reap(pids: Iterable[int]) -> set[int]:
    """Collect those of our children *pids* that have ended and return the others."""
    alive = set()
    for pid in pids:
        try:
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                alive.add(pid)
        except ChildProcessError:
            if command_line(pid):
                alive.add(pid)
    return alive


def ending(pids: Iterable[int]) -> set[int]:
    """Return those of *pids* that live on: one that was killed, and is not our child, takes a moment."""
    end = time.monotonic() + PATIENCE
    while (alive := reap(pids)) and time.monotonic() < end:
        time.sleep(0.02)
        pids = alive
    return alive


def end(pids: Iterable[int]) -> None:
    """Kill *pids* and wait a moment for them, so that one bad test does not spoil the next."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    ending(pids)


def unmount(points: Iterable[str]) -> None:
    """Detach the mount *points*."""
    for point in points:
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
