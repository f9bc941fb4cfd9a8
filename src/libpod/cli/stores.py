"""The store that the flags name: its configuration, and its database once this boot's refresh is done.

`finished` is loaded by every start: this module imports nothing that costs time.
"""

from __future__ import annotations

from libpod.boot import marker
from libpod.cli import options as global_options
from libpod.cli import output
from libpod.config import sources
from libpod.errors import DatabaseError, DatabaseLocked, DecodeError, FileError, NotSupported, RefreshRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from types import TracebackType
    from typing import Final, Self

    from libpod.boot.marker import BootRecord
    from libpod.cli.progress import Progress
    from libpod.config.runtime import RuntimeConfig
    from libpod.config.sources import Settings
    from libpod.runtime import Runtime
    from libpod.state.protocol import State

_INFO_PATIENCE: Final = 0.3


def collect(options: Namespace, *, create: bool = True) -> Settings:
    """The settings, with their warnings printed. With *create* a missing runtime directory is made."""
    settings = sources.collect(
        global_options.overrides(options), config_file=global_options.config_file(options), create=create
    )
    if global_options.wants_warnings(options):
        for warning in settings.warnings:
            output.warning(warning)
    return settings


def finished(settings: Settings) -> BootRecord | None:
    """The boot record when it says beyond doubt that this boot's refresh is done; see `boot.marker`."""
    if settings.database_kind() == "memory":
        return None
    paths = [marker.record_path(path) for _kind, path in settings.database_candidates()]
    tmp_dir = settings.values["tmp_dir"] if settings.user_set("tmp_dir") else None
    return marker.finished(paths, tmp_dir, on_wait=output.message)


def enter_namespace(settings: Settings, *, keep: bool = True, quiet: bool = False) -> None:
    """For a user without privileges, go on as root of their user namespace; see `containers.rootless`.

    *quiet* leaves out what is said of users without subordinate IDs.
    """
    if settings.account.owner == 0:
        return
    from libpod.containers import rootless

    record = finished(settings)
    tmp_dir = settings.values["tmp_dir"] if record is None else record.tmp_dir
    rootless.enter(settings, tmp_dir, keep=keep, warn=_silent if quiet else output.warning)


def enter_to_refresh(settings: Settings) -> None:
    """As `enter_namespace`, for as long as the refresh takes; it can do most of its work without, too."""
    try:
        enter_namespace(settings, keep=False, quiet=True)
    except NotSupported as error:
        output.warning(f"the refresh goes on without a user namespace: {error.message}")


def _silent(_text: str) -> None:
    return


def make_runtime(settings: Settings, progress: Progress) -> Runtime:
    """A runtime that tells people what it waits for, how far it is, and what it warns of."""
    from libpod.config.runtime import RuntimeConfig
    from libpod.runtime import Runtime

    return Runtime(
        RuntimeConfig.from_settings(settings),
        on_wait=progress.message,
        progress=progress,
        warn=output.warning,
    )


class Store:
    """An open store; a context manager. Opening refreshes it where this boot needs that.

    *settings* are those of the flags, where they are known. *state* is the database, for reading only;
    *tmp_dir* is the runtime directory of this boot.
    """

    def __init__(self, options: Namespace, settings: Settings | None = None) -> None:
        settings = collect(options) if settings is None else settings
        record = finished(settings)
        self.state: State
        if record is None:
            self.state, self.tmp_dir = _refreshed(settings)
        else:
            self.state, self.tmp_dir = _open(record.database), record.tmp_dir

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.state.close()

    def quarantined(self, kind: str) -> dict[str, str]:
        """The reasons for which the last refresh put objects into quarantine, by their IDs.

        *kind* is "containers", "pods" or "volumes".
        """
        from libpod.containers.fields import Fields

        try:
            objects = Fields(marker.read_report(self.tmp_dir), "report of the last refresh").child(kind)
            return {entry.text("id"): entry.text("error") for entry in objects.children("quarantined")}
        except (FileError, DecodeError):
            # No refresh of ours in this boot, or a report that we did not write: there are no reasons.
            return {}


def _refreshed(settings: Settings) -> tuple[State, str]:
    """The database after a refresh, for reading only, and the runtime directory. Raises RefreshRefused."""
    from libpod.boot import decide, survey
    from libpod.cli.progress import Progress

    enter_to_refresh(settings)
    with Progress() as progress:
        runtime = make_runtime(settings, progress)
        report = runtime.refresh()
    decision = report.decision
    if decision.outcome == decide.REFUSE:
        raise RefreshRefused(f"this store cannot be used now: {decision.reason}", hint=decision.hint)
    if decision.outcome != decide.NOOP:
        output.message(f"boot refresh: {decision.outcome}: {decision.reason}")
    for warning in report.warnings:
        output.warning(warning)
    return _open_located(runtime.config), survey.known_tmp_dir(runtime.config)


def _open_located(config: RuntimeConfig) -> State:
    from libpod import state
    from libpod.boot import opening

    if config.database_kind == state.MEMORY:
        return state.open(state.MEMORY)
    return opening.open_state(opening.locate(config), read_only=True, on_wait=output.message)


def _open(database: str) -> State:
    from libpod import state

    kind = state.SQLITE if database.endswith(state.SQLITE_NAME) else state.BOLTDB
    return state.open(kind, database, read_only=True, on_wait=output.message)


def load_config(options: Namespace) -> RuntimeConfig:
    """The configuration with what the database remembers, if that answers at once: for information only."""
    from libpod import state
    from libpod.config.runtime import RuntimeConfig

    config = RuntimeConfig.from_settings(collect(options, create=False))
    found = state.detect(config.static_dir, config.graph_root, config.database_kind)
    if found is None:
        return config
    try:
        database = state.open(*found, read_only=True, timeout=_INFO_PATIENCE)
        try:
            return config.adopt(database.stored_config())
        finally:
            database.close()
    except DatabaseLocked as error:
        output.warning(f"{error.message}; showing what the configuration says")
    except (DatabaseError, FileError) as error:
        output.warning(error.message)
    return config
