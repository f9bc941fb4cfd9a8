"""The unit of the user manager: for a lingering user with a store, and for those whom it leaves alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from libpod.boot import messages
from tests.boot import podman

if TYPE_CHECKING:
    import subprocess

    from tests.boot.machine import Machine

STORE = ".local/share/containers/storage"
CONDITIONS = ("ActiveState", "ConditionResult")


def as_user(
    machine: Machine, user: str, *command: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run *command* as a lingering user, with the runtime directory that such a user has."""
    uid = machine.run("id", "--user", user).stdout.strip()
    environment = {"XDG_RUNTIME_DIR": f"/run/user/{uid}", "HOME": f"/home/{user}"}
    switch = ("setpriv", "--reuid", user, "--regid", user, "--init-groups")
    return machine.run(*switch, *command, environment=environment, check=check)


def user_unit(machine: Machine, user: str) -> dict[str, str]:
    """Return systemd's properties of the user's unit, once the user manager has started everything."""
    as_user(machine, user, "systemctl", "--user", "is-system-running", "--wait", check=False)
    text = as_user(machine, user, "systemctl", "--user", "show", "runtime-refresh.service").stdout
    return dict(line.partition("=")[::2] for line in text.splitlines())


@pytest.fixture(scope="module")
def users(machine: Machine) -> Machine:
    """Return a machine with two lingering users, of whom "keeper" has a container store, after a reboot."""
    machine.shell(
        "for user in keeper other; do useradd --create-home $user; loginctl enable-linger $user; done"
    )
    machine.run("loginctl", "enable-linger", "root")
    machine.reboot()
    settings = podman.SETTINGS.replace("systemd", "cgroupfs")
    as_user(machine, "keeper", "mkdir", "-p", f"/home/keeper/{STORE}", "/home/keeper/.config/containers")
    machine.write("/home/keeper/.config/containers/containers.conf", settings)
    machine.write("/home/keeper/.config/containers/storage.conf", '[storage]\ndriver = "vfs"\n')
    machine.reboot()
    return machine


def test_user_with_a_store_is_refreshed(users: Machine) -> None:
    unit = user_unit(users, "keeper")
    assert (unit["ActiveState"], unit["SubState"], unit["Result"]) == ("active", "exited", "success")
    match = (f"MESSAGE_ID={messages.REFRESH}", "_SYSTEMD_USER_UNIT=runtime-refresh.service")
    entries = podman.journal(users, *match)
    assert [entry["LIBPOD_DECISION"] for entry in entries] == ["refresh"]
    report = json.loads(as_user(users, "keeper", "libpod", "refresh", "--format", "json").stdout)
    assert report["decision"] == "noop"
    assert report["database"]["path"].startswith("/home/keeper/")


def test_user_without_a_store_is_left_alone(users: Machine) -> None:
    unit = user_unit(users, "other")
    assert {name: unit[name] for name in CONDITIONS} == {"ActiveState": "inactive", "ConditionResult": "no"}
    assert users.run("ls", "-A", "/home/other/.local", check=False).returncode != 0


def test_root_has_the_system_unit(users: Machine) -> None:
    environment = {"XDG_RUNTIME_DIR": "/run/user/0"}
    command = ("systemctl", "--user", "show", "runtime-refresh.service")
    text = users.run(*command, environment=environment).stdout
    unit: dict[str, Any] = dict(line.partition("=")[::2] for line in text.splitlines())
    assert {name: unit[name] for name in CONDITIONS} == {"ActiveState": "inactive", "ConditionResult": "no"}


def test_containers_of_a_user_after_a_power_cut(users: Machine) -> None:
    as_user(users, "keeper", "sh", "-euc", podman.IMPORT)
    options = ("--detach", "--name", "mine", "--network", "none")
    as_user(users, "keeper", "podman", "run", *options, podman.IMAGE, "sleep", "100000")
    users.kill()
    users.start()
    assert user_unit(users, "keeper")["ActiveState"] == "active"
    listed = json.loads(as_user(users, "keeper", "podman", "ps", "-a", "--format", "json").stdout)
    assert [(entry["Names"], entry["State"]) for entry in listed] == [(["mine"], "exited")]
    assert as_user(users, "keeper", "podman", "start", "mine").stderr == ""


def test_containers_of_a_user_by_our_program(users: Machine) -> None:
    """Under systemd: what runs in the background ends with the last session, unless the user lingers."""
    run = ("libpod", "run", "--detach", "--network", "none", podman.IMAGE, "sleep", "100000")
    first = as_user(users, "keeper", *run)
    assert first.stderr == ""
    users.run("rm", "/var/lib/systemd/linger/keeper")
    try:
        second, third = as_user(users, "keeper", *run), as_user(users, "keeper", *run)
    finally:
        users.run("touch", "/var/lib/systemd/linger/keeper")
    assert "loginctl enable-linger keeper" in second.stderr
    assert third.stderr == "", "it is said once"
    identifier = first.stdout.strip()
    as_user(users, "keeper", "libpod", "exec", identifier, "sleep", "0")
    refused = as_user(users, "keeper", "libpod", "create", "--memory", "50m", podman.IMAGE, check=False)
    assert "--memory cannot be kept" in refused.stderr
    as_user(users, "keeper", "libpod", "rm", "--force", "--time", "0", "--all")
    assert as_user(users, "keeper", "libpod", "ps", "--all", "--quiet").stdout == ""
