"""`libpod refresh` on a store of its own."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from libpod.boot import decide, marker
from libpod.cli import refresh
from libpod.host import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.unit.cli.conftest import Place


def snapshot(directory: Path) -> dict[str, tuple[int, int]]:
    """Every path below, with inode and change time."""
    found = {}
    for parent, _, names in os.walk(directory):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            about = os.lstat(path)
            found[path] = about.st_ino, about.st_ctime_ns
    return found


def test_first_use_and_nothing_to_do(place: Place) -> None:
    first = place.run("refresh", "--format", "json")
    assert (first.status, first.stderr) == (0, "")
    assert first.json()["decision"] == "refresh"
    second = place.run("refresh")
    assert (second.status, second.stderr) == (0, "")
    assert second.stdout.splitlines()[0] == f"nothing to do: {refresh.DONE}"
    third = place.run("refresh", "--format", "json").json()
    assert (third["decision"], third["reason"]) == ("noop", refresh.DONE)
    assert third["database"] == {"backend": "boltdb", "path": str(place.database), "backup": None}
    assert set(third) == set(first.json())
    assert third["boot_id"] == files.boot_id()


def test_the_reason_for_nothing_is_that_of_the_decision() -> None:
    assert refresh.DONE == decide.DONE


def test_nothing_to_do_changes_nothing(filled: Place, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    for arguments in ([], ["--format=json"], ["--dry-run"], ["--last"]):
        assert filled.run("refresh", *arguments).status == 0
    assert snapshot(tmp_path) == before


def test_a_dry_run_says_what_it_would_do_and_does_not(filled: Place, tmp_path: Path) -> None:
    (filled.tmp_dir / "alive").unlink()
    before = snapshot(tmp_path)
    found = filled.run("refresh", "--dry-run")
    assert found.status == 0
    assert found.stdout.startswith("would refresh: ")
    assert snapshot(tmp_path) == before
    assert filled.run("refresh", "--dry-run", "--format=json").json()["dry_run"] is True
    assert filled.run("refresh").stdout.startswith("refreshed: ")


def test_the_last_report_is_kept(filled: Place) -> None:
    (filled.tmp_dir / "alive").unlink()
    report = filled.run("refresh", "--format=json").json()
    assert filled.run("refresh", "--last", "--format=json").json() == report
    assert filled.run("refresh", "--last").stdout.startswith("refreshed: ")


def test_no_last_report(place: Place) -> None:
    found = place.run("refresh", "--last")
    assert (found.status, found.stdout) == (125, "")
    assert found.stderr.startswith("Error: ")
    assert str(place.tmp_dir / marker.REPORT) in found.stderr
    assert not place.tmp_dir.exists()


def test_quarantine_is_status_1(filled: Place, damage: Callable[[str], None]) -> None:
    damage("aa" * 32)
    (filled.tmp_dir / "alive").unlink()
    found = filled.run("refresh")
    assert found.status == 1
    assert "web" in found.stdout
    # Nothing was mended, and it is not forgotten.
    found = filled.run("refresh")
    assert found.status == 1
    assert found.stdout.startswith("nothing to do: ")
    assert "left      container web" in found.stdout


def test_another_runtime_directory_is_refused(filled: Place) -> None:
    flags = [*filled.flags[:-1], str(filled.tmp_dir) + "-other"]
    filled.flags = flags
    found = filled.run("refresh")
    assert (found.status, found.stdout) == (125, "")
    assert str(filled.tmp_dir) in found.stderr
    assert "hint: " in found.stderr


def test_a_refusal_prints_the_report_and_fails(filled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = decide.Decision(decide.REFUSE, "something stands in the way", "move it")
    monkeypatch.setattr(decide, "decide", lambda _facts: decision)
    (filled.tmp_dir / "alive").unlink()
    found = filled.run("refresh", "--format=json")
    assert found.status == 125
    assert found.json()["decision"] == "refuse"
    assert found.stderr == "Error: something stands in the way\nhint: move it\n"
    listed = filled.run("ps")
    assert (listed.status, listed.stdout) == (125, "")
    assert (
        "Error: this store cannot be used now: something stands in the way\nhint: move it\n" in listed.stderr
    )


def test_a_store_in_memory(place: Place) -> None:
    place.flags += ["--db-backend", "memory"]
    assert place.run("refresh").status == 0
    assert place.run("ps", "-a", "--format=json").json() == []
    assert not place.root.exists()


def test_an_earlier_boot_is_refreshed_by_every_verb_that_needs_the_store(filled: Place) -> None:
    shutil.rmtree(filled.tmp_dir)
    found = filled.run("ps", "-aq")
    assert found.status == 0
    assert found.stderr.startswith("boot refresh: refresh: ")
    assert len(found.stdout.split()) == 2
    assert filled.run("ps", "-aq").stderr == ""
