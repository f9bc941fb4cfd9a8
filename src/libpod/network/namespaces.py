"""Network namespaces that outlive the process that made them: bind mounts below /run/netns.

On disk::

    /run/netns/                 0755, a shared mount, as `ip netns` makes it
    /run/netns/cni-<8>-<4>-<4>-<4>-<12>   0444; the namespace is mounted on it

The digits are those with which the container's ID begins, so that the namespace is found again whatever
happened between making it and writing it down. Podman's are named `netns-` with random digits.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import threading

from libpod.errors import FileError, InvalidArgument
from libpod.host import files, linux, mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DIRECTORY = "/run/netns"
PLACES = ("/run/netns", "/var/run/netns")
DIRECTORY_MODE = 0o755
FILE_MODE = 0o444
PREFIX = "cni-"

# linux/sockios.h and linux/if.h.
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_REQUEST = "16sh22x"


def path_of(container_id: str) -> str:
    """Where the namespace of a container is."""
    digits = container_id.ljust(32, "0")
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32])
    return f"{DIRECTORY}/{PREFIX}{'-'.join(parts)}"


def is_ours(path: str) -> bool:
    """Whether a namespace was made here and not by Podman."""
    return os.path.basename(path).startswith(PREFIX)


def exists(path: str) -> bool:
    """Whether a namespace is there now."""
    return bool(path) and os.path.exists(path) and mounts.is_mount_point(path)


def make(path: str) -> None:
    """Make a network namespace in which only the loopback interface is up. FileError.

    The file must not be there yet.
    """
    _mount(path, lambda: linux.unshare(linux.CLONE_NEWNET))


def keep(path: str, pid: int) -> None:
    """Mount the network namespace of process *pid* at *path*, and bring up the loopback interface in it.

    For containers with mapped IDs, whose namespaces belong to their user namespace. FileError.
    """
    _mount(path, lambda: _enter(pid))


def _enter(pid: int) -> None:
    path = f"/proc/{pid}/ns/net"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileError("open network namespace", path, error) from error
    try:
        linux.enter_namespace(descriptor)
    finally:
        os.close(descriptor)


def _mount(path: str, enter: Callable[[], None]) -> None:
    """Mount on *path* the namespace in which a thread is after *enter*."""
    _make_directory(os.path.dirname(path))
    try:
        flags = os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(path, flags, FILE_MODE))
    except OSError as error:
        raise FileError("make network namespace", path, error) from error
    failure: list[BaseException] = []
    thread = threading.Thread(target=_work, args=(path, enter, failure), name="netns")
    thread.start()
    thread.join()
    if failure:
        files.remove_file(path)
        raise failure[0]


def _work(path: str, enter: Callable[[], None], failure: list[BaseException]) -> None:
    """In a thread of its own, which is in the other namespace and ends there."""
    try:
        enter()
        _loopback_up()
        linux.mount("/proc/thread-self/ns/net", path, None, linux.MS_BIND)
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
        failure.append(error)


def _loopback_up() -> None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack(_REQUEST, b"lo", _IFF_UP))
    except OSError as error:
        raise FileError("bring up interface", "lo", error) from error


def _make_directory(directory: str) -> None:
    """Make the directory a shared mount, so that what is mounted in it appears in every mount namespace."""
    files.make_directory(directory, DIRECTORY_MODE)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Two programs at once would mount it over itself twice.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            linux.mount("none", directory, None, linux.MS_SHARED | linux.MS_REC)
        except FileError as error:
            if error.errno != errno.EINVAL:
                raise
            linux.mount(directory, directory, None, linux.MS_BIND | linux.MS_REC)
            linux.mount("none", directory, None, linux.MS_SHARED | linux.MS_REC)
    finally:
        os.close(descriptor)


def remove(path: str, places: Sequence[str] = PLACES) -> bool:
    """Give a namespace up; False if it was not there. It goes when its last process does.

    InvalidArgument for a path that is not directly in one of *places*: it is nobody's to remove.
    """
    directory, name = os.path.split(path)
    if directory not in places or name in ("", ".", ".."):
        raise InvalidArgument(f"{path} is not a network namespace in {DIRECTORY}")
    mounted = mounts.unmount_if_mounted(path)
    return files.remove_file(path) or mounted
