"""Which cgroup manager a user without privileges has when nothing names one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.config import session

if TYPE_CHECKING:
    from tests.unit.config.conftest import Machine

TABLE = [
    pytest.param(True, True, "systemd", id="session on version 2"),
    pytest.param(True, False, "cgroupfs", id="no session"),
    pytest.param(False, True, "cgroupfs", id="version 1"),
]


@pytest.fixture(name="unified")
def _unified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where version 2 is mounted, once the file `cgroup.controllers` is there."""
    directory = tmp_path / "cgroup"
    directory.mkdir()
    monkeypatch.setattr(session, "UNIFIED", str(directory))
    return directory


@pytest.mark.parametrize(("version_2", "bus", "manager"), TABLE)
def test_a_user_has_systemd_where_it_can_be_asked(
    machine: Machine, unified: Path, version_2: bool, bus: bool, manager: str
) -> None:
    machine.become_user()
    if version_2:
        (unified / "cgroup.controllers").touch()
    if bus:
        (Path(machine.environment["XDG_RUNTIME_DIR"]) / "bus").touch()
    assert machine.collect().values["cgroup_manager"] == manager


def test_a_bus_may_be_named(machine: Machine, unified: Path) -> None:
    machine.become_user()
    (unified / "cgroup.controllers").touch()
    machine.environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/bus"
    assert machine.collect().values["cgroup_manager"] == "systemd"


def test_what_was_asked_for_is_taken(machine: Machine, unified: Path) -> None:
    machine.become_user()
    (unified / "cgroup.controllers").touch()
    machine.environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/bus"
    assert machine.collect(cgroup_manager="cgroupfs").values["cgroup_manager"] == "cgroupfs"
    machine.write(machine.own / "containers.conf", '[engine]\ncgroup_manager = "cgroupfs"\n')
    assert machine.collect().values["cgroup_manager"] == "cgroupfs"


def test_root_has_what_it_had(machine: Machine, unified: Path) -> None:
    (unified / "cgroup.controllers").touch()
    machine.environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/bus"
    assert machine.collect().values["cgroup_manager"] == "cgroupfs"
