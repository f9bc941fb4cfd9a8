"""What the tests do with Podman and libpod inside a machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.boot.machine import Machine

INSTALL = "dpkg --install /root/*.deb"
IMAGE = "localhost/busybox"

# The machine lacks CAP_SYS_RESOURCE, crun refuses hybrid cgroups, our image does for a pod's own container.
SETTINGS = f"""\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]

[engine]
runtime = "runc"
cgroup_manager = "systemd"
infra_image = "{IMAGE}"
"""

IMPORT = f"""
room=$(mktemp -d)
mkdir "$room/bin" "$room/tmp" "$room/data"
cp /bin/busybox "$room/bin"
for name in cat echo sh sleep true; do ln -s busybox "$room/bin/$name"; done
tar -C "$room" -c . | podman import --quiet --change 'CMD ["sleep", "100000"]' - {IMAGE}
rm -r "$room"
"""


def import_image(machine: Machine) -> None:
    """Give the machine's store an image with a shell in it."""
    machine.shell(IMPORT)


def run(machine: Machine, name: str, *options: str) -> str:
    """Start a container that sleeps, and return its ID."""
    network = () if "--pod" in options else ("--network", "none")
    command = ["podman", "run", "--detach", "--name", name, *network, *options, IMAGE, "sleep", "100000"]
    return machine.run(*command).stdout.strip()


def states(machine: Machine) -> dict[str, str]:
    """Return the state of each container by its name, as Podman tells it; Podman must be silent otherwise."""
    result = machine.run("podman", "ps", "--all", "--format", "json")
    assert result.stderr == ""
    return {entry["Names"][0]: entry["State"] for entry in json.loads(result.stdout)}


def inspect(machine: Machine, name: str, *kind: str) -> Any:
    """Return what ``podman [kind] inspect`` prints for *name*."""
    found = json.loads(machine.run("podman", *kind, "inspect", name).stdout)
    return found[0] if isinstance(found, list) else found


def process(machine: Machine, name: str) -> int:
    """Return the PID of a container's first process inside the machine; it lives."""
    pid = inspect(machine, name)["State"]["Pid"]
    machine.run("test", "-d", f"/proc/{pid}")
    return int(pid)


def last_report(machine: Machine) -> dict[str, Any]:
    """Return the report of the last refresh."""
    report = json.loads(machine.run("libpod", "refresh", "--last", "--format", "json").stdout)
    assert isinstance(report, dict)
    return report


def journal(machine: Machine, *match: str) -> list[dict[str, Any]]:
    """Return this boot's journal entries that *match*, oldest first."""
    command = ("journalctl", "--boot", "--output", "json", "--quiet", "--no-pager", *match)
    # 1: nothing matches.
    result = machine.run(*command, check=False)
    assert result.returncode in (0, 1), result.stderr
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


def unit(machine: Machine, name: str = "runtime-refresh.service") -> dict[str, str]:
    """Return systemd's properties of a unit."""
    text = machine.run("systemctl", "show", name).stdout
    return dict(line.partition("=")[::2] for line in text.splitlines())
