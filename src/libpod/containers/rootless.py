"""A user without privileges: entering the one user namespace in which all their containers are.

The namespace is found by the waiting process that `pause.pid` names, else by a conmon of the store, else it
is made. One program makes it at a time.
"""

from __future__ import annotations

import fcntl
import os
import time

from libpod.config.storage import SUBORDINATE_IDS
from libpod.errors import FileError, LockTimeout
from libpod.host import files, subids, usernamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from libpod.config.runtime import RuntimeConfig
    from libpod.config.sources import Settings
    from libpod.host.usernamespace import Namespaces, Range, Waiter

DIRECTORY_MODE: Final = 0o700
ENOUGH_IDS: Final = 65536
"""How many IDs images use, from 0 on: 65534 is nobody."""
SYSTEMD: Final = "/run/systemd/system"
LINGERING: Final = "/var/lib/systemd/linger"
LINGER_TOLD: Final = "linger-told"
"""In the runtime directory: the user knows already."""
LOCK_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02


def enter(
    settings: Settings, tmp_dir: str, *, keep: bool = True, warn: Callable[[str], None] = lambda _text: None
) -> None:
    """Go on as root of the user's namespace. Nothing happens inside of it, and for root.

    With *keep* a namespace that has to be made stays for those who come after us; without, it ends with us
    and what we start. Raises NotSupported with what has to be done, and FileError.
    """
    if os.geteuid() == 0:
        return
    uid, gid = os.geteuid(), os.getegid()
    files.make_directory(tmp_dir, DIRECTORY_MODE)
    lock = _lock(tmp_dir)
    try:
        known = _find(tmp_dir)
        lost = None if known else _of_conmon(tmp_dir)
        namespaces = known or lost or _make(tmp_dir, uid, gid, keep=keep, warn=warn)
        try:
            usernamespace.enter(namespaces, uid, gid)
        finally:
            namespaces.close()
        if lost is not None:
            with usernamespace.Waiter(anew=False) as waiter:
                _keep(waiter, tmp_dir)
    finally:
        os.close(lock)
    _tell_runtime_directory(settings)


def _tell_runtime_directory(settings: Settings) -> None:
    """What we start looks for it where a session would have put it."""
    directory = settings.values["runtime_dir"]
    if directory and not os.environ.get("XDG_RUNTIME_DIR"):
        os.environ["XDG_RUNTIME_DIR"] = directory


def _lock(directory: str) -> int:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(descriptor)
                raise LockTimeout(
                    f"{directory}: another program has been making the user namespace for {LOCK_SECONDS:g} s"
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return descriptor


# ---------------------------------------------------------------- finding


def _find(tmp_dir: str) -> Namespaces | None:
    path = os.path.join(tmp_dir, usernamespace.PAUSE_FILE)
    pid = usernamespace.read_pause_file(path)
    return usernamespace.find(pid) if pid else None


def _of_conmon(tmp_dir: str) -> Namespaces | None:
    """Where a container of this store runs: the waiting process may have been killed with its session."""
    from libpod.host import proc

    for process in proc.conmon_processes():
        if files.same_file(os.path.dirname(process.exit_directory), tmp_dir):
            found = usernamespace.find(process.pid)
            if found is not None:
                return found
    return None


# ---------------------------------------------------------------- making


def _make(tmp_dir: str, uid: int, gid: int, *, keep: bool, warn: Callable[[str], None]) -> Namespaces:
    uids, gids = subordinate(uid, warn)
    with usernamespace.Waiter() as waiter:
        if uids and gids:
            usernamespace.map_ids(waiter.pid, _with_own(uid, uids), _with_own(gid, gids))
        else:
            usernamespace.map_one_id(waiter.pid, uid, gid)
        namespaces = usernamespace.find(waiter.pid)
        if namespaces is None:
            raise FileError("find namespace of", str(waiter.pid), ProcessLookupError(3, "no such process"))
        if keep:
            _keep(waiter, tmp_dir)
    return namespaces


def _keep(waiter: Waiter, tmp_dir: str) -> None:
    waiter.keep()
    path = os.path.join(tmp_dir, usernamespace.PAUSE_FILE)
    files.write_atomic(path, str(waiter.pid).encode(), mode=0o600, sync=False, sync_dir=False)


def _with_own(identifier: int, ranges: Sequence[Range]) -> list[Range]:
    """Root is the user; the subordinate IDs follow."""
    found, following = [(0, identifier, 1)], 1
    for _inside, outside, size in ranges:
        found.append((following, outside, size))
        following += size
    return found


def subordinate(uid: int, warn: Callable[[str], None]) -> tuple[list[Range], list[Range]]:
    """The ranges of user and of group IDs that subuid(5) and subgid(5) give to the user; both or none.

    *warn* is told where they are missing or fewer than images use.
    """
    name = _name(uid)
    found = {
        kind: [(0, first, size) for first, size in subids.ranges(path, (name, str(uid)))]
        for kind, path in SUBORDINATE_IDS.items()
    }
    advice = f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
    for kind, path in SUBORDINATE_IDS.items():
        count = sum(size for _inside, _outside, size in found[kind])
        if not count:
            warn(
                f"{path} gives no IDs to {name}: containers have one user only, root, who is {name}. "
                f"For more: {advice}"
            )
            return [], []
        if count + 1 < ENOUGH_IDS:
            warn(
                f"{path} gives only {count} IDs to {name}: images with files of higher {kind.upper()}s "
                f"cannot be unpacked. For more: {advice}"
            )
    return found["uid"], found["gid"]


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


# ---------------------------------------------------------------- after the session


def tell_of_linger(config: RuntimeConfig, warn: Callable[[str], None]) -> None:
    """Say once in each boot that what runs in the background ends with the user's last session."""
    name = _name(config.uid)
    if not os.path.isdir(SYSTEMD) or os.path.exists(os.path.join(LINGERING, name)):
        return
    try:
        mark = os.path.join(config.tmp_dir, LINGER_TOLD)
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:
        return
    warn(f"this container ends with the last session of {name}; to keep it: loginctl enable-linger {name}")
