"""What a refresh found, did and left: collected while it runs, stored as JSON, told to people and the
journal.

The JSON is the one that `libpod refresh --format json` prints and `<tmp_dir>/refresh.json` holds. `total`
counts the objects that the run went through: one that refuses, or finds nothing to do, goes through none.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import time

from libpod.boot import decide, marker, messages
from libpod.host import files, journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Final

    from libpod.boot.decide import Decision

PHASES: Final = ("lock", "decide", "state", "containers", "pods", "networks", "storage", "alive")
"""The parts of a refresh, in the order of their ends."""

PROGRESS_FROM: Final = 1000
"""Objects from which on `progress` is called."""
_PROGRESS_STEP: Final = 100

REPORT_MODE: Final = 0o600


class Objects:
    """Counts for one kind of object."""

    def __init__(self) -> None:
        self.total = 0
        self.reset = 0
        self.adopted = 0
        self.removed = 0
        self.quarantined: list[dict[str, str]] = []

    def quarantine(self, identifier: str, name: str | None, error: str) -> None:
        """Note that one object is left as it is; the first reason counts."""
        if all(entry["id"] != identifier for entry in self.quarantined):
            self.quarantined.append({"id": identifier, "name": name or "", "error": error})


class Report:
    """One run of the refresh. *progress* is called with what is done, how much of it, and the total."""

    def __init__(
        self, *, dry_run: bool = False, progress: Callable[[str, int, int], None] | None = None
    ) -> None:
        self.decision = decide.Decision(decide.NOOP, "")
        self.tmp_dir = ""
        self.dry_run = dry_run
        self.boot_id: str | None = None
        self.previous_boot_id: str | None = None
        self.backend: str | None = None
        self.database: str | None = None
        self.backup: str | None = None
        self.containers = Objects()
        self.pods = Objects()
        self.volumes = Objects()
        self.lock_kind: str | None = None
        self.locks_allocated = 0
        self.locks_renumbered = 0
        self.removals: list[dict[str, str]] = []
        self.actions: list[str] = []
        self.warnings: list[str] = []
        self.phases = dict.fromkeys(PHASES, 0.0)
        self._progress = progress
        self._started = time.monotonic()
        self._seconds: float | None = None

    def __getitem__(self, key: str) -> Any:
        """One entry of `as_dict`."""
        return self.as_dict()[key]

    def decided(self, decision: Decision) -> None:
        """Note the outcome and its reason."""
        self.decision = decision

    def did(self, action: str) -> None:
        """Note one file or kernel object that was created, changed or removed (or would be, in a dry run)."""
        self.actions.append(action)

    def removed(self, kind: str, identifier: str, name: str) -> None:
        """Note that a container or volume is removed (or would be, in a dry run)."""
        counts = self.containers if kind == "container" else self.volumes
        counts.removed += 1
        if kind == "volume":
            counts.total += 1
        self.removals.append({"kind": kind, "id": identifier, "name": name})

    def warn(self, text: str) -> None:
        """Note what a person should know and what stopped nothing."""
        self.warnings.append(text)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time that passes inside to the phase *name*."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] += time.monotonic() - started

    def progress(self, what: str, done: int, total: int) -> None:
        """Tell how far a long run is, every hundred objects."""
        if (
            self._progress is not None
            and total > PROGRESS_FROM
            and (done % _PROGRESS_STEP == 0 or done == total)
        ):
            self._progress(what, done, total)

    def finish(self) -> None:
        """Stop the clock; once it stands, it stays."""
        if self._seconds is None:
            self._seconds = time.monotonic() - self._started

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return time.monotonic() - self._started if self._seconds is None else self._seconds

    @property
    def degraded(self) -> bool:
        """Whether at least one object is quarantined."""
        return any(kind.quarantined for kind in (self.containers, self.pods, self.volumes))

    def as_dict(self) -> dict[str, object]:
        """The report as it is printed and stored."""
        return {
            "decision": self.decision.outcome,
            "reason": self.decision.reason,
            "hint": self.decision.hint,
            "dry_run": self.dry_run,
            "boot_id": self.boot_id,
            "previous_boot_id": self.previous_boot_id,
            "database": {"backend": self.backend, "path": self.database, "backup": self.backup},
            "containers": vars(self.containers),
            "pods": _pick(self.pods),
            "volumes": _pick(self.volumes) | {"removed": self.volumes.removed},
            "locks": {
                "kind": self.lock_kind,
                "allocated": self.locks_allocated,
                "renumbered": self.locks_renumbered,
            },
            "removals": self.removals,
            "actions": self.actions,
            "warnings": self.warnings,
            "phases": {name: round(value, 6) for name, value in self.phases.items()},
            "seconds": round(self.seconds, 6),
        }


def _pick(objects: Objects) -> dict[str, object]:
    """Pods and volumes are not adopted, and pods not removed."""
    return {"total": objects.total, "reset": objects.reset, "quarantined": objects.quarantined}


def nothing_to_do(
    reason: str, *, boot_id: str | None = None, database: str | None = None, dry_run: bool = False
) -> Report:
    """The report of a run that ends at its first look."""
    report = Report(dry_run=dry_run)
    report.decided(decide.Decision(decide.NOOP, reason))
    report.boot_id = report.previous_boot_id = boot_id
    report.database = database
    report.backend = backend_name(database)
    report.finish()
    return report


def backend_name(database: str | None) -> str | None:
    """Which kind of database lies at this path, by its name."""
    if database is None:
        return None
    return "sqlite" if database.endswith(".sql") else "boltdb"


# ---------------------------------------------------------------- kept for --last


def store(report: Mapping[str, Any], tmp_dir: str) -> None:
    """Keep the report (`Report.as_dict`) as `<tmp_dir>/refresh.json`."""
    data = json.dumps(report, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")
    path = os.path.join(tmp_dir, marker.REPORT)
    files.write_atomic(path, data + b"\n", mode=REPORT_MODE, sync=False, sync_dir=False)


def quarantined(report: Mapping[str, Any], kind: str) -> dict[str, str]:
    """The reasons in a report for which objects of *kind* ("containers", …) are quarantined, by their IDs."""
    return {entry["id"]: entry["error"] for entry in report[kind]["quarantined"]}


# ---------------------------------------------------------------- for people

_LABEL_WIDTH: Final = 9
_SHOWN_ID: Final = 12
_SHOWN_NAMES: Final = 5
_VERBS: Final = {
    decide.NOOP: "nothing to do",
    decide.REFRESH: "refreshed",
    decide.ADOPT: "adopted",
    decide.REFUSE: "refused",
}
_DRY_VERBS: Final = {
    decide.REFRESH: "would refresh",
    decide.ADOPT: "would adopt",
    decide.REFUSE: "would refuse",
}


def text(report: Mapping[str, Any]) -> str:
    """The report (`Report.as_dict`, or a stored one) for people: what was found, done and left, in this
    order.
    """
    verbs = _VERBS | _DRY_VERBS if report["dry_run"] else _VERBS
    lines = [f"{verbs[report['decision']]}: {report['reason']}"]
    lines += _found(report)
    if report["decision"] in (decide.REFRESH, decide.ADOPT):
        lines += _labelled("would do" if report["dry_run"] else "done", _done(report))
    lines += _labelled("left", _left(report))
    lines += _labelled("note", report.get("warnings", []))
    lines += _labelled("took", [_took(report)])
    return "\n".join(lines)


def _labelled(label: str, lines: Iterable[str]) -> list[str]:
    heads = itertools.chain([label], itertools.repeat(""))
    return [f"{head:<{_LABEL_WIDTH}} {line}" for head, line in zip(heads, lines, strict=False)]


def _found(report: Mapping[str, Any]) -> list[str]:
    database = report["database"]
    if report["decision"] == decide.NOOP or database["path"] is None:
        return []
    where = f"{database['backend']} database {database['path']}"
    if report["decision"] == decide.REFUSE:
        # Nobody went through the objects.
        return _labelled("found", [where])
    counts = ", ".join(
        count(report[kind]["total"], kind.removesuffix("s")) for kind in ("containers", "pods", "volumes")
    )
    return _labelled("found", [f"{where}: {counts}"])


def _done(report: Mapping[str, Any]) -> Iterator[str]:
    if report["database"]["backup"]:
        yield f"database copied to {report['database']['backup']}"
    containers = report["containers"]
    if report["decision"] == decide.ADOPT:
        yield f"{count(containers['adopted'], 'live container')} kept as they are"
    else:
        kinds = ("containers", "pods", "volumes")
        yield ", ".join(count(report[kind]["reset"], kind.removesuffix("s")) for kind in kinds) + " reset"
    yield from _removed(report)
    locks = report["locks"]
    if locks["allocated"] or locks["renumbered"]:
        allocated = count(locks["allocated"], "lock")
        yield f"{allocated} allocated ({locks['kind']}), {locks['renumbered']} renumbered"
    yield f"{count(len(report['actions']), 'change')} in all; --format json lists each"


def _removed(report: Mapping[str, Any]) -> Iterator[str]:
    """What was removed, with the first names."""
    for kind, why in (
        ("container", "made with --rm, or already being removed"),
        ("volume", "anonymous, of these containers"),
    ):
        names = [_named(entry) for entry in report.get("removals", ()) if entry["kind"] == kind]
        if names:
            more = ", …" if len(names) > _SHOWN_NAMES else ""
            shown = ", ".join(names[:_SHOWN_NAMES])
            yield f"{count(len(names), kind)} removed ({why}): {shown}{more}"


def _named(entry: Mapping[str, str]) -> str:
    """A name, or the beginning of an ID where that is the name."""
    return entry["id"][:_SHOWN_ID] if entry["name"] in ("", entry["id"]) else entry["name"]


def _left(report: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("containers", "pods", "volumes"):
        for entry in report[kind]["quarantined"]:
            name = f"{entry['name']} ({entry['id'][:_SHOWN_ID]})" if entry["name"] else entry["id"]
            yield f"{kind.removesuffix('s')} {name} as it was: {entry['error']}"


def _took(report: Mapping[str, Any]) -> str:
    parts = [f"{name} {seconds:.3f}" for name, seconds in report["phases"].items() if seconds >= 0.0005]
    return f"{report['seconds']:.3f} s" + (f" ({', '.join(parts)})" if parts else "")


def count(number: int, thing: str) -> str:
    """A number with its noun: "1 lock", "2 locks"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


# ---------------------------------------------------------------- for the journal


def tell_journal(report: Report) -> None:
    """One entry for the refresh, and one for each quarantined object. None in a dry run or for nothing
    done.
    """
    if report.dry_run or report.decision.outcome == decide.NOOP:
        return
    journal.send(_journal_summary(report))
    for kind in ("container", "pod", "volume"):
        for entry in getattr(report, f"{kind}s").quarantined:
            journal.send(_journal_quarantine(report, kind, entry))


def _journal_summary(report: Report) -> dict[str, object]:
    verb = _VERBS[report.decision.outcome]
    number = report.containers.reset + report.containers.adopted
    return {
        "MESSAGE_ID": messages.REFRESH,
        "MESSAGE": f"Container store {verb} ({count(number, 'container')}): {report.decision.reason}",
        "PRIORITY": journal.WARNING
        if report.degraded or report.decision.outcome == decide.REFUSE
        else journal.INFO,
        "LIBPOD_DECISION": report.decision.outcome,
        "LIBPOD_REASON": report.decision.reason,
        "LIBPOD_DATABASE": report.database,
        "LIBPOD_PREVIOUS_BOOT_ID": report.previous_boot_id,
        "LIBPOD_CONTAINERS": report.containers.total,
        "LIBPOD_CONTAINERS_RESET": report.containers.reset,
        "LIBPOD_CONTAINERS_ADOPTED": report.containers.adopted,
        "LIBPOD_CONTAINERS_REMOVED": report.containers.removed,
        "LIBPOD_PODS": report.pods.total,
        "LIBPOD_VOLUMES": report.volumes.total,
        "LIBPOD_LOCKS_RENUMBERED": report.locks_renumbered,
        "LIBPOD_QUARANTINED": sum(
            len(kind.quarantined) for kind in (report.containers, report.pods, report.volumes)
        ),
        "LIBPOD_SECONDS": f"{report.seconds:.6f}",
    }


def _journal_quarantine(report: Report, kind: str, entry: Mapping[str, str]) -> dict[str, object]:
    return {
        "MESSAGE_ID": messages.QUARANTINE,
        "MESSAGE": f"{kind} {entry['name'] or entry['id']} is quarantined: {entry['error']}",
        "PRIORITY": journal.WARNING,
        "LIBPOD_OBJECT_KIND": kind,
        "LIBPOD_OBJECT_ID": entry["id"],
        "LIBPOD_OBJECT_NAME": entry["name"],
        "LIBPOD_ERROR": entry["error"],
        "LIBPOD_DATABASE": report.database,
    }
