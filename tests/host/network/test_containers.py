"""Containers with networks, on the real plugins in a machine of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.lab.network import bridge
from tests.lab.podman import IMAGE

if TYPE_CHECKING:
    from tests.lab.network import NetworkStore

SERVE = ("busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello")
SLEEP = ("sleep", "1000")
PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}}


def run(store: NetworkStore, name: str, *options: str, command: tuple[str, ...] = SLEEP) -> str:
    """Start a container in the default network, unless *options* name another one."""
    network = () if any(option.startswith("--net") for option in options) else ("--network", "bridge")
    arguments = ("run", "-d", "--name", name, *network, *options, IMAGE, *command)
    return store.libpod(*arguments).stdout.strip()


def settings(store: NetworkStore, name: str) -> Any:
    return json.loads(store.libpod("inspect", name).stdout)[0]["NetworkSettings"]


def inside(store: NetworkStore, name: str, *command: str) -> str:
    return store.libpod("exec", name, *command).stdout


def fetch(store: NetworkStore, address: str, port: int) -> str:
    """What the host gets from a port, which may take a moment to listen."""
    ask = f"busybox nc -w 2 {address} {port} </dev/null"
    return store.shell(f"for i in $(seq 600); do {ask} && exit; sleep 0.1; done; exit 1")


def test_containers_talk_and_published_ports_answer(store: NetworkStore) -> None:
    identifier = run(
        store, "web", "-p", "8080:80", "-p", "127.0.0.1:9000-9001:90-91/udp", "--network-alias", "www",
        command=SERVE,
    )  # fmt: skip
    run(store, "client", "--network", "podman:ip=10.88.0.50")
    assert fetch(store, "127.0.0.1", 8080) == "hello\n"
    assert fetch(store, "10.88.0.1", 8080) == "hello\n"
    assert inside(store, "client", "busybox", "nc", "-w", "2", "10.88.0.2", "80") == "hello\n"
    hosts = inside(store, "web", "cat", "/etc/hosts").splitlines()
    assert "10.88.0.1\thost.containers.internal" in hosts
    assert f"10.88.0.2\t{identifier[:12]} web www" in hosts
    found = settings(store, "web")
    assert (found["IPAddress"], found["IPPrefixLen"], found["Gateway"]) == ("10.88.0.2", 16, "10.88.0.1")
    assert found["Networks"]["podman"]["Aliases"] == ["www", identifier[:12]]
    assert found["Ports"]["91/udp"] == [{"HostIp": "127.0.0.1", "HostPort": "9001"}]
    assert settings(store, "client")["IPAddress"] == "10.88.0.50"
    assert store.libpod("port", "web").stdout.splitlines() == [
        "80/tcp -> 0.0.0.0:8080", "90/udp -> 127.0.0.1:9000", "91/udp -> 127.0.0.1:9001",
    ]  # fmt: skip
    assert store.libpod("port", "web", "91/udp").stdout == "127.0.0.1:9001\n"
    assert "0.0.0.0:8080->80/tcp, 127.0.0.1:9000-9001->90-91/udp" in store.libpod("ps").stdout
    # The port is held, and the message tells by whom.
    message = store.refused("run", "--network", "bridge", "-p", "8080:80", IMAGE, "true")
    assert "port 0.0.0.0:8080/tcp is in use by container web" in message
    # A restart waits for its own predecessor, and does not mind its own port.
    store.libpod("restart", "-t", "0", "web")
    assert fetch(store, "127.0.0.1", 8080) == "hello\n"
    run(store, "joined", "--network", "container:web")
    address = inside(store, "joined", "busybox", "ip", "-o", "addr", "show", "eth0").split()[3]
    assert address == f"{settings(store, 'web')['IPAddress']}/16"
    assert store.libpod("port", "joined", "80").stdout == "0.0.0.0:8080\n"


def test_nothing_is_left_however_a_container_ends(store: NetworkStore) -> None:
    """By itself, by a stop, by a kill, with `--rm`, and when its start fails after the network is there."""
    assert store.libpod("run", "--rm", "--network", "bridge", IMAGE, "true").status == 0
    assert store.left() == set()
    run(store, "short", "-p", "80", command=("true",))
    run(store, "stopped")
    run(store, "killed")
    store.libpod("stop", "-t", "0", "stopped")
    store.libpod("kill", "killed")
    store.libpod("wait", "short", "stopped", "killed")
    store.shell('for i in $(seq 600); do [ -z "$(ls /run/netns)" ] && exit; sleep 0.1; done; exit 1')
    assert store.left() == set()
    failed = store.libpod("run", "--network", "bridge", IMAGE, "no-such-command", check=False)
    assert failed.status == 127
    assert store.left() == set()
    store.libpod("start", "stopped")
    assert any(line.startswith("./networks/podman/") for line in store.left())


def test_several_networks_in_the_given_order(store: NetworkStore) -> None:
    routes = [{"dst": "0.0.0.0/0"}]
    store.configure("a-second", bridge("br-a", "10.71.0.0/24", routes=routes), PORTMAP)
    store.configure("z-first", bridge("br-z", "10.72.0.0/24", routes=routes), PORTMAP)
    ipv6: dict[str, Any] = {"ranges": [[{"subnet": "10.73.0.0/24"}], [{"subnet": "fd00:73::/64"}]]}
    store.configure("six", bridge("br-6", "10.73.0.0/24", **ipv6), {"type": "tuning"}, version="1.0.0")
    run(
        store, "web", "--network", "z-first:mac=92:d0:c6:0a:29:33", "--network", "a-second:ip=10.71.0.9",
        "--network", "six:interface_name=extra", "--dns", "192.0.2.1", "--dns-search", "a.example",
        "-p", "8080:80", command=SERVE,
    )  # fmt: skip
    addresses = [line.split() for line in inside(store, "web", "busybox", "ip", "-o", "addr").splitlines()]
    found = {(words[1], words[3]) for words in addresses if words[3].startswith(("10.", "fd", "127."))}
    assert found == {
        ("lo", "127.0.0.1/8"), ("eth0", "10.72.0.2/24"), ("eth1", "10.71.0.9/24"),
        ("extra", "10.73.0.2/24"), ("extra", "fd00:73::2/64"),
    }  # fmt: skip
    assert "92:d0:c6:0a:29:33" in inside(store, "web", "busybox", "ip", "link", "show", "eth0")
    routes_inside = inside(store, "web", "busybox", "ip", "route").splitlines()
    (default,) = [line for line in routes_inside if line.startswith("default")]
    assert default.split()[:3] == ["default", "via", "10.72.0.1"]
    assert inside(store, "web", "cat", "/etc/resolv.conf") == "search a.example\nnameserver 192.0.2.1\n"
    assert fetch(store, "127.0.0.1", 8080) == "hello\n"
    networks = settings(store, "web")["Networks"]
    assert networks["six"]["GlobalIPv6Address"] == "fd00:73::2"
    assert networks["z-first"]["MacAddress"] == "92:d0:c6:0a:29:33"
    run(store, "short", "--network", "six,z-first", command=SERVE)
    assert list(settings(store, "short")["Networks"]) == ["six", "z-first"]


def test_exposed_ports_are_published_on_free_ones(store: NetworkStore) -> None:
    run(store, "web", "-P", "--expose", "80", "--expose", "90-91/udp", command=SERVE)
    lines = dict(line.split(" -> ") for line in store.libpod("port", "web").stdout.splitlines())
    assert sorted(lines) == ["80/tcp", "90/udp", "91/udp"]
    assert fetch(store, "127.0.0.1", int(lines["80/tcp"].rpartition(":")[2])) == "hello\n"


def test_networks_are_listed_and_described(store: NetworkStore) -> None:
    store.configure("mine", bridge("br-m", "10.71.0.0/24"))
    (store.directory / "00-broken.conflist").write_text('{"name": ')
    listed = store.libpod("network", "ls")
    rows = [line.split()[1:] for line in listed.stdout.splitlines()]
    assert rows == [["ID", "NAME", "DRIVER"], ["mine", "bridge"], ["podman", "bridge"]]
    assert "00-broken.conflist: invalid JSON" in listed.stderr
    (found,) = json.loads(store.libpod("network", "inspect", "mine").stdout)
    assert found["subnets"] == [{"subnet": "10.71.0.0/24", "gateway": "10.71.0.1"}]
    for name, status in (("mine", 0), (found["id"][:8], 0), ("nosuch", 1)):
        assert store.libpod("network", "exists", name, check=False).status == status, name
    # The first usable file is the default network.
    run(store, "web")
    assert list(settings(store, "web")["Networks"]) == ["mine"]


def test_versions_of_the_specification(store: NetworkStore) -> None:
    """From the first on; a container is in all of them."""
    versions = ("0.1.0", "0.2.0", "0.3.1", "1.0.0")
    flags: list[str] = []
    for number, version in enumerate(versions):
        plugins = (bridge(f"br-{number}", f"10.7{number}.0.0/24"), PORTMAP)
        store.configure(f"v{number}", *plugins, version=version)
        flags += ["--network", f"v{number}"]
    run(store, "web", *flags, "-p", "8080:80", command=SERVE)
    found = settings(store, "web")["Networks"]
    assert {name: network["IPAddress"] for name, network in found.items()} == {
        f"v{number}": f"10.7{number}.0.2" for number in range(len(versions))
    }
    assert fetch(store, "127.0.0.1", 8080) == "hello\n"
