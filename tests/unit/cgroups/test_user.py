"""Which controllers a user without privileges has, by manager and parent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from libpod.cgroups import user
from libpod.cgroups.systemd import SystemdManager
from libpod.config import session
from libpod.errors import InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

UID = 64011
SERVICE = f"user.slice/user-{UID}.slice/user@{UID}.service"


@pytest.fixture(name="unified")
def _unified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A version 2 hierarchy in which systemd has delegated two controllers to the user."""
    monkeypatch.setattr(session, "UNIFIED", str(tmp_path))
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / SERVICE).mkdir(parents=True)
    (tmp_path / SERVICE / "cgroup.controllers").write_text("memory pids\n")
    (tmp_path / SERVICE / "own").mkdir()
    (tmp_path / SERVICE / "own/cgroup.controllers").write_text("memory\n")
    return tmp_path


def test_systemd_gives_what_it_has_delegated(unified: Path) -> None:
    assert user.controllers(SystemdManager(uid=UID), UID) == {"memory", "pids"}
    assert user.controllers(SystemdManager(uid=UID + 1), UID + 1) == frozenset()
    (unified / "cgroup.controllers").unlink()
    assert user.controllers(SystemdManager(uid=UID), UID) == frozenset(), "version 1"


@pytest.mark.parametrize(
    ("parent", "found"),
    [
        ("", set()),
        ("/libpod_parent", set()),
        ("user.slice", set()),
        (f"/{SERVICE}", {"memory", "pids"}),
        (f"/{SERVICE}/new/deeper", {"memory", "pids"}),
        (f"/{SERVICE}/own", {"memory"}),
    ],
)
@pytest.mark.usefixtures("unified")
def test_directories_have_what_is_above_them(parent: str, found: set[str]) -> None:
    assert user.controllers(user.UserCgroupfsManager(), UID, parent) == found


def test_what_was_made_without_a_session_gets_a_slice_in_one() -> None:
    manager = user.UserSystemdManager(uid=UID)
    assert manager.container_path("/libpod_parent", "c") == manager.container_path("", "c")
    assert manager.container_path("/libpod_parent/pod", "c") == manager.container_path("", "c")
    assert manager.container_cgroup("/libpod_parent", "c") == f"/{SERVICE}/user.slice/libpod-c.scope"
    assert manager.pod_cgroup("/libpod_parent", "p") == "user.slice/user-libpod_pod_p.slice"
    with pytest.raises(InvalidArgument, match="is not a systemd slice"):
        manager.container_path("/elsewhere", "c")


def test_a_directory_that_cannot_be_written_to_gives_nothing(
    unified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = str(unified / SERVICE)
    monkeypatch.setattr(os, "access", lambda path, _mode: path != directory)
    assert user.controllers(user.UserCgroupfsManager(), UID, f"/{SERVICE}/new") == frozenset()
    assert user.controllers(user.UserCgroupfsManager(), UID, f"/{SERVICE}/own") == {"memory"}


@pytest.mark.parametrize("parent", ["", "/libpod_parent", f"/libpod_parent/{'d' * 64}", "user.slice"])
def test_no_groups_where_a_user_can_make_none(parent: str) -> None:
    manager = user.UserCgroupfsManager()
    assert manager.container_path(parent, "c") == manager.pod_cgroup(parent, "d") == ""
    assert manager.place_conmon(parent, "c", 1) == ""
    assert manager.container_path("/libpod_parents", "c") == "/libpod_parents/libpod-c"
