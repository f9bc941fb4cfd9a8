"""Putting right which layers the store believes to be mounted.

`<run root>/<driver>-layers/mountpoints.json` counts the users of each mounted layer. Where the run root
outlives a reboot, or mounts vanished in another way, it goes on to count mounts that are gone. Then a
container's next mount has a count that never comes down to nothing, and the layer stays mounted for ever.
"""

from __future__ import annotations

import os

from libpod import failpoints
from libpod.errors import FileError
from libpod.host import proc
from libpod.storage import records
from libpod.storage.lockfile import LockFile
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.storage.records import Record

FIRST_PROCESS_MOUNTS = "/proc/1/mountinfo"
LOCK_SECONDS = 60.0
"""How long we wait for the store. An image that is being pulled keeps it locked."""


class Gone(NamedTuple):
    """A layer that was counted as mounted and is not."""

    layer_id: str
    path: str
    users: int


def reconcile(graph_root: str, run_root: str, driver: str, *, write: bool = True) -> list[Gone]:
    """Drop the counts of layers of the store that are not mounted, and return those.

    Layers that are mounted keep their count: how many users they have can be told by nobody else. Nothing is
    done for a driver without mounts (vfs). Without *write* nothing is changed, and no lock is taken.

    A damaged file is a DecodeError with its path and the position of the damage, and is left as it is;
    LockTimeout if another program keeps the store locked.
    """
    name = "overlay" if driver == "overlay2" else driver
    path = os.path.join(run_root, f"{name}-layers", "mountpoints.json")
    gone = [] if name == "vfs" else _gone(records.read_records(path))
    if not gone or not write:
        return gone
    # The order of locks that all programs keep to: layers, then mountpoints. Nobody mounts or unmounts
    # without the first, so what is not mounted now stays so until the new counts are written.
    layers = LockFile(os.path.join(graph_root, f"{name}-layers", "layers.lock"))
    counts = records.RecordFile(
        path, LockFile(os.path.join(os.path.dirname(path), "mountpoints.lock")), durable=False
    )
    with layers.write(timeout=LOCK_SECONDS), counts.lock.write(timeout=LOCK_SECONDS) as held:
        counts.refresh(held)
        gone = _gone(counts.records)
        for layer in gone:
            counts.remove(layer.layer_id)
        if gone:
            failpoints.reach("mountpoints.save")
            counts.save(held)
    return gone


def _gone(counted: list[Record]) -> list[Gone]:
    """Those of the counted layers on whose path nothing is mounted."""
    if not counted:
        return []
    mounted = _mount_points()
    return [
        Gone(records.identifier(record), records.text(record, "path"), records.number(record, "count"))
        for record in counted
        if not _is_mounted(records.text(record, "path"), mounted)
    ]


def _is_mounted(path: str, mounted: set[str]) -> bool:
    return bool(path) and (path in mounted or os.path.realpath(path) in mounted)


def _mount_points() -> set[str]:
    """What is mounted for us or for the first process.

    In a mount namespace of our own, which a hardened unit has, mounts that others made since are not seen.
    """
    found = proc.mount_points()
    try:
        found |= proc.mount_points(FIRST_PROCESS_MOUNTS)
    except FileError:
        # Of another user, or hidden: then we are not a hardened unit of the system either.
        return found
    return found
