"""`cp` and `export`: files out of containers and into them, without leaving their roots.

A running container is seen through `/proc/PID/root`, with all that is mounted in it; another one is mounted,
and its binds and named volumes are looked up by `libpod.containers.resting`.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
import threading

from libpod.containers import idmaps, resting
from libpod.errors import FileError, InvalidArgument
from libpod.host import archive, jsonutil, rooted
from libpod.oci import users
from libpod.storage.idmaps import to_host
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from libpod.containers.container import Container
    from libpod.containers.engine import Engine

    Owner = tuple[int, int]

_FORMAT = tarfile.PAX_FORMAT
_BUFFER = 1 << 20
CONTENTS = "/."
"""At the end of a source: what is in the directory, not the directory."""
OF_THE_KERNEL = ("dev", "proc", "sys")
"""What is no part of a container's files, although it is in its root."""


class Place(NamedTuple):
    """A path inside a root directory; on the host itself the root is `/`."""

    root: str
    path: str
    shown: str
    """What errors call it."""
    owner: tuple[int, int] = (0, 0)
    """Whom what is copied there belongs to, unless it keeps its owners: IDs on the host."""
    name: str = ""
    """What a copy of it is called; empty for the last part of its path."""
    left_out: tuple[str, ...] = ()
    """What of its entries is not copied with it."""


class Source(NamedTuple):
    """What is copied: entries of an open directory."""

    directory: int
    names: list[str]
    is_directory: bool
    contents: bool


# ---------------------------------------------------------------- containers


def export(container: Container, stream: IO[bytes]) -> None:
    """Write the container's root as a tar to *stream*, without what is mounted into it."""
    root = container.mount()
    try:
        export_directory(root, stream)
    finally:
        container.unmount()


def export_directory(root: str, stream: IO[bytes]) -> None:
    """Write what is in the directory *root* as a tar to *stream*."""
    directory = rooted.open_path(root, "/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with tarfile.open(fileobj=stream, mode="w|", format=_FORMAT, bufsize=_BUFFER) as out:
            archive.pack(out, directory, os.listdir(directory))
    finally:
        os.close(directory)


@contextlib.contextmanager
def opened(engine: Engine, container: Container, path: str) -> Iterator[Place]:
    """Where *path* of the container is now; the container stays mounted meanwhile.

    A relative path begins in the container's working directory.
    """
    shown = f"{container.name}:{path}"
    path, name = os.path.join("/", _working_directory(container), path), ""
    whole = os.path.normpath(path).strip("/") == ""
    with _root(container) as (root, running):
        belongs_to = _owner(container, root)
        if not running:
            root, path, name = resting.View(engine, container.record, root).find(path)
        yield Place(root, path, shown, belongs_to, name, OF_THE_KERNEL if whole else ())


def _working_directory(container: Container) -> str:
    source = container.record.describe()
    spec = jsonutil.get_object(container.record.config, "spec", {}, source=source)
    process = jsonutil.get_object(spec, "process", {}, source=source)
    return jsonutil.get_str(process, "cwd", "", source=source)


@contextlib.contextmanager
def _root(container: Container) -> Iterator[tuple[str, bool]]:
    pid = container.record.pid if container.state() in ("running", "paused") else 0
    if pid:
        try:
            descriptor = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise FileError("open the root of container", container.name, error) from error
        try:
            yield f"/proc/self/fd/{descriptor}", True
        finally:
            os.close(descriptor)
        return
    root = container.mount()
    try:
        yield root, False
    finally:
        container.unmount()


def _owner(container: Container, root: str) -> Owner:
    """The user that the container runs as, or its root where that is not known."""
    record = container.record
    wanted = jsonutil.get_str(record.config, "user", "", source=record.describe())
    try:
        found = users.lookup(root, wanted)
    except InvalidArgument:
        found = users.User(0, 0, (), "", "")
    maps = idmaps.of_container(record)
    return to_host(maps.uids, found.uid), to_host(maps.gids, found.gid)


# ---------------------------------------------------------------- copying


def copy(source: Place, target: Place, *, owner: Owner | None, overwrite: bool = False) -> None:
    """Copy a file or a directory, as `cp -a` would, with the rules of podman-cp(1).

    A target that is a directory gets the source, or with CONTENTS what is in it; one that is not there is
    made, in a directory that is. InvalidArgument for what does not fit together.
    """
    with _source(source) as found, _target(target, found, source) as (root, rename):
        how = archive.Unpacking(owner=owner, overwrite=overwrite, rename=rename)
        _through_pipe(found, root, how)


def _through_pipe(found: Source, root: str, how: archive.Unpacking) -> None:
    """A second thread reads while we write."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    errors: list[BaseException] = []

    def pack() -> None:
        try:
            with (
                open(writing, "wb", buffering=0) as stream,
                tarfile.open(fileobj=stream, mode="w|", format=_FORMAT, bufsize=_BUFFER) as out,
            ):
                archive.pack(out, found.directory, found.names)
        except BrokenPipeError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again where it can be caught
            errors.append(error)

    packer = threading.Thread(target=pack)
    with open(reading, "rb", buffering=0) as stream:
        packer.start()
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER, tarinfo=archive.Member) as incoming:
                archive.unpack(incoming, root, "/", how)
        finally:
            stream.close()
            packer.join()
            if errors:
                raise errors[0]


def pack(source: Place, stream: IO[bytes]) -> None:
    """Write a file or directory as a tar to *stream*."""
    with (
        _source(source) as found,
        tarfile.open(fileobj=stream, mode="w|", format=_FORMAT, bufsize=_BUFFER) as out,
    ):
        archive.pack(out, found.directory, found.names)


def unpack(
    stream: IO[bytes],
    target: Place,
    *,
    owner: Owner | None,
    overwrite: bool = False,
    source: str = "standard input",
) -> None:
    """Unpack a tar, compressed or not, into a directory that is there. Errors call it *source*."""
    directory = _directory(target)
    if directory is None:
        raise InvalidArgument(f"{target.shown} is no directory: a tar can only be unpacked into one")
    try:
        with tarfile.open(fileobj=stream, mode="r|*", bufsize=_BUFFER, tarinfo=archive.Member) as incoming:
            how = archive.Unpacking(owner=owner, overwrite=overwrite)
            archive.unpack(incoming, f"/proc/self/fd/{directory}", "/", how)
    except tarfile.TarError as error:
        raise InvalidArgument(f"{source} is no tar: {error}") from error
    finally:
        os.close(directory)


# ---------------------------------------------------------------- what and where


@contextlib.contextmanager
def _source(place: Place) -> Iterator[Source]:
    """The source, links on the way and at its end followed inside its root."""
    contents = place.path.endswith((CONTENTS, "/..")) or place.path in ("/", ".")
    found = _directory(place)
    if found is not None and contents:
        try:
            names = [name for name in os.listdir(found) if name not in place.left_out]
            yield Source(found, names, is_directory=True, contents=True)
        finally:
            os.close(found)
        return
    if found is not None:
        os.close(found)
    parent, name = _entry(place)
    try:
        yield Source(parent, [name], is_directory=found is not None, contents=False)
    finally:
        os.close(parent)


def _entry(place: Place) -> tuple[int, str]:
    """The directory that holds what *place* means, a link at its end followed, and its name there."""
    path = place.path
    for _ in range(40):
        head, name = os.path.split(path.rstrip("/") or "/")
        parent = _open(place, head or "/", os.O_RDONLY | os.O_DIRECTORY)
        try:
            about = os.stat(name or ".", dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISLNK(about.st_mode):
                return parent, name
            path = os.path.join(head, os.readlink(name, dir_fd=parent))
        except OSError as error:
            os.close(parent)
            raise _missing(place, error) from error
        os.close(parent)
    raise InvalidArgument(f"{place.shown}: too many links")


def _open(place: Place, path: str, flags: int) -> int:
    try:
        return rooted.open_path(place.root, path, flags)
    except FileError as error:
        raise _missing(place, error) from error


def _missing(place: Place, error: OSError | FileError) -> FileError:
    cause = error if isinstance(error, OSError) else OSError(error.errno or 0, os.strerror(error.errno or 0))
    return FileError("find", place.shown, cause)


def _directory(place: Place) -> int | None:
    """A descriptor of the directory that *place* is; None if it is something else or not there."""
    try:
        return rooted.open_path(place.root, place.path or "/", os.O_RDONLY | os.O_DIRECTORY)
    except FileError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise _missing(place, error) from error


@contextlib.contextmanager
def _target(target: Place, found: Source, source: Place) -> Iterator[tuple[str, Callable[[str], str]]]:
    """The directory that is written into, and how names change on the way."""
    directory = _directory(target)
    name = found.names[0] if found.names and not found.contents else ""
    if directory is None:
        directory, last = _parent(target, found)
        if found.is_directory and not found.contents and _exists(directory, last):
            os.close(directory)
            raise InvalidArgument(f"{target.shown} is a file: the directory {source.shown} cannot replace it")
        if found.contents:
            rename = _put_below(last)
        else:
            rename = _renamed(name, last)
    else:
        given = (source.name or os.path.basename(source.path.rstrip("/"))) if not found.contents else ""
        rename = _renamed(name, given or name)
    try:
        yield f"/proc/self/fd/{directory}", rename
    finally:
        os.close(directory)


def _parent(target: Place, found: Source) -> tuple[int, str]:
    if target.path.endswith("/") and not found.is_directory:
        raise InvalidArgument(f"{target.shown}: no such directory")
    head, name = os.path.split(target.path.rstrip("/"))
    if name in ("", ".", ".."):
        raise InvalidArgument(f"{target.shown}: no such directory")
    return _open(target, head or "/", os.O_RDONLY | os.O_DIRECTORY), name


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _renamed(old: str, new: str) -> Callable[[str], str]:
    def rename(name: str) -> str:
        first, slash, rest = name.partition("/")
        return f"{new}{slash}{rest}" if first == old else name

    return rename


def _put_below(directory: str) -> Callable[[str], str]:
    return lambda name: f"{directory}/{name}"
