"""The directories with hook files. They are read at every start, so a new file counts from then on."""

from __future__ import annotations

import errno
import os

from libpod.errors import ConfigurationError, DecodeError, FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from libpod.config import RuntimeConfig
    from libpod.hooks.hook import Hook

    Object = dict[str, object]

VENDOR = "/usr/share/containers/oci/hooks.d"
ADMINISTRATOR = "/etc/containers/oci/hooks.d"
SUFFIX = ".json"
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def of_config(config: RuntimeConfig) -> tuple[str, ...]:
    """The directories to read, later ones winning.

    Where none was configured: the usual two for root, and none for others, as Podman has it.
    """
    if config.origin.get("hooks_dir") != "built-in":
        return config.hooks_dir
    return () if config.rootless else (VENDOR, ADMINISTRATOR)


def load(
    directories: Sequence[str], *, must_exist: bool = False, warn: Callable[[str], None] = lambda _text: None
) -> dict[str, Hook]:
    """The hooks by file name, in the order in which they are run.

    A file of a later directory replaces one of the same name. Names are ordered without regard to case and
    width. A directory that is not there is an error with *must_exist*, and else a warning. Raises
    ConfigurationError for a file that cannot be used, and FileError.
    """
    paths: dict[str, str] = {}
    for directory in directories:
        try:
            names = os.listdir(directory)
        except OSError as error:
            if error.errno not in _ABSENT or must_exist:
                raise FileError("list hooks directory", directory, error) from error
            warn(f"hooks directory {directory} does not exist")
            continue
        paths.update({name: os.path.join(directory, name) for name in names if name.endswith(SUFFIX)})
    if not paths:
        return {}
    # Few hosts have any, and every start of a container asks for them.
    from libpod.hooks import hook

    found = {}
    for name in sorted(paths, key=_collation):
        try:
            found[name] = hook.read(paths[name])
        except FileError as error:
            # Removed since it was listed.
            if error.errno != errno.ENOENT:
                raise
    return found


def _collation(name: str) -> tuple[str, str]:
    import unicodedata

    return unicodedata.normalize("NFKC", name).casefold(), name


def match(
    hooks: Mapping[str, Hook],
    specification: Mapping[str, object],
    annotations: Mapping[str, str],
    *,
    bind_mounts: bool,
) -> tuple[dict[str, list[Object]], dict[str, list[Object]]]:
    """The hooks to run for a container, by stage: those for the OCI runtime, and those that are ours to run.

    Raises ConfigurationError, naming the file, where the conditions cannot be examined.
    """
    for_runtime: dict[str, list[Object]] = {}
    ours: dict[str, list[Object]] = {}
    if not hooks:
        return for_runtime, ours
    from libpod.hooks.hook import EXTENSION_STAGES

    arguments = _arguments(specification)
    for name, one in hooks.items():
        try:
            matched = one.when.matches(arguments, annotations, bind_mounts=bind_mounts)
        except DecodeError as error:
            raise ConfigurationError(f"matching hook {name}: {error}", path=name) from error
        for stage in one.stages if matched else ():
            table = ours if stage in EXTENSION_STAGES else for_runtime
            table.setdefault(stage, []).append(one.command.as_object())
    return for_runtime, ours


def _arguments(specification: Mapping[str, object]) -> list[str] | None:
    process = specification.get("process")
    if not isinstance(process, dict):
        return None
    found = process.get("args")
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []
