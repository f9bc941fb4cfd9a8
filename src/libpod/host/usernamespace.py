"""The user namespace in which a user without privileges works with containers.

In it the user is root, and the subordinate IDs of /etc/subuid and /etc/subgid are the other users. It has a
mount namespace of its own. Both live as long as a process is in them: one that does nothing but wait is left
there for that, and its ID is written to a file. The protocol is that of Podman 4.3, which joins what we made
and leaves what we join::

    <tmp dir>/pause.pid               the ID of the waiting process, decimal
    _CONTAINERS_USERNS_CONFIGURED     "done" in the environment of everything inside
    _CONTAINERS_ROOTLESS_UID, _GID    who the user is outside

Only a process with one thread can enter a user namespace; see user_namespaces(7) and setns(2).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import stat
import struct

from libpod.errors import CommandError, CommandNotFound, FileError, NotSupported
from libpod.host import files, linux
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    Range = tuple[int, int, int]

PAUSE_FILE: Final = "pause.pid"
CONFIGURED: Final = "_CONTAINERS_USERNS_CONFIGURED"
OUTER_UID: Final = "_CONTAINERS_ROOTLESS_UID"
OUTER_GID: Final = "_CONTAINERS_ROOTLESS_GID"
MAPPING_SECONDS: Final = 30.0
"""How long newuidmap may take: it may have to ask a directory service."""

# What waits: Podman's own choice where it is installed, and what every system has.
_WAITERS: Final = (
    ("/usr/libexec/podman/catatonit", "-P"),
    ("/usr/lib/podman/catatonit", "-P"),
    ("/usr/bin/catatonit", "-P"),
    ("/usr/bin/sleep", "infinity"),
    ("/bin/sleep", "infinity"),
)
_LONGEST_FILE: Final = 64
# linux/nsfs.h
_NS_GET_PARENT: Final = 0xB702
_NS_GET_OWNER_UID: Final = 0xB704
_FORBIDDEN: Final = {
    "/proc/sys/kernel/unprivileged_userns_clone": ("0", "sysctl kernel.unprivileged_userns_clone=1"),
    "/proc/sys/user/max_user_namespaces": ("0", "sysctl user.max_user_namespaces=15000"),
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with `userns,`",
    ),
}


class Namespaces(NamedTuple):
    """Descriptors of a user namespace and of its mount namespace; whoever opens them closes them."""

    user: int
    mount: int

    def close(self) -> None:
        """Close both."""
        os.close(self.user)
        os.close(self.mount)


# ---------------------------------------------------------------- finding


def find(pid: int) -> Namespaces | None:
    """The namespaces of process *pid*, if its user namespace is one of ours as this module makes them.

    A number from a file may mean another process by now: the namespace must belong to us, lie directly in
    ours, and have us as its root.
    """
    opened = []
    try:
        for name in ("user", "mnt"):
            opened.append(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC))
        found = Namespaces(*opened)
        if _is_ours(found.user) and _maps_us(pid):
            return found
    except (OSError, FileError):
        # It has ended, or is another user's.
        pass
    for descriptor in opened:
        os.close(descriptor)
    return None


def _is_ours(namespace: int) -> bool:
    owner = struct.unpack("I", fcntl.ioctl(namespace, _NS_GET_OWNER_UID, struct.pack("I", 0)))[0]
    if owner != os.geteuid():
        return False
    # Of a namespace in which we are not, or below ours, the kernel does not tell the parent: EPERM.
    parent = fcntl.ioctl(namespace, _NS_GET_PARENT)
    try:
        return os.path.samestat(os.fstat(parent), os.stat("/proc/self/ns/user"))
    finally:
        os.close(parent)


def _maps_us(pid: int) -> bool:
    first = files.read_text(f"/proc/{pid}/uid_map").split()[:3]
    return first == ["0", str(os.geteuid()), "1"]


def read_pause_file(path: str) -> int:
    """The process that the file *path* names; 0 if there is no such file, or it names none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise FileError("read", path, error) from error
    try:
        about = os.fstat(descriptor)
        if about.st_uid != os.geteuid() or not stat.S_ISREG(about.st_mode):
            raise NotSupported(
                f"{path} is not a file of user {os.geteuid()}", hint=f"remove it: rm -r {path}"
            )
        text = os.read(descriptor, _LONGEST_FILE).strip()
    finally:
        os.close(descriptor)
    return int(text) if text.isdigit() else 0


# ---------------------------------------------------------------- entering


def enter(namespaces: Namespaces, uid: int, gid: int) -> None:
    """Become root in *namespaces*, and say so in our environment. The working directory stays, if it is
    there.

    *uid* and *gid* are who we are outside. FileError if this process has several threads.
    """
    try:
        here = os.getcwd()
    except OSError:
        # It was removed.
        here = "/"
    linux.enter_namespace(namespaces.user)
    linux.enter_namespace(namespaces.mount)
    with contextlib.suppress(OSError):
        os.chdir(here)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.environ[CONFIGURED] = "done"
    os.environ[OUTER_UID] = str(uid)
    os.environ[OUTER_GID] = str(gid)


# ---------------------------------------------------------------- making


class Waiter:
    """A process that can wait in a namespace; a context manager, which ends it unless `keep` was called.

    With *anew* it is in namespaces of its own, which have no mapping yet, else in ours.
    """

    def __init__(self, *, anew: bool = True) -> None:
        self.pid = 0
        self._anew = anew
        self._answer = self._order = -1

    def __enter__(self) -> Waiter:
        self._answer, said = os.pipe2(os.O_CLOEXEC)
        told, self._order = os.pipe2(os.O_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._order)
            _wait(said, told, linux.CLONE_NEWUSER | linux.CLONE_NEWNS if self._anew else 0)
        os.close(said)
        os.close(told)
        answer = os.read(self._answer, 16)
        if answer != b"0":
            self.__exit__()
            raise _refused(int(answer or b"0"))
        return self

    def keep(self) -> None:
        """Let it wait until it is killed."""
        os.write(self._order, b"0")
        # Closed once the program that waits has replaced it, or when it has ended.
        if os.read(self._answer, 16):
            raise NotSupported("nothing can be started that keeps the user namespace", hint=_WAITER_HINT)
        os.close(self._answer)
        os.close(self._order)
        self._answer = self._order = -1

    def __exit__(self, *exception: object) -> None:
        if self._answer < 0 and not any(exception):
            return
        for descriptor in (self._answer, self._order):
            if descriptor >= 0:
                os.close(descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


_WAITER_HINT: Final = "install catatonit, or coreutils for its sleep"


def _wait(said: int, told: int, namespaces: int) -> None:
    """What the new process does: nothing of ours runs in it after this."""
    try:
        os.setsid()
        if namespaces:
            linux.unshare(namespaces)
        os.write(said, b"0")
        if os.read(told, 1) == b"0":
            os.chdir("/")
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(nothing, descriptor)
            for program in _WAITERS:
                with contextlib.suppress(FileNotFoundError):
                    os.execve(program[0], program, {})
            os.write(said, b"2")
    except FileError as error:
        os.write(said, str(error.errno or 1).encode())
    finally:
        os._exit(1)


def _refused(number: int) -> NotSupported:
    hints = [hint for path, (value, hint) in _FORBIDDEN.items() if _setting(path) == value]
    return NotSupported(
        f"this host lets users make no user namespace: {os.strerror(number)}",
        hint="; ".join(hints) or "ask the administrator; a sandbox around this program may forbid it too",
    )


def _setting(path: str) -> str:
    try:
        return files.read_text(path).strip()
    except FileError:
        return ""


def map_ids(pid: int, uids: Sequence[Range], gids: Sequence[Range]) -> None:
    """Map IDs of the namespace of *pid*, by newuidmap and newgidmap: (inside, outside, how many) for each.

    NotSupported with the reason and what to do about it.
    """
    for program, ranges in (("newuidmap", uids), ("newgidmap", gids)):
        _run_mapper(program, pid, ranges)


def _run_mapper(program: str, pid: int, ranges: Sequence[Range]) -> None:
    from libpod.host import process

    words = [str(number) for entry in ranges for number in entry]
    try:
        process.run([program, str(pid), *words], timeout=MAPPING_SECONDS)
    except CommandNotFound as error:
        raise NotSupported(
            f"{program} is not installed, without which a user cannot have more than one ID in containers",
            hint="install the package uidmap (Debian) or shadow-utils (Fedora)",
        ) from error
    except CommandError as error:
        said = error.output or error.message
        raise NotSupported(
            f"{program} does not map the IDs of this user: {said}", hint=_mapper_hint(program)
        ) from error


def _mapper_hint(program: str) -> str:
    import shutil

    path = shutil.which(program) or program
    try:
        about = os.stat(path)
        may = about.st_uid == 0 and bool(about.st_mode & stat.S_ISUID)
        may = may or "security.capability" in os.listxattr(path)
    except OSError:
        may = True
    if not may:
        return f"{path} has lost its rights: chmod u+s {path}, or install its package again"
    if _no_new_privileges():
        return "the service or shell that started this has NoNewPrivileges: start it without"
    return "compare /etc/subuid and /etc/subgid with this user's name; no range may belong to somebody else"


def _no_new_privileges() -> bool:
    lines = files.read_text("/proc/self/status").splitlines()
    return any(line.split() == ["NoNewPrivs:", "1"] for line in lines)


def map_one_id(pid: int, uid: int, gid: int) -> None:
    """Map only root, to the user *uid* and the group *gid*: nobody has to allow that."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        path = f"/proc/{pid}/{name}"
        try:
            with open(path, "w", encoding="ascii") as stream:
                stream.write(text)
        except OSError as error:
            raise FileError("write", path, error) from error


def mapped(kind: str) -> list[Range]:
    """The ranges of our own namespace; *kind* is "uid" or "gid"."""
    found = []
    for line in files.read_text(f"/proc/self/{kind}_map").splitlines():
        inside, outside, size = (int(word) for word in line.split())
        found.append((inside, outside, size))
    return found
