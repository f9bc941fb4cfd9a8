"""Networks that cannot be had: clear messages, and nothing left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.network import bridge
from tests.lab.podman import IMAGE

if TYPE_CHECKING:
    from tests.lab.network import NetworkStore

PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}}


def test_what_cannot_be_is_refused_before_a_container_is_made(store: NetworkStore) -> None:
    store.configure("small", bridge("br-s", "10.71.0.0/29"))
    cases: dict[str, tuple[tuple[str, ...], str]] = {
        "unknown": (("--network", "nowhere"), "no such network: nowhere"),
        "no name": (("--network", "a/b"), "cannot be the name of a network"),
        "twice": (("--network", "small", "--network", "small"), "network small is named twice"),
        "outside": (("--network", "small:ip=10.72.0.2",), "address 10.72.0.2 is not in network small"),
        "gateway": (("--network", "small", "--ip", "10.71.0.1"), "is the gateway of network small"),
        "no address": (("--network", "small", "--ip", "10.71.0"), "'10.71.0' is not an IP address"),
        "group": (("--network", "small", "--mac-address", "01:00:5e:00:00:01"), "is one of a group"),
        "no mac": (("--network", "small:mac=xyz",), "'xyz' is not a hardware address"),
        "option": (("--network", "small:speed=9",), "'speed' is no option"),
        "interface": (("--network", "small:interface_name=a/b",), "cannot be the name of an interface"),
        "comma": (("--network", "small,nowhere"), "no such network: nowhere"),
        "empty": (("--network", "small,"), "is not supported"),
        "mode and name": (("--network", "none,small"), "exclude each other"),
        "both": (("--network", "none", "--network", "small"), "exclude each other"),
        "address of none": (("--network", "none", "--ip", "10.71.0.2"), "--ip cannot be used with"),
        "port": (("-p", "99999:80"), "ports are 1 to 65535"),
        "port text": (("-p", "http:80"), "'http' is no port"),
        "lengths": (("-p", "8080-8082:80-81"), "3 ports of the host cannot lead to 2"),
        "protocol": (("-p", "80:80/icmp"), "'icmp' is no protocol"),
        "host address": (("-p", "300.0.0.1:80:80"), "is not an IP address of the host"),
        "port twice": (("-p", "8080:80", "-p", "8080:81"), "port 8080/tcp is published twice"),
        "port of none": (("--network", "none", "-p", "80:80"), "only for a container with a network"),
    }  # fmt: skip
    for name, (flags, message) in cases.items():
        found = store.refused("run", "--name", "x", *flags, IMAGE, "true")
        assert message in found, name
    assert store.libpod("ps", "-aq").stdout == ""


def test_what_shows_at_the_start_leaves_nothing(store: NetworkStore) -> None:
    store.configure("plain", bridge("br-p", "10.71.0.0/24"))
    store.configure("gone", bridge("br-g", "10.72.0.0/24"), {"type": "nope"})
    store.configure("refuses", bridge("br-r", "10.73.0.0/24"), {"type": "bandwidth", "ingressRate": -1})
    store.configure("future", bridge("br-f", "10.74.0.0/24"), version="9.0.0")
    store.configure("lost", bridge("br-l", "10.75.0.0/24", type="nope"))
    run = ("run", "-d", "--network")
    store.libpod(*run, "plain:ip=10.71.0.9", IMAGE, "sleep", "1000")
    cases: dict[tuple[str, ...], str] = {
        (*run, "plain:ip=10.71.0.9", IMAGE, "true"): "10.71.0.9",
        (*run, "gone", IMAGE, "true"): "CNI plugin nope is missing: it is not in /usr/lib/cni, /srv/plugins",
        # The second network fails when the first one is joined.
        (*run, "plain", "--network", "gone", IMAGE, "true"): "CNI plugin nope is missing",
        (*run, "plain", "--network", "lost", IMAGE, "true"): 'failed to find plugin "nope"',
        (*run, "refuses", IMAGE, "true"): "network refuses: CNI plugin bandwidth, ADD: ",
        (*run, "future", IMAGE, "true"): "bridge supports 0.1.0",
        (*run, "plain", "-p", "8080:80", IMAGE, "true"): "ports of",
        (*run, "plain", "-p", "192.0.2.1:8080:80", IMAGE, "true"): "does not have the address 192.0.2.1",
    }
    for arguments, message in cases.items():
        assert message in store.refused(*arguments), arguments


def test_plugins_that_misbehave(store: NetworkStore) -> None:
    """They stand behind a real bridge, whose work is undone. What hangs is killed with its children."""
    add = 'cat >/dev/null; [ "$CNI_COMMAND" = ADD ] || exit 0;'
    cases = {
        "hangs": ("sleep 1234.5 & sleep 1234.5", "plugin hangs was killed: ADD was not done after 1 seconds"),
        "silent": ("exit 0", "CNI plugin silent, ADD: it gave no result"),
        "rubbish": ("echo rubbish", "CNI plugin rubbish, ADD: its answer: invalid JSON"),
        "half": ('echo \'{"ips": [{"address": "x"}]}\'', "network half: "),
        "dies": ("echo oh no >&2; kill -9 $$", "killed by SIGKILL: oh no"),
        "speaks": ('echo \'{"code": 7, "msg": "no", "details": "why"}\'; exit 1', "speaks, ADD: no (why)"),
        "odd": ('echo \'{"code": "x"}\'; echo reason >&2; exit 3', "odd, ADD: exit status 3: reason"),
    }  # fmt: skip
    before = store.left()
    for name, (script, message) in cases.items():
        store.add_plugin(name, f"{add} {script}")
        store.configure(name, bridge("br-x", "10.71.0.0/24"), PORTMAP, {"type": name})
        result = store.impatient("hangs", "run", "--network", name, "-p", "8080:80", IMAGE, "true")
        assert result.status == 125, result
        assert message in result.stderr, result
        assert "Traceback" not in result.stderr, result
        assert store.left() == before, (name, store.left())
    assert "1234.5" not in store.shell("ps -eo args | grep -v grep | grep 1234.5 || true")


def test_a_subnet_that_another_interface_has_is_refused(store: NetworkStore) -> None:
    """As on a host where containers of Podman's netavark run: both have the same default subnet."""
    store.shell(
        "ip link add podman0 type bridge; ip addr add 10.88.0.1/16 dev podman0\nip link set podman0 up"
    )
    message = store.refused("run", "--network", "bridge", IMAGE, "true")
    assert "network podman: its addresses 10.88.0.0/16 are in use by interface podman0" in message
    store.shell("ip link del podman0")
    store.libpod("run", "--rm", "--network", "bridge", IMAGE, "true")


def test_a_network_that_cannot_be_left_does_not_keep_a_container(store: NetworkStore) -> None:
    """Its plugin fails in DEL, or its configuration is gone; what it would have freed is freed."""
    store.add_plugin("clings", '[ "$CNI_COMMAND" = ADD ] || exit 9; sed "s/.*\\"prevResult\\"://; s/}$//"')
    store.configure("odd", bridge("br-o", "10.71.0.0/24"), {"type": "clings"})
    store.libpod("run", "-d", "--name", "x", "--network", "odd", IMAGE, "sleep", "1000")
    (store.directory / "odd.conflist").unlink()
    removed = store.libpod("rm", "-f", "-t", "0", "x")
    assert "taking down the network of x: network odd: CNI plugin clings, DEL" in removed.stderr
    assert store.left() == set()


def test_a_damaged_record_of_an_interface_is_survived(store: NetworkStore) -> None:
    store.libpod("run", "-d", "--name", "x", "--network", "bridge", "-p", "80", IMAGE, "sleep", "1000")
    store.shell('for file in /var/lib/cni/results/*; do echo \'{"kind": "cniCa\' > $file; done')
    store.libpod("rm", "-f", "-t", "0", "x")
    assert store.left() == set()


def test_check_and_version(store: NetworkStore) -> None:
    store.configure("plain", bridge("br-p", "10.71.0.0/24"), {"type": "tuning"})
    identifier = store.libpod("run", "-d", "--network", "plain", IMAGE, "sleep", "1000").stdout.strip()
    lines = f"""
import json
from libpod.errors import PluginError
from libpod.network import namespaces
from libpod.network.conflist import Networks
from libpod.network.plugins import Plugins
from libpod.network.setup import Connector
plugins = Plugins(["/usr/lib/cni"])
connector = Connector(Networks(["/etc/cni/net.d"]), plugins, "/run/x")
found = ["versions", plugins.versions("bridge")]
try:
    connector.check({identifier!r}, namespaces.path_of({identifier!r}))
    found.append("sound")
except PluginError as error:
    found.append(error.message)
print(json.dumps(found))
"""
    found: list[Any] = store.python_in(lines)
    assert "0.4.0" in found[1]
    assert found[2] == "sound"
    store.shell("nsenter --net=$(echo /run/netns/*) ip addr flush dev eth0")
    assert "network plain: CNI plugin bridge, CHECK: " in store.python_in(lines)[2]
    # The plugin finds its rule by the address.
    store.shell("nsenter --net=$(echo /run/netns/*) ip addr add 10.71.0.2/24 dev eth0")
