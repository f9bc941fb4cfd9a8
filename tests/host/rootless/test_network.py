"""The network of an ordinary user's containers: slirp4netns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab.containers import Room
from tests.lab.users import IMAGE

if TYPE_CHECKING:
    from tests.lab.users import User

SERVER = ("sh", "-c", "echo answer > /tmp/index.html; exec httpd -f -p 80 -h /tmp")
PORT = 18080


def slirps(user: User) -> int:
    return user.processes().count("slirp4netns --mtu")


def fetch(user: User) -> str:
    """What the host gets from the published port."""
    script = f"exec 3<>/dev/tcp/127.0.0.1/{PORT}; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; timeout 3 cat <&3"
    return user.machine.run(["bash", "-c", script], check=False).stdout.rpartition("\n\r\n")[2].strip()


@pytest.fixture(autouse=True)
def _tools() -> None:
    tools.require_tool("slirp4netns")


def test_a_network_by_default(anna: User) -> None:
    anna.libpod("run", "-d", "--name", "web", "--net=slirp4netns", "-p", f"{PORT}:80", IMAGE, *SERVER)
    assert Room.settled(lambda: fetch(anna) == "answer")
    assert "10.0.2.100/24" in anna.said("exec", "web", "ip", "address", "show", "tap0")
    assert "nameserver 10.0.2.3" in anna.said("exec", "web", "cat", "/etc/resolv.conf")
    assert "10.0.2.100\t" in anna.said("exec", "web", "cat", "/etc/hosts")
    found = anna.inspect("web")
    assert found["HostConfig"]["NetworkMode"] == "slirp4netns"
    assert found["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] == str(PORT)
    assert slirps(anna) == 1
    anna.libpod("restart", "--time", "0", "web")
    assert Room.settled(lambda: fetch(anna) == "answer" and slirps(anna) == 1)
    message = anna.refused("run", "--name", "second", "--net=slirp4netns", "-p", f"{PORT}:80", IMAGE, "true")
    assert f"port 0.0.0.0:{PORT}/tcp cannot be published" in message
    anna.libpod("rm", "--force", "--time", "0", "web")
    assert Room.settled(lambda: slirps(anna) == 0), "it ends with conmon"


def test_options(anna: User) -> None:
    mode = "--net=slirp4netns:cidr=10.9.0.0/24,mtu=1500,allow_host_loopback=true"
    said = anna.libpod("run", "--rm", mode, IMAGE, "sh", "-c", "ip address show tap0; cat /etc/resolv.conf")
    assert "10.9.0.100/24" in said.stdout
    assert "mtu 1500" in said.stdout
    assert "nameserver 10.9.0.3" in said.stdout


@pytest.mark.parametrize("option", ["nonsense", "mtu=x", "cidr=10.0.0.0/30", "enable_ipv6=maybe", "mtu"])
def test_bad_options(anna: User, option: str) -> None:
    assert "is no option" in anna.refused("create", f"--net=slirp4netns:{option}", IMAGE, "true")
    assert anna.states() == {}


def test_no_device(anna: User) -> None:
    anna.as_root("chmod 600 /dev/net/tun")
    try:
        message = anna.refused("run", "--name", "n", "--net=slirp4netns", IMAGE, "true")
    finally:
        anna.as_root("chmod 666 /dev/net/tun")
    assert "slirp4netns did not set up the network" in message
    assert "modprobe tun" in message
    assert slirps(anna) == 0


def test_networks_by_name(anna: User) -> None:
    message = anna.refused("create", "--net=bridge", IMAGE, "true")
    assert "networks by name are set up for root only" in message
    assert "--network slirp4netns" in message
