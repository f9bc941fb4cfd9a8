"""What a layer changes against the one below it: `diff`."""

from __future__ import annotations

import os
import stat

from libpod.errors import FileError
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from libpod.storage.store import Store

CHANGED, ADDED, DELETED = "C", "A", "D"
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque")
# fuse-overlayfs marks with empty files of these names, beside or instead of what the kernel's overlay does.
_WHITEOUT_FILE, _OPAQUE_FILE = ".wh.", ".wh..wh..opq"
# What a runtime makes in every container for its own mounts, which nobody has changed.
MADE_FOR_MOUNTS = frozenset(
    ("/dev", "/dev/console", "/dev/fuse", "/dev/pts", "/dev/shm", "/etc/hostname", "/etc/hosts", "/etc/mtab",
     "/etc/resolv.conf", "/proc", "/run", "/run/.containerenv", "/run/notify", "/run/secrets", "/sys",
     "/sys/fs/cgroup/systemd")
)  # fmt: skip


def of_layer(store: Store, layer_id: str, left_out: Collection[str] = ()) -> list[tuple[str, str]]:
    """Every changed path of a layer with CHANGED, ADDED or DELETED, by path, but those *left_out*.

    FileError for what cannot be read.
    """
    parents = {layer.id: layer.parent for layer in store.layers()}
    below: list[str] = []
    parent = parents.get(layer_id, "")
    while parent:
        below.append(store.driver.difference(parent))
        parent = parents.get(parent, "")
    upper = store.driver.difference(layer_id)
    whole_trees = store.driver.name == "vfs"
    finder = _WholeTree(upper, below[:1]) if whole_trees else _Overlay(upper, below)
    try:
        found = dict(_all_changes(finder))
    except OSError as error:
        raise FileError("read layer", error.filename or upper, error) from error
    return sorted((path, kind) for path, kind in found.items() if path not in left_out)


def _all_changes(finder: _Overlay | _WholeTree) -> Iterator[tuple[str, str]]:
    """Those in the root and in all directories below it, which may be deeper than Python's stack."""
    levels = [finder.changes("", below=True)]
    while levels:
        change = next(levels[-1], None)
        if change is None:
            levels.pop()
            continue
        if change.kind:
            yield change.path, change.kind
        if change.is_directory:
            levels.append(finder.changes(change.path, below=change.is_below))


class _Change(NamedTuple):
    path: str
    kind: str
    """CHANGED, ADDED, DELETED, or "" for what is as it was."""
    is_directory: bool = False
    """Whether there is more to be seen in it."""
    is_below: bool = False
    """Whether that shows what the layers below have."""


class _Overlay:
    """The upper directory of an overlay, over the directories *below*, the nearest first."""

    def __init__(self, upper: str, below: list[str]) -> None:
        self._upper = upper
        self._below = below

    def changes(self, path: str, *, below: bool) -> Iterator[_Change]:
        """What is in the directory *path*; *below* tells whether it shows what the layers below have."""
        for entry in sorted(os.scandir(self._upper + path), key=lambda entry: entry.name):
            inner = f"{path}/{entry.name}"
            about = entry.stat(follow_symlinks=False)
            marker = entry.name.startswith(_WHITEOUT_FILE)
            if marker:
                inner = f"{path}/{entry.name.removeprefix(_WHITEOUT_FILE)}"
            there = below and entry.name != _OPAQUE_FILE and self._is_below(inner)
            if marker or _is_whiteout(about):
                if there:
                    yield _Change(inner, DELETED)
                continue
            is_directory = stat.S_ISDIR(about.st_mode)
            is_below = is_directory and there and not _is_opaque(entry.path)
            yield _Change(inner, CHANGED if there else ADDED, is_directory, is_below)

    def _is_below(self, path: str) -> bool:
        for layer in self._below:
            found = _seen(layer, path)
            if found is not None:
                return found
        return False


def _seen(layer: str, path: str) -> bool | None:
    """Whether *layer* has *path*; None if the layers below it decide."""
    place = layer
    parts = path.strip("/").split("/")
    for number, part in enumerate(parts):
        marker, place = f"{place}/{_WHITEOUT_FILE}{part}", f"{place}/{part}"
        try:
            about = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return False if os.path.lexists(marker) else None
        if _is_whiteout(about):
            return False
        if number == len(parts) - 1:
            return True
        if not stat.S_ISDIR(about.st_mode):
            return False
        if _is_opaque(place):
            return os.path.lexists(f"{layer}{path}")
    return None


def _is_whiteout(about: os.stat_result) -> bool:
    return stat.S_ISCHR(about.st_mode) and about.st_rdev == 0


def _is_opaque(path: str) -> bool:
    for name in _OPAQUE:
        try:
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                return True
        except OSError:
            continue
    return os.path.lexists(f"{path}/{_OPAQUE_FILE}")


class _WholeTree:
    """Two whole trees, as vfs has them."""

    def __init__(self, upper: str, below: list[str]) -> None:
        self._upper = upper
        self._lower = below[0] if below else ""

    def changes(self, path: str, *, below: bool) -> Iterator[_Change]:
        """What is in the directory *path*; *below* tells whether the other tree has it, too."""
        ours = {entry.name: entry for entry in os.scandir(self._upper + path)}
        theirs = self._lower_names(path) if below else set()
        for name in sorted({*ours, *theirs}):
            inner = f"{path}/{name}"
            if name not in ours:
                yield _Change(inner, DELETED)
                continue
            about = ours[name].stat(follow_symlinks=False)
            kind = "" if name in theirs else ADDED
            if name in theirs and _differs(about, os.lstat(self._lower + inner)):
                kind = CHANGED
            yield _Change(inner, kind, stat.S_ISDIR(about.st_mode), name in theirs)

    def _lower_names(self, path: str) -> set[str]:
        where = self._lower + path
        return set(os.listdir(where)) if self._lower and os.path.isdir(where) else set()


def _differs(new: os.stat_result, old: os.stat_result) -> bool:
    keys = ["st_mode", "st_uid", "st_gid", "st_rdev"]
    if not stat.S_ISDIR(new.st_mode):
        keys += ["st_size", "st_mtime_ns"]
    return any(getattr(new, key) != getattr(old, key) for key in keys)
