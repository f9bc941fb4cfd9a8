"""An overlay store that a user has mounted by fuse-overlayfs, as storage.conf names it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab.containers import Room, no_network
from tests.lab.users import IMAGE, Person, User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.machine import Machine, Result

DORA = Person("dora", 64014, 700_000)

STORAGE = """\
[storage]
driver = "overlay"

[storage.options.overlay]
mount_program = "{program}"
"""


class Settled(User):
    """A user whose store is the one of storage.conf, and whose commands do not name a driver."""

    def settle(self, program: str) -> None:
        """Write storage.conf."""
        directory = self.machine.path(f"{self.home}/.config/containers")
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "storage.conf").write_text(STORAGE.format(program=program))
        self.as_root(f"chown -R {self.person.uid} {self.home}/.config")

    def libpod_command(self, *arguments: str) -> list[str]:
        """Without the driver, which as an option would drop the options of storage.conf."""
        words = list(arguments)
        if words[0] in ("run", "create"):
            words[1:1] = no_network(words)
        return [sys.executable, "-m", "libpod", *words]

    def podman(self, *arguments: str, status: int | None = 0) -> Result:
        """The same for Podman."""
        return self.run("podman", *arguments, status=status)

    def mounts(self) -> list[str]:
        """What is mounted by FUSE, as the user's processes see it."""
        pid, _namespace = self.namespace()
        lines = self.as_root(f"cat /proc/{pid}/mounts").splitlines()
        return [line.split()[1] for line in lines if line.split()[2].startswith("fuse")]


@pytest.fixture(name="fuse")
def _fuse(machine: Machine) -> Iterator[Settled]:
    """A user with subordinate IDs and an image, all of whose mounts are made by fuse-overlayfs."""
    program = tools.require_tool("fuse-overlayfs")
    user = Settled(machine, DORA)
    if not machine.path(user.home).exists():
        user.make_account()
    user.settle(program)
    user.as_root("[ -e /dev/fuse ] || mknod /dev/fuse c 10 229; chmod 666 /dev/fuse")
    if not machine.path(f"{user.storage}/overlay-images").exists():
        user.pull()
    yield user
    user.settle(program)
    user.libpod("rm", "--all", "--force", "--time", "0")


def test_a_life_on_fuse_overlayfs(fuse: Settled) -> None:
    fuse.sleep("web")
    (point,) = fuse.mounts()
    assert point.startswith(f"{fuse.storage}/overlay/")
    script = "rm -r /home/worker; mkdir /home/worker; echo new >/home/worker/file; rm /etc/group; ls /home/*"
    assert fuse.said("exec", "web", "sh", "-c", script) == "file"
    kinds = fuse.said("diff", "web").splitlines()
    assert {"D /etc/group", "A /home/worker/file", "C /home/worker"} <= set(kinds)
    listed = json.loads(fuse.podman("ps", "--format", "json").stdout)
    assert [(entry["Names"], entry["State"]) for entry in listed] == [(["web"], "running")]
    assert fuse.podman("exec", "web", "cat", "/home/worker/file").stdout == "new\n"
    fuse.libpod("stop", "--time", "0", "web")
    assert Room.settled(lambda: not fuse.mounts()), "it is unmounted"
    assert Room.settled(lambda: "fuse-overlayfs" not in fuse.processes()), "its process ends"
    fuse.podman("start", "web")
    assert fuse.said("exec", "web", "cat", "/home/worker/file") == "new"
    fuse.podman("rm", "--force", "--time", "0", "web")
    assert fuse.mounts() == []
    assert fuse.as_root(f"cat {fuse.storage}/overlay-containers/containers.json").strip() in ("[]", "null")


def test_an_image_of_what_was_changed(fuse: Settled) -> None:
    """What is removed below is told by the same files and attributes as with the kernel's overlay."""
    script = "rm /etc/group; rm -r /home/worker; mkdir /home/worker; echo new >/home/worker/file"
    fuse.libpod("run", "--name", "made", IMAGE, "sh", "-c", script)
    fuse.libpod("commit", "--quiet", "made", "localhost/made")
    look = "ls -a /home/worker; test -e /etc/group || echo none"
    assert fuse.said("run", "--rm", "localhost/made", "sh", "-c", look).split() == [".", "..", "file", "none"]
    fuse.libpod("rm", "made")
    fuse.libpod("rmi", "localhost/made")


def test_without_the_device(fuse: Settled) -> None:
    fuse.libpod("create", "--name", "web", IMAGE, "true")
    fuse.as_root("mv /dev/fuse /dev/fuse.away")
    try:
        refused = fuse.refused("start", "web")
    finally:
        fuse.as_root("mv /dev/fuse.away /dev/fuse")
    assert "fuse-overlayfs" in refused
    assert "/dev/fuse" in refused
    assert "hint: " in refused
    assert fuse.mounts() == []
    fuse.said("start", "--attach", "web")


def test_without_the_program(fuse: Settled) -> None:
    fuse.settle("/nowhere/fuse-overlayfs")
    refused = fuse.refused("run", IMAGE, "true")
    assert "/nowhere/fuse-overlayfs" in refused
    assert "storage.conf" in refused
