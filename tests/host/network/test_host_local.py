"""Leases of the real host-local plugin: ours read what it writes, and it goes on after us."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from libpod.network import leases
from tests import tools

PLUGIN = "/usr/lib/cni/host-local"
OURS, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def networks(tmp_path: Path) -> Path:
    if not os.access(PLUGIN, os.X_OK):
        tools.missing(f"the plugin {PLUGIN}")
    return tmp_path / "networks"


def configuration(networks: Path) -> bytes:
    # A small network, so that lost addresses hurt: .1 is the gateway, five are left.
    ranges = [[{"subnet": "10.99.0.0/29"}], [{"subnet": "fd00:1::/64"}]]
    ipam = {"type": "host-local", "dataDir": str(networks), "ranges": ranges}
    return json.dumps({"cniVersion": "0.4.0", "name": "my-net", "type": "bridge", "ipam": ipam}).encode()


def start(networks: Path, command: str, container: str, interface: str = "eth0") -> subprocess.Popen[bytes]:
    environment = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": container,
        "CNI_NETNS": "/proc/self/ns/net",
        "CNI_IFNAME": interface,
        "CNI_PATH": os.path.dirname(PLUGIN),
    }
    process = subprocess.Popen(
        [PLUGIN], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(configuration(networks))
    process.stdin.close()
    process.stdin = None
    return process


def call(networks: Path, command: str, container: str, interface: str = "eth0") -> dict[str, Any]:
    output, _errors = start(networks, command, container, interface).communicate(timeout=120)
    decoded = json.loads(output or b"{}")
    assert isinstance(decoded, dict)
    return decoded


def add(networks: Path, container: str, interface: str = "eth0") -> list[str]:
    answer = call(networks, "ADD", container, interface)
    assert "code" not in answer, answer
    return [entry["address"].partition("/")[0] for entry in answer["ips"]]


def drop(networks: Path, *ids: str) -> leases.Outcome:
    return leases.drop(set(ids), networks=str(networks), results=str(networks / "no-results"))


def test_what_the_plugin_writes_is_read(networks: Path) -> None:
    addresses = add(networks, OURS, "eth7")
    found = list(leases.leases(str(networks)))
    assert {lease.address for lease in found} == set(addresses)
    assert {lease[2:] for lease in found} == {(address, OURS, "eth7") for address in addresses}
    assert {lease.network for lease in found} == {"my-net"}


def test_dropping_does_what_the_plugin_does_on_del(networks: Path) -> None:
    """Both ways leave the same directory behind."""
    for container in (OURS, OTHER):
        add(networks, container)
    drop(networks, OURS)
    dropped = {path.name: path.read_bytes() for path in (networks / "my-net").iterdir()}
    call(networks, "DEL", OURS)
    assert {path.name: path.read_bytes() for path in (networks / "my-net").iterdir()} == dropped
    assert {lease.container_id for lease in leases.leases(str(networks))} == {OTHER}


def test_a_full_network_has_room_again(networks: Path) -> None:
    dead = [f"{number:064x}" for number in range(4)]
    for container in dead:
        add(networks, container)
    living = add(networks, OTHER)
    assert "no IP addresses available" in call(networks, "ADD", OURS)["msg"]
    outcome = drop(networks, *dead)
    assert (len(outcome.removed), outcome.errors) == (8, [])
    again = [add(networks, container)[0] for container in dead]
    assert len(set(again)) == 4
    assert living[0] not in again


def test_the_plugin_waits_for_us(networks: Path) -> None:
    """The lock is the plugin's own: it keeps the plugin out."""
    add(networks, OURS)
    path = networks / "my-net" / "lock"
    with leases._locked(str(path)):
        process = start(networks, "ADD", OTHER)
        wanted = f":{path.stat().st_ino} "
        while not any(
            "->" in line and wanted in line for line in Path("/proc/locks").read_text().splitlines()
        ):
            assert process.poll() is None
        assert {lease.container_id for lease in leases.leases(str(networks))} == {OURS}
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert {lease.container_id for lease in leases.leases(str(networks))} == {OURS, OTHER}


def test_we_wait_for_the_plugin(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(networks, OURS)
    monkeypatch.setattr(leases, "LOCK_SECONDS", 0.0)
    with open(networks / "my-net" / "lock", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert len(drop(networks, OURS).errors) == 1
    assert len(drop(networks, OURS).removed) == 2
