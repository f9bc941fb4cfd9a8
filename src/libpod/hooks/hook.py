"""One hook file, in version 1.0.0 of its format, or in 0.1.0, which is read as the newer one.

Formats: oci-hooks(5) of containers/common. As with every JSON that Go programs read, the case of keys does
not matter.
"""

from __future__ import annotations

import os
import re

from libpod.errors import ConfigurationError, DecodeError
from libpod.host import files, jsonutil
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Object = dict[str, object]

OCI_STAGES = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
"""The stages of the OCI specification, in which the OCI runtime runs hooks."""
PRECREATE, POSTSTOP = "precreate", "poststop"
EXTENSION_STAGES = (PRECREATE, POSTSTOP)
"""The stages in which we run them ourselves, `poststop` among them."""
STAGES = tuple(dict.fromkeys((*OCI_STAGES, *EXTENSION_STAGES)))
LARGEST = 1 << 20
"""Bytes of a hook file."""
_CURRENT, _OLD = "1.0.0", "0.1.0"


class Command(NamedTuple):
    """What is run: *arguments* include the program's name for itself; *environment* is all that it gets."""

    path: str
    arguments: Sequence[str] = ()
    environment: Sequence[str] = ()
    timeout: int | None = None
    """Seconds."""

    def as_object(self) -> Object:
        """The hook of the OCI specification."""
        found: Object = {
            "path": self.path,
            "args": list(self.arguments),
            "env": list(self.environment),
            "timeout": self.timeout,
        }
        return {key: value for key, value in found.items() if value not in (None, [])}

    @classmethod
    def from_object(cls, value: Mapping[str, object], source: str) -> Command:
        """The hook that *value* describes. DecodeError for what is none."""
        folded = _folded(value)
        return cls(
            path=jsonutil.get_str(folded, "path", "", source=source),
            arguments=jsonutil.get_str_list(folded, "args", [], source=source),
            environment=jsonutil.get_str_list(folded, "env", [], source=source),
            timeout=jsonutil.get_int(folded, "timeout", None, source=source),
        )


class When(NamedTuple):
    """When a hook is run. None is a condition that was not given.

    All conditions that are given must hold; with *any* (version 0.1.0) one is enough. Patterns are searched
    for anywhere in the text.
    """

    always: bool | None = None
    bind_mounts: bool | None = None
    annotations: Mapping[str, str] = {}
    """Pattern of a name to the pattern of its value."""
    commands: Sequence[str] = ()
    """Patterns of the first word of the command."""
    any: bool = False

    def matches(
        self, arguments: Sequence[str] | None, annotations: Mapping[str, str], *, bind_mounts: bool
    ) -> bool:
        """Whether the conditions hold; *arguments* is the container's command, None where it has no process.

        Where commands are given, one of them must match, whatever *any* says. DecodeError for a command
        without words.
        """
        held = [
            *([self.always] if self.always is not None else ()),
            *([self.bind_mounts and bind_mounts] if self.bind_mounts is not None else ()),
            *(_annotated(key, value, annotations) for key, value in self.annotations.items()),
        ]
        if self.any and any(held):
            return True
        if not self.any and not all(held):
            return False
        if not self.commands or arguments is None:
            return any(held)
        if not arguments:
            raise DecodeError("process.args must have at least one entry", key="process.args")
        return any(re.search(pattern, arguments[0]) for pattern in self.commands)


def _annotated(key: str, value: str, annotations: Mapping[str, str]) -> bool:
    return any(
        re.search(key, name) is not None and re.search(value, text) is not None
        for name, text in annotations.items()
    )


class Hook(NamedTuple):
    """One hook: the *command*, the *stages* in which it is run, and *when*."""

    command: Command
    stages: Sequence[str]
    when: When


# ---------------------------------------------------------------- reading


def read(path: str) -> Hook:
    """The hook in the file *path*. ConfigurationError, naming it, for what cannot be used; FileError."""
    data = files.read_bytes(path, limit=LARGEST)
    try:
        hook = parse(data, path)
        _require_usable(hook)
    except DecodeError as error:
        message = error.message if path in error.message else f"{path}: {error.message}"
        raise ConfigurationError(message, path=path) from error
    return hook


def parse(data: bytes, source: str) -> Hook:
    """The hook that *data* describes. DecodeError."""
    value = _folded(jsonutil.loads_object(data, source))
    version = jsonutil.get_str(value, "version", "", source=source)
    if version == _CURRENT:
        return _current(value, source)
    if version in (_OLD, ""):
        return _old(value, source)
    raise DecodeError(f"{source}: unrecognized hook version {version!r}", source=source, key="version")


def _folded(value: Mapping[str, object]) -> Object:
    return {key.lower(): item for key, item in value.items()}


def _current(value: Object, source: str) -> Hook:
    when = _folded(jsonutil.get_object(value, "when", {}, source=source))
    return Hook(
        command=Command.from_object(jsonutil.get_object(value, "hook", {}, source=source), source),
        stages=jsonutil.get_str_list(value, "stages", source=source),
        when=When(
            always=jsonutil.get_bool(when, "always", None, source=source),
            bind_mounts=jsonutil.get_bool(when, "hasbindmounts", None, source=source),
            annotations=jsonutil.get_str_map(when, "annotations", {}, source=source),
            commands=jsonutil.get_str_list(when, "commands", [], source=source),
        ),
    )


def _old(value: Object, source: str) -> Hook:
    path = jsonutil.get_str(value, "hook", "", source=source)
    if not path:
        raise DecodeError(f"{source}: the property hook is missing", source=source, key="hook")
    arguments = jsonutil.get_str_list(value, "arguments", [], source=source)
    stages = _one_of(value, "stages", "stage", source)
    if stages is None:
        raise DecodeError(f"{source}: the property stages is missing", source=source, key="stages")
    patterns = _one_of(value, "annotations", "annotation", source)
    return Hook(
        command=Command(path=path, arguments=[path, *arguments] if arguments else ()),
        stages=stages,
        when=When(
            bind_mounts=jsonutil.get_bool(value, "hasbindmounts", None, source=source),
            annotations={".*": "|".join(patterns)} if patterns else {},
            commands=_one_of(value, "cmds", "cmd", source) or (),
            any=True,
        ),
    )


def _one_of(value: Object, name: str, older: str, source: str) -> list[str] | None:
    """A list that has two names, of which only one may be used."""
    if name in value and older in value:
        raise DecodeError(f"{source}: both {name} and {older} are given", source=source, key=name)
    return jsonutil.get_str_list(value, name if name in value else older, None, source=source)


def _require_usable(hook: Hook) -> None:
    """What can only be wrong in this host or by the rules of the format. DecodeError."""
    path = hook.command.path
    if not path:
        raise DecodeError("hook.path is missing", key="hook.path")
    if not os.path.exists(path):
        raise DecodeError(f"hook.path {path}: no such file", key="hook.path")
    for stage in hook.stages:
        if stage not in STAGES:
            raise DecodeError(f"unknown stage {stage!r}; stages are {', '.join(STAGES)}", key="stages")
    when = hook.when
    for pattern in (*when.annotations, *when.annotations.values(), *when.commands):
        try:
            re.compile(pattern)
        except re.error as error:
            raise DecodeError(f"invalid pattern {pattern!r}: {error}", key="when") from error
