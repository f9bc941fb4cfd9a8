"""Putting right which layers the store believes to be mounted.

`<run root>/<driver>-layers/mountpoints.json` counts the users of each mounted layer. Where the run root
outlives a reboot, or mounts vanished in another way, it goes on to count mounts that are gone. Then a
container's next mount has a count that never comes down to nothing, and the layer stays mounted for ever.
Where the run root is lost while containers live, it is the other way round.
"""

from __future__ import annotations

import contextlib
import os

from libpod import failpoints
from libpod.errors import FileError
from libpod.host import files, proc
from libpod.storage import records
from libpod.storage.lockfile import LockFile
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.storage.records import Record, RecordFile

DIRECTORY_MODE = 0o700
MERGED = "merged"
FIRST_PROCESS_MOUNTS = "/proc/1/mountinfo"
LOCK_SECONDS = 60.0
"""How long we wait for the store. An image that is being pulled keeps it locked."""


class Uncounted(NamedTuple):
    """A layer that is mounted and was not counted."""

    layer_id: str
    path: str


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
    store = _Counts(graph_root, run_root, driver)
    gone = [] if store.driver == "vfs" else _gone(records.read_records(store.path))
    if not gone or not write:
        return gone
    with store.changing() as counts:
        gone = _gone(counts.records)
        for layer in gone:
            counts.remove(layer.layer_id)
    return gone


def restore(graph_root: str, run_root: str, driver: str, *, write: bool = True) -> list[Uncounted]:
    """Count the layers of the store that are mounted and not counted, and return those.

    Where the counts were lost while containers live, a program of containers/storage takes its driver's home
    off at its end, and every mount below it goes with it. Each layer gets one user: its container.

    Parameters, and errors, as for `reconcile`; FileError where the run root cannot be made.
    """
    store = _Counts(graph_root, run_root, driver)
    found = [] if store.driver == "vfs" else _uncounted(store.home, records.read_records(store.path))
    if not found or not write:
        return found
    files.make_directory(run_root, DIRECTORY_MODE)
    files.make_directory(os.path.dirname(store.path), DIRECTORY_MODE)
    with store.changing() as counts:
        found = _uncounted(store.home, counts.records)
        for layer in found:
            counts.add({"id": layer.layer_id, "path": layer.path, "count": 1})
    return found


class _Counts:
    """The counts of one store, and how they are changed."""

    def __init__(self, graph_root: str, run_root: str, driver: str) -> None:
        self.driver = "overlay" if driver == "overlay2" else driver
        self.home = os.path.join(graph_root, self.driver)
        self.path = os.path.join(run_root, f"{self.driver}-layers", "mountpoints.json")
        self._layers = os.path.join(graph_root, f"{self.driver}-layers", "layers.lock")

    @contextlib.contextmanager
    def changing(self) -> Iterator[RecordFile]:
        """The counts as they are under the locks; what is changed in them is written at the end.

        The order of locks that all programs keep to: layers, then mountpoints. Nobody mounts or unmounts
        without the first, so what is mounted now stays so until the new counts are written.
        """
        lock = LockFile(os.path.join(os.path.dirname(self.path), "mountpoints.lock"))
        counts = records.RecordFile(self.path, lock, durable=False)
        layers = LockFile(self._layers)
        with layers.write(timeout=LOCK_SECONDS), lock.write(timeout=LOCK_SECONDS) as held:
            counts.refresh(held)
            before = list(counts.records)
            yield counts
            if counts.records != before:
                failpoints.reach("mountpoints.save")
                counts.save(held)


def _uncounted(home: str, counted: list[Record]) -> list[Uncounted]:
    """The layers below *home* that are mounted and not counted."""
    known = {records.identifier(record) for record in counted}
    real = os.path.realpath(home)
    found = (_layer_of(path, real) for path in sorted(_mount_points()))
    return [Uncounted(layer, f"{home}/{layer}/{MERGED}") for layer in found if layer and layer not in known]


def _layer_of(mount_point: str, home: str) -> str | None:
    """The layer whose tree is mounted there."""
    directory, name = os.path.split(mount_point)
    parent, layer = os.path.split(directory)
    return layer if (parent, name) == (home, MERGED) else None


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
