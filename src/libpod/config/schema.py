"""Every setting: its type, its default, its names in the files and among the options."""

from __future__ import annotations

import os.path

from libpod.config.paths import clean
from libpod.errors import ConfigurationError, InvalidArgument, LibpodError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

OPTION = "option"
"""The origin of a value that the caller gave. Other origins are BUILT_IN, ENVIRONMENT, DATABASE and paths of
files."""
BUILT_IN = "built-in"
ENVIRONMENT = "environment"
DATABASE = "database"


def _words(text: str) -> list[str]:
    return text.split()


# Kinds of values, in the words that errors use. Lists are kept as tuples.
TEXT = "a string"
PATH = "a path (a string)"
TEXTS = "a list of strings"
PATHS = "a list of paths (strings)"
SWITCH = "true or false"
NUMBER = "a whole number"
SIZE = "a size in bytes, or text such as 1m"
RUNTIMES = "a table of lists of paths"
ID_MAP = "a list of (container ID, host ID, size)"

SETTINGS: dict[str, tuple[str, object]] = {
    "image_default_transport": (TEXT, "docker://"),
    "signature_policy_path": (PATH, ""),
    "state_type": (TEXT, "boltdb"),
    "database_backend": (TEXT, ""),
    "runtime": (TEXT, ""),
    "runtime_path": (
        PATHS,
        ("/usr/bin/runc", "/usr/sbin/runc", "/sbin/runc", "/bin/runc", "/usr/lib/cri-o-runc/sbin/runc"),
    ),
    "runtimes": (RUNTIMES, {}),
    "conmon_path": (
        PATHS,
        (
            "/usr/libexec/podman/conmon",
            "/usr/libexec/crio/conmon",
            "/usr/local/libexec/crio/conmon",
            "/usr/bin/conmon",
            "/usr/sbin/conmon",
            "/usr/lib/crio/bin/conmon",
        ),
    ),
    "conmon_env_vars": (TEXTS, ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)),
    "cgroup_manager": (TEXT, "cgroupfs"),
    "static_dir": (PATH, ""),  # <graph_root>/libpod
    "tmp_dir": (PATH, ""),  # /var/run/libpod, or libpod/tmp in the user's runtime directory
    "volume_path": (PATH, ""),  # <graph_root>/volumes
    "max_log_size": (NUMBER, -1),
    "no_pivot_root": (SWITCH, False),
    "lock_type": (TEXT, "shm"),
    "num_locks": (NUMBER, 2048),
    "cni_config_dirs": (PATHS, ("/etc/cni/net.d",)),
    "cni_plugin_dirs": (PATHS, ("/usr/libexec/cni", "/usr/lib/cni", "/opt/cni/bin")),
    "network_backend": (TEXT, ""),
    "default_network": (TEXT, ""),  # the first that is found
    "hooks_dir": (PATHS, ("/usr/share/containers/oci/hooks.d",)),
    "hooks_dir_not_exist_fatal": (SWITCH, False),
    "default_mounts_file": (PATH, ""),
    "events_logger": (TEXT, ""),  # the journal where systemd runs, else a file
    "events_logfile_path": (PATH, ""),  # <tmp_dir>/events/events.log
    "events_logfile_max_size": (SIZE, 1_000_000),
    "default_capabilities": (TEXTS, ()),  # Podman's list
    "default_sysctls": (TEXTS, ()),
    "default_ulimits": (TEXTS, ()),
    "env_host": (SWITCH, False),
    "http_proxy": (SWITCH, True),
    "init": (SWITCH, False),
    "init_path": (PATH, ""),  # catatonit, wherever it is
    "no_hosts": (SWITCH, False),
    "tz": (TEXT, ""),
    "detach_keys": (TEXT, "ctrl-p,ctrl-q"),
    # /var/lib/containers/storage, or containers/storage in the user's data directory
    "graph_root": (PATH, ""),
    # /run/containers/storage, or containers in the user's runtime directory
    "run_root": (PATH, ""),
    "graph_driver_name": (TEXT, ""),
    "graph_driver_options": (TEXTS, ()),
    "uid_map": (ID_MAP, ()),
    "gid_map": (ID_MAP, ()),
    "auto_userns_user": (TEXT, "containers"),
    "auto_userns_min_size": (NUMBER, 1024),
    "auto_userns_max_size": (NUMBER, 65536),
    "runtime_dir": (PATH, ""),  # of a user without privileges
}
"""Each setting with its kind and its built-in value; "" stands for what is derived from others."""

EMPTY: dict[str, object] = {TEXT: "", TEXTS: (), PATHS: (), NUMBER: 0, SIZE: 0}
"""What a setting of each kind holds in a configuration that starts from nothing."""

STORAGE = ("graph_root", "run_root", "graph_driver_name", "graph_driver_options", "uid_map", "gid_map")

CHOICES: dict[str, tuple[str, ...]] = {
    "cgroup_manager": ("cgroupfs", "systemd"),
    "lock_type": ("shm", "file"),
    "state_type": ("memory", "sqlite", "boltdb"),
    "database_backend": ("boltdb", "sqlite", "memory"),
    "events_logger": ("file", "journald", "none"),
}

# ---------------------------------------------------------------- names in the files and among the options

_IN_BOTH_FILES = _words(
    "cgroup_manager conmon_env_vars conmon_path database_backend detach_keys events_logfile_path "
    "events_logger hooks_dir image_default_transport lock_type no_pivot_root num_locks runtime runtime_path "
    "runtimes signature_policy_path static_dir tmp_dir volume_path"
)

LIBPOD_CONF: dict[str, str] = {
    **dict(zip(_IN_BOTH_FILES, _IN_BOTH_FILES, strict=True)),
    "max_log_size": "max_log_size",
    "hooks_dir_not_exist_fatal": "hooks_dir_not_exist_fatal",
    "cni_config_dir": "cni_config_dirs",
    "cni_plugin_dir": "cni_plugin_dirs",
    "cni_default_network": "default_network",
}
"""Keys of libpod.conf, and the setting that each stands for."""

CONTAINERS_CONF: dict[str, dict[str, str]] = {
    "containers": {
        "default_capabilities": "default_capabilities",
        "default_sysctls": "default_sysctls",
        "default_ulimits": "default_ulimits",
        "env_host": "env_host",
        "http_proxy": "http_proxy",
        "init": "init",
        "init_path": "init_path",
        "no_hosts": "no_hosts",
        "tz": "tz",
    },
    "engine": {
        **dict(zip(_IN_BOTH_FILES, _IN_BOTH_FILES, strict=True)),
        "events_logfile_max_size": "events_logfile_max_size",
    },
    "network": {
        "cni_config_dir": "cni_config_dirs",
        "cni_config_dirs": "cni_config_dirs",
        "network_config_dir": "cni_config_dirs",
        "cni_plugin_dir": "cni_plugin_dirs",
        "cni_plugin_dirs": "cni_plugin_dirs",
        "network_backend": "network_backend",
        "default_network": "default_network",
    },
}
"""Tables and keys of containers.conf that move what we touch, and the setting that each stands for."""

IGNORED_IN_LIBPOD_CONF = frozenset(
    _words(
        "enable_port_reservation env infra_command infra_image init_path "
        "label namespace network_cmd_path runtime_supports_json runtime_supports_kvm "
        "runtime_supports_nocgroups sdnotify stop_timeout"
    )
)
IGNORED_IN_CONTAINERS_CONF: dict[str, frozenset[str]] = {
    "engine": frozenset(
        _words(
            "active_service add_compression cdi_spec_dirs cgroup_check chown_copied_files "
            "compat_api_enforce_docker_hub compose_providers compose_warning_logs compression_format "
            "compression_level conmonrs_env_vars conmonrs_path enable_port_reservation env "
            "events_container_create_inspect_data exit_command_delay healthcheck_events "
            "helper_binaries_dir image_build_format image_copy_tmp_dir image_default_format "
            "image_parallel_copies image_volume_mode "
            "infra_command infra_image init_path kube_generate_type machine_enabled multi_image_archive "
            "namespace network_cmd_options network_cmd_path platform_to_oci_runtime pod_exit_policy "
            "pull_policy remote remote_identity remote_uri retry retry_delay runtime_supports_json "
            "runtime_supports_kvm runtime_supports_nocgroup runtime_supports_nocgroups "
            "service_destinations service_timeout ssh_config state_type stop_timeout "
            "volume_plugin_timeout volume_plugins"
        )
    ),
    "network": frozenset(
        _words(
            "default_rootless_network_cmd default_subnet default_subnet_pools "
            "dns_bind_port firewall_driver netavark_plugin_dirs pasta_options"
        )
    ),
}
IGNORED_TABLES = frozenset(_words("configmaps farms machine podmansh secrets"))
"""What other programs read in these files. Any other key or table that we do not know is worth a warning,
except in [containers], which has the defaults of Podman's own flags."""

OPTIONS: dict[str, str] = {
    "default_transport": "image_default_transport",
    "signature_policy": "signature_policy_path",
    "oci_runtime": "runtime",
    "conmon_env": "conmon_env_vars",
    "cni_config_dir": "cni_config_dirs",
    "cni_plugin_dir": "cni_plugin_dirs",
}
"""Names of options that differ from the name of their setting."""

_MAY_BE_EMPTY = frozenset(
    (
        "signature_policy_path",
        "database_backend",
        "detach_keys",
        "network_backend",
        "default_network",
        *STORAGE,
    )
)

# ---------------------------------------------------------------- checks


def wrong(label: str, problem: str, origin: str, hint: str | None = None) -> LibpodError:
    """The error for setting *label*: ConfigurationError where *origin* is a file, else InvalidArgument."""
    if origin.startswith("/"):
        return ConfigurationError(f"{origin}: {label} {problem}", path=origin, hint=hint)
    return InvalidArgument(f"{origin} {label} {problem}", hint=hint)


def checked(key: str, value: object, label: str, origin: str) -> Any:
    """Return *value* as setting *key* holds it: lists as tuples, paths cleaned.

    *label* and *origin* name the value in errors: ConfigurationError for one from a file, InvalidArgument for
    another. In an option one string stands for a list of one.
    """
    kind = SETTINGS[key][0]
    if origin == OPTION and kind in (TEXTS, PATHS) and isinstance(value, str):
        value = [value]
    found: Any = _READERS[kind](value) if kind in _READERS else _plain(kind, value)
    if found is None:
        raise wrong(label, f"must be {kind}, not {describe(value)}", origin)
    if origin == OPTION and key not in _MAY_BE_EMPTY and (found == "" or (kind == PATHS and "" in found)):
        raise wrong(label, "must not be empty", origin)
    if kind in (PATH, PATHS):
        found = _checked_paths(found, label, origin)
    _check_range(key, found, label, origin)
    return found


def describe(value: object) -> str:
    """Name the type of a TOML or Python value for people."""
    names = {bool: SWITCH, int: NUMBER, float: "a number", str: TEXT, dict: "a table"}
    if isinstance(value, (list, tuple)):
        inside = sorted({describe(item) for item in value})
        return f"a list of {' and '.join(inside)}" if inside else "an empty list"
    return names.get(type(value), type(value).__name__)


def _plain(kind: str, value: object) -> object:
    wanted: type = {TEXT: str, PATH: str, SWITCH: bool, NUMBER: int}[kind]
    return value if type(value) is wanted else None  # true is not a number


def _texts(value: object) -> tuple[str, ...] | None:
    """A list of strings. One string is none: Podman refuses it too."""
    if not isinstance(value, (list, tuple)):
        return None
    texts = tuple(item for item in value if isinstance(item, str))
    return texts if len(texts) == len(value) else None


def _size(value: object) -> int | None:
    """A number of bytes, or text with a unit in powers of 1000: `500k`, `1m`, `2GB`."""
    if type(value) is int:
        return value if value >= 0 else None
    text = value.lower().removesuffix("b").strip() if isinstance(value, str) else ""
    factor = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}.get(text[-1:], 1)
    digits = text[:-1].strip() if factor > 1 else text
    return int(digits) * factor if digits.isascii() and digits.isdigit() else None


def _runtimes(value: object) -> dict[str, tuple[str, ...]] | None:
    if not isinstance(value, dict):
        return None
    found = {name: paths for name, item in value.items() if (paths := _texts(item)) is not None}
    return found if len(found) == len(value) else None


def _id_map(value: object) -> tuple[tuple[int, int, int], ...] | None:
    if not isinstance(value, (list, tuple)):
        return None
    for item in value:
        if not isinstance(item, (list, tuple)) or len(item) != 3:
            return None
        if not all(type(number) is int and 0 <= number < 2**32 for number in item):
            return None
    return tuple((item[0], item[1], item[2]) for item in value)


_READERS: dict[str, Callable[[object], object]] = {
    SIZE: _size,
    TEXTS: _texts,
    PATHS: _texts,
    RUNTIMES: _runtimes,
    ID_MAP: _id_map,
}


def _checked_paths(value: object, label: str, origin: str) -> object:
    if isinstance(value, tuple):
        return tuple(_checked_path(path, label, origin) for path in value)
    return _checked_path(str(value), label, origin)


def _checked_path(path: str, label: str, origin: str) -> str:
    if "\0" in path:
        raise wrong(label, "holds a NUL byte", origin)
    if path and not path.startswith("/"):
        if origin != OPTION:
            raise wrong(label, f"must be an absolute path, not {path}", origin, "write the path from / on")
        path = os.path.join(os.getcwd(), path)
    return clean(path)


def _check_range(key: str, value: object, label: str, origin: str) -> None:
    choices = CHOICES.get(key)
    if choices and value and value not in choices:
        raise wrong(label, f"must be {' or '.join(choices)}, not {value}", origin)
    if key == "num_locks" and not (isinstance(value, int) and 0 < value < 2**32):
        raise wrong(label, f"must be a number from 1 to {2**32 - 1}, not {value}", origin)


def option_value(key: str, value: object) -> object:
    """Options may be members of an enumeration (StateType)."""
    return getattr(value, "value", value) if key in CHOICES else value


def storage_options(value: object) -> Mapping[str, object]:
    """The single options in option `storage_config`, a mapping of storage settings. Raises
    InvalidArgument."""
    if not isinstance(value, dict) or not set(value) <= set(STORAGE):
        raise wrong("storage_config", f"must be a table with keys among {', '.join(STORAGE)}", OPTION)
    return value
