"""What a refresh had to leave, tried again by a later one of the same boot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from libpod.boot import marker
from libpod.locks import open_manager
from tests.unit.boot.conftest import RUNNING, identifier
from tests.unit.boot.test_refresh import break_container, repair_container

if TYPE_CHECKING:
    from pathlib import Path

    from libpod.boot.report import Report
    from tests.unit.boot.conftest import Store


@pytest.fixture
def in_the_way(store: Store) -> Path:
    """A directory in place of a socket, for which container 0 was left."""
    found = store.bundle(0) / "attach"
    found.mkdir()
    assert left(store.refresh()) == ["c0"]
    return found


def left(report: Report) -> list[str]:
    return [entry["name"] for entry in report.containers.quarantined]


def stored(store: Store) -> object:
    report: dict[str, dict[str, object]] = marker.read_report(str(store.tmp))  # type: ignore[assignment]
    return report["containers"]["quarantined"]


def test_what_was_in_the_way_is_gone(store: Store, in_the_way: Path) -> None:
    in_the_way.rmdir()
    (store.bundle(0) / "oom").write_text("")
    report = store.refresh()
    assert report["decision"] == "noop"
    assert "what it had left was tried again: 1 object" in report["reason"]
    assert (left(report), report.containers.total, report.containers.reset) == ([], 1, 1)
    assert not (store.bundle(0) / "oom").exists()
    assert stored(store) == []
    report = store.refresh()
    assert (report["actions"], report.containers.total) == ([], 0)
    assert "tried again" not in report["reason"]


def test_it_is_still_there(store: Store, in_the_way: Path) -> None:
    for _ in range(2):
        report = store.refresh()
        assert (report["decision"], left(report)) == ("noop", ["c0"])
        assert str(in_the_way) in report.containers.quarantined[0]["error"]
        assert stored(store) == report.containers.quarantined


def test_a_dry_run_tells_the_same_and_changes_nothing(store: Store, in_the_way: Path) -> None:
    in_the_way.rmdir()
    (store.bundle(0) / "oom").write_text("")
    before = store.tree()
    report = store.refresh(dry_run=True)
    assert left(report) == []
    assert report["actions"] == [f"remove {store.bundle(0)}/oom"]
    assert store.tree() == before


def test_a_container_that_runs_by_now_is_left_in_peace(store: Store, in_the_way: Path) -> None:
    in_the_way.rmdir()
    (store.bundle(0) / "winsz").write_text("")
    database = store.open()
    record = database.container(identifier(0))
    record.status = RUNNING
    database.save_container(record)
    database.close()
    assert left(store.refresh()) == []
    assert (store.bundle(0) / "winsz").exists()


@pytest.mark.usefixtures("in_the_way")
def test_a_container_that_is_gone_is_forgotten(store: Store) -> None:
    database = store.open()
    database.remove_container(database.container(identifier(0)))
    database.close()
    assert left(store.refresh()) == []
    assert stored(store) == []


def test_a_container_in_use_is_waited_for_and_left(
    store: Store, in_the_way: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libpod.boot.again.LOCK_SECONDS", 0.05)
    in_the_way.rmdir()
    manager = open_manager("file", tmp_dir=str(store.tmp))
    lock = manager.retrieve(0)
    lock.acquire(1)
    try:
        assert left(store.refresh()) == ["c0"]
    finally:
        lock.release()
        manager.close()
    assert left(store.refresh()) == []


def test_a_broken_record_stays_until_it_is_repaired(store: Store) -> None:
    whole = store.stored(0)
    break_container(store, 0)
    assert left(store.refresh()) == ["c0"]
    assert left(store.refresh()) == ["c0"]
    repair_container(store, 0, whole)
    assert left(store.refresh()) == []


@pytest.mark.usefixtures("in_the_way")
def test_without_the_report_there_is_nothing_to_try(store: Store) -> None:
    os.unlink(store.tmp / "refresh.json")
    report = store.refresh()
    assert (report["decision"], left(report)) == ("noop", [])


@pytest.mark.usefixtures("in_the_way")
def test_another_boot_begins_anew(store: Store) -> None:
    store.reboot()
    report = store.refresh()
    assert (report["decision"], report.containers.total, left(report)) == ("refresh", 2, ["c0"])
