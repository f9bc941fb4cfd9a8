"""`libpod db` on databases of all kinds and in all conditions."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

from libpod import boltdb, state
from tests.unit.boltdb.test_check import lose_a_free_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Place

WEB = "aa" * 32


def test_a_sound_database(filled: Place) -> None:
    before = filled.database.read_bytes()
    found = filled.run("db", "check")
    assert (found.status, found.stderr) == (0, "")
    assert found.stdout == f"no problem found in boltdb database {filled.database}\n"
    assert filled.run("db", "check", "--format=json").json() == []
    assert filled.database.read_bytes() == before


def test_problems_are_status_1(filled: Place, damage: Callable[[str], None]) -> None:
    damage(WEB)
    found = filled.run("db", "check")
    assert found.status == 1
    assert found.stdout.startswith(f"container {WEB}: ")
    assert found.stderr == f"1 problem in boltdb database {filled.database}\n"
    (problem,) = filled.run("db", "check", "--format=json").json()
    assert (problem["kind"], problem["id"]) == ("container", WEB)
    assert set(problem) == {"kind", "id", "message", "harmless"}


def test_lost_pages_are_told_and_no_problem(filled: Place) -> None:
    """bbolt itself loses some, and goes on with the file as ever."""
    path = str(filled.database)
    lost = lose_a_free_page(filled.database)
    found = filled.run("db", "check")
    assert (found.status, found.stderr) == (0, "")
    assert found.stdout == (
        f"database {path}: {lost} (harmless)\nno problem found in boltdb database {path}\n"
    )
    (problem,) = filled.run("db", "check", "--format=json").json()
    assert problem == {"kind": "database", "id": path, "message": lost, "harmless": True}


def test_dump_prints_every_key(filled: Place) -> None:
    lines = filled.run("db", "dump").stdout.splitlines()
    assert f"all-ctrs/{WEB} = web" in lines
    assert "exec/ is empty" in lines
    assert any(line.startswith(f"ctr/{WEB}/config = {{") for line in lines)
    entries = filled.run("db", "dump", "--format", "json").json()
    assert len(entries) == len(lines)
    assert {"bucket": ["all-ctrs"], "key": WEB, "value": "web"} in entries


def test_a_refresh_is_not_needed_and_not_done(filled: Place) -> None:
    (filled.tmp_dir / "alive").unlink()
    assert filled.run("db", "check").status == 0
    assert filled.run("db", "dump").status == 0
    assert not (filled.tmp_dir / "alive").exists()


def test_no_database(place: Place) -> None:
    found = place.run("db", "check")
    assert (found.status, found.stdout) == (125, "")
    assert str(place.database) in found.stderr
    assert "hint: " in found.stderr
    assert not place.root.exists()


@pytest.mark.parametrize("verb", ["check", "dump"])
def test_a_file_may_be_named(filled: Place, tmp_path: Path, verb: str) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(filled.database.read_bytes())
    filled.database.unlink()
    assert filled.run("db", verb, str(copy)).status == 0


def test_a_named_sqlite_file_is_recognised(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "somewhere.sql"
    state.open(state.SQLITE, str(path)).close()
    found = place.run("db", "check", str(path))
    assert (found.status, found.stdout) == (0, f"no problem found in sqlite database {path}\n")
    assert place.run("db", "dump", str(path)).status == 0


@pytest.mark.parametrize("verb", ["check", "dump"])
@pytest.mark.parametrize("content", [b"garbage" * 2000, b"SQLite format 3\0garbage", b"\0" * 16384])
def test_a_file_that_is_no_database(place: Place, tmp_path: Path, content: bytes, verb: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    found = place.run("db", verb, str(path))
    assert found.status == 125
    assert found.stderr.startswith("Error: ")
    assert str(path) in found.stderr
    assert "unexpected" not in found.stderr
    assert path.read_bytes() == content


@pytest.mark.parametrize("verb", ["check", "dump"])
def test_a_file_that_is_not_there(place: Place, tmp_path: Path, verb: str) -> None:
    found = place.run("db", verb, str(tmp_path / "none"))
    assert (found.status, found.stdout) == (125, "")
    assert str(tmp_path / "none") in found.stderr


def test_a_directory_is_no_database(place: Place, tmp_path: Path) -> None:
    found = place.run("db", "check", str(tmp_path))
    assert found.status == 125
    assert "irectory" in found.stderr


def test_a_bolt_file_of_another_program(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "ipam.db"
    with boltdb.Database.open(path) as database, database.update() as transaction:
        transaction.create_bucket(b"podman").put(b"\x0aX\x00\x02", b"\xff\xfe")
    dumped = place.run("db", "dump", str(path))
    assert (dumped.status, dumped.stderr) == (0, "")
    assert dumped.stdout.startswith("podman/")
    assert dumped.stdout.isprintable() or dumped.stdout.count("\n") == 1
    assert place.run("db", "check", str(path)).status in (0, 1)


def test_an_sqlite_file_of_another_program(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "other.sql"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.execute("INSERT INTO things VALUES ('one')")
    connection.close()
    before = path.read_bytes()
    found = place.run("db", "dump", str(path))
    assert found.status in (0, 125)
    assert "unexpected" not in found.stderr
    assert path.read_bytes() == before


def test_names_are_made_printable(filled: Place) -> None:
    with boltdb.Database.open(filled.database) as database, database.update() as transaction:
        bucket = transaction.bucket(b"all-ctrs")
        assert bucket is not None
        bucket.put(b"\x1b[31m", b"red\xff")
    found = filled.run("db", "dump")
    assert found.status == 0
    assert "\x1b" not in found.stdout
    assert "\x1b" not in filled.run("db", "check").stdout
    json.loads(filled.run("db", "dump", "--format=json").stdout)
