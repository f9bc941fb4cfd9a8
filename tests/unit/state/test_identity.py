"""Whether a database is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libpod.errors import DatabaseMismatch
from libpod.state import identity
from libpod.state.identity import DatabaseConfig

if TYPE_CHECKING:
    from pathlib import Path

PATHS = ("static_dir", "tmp_dir", "run_root", "graph_root", "volume_path")


@pytest.mark.parametrize("key", PATHS)
def test_paths_are_compared_by_what_they_lead_to(tmp_path: Path, key: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to("../run")
    stored = DatabaseConfig(**{key: f"{tmp_path}/run/libpod"})
    for same in ("run/libpod", "run//libpod/", "var/run/libpod", "run/./x/../libpod"):
        identity.compare(stored, DatabaseConfig(**{key: f"{tmp_path}/{same}"}), "db")


@pytest.mark.parametrize("key", PATHS)
def test_other_path_is_a_mismatch(key: str) -> None:
    with pytest.raises(DatabaseMismatch) as caught:
        identity.compare(DatabaseConfig(**{key: "/stored"}), DatabaseConfig(**{key: "/ours"}), "/path/to/db")
    error = caught.value
    assert (error.key, error.stored, error.ours, error.path) == (key, "/stored", "/ours", "/path/to/db")
    for part in ("/path/to/db", key, "/stored", "/ours"):
        assert part in str(error)
    assert error.hint is not None
    assert "/stored" in error.hint


@pytest.mark.parametrize(
    ("key", "stored", "ours"), [("os", "linux", "freebsd"), ("graph_driver", "vfs", "overlay")]
)
def test_other_values_are_compared_literally(key: str, stored: str, ours: str) -> None:
    identity.compare(DatabaseConfig(**{key: stored}), DatabaseConfig(**{key: stored}), "db")
    with pytest.raises(DatabaseMismatch, match=stored) as caught:
        identity.compare(DatabaseConfig(**{key: stored}), DatabaseConfig(**{key: ours}), "db")
    assert caught.value.hint


@pytest.mark.parametrize("key", [*PATHS, "graph_driver"])
@pytest.mark.parametrize("unknown", ["", None])
def test_unknown_value_matches_everything(key: str, unknown: str | None) -> None:
    for one, other in ((unknown, "/x"), ("/x", unknown), (unknown, unknown)):
        identity.compare(DatabaseConfig(**{key: one}), DatabaseConfig(**{key: other}), "db")


def test_first_mismatch_counts() -> None:
    stored = DatabaseConfig(static_dir="/a", graph_root="/b")
    with pytest.raises(DatabaseMismatch) as caught:
        identity.compare(stored, DatabaseConfig(static_dir="/a", graph_root="/c"), "db")
    assert caught.value.key == "graph_root"


def test_absent_values_are_cleaned() -> None:
    stored = DatabaseConfig(os=None, static_dir="/kept", graph_driver="")
    ours = DatabaseConfig(static_dir="/other", tmp_dir="/run//libpod/", graph_driver="vfs", run_root="")
    assert identity.absent(stored, ours) == {"os": "linux", "tmp_dir": "/run/libpod"}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("tmp_dir", "/a/../b/", "/b"),
        ("tmp_dir", None, ""),
        ("graph_driver", "a//b", "a//b"),
        ("os", "linux", "linux"),
    ],
)
def test_clean(key: str, value: str | None, expected: str) -> None:
    assert identity.clean(key, value) == expected
