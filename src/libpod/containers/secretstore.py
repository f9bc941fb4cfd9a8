"""Podman's store of secrets, which new containers take theirs from.

::

    <graph_root>/secrets/secrets.json                   which there are: name, ID, driver and its options
    <graph_root>/secrets/filedriver/secretsdata.json    their contents in base64, by ID (driver `file`)

Each is rewritten in its place under the lock file beside it, `secrets.lock` and `secretsdata.lock`.

A container keeps a copy of the secrets that are mounted into it, in `<bundle>/secrets/NAME`, and of the
others where they are (`libpod.containers.secrets`). Contents are neither printed nor logged.
"""

from __future__ import annotations

import base64
import binascii
import os
import re

from libpod.errors import DecodeError, FileError, InvalidArgument, NotSupported
from libpod.host import files, jsonutil
from libpod.storage.lockfile import LockFile
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

DIRECTORY: Final = "secrets"
LIST_FILE: Final = "secrets.json"
DATA_FILE: Final = "secretsdata.json"
MOUNT, ENVIRONMENT = "mount", "env"
DEFAULT_MODE: Final = 0o444
_LONGEST_NAME: Final = 253
_LOCK_SECONDS: Final = 30.0
_NAME: Final = r"(?a)[\w.-]+"


class Request(NamedTuple):
    """One `--secret`."""

    name: str
    """Its name or ID."""
    kind: str = MOUNT
    target: str = ""
    """The file, below /run/secrets unless it is absolute, or the variable; empty for the secret's name."""
    uid: int = 0
    gid: int = 0
    mode: int = DEFAULT_MODE


def parse(text: str) -> Request:
    """`NAME[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]`. InvalidArgument for anything else."""
    name, *parts = text.split(",")
    found: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if key not in ("type", "target", "uid", "gid", "mode") or not equals:
            raise InvalidArgument(f"--secret {text!r}: unknown option {part!r}", hint=_HINT)
        found[key] = value
    kind = found.pop("type", MOUNT)
    if not name or kind not in (MOUNT, ENVIRONMENT):
        raise InvalidArgument(f"--secret {text!r} is not of the form NAME[,type=mount|env]…", hint=_HINT)
    target = found.pop("target", "")
    if kind == ENVIRONMENT:
        if found:
            raise InvalidArgument(f"--secret {text!r}: uid, gid and mode are for files", hint=_HINT)
        return Request(name, kind, target)
    uid, gid = (_number(text, found.get(key, "0"), r"(?a)\d+", 10) for key in ("uid", "gid"))
    return Request(name, kind, target, uid, gid, _number(text, found.get("mode", "0444"), "[0-7]{1,4}", 8))


_HINT: Final = "NAME,type=mount,target=FILE,uid=0,gid=0,mode=0444 or NAME,type=env,target=VARIABLE"


def _number(text: str, value: str, pattern: str, base: int) -> int:
    if re.fullmatch(pattern, value) is None or int(value, base) >= 1 << 32:
        raise InvalidArgument(f"--secret {text!r}: {value!r} is not a number that fits there", hint=_HINT)
    return int(value, base)


class Secret(NamedTuple):
    """A secret that is there. *config* is what Podman keeps of it in a container's configuration."""

    request: Request
    config: Mapping[str, object]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.config["name"])


def find(graph_root: str, requests: Sequence[Request]) -> list[Secret]:
    """The secrets asked for, in order. InvalidArgument, naming the one that is not there; DecodeError."""
    if not requests:
        return []
    path = os.path.join(graph_root, DIRECTORY, LIST_FILE)
    known: Mapping[str, object] = {}
    if os.path.exists(path):
        known = jsonutil.get_object(_read(path), "secrets", {}, source=path)
    return [Secret(request, _lookup(known, request.name, path)) for request in requests]


def _read(path: str) -> dict[str, object]:
    """What is in a file of the store, while nobody writes it. FileError, LockTimeout, DecodeError."""
    if not os.path.exists(path):
        # It raises; the lock would be made where no store is.
        files.read_bytes(path)
    with LockFile(path.removesuffix(".json") + ".lock").hold(exclusive=False, timeout=_LOCK_SECONDS):
        return jsonutil.loads_object(files.read_bytes(path), path)


def _lookup(known: Mapping[str, object], wanted: str, path: str) -> dict[str, object]:
    """By name, by ID, or by the only ID that begins so."""
    entries = {identifier: jsonutil.get_object(known, identifier, source=path) for identifier in known}
    by_name = [entry for entry in entries.values() if entry.get("name") == wanted]
    by_id = [entry for identifier, entry in entries.items() if identifier.startswith(wanted)]
    exact = [entries[wanted]] if wanted in entries else []
    found = by_name or exact or by_id
    if len(found) != 1:
        problem = "no secret has this name or ID" if not found else "the IDs of several secrets begin so"
        raise InvalidArgument(f"--secret {wanted}: {problem}", hint="podman secret ls, podman secret create")
    name = jsonutil.get_str(found[0], "name", source=path)
    if re.fullmatch(_NAME, name) is None or name in (".", "..") or len(name) > _LONGEST_NAME:
        # It becomes the name of a file.
        raise DecodeError(f"{path}: {name!r} is no name of a secret", source=path, key="name")
    return dict(found[0])


def contents(secret: Mapping[str, object], source: str) -> bytes:
    """What is secret. *source* names the container in errors.

    Raises NotSupported for another driver than `file`, FileError and DecodeError for a secret that is gone.
    """
    name = jsonutil.get_str(secret, "name", source=source)
    driver = jsonutil.get_str(secret, "driver", "file", source=source)
    if driver != "file":
        raise NotSupported(
            f"secret {name} of {source} is kept by the driver {driver}, which is not supported",
            hint="use podman for this container",
        )
    options = jsonutil.get_str_map(secret, "driverOptions", {}, source=source)
    path = os.path.join(options.get("path", ""), DATA_FILE)
    data = _read(path)
    identifier = jsonutil.get_str(secret, "id", source=source)
    encoded = jsonutil.get_str(data, identifier, source=f"{path}: secret {name}")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        # The error itself would show what is encoded there.
        raise DecodeError(f"{path}: secret {name} is not base64", source=path, key=identifier) from None


def of_files(secrets: Sequence[Secret]) -> list[dict[str, object]]:
    """Those that are mounted, as `secrets` of a container's configuration has them."""
    return [
        {
            **secret.config,
            "UID": secret.request.uid,
            "GID": secret.request.gid,
            "Mode": secret.request.mode,
            "Target": secret.request.target,
        }
        for secret in secrets
        if secret.request.kind == MOUNT
    ]


def of_variables(secrets: Sequence[Secret]) -> dict[str, dict[str, object]]:
    """Those that become variables, as `secret_env` of a container's configuration has them."""
    return {
        secret.request.target or secret.name: dict(secret.config)
        for secret in secrets
        if secret.request.kind == ENVIRONMENT
    }


def give(secrets: Sequence[Secret], config: Mapping[str, object], root: tuple[int, int]) -> dict[str, object]:
    """Give the container of *config* its copies; returns what its configuration has of its secrets.

    Owners of files count from *root* (UID, GID) on. Raises what `contents` raises.
    """
    source = f"container {config['name']}"
    directory = jsonutil.get_str(config, "secretsPath", source=source)
    for secret in secrets:
        if secret.request.kind == MOUNT:
            path = os.path.join(directory, secret.name)
            files.write_atomic(path, contents(secret.config, source), mode=0o600)
            try:
                os.chown(path, root[0] + secret.request.uid, root[1] + secret.request.gid)
                os.chmod(path, secret.request.mode)
            except OSError as error:
                raise FileError("change owner and mode of", path, error) from error
    found = {"secrets": of_files(secrets), "secret_env": of_variables(secrets)}
    return {key: value for key, value in found.items() if value}
