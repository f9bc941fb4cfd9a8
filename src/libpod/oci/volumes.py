"""What `--volume`, `--mount` and `--tmpfs` ask for, as mounts of the OCI specification.

The texts are those of podman-run(1).
"""

from __future__ import annotations

import os
import posixpath

from libpod.errors import InvalidArgument
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Mount = dict[str, object]

PROPAGATION = ("private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable")
_BIND_OPTIONS = frozenset(
    (
        "ro", "rw", "bind", "rbind", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "z", "Z", "U", "O",
        "noatime", "relatime", "norelatime", "strictatime", "copy", "nocopy", *PROPAGATION,
    )
)  # fmt: skip
_TMPFS_FLAGS = frozenset(
    (
        "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "sync", "async", "noatime",
        "relatime", "tmpcopyup", "notmpcopyup", *PROPAGATION,
    )
)  # fmt: skip
_TMPFS_VALUES = ("size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=")
_MOUNT_TYPES = ("bind", "tmpfs", "volume", "devpts", "image")
OPTION_OF_NEW = "volume-opt="
"""Before an option of `volume create`, which counts where the volume is made for this container."""
# What belongs to the host: to give it to the user of a container would break the host.
_OF_THE_HOST = frozenset(
    (
        "/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd", "/etc/shadow", "/etc/group", "/home", "/lib",
        "/lib32", "/lib64", "/libx32", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv",
        "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local", "/usr/sbin",
        "/usr/share", "/var", "/var/cache", "/var/lib", "/var/log", "/var/run", "/var/spool", "/var/tmp",
    )
)  # fmt: skip


class NamedVolume(NamedTuple):
    """A named volume and where it goes."""

    name: str
    destination: str
    options: tuple[str, ...]


class Overlay(NamedTuple):
    """A directory of the host of which the container sees a copy that is its own for one run."""

    source: str
    destination: str
    options: tuple[str, ...]


class ImageVolume(NamedTuple):
    """An image whose root the container sees as a directory; what is *writable* is its own for one run."""

    image: str
    destination: str
    writable: bool


class Volumes(NamedTuple):
    """All that was asked for, by destination."""

    mounts: dict[str, Mount]
    named: dict[str, NamedVolume]
    overlays: Mapping[str, Overlay] = {}
    images: Mapping[str, ImageVolume] = {}

    def destinations(self) -> list[str]:
        """Every destination that the user gave, in order."""
        return [*self.mounts, *self.named, *self.overlays, *self.images]


if TYPE_CHECKING:
    Wanted = Mount | NamedVolume | Overlay | ImageVolume


def parse(volumes: Sequence[str] = (), mounts: Sequence[str] = (), tmpfs: Sequence[str] = ()) -> Volumes:
    """Parse all three kinds; InvalidArgument for a bad text, a missing source, a destination given twice."""
    found: dict[str, Wanted] = {}
    for text in volumes:
        _add(found, _volume(text), text)
    for text in mounts:
        _add(found, _mount(text), text)
    for text in tmpfs:
        destination, _, options = text.partition(":")
        _add(found, _tmpfs(destination, [part for part in options.split(",") if part], text), text)
    return Volumes(
        {place: new for place, new in found.items() if isinstance(new, dict)},
        {place: new for place, new in found.items() if isinstance(new, NamedVolume)},
        {place: new for place, new in found.items() if isinstance(new, Overlay)},
        {place: new for place, new in found.items() if isinstance(new, ImageVolume)},
    )


def _add(found: dict[str, Wanted], new: Wanted, text: str) -> None:
    destination = str(new["destination"]) if isinstance(new, dict) else new.destination
    # What is asked for twice in the same words is asked for.
    if found.setdefault(destination, new) != new:
        raise InvalidArgument(f"{text}: {destination} is mounted twice in the container")


def _volume(text: str) -> Wanted:
    parts = text.split(":")
    if len(parts) > 3 or not all(parts[:2]):
        raise InvalidArgument(f"volume {text!r} is not of the form SOURCE:DESTINATION[:OPTIONS]")
    if len(parts) == 1:
        # A path alone is an anonymous volume; its name is made when it is created.
        return NamedVolume("", _destination(parts[0], text), ())
    options = [option for option in parts[2].split(",") if option] if len(parts) == 3 else []
    destination = _destination(parts[1], text)
    if parts[0].startswith(("/", ".")):
        return _bind(os.path.abspath(parts[0]), destination, options, text)
    _check_name(parts[0], text)
    return NamedVolume(parts[0], destination, tuple(_checked(options, _BIND_OPTIONS, text, of_volume=True)))


def _check_name(name: str, text: str) -> None:
    if not all(character.isalnum() or character in "_.-" for character in name):
        raise InvalidArgument(
            f"volume {text!r}: {name!r} is neither a path nor a name", hint="a path begins with / or ."
        )


def _destination(path: str, text: str) -> str:
    if not path.startswith("/"):
        raise InvalidArgument(f"{text}: the path in the container must be absolute, not {path!r}")
    clean = posixpath.normpath(path)
    clean = "/" + clean.lstrip("/")
    if clean == "/":
        raise InvalidArgument(f"{text}: the root of the container cannot be mounted over")
    return clean


def _bind(source: str, destination: str, options: Sequence[str], text: str) -> Mount | Overlay:
    if not os.path.exists(source):
        raise InvalidArgument(f"{text}: {source}: no such file or directory", hint="make the source first")
    checked = _checked(options, _BIND_OPTIONS, text)
    if "O" in checked:
        if not os.path.isdir(source):
            raise InvalidArgument(f"{text}: only a directory can be an overlay")
        return Overlay(source, destination, tuple(checked))
    if "U" in checked:
        require_own(source, text)
    return {
        "destination": destination,
        "type": "bind",
        "source": source,
        "options": bind_options(checked),
    }


def require_own(source: str, text: str) -> None:
    """Raise InvalidArgument for a directory of the host itself, whose owner no container may change."""
    if os.path.realpath(source) in _OF_THE_HOST:
        raise InvalidArgument(
            f"{text}: the owner of {source} cannot be changed: it is the host's",
            hint="mount a directory below it",
        )


def bind_options(options: Sequence[str]) -> list[str]:
    """The options of a bind mount with what is implied: rbind, rw and rprivate, in the order of Podman."""
    wanted = [option for option in options if option not in ("copy", "nocopy")]
    if "ro" not in wanted and "rw" not in wanted:
        wanted.append("rw")
    if not set(wanted) & set(PROPAGATION):
        wanted.append("rprivate")
    if "bind" not in wanted and "rbind" not in wanted:
        wanted.append("rbind")
    return wanted


def _checked(
    options: Sequence[str], known: frozenset[str], text: str, *, of_volume: bool = False
) -> list[str]:
    for option in options:
        if option == "idmap" or option.startswith("idmap="):
            raise InvalidArgument(f"{text}: volume option idmap is not supported")
        if option not in known and not (of_volume and option.startswith(OPTION_OF_NEW)):
            raise InvalidArgument(f"{text}: unknown option {option!r}")
    for group in (
        ("ro", "rw"),
        ("z", "Z"),
        ("exec", "noexec"),
        ("dev", "nodev"),
        ("suid", "nosuid"),
        PROPAGATION,
    ):
        chosen = [option for option in options if option in group]
        if len(chosen) > 1:
            raise InvalidArgument(f"{text}: options {chosen[0]} and {chosen[1]} exclude each other")
    return list(options)


def _tmpfs(destination: str, options: Sequence[str], text: str) -> Mount:
    for option in options:
        if option not in _TMPFS_FLAGS and not option.startswith(_TMPFS_VALUES):
            raise InvalidArgument(f"{text}: unknown tmpfs option {option!r}")
    wanted = list(options)
    for default, opposite in (
        ("rw", "ro"),
        ("rprivate", ""),
        ("nosuid", "suid"),
        ("nodev", "dev"),
        ("tmpcopyup", "notmpcopyup"),
    ):
        if default not in wanted and opposite not in wanted:
            wanted.append(default)
    return {
        "destination": _destination(destination, text),
        "type": "tmpfs",
        "source": "tmpfs",
        "options": [option for option in wanted if option != "notmpcopyup"],
    }


def _mount(text: str) -> Wanted:
    """`--mount type=bind,source=…,destination=…`."""
    kind, source, destination = "volume", "", ""
    options: list[str] = []
    for part in [part for part in text.split(",") if part]:
        key, equals, value = part.partition("=")
        if key == "type":
            kind = value
        elif key in ("src", "source"):
            source = value
        elif key in ("dst", "dest", "destination", "target"):
            destination = value
        else:
            option = _mount_option(key, value, text, given=bool(equals))
            options += [option] if option else []
    if kind not in _MOUNT_TYPES:
        raise InvalidArgument(
            f"mount {text!r}: type {kind!r} is not supported", hint=f"types: {', '.join(_MOUNT_TYPES)}"
        )
    if not destination:
        raise InvalidArgument(f"mount {text!r}: it has no destination")
    return _of_kind(kind, source, destination, options, text)


def _of_kind(kind: str, source: str, destination: str, options: list[str], text: str) -> Wanted:
    if kind == "tmpfs":
        return _tmpfs(destination, options, text)
    if kind == "devpts":
        return {
            "destination": _destination(destination, text),
            "type": "devpts",
            "source": "devpts",
            "options": options,
        }
    if kind == "volume":
        if source:
            _check_name(source, text)
        return NamedVolume(
            source,
            _destination(destination, text),
            tuple(_checked(options, _BIND_OPTIONS, text, of_volume=True)),
        )
    if kind == "image":
        return _image(source, destination, options, text)
    if not source:
        raise InvalidArgument(f"mount {text!r}: a bind mount needs a source")
    return _bind(os.path.abspath(source), _destination(destination, text), options, text)


def _image(source: str, destination: str, options: Sequence[str], text: str) -> ImageVolume:
    if not source:
        raise InvalidArgument(f"mount {text!r}: an image as a volume needs a source, the image")
    unknown = [option for option in options if option not in ("ro", "rw")]
    if unknown:
        raise InvalidArgument(f"{text}: unknown option {unknown[0]!r}")
    return ImageVolume(source, _destination(destination, text), "rw" in options)


def _mount_option(key: str, value: str, text: str, *, given: bool) -> str:
    if key in ("ro", "readonly"):
        return _switch("ro", "rw", value, text, given=given)
    if key == "rw":
        return _switch("rw", "ro", value, text, given=given)
    if key == "bind-propagation":
        return value
    if key == "tmpfs-size":
        return f"size={value}"
    if key == "tmpfs-mode":
        return f"mode={value}"
    if key == "bind-nonrecursive":
        return _switch("bind", "rbind", value, text, given=given)
    if key in ("U", "chown"):
        return _switch("U", "", value, text, given=given)
    if key == "notmpcopyup" or not given:
        return key
    if key == "relabel":
        return {"shared": "z", "private": "Z"}.get(value, value)
    return f"{key}={value}"


def _switch(yes: str, no: str, value: str, text: str, *, given: bool) -> str:
    if not given or value in ("true", "1"):
        return yes
    if value in ("false", "0"):
        return no
    raise InvalidArgument(f"mount {text!r}: expected true or false, not {value!r}")
