"""Many containers at once, and a network that is full."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.lab.network import bridge
from tests.lab.podman import IMAGE

if TYPE_CHECKING:
    from tests.lab.network import NetworkStore

# Joins fifty namespaces to the default network, from as many threads, and leaves it again.
FIFTY = """
import json, os
from concurrent.futures import ThreadPoolExecutor
from libpod.network import namespaces
from libpod.network.conflist import Networks
from libpod.network.plugins import Plugins
from libpod.network.results import addresses_in
from libpod.network.setup import Connector, Join, Member

troubles = []
def connector():
    networks = Networks(["/etc/cni/net.d"], warn=troubles.append)
    return Connector(networks, Plugins(["/usr/lib/cni"]), "/run/libpod-test", warn=troubles.append)

def up(number):
    container = f"{number:032x}" + "f" * 32
    path = namespaces.path_of(container)
    namespaces.make(path)
    port = {"hostPort": 20000 + number, "containerPort": 80, "protocol": "tcp"}
    member = Member(container, f"c{number}", path, [Join("podman", "eth0")], [port])
    return member, addresses_in(connector().connect(member)["podman"])[0]

def down(member):
    connector().disconnect(member)
    namespaces.remove(member.namespace)

with ThreadPoolExecutor(50) as pool:
    made = list(pool.map(up, range(50)))
    rules = os.popen("iptables -w -t nat -S CNI-HOSTPORT-DNAT").read().count("dports")
    list(pool.map(down, [member for member, address in made]))
print(json.dumps([sorted(address for member, address in made), rules, troubles]))
"""


def test_fifty_at_once_get_fifty_addresses(store: NetworkStore) -> None:
    addresses, rules, troubles = store.python_in(FIFTY)
    assert len(set(addresses)) == 50
    assert all(address.startswith("10.88.0.") for address in addresses)
    assert rules == 50
    assert troubles == []
    assert store.left() == set()


def test_containers_start_at_the_same_time(store: NetworkStore) -> None:
    # Else all but one wait, and say so, until this boot's refresh is done.
    store.refresh()
    command = ("run", "-d", "--network", "bridge", IMAGE, "sleep", "1000")
    started = [
        store.machine.start(store.libpod_command(*command), environment=store.libpod_environment)
        for _ in range(6)
    ]
    for process in started:
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, ""), output
    taken = [line for line in store.left() if line.startswith("./networks/podman/")]
    assert len(taken) == 6


def test_a_full_network_says_so_and_frees_everything(store: NetworkStore) -> None:
    """A /29 has five addresses beside the gateway's."""
    store.configure("other", bridge("br-o", "10.72.0.0/24"))
    store.configure("tiny", bridge("br-t", "10.71.0.0/29"), {"type": "firewall"})
    for number in range(5):
        store.libpod("run", "-d", "--name", f"c{number}", "--network", "tiny", IMAGE, "sleep", "1000")
    for networks in (("tiny",), ("other", "tiny")):
        flags = [word for network in networks for word in ("--network", network)]
        message = store.refused("run", "-d", *flags, IMAGE, "true")
        assert "network tiny: CNI plugin bridge, ADD: " in message
        assert "no IP addresses available in range set: 10.71.0.1-10.71.0.6" in message
    store.libpod("rm", "-f", "-t", "0", "c3")
    store.libpod("run", "-d", "--network", "tiny", IMAGE, "sleep", "1000")


def test_podman_keeps_us_out_while_it_works_on_networks(store: NetworkStore) -> None:
    """The lock that Podman takes for itself is the one that we share among us."""
    lock = store.directory / "cni.lock"
    lock.touch()
    hold = (
        "import fcntl, sys\nfile = open('/etc/cni/net.d/cni.lock', 'r+')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.read()"
    )
    with store.machine.start([store.python, "-c", hold]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        arguments = store.libpod_command("run", "--rm", "--network", "bridge", IMAGE, "true")
        with store.machine.start(arguments, environment=store.libpod_environment) as waiting:
            try:
                waiting.wait(timeout=2)
            except subprocess.TimeoutExpired:
                assert store.left() <= {line for line in store.left() if line.startswith("/run/netns")}
            else:
                raise AssertionError("it did not wait")
            holder.communicate()
            assert waiting.wait(timeout=120) == 0
