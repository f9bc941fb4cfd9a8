"""Containers of ours under the systemd cgroup manager, on a booted machine with our packages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.boot import podman

if TYPE_CHECKING:
    from tests.boot.machine import Machine

IMAGE = podman.IMAGE
WORK = ("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done")
FIGURES = """
import json, sys
from libpod import cgroups
manager = cgroups.open_manager("systemd")
print(json.dumps(manager.figures(manager.container_cgroup("", sys.argv[1]))._asdict()))
"""


def libpod(machine: Machine, *arguments: str, check: bool = True) -> str:
    return machine.run("libpod", *arguments, check=check).stdout.strip()


def run(
    machine: Machine,
    name: str,
    *options: str,
    command: tuple[str, ...] = WORK,
    before: tuple[str, ...] = (),
) -> str:
    """Start a container and return its ID; global flags go *before* the verb."""
    words = ("run", "-d", "--name", name, "--network", "none", *options, IMAGE, *command)
    return libpod(machine, *before, *words)


def inspect(machine: Machine, name: str) -> Any:
    return json.loads(libpod(machine, "inspect", name))[0]


def units(machine: Machine, identifier: str) -> dict[str, str]:
    """The states of the two scopes of a container."""
    names = (f"libpod-{identifier}.scope", f"libpod-conmon-{identifier}.scope")
    return {name.split("-")[1]: podman.unit(machine, name)["ActiveState"] for name in names}


def group(machine: Machine, pid: int) -> str:
    """The group of systemd that a process is in."""
    lines = machine.run("cat", f"/proc/{pid}/cgroup").stdout.splitlines()
    return next(line.split(":", 2)[2] for line in lines if ":name=systemd:" in line or line.startswith("0::"))


def test_a_life_in_scopes(machine: Machine) -> None:
    identifier = run(machine, "web", "--memory", "64m")
    state = inspect(machine, "web")["State"]
    scope, conmon = f"libpod-{identifier}.scope", f"libpod-conmon-{identifier}.scope"
    assert group(machine, state["Pid"]) == f"/machine.slice/{scope}"
    assert group(machine, state["ConmonPid"]) == f"/machine.slice/{conmon}"
    assert podman.unit(machine, conmon)["Slice"] == podman.unit(machine, scope)["Slice"] == "machine.slice"
    assert libpod(machine, "exec", "web", "echo", "inside") == "inside"

    # The conmon of an exec session is in the same scope, not in the group of whoever called us.
    machine.shell(f"""
        libpod exec web sleep 100 </dev/null >/dev/null 2>&1 &
        for i in $(seq 100); do
            found=$(cat /proc/[0-9]*/cgroup 2>/dev/null | grep -c ':name=systemd:/machine.slice/{conmon}$')
            [ "$found" -lt 2 ] || exit 0
            sleep 0.1
        done
        exit 1
    """)

    found = json.loads(machine.run("python3", "-c", FIGURES, identifier).stdout)
    assert found["memory_limit"] == 64 << 20
    assert found["memory"] > 0
    assert found["cpu"] > 0
    assert found["pids"] >= 1

    libpod(machine, "pause", "web")
    assert inspect(machine, "web")["State"]["Status"] == "paused"
    libpod(machine, "unpause", "web")
    libpod(machine, "stop", "web")
    assert inspect(machine, "web")["State"]["ExitCode"] == 3
    machine.shell(f"while systemctl -q is-active {scope} {conmon}; do sleep 0.1; done")
    libpod(machine, "rm", "web")
    assert machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "libpod-*").stdout == ""


def test_scopes_that_have_failed_are_not_in_the_way(machine: Machine) -> None:
    identifier = libpod(machine, "create", "--name", "web", "--network", "none", IMAGE, *WORK)
    for name in (f"libpod-{identifier}.scope", f"libpod-conmon-{identifier}.scope"):
        machine.shell(f"""
            systemd-run --quiet --scope --unit={name} --property=RuntimeMaxSec=1 sleep 100000 || true
            while systemctl --quiet is-active {name}; do sleep 0.1; done
        """)
    assert set(units(machine, identifier).values()) == {"failed"}
    libpod(machine, "start", "web")
    assert set(units(machine, identifier).values()) == {"active"}
    libpod(machine, "rm", "-f", "-t", "0", "web")


NOTIFYING = """\
[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=60
ExecStart=/usr/bin/libpod run --name {mode} --rm -d --network none --sdnotify {mode} {options}
ExecStop=/usr/bin/libpod stop -t 0 {mode}
"""
# The image has nothing that could talk to the socket: what the machine has is taken.
TALKING = "-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro"


def test_a_unit_that_waits_until_its_container_is_ready(machine: Machine) -> None:
    """conmon becomes the main process; the container, or we, say that it is ready."""
    says = "sh -c 'sleep 1; /usr/bin/systemd-notify --no-block --ready; sleep 100000'"
    for mode, options, command in (("container", TALKING, says), ("conmon", "", "sleep 100000")):
        text = NOTIFYING.format(mode=mode, options=f"{options} {IMAGE} {command}")
        machine.write(f"/etc/systemd/system/{mode}.service", text)
        machine.run("systemctl", "daemon-reload")
        started = machine.run("systemctl", "start", f"{mode}.service", check=False)
        assert started.returncode == 0, podman.journal(machine, "--unit", f"{mode}.service")
        found = podman.unit(machine, f"{mode}.service")
        assert (found["ActiveState"], found["SubState"]) == ("active", "running")
        assert int(found["MainPID"]) == inspect(machine, mode)["State"]["ConmonPid"]
        machine.run("systemctl", "stop", f"{mode}.service")
        assert podman.unit(machine, f"{mode}.service")["ActiveState"] in ("inactive", "failed")


def test_a_pod_stays_with_the_manager_that_it_was_made_with(machine: Machine) -> None:
    limits = ("--memory", "64m")
    other = ("--cgroup-manager", "cgroupfs")
    pod = libpod(
        machine, *other, "pod", "create", "--infra=false", "--share-parent", *limits, "--name", "plain"
    )
    slice_pod = libpod(machine, "pod", "create", "--infra=false", "--share-parent", "--name", "sliced")
    run(machine, "first", "--pod", "plain")
    run(machine, "second", "--pod", "sliced", before=other)
    found = {name: group(machine, inspect(machine, name)["State"]["Pid"]) for name in ("first", "second")}
    assert found["first"].startswith(f"/libpod_parent/{pod}/libpod-")
    assert found["second"].startswith(f"/machine.slice/machine-libpod_pod_{slice_pod}.slice/libpod-")
    libpod(machine, "pod", "restart", "-t", "0", "plain")
    libpod(machine, "pod", "rm", "-f", "-t", "0", "plain")
    libpod(machine, *other, "pod", "rm", "-f", "-t", "0", "sliced")
    assert podman.unit(machine, f"machine-libpod_pod_{slice_pod}.slice")["ActiveState"] == "inactive"
    machine.shell(f"! find /sys/fs/cgroup -type d -name {pod} | grep .")


def test_a_container_stays_with_the_manager_that_it_was_made_with(machine: Machine) -> None:
    """The other one could not make anything of its cgroup parent."""
    options = ("--network", "none")
    plain = libpod(
        machine, "--cgroup-manager", "cgroupfs", "create", "--name", "plain", *options, IMAGE, *WORK
    )
    scope = libpod(machine, "create", "--name", "scope", *options, IMAGE, *WORK)
    libpod(machine, "start", "plain")
    libpod(machine, "--cgroup-manager", "cgroupfs", "start", "scope")
    assert group(machine, inspect(machine, "plain")["State"]["Pid"]) == f"/libpod_parent/libpod-{plain}"
    assert group(machine, inspect(machine, "plain")["State"]["ConmonPid"]) == "/libpod_parent/conmon"
    assert group(machine, inspect(machine, "scope")["State"]["Pid"]) == f"/machine.slice/libpod-{scope}.scope"
    rows = json.loads(libpod(machine, "stats", "--no-stream", "--format", "json"))
    assert {row["name"] for row in rows} == {"plain", "scope"}
    libpod(machine, "rm", "-f", "-t", "0", "plain", "scope")
    assert machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "libpod-*").stdout == ""
    machine.shell(f"! find /sys/fs/cgroup -type d -name 'libpod-{plain}' | grep .")
