"""Health checks that systemd's timers run, on a booted machine with our packages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.boot import podman

if TYPE_CHECKING:
    from tests.boot.machine import Machine

SLEEP = ("sleep", "1000")
FLAGS = ("--network", "none", "--health-cmd", "[ -e /ok ]", "--health-interval", "1s")


def libpod(machine: Machine, *arguments: str) -> str:
    return machine.run("libpod", *arguments).stdout.strip()


def state(machine: Machine, name: str) -> Any:
    return json.loads(libpod(machine, "inspect", name))[0]["State"]


def wait_for(machine: Machine, name: str, word: str) -> None:
    machine.shell(f"""
        for i in $(seq 300); do
            [ "$(libpod inspect --format '{{{{.State.Health.Status}}}}' {name})" != {word} ] || exit 0
            sleep 0.1
        done
        exit 1
    """)


def units(machine: Machine) -> str:
    """The units of health checks that are there."""
    found = machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full")
    return "\n".join(line for line in found.stdout.splitlines() if "Health check of" in line)


@pytest.mark.parametrize("starter", ["libpod", "podman"])
def test_a_timer_runs_it_as_long_as_the_container_runs(machine: Machine, starter: str) -> None:
    identifier = libpod(
        machine, "create", "--name", "web", *FLAGS, "--health-retries", "2", podman.IMAGE, *SLEEP
    )
    machine.run(starter, "start", "web")
    assert podman.unit(machine, f"{identifier}.timer")["ActiveState"] == "active"
    wait_for(machine, "web", "unhealthy")
    assert machine.run("podman", "ps").stdout.count("(unhealthy)") == 1
    libpod(machine, "exec", "web", "sh", "-c", ": > /ok")
    wait_for(machine, "web", "healthy")
    libpod(machine, "restart", "-t", "0", "web")
    assert podman.unit(machine, f"{identifier}.timer")["ActiveState"] == "active"
    libpod(machine, "stop", "-t", "0", "web")
    assert podman.unit(machine, f"{identifier}.timer")["ActiveState"] == "inactive"
    libpod(machine, "rm", "web")
    assert units(machine) == ""


def test_an_unhealthy_container_is_restarted_and_outlives_its_check(machine: Machine) -> None:
    flags = ("--health-retries", "1", "--health-on-failure", "restart", "--stop-timeout", "0")
    libpod(machine, "run", "-d", "--name", "web", *FLAGS, *flags, podman.IMAGE, *SLEEP)
    first = state(machine, "web")["Pid"]
    machine.shell(f"""
        for i in $(seq 300); do
            pid=$(libpod inspect --format '{{{{.State.Pid}}}}' web)
            [ "$pid" = 0 ] || [ "$pid" = {first} ] || exit 0
            sleep 0.1
        done
        exit 1
    """)
    libpod(machine, "exec", "web", "sh", "-c", ": > /ok")
    wait_for(machine, "web", "healthy")
    conmon = state(machine, "web")["ConmonPid"]
    assert "libpod-conmon-" in machine.run("cat", f"/proc/{conmon}/cgroup").stdout
    libpod(machine, "rm", "-f", "-t", "0", "web")
    assert units(machine) == ""


def test_a_reboot_leaves_no_timer_and_the_next_start_makes_one(machine: Machine) -> None:
    identifier = libpod(machine, "run", "-d", "--name", "web", *FLAGS, podman.IMAGE, *SLEEP)
    machine.reboot()
    assert podman.unit(machine, f"{identifier}.timer")["ActiveState"] == "inactive"
    libpod(machine, "start", "web")
    assert podman.unit(machine, f"{identifier}.timer")["ActiveState"] == "active"
    libpod(machine, "rm", "-f", "-t", "0", "web")
    assert units(machine) == ""
