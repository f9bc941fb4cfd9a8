"""In which namespaces of the kernel the first process of a container is."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

FILES: Final = {
    "Mnt": "mnt",
    "Cgroup": "cgroup",
    "Ipc": "ipc",
    "Net": "net",
    "Pidns": "pid",
    "Uts": "uts",
    "User": "user",
}
"""By Podman's key of `ps --format json`: the name in /proc/PID/ns (namespaces(7))."""


def of_process(pid: int) -> dict[str, str]:
    """The number of each namespace, by the keys of FILES; nothing of a process that is not there."""
    found = {}
    for key, name in FILES.items():
        try:
            target = os.readlink(f"/proc/{pid}/ns/{name}")
        except OSError:
            continue
        found[key] = target.partition("[")[2].rstrip("]")
    return found
