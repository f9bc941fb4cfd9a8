"""Networks: the configuration lists that describe them, and the directories where these are.

A file is a list (`.conflist`, with `plugins`) or a single plugin (`.conf`, `.json`, with `type`), which is
taken for a list of one. Files are read in the byte-wise order of their names. Of two networks with one name
the first counts. The format is that of the CNI specification 0.1.0 to 1.0.0.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re

from libpod.errors import DecodeError, FileError, LibpodError, NoSuchNetwork
from libpod.host import files, jsonutil
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Plugin = Mapping[str, object]

LIST_SUFFIX = ".conflist"
SUFFIXES = (LIST_SUFFIX, ".conf", ".json")
FIRST_VERSION = "0.1.0"
"""What a configuration without `cniVersion` means."""
LARGEST_FILE = 1 << 20
BUILT_IN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "default.conflist")
"""The bridge for hosts that have no configuration: Podman's own default, so that both mean the same by it."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


class Network(NamedTuple):
    """One configuration list."""

    name: str
    version: str
    """`cniVersion`."""
    plugins: tuple[Plugin, ...]
    text: bytes
    """The list as JSON."""
    path: str = ""
    """The file; empty for a list that was remembered."""
    check_disabled: bool = False

    @property
    def id(self) -> str:
        """What Podman gives networks of CNI for an ID: the SHA-256 of the name."""
        return hashlib.sha256(self.name.encode()).hexdigest()

    def has_capability(self, name: str) -> bool:
        """Whether a plugin takes this value at run time."""
        return any(capabilities(plugin).get(name) is True for plugin in self.plugins)


def capabilities(plugin: Plugin) -> Mapping[str, object]:
    """The values that a plugin takes at run time, by their name."""
    found = plugin.get("capabilities")
    return found if isinstance(found, dict) else {}


def is_name(text: str) -> bool:
    """Whether *text* can be the name of a network."""
    return _NAME.fullmatch(text) is not None


def is_at_least(version: str, wanted: str) -> bool:
    """Whether a version of the specification is *wanted* or a later one."""
    return _numbers(version) >= _numbers(wanted)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


# ---------------------------------------------------------------- one file


def parse(text: bytes, source: str, *, single: bool = False, path: str = "") -> Network:
    """The network in *text*; DecodeError, naming *source* and the key, for what is none.

    *single*: the text is one plugin, not a list.
    """
    found = jsonutil.loads_object(text, source)
    if single and "plugins" not in found:
        found = {
            "cniVersion": found.get("cniVersion", FIRST_VERSION),
            "name": found.get("name"),
            "plugins": [found],
        }
        text = jsonutil.dumps(found)
    name = jsonutil.get_str(found, "name", source=source)
    if not is_name(name):
        raise DecodeError(
            f"{source}: name: {name!r} cannot be the name of a network", source=source, key="name"
        )
    return Network(
        name,
        _version(found, source),
        tuple(_plugins(found, source)),
        text,
        path,
        bool(jsonutil.get_bool(found, "disableCheck", None, source=source)),
    )


def _version(found: Mapping[str, object], source: str) -> str:
    version = jsonutil.get_str(found, "cniVersion", "", source=source) or FIRST_VERSION
    if not _VERSION.fullmatch(version):
        raise DecodeError(f"{source}: cniVersion: {version!r} is no version", source=source, key="cniVersion")
    return version


def _plugins(found: Mapping[str, object], source: str) -> list[Plugin]:
    plugins: list[Plugin] = []
    for number, plugin in enumerate(jsonutil.get_list(found, "plugins", source=source)):
        place = f"{source}: plugins[{number}]"
        if not isinstance(plugin, dict):
            raise DecodeError(f"{place}: expected an object", source=source, key="plugins")
        kind = jsonutil.get_str(plugin, "type", source=place)
        if not _NAME.fullmatch(kind):
            # It becomes the name of a program.
            raise DecodeError(f"{place}: type: {kind!r} is no plugin", source=source, key="type")
        plugins.append(plugin)
    if not plugins:
        raise DecodeError(f"{source}: there are no plugins in it", source=source, key="plugins")
    return plugins


def read(path: str) -> Network:
    """The network in the file *path*. FileError, DecodeError."""
    text = files.read_bytes(path, limit=LARGEST_FILE)
    return parse(text, path, single=not path.endswith(LIST_SUFFIX), path=path)


# ---------------------------------------------------------------- all of them


class Networks:
    """The networks of a host: those in *directories*, and the built-in one.

    *default_name* pins the default network; otherwise it is the first one. *warn* gets a line for each file
    that cannot be used.
    """

    def __init__(
        self,
        directories: Sequence[str],
        *,
        default_name: str = "",
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.directories = tuple(directories)
        self._default_name = default_name
        self._warn = warn
        self._found: dict[str, Network] | None = None

    def all(self) -> list[Network]:
        """Every network in the order of their files; the built-in one last, unless a file has its name."""
        found = list(self._files().values())
        built_in = read(BUILT_IN)
        return found if built_in.name in self._files() else [*found, built_in]

    def default(self) -> Network:
        """The network of a container that asks for none by name. NoSuchNetwork for a pinned name."""
        return self.find(self._default_name) if self._default_name else self.all()[0]

    def find(self, name: str) -> Network:
        """The network with this name, or the ID of which this is the only beginning. NoSuchNetwork."""
        networks = self.all()
        for network in networks:
            if network.name == name:
                return network
        found = [network for network in networks if name and network.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        places = " or ".join(self.directories)
        known = ", ".join(sorted(network.name for network in networks))
        raise NoSuchNetwork(
            name, f"no such network: {name} is not in {places}", hint=f"networks of this host: {known}"
        )

    def _files(self) -> dict[str, Network]:
        if self._found is None:
            self._found = {}
            for path in self._paths():
                try:
                    self._add(read(path))
                except LibpodError as error:
                    self._warn(f"{error.message}; the file is skipped")
        return self._found

    def _add(self, network: Network) -> None:
        assert self._found is not None
        first = self._found.setdefault(network.name, network)
        if first is not network:
            self._warn(
                f"{network.path}: network {network.name} is in {first.path} already; the file is skipped"
            )

    def _paths(self) -> list[str]:
        paths: list[str] = []
        for directory in self.directories:
            names = sorted(self._names(directory), key=os.fsencode)
            paths += [os.path.join(directory, name) for name in names if name.endswith(SUFFIXES)]
        return [path for path in paths if not os.path.isdir(path)]

    def _names(self, directory: str) -> list[str]:
        try:
            return files.list_directory(directory)
        except FileError as error:
            if error.errno != errno.ENOENT:
                self._warn(error.message)
            return []
