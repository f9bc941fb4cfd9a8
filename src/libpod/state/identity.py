"""Whose database it is: the directories that it was made for, and whether they are ours.

Paths are compared by what they lead to, not by their text: `/var/run/libpod` and `/run/libpod` are one
directory. An empty value, stored or ours, stands for "not known" and matches everything: Podman 4.3.1
stores an empty graph driver where the user named none.
"""

from __future__ import annotations

import os.path

from libpod.errors import DatabaseMismatch
from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class DatabaseConfig(NamedTuple):
    """What a database stores about its owner; None is a value that is not stored."""

    os: str | None = "linux"
    static_dir: str | None = None
    tmp_dir: str | None = None
    run_root: str | None = None
    graph_root: str | None = None
    graph_driver: str | None = None
    volume_path: str | None = None


_PATHS: Final = frozenset(("static_dir", "tmp_dir", "run_root", "graph_root", "volume_path"))
# The names of one storage driver.
_ALIASES: Final = {"overlay2": "overlay"}
# How a user sets each value: the option of the command line, or the key of the configuration file.
_OPTIONS: Final = {
    "static_dir": "static_dir in libpod.conf",
    "tmp_dir": "--tmpdir",
    "run_root": "--runroot",
    "graph_root": "--root",
    "graph_driver": "--storage-driver",
    "volume_path": "volume_path in containers.conf",
}


def absent(stored: DatabaseConfig, ours: DatabaseConfig) -> dict[str, str]:
    """Our values that the database does not have yet, as they are to be stored."""
    return {
        key: clean(key, mine) for key, mine in ours._asdict().items() if mine and getattr(stored, key) is None
    }


def clean(key: str, value: str | None) -> str:
    """*value* as it is stored: paths without doubled or trailing slashes."""
    if not value:
        return ""
    return os.path.normpath(value) if key in _PATHS else value


def compare(stored: DatabaseConfig, ours: DatabaseConfig, path: str) -> None:
    """Raise DatabaseMismatch for the first value in which the database at *path* differs from ours."""
    for key, mine in ours._asdict().items():
        theirs = getattr(stored, key)
        if theirs and mine and not _matches(key, theirs, mine):
            raise DatabaseMismatch(
                f"database {path} was made for another {key}: it stores {theirs!r}, ours is {mine!r}",
                path=path,
                key=key,
                stored=theirs,
                ours=mine,
                hint=_hint(key, theirs),
            )


def _matches(key: str, theirs: str, mine: str) -> bool:
    if key in _PATHS:
        return files.same_file(theirs, mine)
    return _ALIASES.get(theirs, theirs) == _ALIASES.get(mine, mine)


def _hint(key: str, stored: str) -> str:
    if key not in _OPTIONS:
        return "this database belongs to another kind of system; choose another --root"
    return f"set {_OPTIONS[key]} to {stored}, or choose the --root of another store"
