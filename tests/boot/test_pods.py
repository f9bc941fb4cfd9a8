"""Pods of ours as slices of real systemd, across a power cut, beside Podman."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import libpod
from tests import tools, trees
from tests.boot import podman
from tests.boot.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = ("libpod-*", "machine-libpod*")
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted machine with our source in /opt, and an image."""
    tools.require_root()
    for tool in ("mmdebstrap", "systemd-nspawn", "nsenter"):
        tools.require_tool(tool)
    with Machine.create(trees.ensure(trees.DEBIAN_12), tmp_path_factory.mktemp("machine")) as machine:
        machine.write("/etc/containers/containers.conf", podman.SETTINGS)
        source = Path(libpod.__file__).parent
        shutil.copytree(source, machine.path("/opt/libpod"), ignore=shutil.ignore_patterns("__pycache__"))
        machine.start()
        podman.import_image(machine)
        yield machine


def ours(machine: Machine, *arguments: str) -> str:
    """What our program prints in the machine."""
    environment = {"PYTHONPATH": "/opt", "PYTHONDONTWRITEBYTECODE": "1"}
    return machine.run("python3", "-m", "libpod", *arguments, environment=environment).stdout.strip()


def pod(machine: Machine, name: str) -> dict[str, Any]:
    found = json.loads(ours(machine, "pod", "inspect", name))
    assert isinstance(found, dict)
    return found


def units(machine: Machine) -> dict[str, str]:
    """The state of each unit of a pod, a container or a conmon, by its name."""
    listed = machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", *UNITS).stdout
    return {line.split()[0]: line.split()[2] for line in listed.splitlines()}


def group_of(machine: Machine, name: str) -> str:
    """The control group of a container's first process, as systemd has it."""
    pid = json.loads(ours(machine, "inspect", name))[0]["State"]["Pid"]
    lines = machine.run("cat", f"/proc/{pid}/cgroup").stdout.splitlines()
    return next(
        line.split(":", 2)[2] for line in lines if ":name=systemd:" in line or line.startswith("0::/m")
    )


def make(machine: Machine, name: str, *options: str) -> str:
    """Make a pod with two containers and return its ID."""
    identifier = ours(machine, "pod", "create", "--name", name, *options)
    for number in (1, 2):
        ours(machine, "create", "--pod", name, "--name", f"{name}{number}", podman.IMAGE, *SLEEP)
    return identifier


def test_a_pod_is_a_slice_with_the_scopes_of_its_containers(machine: Machine) -> None:
    identifier = make(machine, "web", "--network", "none")
    unit = f"machine-libpod_pod_{identifier}.slice"
    assert units(machine)[unit] == "active"
    ours(machine, "pod", "start", "web")
    found = pod(machine, "web")
    assert found["CgroupPath"] == f"machine.slice/{unit}"
    assert podman.inspect(machine, "web", "pod")["CgroupPath"] == found["CgroupPath"]
    for container in found["Containers"]:
        scope = f"libpod-{container['Id']}.scope"
        assert group_of(machine, container["Name"]) == f"/machine.slice/{unit}/{scope}"
        assert units(machine)[f"libpod-conmon-{container['Id']}.scope"] == "active"
    ours(machine, "pod", "stop", "web")
    ours(machine, "pod", "rm", "web")
    assert units(machine) == {}


def test_limits_are_properties_of_the_slice(machine: Machine) -> None:
    """Which processors, and memory with swap, are written to the groups: systemd has none with version 1."""
    options = ("--memory", "64m", "--cpus", "0.5", "--cpu-shares", "300", "--cpuset-cpus", "0")
    identifier = make(machine, "small", "--network", "none", *options)
    unit = f"machine-libpod_pod_{identifier}.slice"

    def limits() -> dict[str, str]:
        names = ("MemoryMax", "CPUShares", "CPUQuotaPerSecUSec")
        shown = machine.run("systemctl", "show", *(f"--property={name}" for name in names), unit).stdout
        return dict(line.split("=", 1) for line in shown.splitlines())

    expected = {"MemoryMax": str(64 << 20), "CPUShares": "300", "CPUQuotaPerSecUSec": "500ms"}
    assert limits() == expected
    files = [f"/sys/fs/cgroup/{name}/machine.slice/{unit}" for name in ("memory", "cpuset")]
    values = (f"{files[0]}/memory.memsw.limit_in_bytes", f"{files[1]}/cpuset.cpus")
    assert machine.run("cat", *values).stdout.split() == [str(128 << 20), "0"]
    assert pod(machine, "small")["memory_limit"] == 64 << 20
    machine.kill()
    machine.start()
    ours(machine, "pod", "start", "small")
    assert limits() == expected
    assert machine.run("cat", *values).stdout.split() == [str(128 << 20), "0"]
    ours(machine, "pod", "rm", "--force", "--time", "0", "small")
    assert units(machine) == {}
    assert machine.run("ls", "-d", *files, check=False).stdout == ""


def test_a_running_pod_is_removed_with_all_its_units(machine: Machine) -> None:
    make(machine, "apart", "--infra=false", "--share-parent")
    ours(machine, "pod", "start", "apart")
    assert group_of(machine, "apart1").startswith("/machine.slice/machine-libpod_pod_")
    ours(machine, "pod", "rm", "--force", "--time", "0", "apart")
    assert units(machine) == {}
    refused = machine.run(
        *("env", "PYTHONPATH=/opt", "python3", "-m", "libpod", "pod", "create", "--cgroup-parent", "/plain"),
        check=False,
    )
    assert "is not a systemd slice" in refused.stderr
    assert units(machine) == {}


def test_pods_of_both_programs_come_back_after_a_power_cut(machine: Machine) -> None:
    make(machine, "mine", "--network", "none")
    machine.run("podman", "pod", "create", "--name", "theirs", "--network", "none")
    podman.run(machine, "member", "--pod", "theirs")
    ours(machine, "pod", "start", "mine")
    machine.kill()
    machine.start()
    # A service of Podman may have refreshed the store at boot; nothing of it runs.
    assert [unit for unit in units(machine) if unit.endswith(".scope")] == []
    for name in ("mine", "theirs"):
        found = pod(machine, name)
        assert found["State"] in ("Exited", "Created", "Stopped")
        assert units(machine)[found["CgroupPath"].rpartition("/")[2]] == "active"
        ours(machine, "pod", "start", name)
        assert found["CgroupPath"] in group_of(machine, found["InfraContainerID"])
        assert podman.inspect(machine, name, "pod")["State"] == pod(machine, name)["State"] == "Running"
    # Each program ends and removes the pod of the other.
    machine.run("podman", "pod", "stop", "--time", "5", "mine")
    machine.run("podman", "pod", "rm", "mine")
    ours(machine, "pod", "rm", "--force", "--time", "1", "theirs")
    assert podman.states(machine) == {}
    assert [unit for unit in units(machine) if unit.endswith(".scope")] == []
