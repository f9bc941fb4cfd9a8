"""Addresses that the CNI plugin host-local still keeps for containers that a reboot has ended.

The plugin frees an address only when it is asked to (`DEL`). A reboot or a crash takes the container and
leaves the address, until a small network has none left, or a container with an address of its own cannot
start.

On disk (read from the plugin's own doings, version 1.1.1)::

    /var/lib/cni/networks/<network>/lock                 flock(2), held while the directory is read or changed
                                    last_reserved_ip.N   the last address given from range N; stays
                                    <address>            the container's ID; CR LF; the interface
    /var/lib/cni/results/<network>-<container ID>-<interface>   what libcni remembers for `DEL`

Old plugins end the first line with LF, or write no second line.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time

from libpod import failpoints
from libpod.errors import FileError, LibpodError, LockTimeout
from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NETWORKS = "/var/lib/cni/networks"
RESULTS = "/var/lib/cni/results"
LOCK_NAME = "lock"
LOCK_MODE = 0o750
LAST_ADDRESS_PREFIX = "last_reserved_ip."
LOCK_SECONDS = 30.0
"""How long a plugin may keep a network's directory locked."""

# A lease is an ID and the name of an interface.
_LEASE_LIMIT = 4096
_POLL_SECONDS = 0.02


class Lease(NamedTuple):
    """An address that is taken."""

    path: str
    network: str
    address: str
    container_id: str
    interface: str


class Outcome(NamedTuple):
    """What was removed, as paths, and what stood in the way. One bad network does not stop the others."""

    removed: list[str]
    errors: list[LibpodError]


def leases(networks: str = NETWORKS) -> Iterator[Lease]:
    """All addresses that are taken below *networks*, by whomever, as they are now."""
    for network in _directories(networks):
        yield from _leases_of(networks, network)


def drop(
    container_ids: Collection[str],
    *,
    networks: str = NETWORKS,
    results: str = RESULTS,
    write: bool = True,
    keep: Collection[str] = (),
) -> Outcome:
    """Free the addresses of these containers, none of which may run, and forget their cached results.

    Leases of all other containers are left alone, whoever owns them, and the cached results in *keep*
    (paths). Without *write* nothing is changed and no lock is taken; the outcome tells what would be removed.
    """
    removed: list[str] = []
    errors: list[LibpodError] = []
    if container_ids:
        for network in _directories(networks):
            with _collecting(errors):
                removed += _drop_leases(networks, network, container_ids, write=write)
        with _collecting(errors):
            removed += _drop_results(results, container_ids, keep, write=write)
    return Outcome(removed, errors)


def _drop_leases(networks: str, network: str, wanted: Collection[str], *, write: bool) -> list[str]:
    found = _of_containers(networks, network, wanted)
    if not found or not write:
        return found
    with _locked(os.path.join(networks, network, LOCK_NAME)):
        # What was read before the lock was held may be somebody else's by now.
        found = _of_containers(networks, network, wanted)
        for path in found:
            failpoints.reach("leases.remove")
            files.remove_file(path)
    return found


def _of_containers(networks: str, network: str, wanted: Collection[str]) -> list[str]:
    return [lease.path for lease in _leases_of(networks, network) if lease.container_id in wanted]


def _drop_results(results: str, wanted: Collection[str], keep: Collection[str], *, write: bool) -> list[str]:
    # Names of networks may have dashes, IDs have none.
    found = [
        os.path.join(results, name)
        for name in _names(results)
        if not set(wanted).isdisjoint(name.split("-")[1:-1])
    ]
    found = [path for path in found if path not in keep]
    if write:
        for path in found:
            files.remove_file(path)
    return found


def _leases_of(networks: str, network: str) -> Iterator[Lease]:
    directory = os.path.join(networks, network)
    for name in _names(directory):
        if name != LOCK_NAME and not name.startswith(LAST_ADDRESS_PREFIX):
            lease = _read(os.path.join(directory, name), network, name)
            if lease is not None:
                yield lease


def _read(path: str, network: str, address: str) -> Lease | None:
    """The lease in *path*; None if it is gone, or is none."""
    try:
        text = files.read_bytes(path, limit=_LEASE_LIMIT).decode("utf-8", "replace")
    except FileError as error:
        if error.errno in (errno.ENOENT, errno.EISDIR, errno.EFBIG):
            return None
        raise
    lines = text.splitlines()
    container = lines[0].strip() if lines else ""
    if not container:
        return None
    return Lease(path, network, address, container, lines[1].strip() if len(lines) > 1 else "")


def _directories(path: str) -> list[str]:
    return [name for name in _names(path) if os.path.isdir(os.path.join(path, name))]


def _names(directory: str) -> list[str]:
    """The names in *directory*, sorted; none if there is no such directory."""
    try:
        return sorted(files.list_directory(directory))
    except FileError as error:
        if error.errno == errno.ENOENT:
            return []
        raise


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Hold the plugin's lock of one network."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, LOCK_MODE)
    except OSError as error:
        raise FileError("open lock file", path, error) from error
    try:
        _flock(path, descriptor)
        yield
    finally:
        os.close(descriptor)


def _flock(path: str, descriptor: int) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise _timeout_error(path, descriptor) from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise FileError("lock", path, error) from error
        else:
            return


def _timeout_error(path: str, descriptor: int) -> LockTimeout:
    from libpod.host import proc

    process = files.flock_holder(descriptor)
    holder = None if process is None else proc.describe_process(process)
    return LockTimeout(
        f"{path} is not free after {LOCK_SECONDS:g} seconds"
        + (f"; it is held by process {holder}" if holder else ""),
        holder=holder,
    )


@contextlib.contextmanager
def _collecting(errors: list[LibpodError]) -> Iterator[None]:
    try:
        yield
    except LibpodError as error:
        errors.append(error)
