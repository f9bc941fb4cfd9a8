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
        "--default-mounts-file",
        "default_mounts_file",
        "FILE",
        "the mounts of every container, instead of mounts.conf",
    ),
    Flag(
        "--events-backend",
        "events_logger",
        "NAME",
        "where events are recorded: file, journald or none",
        choices=("file", "journald", "none"),
    ),
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
_BY_NAME: Final = {flag.name: flag for flag in FLAGS}
HELP: Final = ("-h", "--help")
VERSION: Final = "--version"


class Given:
    """A command line: the *values* of the global flags by their attributes, the *verb*, and the *rest*.

    `--help` and `--version` are verbs here.
    """

    __slots__ = ("rest", "values", "verb")

    def __init__(self, values: dict[str, object], verb: str | None, rest: Sequence[str]) -> None:
        self.values = values
        self.verb = verb
        self.rest = rest


def split(arguments: Sequence[str]) -> Given:
    """Read the global flags in *arguments*. InvalidArgument for an unknown one or a wrong value."""
    values: dict[str, object] = {flag.destination: None for flag in FLAGS}
    position = 0
    while position < len(arguments):
        name, has_value, value = arguments[position].partition("=")
        position += 1
        flag = _BY_NAME.get(name)
        if flag is None:
            return _with_verb(values, arguments[position - 1], arguments[position:])
        if not has_value:
            if position == len(arguments):
                raise _wrong(f"flag needs an argument: {name}")
            value = arguments[position]
            position += 1
        _store(values, flag, value)
    return Given(values, None, ())


def _with_verb(values: dict[str, object], verb: str, rest: Sequence[str]) -> Given:
    """`-v` is `--version`, and `help VERB` is `VERB --help`, as with Podman."""
    if verb == "-v":
        return Given(values, VERSION, rest)
    if verb == "help":
        return Given(values, rest[0], [*rest[1:], HELP[1]]) if rest else Given(values, HELP[1], ())
    name = verb.partition("=")[0]
    if name.startswith("-") and name not in (*HELP, VERSION):
        raise _wrong(f"unknown flag: {name}")
    return Given(values, verb, rest)


def _store(values: dict[str, object], flag: Flag, value: str) -> None:
    if not value:
        raise _wrong(f"flag {flag.name} must not be empty")
    if flag.choices and value not in flag.choices:
        raise _wrong(
            f"flag {flag.name} must be {', '.join(flag.choices[:-1])} or {flag.choices[-1]}, not {value}"
        )
    before = values[flag.destination]
    values[flag.destination] = (
        [*(before if isinstance(before, list) else ()), value] if flag.repeated else value
    )


def _wrong(message: str) -> InvalidArgument:
    return InvalidArgument(message, hint="see 'libpod --help'")


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
