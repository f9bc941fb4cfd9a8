"""Ordinary users on a machine: accounts with IDs of their own, homes on its disk, sessions without login."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests import leftovers
from tests.lab import image
from tests.lab.containers import no_network

if TYPE_CHECKING:
    from tests.lab.machine import Machine, Result

SOURCE = Path(__file__).resolve().parents[2] / "src"
CODE = "/srv/code"
LAYOUT = "/srv/layout"
IMAGE = "localhost/bb:latest"
POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}\n'
SETTINGS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
# The second /proc is for the kernel, which lets a user mount one only where all of it is visible already: on
# the first the boot ID lies.
BOOT = f"""
mkdir -p /run/user /run/proc {CODE} /srv/etc /srv/home
mount -t proc proc /run/proc
mount --bind {SOURCE} {CODE}
mount -t tmpfs -o mode=1777 tmpfs /tmp
mknod -m 666 /run/tun c 10 200
mount --bind /run/tun /dev/net/tun
for file in passwd group subuid subgid; do
    [ -e /srv/etc/$file ] || cp /etc/$file /srv/etc/$file
    mount --bind /srv/etc/$file /etc/$file
done
"""
# Whoever has a home gets the runtime directory which a reboot took away.
LOG_IN = """
for home in /srv/home/*; do
    owner=$(stat -c %u $home)
    install -d -m 700 -o $owner -g $owner /run/user/$owner
done
"""


class Person(NamedTuple):
    """An account."""

    name: str
    uid: int
    first: int
    """The first of its subordinate IDs."""
    size: int = 65536
    """How many it has."""

    def on_host(self, inside: int) -> int:
        """What an ID of the namespace is outside."""
        return self.uid if inside == 0 else self.first + inside - 1


class User:
    """A person at work on *machine*, which must be on. `libpod` and `podman` use the same store."""

    def __init__(self, machine: Machine, person: Person, *, driver: str = "vfs") -> None:
        self.machine = machine
        self.person = person
        self.driver = driver
        self.home = f"/srv/home/{person.name}"
        self.runtime_directory = f"/run/user/{person.uid}"
        self.storage = f"{self.home}/.local/share/containers/storage"
        self.environment: dict[str, str] = {}

    def make_account(self) -> None:
        """Add the account to the machine's files, and make its home."""
        name, uid, first, size = self.person
        lines = {
            "passwd": f"{name}:x:{uid}:{uid}::{self.home}:/bin/sh\n",
            "group": f"{name}:x:{uid}:\n",
        }
        if size:
            lines |= {"subuid": f"{name}:{first}:{size}\n", "subgid": f"{name}:{first}:{size}\n"}
        for file, line in lines.items():
            with open(self.machine.path(f"/srv/etc/{file}"), "a") as stream:
                stream.write(line)
        self.as_root(f"mkdir {self.home} && chown {uid}:{uid} {self.home}")
        self.log_in()

    def log_in(self) -> None:
        """Make the runtime directory, which a reboot takes away."""
        uid, directory = self.person.uid, self.runtime_directory
        self.as_root(f"mkdir -m 700 {directory} && chown {uid}:{uid} {directory}")

    def as_root(self, script: str) -> str:
        """Let the machine's root do something."""
        return self.machine.run(["sh", "-ec", script]).stdout

    # ------------------------------------------------------------ commands

    def _words(self, command: tuple[str, ...]) -> list[str]:
        uid = str(self.person.uid)
        return ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--", *command]

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "HOME": self.home,
            "XDG_RUNTIME_DIR": self.runtime_directory,
            "CONTAINERS_CONF": "/etc/containers/containers.conf",
            "PYTHONPATH": CODE,
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environment,
        }

    def run(self, *command: str, status: int | None = 0) -> Result:
        """Run a command, which must end with *status*, unless that is None."""
        result = self.machine.run(self._words(command), check=False, environment=self._environment)
        if status is not None and result.status != status:
            raise AssertionError(f"expected exit {status}: {result}")
        assert "Traceback" not in result.stderr, result
        return result

    def libpod_command(self, *arguments: str) -> list[str]:
        """Our program; no network for a new container unless it is asked for."""
        words = list(arguments)
        if words[0] in ("run", "create"):
            words[1:1] = no_network(words)
        return [sys.executable, "-m", "libpod", "--storage-driver", self.driver, *words]

    def libpod(self, *arguments: str, status: int | None = 0) -> Result:
        """Run our program."""
        return self.run(*self.libpod_command(*arguments), status=status)

    def podman(self, *arguments: str, status: int | None = 0) -> Result:
        """Run Podman."""
        return self.run("podman", "--storage-driver", self.driver, *arguments, status=status)

    def said(self, *arguments: str) -> str:
        """What our program prints, without space around it; nothing may be said on stderr."""
        result = self.libpod(*arguments)
        assert not result.stderr, result
        return result.stdout.strip()

    def refused(self, *arguments: str) -> str:
        """The message of a command that must fail."""
        result = self.libpod(*arguments, status=125)
        assert "unexpected" not in result.stderr, result
        return result.stderr

    # ------------------------------------------------------------ objects

    def pull(self) -> None:
        """Get the image."""
        identifier = self.libpod("pull", "--quiet", f"oci:{LAYOUT}:latest").stdout.strip()
        self.libpod("tag", identifier, IMAGE)

    def sleep(self, name: str, *options: str) -> str:
        """Start a container that sleeps."""
        command = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
        return self.libpod("run", "-d", "--name", name, *options, IMAGE, *command).stdout.strip()

    def inspect(self, name: str) -> dict[str, Any]:
        """What `inspect` says of one container."""
        found = json.loads(self.libpod("inspect", name).stdout)
        assert isinstance(found[0], dict)
        return found[0]

    def states(self) -> dict[str, str]:
        """The state of each container."""
        listed = json.loads(self.libpod("ps", "-a", "--format", "json").stdout)
        return {entry["Names"][0]: entry["State"] for entry in listed}

    def namespace(self) -> tuple[int, str]:
        """The waiting process as the machine numbers it, and its user namespace."""
        pid = int(self.machine.path(f"{self.runtime_directory}/libpod/tmp/pause.pid").read_text())
        return pid, self.as_root(f"readlink /proc/{pid}/ns/user").strip()

    def processes(self) -> str:
        """All processes of the machine."""
        return self.as_root("busybox ps -o pid,args")


def prepare(machine: Machine) -> None:
    """Make a new machine ready for accounts. It lives longer than a test."""
    machine.boot()
    _keep(machine)
    settings = machine.disk / "etc-containers"
    (settings / "containers.conf").write_text(SETTINGS)
    (settings / "policy.json").write_text(POLICY)
    image.write_layout(machine.disk / "srv" / "layout")
    machine.run(["sh", "-ec", BOOT])


def reboot(machine: Machine) -> None:
    """Cut the power and come up again, everybody logged in: the machine is that of other tests too."""
    machine.reboot()
    _keep(machine)
    machine.run(["sh", "-ec", BOOT + LOG_IN])


def _keep(machine: Machine) -> None:
    assert machine._unshare is not None
    leftovers.kept |= {machine.pid, machine._unshare.pid}
