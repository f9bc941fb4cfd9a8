"""What every container of this host gets: the mounts of mounts.conf, and the mark of FIPS mode.

Directories and files of the host are copied into the container's run directory, once a boot, and bound from
there: the container cannot change the host's, and labels and owners can be its own.

Format and rules: containers-mounts.conf(5); of the two files the first that exists counts (Podman 4.3,
measured).
"""

from __future__ import annotations

import os
import posixpath

from libpod.containers import idmaps
from libpod.errors import FileError
from libpod.host import files, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

ADMINISTRATOR = "/etc/containers/mounts.conf"
VENDOR = "/usr/share/containers/mounts.conf"
FIPS_MARK = "/etc/system-fips"
SECRETS = "/run/secrets"
DIRECTORY_MODE = 0o755
_PLACES = "mounts"


def binds(engine: Engine, record: ContainerRecord) -> dict[str, str]:
    """What is bound into the container: destination to source on the host.

    A source that is missing or cannot be copied is a warning.
    """
    found: dict[str, str] = {}
    for source, destination in _entries(engine):
        try:
            found[destination] = _copied(record, source, destination)
        except FileError as error:
            engine.warn(f"default mount {destination} is left out: {error}")
    if os.path.exists(FIPS_MARK):
        found.setdefault(SECRETS, own_directory(record, SECRETS))
        files.write_atomic(
            os.path.join(found[SECRETS], "system-fips"), b"", mode=0o444, sync=False, sync_dir=False
        )
    return found


def _entries(engine: Engine) -> Iterator[tuple[str, str]]:
    """Source and destination of each line; lines that begin with anything but / are comments."""
    given = engine.config.default_mounts_file
    for path in (given,) if given else (ADMINISTRATOR, VENDOR):
        if os.path.isfile(path):
            break
    else:
        if given:
            engine.warn(f"default mounts file {given} does not exist")
        return
    for line in files.read_text(path).splitlines():
        source, _, destination = line.strip().partition(":")
        if not source.startswith("/"):
            continue
        if not os.path.exists(source):
            engine.warn(f"{source}, which {path} names, does not exist: it is not mounted")
            continue
        yield source, "/" + posixpath.normpath(destination or source).lstrip("/")


def own_directory(record: ContainerRecord, destination: str) -> str:
    """The place in the run directory for what is mounted at *destination*, made as a directory."""
    path = _place(record, destination)
    files.make_directory(path, DIRECTORY_MODE)
    tree.change_owner(path, idmaps.root_owner(record))
    return path


def _place(record: ContainerRecord, destination: str) -> str:
    """One name for each destination, side by side: the container writes what is in them, and a link that it
    makes in one must not lead us elsewhere when another is mounted below.
    """
    name = destination.strip("/").replace("%", "%25").replace("/", "%2F")
    return os.path.join(record.run_directory, _PLACES, name)


def _copied(record: ContainerRecord, source: str, destination: str) -> str:
    # Imported where there is something to copy: most hosts have no default mounts.
    import shutil

    target = _place(record, destination)
    if os.path.exists(target):
        return target
    files.make_directory(os.path.dirname(target), DIRECTORY_MODE)
    try:
        if os.path.isdir(source):
            # What links lead to is wanted: certificates are often links.
            shutil.copytree(source, target, copy_function=_copy_regular, ignore_dangling_symlinks=True)
        else:
            _copy_regular(source, target)
    except (OSError, shutil.Error) as error:
        tree.remove(target) if os.path.isdir(target) else files.remove_file(target)
        cause = error if isinstance(error, OSError) and error.strerror else OSError(0, str(error))
        raise FileError("copy", source, cause) from error
    owner = idmaps.root_owner(record)
    if owner != (0, 0):
        tree.change_owner(target, owner) if os.path.isdir(target) else os.chown(target, *owner)
    return target


def _copy_regular(source: str, target: str) -> str:
    """Copy a file's contents and mode; anything but a file is passed over."""
    import shutil

    if os.path.isfile(source):
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
    return target
