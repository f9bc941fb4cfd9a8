"""Where the state of containers, pods and volumes is kept: one protocol, three back ends.

`detect` tells which database is there, `open` opens it.
"""

from __future__ import annotations

import os

from libpod.errors import DatabaseError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from libpod.state.protocol import State

BOLTDB: Final = "boltdb"
SQLITE: Final = "sqlite"
MEMORY: Final = "memory"

BOLTDB_NAME: Final = "bolt_state.db"
SQLITE_NAME: Final = "db.sql"

TIMEOUT: Final = 100.0
"""Seconds to wait for another process that holds the database, as Podman does for SQLite."""


def detect(static_dir: str, graph_root: str, backend: str = "") -> tuple[str, str] | None:
    """The kind and the path of the database that is there, or None.

    Podman looks for `bolt_state.db` in the static directory, and for `db.sql` in the graph root or, when the
    static directory was set in a configuration file, in that. *backend*, where it is not empty, counts alone.
    Raises DatabaseError when both are there and *backend* does not say which: versions of Podman differ in
    which one they take, and to refresh the other one would hide the reboot from Podman.
    """
    candidates = (
        (BOLTDB, static_dir, BOLTDB_NAME),
        (SQLITE, graph_root, SQLITE_NAME),
        (SQLITE, static_dir, SQLITE_NAME),
    )
    found: dict[str, str] = {}
    for kind, directory, name in candidates:
        path = os.path.join(directory, name)
        if backend in ("", kind) and os.path.lexists(path):
            found.setdefault(kind, path)
    if len(found) > 1:
        paths = " and ".join(found.values())
        raise DatabaseError(
            f"there are two databases: {paths}",
            path=found[BOLTDB],
            hint="set database_backend in containers.conf, or --db-backend, to the one that Podman uses",
        )
    return next(iter(found.items()), None)


def default_path(kind: str, static_dir: str, graph_root: str) -> str:
    """Where a new database of this kind belongs."""
    if kind == SQLITE:
        return os.path.join(graph_root, SQLITE_NAME)
    return os.path.join(static_dir, BOLTDB_NAME) if kind == BOLTDB else ""


def open(  # noqa: A001
    kind: str,
    path: str = "",
    *,
    read_only: bool = False,
    quiet: bool = False,
    timeout: float | None = TIMEOUT,
    on_wait: Callable[[str], None] | None = None,
) -> State:
    """Open the store of this *kind* at *path*, which is made if it is not there, unless *read_only*.

    *quiet*, for reading only, leaves no trace in the file's access time. Waits *timeout* seconds (None: for
    ever) for other processes; *on_wait* gets a line for people that names the one in the way, once it takes
    long. Raises InvalidArgument for an unknown kind, and what the back ends
    raise.
    """
    tell = _telling(path, on_wait)
    if kind == SQLITE:
        from libpod.state.sqlite import SQLiteState

        return SQLiteState(path, read_only=read_only, quiet=quiet, timeout=timeout, on_wait=tell)
    if kind == BOLTDB:
        from libpod.state.boltdb import BoltState

        return BoltState(path, read_only=read_only, timeout=timeout, on_wait=tell)
    if kind == MEMORY:
        from libpod.state.memory import MemoryState

        return MemoryState()
    raise InvalidArgument(f"unknown database backend {kind!r}", hint=f"use {BOLTDB}, {SQLITE} or {MEMORY}")


def _telling(path: str, on_wait: Callable[[str], None] | None) -> Callable[[str], None] | None:
    if on_wait is None:
        return None
    return lambda holder: on_wait(f"waiting for {holder}, which uses the database {path}")
