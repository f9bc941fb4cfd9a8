"""Opening the database of a store whose boot refresh is done, and finding out that it is.

This is on the way of every verb: it imports nothing that only a refresh needs.
"""

from __future__ import annotations

from libpod import state
from libpod.boot import marker
from libpod.errors import DatabaseMismatch
from libpod.state.identity import DatabaseConfig
from libpod.storage import driver
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from libpod.config.runtime import RuntimeConfig
    from libpod.state.protocol import State

DATABASE_SECONDS: Final = 60.0
"""How long the database may be held by another process before we give up."""


class DatabaseFile(NamedTuple):
    """Where the database is, or would be made."""

    kind: str
    path: str
    exists: bool


def is_refreshed(config: RuntimeConfig, *, on_wait: Callable[[str], None] | None = None) -> bool:
    """Whether it is beyond doubt that this boot's refresh of the store is done; see `marker.finished`.

    False means that a closer look is due, not that a refresh is.
    """
    if config.database_kind == state.MEMORY:
        return False
    paths = [marker.record_path(path) for _kind, path in config.database_candidates()]
    tmp_dir = config.tmp_dir if config.user_set("tmp_dir") else None
    return marker.finished(paths, tmp_dir, on_wait=on_wait) is not None


def locate(config: RuntimeConfig) -> DatabaseFile:
    """The database that is there, or the one that a first use makes. DatabaseError where two are there."""
    wanted = config.database_kind
    found = state.detect(config.static_dir, config.graph_root, wanted)
    if found is not None:
        return DatabaseFile(*found, exists=True)
    kind = wanted or config.state_type.value
    return DatabaseFile(kind, state.default_path(kind, config.static_dir, config.graph_root), exists=False)


def open_state(
    database: DatabaseFile,
    *,
    read_only: bool,
    quiet: bool = False,
    on_wait: Callable[[str], None] | None = None,
) -> State:
    """Open the database. DatabaseLocked when another process holds it for longer than DATABASE_SECONDS."""
    return state.open(
        database.kind,
        database.path,
        read_only=read_only,
        quiet=quiet,
        timeout=DATABASE_SECONDS,
        on_wait=on_wait,
    )


def database_config(config: RuntimeConfig) -> DatabaseConfig:
    """What a database stores about this configuration."""
    return DatabaseConfig(
        os="linux",
        static_dir=config.static_dir,
        tmp_dir=config.tmp_dir,
        run_root=config.run_root,
        graph_root=config.graph_root,
        graph_driver=config.graph_driver_name,
        volume_path=config.volume_path,
    )


def require_driver(stored: DatabaseConfig, config: RuntimeConfig, path: str) -> None:
    """Compare our storage driver with those that made the store, where the database at *path* names none.

    Podman 4.3 stores an empty name where the user gave none. Raises DatabaseMismatch.
    """
    ours = config.graph_driver_name
    if stored.graph_driver or not ours:
        return
    made = driver.found(config.graph_root)
    if made and ours.replace("overlay2", "overlay") not in made:
        raise DatabaseMismatch(
            f"the store {config.graph_root} of database {path} was made with another graph_driver: it has "
            f"files of {' and '.join(made)}, ours is {ours}",
            path=path,
            key="graph_driver",
            stored=made[0],
            ours=ours,
            hint=f"set --storage-driver to {made[0]}, or choose the --root of another store",
        )


def open_for_use(
    config: RuntimeConfig, *, on_wait: Callable[[str], None] | None = None
) -> tuple[State, RuntimeConfig]:
    """The database, opened after the refresh, and the configuration with what it remembers."""
    if config.database_kind == state.MEMORY:
        return state.open(state.MEMORY), config
    database = locate(config)
    store = open_state(database, read_only=False, on_wait=on_wait)
    try:
        stored = store.stored_config()
        adopted = config.adopt(stored)
        require_driver(stored, adopted, database.path)
        store.validate_config(database_config(adopted))
    except BaseException:
        store.close()
        raise
    return store, adopted
