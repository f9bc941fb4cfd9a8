"""Secrets of a container that starts: files below /run/secrets, and environment variables.

Files are in `<bundle>/secrets/NAME` since the container was made; variables are read from the store
(`libpod.containers.secretstore`).
"""

from __future__ import annotations

import os
import posixpath

from libpod.containers import defaultmounts
from libpod.containers.defaultmounts import SECRETS
from libpod.errors import DecodeError
from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.state.records import ContainerRecord


def binds(record: ContainerRecord, found: Mapping[str, str]) -> dict[str, str]:
    """Where the secrets are bound: destination to source. *found* are the binds of others, /run/secrets among
    them where something else is mounted there. DecodeError.
    """
    source = record.describe()
    entries = jsonutil.get_list(record.config, "secrets", [], source=source)
    if not entries:
        return {}
    directory = jsonutil.get_str(record.config, "secretsPath", source=source)
    result = {SECRETS: found.get(SECRETS) or defaultmounts.own_directory(record, SECRETS)}
    for entry in entries:
        if not isinstance(entry, dict):
            raise DecodeError(f"{source}: secrets: expected objects", source=source, key="secrets")
        name = jsonutil.get_str(entry, "name", source=source)
        target = jsonutil.get_str(entry, "Target", "", source=source) or name
        place = posixpath.join(SECRETS, target)
        result["/" + posixpath.normpath(place).lstrip("/")] = os.path.join(directory, name)
    return result


def add_environment(record: ContainerRecord, specification: Mapping[str, object]) -> None:
    """Set the environment variables that are secrets, read from Podman's store of secrets.

    Raises NotSupported for another driver than `file`, FileError and DecodeError for a secret that is gone.
    """
    source = record.describe()
    wanted = jsonutil.get_object(record.config, "secret_env", {}, source=source)
    if not wanted:
        return
    process = jsonutil.get_object(specification, "process", source=source)
    environment = jsonutil.get_str_list(process, "env", [], source=source)
    from libpod.containers import secretstore

    secret = {name: jsonutil.get_object(wanted, name, source=source) for name in wanted}
    values = {
        name: secretstore.contents(entry, source).decode("utf-8", "surrogateescape")
        for name, entry in secret.items()
    }
    kept = [entry for entry in environment if entry.partition("=")[0] not in values]
    process["env"] = [*kept, *(f"{name}={value}" for name, value in values.items())]
