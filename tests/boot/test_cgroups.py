"""The systemd cgroup manager, with real systemd and D-Bus, beside real Podman."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import libpod
from tests import tools, trees
from tests.boot import podman
from tests.boot.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

POD = "d" * 64
CONTAINER = "c" * 64
SLICE = f"machine-libpod_pod_{POD}.slice"
CALL = """
import sys
from libpod import cgroups
from libpod.errors import LibpodError
manager = cgroups.open_manager("systemd")
try:
    print({})
except LibpodError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted machine with our source in /opt."""
    tools.require_root()
    for tool in ("mmdebstrap", "systemd-nspawn", "setpriv", "nsenter"):
        tools.require_tool(tool)
    with Machine.create(trees.ensure(trees.DEBIAN_12), tmp_path_factory.mktemp("machine")) as machine:
        machine.write("/etc/containers/containers.conf", podman.SETTINGS)
        source = Path(libpod.__file__).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, machine.path("/opt/libpod"), ignore=ignored)
        machine.start()
        yield machine


def ask(machine: Machine, expression: str, **environment: str) -> str:
    """Evaluate *expression*, in which `manager` is the systemd manager, in the machine."""
    settings = {"PYTHONPATH": "/opt", **environment}
    return machine.run("python3", "-c", CALL.format(expression), environment=settings).stdout.strip()


def unit_state(machine: Machine, unit: str) -> str:
    return machine.run("systemctl", "show", "--property", "ActiveState", "--value", unit).stdout.strip()


def groups_of(machine: Machine, pid: int) -> set[str]:
    lines = machine.run("cat", f"/proc/{pid}/cgroup").stdout.splitlines()
    return {line.split(":", 2)[2] for line in lines if ":name=systemd:" in line or line.startswith("0::")}


def sleeper(machine: Machine) -> int:
    return int(machine.shell("sleep 100000 </dev/null >/dev/null 2>&1 & echo $!"))


def test_a_pod_gets_a_slice_and_keeps_it(machine: Machine) -> None:
    for _ in range(2):
        path = ask(machine, f"manager.create_pod('machine.slice', '{POD}')")
        assert path == f"machine.slice/{SLICE}"
        assert unit_state(machine, SLICE) == "active"
        assert unit_state(machine, "machine.slice") == "active"
    for _ in range(2):
        assert ask(machine, f"manager.remove_pod('machine.slice', '{POD}')") == "None"
        assert unit_state(machine, SLICE) == "inactive"


def test_the_slice_of_a_pod_is_where_podman_has_it(machine: Machine) -> None:
    podman.import_image(machine)
    machine.run("podman", "pod", "create", "--name", "ours")
    inspected = podman.inspect(machine, "ours", "pod")
    try:
        path = ask(machine, f"manager.pod_cgroup('machine.slice', '{inspected['Id']}')")
        assert path == inspected["CgroupPath"]
        assert unit_state(machine, path.rpartition("/")[2]) == "active"
        # Making it once more changes nothing; Podman can go on with it.
        assert ask(machine, f"manager.create_pod('machine.slice', '{inspected['Id']}')") == path
    finally:
        machine.run("podman", "pod", "rm", "--force", "ours")


def test_a_container_of_podman_is_where_we_say(machine: Machine) -> None:
    podman.import_image(machine)
    podman.run(machine, "one")
    try:
        found = podman.inspect(machine, "one")
        group = ask(machine, f"manager.container_cgroup('', '{found['Id']}')")
        assert any(path.startswith(group) for path in groups_of(machine, found["State"]["Pid"]))
        config = json.loads(machine.run("cat", found["OCIConfigPath"]).stdout)
        assert ask(machine, f"manager.container_path('', '{found['Id']}')") == config["linux"]["cgroupsPath"]
        conmon = f"libpod-conmon-{found['Id']}.scope"
        assert unit_state(machine, conmon) == "active"
    finally:
        machine.run("podman", "rm", "--force", "--time=0", "one")


def test_conmon_gets_a_scope(machine: Machine) -> None:
    pid = sleeper(machine)
    group = ask(machine, f"manager.place_conmon('machine.slice', '{CONTAINER}', {pid})")
    assert group == f"/machine.slice/libpod-conmon-{CONTAINER}.scope"
    assert groups_of(machine, pid) == {group}
    machine.shell(f"kill -KILL {pid}")
    machine.shell(f"while systemctl --quiet is-active libpod-conmon-{CONTAINER}.scope; do sleep 0.1; done")


def test_a_failed_unit_is_not_in_the_way(machine: Machine) -> None:
    scope = f"libpod-conmon-{CONTAINER}.scope"
    machine.shell(f"""
        systemd-run --quiet --scope --unit={scope} --property=RuntimeMaxSec=1 sleep 100000 || true
        while systemctl --quiet is-active {scope}; do sleep 0.1; done
    """)
    assert unit_state(machine, scope) == "failed"
    pid = sleeper(machine)
    group = ask(machine, f"manager.place_conmon('machine.slice', '{CONTAINER}', {pid})")
    assert groups_of(machine, pid) == {group}
    machine.shell(f"kill -KILL {pid}")


def test_a_scope_is_left_to_those_in_it_and_a_container_is_not(machine: Machine) -> None:
    conmon, container = sleeper(machine), sleeper(machine)
    ask(machine, f"manager.place_conmon('machine.slice', '{CONTAINER}', {conmon})")
    machine.shell(
        f"busctl --quiet call org.freedesktop.systemd1 /org/freedesktop/systemd1"
        f" org.freedesktop.systemd1.Manager StartTransientUnit 'ssa(sv)a(sa(sv))'"
        f" libpod-{CONTAINER}.scope replace 1 PIDs au 1 {container} 0"
    )
    for _ in range(2):
        assert ask(machine, f"manager.remove_container('machine.slice', '{CONTAINER}')") == "None"
        assert unit_state(machine, f"libpod-{CONTAINER}.scope") == "inactive"
        assert unit_state(machine, f"libpod-conmon-{CONTAINER}.scope") == "active"
    machine.shell(f"kill -KILL {conmon}")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("manager.create_pod('a b.slice', 'd')", "SystemdError systemd refuses to"),
        ("manager.place_conmon('machine.slice', 'c', 4000000)", "SystemdError systemd"),
        ("manager.create_pod('/libpod_parent', 'd')", "InvalidArgument"),
    ],
)
def test_what_systemd_refuses_is_told(machine: Machine, expression: str, words: str) -> None:
    assert ask(machine, expression).startswith(words)


def test_a_bus_that_is_not_there_is_told(machine: Machine) -> None:
    nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}
    answer = ask(machine, f"manager.create_pod('machine.slice', '{POD}')", **nowhere)
    assert answer.startswith("NotSupported cannot talk to systemd over D-Bus")
