"""registries.conf(5): where images with a short name are searched, and what is said about each registry.

The user's file, else the system's; then the drop-ins of both, except that a user's file hides those of the
system. `CONTAINERS_REGISTRIES_CONF`, and for Podman's sake `REGISTRIES_CONFIG_PATH`, name another file.
Version 1 (`[registries.search]`, `.insecure`, `.block`) is understood in the main file, version 2 everywhere.

skopeo reads the same files for mirrors, blocked and insecure registries; it does not resolve short names.
"""

from __future__ import annotations

import os

from libpod.errors import ConfigurationError, DecodeError, InvalidArgument
from libpod.images import reference
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from libpod.config.account import Account
    from libpod.images.reference import Reference

    Data = dict[str, object]

FILE_NAME: Final = "registries.conf"
SYSTEM_FILE: Final = "/etc/containers/registries.conf"
CACHE_NAME: Final = "short-name-aliases.conf"
SYSTEM_CACHE: Final = "/var/cache/containers/short-name-aliases.conf"
VARIABLES: Final = ("CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH")
MODES: Final = ("enforcing", "permissive", "disabled")


class Mirror(NamedTuple):
    """A place that is asked before the registry itself."""

    location: str
    insecure: bool
    pull_from: str


class Registry(NamedTuple):
    """What is said about the names that begin with *prefix*."""

    prefix: str
    location: str
    insecure: bool
    blocked: bool
    mirrors: tuple[Mirror, ...]
    source: str
    """The file."""


class Alias(NamedTuple):
    """The full name that a short one stands for, and the file that says so."""

    name: str
    source: str


class Registries:
    """All that the files say; empty without files."""

    def __init__(self) -> None:
        self.search: list[str] = []
        """Registries that are searched for short names, in this order."""
        self.registries: dict[str, Registry] = {}
        self.aliases: dict[str, Alias] = {}
        self.mode = "permissive"
        self.main_file = ""

    # ------------------------------------------------------------ reading

    def add(self, path: str, data: Data, *, drop_in: bool = False) -> None:
        """Put what the file at *path* says over what earlier ones said. DecodeError, ConfigurationError."""
        old, new = "registries" in data, bool(_VERSION_2 & data.keys())
        if old and (new or drop_in):
            why = "a drop-in must be of version 2" if drop_in else "versions 1 and 2 are mixed"
            raise ConfigurationError(f"{path}: {why}", path=path, hint="see containers-registries.conf(5)")
        if old:
            self._add_old(path, _table(data, "registries", path))
        if "unqualified-search-registries" in data:
            self.search = _names(data, "unqualified-search-registries", path)
        self._add_mode(path, data.get("short-name-mode"))
        self._add_aliases(path, _table(data, "aliases", path))
        for entry in _tables(data, "registry", path):
            found = _registry(entry, path)
            self.registries[found.prefix] = found

    def _add_old(self, path: str, table: Data) -> None:
        def names(kind: str) -> list[str]:
            return _names(_table(table, kind, path), "registries", path)

        self.search = names("search")
        insecure, blocked = names("insecure"), names("block")
        for name in dict.fromkeys([*insecure, *blocked]):
            self.registries[name] = Registry(name, name, name in insecure, name in blocked, (), path)

    def _add_mode(self, path: str, mode: object) -> None:
        if mode is None or mode == "":
            return
        if mode not in MODES:
            raise ConfigurationError(
                f"{path}: short-name-mode {mode!r} is unknown", path=path, hint=f"modes: {', '.join(MODES)}"
            )
        self.mode = str(mode)

    def _add_aliases(self, path: str, table: Data) -> None:
        for name, value in table.items():
            if not isinstance(value, str):
                raise DecodeError(f"{path}: alias {name}: expected a name", source=path, key=name)
            self.aliases.pop(name, None)
            if value:
                self.aliases[name] = Alias(value, path)

    # ------------------------------------------------------------ answers

    @property
    def insecure(self) -> list[str]:
        """The names, as the files have them, of registries that need no TLS."""
        return [found.prefix for found in self.registries.values() if found.insecure]

    def find(self, name: str) -> Registry | None:
        """What is said about a full name: the entry with the longest prefix of it."""
        matching = [found for found in self.registries.values() if _matches(found.prefix, name)]
        return max(matching, key=lambda found: len(found.prefix), default=None)

    def alias(self, name: str) -> Alias | None:
        """What the short *name*, without tag and digest, stands for."""
        return self.aliases.get(name)


_VERSION_2 = frozenset(
    (
        "unqualified-search-registries", "registry", "credential-helpers", "short-name-mode", "aliases",
    )
)  # fmt: skip


def _matches(prefix: str, name: str) -> bool:
    if prefix.startswith("*."):
        host = name.partition("/")[0]
        return host.endswith(prefix[1:]) or f"{prefix[1:]}/" in f"{name}/"
    return name.startswith(prefix) and name[len(prefix) : len(prefix) + 1] in ("", "/", ":", "@")


def _registry(entry: Data, path: str) -> Registry:
    location, prefix = _text(entry, "location", path), _text(entry, "prefix", path)
    if not location and not prefix.startswith("*."):
        raise ConfigurationError(f"{path}: [[registry]] {prefix} has no location", path=path)
    mirrors = tuple(
        Mirror(
            _text(mirror, "location", path),
            mirror.get("insecure") is True,
            _text(mirror, "pull-from-mirror", path) or "all",
        )
        for mirror in _tables(entry, "mirror", path)
    )
    insecure, blocked = entry.get("insecure") is True, entry.get("blocked") is True
    return Registry(prefix or location, location, insecure, blocked, mirrors, path)


def _table(data: Data, key: str, path: str) -> Data:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise DecodeError(f"{path}: {key}: expected a table", source=path, key=key)
    return table


def _tables(data: Data, key: str, path: str) -> list[Data]:
    entries = data.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DecodeError(f"{path}: [[{key}]]: expected a table", source=path, key=key)
    return entries


def _names(data: Data, key: str, path: str) -> list[str]:
    names = data.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DecodeError(f"{path}: {key}: expected a list of names", source=path, key=key)
    return [name.rstrip("/") for name in names]


def _text(data: Data, key: str, path: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise DecodeError(f"{path}: {key}: expected text", source=path, key=key)
    return value.rstrip("/")


# ---------------------------------------------------------------- files


def main_file(account: Account) -> str:
    """The file that goes before the drop-ins; it need not exist."""
    for variable in VARIABLES:
        if account.get(variable):
            return account.get(variable)
    own = account.config_file(FILE_NAME)
    return own if os.path.exists(own) else SYSTEM_FILE


def files(account: Account) -> Iterator[str]:
    """Every file that is read, in order: later ones go before earlier ones."""
    main, own = main_file(account), account.config_file(FILE_NAME)
    yield main
    if main != own:
        yield from _drop_ins(SYSTEM_FILE)
    yield from _drop_ins(own)


def _drop_ins(main: str) -> list[str]:
    directory = f"{main}.d"
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return [f"{directory}/{name}" for name in sorted(names) if name.endswith(".conf")]


def load(account: Account) -> Registries:
    """Read all files. Raises ConfigurationError, DecodeError and FileError naming the file."""
    from libpod.config import toml

    found = Registries()
    found.main_file = main_file(account)
    for path in files(account):
        found.add(path, toml.read(path) or {}, drop_in=path != found.main_file)
    cache = cache_file(account)
    found.aliases.update(_cached(cache, toml.read(cache) or {}))
    return found


def cache_file(account: Account) -> str:
    """Where Podman keeps the short names that a user has decided about."""
    if not account.rootless:
        return SYSTEM_CACHE
    cache = account.get("XDG_CACHE_HOME") or f"{account.home()}/.cache"
    return f"{cache}/containers/{CACHE_NAME}"


def _cached(path: str, data: Data) -> dict[str, Alias]:
    table = _table(data, "aliases", path)
    return {name: Alias(value, path) for name, value in table.items() if isinstance(value, str) and value}


# ---------------------------------------------------------------- short names


class Candidates(NamedTuple):
    """What a name may mean, in the order in which it is tried; *note* tells people why, if not empty."""

    references: list[Reference]
    note: str


def candidates(found: Registries, text: str, *, terminal: bool = False) -> Candidates:
    """The full names under which *text* may be pulled.

    A full name means itself. A short one is an alias, or is searched on the registries of the files. In mode
    `enforcing` more than one of those need somebody to choose: InvalidArgument, unless *terminal* is set.
    """
    given = reference.parse(text)
    if not given.is_short:
        return Candidates([given.complete()], "")
    alias = None if found.mode == "disabled" else found.alias(given.path)
    if alias is not None:
        full = reference.parse(alias.name)._replace(tag=given.tag, digest=given.digest)
        return Candidates([full.complete()], f'Resolved "{given.path}" as an alias ({alias.source})')
    if not found.search:
        raise InvalidArgument(
            f'short-name "{text}" did not resolve to an alias and no unqualified-search registries are'
            f' defined in "{found.main_file}"',
            hint=f"give the full name, such as docker.io/library/{given.path}, or set"
            f" unqualified-search-registries in {found.main_file}",
        )
    if found.mode == "enforcing" and len(found.search) > 1 and not terminal:
        raise InvalidArgument(
            f'short-name "{text}" may be on any of {", ".join(found.search)}, and the short-name-mode of'
            f" {found.main_file} is enforcing",
            hint="give the full name",
        )
    references = [given.on(registry).complete() for registry in found.search]
    return Candidates(
        references, f'Resolving "{given.path}" using unqualified-search registries ({found.main_file})'
    )


def local_names(found: Registries, text: str) -> list[str]:
    """The names under which the image that *text* means may be in the store, in the order of Podman."""
    given = reference.parse(text)
    if not given.is_short:
        return [str(given.complete()), str(given if given.tag or given.digest else given.complete())]
    possible = [given.on(reference.LOCALHOST)]
    alias = found.alias(given.path)
    if alias is not None:
        possible.append(reference.parse(alias.name)._replace(tag=given.tag, digest=given.digest))
    possible += [given.on(registry) for registry in (*found.search, reference.DOCKER_HUB)]
    return list(dict.fromkeys(str(one.complete()) for one in possible))
