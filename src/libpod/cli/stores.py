"""The store that the flags name: its configuration, and its database once this boot's refresh is done.

`finished` is loaded by every start: this module imports nothing that costs time.
"""

from __future__ import annotations

from libpod.boot import marker
from libpod.cli import options as global_options
from libpod.cli import output
from libpod.config import sources
from libpod.errors import DatabaseError, DatabaseLocked, DecodeError, FileError, RefreshRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from types import TracebackType
    from typing import Final, Self

    from libpod.boot.marker import BootRecord
    from libpod.boot.report import Report
    from libpod.config.runtime import RuntimeConfig, StoredConfig
    from libpod.config.sources import Settings
    from libpod.state.protocol import State

_INFO_PATIENCE: Final = 1.0


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


def refresh(settings: Settings, *, dry_run: bool = False) -> Report:
    """Refresh where this boot needs it, with a bar on a terminal while it takes long."""
    from libpod.boot import refresh as boot_refresh
    from libpod.cli.progress import Progress
    from libpod.config.runtime import RuntimeConfig

    config = RuntimeConfig.from_settings(settings)
    with Progress() as progress:
        return boot_refresh.run(config, dry_run=dry_run, on_wait=progress.message, progress=progress)


class Store:
    """An open store; a context manager. Opening refreshes it where this boot needs that.

    *state* is the database, for reading only; *tmp_dir* is the runtime directory of this boot.
    """

    def __init__(self, options: Namespace) -> None:
        settings = collect(options)
        record = finished(settings)
        if record is not None:
            database, self.tmp_dir = record.database, record.tmp_dir
        else:
            database, self.tmp_dir = _refreshed(settings)
        self.state = _open(database)

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
        from libpod.boot import report
        from libpod.containers.fields import Fields

        try:
            last = report.load_last(self.tmp_dir)
        except (FileError, DecodeError):
            # No refresh of ours in this boot, or a report that was not written to its end.
            return {}
        objects = Fields(last, "report of the last refresh").child(kind)
        return {entry.text("id"): entry.text("error") for entry in objects.children("quarantined")}


def _refreshed(settings: Settings) -> tuple[str, str]:
    """The database and the runtime directory after a refresh. Raises RefreshRefused."""
    from libpod.boot import decide

    report = refresh(settings)
    outcome, reason, hint = report.decision.outcome, report.decision.reason, report.decision.hint
    if outcome == decide.REFUSE:
        raise RefreshRefused(f"this store cannot be used now: {reason}", hint=hint)
    if outcome != decide.NOOP:
        output.message(f"boot refresh: {outcome}: {reason}")
    for warning in report.warnings:
        output.warning(warning)
    record = finished(settings)
    tmp_dir = settings.values["tmp_dir"] if record is None else record.tmp_dir
    return report.database or "", tmp_dir


def _open(database: str) -> State:
    from libpod import state

    kind = _kind_of(database)
    return state.open(kind, database, read_only=kind != state.MEMORY, on_wait=output.message)


def _kind_of(database: str) -> str:
    from libpod.boot import report

    return report.backend_name(database or None) or "memory"


def load_config(options: Namespace) -> RuntimeConfig:
    """The configuration with what the database remembers, if that answers at once: for information only."""
    from typing import cast

    from libpod import state
    from libpod.config.runtime import RuntimeConfig

    config = RuntimeConfig.from_settings(collect(options, create=False))
    found = state.detect(config.static_dir, config.graph_root, config.database_kind)
    if found is None:
        return config
    try:
        database = state.open(*found, read_only=True, timeout=_INFO_PATIENCE)
        try:
            return config.adopt(cast("StoredConfig", database.stored_config()))
        finally:
            database.close()
    except DatabaseLocked as error:
        output.warning(f"{error.message}; showing what the configuration says")
    except (DatabaseError, FileError) as error:
        output.warning(error.message)
    return config
