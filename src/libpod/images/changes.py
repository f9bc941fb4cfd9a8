"""Changes of an image's configuration, spelled as the instructions of a Dockerfile (`--change`)."""

from __future__ import annotations

import json
import shlex

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Config = dict[str, object]

SHELL = ("/bin/sh", "-c")
PROTOCOLS = ("tcp", "udp", "sctp")


def apply(config: Config, changes: Sequence[str]) -> None:
    """Change the `config` object of an image. InvalidArgument that names the change that is wrong."""
    for change in changes:
        name, _, value = (
            change.strip().replace("=", " ", 1).partition(" ")
            if _is_pair(change)
            else (change.strip().partition(" "))
        )
        instruction = _INSTRUCTIONS.get(name.upper())
        value = value.strip()
        if instruction is None or not value:
            why = "it needs a value" if instruction is not None else f"unknown instruction {name}"
            raise InvalidArgument(
                f"invalid change {change!r}: {why}", hint=f"instructions: {', '.join(_INSTRUCTIONS)}"
            )
        try:
            instruction(config, value)
        except ValueError as error:
            raise InvalidArgument(f"invalid change {change!r}: {error}") from error


def _is_pair(change: str) -> bool:
    """`CMD=sh`, which Podman takes as well."""
    name, equals, _ = change.strip().partition("=")
    return bool(equals) and name.upper() in _INSTRUCTIONS


def _words(value: str) -> list[str]:
    """A JSON list as it is; anything else is a line for a shell."""
    if value.startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(word, str) for word in found):
            return found
    return [*SHELL, value]


def _command(config: Config, value: str) -> None:
    config["Cmd"] = _words(value)


def _entrypoint(config: Config, value: str) -> None:
    config["Entrypoint"] = _words(value)


def _environment(config: Config, value: str) -> None:
    known = config.get("Env")
    variables = dict(_split(entry) for entry in known) if isinstance(known, list) else {}
    variables.update(_pairs(value))
    config["Env"] = [f"{name}={text}" for name, text in variables.items()]


def _split(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value


def _label(config: Config, value: str) -> None:
    known = config.get("Labels")
    config["Labels"] = {**(known if isinstance(known, dict) else {}), **_pairs(value)}


def _pairs(value: str) -> dict[str, str]:
    """`a=b "c=d e"`, or the old `a b c`, where all that follows is the value."""
    words = shlex.split(value)
    if words and "=" not in words[0]:
        name, _, text = value.partition(" ")
        return {name: " ".join(shlex.split(text))}
    if not all("=" in word and not word.startswith("=") for word in words):
        raise ValueError("expected NAME=VALUE")
    return dict(_split(word) for word in words)


def _expose(config: Config, value: str) -> None:
    ports = config.get("ExposedPorts")
    found = dict(ports) if isinstance(ports, dict) else {}
    for word in value.split():
        port, _, protocol = word.partition("/")
        numbers = port.split("-")
        if not all(number.isdigit() and 0 < int(number) < 65536 for number in numbers) or len(numbers) > 2:
            raise ValueError(f"{word} is no port")
        if (protocol or PROTOCOLS[0]) not in PROTOCOLS:
            raise ValueError(f"{protocol} is no protocol")
        for number in range(int(numbers[0]), int(numbers[-1]) + 1):
            found[f"{number}/{protocol or PROTOCOLS[0]}"] = {}
    config["ExposedPorts"] = found


def _volume(config: Config, value: str) -> None:
    volumes = config.get("Volumes")
    names = _words(value)[0:] if value.startswith("[") else value.split()
    config["Volumes"] = {**(volumes if isinstance(volumes, dict) else {}), **{name: {} for name in names}}


def _on_build(config: Config, value: str) -> None:
    known = config.get("OnBuild")
    config["OnBuild"] = [*(known if isinstance(known, list) else []), value]


def _working_directory(config: Config, value: str) -> None:
    import posixpath

    before = config.get("WorkingDir")
    config["WorkingDir"] = posixpath.normpath(posixpath.join("/", str(before or "/"), value))


def _text(key: str) -> Callable[[Config, str], None]:
    def set_text(config: Config, value: str) -> None:
        config[key] = value

    return set_text


_INSTRUCTIONS: dict[str, Callable[[Config, str], None]] = {
    "CMD": _command,
    "ENTRYPOINT": _entrypoint,
    "ENV": _environment,
    "EXPOSE": _expose,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "STOPSIGNAL": _text("StopSignal"),
    "USER": _text("User"),
    "VOLUME": _volume,
    "WORKDIR": _working_directory,
}
