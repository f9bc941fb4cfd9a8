"""Paths of a container that does not run, as they would be if it ran.

Its links are followed as the container would see them, and what would be mounted over them is looked up: a
file that is copied to `/var/run/data`, where `/var/run` is a link and `/run/data` a volume, belongs in the
volume.
"""

from __future__ import annotations

import contextlib
import os

from libpod.errors import FileError, InvalidArgument, LibpodError
from libpod.host import jsonutil, rooted
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

_MAXIMUM_LINKS = 40


class Spot(NamedTuple):
    """A directory on the host, the *path* below it, and the *name* that was asked for, links not followed."""

    root: str
    path: str
    name: str


class View:
    """The tree of files of a container: its *root* on the host, and what is mounted over it."""

    def __init__(self, engine: Engine, record: ContainerRecord, root: str) -> None:
        self._root = root
        self._mounted = [
            (destination.rstrip("/") + "/", os.path.realpath(source))
            for destination, source in _mounted(engine, record)
            if os.path.exists(source)
        ]

    def find(self, path: str) -> Spot:
        """Where *path* is, which is absolute and need not exist.

        A link at its end stays one where whoever opens it inside the root that is returned follows it
        correctly. InvalidArgument for links that lead in circles.
        """
        given, name = path.rstrip("/"), ""
        ending = path[len(given) :][:1]
        if given.endswith(("/.", "/..")):
            ending = "/."
        else:
            name = os.path.basename(given)
        whole = self._place(self._without_links(given))
        near = self._place(os.path.join(self._without_links(os.path.dirname(given)), name))
        is_plain = near[0] == whole[0] == self._root or _link(*near) is None
        root, found = near if name and is_plain else whole
        return Spot(root, found.rstrip("/") + ending if found != "/" else f"/{ending.lstrip('/')}", name)

    def _without_links(self, path: str) -> str:
        done, left, links = "/", path.split("/")[::-1], 0
        while left:
            part = left.pop()
            if part == "..":
                done = os.path.dirname(done)
            elif part not in ("", "."):
                step = os.path.join(done, part)
                target = _link(*self._place(step))
                if target is None:
                    done = step
                    continue
                links += 1
                if links > _MAXIMUM_LINKS:
                    raise InvalidArgument(f"{path}: too many links")
                left += target.split("/")[::-1]
                done = "/" if target.startswith("/") else done
        return done

    def _place(self, path: str) -> tuple[str, str]:
        """Root and path, on the host, of a path without links; the longest destination counts."""
        found, longest = (self._root, path), 0
        for below, source in self._mounted:
            if f"{path}/".startswith(below) and len(below) >= longest:
                longest = len(below)
                found = (source, f"/{path[len(below) :]}")
        root, rest = found
        return found if os.path.isdir(root) else (os.path.dirname(root), f"/{os.path.basename(root)}{rest}")


def _link(root: str, path: str) -> str | None:
    """What the link says; None if there is none."""
    try:
        descriptor = rooted.open_path(root, path, os.O_PATH | os.O_NOFOLLOW)
    except FileError as error:
        if error.errno in rooted.MISSING:
            return None
        raise
    try:
        return os.readlink("", dir_fd=descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _mounted(engine: Engine, record: ContainerRecord) -> Iterator[tuple[str, str]]:
    """Destination and source of the container's binds and named volumes."""
    source = record.describe()
    spec = jsonutil.get_object(record.config, "spec", {}, source=source)
    for entry in jsonutil.get_list(spec, "mounts", [], source=source):
        if isinstance(entry, dict) and entry.get("type") == "bind":
            yield str(entry.get("destination", "")), str(entry.get("source", ""))
    for entry in jsonutil.get_list(record.config, "namedVolumes", [], source=source):
        if isinstance(entry, dict):
            with contextlib.suppress(LibpodError):
                volume = engine.state.volume(str(entry.get("volumeName", "")))
                point = jsonutil.get_str(volume.config, "mountPoint", "", source=volume.describe())
                yield str(entry.get("dest", "")), point
