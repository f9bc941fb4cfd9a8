"""Podman 4.3 with its CNI networks and our program work on each other's containers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.machine import Machine
from tests.lab.network import NetworkStore, bridge
from tests.lab.podman import IMAGE, copy_disk
from tests.lab.stores import PODMAN_4, PODMAN_5

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.stores import MakeStore, StoreFactory

PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}}
SERVE = ("busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello")
OPTIONS = (
    "--network", "podman:ip=10.88.0.50,mac=92:d0:c6:0a:29:33", "--network", "two:interface_name=extra",
    "-p", "8080:80", "-p", "127.0.0.1:9000-9001:90-91/udp", "--network-alias", "www", "--hostname", "box",
)  # fmt: skip


@pytest.fixture(name="store")
def _store(store_factory: StoreFactory, tmp_path: Path) -> Iterator[NetworkStore]:
    with Machine(tmp_path / "m") as machine:
        copy_disk(store_factory.disk(PODMAN_4, populated=False), machine.disk)
        store = NetworkStore(machine)
        store.configure("two", bridge("br-two", "10.71.0.0/24"), PORTMAP)
        machine.boot()
        yield store


def by_us(store: NetworkStore, *arguments: str) -> str:
    return store.libpod(*arguments).stdout


def by_podman(store: NetworkStore, *arguments: str) -> str:
    return store.podman(*arguments).stdout


def row(store: NetworkStore, name: str) -> dict[str, Any]:
    """What the database keeps of a container's network, without what differs from one to the next."""
    found = json.loads(by_us(store, "inspect", name))[0]
    entries = json.loads(by_us(store, "db", "dump", "--format", "json"))
    mine = {entry.get("key"): entry for entry in entries if entry["bucket"][:2] == ["ctr", found["Id"]]}
    networks = {
        entry["key"]: json.loads(entry["value"])
        for entry in entries
        if entry["bucket"] == ["ctr", found["Id"], "networks"]
    }
    config, state = json.loads(mine["config"]["value"]), json.loads(mine["state"]["value"])
    kept = ("createNetNS", "networkMode", "postConfigureNetNS")
    return {
        **{key: config.get(key) for key in kept},
        # Podman writes them in no order.
        "ports": sorted(config["newPortMappings"], key=str),
        "networks": {name: _without_id(options) for name, options in networks.items()},
        "status": _without_random(state.get("networkStatus")),
        "netns": "netns" in mine,
    }


def _without_id(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "aliases": [alias for alias in options["aliases"] if len(alias) != 12]}


def _without_random(status: dict[str, Any]) -> dict[str, Any]:
    """Without the random hardware address of the second network."""
    for interface in status["two"]["interfaces"].values():
        interface.pop("mac_address")
    return status


def settings(text: str) -> Any:
    found = json.loads(text)[0]["NetworkSettings"]
    found.pop("SandboxKey")
    return found


def fetch(store: NetworkStore) -> str:
    return store.shell(
        "for i in $(seq 600); do busybox nc -w 2 127.0.0.1 8080 </dev/null && exit; sleep 0.1; done; exit 1"
    )


def test_both_record_the_same(store: NetworkStore) -> None:
    rows = []
    for run in (by_us, by_podman):
        run(store, "run", "-d", "--name", "web", *OPTIONS, IMAGE, *SERVE)
        assert fetch(store) == "hello\n"
        assert settings(by_us(store, "inspect", "web")) == settings(by_podman(store, "inspect", "web"))
        hosts = by_us(store, "exec", "web", "cat", "/etc/hosts").replace(" www", "")
        # Podman writes them in no order.
        rows.append((row(store, "web"), sorted(line for line in hosts.splitlines() if "box" in line)))
        by_podman(store, "rm", "-f", "-t", "0", "web")
        assert store.left() == set()
        store.shell("rm /var/lib/cni/networks/*/last_reserved_ip.*")
    assert rows[0] == rows[1]


@pytest.mark.parametrize("mapped", [False, True], ids=["plain", "mapped-ids"])
@pytest.mark.parametrize("ours", [True, False], ids=["we-make-it", "podman-makes-it"])
def test_one_makes_a_container_and_the_other_drives_it(store: NetworkStore, ours: bool, mapped: bool) -> None:
    """Stopped, started and removed by the other program; nothing is left by either.

    With mapped IDs the OCI runtime makes the network namespace, and the networks come after it.
    """
    # Files are hidden in the machine's own /proc: then no user namespace may mount one.
    store.shell("mkdir -p /run/whole-proc && mount -t proc proc /run/whole-proc")
    make, other = (by_us, by_podman) if ours else (by_podman, by_us)
    ids = ("--uidmap", "0:200000:65536") if mapped else ()
    make(store, "run", "-d", "--name", "web", *ids, *OPTIONS, IMAGE, *SERVE)
    assert "10.88.0.50\tbox web" in other(store, "exec", "web", "cat", "/etc/hosts")
    assert "0.0.0.0:8080->80/tcp" in other(store, "ps")
    assert other(store, "port", "web", "80") == "0.0.0.0:8080\n"
    other(store, "stop", "-t", "0", "web")
    store.shell('for i in $(seq 600); do [ -z "$(ls /run/netns)" ] && exit; sleep 0.1; done; exit 1')
    assert store.left() == set()
    other(store, "start", "web")
    assert fetch(store) == "hello\n"
    make(store, "stop", "-t", "0", "web")
    make(store, "start", "web")
    assert fetch(store) == "hello\n"
    other(store, "rm", "-f", "-t", "0", "web")
    assert store.left() == set()


def test_both_see_the_same_networks_and_hold_ports_against_each_other(store: NetworkStore) -> None:
    ours = json.loads(by_us(store, "network", "ls", "--format", "json"))
    theirs = json.loads(by_podman(store, "network", "ls", "--format", "json"))
    for network in (*ours, *theirs):
        network.pop("created")
    assert sorted(ours, key=str) == sorted(theirs, key=str)
    by_us(store, "run", "-d", "--name", "mine", "--network", "two", "-p", "8080:80", IMAGE, "sleep", "1000")
    taken = store.podman("run", "-p", "8080:80", IMAGE, "true", check=False)
    assert "address already in use" in taken.stderr
    by_podman(store, "run", "-d", "--name", "theirs", "-p", "8081:80", IMAGE, "sleep", "1000")
    assert "in use by container theirs" in store.refused(
        "run", "--network", "two", "-p", "8081:80", IMAGE, "true"
    )
    # One network, one pool of addresses.
    by_podman(store, "run", "-d", "--name", "third", "--network", "two", IMAGE, "sleep", "1000")
    assert {line for line in store.left() if line.startswith("./networks/two/")} == {
        "./networks/two/10.71.0.2", "./networks/two/10.71.0.3",
    }  # fmt: skip
    store.reboot()
    report = store.refresh()
    assert report["containers"]["quarantined"] == []
    assert store.left() == set()
    by_podman(store, "start", "third", "mine")
    by_us(store, "start", "theirs")


def test_containers_of_netavark_are_left_to_podman(make_store: MakeStore) -> None:
    """Podman 5 has no other networks; what it has set up we could not take down, and the other way round."""
    store = make_store(PODMAN_5)
    configuration = store.path("/etc/containers/containers.conf")
    configuration.write_text(f'{configuration.read_text()}\n[network]\nfirewall_driver = "iptables"\n')
    store.run("theirs", "--network", "podman")
    refused = store.libpod("rm", "--force", "--time", "0", "theirs", check=False)
    assert refused.status == 125
    assert "container theirs has a network of Podman's netavark" in refused.stderr
    assert "hint: remove it with `podman rm theirs`" in refused.stderr
    assert store.states() == {"theirs": "running"}
    store.podman("stop", "-t", "0", "theirs")
    refused = store.libpod("start", "theirs", check=False)
    assert refused.status == 125
    assert "hint: start it with `podman start theirs`" in refused.stderr
    store.podman("start", "theirs")
    store.libpod("stop", "-t", "0", "theirs")
    store.podman("wait", "theirs")
    store.podman("rm", "theirs")
    assert store.machine.run(["ls", "/run/netns"]).stdout == ""
