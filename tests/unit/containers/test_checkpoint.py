"""What is asked of the runtime for a checkpoint, and which addresses a restored container gets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers import checkpoint
from libpod.containers.checkpoint import CheckpointOptions, RestoreOptions, Restoring
from libpod.errors import DecodeError, NotSupported
from libpod.network.setup import Join
from libpod.state.records import ContainerRecord

if TYPE_CHECKING:
    from pathlib import Path

STATUS = {
    "podman": {
        "interfaces": {
            "eth0": {
                "mac_address": "aa:bb:cc:00:11:22",
                "subnets": [{"ipnet": "10.88.0.7/16", "gateway": "10.88.0.1"}, {"ipnet": "fd00::7/64"}],
            }
        }
    }
}
JOIN = Join("podman", "eth0", ("10.88.0.99",), "02:00:00:00:00:01")


@pytest.mark.parametrize(
    ("wanted", "flags"),
    [
        (CheckpointOptions(), []),
        (CheckpointOptions(keep=True, export="/x", ignore_rootfs=True), []),
        (CheckpointOptions(leave_running=True), ["--leave-running"]),
        (
            CheckpointOptions(file_locks=True, tcp_established=True, leave_running=True),
            ["--leave-running", "--tcp-established", "--file-locks"],
        ),
        (RestoreOptions(), []),
        (RestoreOptions(keep=True, ignore_static_ip=True, new_addresses=True), []),
        (RestoreOptions(tcp_established=True, file_locks=True), ["--tcp-established", "--file-locks"]),
    ],
)
def test_flags(wanted: CheckpointOptions | RestoreOptions, flags: list[str]) -> None:
    assert checkpoint.flags(wanted) == flags


@pytest.mark.parametrize(
    ("wanted", "addresses", "hardware"),
    [
        (RestoreOptions(), ("10.88.0.7", "fd00::7"), "aa:bb:cc:00:11:22"),
        (RestoreOptions(ignore_static_ip=True), (), "aa:bb:cc:00:11:22"),
        (RestoreOptions(ignore_static_mac=True), ("10.88.0.7", "fd00::7"), ""),
        (RestoreOptions(ignore_static_ip=True, ignore_static_mac=True), (), ""),
        # Under another name it gets what it was made with.
        (RestoreOptions(new_addresses=True), ("10.88.0.99",), "02:00:00:00:00:01"),
        (RestoreOptions(new_addresses=True, ignore_static_ip=True), (), "02:00:00:00:00:01"),
    ],
)
def test_addresses(tmp_path: Path, wanted: RestoreOptions, addresses: tuple[str, ...], hardware: str) -> None:
    (tmp_path / "network.status").write_text(json.dumps(STATUS))
    record = ContainerRecord("c" * 64, {"staticDir": str(tmp_path)})

    join = Restoring(record, wanted).address(JOIN)

    assert (join.addresses, join.hardware_address) == (addresses, hardware)
    assert Restoring(record, wanted).address(Join("other", "eth1")) == Join("other", "eth1")


def test_without_a_network_status_the_addresses_stay(tmp_path: Path) -> None:
    record = ContainerRecord("c" * 64, {"staticDir": str(tmp_path)})

    assert Restoring(record, RestoreOptions()).address(JOIN) == JOIN


@pytest.mark.parametrize(
    "damage", [{"podman": 1}, {"podman": {"interfaces": [1]}}, {"podman": {"interfaces": {"e": 1}}}]
)
def test_a_damaged_network_status_is_told(damage: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match=r"/some/network\.status"):
        checkpoint.addresses_in(damage, "/some/network.status")


def test_only_shared_memory_of_its_own_is_saved() -> None:
    own: dict[str, object] = {"ShmDir": "/c/shm", "mounts": ["/c/shm"]}

    assert checkpoint.own_shared_memory(ContainerRecord("c" * 64, own)) == "/c/shm"
    for other in ({"ShmDir": "/dev/shm"}, {}, {"ShmDir": "/other/shm", "mounts": ["/c/x"]}):
        assert checkpoint.own_shared_memory(ContainerRecord("c" * 64, dict(other))) == ""


@pytest.mark.parametrize(
    "config",
    [{"createNetNS": True, "postConfigureNetNS": True}, {"createNetNS": True, "networkMode": "slirp4netns"}],
)
def test_a_network_that_is_made_last_cannot_be_restored(config: dict[str, Any]) -> None:
    record = ContainerRecord("c" * 64, {"name": "web", **config})

    with pytest.raises(NotSupported, match="container web has a network"):
        checkpoint.require_restorable(record)
