"""A small Debian with real systemd, booted by systemd-nspawn: tests look into it, power it off and on.

::

    with Machine.create(trees.ensure(trees.DEBIAN_12), room) as machine:
        machine.start()
        machine.run("systemctl", "is-active", "dbus.socket")
        machine.reboot()                 # the files stay, /run is empty, the boot ID is another one

Layout of a machine's *room*::

    changes/ work/      overlay on the tree, which itself is never written to
    root/               the mounted file system of the machine, also readable while it is off
    containers/         its /var/lib/containers, bind-mounted: overlayfs, which stores use, does not nest
    console             what the machine printed on its console
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests import leftovers, trees

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
BOOT_SECONDS = 300
POWER_OFF_SECONDS = 120
# What systemd takes for "power off" (systemd(1), signals).
POWER_OFF_SIGNAL = signal.SIGRTMIN + 4

# The command line of PID 1 once nspawn's own child has become it.
INIT = ("/sbin/init", "/lib/systemd/systemd", "/usr/lib/systemd/systemd")

# nspawn leaves the cgroup controllers read-only; container runtimes need to make cgroups.
WRITABLE_CONTROLLERS = r"""
while read -r _ point _ options _; do
    case $point,$options, in /sys/fs/cgroup*,ro,*) mount -o remount,bind,rw "$point" ;; esac
done < /proc/self/mounts
"""


class MachineError(RuntimeError):
    """The machine did not do what was asked; the message holds the end of its console."""


class Machine:
    """One machine, a context manager: whatever happens, its processes and mounts are gone at the end."""

    def __init__(self, room: Path) -> None:
        self.room = room
        self.root = room / "root"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._init = 0

    @classmethod
    def create(cls, tree: Path, room: Path) -> Self:
        """Prepare a machine with the files of *tree*; it is off."""
        machine = cls(room)
        trees.mount_writable(tree, room)
        (room / "containers").mkdir(exist_ok=True)
        machine.write("/etc/systemd/system.conf.d/patience.conf", "[Manager]\nDefaultTimeoutStopSec=5s\n")
        # It looks for snapshots on block devices, which a container does not have, and fails at times.
        machine.path("/etc/systemd/system/e2scrub_reap.service").symlink_to("/dev/null")
        return machine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        try:
            self.kill()
        finally:
            trees.unmount(self.root)

    @property
    def running(self) -> bool:
        """Whether it is powered on."""
        return self._nspawn is not None and self._nspawn.poll() is None

    def path(self, inside: str) -> Path:
        """Return where the file *inside*, of the disk (so not of /run or /tmp), is found from here."""
        if inside.startswith("/var/lib/containers/"):
            return self.room / inside.removeprefix("/var/lib/")
        return self.root / inside.removeprefix("/")

    def write(self, inside: str, text: str) -> None:
        """Write the file *inside* of the disk, with its directories; on or off."""
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).write_text(text)

    def console(self) -> str:
        """Return the end of what the machine has printed."""
        path = self.room / "console"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""

    def start(self) -> None:
        """Power on and wait until systemd has started everything that belongs to the boot."""
        assert not self.running
        with open(self.room / "console", "ab") as console:
            self._nspawn = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        leftovers.kept.add(self._nspawn.pid)
        try:
            self._wait_for_boot()
        except BaseException:
            self.kill()
            raise
        self.shell(WRITABLE_CONTROLLERS)

    def _command(self, *program: str) -> list[str]:
        """Return the nspawn command that boots, or that runs *program* alone. It dies with this process."""
        name = f"libpod-{os.getpid()}-{abs(hash(self.room)) % 10000}"
        command = ["setpriv", "--pdeathsig", "KILL", "systemd-nspawn", "--quiet"]
        command += [
            "--register=no",
            "--keep-unit",
            "--directory",
            os.fspath(self.root),
            "--machine",
            name,
            "--hostname",
            "debian",
        ]
        command += ["--bind", f"{self.room / 'containers'}:/var/lib/containers"]
        command += ["--capability=all", "--drop-capability=CAP_SYS_RESOURCE"]
        # runc makes a session keyring for every container, in services of the machine as well.
        command += ["--system-call-filter=@keyring"]
        return [*command, "--pipe", "--", *program] if program else [*command, "--boot"]

    def _wait_for_boot(self) -> None:
        """Wait for PID 1, then for the end of its start-up. Units that failed are the test's business."""
        deadline = time.monotonic() + BOOT_SECONDS
        self._init = 0
        while time.monotonic() < deadline and self.running:
            self._init = self._init or self._find_init()
            if self._init and self._boot_state() in ("running", "degraded"):
                return
            time.sleep(0.2)
        raise MachineError(f"the machine did not boot:\n{self.console()}")

    def _find_init(self) -> int:
        """Return the PID, as seen from here, of the machine's PID 1, or 0 while there is none."""
        assert self._nspawn is not None
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for pid in Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split():
                if leftovers.command_line(int(pid)).startswith(INIT):
                    return int(pid)
        return 0

    def _boot_state(self) -> str:
        """Return what systemd says of the whole system, empty while it does not answer."""
        result = self.run("systemctl", "is-system-running", check=False)
        return result.stdout.strip()

    def run(
        self,
        *command: str,
        check: bool = True,
        timeout: float = 300,
        text: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run *command* as root inside, with *text* as its input; with *check*, fail unless it returns 0."""
        settings = [f"{key}={value}" for key, value in {**ENVIRONMENT, **(environment or {})}.items()]
        entering = ["nsenter", "--target", str(self._init), "--all"]
        entering += ["env", "--ignore-environment", "--chdir=/", *settings]
        result = subprocess.run(
            [*entering, *command],
            input=text or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        if check and result.returncode != 0:
            raise MachineError(f"{shlex.join(command)}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def shell(self, script: str, *, check: bool = True, timeout: float = 300) -> str:
        """Run the shell *script* inside with -eu and return its standard output."""
        return self.run("/bin/sh", "-euc", script, check=check, timeout=timeout).stdout

    def run_off(self, *command: str, timeout: float = 300) -> str:
        """Run *command* in the file system of the machine while it is off: dpkg, for example."""
        assert not self.running
        result = subprocess.run(
            self._command(*command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )
        if result.returncode != 0:
            raise MachineError(f"{shlex.join(command)}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def boot_id(self) -> str:
        """Return the ID of the current boot."""
        return self.run("cat", "/proc/sys/kernel/random/boot_id").stdout.strip()

    def power_off(self) -> None:
        """Shut down in good order: units are stopped, file systems unmounted."""
        assert self._nspawn is not None
        os.kill(self._init, POWER_OFF_SIGNAL)
        try:
            self._nspawn.wait(POWER_OFF_SECONDS)
        except subprocess.TimeoutExpired:
            raise MachineError(f"the machine did not power off:\n{self.console()}") from None
        finally:
            self.kill()

    def kill(self) -> None:
        """Cut the power."""
        if self._nspawn is None:
            return
        if self._init and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._nspawn.wait(60)
        if self.running:
            self._nspawn.kill()
            self._nspawn.wait()
        leftovers.kept.discard(self._nspawn.pid)
        self._nspawn = None

    def reboot(self) -> None:
        """Power off in good order and on again."""
        self.power_off()
        self.start()
