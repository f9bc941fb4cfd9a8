"""The flags that stand before the verb, and the settings that they override.

This module is loaded by every start: it imports nothing that costs time.
"""

from __future__ import annotations

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Final


class Flag:
    """A global flag with a value. *setting* is the one that it overrides, or "" for none."""

    __slots__ = ("choices", "help", "metavar", "name", "repeated", "setting")

    def __init__(
        self,
        name: str,
        setting: str,
        metavar: str,
        text: str,
        *,
        repeated: bool = False,
        choices: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.setting = setting
        self.metavar = metavar
        self.help = text
        self.repeated = repeated
        self.choices = choices

    @property
    def destination(self) -> str:
        """The attribute that holds its value."""
        return "global_" + self.name.lstrip("-").replace("-", "_")


LOG_LEVELS: Final = ("trace", "debug", "info", "warn", "warning", "error", "fatal", "panic")
_WITH_TRACEBACK: Final = ("trace", "debug")

CONFIG: Final = Flag("--config", "", "FILE", "read this libpod.conf and storage.conf, and nothing else")
LOG_LEVEL: Final = Flag(
    "--log-level",
    "",
    "LEVEL",
    "how much to say: trace and debug add Python tracebacks to errors, error keeps warnings back "
    "(default: warn)",
    choices=LOG_LEVELS,
)
FLAGS: Final = (
    Flag("--root", "graph_root", "DIR", "where images, containers and, below libpod/, the database are kept"),
    Flag("--runroot", "run_root", "DIR", "where the storage state of this boot is kept"),
    Flag("--tmpdir", "tmp_dir", "DIR", "where the runtime's files of this boot are kept"),
    Flag("--storage-driver", "graph_driver_name", "NAME", "the storage driver: overlay or vfs"),
    Flag(
        "--storage-opt",
        "graph_driver_options",
        "NAME=VALUE",
        "an option of the storage driver",
        repeated=True,
    ),
    Flag("--runtime", "runtime", "NAME", "the OCI runtime, by name or path"),
    Flag("--conmon", "conmon_path", "PATH", "the container monitor"),
    Flag("--cgroup-manager", "cgroup_manager", "NAME", "cgroupfs or systemd"),
    Flag("--cni-config-dir", "cni_config_dir", "DIR", "where network configurations are"),
    Flag("--hooks-dir", "hooks_dir", "DIR", "a directory with OCI hooks, which must exist", repeated=True),
    Flag(
        "--db-backend",
        "database_backend",
        "NAME",
        "the database: boltdb, sqlite or memory (default: the one that is there)",
        choices=("boltdb", "sqlite", "memory"),
    ),
    CONFIG,
    LOG_LEVEL,
)
_WITHOUT_VALUE: Final = frozenset(("-h", "--help", "--version"))
_KNOWN: Final = _WITHOUT_VALUE.union(flag.name for flag in FLAGS)


def find_verb(arguments: Sequence[str]) -> str | None:
    """The first of *arguments* that is neither a global flag nor the value of one, or None.

    Raises InvalidArgument for an unknown flag: whether the next argument is its value cannot be told.
    """
    waiting = iter(arguments)
    for argument in waiting:
        if not argument.startswith("-"):
            return argument
        name, has_value, _ = argument.partition("=")
        if name not in _KNOWN:
            raise InvalidArgument(f"unknown flag: {name}", hint="see 'libpod --help'")
        if name in _WITHOUT_VALUE:
            return None
        if not has_value:
            next(waiting, None)
    return None


def overrides(options: Namespace) -> dict[str, object]:
    """The settings that the flags override, for `libpod.config`."""
    found = {flag.setting: getattr(options, flag.destination) for flag in FLAGS if flag.setting}
    given = {setting: value for setting, value in found.items() if value is not None}
    if "hooks_dir" in given:
        given["hooks_dir_not_exist_fatal"] = True
    return given


def config_file(options: Namespace) -> str | None:
    """The value of `--config`."""
    value: str | None = getattr(options, CONFIG.destination)
    return value


def wants_traceback(options: Namespace) -> bool:
    """Whether errors are to be shown with where in the program they happened."""
    return getattr(options, LOG_LEVEL.destination) in _WITH_TRACEBACK


def wants_warnings(options: Namespace) -> bool:
    """Whether warnings are to be shown."""
    return getattr(options, LOG_LEVEL.destination) not in ("error", "fatal", "panic")
