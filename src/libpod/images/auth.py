"""Credentials for registries, in the files that Podman, skopeo and buildah share (containers-auth.json(5)).

Written is the first of these, read are all in this order: the file that was given (`--authfile`,
`REGISTRY_AUTH_FILE`), else `$XDG_RUNTIME_DIR/containers/auth.json` or `/run/containers/<UID>/auth.json`; then
`~/.config/containers/auth.json`, `~/.docker/config.json`. Passwords are in files of mode 0600 and on skopeo's
standard input only, never in an argument or a message.
"""

from __future__ import annotations

import base64
import os

from libpod.errors import FileError, InvalidArgument
from libpod.host import files, jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.config.account import Account

VARIABLE = "REGISTRY_AUTH_FILE"
FILE_MODE = 0o600


def explicit(path: str) -> str:
    """The file that an option or the environment asks for; empty if none does. FileError if missing."""
    wanted = path or os.environ.get(VARIABLE, "")
    if not wanted:
        return ""
    if not os.path.exists(wanted):
        raise FileError("read credentials", wanted, FileNotFoundError(2, "No such file or directory"))
    return os.path.abspath(wanted)


def default_file(account: Account) -> str:
    """The file that `login` writes where none was asked for."""
    wanted = account.get(VARIABLE)
    if wanted:
        return os.path.abspath(wanted)
    runtime = account.get("XDG_RUNTIME_DIR") or f"/run/containers/{account.uid}"
    base = f"{runtime}/containers" if account.get("XDG_RUNTIME_DIR") else runtime
    return f"{base}/auth.json"


def registry_of(text: str) -> str:
    """The registry of `login`'s argument: a host with or without scheme and path."""
    name = text.partition("://")[2] if "://" in text else text
    name = name.strip("/")
    if not name or any(character.isspace() for character in name):
        raise InvalidArgument(f"{text!r} is no registry", hint="such as quay.io or registry.example.com:5000")
    return name


def write_private(path: str, registry: str, credentials: str) -> str:
    """Write a file with one pair of credentials, `USER:PASSWORD`, for one transfer; returns *path*."""
    user, colon, password = credentials.partition(":")
    if not colon or not user:
        raise InvalidArgument("credentials must be USER:PASSWORD")
    host = registry.partition("/")[0]
    entry = {"auths": {host: {"auth": _encode(user, password)}}}
    files.write_atomic(path, jsonutil.dumps(entry), mode=FILE_MODE, sync=False, sync_dir=False)
    return path


def _encode(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
