"""Entries of /etc/passwd and /etc/group for users that a container's own files do not know.

With `--userns keep-id` the user who made the container gets one, with `--hostuser` other users of the host
do, and so does a first process that runs as a number. Entries are as those of Podman 4.3. They are added to
the container's own files, so that its programs can change these; where its root is read-only, or not its own,
copies are bound over them.
"""

from __future__ import annotations

import os

from libpod.containers import idmaps
from libpod.errors import FileError, InvalidArgument
from libpod.host import jsonutil, rooted
from libpod.oci import etcfiles, users
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

PASSWD, GROUP = "/etc/passwd", "/etc/group"


class _Entries(NamedTuple):
    """The lines to add, each with its end."""

    accounts: str = ""
    groups: str = ""


def add(
    engine: Engine, record: ContainerRecord, root: str, specification: Mapping[str, object]
) -> dict[str, str]:
    """Add the entries that are missing in the files at *root*; returns what is to be bound over them.

    Raises FileError for a file that cannot be changed.
    """
    if record.config.get("passwd") is False:
        return {}
    found = _missing(engine, record, root, specification)
    mounted = _mounted(record, specification)
    copied: dict[str, str] = {}
    for path, text in ((PASSWD, found.accounts), (GROUP, found.groups)):
        if text and path not in mounted:
            _write(record, root, path, text, copied, in_place=_is_own(record, specification))
    return copied


def _missing(
    engine: Engine, record: ContainerRecord, root: str, specification: Mapping[str, object]
) -> _Entries:
    source = record.describe()
    process = jsonutil.get_object(specification, "process", {}, source=source)
    home = jsonutil.get_str(process, "cwd", "/", source=source)
    form = jsonutil.get_str(record.config, "passwd_entry", "", source=source)
    of_host = "".join(
        _of_host_user(name, root, home, form)
        for name in jsonutil.get_str_list(record.config, "HostUsers", [], source=source)
    )
    found = _Entries()
    uid, colon, group = jsonutil.get_str(record.config, "user", "", source=source).partition(":")
    if record.config.get("addCurrentUserPasswdEntry") is True and engine.config.rootless:
        found = _of_user(engine.config.uid, root, home, form)
    if _is_number(uid) and not users.has_account(root, uid, int(uid)):
        gid = int(group) if _is_number(group) else 0
        if not found.accounts:
            found = found._replace(
                accounts=_account(form, str(int(uid)), int(uid), gid, "container user", home)
            )
    if colon and _is_number(group) and not found.groups and not users.has_group(root, group, int(group)):
        found = found._replace(groups=f"{int(group)}:x:{int(group)}:{uid}\n")
    return found._replace(accounts=of_host + found.accounts)


def _account(form: str, name: str, uid: int, gid: int, comment: str, home: str) -> str:
    """A line of passwd(5): in the form that `--passwd-entry` gave, or the usual one."""
    if not form:
        return f"{name}:*:{uid}:{gid}:{comment}:{home}:/bin/sh\n"
    values = {"$USERNAME": name, "$UID": str(uid), "$GID": str(gid), "$NAME": comment, "$HOME": home}
    for word, value in values.items():
        form = form.replace(word, value)
    return form.rstrip("\n") + "\n"


def _of_host_user(name: str, root: str, home: str, form: str) -> str:
    """The entry of a user of the host, by name or number; empty if it is there already.

    InvalidArgument for a user whom the host does not have.
    """
    import pwd

    try:
        account = pwd.getpwuid(int(name)) if _is_number(name) else pwd.getpwnam(name)
    except KeyError as error:
        raise InvalidArgument(f"--hostuser {name}: the host has no such user") from error
    if users.has_account(root, account.pw_name, account.pw_uid):
        return ""
    return _account(form, account.pw_name, account.pw_uid, account.pw_gid, account.pw_gecos, home)


def _of_user(uid: int, root: str, home: str, form: str) -> _Entries:
    """The entries of the user outside, who is the same inside; without those that are there."""
    import grp
    import pwd

    try:
        account = pwd.getpwuid(uid)
        group = grp.getgrgid(account.pw_gid)
    except KeyError:
        return _Entries()
    accounts = groups = ""
    if not users.has_account(root, account.pw_name, uid):
        accounts = _account(form, account.pw_name, uid, group.gr_gid, account.pw_gecos, home)
    if not users.has_group(root, group.gr_name, group.gr_gid):
        groups = f"{group.gr_name}:x:{group.gr_gid}:{account.pw_name}\n"
    return _Entries(accounts, groups)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= users.MAXIMUM_ID


def _mounted(record: ContainerRecord, specification: Mapping[str, object]) -> set[str]:
    """Where something else is mounted: that is the caller's, and not changed."""
    entries = [
        *jsonutil.get_list(specification, "mounts", [], source=record.describe()),
        *jsonutil.get_list(record.config, "namedVolumes", [], source=record.describe()),
    ]
    found = [entry for entry in entries if isinstance(entry, dict)]
    places = {str(entry.get("destination") or entry.get("dest")) for entry in found}
    return {path for path in (PASSWD, GROUP) if path in places or "/etc" in places}


def _is_own(record: ContainerRecord, specification: Mapping[str, object]) -> bool:
    """Whether the container's root is its own, and it may write to it."""
    root = jsonutil.get_object(specification, "root", {}, source=record.describe())
    return root.get("readonly") is not True and not record.config.get("rootfs")


def _write(
    record: ContainerRecord, root: str, path: str, text: str, copied: dict[str, str], *, in_place: bool
) -> None:
    data = users.read(root, path)
    if data is None:
        # An image without accounts.
        return
    if data and not data.endswith(b"\n"):
        text = "\n" + text
    if in_place:
        _append(root, path, text)
        return
    content = data.decode("utf-8", "surrogateescape") + text
    owner = idmaps.root_owner(record)
    copied[path] = etcfiles.write(record.static_directory, os.path.basename(path), content, owner)


def _append(root: str, path: str, text: str) -> None:
    descriptor = rooted.open_path(root, path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "wb", buffering=0) as stream:
        try:
            stream.write(text.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise FileError("write", f"{path} in container root {root}", error) from error
