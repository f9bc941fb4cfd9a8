"""`libpod refresh`.

This module is loaded at every boot, and most runs find nothing to do: it imports nothing that costs time.
"""

from __future__ import annotations

import time

from libpod.cli import codes, output, stores

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from libpod.boot.marker import BootRecord
    from libpod.cli.grammar import Grammar
    from libpod.cli.options import Given
    from libpod.config.sources import Settings

# The reason of `libpod.boot.decide` for the same, whose import would take longer than all that this run does.
DONE = "this boot is done: alive file and last refresh have this boot's ID"


class _Plain:
    """The attributes of a Namespace."""


def plain(given: Given) -> Namespace:
    """What the parser makes of this verb without arguments, but without the parser."""
    parsed: Any = _Plain()
    vars(parsed).update(
        given.values,
        dry_run=False,
        last=False,
        format=None,
        missing_verb=None,
        prog="libpod refresh",
        run=run,
    )
    found: Namespace = parsed
    return found


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument(
        "--last", action="store_true", help="print the report of the last refresh of this boot"
    )
    parser.add_format(templates=False)
    parser.runs(run)


def run(options: Namespace) -> int:
    """Refresh and print the report; status 1 where an object is quarantined.

    Raises RefreshRefused after the report, when a refresh could do harm.
    """
    started = time.monotonic()
    settings = stores.collect(options, create=not options.dry_run and not options.last)
    record = stores.finished(settings)
    if options.last:
        return _print_last(options, settings, record)
    if record is not None and not record.degraded:
        _print_nothing_to_do(options, record, time.monotonic() - started)
        return codes.DONE
    return _refresh(options, settings)


def _refresh(options: Namespace, settings: Settings) -> int:
    from libpod.boot import decide, report
    from libpod.cli.progress import Progress
    from libpod.errors import RefreshRefused

    if not options.dry_run:
        # What is removed may belong to any user of the containers.
        stores.enter_to_refresh(settings)
    with Progress() as progress:
        found = stores.make_runtime(settings, progress).refresh(dry_run=options.dry_run)
    if options.format:
        output.as_json(found.as_dict())
        for warning in found.warnings:
            output.warning(warning)
    else:
        output.data(report.text(found.as_dict()))
    if found.decision.outcome == decide.REFUSE:
        raise RefreshRefused(found.decision.reason, hint=found.decision.hint)
    return codes.DEGRADED if found.degraded else codes.DONE


def _print_last(options: Namespace, settings: Settings, record: BootRecord | None) -> int:
    """Print the stored report; whatever it says, printing it is a success."""
    from libpod.boot import marker, report

    found = marker.read_report(settings.values["tmp_dir"] if record is None else record.tmp_dir)
    if options.format:
        output.as_json(found)
    else:
        output.data(report.text(found))
    return codes.DONE


def _print_nothing_to_do(options: Namespace, record: BootRecord, seconds: float) -> None:
    if not options.format:
        output.data(f"nothing to do: {DONE}\n{'took':<9} {seconds:.3f} s")
        return
    from libpod.boot import report

    found = report.nothing_to_do(
        DONE, boot_id=record.boot_id, database=record.database, dry_run=options.dry_run
    )
    output.as_json(found.as_dict())
