"""storage.conf: where images and container layers are (containers-storage.conf(5), containers/storage 1.43).

One file counts, files are not merged: `$CONTAINERS_STORAGE_CONF`, else
`$XDG_CONFIG_HOME/containers/storage.conf`, else `/etc/containers/storage.conf`, else
`/usr/share/containers/storage.conf`. For a user without privileges their own file comes before the system's;
of the system's file only the driver, its options and `rootless_storage_path` concern them.

`$NAME` in paths is replaced by the variable of the environment, `$UID` by the user's ID. A table that we do
not know is worth a warning, as there.
"""

from __future__ import annotations

import os.path

from libpod.config import toml
from libpod.config.paths import clean, expand
from libpod.config.schema import ENVIRONMENT, describe, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.config.account import Account
    from libpod.config.sources import Settings

SYSTEM_FILES = ("/etc/containers/storage.conf", "/usr/share/containers/storage.conf")
SUBORDINATE_IDS = {"uid": "/etc/subuid", "gid": "/etc/subgid"}

ROOTLESS_DRIVERS = ("btrfs", "overlay", "overlay2", "vfs")
"""Drivers of the system's file that a user without privileges may take."""

DRIVER_OPTIONS: dict[str, tuple[str, ...]] = {
    "overlay": (
        "ignore_chown_errors",
        "mount_program",
        "mountopt",
        "size",
        "inodes",
        "skip_mount_home",
        "force_mask",
    ),
    "vfs": ("ignore_chown_errors",),
    "btrfs": ("min_space", "size"),
    "zfs": ("fsname", "mountopt", "size"),
}
"""Keys of `[storage.options.DRIVER]` that become options of the driver, in its order."""

_IN_STORAGE = frozenset(
    (
        "driver",
        "driver_priority",
        "graphroot",
        "imagestore",
        "rootless_storage_path",
        "runroot",
        "transient_store",
    )
)
_IN_OPTIONS = frozenset(
    (
        "additionalimagestores",
        "additionallayerstores",
        "auto-userns-max-size",
        "auto-userns-min-size",
        "disable-volatile",
        "force_mask",
        "fsname",
        "ignore_chown_errors",
        "inodes",
        "min_space",
        "mount_program",
        "mountopt",
        "remap-gids",
        "remap-group",
        "remap-uids",
        "remap-user",
        "root-auto-userns-user",
        "size",
        "skip_mount_home",
    )
)
_OPTION_TABLES = frozenset(("aufs", "btrfs", "overlay", "pull_options", "thinpool", "vfs", "zfs"))


class StorageFile:
    """The tables of one storage.conf, with typed access; errors name the file and the key."""

    def __init__(self, path: str, tables: Mapping[str, object]) -> None:
        self.path = path
        self.storage = self.table(tables, "storage", "")
        self.options = self.table(self.storage, "options", "storage.")

    def table(self, parent: Mapping[str, object], key: str, prefix: str) -> Mapping[str, object]:
        """The table *key* of *parent*; an empty one where it is missing."""
        value = parent.get(key, {})
        if not isinstance(value, dict):
            raise wrong(f"[{prefix}{key}]", f"must be a table, not {describe(value)}", self.path)
        return value

    def text(self, table: Mapping[str, object], key: str) -> str:
        """The string *key* of *table*; "" where it is missing."""
        value = table.get(key, "")
        if not isinstance(value, str):
            raise wrong(key, f"must be a string, not {describe(value)}", self.path)
        return value

    def texts(self, table: Mapping[str, object], key: str) -> list[str]:
        """The list of strings *key* of *table*; empty where it is missing."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise wrong(key, f"must be a list of strings, not {describe(value)}", self.path)
        return value

    def number(self, table: Mapping[str, object], key: str) -> int:
        """The whole number *key* of *table*; 0 where it is missing."""
        value = table.get(key, 0)
        if type(value) is not int or value < 0:
            raise wrong(key, f"must be a whole number, not {describe(value)}", self.path)
        return value

    def location(self, key: str, account: Account) -> str:
        """The directory *key*: variables replaced, symbolic links resolved."""
        text = self.text(self.storage, key)
        if not text:
            return ""
        variables = {**account.environment, "UID": str(account.uid)}
        if "HOME" in text:
            variables["HOME"] = account.home()
        try:
            path = expand(text, variables)
        except KeyError as error:
            problem = f"holds ${error.args[0]}, which is not set in the environment"
            raise wrong(key, problem, self.path, "set the variable, or write the path out") from error
        if not path.startswith("/") or "\0" in path:
            raise wrong(key, f"must be an absolute path, not {path}", self.path)
        return os.path.realpath(clean(path))


def read(settings: Settings) -> None:
    """Put the storage settings of the files and of the environment into *settings*.

    Raises ConfigurationError for a file that cannot be used.
    """
    account = settings.account
    file, is_own = find(account)
    if file is not None:
        settings.files.append(file.path)
        settings.warnings += _unknown(file)
        if account.rootless and not is_own:
            _apply_for_rootless(settings, file)
        else:
            _apply(settings, file)
    _apply_environment(settings)


def find(account: Account) -> tuple[StorageFile | None, bool]:
    """The file that counts for *account*, and whether it is the user's own choice."""
    named = account.get("CONTAINERS_STORAGE_CONF")
    if named:
        named = os.path.abspath(named)
        return StorageFile(
            named, toml.read(named, required="CONTAINERS_STORAGE_CONF names this file") or {}
        ), True
    own = [account.config_file("storage.conf")] if account.rootless or account.get("XDG_CONFIG_HOME") else []
    for path in (*own, *SYSTEM_FILES):
        tables = toml.read(path)
        if tables is not None:
            return StorageFile(path, tables), path in own
    return None, False


def _apply(settings: Settings, file: StorageFile) -> None:
    account = settings.account
    graph_root = file.location("graphroot", account)
    if not graph_root and account.rootless:
        graph_root = file.location("rootless_storage_path", account)
    _put(settings, "graph_root", graph_root, file.path)
    _put(settings, "run_root", file.location("runroot", account), file.path)
    driver = settings.account.get("STORAGE_DRIVER") or file.text(file.storage, "driver")
    _put(settings, "graph_driver_name", _driver(settings, driver, file.path), file.path)
    _put(settings, "graph_driver_options", driver_options(file, driver), file.path)
    _put(settings, "uid_map", id_map(file, "uid", "user"), file.path)
    _put(settings, "gid_map", id_map(file, "gid", "group"), file.path)
    _put(settings, "auto_userns_user", file.text(file.options, "root-auto-userns-user"), file.path)
    for side in ("min", "max"):
        size = file.number(file.options, f"auto-userns-{side}-size")
        _put(settings, f"auto_userns_{side}_size", size, file.path)


def _apply_for_rootless(settings: Settings, file: StorageFile) -> None:
    _put(settings, "graph_root", file.location("rootless_storage_path", settings.account), file.path)
    driver = settings.account.get("STORAGE_DRIVER") or file.text(file.storage, "driver")
    if driver in ROOTLESS_DRIVERS:
        _put(settings, "graph_driver_name", _driver(settings, driver, file.path), file.path)
        _put(settings, "graph_driver_options", driver_options(file, driver), file.path)


def _put(settings: Settings, key: str, value: object, origin: str) -> None:
    if value:
        settings.put(key, value, origin)


def _driver(settings: Settings, name: str, origin: str) -> str:
    if name != "overlay2":
        return name
    settings.warnings.append(f"{origin}: storage driver overlay2 is another name for overlay, which is used")
    return "overlay"


def _apply_environment(settings: Settings) -> None:
    """`$STORAGE_DRIVER` replaces the driver; `$STORAGE_OPTS`, separated by commas, replaces all options.

    For a user without privileges the options are added.
    """
    driver = settings.account.get("STORAGE_DRIVER")
    if driver:
        settings.put("graph_driver_name", _driver(settings, driver, "STORAGE_DRIVER"), ENVIRONMENT)
    if "STORAGE_OPTS" in settings.account.environment:
        options = tuple(filter(None, settings.account.get("STORAGE_OPTS").split(",")))
        if settings.account.rootless:
            options = settings.values["graph_driver_options"] + options
        settings.put("graph_driver_options", options, ENVIRONMENT)


def driver_options(file: StorageFile, driver: str) -> tuple[str, ...]:
    """The options of *driver* in *file* as containers/storage words them: `overlay.mountopt=nodev`.

    A key in `[storage.options.overlay]` goes before the same key in `[storage.options]`.
    """
    prefix = "overlay" if driver == "overlay2" else driver
    found = [f"{driver}.imagestore={path}" for path in file.texts(file.options, "additionalimagestores")]
    layers = file.texts(file.options, "additionallayerstores")
    found += [f"{driver}.additionallayerstore={path}" for path in layers]
    own = file.table(file.options, prefix, "storage.options.") if prefix else {}
    for key in DRIVER_OPTIONS.get(prefix, ()):
        value = file.text(own, key) or file.text(file.options, key)
        if value:
            found.append(f"{driver}.{key}={value}")
    return tuple(found)


def id_map(file: StorageFile, kind: str, who: str) -> tuple[tuple[int, int, int], ...]:
    """The map of *kind* "uid" or "gid": from `remap-user` and the subordinate IDs, else from `remap-uids`.

    Returns (container ID, host ID, size) for each range.
    """
    name = file.text(file.options, f"remap-{who}") or file.text(file.options, "remap-user")
    if name:
        return _subordinate_map(file, f"remap-{who}", SUBORDINATE_IDS[kind], name)
    text = file.text(file.options, f"remap-{kind}s")
    return tuple(_range(file, f"remap-{kind}s", part) for part in text.split(",")) if text else ()


def _range(file: StorageFile, key: str, text: str) -> tuple[int, int, int]:
    fields = text.strip().split(":")
    if len(fields) != 3 or not all(field.isascii() and field.isdigit() for field in fields):
        raise wrong(key, f'must be "container ID:host ID:size", not {text}', file.path)
    return int(fields[0]), int(fields[1]), int(fields[2])


def _subordinate_map(file: StorageFile, key: str, path: str, name: str) -> tuple[tuple[int, int, int], ...]:
    """All ranges of *name* in subuid(5), one after the other from container ID 0 on."""
    from libpod.host.files import read_text

    found: list[tuple[int, int, int]] = []
    for line in read_text(path).splitlines():
        owner, _, numbers = line.partition(":")
        if owner == name:
            _, host, size = _range(file, f"{path}, {key}", f"0:{numbers}")
            found.append((sum(entry[2] for entry in found), host, size))
    if not found:
        raise wrong(key, f"names {name}, who has no range in {path}", file.path, f"add {name} to {path}")
    return tuple(found)


def _unknown(file: StorageFile) -> list[str]:
    """A warning for each key that containers/storage does not know either."""
    names = [key for key in file.storage if key != "options" and key not in _IN_STORAGE]
    for key, value in file.options.items():
        if isinstance(value, dict) and key in _OPTION_TABLES:
            known = DRIVER_OPTIONS.get(key)
            names += [f"options.{key}.{name}" for name in value if known and name not in known]
        elif key not in _IN_OPTIONS:
            names.append(f"options.{key}")
    return [f"{file.path}: [storage] {name} is not known, ignored" for name in names]
