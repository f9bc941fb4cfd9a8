"""Stores of real Podman in a Machine: made, rebooted, refreshed by our program and used again."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab import database
from tests.lab.containers import no_network
from tests.lab.machine import DISK, PODS, CommandFailedError, Machine, Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src"
IMAGE = "localhost/bb:latest"
APPLETS = ("sh", "sleep", "cat", "echo", "ls", "true", "false", "touch", "ps", "mount", "id", "test")
# Without CAP_SYS_RESOURCE Podman's own default limits fail; crun refuses a hybrid cgroup hierarchy.
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
# Containers that others need, in stores that are populated here.
NEEDED = ("running", "with-network")
POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}\n'


class Store:
    """One Podman store in a machine, and the two programs that use it: `podman(...)` and `libpod(...)`.

    The store is at the same paths in every machine, so the disk of one can be copied to another.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        lock_type: str = "file",
        python: str = sys.executable,
        root: str = "/srv/store",
        run_root: str = "/run/store",
        tmp_dir: str = "/run/libpod-store",
        options: tuple[str, ...] | None = None,
        podman_options: tuple[str, ...] = (),
    ) -> None:
        self.machine = machine
        self.lock_type = lock_type
        self.python = python
        self.root = root
        self.run_root = run_root
        self.tmp_dir = tmp_dir
        where = ("--root", root, "--runroot", run_root, "--tmpdir", tmp_dir)
        self.options = where if options is None else options
        self.podman_options = podman_options
        self.environment: dict[str, str] = {}
        settings = machine.disk / "etc-containers"
        (settings / "containers.conf").write_text(f'{CONTAINERS_CONF}lock_type = "{lock_type}"\n')
        (settings / "policy.json").write_text(POLICY)

    # Files as the test sees them.

    @property
    def database(self) -> Path:
        """The database on the disk, reachable with the machine off."""
        sqlite = self.on_disk(f"{self.root}/db.sql")
        return sqlite if sqlite.exists() else self.on_disk(f"{self.root}/libpod/bolt_state.db")

    def on_disk(self, inside: str) -> Path:
        """Return the file at *inside*, which must be on the disk; it is there with the machine off."""
        for name, target in DISK.items():
            if inside.startswith(f"{target}/"):
                return self.machine.disk / name / inside.removeprefix(f"{target}/")
        raise AssertionError(f"{inside} is not on the disk")

    def path(self, inside: str) -> Path:
        """Return the file at *inside* in the running machine."""
        return self.machine.path(inside)

    @property
    def alive(self) -> Path:
        """The alive file in the running machine."""
        return self.path(f"{self.tmp_dir}/alive")

    # Podman.

    def podman(self, *arguments: str, check: bool = True, timeout: float = 300) -> Result:
        """Run Podman on this store. With *check* it must succeed without a word on stderr."""
        command = ["podman", *self.options, *self.podman_options, *arguments]
        result = self.machine.run(command, check=False, environment=self.environment, timeout=timeout)
        if check and (result.status != 0 or result.stderr):
            raise CommandFailedError(result)
        self._note_pod(arguments, result)
        return result

    def _note_pod(self, arguments: tuple[str, ...], result: Result) -> None:
        """Keep the ID of a new pod, for whoever removes its control group when the machine goes off."""
        if arguments[:2] == ("pod", "create"):
            with open(self.machine.disk / PODS, "a") as pods:
                pods.write(result.stdout)

    def import_image(self) -> None:
        """Put an image with busybox into the store."""
        script = (
            'd=$(mktemp -d) && mkdir -p "$d/bin" "$d/etc" "$d/tmp" "$d/dev" "$d/proc" "$d/sys" "$d/data"'
            ' && cp /bin/busybox "$d/bin/" && echo root:x:0:0::/:/bin/sh > "$d/etc/passwd"'
            ' && echo root:x:0: > "$d/etc/group"'
            f' && for a in {" ".join(APPLETS)}; do ln -s busybox "$d/bin/$a"; done'
            ' && tar -C "$d" -c . | "$@" && rm -r "$d"'
        )
        command = ["podman", *self.options, *self.podman_options, "import", "--quiet", "-", IMAGE]
        self.machine.run(["sh", "-c", script, "sh", *command], environment=self.environment)

    def run(self, name: str, *options: str, command: tuple[str, ...] = ("sleep", "100000")) -> str:
        """Start a container in the background and return its ID; no network unless *options* say so."""
        network = () if any(option.startswith(("--net", "--pod")) for option in options) else ("--net=none",)
        result = self.podman("run", "-d", "--name", name, *network, *options, IMAGE, *command)
        return result.stdout.strip()

    def create(self, name: str, *options: str, command: tuple[str, ...] = ("sleep", "100000")) -> str:
        """Create a container without starting it and return its ID."""
        network = () if any(option.startswith(("--net", "--pod")) for option in options) else ("--net=none",)
        result = self.podman("create", "--name", name, *network, *options, IMAGE, *command)
        return result.stdout.strip()

    def kill(self, *pids: int) -> None:
        """Kill processes of the machine, by their numbers in it."""
        self.machine.run(["sh", "-c", f"kill -KILL {' '.join(str(pid) for pid in pids)}"])

    def remove_everything(self) -> None:
        """Remove all pods, containers and volumes; containers that others need after those."""
        self.podman("pod", "rm", *self.podman("pod", "ps", "-q").stdout.split())
        names = self.states()
        for name in sorted(names, key=lambda name: name in NEEDED):
            self.podman("rm", name)
        self.podman("volume", "rm", "--all", "--force")

    def states(self) -> dict[str, str]:
        """Return what `podman ps -a` says: the state of each container by its name."""
        listing = json.loads(self.podman("ps", "-a", "--format", "json").stdout)
        return {entry["Names"][0]: entry["State"] for entry in listing}

    def states_on_disk(self) -> dict[str, int]:
        """Return the stored state of each container by its name."""
        objects = database.objects(self.database, "container").values()
        return {stored.name: int(stored.state_json()["state"]) for stored in objects}

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what `podman inspect` says of one container."""
        found = json.loads(self.podman("inspect", name).stdout)
        assert isinstance(found[0], dict)
        return found[0]

    def pid(self, name: str) -> int:
        """Return the PID of a container's first process, as Podman knows it; 0 when it does not run."""
        return int(self.inspect(name)["State"]["Pid"])

    def allocated_locks(self) -> set[int]:
        """Return the numbers of the locks that are taken."""
        if self.lock_type == "file":
            return {int(path.name) for path in self.path(f"{self.tmp_dir}/locks").iterdir()}
        return set(shared_locks(self.path("/dev/shm/libpod_lock").read_bytes()))

    # Our program.

    def libpod_command(self, *arguments: str) -> list[str]:
        """Return the command line of our program on this store; no network unless it is asked for."""
        words = list(arguments)
        if words[:1] in (["run"], ["create"]):
            words[1:1] = no_network(words)
        return [self.python, "-m", "libpod", *self.options, *words]

    @property
    def libpod_environment(self) -> dict[str, str]:
        """What our program needs in its environment: where its source is, and no bytecode files beside it."""
        return {**self.environment, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}

    def libpod(
        self,
        *arguments: str,
        check: bool = True,
        before: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        timeout: float = 300,
    ) -> Result:
        """Run our program on this store. *before* stands before it on the command line: strace."""
        result = self.machine.run(
            [*before, *self.libpod_command(*arguments)],
            check=check,
            environment={**self.libpod_environment, **(environment or {})},
            timeout=timeout,
        )
        self._note_pod(arguments, result)
        return result

    def refresh(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """Refresh with our program and return its report; the exit status must be *status*."""
        result = self.libpod("refresh", *arguments, "--format", "json", check=False)
        if result.status != status:
            raise CommandFailedError(result)
        report = json.loads(result.stdout)
        assert isinstance(report, dict)
        return report

    # What happens to a host.

    def reboot(self) -> None:
        """Lose every process, mount and per-boot directory; the next boot has a new boot ID."""
        self.machine.reboot()

    def remove_alive(self) -> None:
        """Lose the alive file while everything runs on."""
        self.alive.unlink()

    def remove_tmp_dir(self) -> None:
        """Lose the per-boot directory while everything runs on, as an ageing rule does it."""
        shutil.rmtree(self.path(self.tmp_dir))

    def remove_runtime_dir(self) -> None:
        """Lose all that is per boot while everything runs on, as the end of a user's last session does it."""
        self.remove_tmp_dir()
        shutil.rmtree(self.path(self.run_root))

    def process_lives(self, pid: int) -> bool:
        """Tell whether process *pid* (in the machine's numbering) is there and no zombie."""
        try:
            text = self.path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return text.rpartition(")")[2].split()[0] not in "ZX"


def shared_locks(segment: bytes) -> Iterator[int]:
    """Yield the numbers of the taken locks in Podman's shared memory.

    Its layout on x86-64 (shm_lock.h): a head of 56 bytes with the number of groups at 48, then groups of 1288
    bytes, each with a bitmap of 32 bits and 32 mutexes.
    """
    (groups,) = struct.unpack_from("<I", segment, 48)
    for group in range(groups):
        (bitmap,) = struct.unpack_from("<I", segment, 56 + 1288 * group)
        for bit in range(32):
            if bitmap >> bit & 1:
                yield 32 * group + bit


def copy_disk(source: Path, target: Path) -> None:
    """Copy the disk of a machine that is off, with owners, modes, times and device files."""
    target.mkdir(parents=True, exist_ok=True)
    status = os.spawnlp(os.P_WAIT, "cp", "cp", "-a", "--reflink=auto", f"{source}/.", str(target))
    assert status == 0, f"cannot copy {source} to {target}"
