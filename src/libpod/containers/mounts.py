"""The volumes, binds and temporary file systems that a container's user asked for."""

from __future__ import annotations

from libpod.containers.fields import Fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.containers.items import Item

    Object = dict[str, object]

_PROPAGATIONS = frozenset(
    ("shared", "private", "unbindable", "slave", "rshared", "rprivate", "runbindable", "rslave")
)
_DEFAULT_DRIVER = "local"


def user_mounts(config: Fields, spec: Fields) -> tuple[list[Fields], list[Fields]]:
    """The named volumes and the spec's other mounts that stand in `userVolumes`, in that order."""
    volumes = {_clean(item.text("dest")): item for item in config.children("namedVolumes")}
    others = {_clean(item.text("destination")): item for item in spec.children("mounts")}
    named, mounted = [], []
    for place in map(_clean, config.texts("userVolumes")):
        if place in volumes:
            named.append(volumes[place])
        elif place in others:
            mounted.append(others[place])
    return named, mounted


def _clean(path: str) -> str:
    return path.rstrip("/") or "/"


def inspected(config: Fields, spec: Fields, volumes: Mapping[str, Item]) -> list[Object]:
    """The section `Mounts`: volumes, images, then binds. *volumes* are those of the database, by name."""
    named, mounted = user_mounts(config, spec)
    return [
        *(_volume(item, volumes) for item in named),
        *map(_image, config.children("ctrImageVolumes")),
        *(_bind(item) for item in mounted if item.text("type") == "bind"),
    ]


def _image(item: Fields) -> Object:
    return {
        "Type": "image",
        "Source": item.text("source"),
        "Destination": item.text("dest"),
        "Driver": "",
        "Mode": "",
        "Options": None,
        "RW": item.flag("rw"),
        "Propagation": "",
    }


def _volume(item: Fields, volumes: Mapping[str, Item]) -> Object:
    name = item.text("volumeName")
    volume = volumes.get(name)
    source, driver = "", _DEFAULT_DRIVER
    if volume is not None:
        source = volume.state.text("mountPoint") or volume.config.text("mountPoint")
        driver = volume.config.text("volumeDriver") or driver
    return {
        "Type": "volume",
        "Name": name,
        "Source": source,
        "Destination": item.text("dest"),
        "Driver": driver,
        **_options(item.texts("options")),
    }


def _bind(item: Fields) -> Object:
    return {
        "Type": "bind",
        "Source": item.text("source"),
        "Destination": item.text("destination"),
        "Driver": "",
        **_options(item.texts("options")),
    }


def _options(options: list[str]) -> Object:
    """Mount options split into label mode, writability, propagation and the rest; the last of a kind wins."""
    mode, propagation, writable = "", "", True
    rest = []
    for option in options:
        if option in ("ro", "rw"):
            writable = option == "rw"
        elif option in ("z", "Z"):
            mode = option
        elif option in _PROPAGATIONS:
            propagation = option
        else:
            rest.append(option)
    return {"Mode": mode, "Options": rest, "RW": writable, "Propagation": propagation}


def binds(config: Fields, spec: Fields) -> list[str]:
    """The entries of `Binds`: SOURCE:DESTINATION:OPTIONS of volumes and binds."""
    named, mounted = user_mounts(config, spec)
    places = [(item.text("volumeName"), item.text("dest"), item.texts("options")) for item in named]
    places += [
        (item.text("source"), item.text("destination"), item.texts("options"))
        for item in mounted
        if item.text("type") == "bind"
    ]
    return [":".join(filter(None, (source, inside, ",".join(options)))) for source, inside, options in places]


def tmpfs(config: Fields, spec: Fields) -> dict[str, str]:
    """Temporary file systems by their place, with their options."""
    _named, mounted = user_mounts(config, spec)
    return {
        item.text("destination"): ",".join(item.texts("options"))
        for item in mounted
        if item.text("type") == "tmpfs"
    }
