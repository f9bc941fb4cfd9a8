"""The refresh as a unit of a booted Debian 12, with Podman's containers on the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from libpod.boot import messages
from tests.boot import podman
from tests.lab import database

if TYPE_CHECKING:
    from tests.boot.machine import Machine

REFRESHED = f"MESSAGE_ID={messages.REFRESH}"
QUARANTINED = f"MESSAGE_ID={messages.QUARANTINE}"


def test_first_boot_refreshes_once(machine: Machine) -> None:
    state = podman.unit(machine)
    assert (state["ActiveState"], state["SubState"], state["Result"]) == ("active", "exited", "success")
    assert state["UnitFileState"] == "enabled"
    entries = podman.journal(machine, REFRESHED)
    assert [entry["LIBPOD_DECISION"] for entry in entries] == ["refresh"]
    assert entries[0]["_SYSTEMD_UNIT"] == "runtime-refresh.service"
    assert machine.run("cat", "/run/libpod/alive").stdout.strip() == machine.boot_id()


def test_it_runs_before_the_services_of_podman(machine: Machine) -> None:
    before = podman.unit(machine)["Before"].split()
    assert {"podman.service", "podman-restart.service"} <= set(before)
    refreshed = int(podman.unit(machine)["ExecMainExitTimestampMonotonic"])
    restarted = int(podman.unit(machine, "podman-restart.service")["ExecMainStartTimestampMonotonic"])
    assert 0 < refreshed <= restarted


def test_second_start_does_nothing(machine: Machine) -> None:
    machine.run("systemctl", "start", "runtime-refresh.service")
    machine.run("systemctl", "restart", "runtime-refresh.service")
    assert podman.unit(machine)["ActiveState"] == "active"
    assert len(podman.journal(machine, REFRESHED)) == 1
    again = json.loads(machine.run("libpod", "refresh", "--format", "json").stdout)
    assert (again["decision"], again["actions"]) == ("noop", [])


def test_nothing_at_boot_failed(machine: Machine) -> None:
    assert machine.run("systemctl", "--failed", "--no-legend", "--plain").stdout == ""
    warnings = podman.journal(machine, "--unit", "runtime-refresh.service", "--priority", "warning")
    # What systemd itself says about control groups in a container is not ours to prevent.
    assert [entry for entry in warnings if entry.get("_COMM") != "systemd"] == []


@pytest.fixture(scope="module")
def rebooted(machine: Machine) -> Machine:
    """Cut the power of a machine with running containers, a pod and a volume in use; boot it again."""
    podman.run(machine, "plain")
    podman.run(machine, "limited", "--memory", "20m", "--volume", "data:/data")
    machine.run("podman", "create", "--name", "fresh", podman.IMAGE, "true")
    machine.run(
        "podman",
        "run",
        "--name",
        "done",
        "--network",
        "none",
        podman.IMAGE,
        "sh",
        "-c",
        "exit 3",
        check=False,
    )
    machine.run("podman", "pod", "create", "--name", "group", "--network", "none")
    podman.run(machine, "member", "--pod", "group")
    assert podman.states(machine)["plain"] == "running"
    machine.kill()
    machine.start()
    return machine


def test_after_a_power_cut_nothing_is_recorded_as_running(rebooted: Machine) -> None:
    states = podman.states(rebooted)
    assert {name: states[name] for name in ("plain", "limited", "member", "fresh", "done")} == {
        "plain": "exited",
        "limited": "exited",
        "member": "exited",
        "fresh": "created",
        "done": "exited",
    }
    report = podman.last_report(rebooted)
    assert report["decision"] == "refresh"
    assert report["containers"]["total"] == report["containers"]["reset"] == len(states)
    assert report["containers"]["quarantined"] == []
    assert report["boot_id"] == rebooted.boot_id() != report["previous_boot_id"]


def test_after_a_power_cut_the_unit_is_active_and_said_it_once(rebooted: Machine) -> None:
    assert podman.unit(rebooted)["ActiveState"] == "active"
    entries = podman.journal(rebooted, REFRESHED)
    assert [(entry["LIBPOD_DECISION"], entry["_SYSTEMD_UNIT"]) for entry in entries] == [
        ("refresh", "runtime-refresh.service")
    ]


def test_after_a_power_cut_the_pod_has_its_slice(rebooted: Machine) -> None:
    identifier = podman.inspect(rebooted, "group", "pod")["Id"]
    name = f"machine-libpod_pod_{identifier}.slice"
    assert podman.unit(rebooted, name)["ActiveState"] == "active"


def test_after_a_power_cut_podman_uses_everything(rebooted: Machine) -> None:
    for command in (
        ("start", "plain", "limited", "fresh"),
        ("pod", "start", "group"),
        ("exec", "limited", "cat", "/proc/self/status"),
        ("stop", "--time", "0", "plain"),
        ("rm", "plain"),
    ):
        assert rebooted.run("podman", *command).stderr == "", command
    podman.run(rebooted, "new")
    states = podman.states(rebooted)
    assert (states["limited"], states["member"], states["new"]) == ("running", "running", "running")


def test_lost_directory_of_a_running_host_is_adopted(rebooted: Machine) -> None:
    before = podman.process(rebooted, "limited")
    rebooted.run("rm", "/run/libpod/alive")
    rebooted.run("systemctl", "restart", "runtime-refresh.service")
    assert podman.journal(rebooted, REFRESHED)[-1]["LIBPOD_DECISION"] == "adopt"
    assert podman.process(rebooted, "limited") == before
    assert podman.states(rebooted)["limited"] == "running"


def test_orderly_reboot(rebooted: Machine) -> None:
    podman.run(rebooted, "until-the-end")
    rebooted.reboot()
    assert set(podman.states(rebooted).values()) <= {"exited", "created"}
    assert [entry["LIBPOD_DECISION"] for entry in podman.journal(rebooted, REFRESHED)] == ["refresh"]
    assert podman.unit(rebooted)["ActiveState"] == "active"


def test_without_the_unit_the_first_program_refreshes(rebooted: Machine) -> None:
    ours = "runtime-refresh.service"
    units = (
        ours,
        *(f"podman{name}" for name in (".service", ".socket", "-auto-update.service", "-restart.service")),
    )
    podman.run(rebooted, "meanwhile")
    rebooted.run("systemctl", "mask", *units)
    try:
        rebooted.kill()
        rebooted.start()
        assert podman.journal(rebooted, REFRESHED) == []
        rebooted.run("libpod", "ps", "--all")
        assert [entry["LIBPOD_DECISION"] for entry in podman.journal(rebooted, REFRESHED)] == ["refresh"]
        assert podman.states(rebooted)["meanwhile"] == "exited"
    finally:
        rebooted.run("systemctl", "unmask", *units)


def test_broken_container_is_reported_and_stops_nobody(rebooted: Machine) -> None:
    sound = podman.run(rebooted, "sound")
    identifier = podman.run(rebooted, "broken")
    rebooted.kill()
    path = rebooted.path("/var/lib/containers/storage/libpod/bolt_state.db")
    database.write(path, "container", identifier, "state", b'{"state":3,')
    rebooted.start()
    state = podman.unit(rebooted)
    assert (state["ActiveState"], state["Result"], state["ExecMainStatus"]) == ("active", "success", "1")
    entries = podman.journal(rebooted, QUARANTINED)
    assert [entry["LIBPOD_OBJECT_ID"] for entry in entries] == [identifier]
    assert entries[0]["PRIORITY"] == "4"
    rebooted.run("systemd-run", "--wait", "--property", "Requires=runtime-refresh.service", "true")
    containers = json.loads(rebooted.run("libpod", "ps", "--all", "--format", "json").stdout)
    listed = {entry["Id"]: entry["State"] for entry in containers}
    assert listed[sound] == "exited"
    assert identifier in listed
