"""A small Debian with a kernel of its own, booted by QEMU without KVM: pure cgroup version 2, AppArmor.

::

    with Guest.create(trees.ensure(trees.DEBIAN_12_KERNEL), room) as guest:
        guest.start()
        guest.run("libpod", "ps")
        guest.as_user("anna", "libpod", "ps")

What cannot be had where the tests run (there, controllers are in version 1 hierarchies, and nothing is
delegated to users) is real in here. The kernel has NVMe and ext4 built in, so there is no initial RAM disk,
and no device to be waited for: the machine is up in a quarter of a minute.

Layout of a guest's *room*::

    disk.img            its file system, made of the tree, our source and what is below `FILES`
    agent               the socket at the other end of its virtio port
    console             what it printed on its serial line
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import libpod
from tests import leftovers, trees
from tests.vm.agent import Agent, AgentError, Finished

if TYPE_CHECKING:
    from collections.abc import Mapping

BOOT_SECONDS = 900
DISK = "4G"
MEMORY = "1536"
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"}
IMAGE = "localhost/busybox"
USERS = {"anna": 1000, "bodo": 1001}

# Not wanted in a machine that lives for minutes, or slow without KVM.
MASKED = """
    apparmor.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
    e2scrub_reap.service fstrim.timer getty.target modprobe@dm_mod.service modprobe@drm.service
    modprobe@efi_pstore.service modprobe@loop.service podman-auto-update.service podman-auto-update.timer
    podman-restart.service podman.service podman.socket serial-getty@ttyS0.service sys-kernel-debug.mount
    sys-kernel-tracing.mount systemd-binfmt.service systemd-journal-flush.service systemd-random-seed.service
    systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket
    systemd-udevd.service systemd-update-utmp.service
"""
KERNEL = (
    "root=/dev/nvme0n1 rw console=ttyS0 panic=-1 quiet mitigations=off tsc=reliable no_timer_check "
    "cryptomgr.notests nokaslr random.trust_cpu=on"
)
FILES = {
    "/etc/containers/containers.conf": (
        f'[engine]\nruntime = "runc"\nevents_logger = "file"\ninfra_image = "{IMAGE}"\n'
    ),
    "/etc/modules-load.d/tests.conf": "virtio_pci\nvirtio_console\ntun\noverlay\nfuse\n",
    "/etc/systemd/system/agent.service": (
        "[Service]\nExecStart=/usr/sbin/qemu-ga --method=virtio-serial --path=/dev/vport0p1\n"
        # It logs every question.
        "LogLevelMax=notice\n"
        "[Install]\nWantedBy=multi-user.target\n"
    ),
    "/usr/local/bin/libpod": '#!/bin/sh\nPYTHONPATH=/opt exec /usr/bin/python3 -m libpod "$@"\n',
}
PREPARE = f"""
python3 -m compileall -q /opt/libpod
chmod 755 /usr/local/bin/libpod
systemctl enable --quiet agent.service
room=$(mktemp -d)
mkdir "$room/bin" "$room/tmp"
cp /bin/busybox "$room/bin"
for name in cat dd echo grep id sh sleep true; do ln -s busybox "$room/bin/$name"; done
tar -C "$room" -cf /opt/image.tar .
rm -r "$room"
{"".join(f"useradd --create-home --uid {uid} {name};" for name, uid in USERS.items())}
"""


class GuestError(RuntimeError):
    """The machine did not do what was asked; the message holds the end of its console."""


class Guest:
    """One machine, a context manager: whatever happens, its process is gone at the end."""

    def __init__(self, room: Path, tree: Path) -> None:
        self.room = room
        self._tree = tree
        self._qemu: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, tree: Path, room: Path) -> Self:
        """Make the disk of a machine with the files of *tree* and our source; it is off."""
        with trees.writable(tree, room) as root:
            for name, text in FILES.items():
                path = root / name.removeprefix("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            source = Path(libpod.__file__).parent
            shutil.copytree(source, root / "opt/libpod", ignore=shutil.ignore_patterns("__pycache__"))
            _do("chroot", os.fspath(root), "/bin/sh", "-euc", PREPARE)
            _do("truncate", "-s", DISK, os.fspath(room / "disk.img"))
            _do("mkfs.ext4", "-q", "-d", os.fspath(root), os.fspath(room / "disk.img"))
        for leftover in ("changes", "work"):
            shutil.rmtree(room / leftover)
        return cls(room, tree)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()
        (self.room / "disk.img").unlink(missing_ok=True)

    @property
    def running(self) -> bool:
        """Whether it is on."""
        return self._qemu is not None and self._qemu.poll() is None

    def console(self) -> str:
        """Return the end of what the machine has printed."""
        path = self.room / "console"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""

    def start(self) -> None:
        """Power on and wait until systemd has started everything that belongs to the boot."""
        assert not self.running
        (self.room / "agent").unlink(missing_ok=True)
        with open(self.room / "qemu", "wb") as log:
            self._qemu = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
        leftovers.kept.add(self._qemu.pid)
        try:
            self._wait_for_boot()
        except BaseException:
            self.kill()
            raise

    def _command(self) -> list[str]:
        """Return the QEMU command. It dies with this process."""
        (kernel,) = (self._tree / "boot").glob("vmlinuz-*")
        masks = " ".join(f"systemd.mask={unit}" for unit in MASKED.split())
        return [
            *("setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"),
            *("-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", MEMORY),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-kernel", os.fspath(kernel), "-append", f"{KERNEL} {masks}"),
            *("-drive", f"file={self.room}/disk.img,if=none,id=disk,format=raw,cache=unsafe"),
            *("-device", "nvme,serial=disk,drive=disk", "-serial", f"file:{self.room}/console"),
            *("-chardev", f"socket,path={self.room}/agent,server=on,wait=off,id=agent"),
            *("-device", "virtio-serial", "-device", "virtserialport,chardev=agent"),
        ]

    def _wait_for_boot(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while self.running and time.monotonic() < deadline:
            try:
                state = self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
            except AgentError:
                time.sleep(0.2)
                continue
            if state in ("running", "degraded"):
                return
        raise GuestError(f"the machine did not boot:\n{(self.room / 'qemu').read_text()}{self.console()}")

    def run(
        self,
        *command: str,
        check: bool = True,
        timeout: float = 600,
        text: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run *command* as root inside, with *text* as its input; with *check*, fail unless it returns 0."""
        if not self.running:
            raise GuestError(f"the machine is off:\n{self.console()}")
        agent = Agent(self.room / "agent")
        try:
            result = agent.run(command, {**ENVIRONMENT, **(environment or {})}, text, timeout)
        finally:
            agent.close()
        if check and result.returncode != 0:
            raise GuestError(f"{shlex.join(command)}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def shell(self, script: str, *, check: bool = True, timeout: float = 600) -> str:
        """Run the shell *script* inside with -eu and return its standard output."""
        return self.run("/bin/sh", "-euc", script, check=check, timeout=timeout).stdout

    def as_user(self, user: str, *command: str, check: bool = True) -> Finished:
        """Run *command* as *user*, with the runtime directory of a user who lingers."""
        environment = {"XDG_RUNTIME_DIR": f"/run/user/{USERS[user]}", "HOME": f"/home/{user}"}
        switch = ("setpriv", "--reuid", user, "--regid", user, "--init-groups", "env", "--chdir", "/")
        return self.run(*switch, *command, environment=environment, check=check)

    def group(self, pid: int) -> str:
        """Return the control group of a process."""
        return self.run("cat", f"/proc/{pid}/cgroup").stdout.strip().removeprefix("0::")

    def settings(self, group: str, *names: str) -> dict[str, str]:
        """Return what the files *names* of a control group say."""
        text = self.run("env", "--chdir", f"/sys/fs/cgroup{group}", "grep", "-H", ".", *names).stdout
        return dict(line.partition(":")[::2] for line in text.splitlines())

    def kill(self) -> None:
        """Cut the power."""
        if self._qemu is None:
            return
        self._qemu.kill()
        self._qemu.wait()
        leftovers.kept.discard(self._qemu.pid)
        self._qemu = None


def _do(*command: str) -> None:
    """Run a command of the host, which must succeed."""
    result = subprocess.run(
        command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )
    if result.returncode != 0:
        raise GuestError(f"{shlex.join(command)}: {result.returncode}\n{result.stdout}{result.stderr}")
