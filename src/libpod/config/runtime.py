"""The configuration of a runtime, fixed once it is read."""

from __future__ import annotations

from enum import Enum

from libpod.config import programs, sources
from libpod.config.paths import same_path
from libpod.config.schema import BUILT_IN, DATABASE, OPTION, SETTINGS
from libpod.errors import InvalidArgument
from libpod.values import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class StateType(Enum):
    """Where the state of containers and pods is kept."""

    IN_MEMORY = "memory"
    SQLITE = "sqlite"
    BOLTDB = "boltdb"


class StoredConfig(Protocol):
    """What a database remembers of the configuration that it was made with; "" or None where it does
    not.
    """

    @property
    def static_dir(self) -> str | None: ...
    @property
    def tmp_dir(self) -> str | None: ...
    @property
    def run_root(self) -> str | None: ...
    @property
    def graph_root(self) -> str | None: ...
    @property
    def graph_driver(self) -> str | None: ...
    @property
    def volume_path(self) -> str | None: ...


STORED = {
    "static_dir": "static_dir",
    "tmp_dir": "tmp_dir",
    "run_root": "run_root",
    "graph_root": "graph_root",
    "graph_driver": "graph_driver_name",
    "volume_path": "volume_path",
}
"""Fields of StoredConfig, and the setting that each is about."""


class RuntimeConfig(NamedTuple):
    """The configuration of a runtime. Make one with load() or from_file(); field names are the keys of the
    files.

    Lists are tuples. Paths are cleaned, but symbolic links in them stay: compare them with same_path().
    """

    # How images travel.
    image_default_transport: str
    signature_policy_path: str

    # Where the state is. state_type holds for a new database; an existing one decides, unless one was asked
    # for.
    state_type: StateType
    database_backend: str
    static_dir: str
    tmp_dir: str
    volume_path: str
    lock_type: str
    num_locks: int

    # Programs.
    runtime: str
    runtime_path: tuple[str, ...]
    runtimes: Mapping[str, tuple[str, ...]]
    conmon_path: tuple[str, ...]
    conmon_env_vars: tuple[str, ...]
    cgroup_manager: str
    max_log_size: int
    """Bytes; -1 for no limit."""
    no_pivot_root: bool
    hooks_dir: tuple[str, ...]
    hooks_dir_not_exist_fatal: bool
    default_mounts_file: str
    events_logger: str
    """"" for the journal where systemd runs, and else a file."""
    events_logfile_path: str
    """"" for events/events.log in tmp_dir."""
    events_logfile_max_size: int
    """Bytes; 0 for no limit."""

    # Defaults of new containers, in Podman's spelling.
    default_capabilities: tuple[str, ...]
    default_sysctls: tuple[str, ...]
    default_ulimits: tuple[str, ...]
    env_host: bool
    http_proxy: bool
    init: bool
    init_path: str
    no_hosts: bool
    tz: str
    detach_keys: str
    """What is typed to leave an attached container running, as for `--detach-keys`; "" for nothing."""

    # Networks.
    cni_config_dirs: tuple[str, ...]
    cni_plugin_dirs: tuple[str, ...]
    network_backend: str
    default_network: str
    """"" for the first network that is found."""

    # Storage.
    graph_root: str
    run_root: str
    graph_driver_name: str
    """"" for the driver that the graph root was made with, or the first that works here."""
    graph_driver_options: tuple[str, ...]
    uid_map: tuple[tuple[int, int, int], ...]
    """(container ID, host ID, size) for each range."""
    gid_map: tuple[tuple[int, int, int], ...]
    auto_userns_user: str
    """Whose subordinate IDs root's containers get with `--userns auto`."""
    auto_userns_min_size: int
    """How many IDs they get at least, where no size is asked for."""
    auto_userns_max_size: int
    """How many at most; 0 for no limit."""

    # The user.
    runtime_dir: str
    """Of a user without privileges; "" for root, and where tmp_dir and run_root are set."""
    rootless: bool
    uid: int

    origin: Mapping[str, str]
    """"built-in", "option", "environment", "database" or the path of a file, for each setting."""
    files: tuple[str, ...] = ()
    """The files that were read, in order."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(cls, **overrides: object) -> RuntimeConfig:
        """Read the usual files and the environment; *overrides* go before all of them.

        An override of None is one not given. Every setting may be overridden by its name. The options of the
        first libpod have these keywords:

        =======================  ===========================================================================
        option                   keywords
        =======================  ===========================================================================
        WithStorageConfig        `storage_config`, a dict; or each of its keys as a keyword of its own:
                                 `graph_root`, `run_root`, `graph_driver_name`, `graph_driver_options`,
                                 `uid_map`, `gid_map`. `static_dir` and `volume_path` follow `graph_root`.
        WithDefaultTransport     `default_transport`
        WithSignaturePolicy      `signature_policy`
        WithStateType            `state_type` (StateType, or its value)
        WithOCIRuntime           `oci_runtime` or `runtime`, a path, or a name that has paths in `runtimes`
        WithConmonPath           `conmon_path`, one path or several
        WithConmonEnv            `conmon_env`, a list of "NAME=value"
        WithCgroupManager        `cgroup_manager`, "cgroupfs" or "systemd"
        WithStaticDir            `static_dir`
        WithTmpDir               `tmp_dir`
        WithHooksDir             `hooks_dir` and `hooks_dir_not_exist_fatal`
        WithDefaultMountsFile    `default_mounts_file`
        WithMaxLogSize           `max_log_size`, in bytes
        WithNoPivotRoot          `no_pivot_root`, True or False
        WithCNIConfigDir         `cni_config_dir`
        WithCNIPluginDir         `cni_plugin_dir`, one path or several
        =======================  ===========================================================================

        Raises ConfigurationError for a file that cannot be used, InvalidArgument for an override, the
        environment or a runtime directory.
        """
        return cls.from_settings(sources.collect(overrides))

    @classmethod
    def from_file(cls, path: str, **overrides: object) -> RuntimeConfig:
        """Read the libpod.conf at *path* on top of an empty configuration; the file must exist.

        Storage settings are those of storage.conf. What the file and *overrides* do not name is empty, except
        the state and lock types. Raises as load() does.
        """
        return cls.from_settings(sources.collect(overrides, config_file=path))

    @classmethod
    def from_settings(cls, settings: sources.Settings) -> RuntimeConfig:
        """Fix *settings*, as libpod.config.sources.collect returns them."""
        values: dict[str, Any] = dict(settings.values)
        values["state_type"] = StateType(values["state_type"])
        return cls(
            **values,
            rootless=settings.account.rootless,
            uid=settings.account.uid,
            origin=dict(settings.origin),
            files=tuple(settings.files),
            warnings=tuple(settings.warnings),
        )

    # ------------------------------------------------------------ where values came from

    def user_set(self, key: str) -> bool:
        """Whether the caller asked for this value by an option; see
        libpod.config.sources.Settings.user_set."""
        return self.origin[key] == OPTION

    def adopt(self, stored: StoredConfig) -> RuntimeConfig:
        """Take what the database remembers for every setting that the caller did not set by an option.

        Files do not count as set, as with Podman 4.3.1: a database keeps to the directories that it was made
        with. A value of a file that loses is worth a warning. Empty stored values are unknown and change
        nothing.
        """
        changes: dict[str, Any] = {}
        warnings = list(self.warnings)
        for name, key in STORED.items():
            value = getattr(stored, name)
            if not value or self.user_set(key):
                continue
            warnings += self._lost_to(key, value)
            changes[key] = value
        origin = {**self.origin, **dict.fromkeys(changes, DATABASE)}
        return self._replace(**changes, origin=origin, warnings=tuple(warnings))

    def _lost_to(self, key: str, value: str) -> list[str]:
        ours, origin = getattr(self, key), self.origin[key]
        equal = ours == value if key == "graph_driver_name" else same_path(ours, value)
        if equal or not ours or origin in (BUILT_IN, DATABASE):
            return []
        return [f"{origin}: {key} {ours} is not used, the database was made with {value}"]

    # ------------------------------------------------------------ the database

    @property
    def database_kind(self) -> str:
        """The back end that was asked for: "boltdb", "sqlite" or "memory"; "" when the database found
        decides."""
        return "" if self.origin["state_type"] == BUILT_IN else self.state_type.value

    def database_candidates(self) -> list[tuple[str, str]]:
        """Kind and path of every place where the database may be, in the order in which they are looked
        at."""
        return sources.database_candidates(self.database_kind, self.graph_root, self.static_dir)

    # ------------------------------------------------------------ programs

    def runtime_candidates(self) -> tuple[str, ...]:
        """The paths where the OCI runtime may be, in the order in which they are tried.

        `runtime_path`, where it is set, else the paths of the runtime that `runtime` names. libpod.conf knew
        no names at first, and the one that distributions ship names a runtime that need not be installed:
        after the paths of such a name the built-in ones of runc are tried.
        """
        named = self.origin["runtime"]
        if not self.runtime or (named != OPTION and self.origin["runtime_path"] != BUILT_IN):
            return self.runtime_path
        found = self._paths_of(self.runtime)
        return found + self.runtime_path if named.endswith("/libpod.conf") else found

    def _paths_of(self, name: str) -> tuple[str, ...]:
        if "/" in name:
            return (name,)
        known = self.runtimes.get(name)
        if known:
            return known
        if name == "runc":
            paths = SETTINGS["runtime_path"][1]
            return paths if isinstance(paths, tuple) else ()
        return tuple(f"{directory}/{name}" for directory in programs.DIRECTORIES)

    def find_runtime(self, name: str = "") -> str:
        """The first executable file of runtime_candidates(), or of the paths of the runtime *name*.

        Raises InvalidArgument.
        """
        if name:
            return programs.find("OCI runtime", self._paths_of(name), name)
        usual = self.runtime.rsplit("/", 1)[-1] or "runc"
        return programs.find("OCI runtime", self.runtime_candidates(), usual)

    def runtime_name(self) -> str:
        """What containers call the runtime of find_runtime(): as the configuration does, else as its file.

        Podman looks for it by that name. Raises InvalidArgument.
        """
        path = self.find_runtime()
        is_named = self.runtime and "/" not in self.runtime and path in self._paths_of(self.runtime)
        return self.runtime if is_named else path.rsplit("/", 1)[-1]

    def find_conmon(self) -> str:
        """The first of conmon_path that is an executable file. Raises InvalidArgument."""
        return programs.find("conmon", self.conmon_path, "conmon")

    # ------------------------------------------------------------ other views

    @property
    def cni_config_dir(self) -> str:
        """The first directory of cni_config_dirs; "" when there is none."""
        return self.cni_config_dirs[0] if self.cni_config_dirs else ""

    @property
    def cni_plugin_dir(self) -> tuple[str, ...]:
        """cni_plugin_dirs, under its name in libpod.conf."""
        return self.cni_plugin_dirs

    def __setattr__(self, name: str, value: object) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}: a configuration does not change")

    def require_complete(self) -> None:
        """Raise InvalidArgument for what a runtime cannot work without, and a configuration file left
        empty."""
        for key in ("static_dir", "tmp_dir", "cgroup_manager", "graph_root", "run_root"):
            if not getattr(self, key):
                hint = f"set {key} in the configuration file or by an option"
                raise InvalidArgument(f"{key} is not set", hint=hint)

    def as_dict(self) -> dict[str, object]:
        """All settings by name, for people and for programs; without origins and warnings."""
        hidden = ("origin", "files", "warnings")
        found = {name: value for name, value in self._asdict().items() if name not in hidden}
        return {**found, "state_type": self.state_type.value}


class _DataclassPart:
    """What `dataclasses` asks of a frozen dataclass, made when it is asked for.

    The module's import takes longer than most starts of the command, and only a caller's program needs it.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> object:
        import dataclasses

        fields: Any = [(name, kind) for name, kind in owner.__annotations__.items()]
        return getattr(dataclasses.make_dataclass(owner.__name__, fields, frozen=True), self._name)


for _part in ("__dataclass_fields__", "__dataclass_params__"):
    setattr(RuntimeConfig, _part, _DataclassPart(_part))
