"""The report as JSON, for people, for the journal, and kept for later."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from libpod.boot import decide, marker, messages
from libpod.boot import report as reports
from libpod.boot.decide import Decision
from libpod.boot.report import Report
from libpod.errors import DecodeError, FileError
from libpod.host import journal

KEYS = {
    "decision", "reason", "hint", "dry_run", "boot_id", "previous_boot_id", "database", "containers", "pods",
    "volumes", "locks", "removals", "actions", "warnings", "phases", "seconds",
}  # fmt: skip


def sample(outcome: str = decide.REFRESH, *, dry_run: bool = False, broken: bool = True) -> Report:
    report = Report(dry_run=dry_run)
    report.decided(Decision(outcome, "no alive file, and boot ID differs from the last refresh"))
    report.boot_id, report.previous_boot_id = "now", "before"
    report.backend, report.database, report.backup = "boltdb", "/v/bolt_state.db", "/v/bolt_state.db.boot-now"
    report.containers.total, report.containers.reset = 3, 2
    report.pods.total = report.pods.reset = 1
    report.lock_kind, report.locks_allocated, report.locks_renumbered = "shm", 5, 1
    report.did("write /run/libpod/alive")
    if broken:
        report.containers.quarantine("a" * 64, "web", "container web: state is not JSON")
    report.finish()
    return report


def test_as_dict_has_the_keys_that_others_rely_on() -> None:
    found = sample().as_dict()
    assert found.keys() == KEYS
    assert found["decision"] == "refresh"
    assert found["database"] == {
        "backend": "boltdb",
        "path": "/v/bolt_state.db",
        "backup": "/v/bolt_state.db.boot-now",
    }
    quarantined = [{"id": "a" * 64, "name": "web", "error": "container web: state is not JSON"}]
    assert found["containers"] == {
        "total": 3, "reset": 2, "adopted": 0, "removed": 0, "quarantined": quarantined
    }  # fmt: skip
    assert found["pods"] == {"total": 1, "reset": 1, "quarantined": []}
    assert found["volumes"] == {"total": 0, "reset": 0, "quarantined": [], "removed": 0}
    assert found["locks"] == {"kind": "shm", "allocated": 5, "renumbered": 1}
    phases: Any = found["phases"]
    assert list(phases) == [
        "lock", "decide", "state", "containers", "pods", "networks", "storage", "alive"
    ]  # fmt: skip
    assert json.loads(json.dumps(found)) == found


def test_entries_can_be_asked_for() -> None:
    assert sample()["containers"]["total"] == 3


def test_phases_add_up() -> None:
    report = Report()
    with report.phase("state"), pytest.raises(ZeroDivisionError):
        1 / 0  # noqa: B018
    with report.phase("state"):
        pass
    report.finish()
    assert 0 < report.phases["state"] <= report.seconds
    assert report.seconds == report.seconds


def test_degraded() -> None:
    assert sample().degraded
    assert not sample(broken=False).degraded


def test_an_object_is_quarantined_once() -> None:
    report = sample()
    report.containers.quarantine("a" * 64, "web", "and its directory too")
    assert reports.quarantined(report.as_dict(), "containers") == {
        "a" * 64: "container web: state is not JSON"
    }


@pytest.mark.parametrize(("total", "calls"), [(1000, []), (1050, [100, 200, 300, 1050])])
def test_progress_is_told_for_long_runs(total: int, calls: list[int]) -> None:
    told: list[tuple[str, int, int]] = []
    report = Report(progress=lambda *what: told.append(what))
    for done in (1, 99, 100, 150, 200, 300, total):
        report.progress("files", done, total)
    assert told == [("files", done, total) for done in calls]


class TestKept:
    def test_round_trip(self, tmp_path: Path) -> None:
        report = sample()
        reports.store(report.as_dict(), str(tmp_path))
        assert marker.read_report(str(tmp_path)) == report.as_dict()
        assert stat.S_IMODE((tmp_path / "refresh.json").stat().st_mode) == 0o600

    def test_names_that_have_no_utf8(self, tmp_path: Path) -> None:
        report = sample()
        report.did("remove /run/\udcff")
        reports.store(report.as_dict(), str(tmp_path))
        assert "\\udcff" in str(marker.read_report(str(tmp_path))["actions"])

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match=r"refresh\.json"):
            marker.read_report(str(tmp_path))

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff"])
    def test_damaged(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "refresh.json").write_bytes(data)
        with pytest.raises(DecodeError, match=r"refresh\.json"):
            marker.read_report(str(tmp_path))


class TestText:
    def test_refresh(self) -> None:
        lines = reports.text(sample().as_dict()).splitlines()
        assert lines[:7] == [
            "refreshed: no alive file, and boot ID differs from the last refresh",
            "found     boltdb database /v/bolt_state.db: 3 containers, 1 pod, 0 volumes",
            "done      database copied to /v/bolt_state.db.boot-now",
            "          2 containers, 1 pod, 0 volumes reset",
            "          5 locks allocated (shm), 1 renumbered",
            "          1 change in all; --format json lists each",
            "left      container web (aaaaaaaaaaaa) as it was: container web: state is not JSON",
        ]
        assert lines[7].startswith("took      0.0")

    def test_what_was_removed_is_named(self) -> None:
        report = sample()
        for number in range(6):
            report.removed("container", f"{number}" * 64, f"c{number}")
        report.removed("volume", "e" * 64, "e" * 64)
        lines = reports.text(report.as_dict()).splitlines()
        why = "made with --rm, or already being removed"
        assert f"          6 containers removed ({why}): c0, c1, c2, c3, c4, …" in lines
        assert "          1 volume removed (anonymous, of these containers): eeeeeeeeeeee" in lines

    def test_dry_run(self) -> None:
        text = reports.text(sample(dry_run=True).as_dict())
        assert text.startswith("would refresh: ")
        assert "\nwould do  database copied" in text

    def test_adopt(self) -> None:
        report = sample(decide.ADOPT)
        report.containers.adopted = 2
        assert "2 live containers kept as they are" in reports.text(report.as_dict())

    def test_nothing_to_do(self) -> None:
        report = reports.nothing_to_do("this boot is done", boot_id="now", database="/v/db.sql")
        assert report["database"] == {"backend": "sqlite", "path": "/v/db.sql", "backup": None}
        assert report["previous_boot_id"] == "now"
        lines = reports.text(report.as_dict()).splitlines()
        assert lines[0] == "nothing to do: this boot is done"
        assert len(lines) == 2

    def test_refusal_and_warnings(self) -> None:
        report = sample(decide.REFUSE, broken=False)
        report.warn("boot-record.json is damaged")
        text = reports.text(report.as_dict())
        assert text.startswith("refused: ")
        # Nobody went through the objects: no number is true.
        assert "container" not in text
        assert "done" not in text
        assert "note      boot-record.json is damaged" in text

    def test_a_report_without_warnings_is_one_of_an_older_version(self) -> None:
        found = sample().as_dict()
        del found["warnings"]
        assert reports.text(found)


class TestJournal:
    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
        """What arrives at the journal."""
        found: list[dict[str, object]] = []
        monkeypatch.setattr(journal, "send", lambda fields: found.append(dict(fields)))
        return found

    def test_one_entry_for_the_refresh_and_one_for_each_quarantined_object(
        self, sent: list[dict[str, object]]
    ) -> None:
        reports.tell_journal(sample())
        summary, quarantine = sent
        assert summary["MESSAGE_ID"] == messages.REFRESH
        assert summary["LIBPOD_DECISION"] == "refresh"
        assert summary["LIBPOD_CONTAINERS_RESET"] == 2
        assert summary["LIBPOD_QUARANTINED"] == 1
        assert float(str(summary["LIBPOD_SECONDS"])) >= 0
        assert summary["PRIORITY"] == journal.WARNING
        assert quarantine["MESSAGE_ID"] == messages.QUARANTINE
        assert quarantine["LIBPOD_OBJECT_NAME"] == "web"
        assert quarantine["LIBPOD_OBJECT_KIND"] == "container"
        assert "state is not JSON" in str(quarantine["MESSAGE"])

    def test_priorities(self, sent: list[dict[str, object]]) -> None:
        reports.tell_journal(sample(broken=False))
        reports.tell_journal(sample(decide.REFUSE, broken=False))
        assert [entry["PRIORITY"] for entry in sent] == [journal.INFO, journal.WARNING]

    def test_nothing_for_a_dry_run_or_for_nothing_done(self, sent: list[dict[str, object]]) -> None:
        reports.tell_journal(sample(dry_run=True))
        reports.tell_journal(sample(decide.NOOP))
        assert sent == []
