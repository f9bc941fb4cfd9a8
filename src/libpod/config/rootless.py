"""Choose the runtime directory of a user without privileges.

Candidates, in this order: `$XDG_RUNTIME_DIR`; `/run/user/UID`; `user/UID` in the directory for temporary
files; `rundir` in the home directory. A directory is taken when it is no symbolic link, belongs to the user
and has mode 0700; a missing one of the last three is made. `$XDG_RUNTIME_DIR`, where it is set, is taken or
refused, never passed over: a second directory beside a first one that holds live containers would split them.

`/tmp` belongs to everybody. Nothing is made or taken below a directory, or through a symbolic link, that
another user controls: each component on the way is opened relative to the one before it and never followed
blindly. It must belong to root or to the user, and must not be writable by others unless it is sticky, where
others cannot replace what is not theirs.
"""

from __future__ import annotations

import os
import stat

from libpod.config.paths import clean
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.config.account import Account

USERS_RUNTIME = "/run/user"
TEMPORARY = "/tmp"
MODE = 0o700
_PASS = 0o011
MOST_LINKS = 40

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
SESSION_HINT = (
    "log in with a session of your own (ssh, or machinectl shell USER@),"
    " or have it kept: loginctl enable-linger USER"
)


def runtime_directory(account: Account, *, create: bool = True) -> str:
    """Return the runtime directory of *account*.

    With *create* a missing directory is made with mode 0700; without, the path of one that could be made is
    returned. Raises InvalidArgument that says of every candidate why it cannot be taken.
    """
    named = account.get("XDG_RUNTIME_DIR")
    if named:
        return _take_named(named, account.owner)
    reasons = ["XDG_RUNTIME_DIR is not set"]
    for base, names in _candidates(account):
        path = "/".join((base.rstrip("/"), *names))
        try:
            _take(base, names, account.owner, create=create)
        except OSError as error:
            reasons.append(f"{path}: {error.strerror or error}")
        except InvalidArgument as error:
            reasons.append(error.message)
        else:
            return path
    raise InvalidArgument("no runtime directory: " + "; ".join(reasons), hint=SESSION_HINT)


def _candidates(account: Account) -> list[tuple[str, list[str]]]:
    """A directory that must exist, and the names below it that may be made."""
    uid = str(account.uid)
    return [
        (USERS_RUNTIME, [uid]),
        (account.get("TMPDIR") or TEMPORARY, ["user", uid]),
        (account.home(), ["rundir"]),
    ]


def _take_named(named: str, owner: int) -> str:
    path = clean(named)  # a final slash would follow a symbolic link
    hint = f"make it a directory of user {owner} with mode 0700, or unset XDG_RUNTIME_DIR"
    if not path.startswith("/"):
        raise InvalidArgument(f"XDG_RUNTIME_DIR must be an absolute path, not {named}", hint=hint)
    try:
        descriptor = _open_child(None, path, path)
        try:
            _check_ours(descriptor, path, owner)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise InvalidArgument(f"XDG_RUNTIME_DIR: {path} does not exist", hint=SESSION_HINT) from error
    except OSError as error:
        raise InvalidArgument(f"XDG_RUNTIME_DIR: {path}: {error.strerror}", hint=hint) from error
    except InvalidArgument as error:
        raise InvalidArgument(f"XDG_RUNTIME_DIR: {error.message}", hint=hint) from error
    return path


def _take(base: str, names: list[str], owner: int, *, create: bool) -> None:
    """Walk to *base*, then through *names*; raises OSError or InvalidArgument when that is not to be
    trusted."""
    if not base.startswith("/"):
        raise InvalidArgument(f"{base} is not an absolute path")
    path = clean(base)
    descriptor = open_trusted(path, owner)
    try:
        for name in names:
            path = f"{path}/{name}"
            if not create and not _exists(descriptor, name):
                _check_writable(descriptor, path)
                return
            following = _open_or_make(descriptor, name, path)
            os.close(descriptor)
            descriptor = following
            _check_trusted(os.fstat(descriptor), path, owner)
        _check_ours(descriptor, path, owner)
    finally:
        os.close(descriptor)


def open_trusted(path: str, owner: int) -> int:
    """Open the existing directory *path* (absolute), on the way to which only root and *owner* decide.

    Symbolic links that belong to either are followed. Raises OSError, or InvalidArgument naming the component
    that somebody else could replace. Returns a descriptor that the caller closes.
    """
    waiting = _parts(path)
    descriptor, here, links = os.open("/", _OPEN), "", 0
    try:
        while waiting:
            name = waiting.pop()
            target = _link_target(descriptor, name, f"{here}/{name}", owner)
            if target is None:
                following = _open_child(descriptor, name, f"{here}/{name}")
                here = f"{here}/{name}"
            else:
                links += 1
                if links > MOST_LINKS:
                    raise InvalidArgument(f"{path}: too many symbolic links")
                waiting += _parts(target)
                if not target.startswith("/"):
                    continue
                following, here = os.open("/", _OPEN), ""
            os.close(descriptor)
            descriptor = following
            _check_trusted(os.fstat(descriptor), here or "/", owner)
    except (OSError, InvalidArgument):
        os.close(descriptor)
        raise
    return descriptor


def _parts(path: str) -> list[str]:
    """The components of *path*, last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _link_target(parent: int, name: str, path: str, owner: int) -> str | None:
    """Where the symbolic link *name* leads; None when it is none."""
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        return None
    if status.st_uid not in (0, owner):
        raise InvalidArgument(f"{path} is a symbolic link of user {status.st_uid}")
    return os.readlink(name, dir_fd=parent)


def _exists(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _open_or_make(parent: int, name: str, path: str) -> int:
    try:
        return _open_child(parent, name, path)
    except FileNotFoundError:
        pass
    try:
        os.mkdir(name, MODE, dir_fd=parent)
    except FileExistsError:
        return _open_child(parent, name, path)  # made by another process just now: checked like any other
    descriptor = _open_child(parent, name, path)
    if os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, MODE)  # whatever the umask
    return descriptor


def _open_child(parent: int | None, name: str, path: str) -> int:
    """Open directory *name* in *parent*; InvalidArgument where it is a symbolic link or no directory."""
    try:
        return os.open(name, _OPEN, dir_fd=parent)
    except OSError as error:
        status = _status(parent, name)
        if status is not None and stat.S_ISLNK(status.st_mode):
            raise InvalidArgument(f"{path} is a symbolic link") from error
        if status is not None and not stat.S_ISDIR(status.st_mode):
            raise InvalidArgument(f"{path} is not a directory") from error
        raise


def _status(parent: int | None, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return None


def _check_trusted(status: os.stat_result, path: str, owner: int) -> None:
    if status.st_uid not in (0, owner):
        raise InvalidArgument(f"{path} belongs to user {status.st_uid}")
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise InvalidArgument(f"{path} is writable by others (mode {stat.S_IMODE(status.st_mode):04o})")


def _check_ours(descriptor: int, path: str, owner: int) -> None:
    status = os.fstat(descriptor)
    if status.st_uid != owner:
        raise InvalidArgument(f"{path} belongs to user {status.st_uid}, not to user {owner}")
    # Containers in which this user is nobody pass through it: Podman and we let them do that, and no more.
    if stat.S_IMODE(status.st_mode) & ~_PASS != MODE:
        raise InvalidArgument(f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, not 0700")


def _check_writable(descriptor: int, path: str) -> None:
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=descriptor, effective_ids=True):
        raise InvalidArgument(f"{path} does not exist and cannot be made")
