"""Kills between ADD and the start, and reboots: nothing is leaked after the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.network import bridge
from tests.lab.podman import IMAGE

if TYPE_CHECKING:
    from tests.lab.network import NetworkStore

POINTS = ("network.added", "network.joined")
CREATE = ("create", "--name", "x", "--network", "bridge", "-p", "8080:80", IMAGE, "sleep", "1000")


def addresses(store: NetworkStore) -> list[str]:
    return [line for line in store.left() if line.startswith("./networks/")]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_between_add_and_start(store: NetworkStore, point: str) -> None:
    store.libpod(*CREATE)
    store.killed(point, "start", "x")
    assert len(addresses(store)) == 1
    # The next start begins anew, the address of the one before is free again.
    store.libpod("start", "x")
    assert len(addresses(store)) == 1
    store.libpod("rm", "-f", "-t", "0", "x")
    assert store.left() == set()
    # So does a removal.
    store.libpod(*CREATE)
    store.killed(point, "start", "x")
    store.libpod("rm", "x")
    assert store.left() == set()
    # A refresh while the system runs on finds rules and namespaces too.
    store.libpod(*CREATE)
    store.killed(point, "start", "x")
    store.remove_alive()
    planned = store.refresh("--dry-run")["actions"]
    assert len(addresses(store)) == 1
    done = store.refresh()["actions"]
    assert planned == done
    assert any(line.startswith("remove network namespace /run/netns/cni-") for line in done)
    assert store.left() == set()
    # After a reboot only what is on the disk is left.
    store.killed(point, "start", "x")
    store.reboot()
    store.refresh()
    assert store.left() == set()
    store.libpod("start", "x")


def test_containers_of_another_boot_have_their_addresses_back(store: NetworkStore) -> None:
    run = ("run", "-d", "--network", "podman:ip=10.88.0.77", "--name", "x", IMAGE, "sleep", "1000")
    store.libpod(*run)
    store.reboot()
    report = store.refresh()
    assert "remove /var/lib/cni/networks/podman/10.88.0.77" in report["actions"]
    store.libpod("start", "x")
    assert addresses(store) == ["./networks/podman/10.88.0.77"]


def test_foreign_plugins_are_asked_and_cannot_stop_a_boot(store: NetworkStore) -> None:
    """They get DEL with an empty namespace, and a limited time."""
    record = 'echo "$CNI_COMMAND <$CNI_NETNS> $CNI_IFNAME" >> /srv/said; '
    passing = 'if [ "$CNI_COMMAND" = ADD ]; then sed "s/.*\\"prevResult\\"://; s/}$//"; fi'
    store.add_plugin("foreign", record + passing)
    store.add_plugin("slow", f'[ "$CNI_COMMAND" = ADD ] || sleep 1234.5; {passing}')
    for name, subnet in (("foreign", "10.71.0.0/24"), ("slow", "10.72.0.0/24")):
        store.configure(name, bridge(f"br-{name}", subnet), {"type": name})
        store.libpod("run", "-d", "--name", name, "--network", name, IMAGE, "sleep", "1000")
    said = store.machine.disk / "srv" / "said"
    said.unlink()
    store.reboot()
    result = store.impatient("slow", "refresh")
    assert result.status == 0, result
    assert said.read_text() == "DEL <> eth0\n"
    assert "slow: CNI plugin slow was killed: DEL was not done after 1 seconds" in result.stdout
    # The addresses are free all the same; who did not answer is asked again before the next start.
    assert addresses(store) == []
    assert [line for line in store.left() if "results" in line] == [
        line for line in store.left() if line.startswith("./results/slow-")
    ]
    store.add_plugin("slow", record + passing)
    store.libpod("start", "slow")
    assert said.read_text().splitlines()[1:] == [
        "DEL <> eth0",
        *[line for line in said.read_text().splitlines() if line.startswith("ADD")],
    ]
