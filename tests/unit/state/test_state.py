"""Which database is there, and opening it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libpod import state
from libpod.errors import DatabaseError, InvalidArgument
from tests.unit.state import samples

if TYPE_CHECKING:
    from pathlib import Path

BOLT = "static/bolt_state.db"
ROOT_SQL = "root/db.sql"
STATIC_SQL = "static/db.sql"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with a static directory and a graph root."""
    for name in ("static", "root"):
        (tmp_path / name).mkdir()
    return tmp_path


def detect(place: Path, backend: str = "") -> tuple[str, str] | None:
    found = state.detect(str(place / "static"), str(place / "root"), backend)
    return None if found is None else (found[0], found[1].removeprefix(f"{place}/"))


@pytest.mark.parametrize(
    ("files", "backend", "expected"),
    [
        ([], "", None),
        ([], "sqlite", None),
        ([BOLT], "", ("boltdb", BOLT)),
        ([BOLT], "boltdb", ("boltdb", BOLT)),
        ([BOLT], "sqlite", None),
        ([ROOT_SQL], "", ("sqlite", ROOT_SQL)),
        ([STATIC_SQL], "", ("sqlite", STATIC_SQL)),
        ([ROOT_SQL, STATIC_SQL], "", ("sqlite", ROOT_SQL)),
        ([BOLT, ROOT_SQL], "boltdb", ("boltdb", BOLT)),
        ([BOLT, ROOT_SQL], "sqlite", ("sqlite", ROOT_SQL)),
        ([f"{BOLT}-old", ROOT_SQL], "", ("sqlite", ROOT_SQL)),
    ],
)
def test_database_that_is_there_is_found(
    place: Path, files: list[str], backend: str, expected: tuple[str, str] | None
) -> None:
    for name in files:
        (place / name).touch()
    assert detect(place, backend) == expected


@pytest.mark.parametrize("name", [ROOT_SQL, STATIC_SQL])
def test_two_databases_are_not_guessed_about(place: Path, name: str) -> None:
    for path in (BOLT, name):
        (place / path).touch()
    with pytest.raises(DatabaseError, match="two databases") as caught:
        detect(place)
    assert caught.value.hint is not None
    assert "database_backend" in caught.value.hint


def test_directory_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert detect(tmp_path / "absent") is None


@pytest.mark.parametrize("kind", samples.KINDS)
def test_open(tmp_path: Path, kind: str) -> None:
    store = samples.open_state(kind, tmp_path)
    assert (store.kind, store.path, store.read_only) == (kind, samples.database(kind, tmp_path), False)
    assert store.warnings == []
    store.close()


@pytest.mark.parametrize(
    ("kind", "path"), [("boltdb", "/s/bolt_state.db"), ("sqlite", "/g/db.sql"), ("memory", "")]
)
def test_default_path(kind: str, path: str) -> None:
    assert state.default_path(kind, "/s", "/g") == path


def test_unknown_kind() -> None:
    with pytest.raises(InvalidArgument, match="'mysql'") as caught:
        state.open("mysql", "/x")
    assert caught.value.hint == "use boltdb, sqlite or memory"
