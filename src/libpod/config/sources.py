"""Find and read the configuration: files, environment and options, each value with its origin.

Later sources win: built-in values, `containers.conf` with its drop-ins, `libpod.conf`, the file named by
`$CONTAINERS_CONF_OVERRIDE`, options. Storage settings: built-in values, `storage.conf`, `$STORAGE_DRIVER` and
`$STORAGE_OPTS`, options.

containers.conf
    root: /usr/share/containers/containers.conf, /etc/containers/containers.conf,
    /etc/containers/containers.conf.d/*.conf. A user without privileges: the same, then
    ~/.config/containers/containers.conf, and containers.conf.d/*.conf beside it.
libpod.conf
    root: /etc/containers/libpod.conf, else /usr/share/containers/libpod.conf. A user without privileges:
    ~/.config/containers/libpod.conf.
storage.conf
    see libpod.config.storage.

`$CONTAINERS_CONF` names one file that is read instead of all containers.conf and libpod.conf files above;
`$XDG_CONFIG_HOME` stands for `~/.config`. An empty string in a file leaves a setting as it was. A list whose
last element is `{append = true}` is added to the list of the files before it, here and in the files after it
(Podman 5).

This module is read at every start: plain dictionaries, and no import that can be avoided.
"""

from __future__ import annotations

import os

from libpod.config import schema, toml
from libpod.config.account import Account
from libpod.config.paths import clean
from libpod.config.schema import BUILT_IN, OPTION, checked, wrong
from libpod.errors import ConfigurationError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SYSTEM_CONFIG = "/etc/containers"
VENDOR_CONFIG = "/usr/share/containers"

GRAPH_ROOT = "/var/lib/containers/storage"
RUN_ROOT = "/run/containers/storage"
TMP_DIR = "/var/run/libpod"

BOLT_FILE = "bolt_state.db"
SQLITE_FILE = "db.sql"

# The first libpod starts from these alone when it is given a configuration file.
_EMPTY_FROM_FILE = (
    "image_default_transport",
    "runtime_path",
    "conmon_path",
    "conmon_env_vars",
    "cgroup_manager",
    "max_log_size",
    "cni_config_dirs",
    "cni_plugin_dirs",
    "hooks_dir",
)
# Keys for one directory, where the setting has several.
_SINGLE = ("cni_config_dir", "network_config_dir")


class Settings:
    """What was found: each setting's value, where it came from, and what is worth a warning.

    `values` has every key of libpod.config.schema.SETTINGS; `origin` says "built-in", "option",
    "environment", "database" or the path of a file for each; `files` are the files that were read, in order.
    """

    __slots__ = ("account", "appending", "files", "from_file", "origin", "values", "warnings")

    def __init__(self, account: Account, *, from_file: bool = False) -> None:
        self.account = account
        self.from_file = from_file
        self.values: dict[str, Any] = {key: default for key, (_, default) in schema.SETTINGS.items()}
        self.origin = dict.fromkeys(schema.SETTINGS, BUILT_IN)
        self.warnings: list[str] = []
        self.files: list[str] = []
        self.appending: set[str] = set()
        if from_file:
            for key in _EMPTY_FROM_FILE:
                self.values[key] = schema.EMPTY[schema.SETTINGS[key][0]]

    def user_set(self, key: str) -> bool:
        """Whether the caller asked for this value, by an option for *key* or one that *key* follows.

        Values from files are not such: where the database remembers another value, that one is taken, as
        Podman does (measured with Podman 4.3.1).
        """
        return self.origin[key] == OPTION

    def put(self, key: str, value: object, origin: str) -> None:
        """Set *key*; the value is as libpod.config.schema.checked returns it."""
        self.values[key] = value
        self.origin[key] = origin

    def database_kind(self) -> str:
        """The back end that was asked for: "boltdb", "sqlite" or "memory"; "" when the database found
        decides."""
        return "" if self.origin["state_type"] == BUILT_IN else str(self.values["state_type"])

    def database_candidates(self) -> list[tuple[str, str]]:
        """Kind and path of every place where the database may be, in the order in which they are looked
        at."""
        return database_candidates(self.database_kind(), self.values["graph_root"], self.values["static_dir"])


def database_candidates(kind: str, graph_root: str, static_dir: str) -> list[tuple[str, str]]:
    """Kind and path of every place for a database of *kind* ("" for any), in the order in which they are
    looked at.

    Podman 5 keeps `db.sql` in the graph root, or in the static directory where a file names that one.
    """
    places = [("sqlite", f"{root}/{SQLITE_FILE}") for root in (graph_root, static_dir) if root]
    if static_dir:
        places.append(("boltdb", f"{static_dir}/{BOLT_FILE}"))
    return [place for place in dict.fromkeys(places) if kind in ("", place[0])]


def collect(
    overrides: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    uid: int | None = None,
    *,
    config_file: str | None = None,
    create: bool = True,
) -> Settings:
    """Read the configuration of user *uid* (the caller), who works in *environment* (that of the process).

    *overrides* are options (libpod.config.RuntimeConfig.load has their table); None stands for one not given.
    With *config_file*, only that file and storage.conf are read, on top of an empty configuration. The
    runtime directory of a user without privileges is made where it is missing, unless *create* is false.

    Raises ConfigurationError for a file that cannot be used, InvalidArgument for options, environment and
    directories.
    """
    account = Account(environment, uid)
    settings = Settings(account, from_file=config_file is not None)
    if config_file is None:
        _read_usual_files(settings)
    else:
        _read_libpod_conf(settings, config_file, required="the caller named this file")
    _read_storage(settings)
    _apply_options(settings, overrides or {})
    _derive(settings, create=create)
    return settings


# ---------------------------------------------------------------- files


def _read_usual_files(settings: Settings) -> None:
    only = settings.account.get("CONTAINERS_CONF")
    if only:
        _read_containers_conf(settings, only, required="CONTAINERS_CONF names this file")
    else:
        for path, required in containers_conf_files(settings.account):
            _read_containers_conf(settings, path, required=required)
        for path in libpod_conf_files(settings.account):
            if _read_libpod_conf(settings, path):
                break
    override = settings.account.get("CONTAINERS_CONF_OVERRIDE")
    if override:
        hint = "CONTAINERS_CONF_OVERRIDE names this file"
        _read_containers_conf(settings, override, required=hint)


def containers_conf_files(account: Account) -> list[tuple[str, str]]:
    """The containers.conf files of *account* in the order of reading, with a hint where one must exist."""
    main = [f"{VENDOR_CONFIG}/containers.conf", f"{SYSTEM_CONFIG}/containers.conf"]
    if account.rootless:
        main.append(account.config_file("containers.conf"))
    found = []
    for path in main:
        found.append((path, ""))
        if path != main[0]:
            found += [(drop_in, "remove this link that leads nowhere") for drop_in in _drop_ins(path + ".d")]
    return found


def libpod_conf_files(account: Account) -> list[str]:
    """The libpod.conf files of *account*; the first that exists counts."""
    if account.rootless:
        return [account.config_file("libpod.conf")]
    return [f"{SYSTEM_CONFIG}/libpod.conf", f"{VENDOR_CONFIG}/libpod.conf"]


def _drop_ins(directory: str) -> list[str]:
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".conf"))
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        if not os.path.lexists(directory):  # a parent is no directory: nothing is there
            return []
        hint = "make it a directory that holds *.conf files, or remove it"
        raise ConfigurationError(f"{directory} is not a directory", path=directory, hint=hint) from error
    except OSError as error:
        raise ConfigurationError(f"list {directory}: {error.strerror}", path=directory) from error
    paths = [f"{directory}/{name}" for name in names]
    return [path for path in paths if not os.path.isdir(path)]


def _read_libpod_conf(settings: Settings, path: str, *, required: str = "") -> bool:
    path = _absolute(path)
    found = toml.read(path, required=required)
    if found is None:
        return False
    settings.files.append(path)
    for key, value in found.items():
        if key in schema.LIBPOD_CONF:
            # The first libpod has one directory there, later versions have a list.
            given = _listed(value) if key in (*_SINGLE, "hooks_dir") else value
            _apply(settings, schema.LIBPOD_CONF[key], given, key, path)
        elif key not in schema.IGNORED_IN_LIBPOD_CONF:
            settings.warnings.append(f"{path}: {key} is not known, ignored")
    return True


def _read_containers_conf(settings: Settings, path: str, *, required: str = "") -> None:
    path = _absolute(path)
    found = toml.read(path, required=required)
    if found is None:
        return
    settings.files.append(path)
    for table, content in found.items():
        if table in schema.CONTAINERS_CONF:
            if not isinstance(content, dict):
                raise wrong(f"[{table}]", f"must be a table, not {schema.describe(content)}", path)
            _apply_table(settings, table, content, path)
        elif table not in schema.IGNORED_TABLES:
            settings.warnings.append(f"{path}: table [{table}] is not known, ignored")


def _apply_table(settings: Settings, table: str, content: Mapping[str, object], path: str) -> None:
    names, ignored = schema.CONTAINERS_CONF[table], schema.IGNORED_IN_CONTAINERS_CONF.get(table)
    for key, value in content.items():
        label = f"[{table}] {key}"
        if key == "network_config_dir" and _backend(settings, content) == "netavark":
            continue  # networks of another format
        if key in names:
            _apply(settings, names[key], _listed(value) if key in _SINGLE else value, label, path)
        elif ignored is not None and key not in ignored:
            settings.warnings.append(f"{path}: {label} is not known, ignored")


def _backend(settings: Settings, content: Mapping[str, object]) -> object:
    return content.get("network_backend") or settings.values["network_backend"]


def _apply(settings: Settings, key: str, value: object, label: str, path: str) -> None:
    """Set *key* to a value of a file; an empty string leaves it as it is."""
    if value == "":
        return
    if isinstance(value, list):
        value = _without_attributes(settings, key, value, label, path)
    found = checked(key, value, label, path)
    if key == "runtimes":
        found = {**settings.values[key], **found}
    elif key in settings.appending:
        found = settings.values[key] + found
    settings.put(key, found, path)


def _without_attributes(
    settings: Settings, key: str, value: list[object], label: str, path: str
) -> list[object]:
    """Take the attribute `{append = true}` out of a list and note it."""
    items = []
    for item in value:
        if not isinstance(item, dict):
            items.append(item)
        elif set(item) == {"append"} and isinstance(item["append"], bool):
            (settings.appending.add if item["append"] else settings.appending.discard)(key)
        else:
            problem = "holds a table; only {append = true} or {append = false} may stand in a list"
            raise wrong(label, problem, path)
    return items


def _listed(value: object) -> object:
    """A list of the one text."""
    return [value] if isinstance(value, str) and value else value


def _absolute(path: str) -> str:
    return clean(path if path.startswith("/") else os.path.join(os.getcwd(), path))


# ---------------------------------------------------------------- storage, options


def _read_storage(settings: Settings) -> None:
    from libpod.config import storage

    storage.read(settings)


def _apply_options(settings: Settings, overrides: Mapping[str, object]) -> None:
    given = {name: value for name, value in overrides.items() if value is not None}
    storage = given.pop("storage_config", None)
    if storage is not None:
        # An empty value in a storage configuration stands for one not given.
        given = {**{key: value for key, value in schema.storage_options(storage).items() if value}, **given}
    for name, value in given.items():
        key = schema.OPTIONS.get(name, name)
        if key not in schema.SETTINGS or key == "runtime_dir":
            raise InvalidArgument(f"there is no option {name}", hint="RuntimeConfig.load names all options")
        settings.put(key, checked(key, schema.option_value(key, value), name, OPTION), OPTION)
    _apply_storage_options(settings)


def _apply_storage_options(settings: Settings) -> None:
    """An option for the root or the driver drops the driver's options of storage.conf, as podman(1) says."""
    key = "graph_driver_options"
    if settings.user_set(key):
        settings.put(key, tuple(filter(None, settings.values[key])), OPTION)
    elif settings.user_set("graph_root") or settings.user_set("graph_driver_name"):
        settings.put(key, (), OPTION)


# ---------------------------------------------------------------- what follows from other settings


def _derive(settings: Settings, *, create: bool) -> None:
    values = settings.values
    if values["database_backend"] and not settings.user_set("state_type"):
        settings.put("state_type", values["database_backend"], settings.origin["database_backend"])
    if not values["graph_root"]:
        values["graph_root"] = _default_graph_root(settings.account)
    _follow_graph_root(settings, "static_dir", "libpod")
    _follow_graph_root(settings, "volume_path", "volumes")
    if settings.account.rootless:
        _derive_rootless(settings, create=create)
    if not values["run_root"]:
        values["run_root"] = RUN_ROOT
    if not values["tmp_dir"] and not settings.from_file:
        values["tmp_dir"] = TMP_DIR


def _default_graph_root(account: Account) -> str:
    return f"{account.data_directory()}/containers/storage" if account.rootless else GRAPH_ROOT


def _follow_graph_root(settings: Settings, key: str, name: str) -> None:
    """Put *key* below the graph root, unless an option says otherwise or a file does and no option moves the
    root."""
    if settings.user_set(key) or (settings.values[key] and not settings.user_set("graph_root")):
        return
    if settings.from_file and key == "static_dir" and not settings.user_set("graph_root"):
        return  # the first libpod leaves it empty
    origin = OPTION if settings.user_set("graph_root") else BUILT_IN
    settings.put(key, clean(f"{settings.values['graph_root']}/{name}"), origin)


def _derive_rootless(settings: Settings, *, create: bool) -> None:
    values = settings.values
    if values["cgroup_manager"] and settings.origin["cgroup_manager"] == BUILT_IN:
        # Podman's choice as well: only systemd can give control groups to a user.
        from libpod.config.session import has_systemd

        if has_systemd(settings.account.environment):
            values["cgroup_manager"] = "systemd"
    wanted = {"run_root": "containers", "tmp_dir": "libpod/tmp"}
    missing = [key for key in wanted if not values[key]]
    if not missing:
        return
    from libpod.config.rootless import runtime_directory

    values["runtime_dir"] = runtime_directory(settings.account, create=create)
    for key in missing:
        if key != "tmp_dir" or not settings.from_file:
            values[key] = f"{values['runtime_dir']}/{wanted[key]}"
