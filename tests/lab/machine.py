"""A machine that boots in a few milliseconds: private mount, PID, network, IPC and host-name namespaces.

Everything that a reboot takes away dies with the namespaces: processes, mounts, network namespaces,
interfaces, `/run` and `/dev/shm`. What is on the machine's disk stays. Every boot has its own boot ID, bound
over `/proc/sys/kernel/random/boot_id`, so the programs under test need no hook to see a new boot.

The first process of the machine reads from a pipe that the test holds: when the test dies, however that is,
the machine powers off.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

CGROUPS = Path("/sys/fs/cgroup")
UNSHARE = (
    *("unshare", "--mount", "--propagation", "private", "--net", "--ipc", "--uts"),
    *("--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"),
)
BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
}
# Where in the machine each directory of its disk appears; these are what survives a reboot.
DISK = {
    "srv": "/srv",
    "containers": "/var/lib/containers",
    "cni": "/var/lib/cni",
    "etc-cni": "/etc/cni/net.d",
    "etc-containers": "/etc/containers",
}
# On the disk: the IDs of the pods in its store, one a line. Nothing outside the database tells them.
PODS = "pods"


class Result(NamedTuple):
    """How a command in the machine ended."""

    command: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        output = f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        return f"{shlex.join(self.command)}\nexit {self.status}\n{output}"


class CommandFailedError(AssertionError):
    """A command in the machine did not end as the test needs it."""

    def __init__(self, result: Result) -> None:
        super().__init__(str(result))
        self.result = result


class Machine:
    """One machine with a disk in *directory*.

    With *tree* the machine runs that root file system (never written to: it lies under an overlay), else the
    host's. *shared* are host directories that appear at the same path in a *tree*.
    """

    def __init__(self, directory: Path, *, tree: Path | None = None, shared: Sequence[Path] = ()) -> None:
        self.directory = directory
        self.disk = directory / "disk"
        self.tree = tree
        self.shared = tuple(shared)
        self.boot_id = ""
        self.pid = 0
        self._unshare: subprocess.Popen[bytes] | None = None
        for name in DISK:
            (self.disk / name).mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_off()

    def boot(self, *, boot_id: str | None = None) -> None:
        """Start the machine with an empty /run and the given or a new boot ID."""
        assert self._unshare is None, "the machine is running"
        self.boot_id = boot_id or str(uuid.uuid4())
        (self.directory / "boot_id").write_text(self.boot_id + "\n")
        script = _boot_script(self)
        self._unshare = subprocess.Popen(
            [*UNSHARE, "/bin/sh", "-ec", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            start_new_session=True,
        )
        assert self._unshare.stdout is not None
        output = b""
        while not output.endswith(b"booted\n"):
            line = self._unshare.stdout.readline()
            if not line:
                self.power_off()
                raise AssertionError(f"the machine did not boot:\n{output.decode(errors='replace')}")
            output += line
        self.pid = _only_child(self._unshare.pid)

    def power_off(self) -> None:
        """Kill everything in the machine, as a power cut does, and wait until it is gone."""
        process, self._unshare = self._unshare, None
        if process is None:
            return
        thaw_cgroups(self.disk)
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        else:
            process.kill()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=120)
        self.pid = 0
        remove_cgroups(self.disk)

    def reboot(self) -> None:
        """Power off and boot with a new boot ID."""
        self.power_off()
        self.boot()

    def destroy(self) -> None:
        """Power off and remove the disk."""
        self.power_off()
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, inside: str | Path) -> Path:
        """Return how the test, outside, reaches the file at *inside*, a path in the running machine."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def enter(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs *command* in the machine."""
        assert self.pid, "the machine is off"
        return ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-i", "-u", "--", *command]

    def run(
        self,
        command: Sequence[str],
        *,
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        timeout: float = 300,
        stdin: bytes | None = None,
    ) -> Result:
        """Run *command* in the machine; with *check*, a status other than 0 raises CommandFailedError."""
        completed = subprocess.run(
            self.enter(command),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env={**ENVIRONMENT, **(environment or {})},
            timeout=timeout,
            check=False,
        )
        result = Result(
            tuple(command),
            completed.returncode,
            completed.stdout.decode(errors="surrogateescape"),
            completed.stderr.decode(errors="surrogateescape"),
        )
        if check and result.status != 0:
            raise CommandFailedError(result)
        return result

    def start(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start *command* in the machine and return at once; power_off() ends it if nothing else does."""
        return subprocess.Popen(
            self.enter(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, **(environment or {})},
        )


def _boot_script(machine: Machine) -> str:
    """Return the shell script that the first process of the machine runs."""
    lines: list[str] = []
    if machine.tree is not None:
        lines += _tree_lines(machine.tree, [machine.directory, *machine.shared])
    lines += [
        "mount -t tmpfs -o mode=755 tmpfs /run",
        "mkdir /run/lock /run/netns",
        "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
    ]
    for name, target in DISK.items():
        source = shlex.quote(str(machine.disk / name))
        # Only a tree's own root is written to here; on the host's root the directories exist.
        lines.append(f"[ -d {target} ] || mkdir -p {target}; mount --bind {source} {target}")
    lines.append(f"mount --bind {shlex.quote(str(machine.directory / 'boot_id'))} {BOOT_ID_FILE}")
    # The kernel reaps the children of a process that ignores SIGCHLD; conmon becomes a child of this one.
    lines += ["busybox ip link set lo up", "echo booted", "exec env --ignore-signal=CHLD cat"]
    return "\n".join(lines)


def _tree_lines(tree: Path, shared: Sequence[Path]) -> list[str]:
    """Return the lines that make *tree*, under a writable overlay, the root; *shared* stay at their paths."""
    lines = [
        "mount -t tmpfs tmpfs /mnt",
        "mkdir /mnt/upper /mnt/work /mnt/root",
        f"lower={shlex.quote(str(tree))}",
        'mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" tree /mnt/root',
        "mount --rbind /sys /mnt/root/sys",
        "mount --rbind /dev /mnt/root/dev",
        "mount -t proc proc /mnt/root/proc",
    ]
    for directory in shared:
        quoted = shlex.quote(str(directory))
        lines.append(f"mkdir -p /mnt/root{quoted}; mount --rbind {quoted} /mnt/root{quoted}")
    lines += ["mkdir -p /mnt/root/mnt", "cd /mnt/root", "pivot_root . mnt", "cd /", "umount -l /mnt"]
    return lines


def _only_child(pid: int) -> int:
    """Return the PID of the one child of process *pid*."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1, f"process {pid} has children {children}"
    return int(children[0])


def container_cgroups(disk: Path) -> Iterator[Path]:
    """Yield the control groups of every container and pod on *disk*, deepest first."""
    identifiers = {path.name for path in disk.glob("*/*/*-containers/*") if len(path.name) == 64}
    if (disk / PODS).exists():
        identifiers.update((disk / PODS).read_text().split())
    for hierarchy in CGROUPS.glob("*/libpod_parent"):
        for parent, names, _ in os.walk(hierarchy, topdown=False):
            for name in names:
                if name.removeprefix("libpod-") in identifiers:
                    yield Path(parent, name)


def thaw_cgroups(disk: Path) -> None:
    """Let paused containers go on, so that they can be killed."""
    for group in container_cgroups(disk):
        if (group / "freezer.state").exists():
            (group / "freezer.state").write_text("THAWED")
        elif (group / "cgroup.freeze").exists():
            (group / "cgroup.freeze").write_text("0")


def remove_cgroups(disk: Path) -> None:
    """Remove the control groups of every container and pod on *disk*, as a reboot does."""
    for group in container_cgroups(disk):
        if (group / "conmon").exists():
            _remove_cgroup(group / "conmon")
        _remove_cgroup(group)


def _remove_cgroup(directory: Path) -> None:
    for _ in range(1500):
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)  # the last process of the group is still being buried
