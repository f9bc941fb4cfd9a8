"""A machine whose containers have CNI networks: what is configured in it, and what they leave there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.lab.machine import Machine, Result
from tests.lab.podman import CONTAINERS_CONF, Store

PLUGINS = Path("/usr/lib/cni")
OWN_PLUGINS = "/srv/plugins"
SETTINGS = f"""\
{CONTAINERS_CONF}lock_type = "file"

[network]
network_backend = "cni"
cni_plugin_dirs = ["{PLUGINS}", "{OWN_PLUGINS}"]
"""
# Our program as a process of its own, after some lines that change it for a test.
_PROGRAM = "import sys; from libpod.cli.main import main; sys.exit(main())"
# A real plugin may need longer than a test wants to wait for one that hangs.
_IMPATIENT = """\
from libpod.network.plugins import Plugins
patient = Plugins._run
Plugins._run = lambda self, kind, text, environment, seconds: patient(
    self, kind, text, environment, 1.0 if kind == {kind!r} else seconds
)
"""
_LEFT = """\
cd /var/lib/cni && find . -type f ! -name lock ! -name 'last_reserved_ip.*'
[ ! -d /run/netns ] || find /run/netns -type f
for program in iptables ip6tables; do
    $program -w -t nat -S | grep 'id: ."' || true
    $program -w -t nat -S | grep -E '^-N CNI-(DN-)?[0-9a-f]{10}' || true
    $program -w -S | grep -E '/(32|128)' || true
done
ip -o link | grep -o 'veth[0-9a-f]*' || true
"""


class NetworkStore(Store):
    """A store in a machine; the network `podman` is the built-in one unless `configure` says otherwise."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        (machine.disk / "etc-containers" / "containers.conf").write_text(SETTINGS)

    @property
    def directory(self) -> Path:
        """Where networks are configured."""
        return self.machine.disk / "etc-cni"

    def configure(self, name: str, *plugins: dict[str, Any], file: str = "", version: str = "0.4.0") -> None:
        """Write a configuration list."""
        found = {"cniVersion": version, "name": name, "plugins": list(plugins)}
        (self.directory / (file or f"{name}.conflist")).write_text(json.dumps(found))

    def add_plugin(self, name: str, script: str) -> None:
        """Make a plugin out of a shell script. It stands for a fault that a real one does not show."""
        path = self.machine.disk / "srv" / "plugins" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def shell(self, script: str) -> str:
        """What a shell script in the machine prints; it must succeed."""
        return self.machine.run(["sh", "-ec", script]).stdout

    def left(self) -> set[str]:
        """What networks of containers have left: addresses, namespaces, rules, interfaces."""
        return set(self.shell(_LEFT).splitlines())

    def changed(self, lines: str, *arguments: str) -> Result:
        """Run our program after the Python *lines* that change it."""
        command = [self.python, "-c", f"{lines}\n{_PROGRAM}", *self.libpod_command(*arguments)[3:]]
        return self.machine.run(command, check=False, environment=self.libpod_environment)

    def impatient(self, kind: str, *arguments: str) -> Result:
        """Run our program, which gives a plugin one second."""
        return self.changed(_IMPATIENT.format(kind=kind), *arguments)

    def killed(self, point: str, *arguments: str) -> None:
        """Run our program and kill it at a fail point, which it must reach."""
        lines = (
            "import os\nfrom libpod import failpoints\n"
            f"failpoints.hook = lambda name: os.kill(os.getpid(), 9) if name == {point!r} else None"
        )
        result = self.changed(lines, *arguments)
        assert result.status == -9, result

    def python_in(self, lines: str) -> Any:
        """What a Python program with our library prints in the machine, as JSON."""
        result = self.machine.run([self.python, "-c", lines], environment=self.libpod_environment)
        return json.loads(result.stdout)

    def refused(self, *arguments: str) -> str:
        """The message of a command that must fail and leave nothing of a network."""
        before = self.left()
        result = self.libpod(*arguments, check=False)
        assert result.status == 125, result
        assert "Traceback" not in result.stderr, result
        assert self.left() == before, (self.left(), result)
        return result.stderr


def bridge(name: str, subnet: str, *, more: dict[str, Any] | None = None, **ipam: Any) -> dict[str, Any]:
    """The plugin bridge, with addresses of host-local."""
    return {
        "type": "bridge",
        "bridge": name,
        "isGateway": True,
        "ipMasq": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}]], **ipam},
        **(more or {}),
    }
