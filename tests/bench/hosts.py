"""Machines with a store of any size, and the two programs on it, measured."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab import clone
from tests.lab.machine import ENVIRONMENT, CommandFailedError, Machine
from tests.lab.podman import REPOSITORY, SOURCE, Store, copy_disk

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence

INSIDE = Path(__file__).with_name("inside.py")
LIBRARY = Path(__file__).with_name("library.py")
# Locks in shared memory are Podman's default; so is their number, which does not do for ten thousand.
DEFAULT_LOCKS = 2048
SETTLE_SECONDS = 30.0
FLUSHES = "fsync,fdatasync,sync,syncfs,msync"
SCRIPT = REPOSITORY / "packaging/libpod"


class Host:
    """A machine with *containers* stopped containers, our program installed, and a process that measures."""

    def __init__(self, machine: Machine, store: Store, containers: int) -> None:
        self.machine = machine
        self.store = store
        self.containers = containers
        self._runner: subprocess.Popen[str] | None = None
        self._steady: set[str] = set()

    def libpod(self, *arguments: str) -> list[str]:
        """Return the command line of our program as it is installed."""
        return ["/srv/bin/libpod", *self.store.options, *arguments]

    def podman(self, *arguments: str) -> list[str]:
        """Return the command line of Podman."""
        return ["podman", *self.store.options, *arguments]

    def boot(self) -> None:
        """Boot again: the next command of either program finds a refresh due."""
        self.stop()
        self.machine.boot()
        self._hide_startup_code()
        command = [self.store.python, "-I", "-S", str(INSIDE)]
        self._runner = self.machine.start(command, environment=self.environment)

    def stop(self) -> None:
        """Power off."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.communicate()
        self.machine.power_off()

    def _hide_startup_code(self) -> None:
        """Empty the `.pth` files: what other packages let every start of Python do is not to be measured."""
        listing = (
            "import glob, site; print(*(p for d in site.getsitepackages() for p in glob.glob(d + '/*.pth')))"
        )
        for path in self.machine.run([self.store.python, "-S", "-c", listing]).stdout.split():
            self.machine.run(["mount", "--bind", os.devnull, path])

    @property
    def places(self) -> list[str]:
        """The directories of the store: graph root, run root, temporary directory."""
        return [self.store.root, self.store.run_root, self.store.tmp_dir]

    @property
    def environment(self) -> dict[str, str]:
        """Where the installed package is."""
        return {"PYTHONPATH": "/srv/site-packages"}

    def seconds(self, command: Sequence[str]) -> float:
        """Run *command*, which must succeed, and return how long it took."""
        return self._measure(command)[0]

    def settle(self) -> None:
        """Wait until only what is to stay runs: no conmon and no exit command of what has been measured."""
        end = time.monotonic() + SETTLE_SECONDS
        while self._processes() - self._steady:
            if time.monotonic() > end:
                raise AssertionError(f"still running: {self._processes() - self._steady}")
            time.sleep(0.01)

    def take_for_steady(self) -> None:
        """Take what runs now for what is to stay, once nothing has changed for a second."""
        before: set[str] = set()
        while before != self._processes():
            before = self._processes()
            time.sleep(1)
        self._steady = before

    def _processes(self) -> set[str]:
        return {name for name in os.listdir(self.machine.path("/proc")) if name.isdigit()}

    def settled_seconds(self, command: Sequence[str]) -> float:
        """As `seconds`, and wait for the end of all that the command has left running."""
        found = self.seconds(command)
        self.settle()
        return found

    def peak_memory(self, command: Sequence[str]) -> float:
        """Run *command* and return the most memory that it had at a time, in MiB."""
        return self._measure(command)[1] / 1024

    def cpu_seconds(self, command: Sequence[str]) -> float:
        """Run *command* and return the CPU time that it and its children took."""
        return self._measure(command)[2]

    def _measure(self, command: Sequence[str]) -> tuple[float, int, float]:
        """Return seconds, KiB, and seconds of CPU time."""
        runner = self._runner
        assert runner is not None
        assert runner.stdin is not None
        assert runner.stdout is not None
        runner.stdin.write("\t".join(command) + "\n")
        runner.stdin.flush()
        status, seconds, memory, cpu = runner.stdout.readline().split()
        if int(status) != 0:
            raise CommandFailedError(self.machine.run(command, check=False, environment=self.environment))
        return float(seconds), int(memory), float(cpu)

    def flushes(self, command: Sequence[str]) -> int:
        """Run *command* and return how many times it waited for the disk."""
        before = ["strace", "-f", "-qq", "-o", "/run/strace", "-e", f"trace={FLUSHES}"]
        self.machine.run([*before, *command], environment=self.environment)
        lines = self.machine.path("/run/strace").read_text().splitlines()
        return len([line for line in lines if re.search(r"\b(fsync|fdatasync|sync|syncfs|msync)\(", line)])

    def imports(self, command: Sequence[str]) -> dict[str, int]:
        """Run *command* and return what it imports: microseconds of each module by its name."""
        environment = {**self.environment, "PYTHONPROFILEIMPORTTIME": "1"}
        found = self.machine.run(command, environment=environment).stderr
        matches = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", found)
        return {name: int(microseconds) for microseconds, name in matches}

    def listed(self) -> int:
        """Return how many containers Podman lists."""
        return len(self.machine.run(self.podman("ps", "-aq"), timeout=600).stdout.split())


@contextlib.contextmanager
def base(room: Path, python: str) -> Iterator[Path]:
    """Yield a disk with an image, one stopped container named "a" and our program installed."""
    machine = Machine(room / "base")
    with machine:
        store = Store(machine, lock_type="shm", python=python)
        machine.boot()
        store.import_image()
        store.create("a")
        store.podman("start", "a")
        store.podman("stop", "-t", "0", "a")
        _install(machine, python)
    yield machine.disk
    machine.destroy()


def _install(machine: Machine, python: str) -> None:
    """Install our package with its bytecode, and the command that a package would install."""
    site = machine.disk / "srv/site-packages"
    shutil.copytree(SOURCE / "libpod", site / "libpod", ignore=shutil.ignore_patterns("__pycache__"))
    machine.run([python, "-m", "compileall", "-q", "/srv/site-packages"])
    script = machine.disk / "srv/bin/libpod"
    script.parent.mkdir()
    script.write_text(f"#!{python}\n{SCRIPT.read_text().partition(chr(10))[2]}")
    script.chmod(0o755)


@contextlib.contextmanager
def host(room: Path, disk: Path, python: str, containers: int) -> Iterator[Host]:
    """Yield a host with so many containers on a copy of *disk*; it is off."""
    machine = Machine(room / f"host-{containers}")
    copy_disk(disk, machine.disk)
    store = Store(machine, lock_type="shm", python=python)
    if containers >= DEFAULT_LOCKS:
        settings = machine.disk / "etc-containers/containers.conf"
        settings.write_text(f"{settings.read_text()}num_locks = {2 * containers}\n")
    clone.containers(store, "a", containers - 1)
    found = Host(machine, store, containers)
    try:
        yield found
    finally:
        found.stop()
        machine.destroy()


def about(host: Host) -> dict[str, Any]:
    """Return what is compared on what."""
    run = host.machine.run
    return {
        "podman": run(["podman", "--version"]).stdout.strip(),
        "python": run([host.store.python, "--version"]).stdout.strip(),
        "kernel": os.uname().release,
        "processors": os.cpu_count(),
        "language": ENVIRONMENT["LANG"],
    }
