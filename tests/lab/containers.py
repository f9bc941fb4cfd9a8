"""A store of its own on this very host, our program on it, and a look at all that it may leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tests import leftovers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from libpod.runtime import Runtime

SOURCE = Path(__file__).resolve().parents[2] / "src"
HIERARCHIES = ("memory", "pids", "freezer", "devices", "systemd", "cpu")
IMAGE = "bb"
CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1024:1024"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
"""


class Result(NamedTuple):
    """How a command ended."""

    command: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        output = f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        return f"{shlex.join(self.command)}\nexit {self.status}\n{output}"

    @property
    def words(self) -> str:
        """The standard output without space around it."""
        return self.stdout.strip()


class Traces(NamedTuple):
    """All that containers have left at one moment; equal ones mean that nothing was left in between."""

    rows: frozenset[str]
    storage: frozenset[str]
    layers: frozenset[str]
    directories: frozenset[str]
    locks: frozenset[str]
    exits: frozenset[str]
    mounts: frozenset[str]
    cgroups: frozenset[str]
    processes: frozenset[str]
    known_to_runc: frozenset[str]

    def difference(self, other: Traces) -> str:
        """What is only here, and what is only in *other*."""
        changes = [
            f"{sign} {name}: {entry}"
            for name, ours, theirs in zip(self._fields, self, other, strict=True)
            for sign, entries in (("+", ours - theirs), ("-", theirs - ours))
            for entry in sorted(entries)
        ]
        return "\n".join(changes)


def no_network(words: Sequence[str]) -> list[str]:
    """The flag that keeps a container out of the host's networks, unless *words* ask for one."""
    asked = any(word.startswith(("--net", "--pod", "--publish")) or word in ("-p", "-P") for word in words)
    return [] if asked else ["--network", "none"]


R = TypeVar("R", bound="Room")


class Room:
    """A store in *directory*. Containers have a cgroup parent of their own, so that strays are ours."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.run_root = directory / "run"
        self.tmp_dir = directory / "tmp"
        self.parent = f"/libpod-test-{secrets.token_hex(6)}"
        self.configuration = directory / "containers.conf"
        self.configuration.write_text(CONFIGURATION)
        self.options: list[str] = []

    # ------------------------------------------------------------ our program

    @property
    def environment(self) -> dict[str, str]:
        """What our program needs: where its source is, and which configuration is to be read."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "CONTAINERS_CONF": str(self.configuration),
            "PYTHONPATH": str(SOURCE),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def command(self, *arguments: str) -> list[str]:
        """The command line of our program on this store."""
        verb = 1 if arguments[0] == "container" else 0
        words = list(arguments)
        if words[verb] in ("run", "create"):
            if "--cgroup-parent" not in words:
                words[verb + 1 : verb + 1] = ["--cgroup-parent", self.parent]
            words[verb + 1 : verb + 1] = no_network(words)
        where = ["--root", self.root, "--runroot", self.run_root, "--tmpdir", self.tmp_dir]
        return [sys.executable, "-m", "libpod", *map(str, where), *self.options, *words]

    def libpod(
        self,
        *arguments: str,
        status: int | None = 0,
        data: str | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = 300,
    ) -> Result:
        """Run our program; it must end with *status*, unless that is None."""
        done = subprocess.run(
            self.command(*arguments),
            env={**self.environment, **(environment or {})},
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        result = Result(tuple(arguments), done.returncode, done.stdout, done.stderr)
        if status is not None and done.returncode != status:
            raise AssertionError(f"expected exit {status}: {result}")
        return result

    @contextlib.contextmanager
    def started(self, *arguments: str, **keywords: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Our program running beside us; killed at the end if it has not ended."""
        with subprocess.Popen(self.command(*arguments), env=self.environment, **keywords) as process:
            try:
                yield process
            finally:
                process.kill()

    def refused(self, *arguments: str, status: int = 125) -> str:
        """The message of a command that must fail and leave all as it was."""
        # What conmon has started at the end of a container may be at work still.
        assert self.settled(lambda: not any(" container cleanup " in line for line in self._processes()))
        before = self.traces()
        result = self.libpod(*arguments, status=status)
        assert "Traceback" not in result.stderr, result
        assert "unexpected" not in result.stderr, result
        assert self.settled(lambda: self.traces() == before), self.traces().difference(before)
        return result.stderr

    # ------------------------------------------------------------ containers

    def sleep(self, name: str, *options: str) -> str:
        """Start a container that sleeps until it gets SIGTERM; returns its ID."""
        command = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
        return self.libpod("run", "-d", "--name", name, *options, IMAGE, *command).words

    def say(self, *options: str, command: tuple[str, ...], image: str = IMAGE) -> str:
        """What a container with *options* prints."""
        return self.libpod("run", "--rm", *options, image, *command).stdout

    def inspect(self, name: str) -> dict[str, Any]:
        """What `inspect` says of one container."""
        found = json.loads(self.libpod("inspect", name).stdout)
        assert isinstance(found[0], dict)
        return found[0]

    def status(self, name: str) -> str:
        """The word for its state."""
        return str(self.inspect(name)["State"]["Status"])

    def config(self, name: str) -> dict[str, Any]:
        """The `config.json` of its last start."""
        found = json.loads(Path(self.inspect(name)["StaticDir"], "config.json").read_text())
        assert isinstance(found, dict)
        return found

    def names(self) -> list[str]:
        """The names of all containers."""
        listed = json.loads(self.libpod("ps", "-a", "--format", "json").stdout)
        return sorted(entry["Names"][0] for entry in listed)

    @contextlib.contextmanager
    def runtime(self, **overrides: Any) -> Iterator[Runtime]:
        """The library on this store."""
        from libpod.config import RuntimeConfig
        from libpod.runtime import Runtime

        with self.surroundings():
            where = {"graph_root": self.root, "run_root": self.run_root, "tmp_dir": self.tmp_dir}
            config = RuntimeConfig.load(**{key: str(path) for key, path in where.items()}, **overrides)
            runtime = Runtime(config)
            try:
                yield runtime
            finally:
                with contextlib.suppress(Exception):
                    runtime.shutdown()

    @contextlib.contextmanager
    def surroundings(self) -> Iterator[None]:
        """Our own environment as our program has it."""
        before, wanted = dict(os.environ), self.environment
        os.environ.clear()
        os.environ.update(wanted)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    # ------------------------------------------------------------ what is left

    @staticmethod
    def settled(condition: Callable[[], bool], seconds: float = 120) -> bool:
        """Whether *condition* comes true: conmon and the exit command work when we are done."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def traces(self) -> Traces:
        """All that containers have left now."""
        return Traces(
            rows=frozenset(self._rows()),
            storage=frozenset(self._records("containers")),
            layers=frozenset(self._records("layers")),
            directories=frozenset(self._directories()),
            locks=frozenset(_names(self.tmp_dir / "locks")),
            exits=frozenset(_names(self.tmp_dir / "exits")),
            mounts=frozenset(leftovers.mounts_below(str(self.directory))) - {str(self.root / "overlay")},
            cgroups=frozenset(self._cgroups()),
            processes=frozenset(self._processes()),
            known_to_runc=frozenset(self._known_to_runc()),
        )

    def _rows(self) -> Iterator[str]:
        """Every ID and name that the database knows, and its exec sessions."""
        from libpod import state

        path = self.root / "libpod" / "bolt_state.db"
        if not path.exists():
            return
        # Read here, not by another process: it is done for every test.
        database = state.open(state.BOLTDB, str(path), read_only=True)
        try:
            entries: list[dict[str, Any]] = list(database.dump())
        finally:
            database.close()
        yield from self._known_rows(entries)

    @staticmethod
    def _known_rows(entries: list[dict[str, Any]]) -> Iterator[str]:
        # Exit codes outlive their containers for some minutes, as Podman has it.
        for entry in entries:
            path = entry["bucket"]
            if not path[0].startswith(("exit-code", "runtime-config")) and (path[1:] or "key" in entry):
                yield f"{'/'.join(path)}: {entry.get('key')}"

    def _records(self, kind: str) -> list[str]:
        path = self.root / f"overlay-{kind}" / f"{kind}.json"
        return [record["id"] for record in json.loads(path.read_text())] if path.exists() else []

    def _directories(self) -> Iterator[str]:
        for place in ("root/overlay", "root/overlay-containers", "run/overlay-containers", "root/volumes"):
            for entry in (self.directory / place).glob("*"):
                if entry.is_dir() and entry.name != "l":
                    yield f"{place}/{entry.name}"
        yield from (f"link {name}" for name in _names(self.root / "overlay" / "l"))

    def _cgroups(self) -> Iterator[str]:
        for hierarchy in HIERARCHIES:
            for entry in Path("/sys/fs/cgroup", hierarchy, self.parent.lstrip("/")).glob("libpod-*"):
                yield str(entry)

    def _processes(self) -> Iterator[str]:
        for pid in leftovers.processes_naming(str(self.directory)):
            line = leftovers.command_line(pid)
            if line:
                yield f"{pid}: {line}"

    def _known_to_runc(self) -> list[str]:
        command = ["runc", "list", "--format", "json"]
        # It fails for containers of others that end meanwhile.
        for _ in range(100):
            listed = subprocess.run(command, check=False, capture_output=True)
            if listed.returncode == 0:
                break
            time.sleep(0.05)
        entries = json.loads(listed.stdout) or []
        return [entry["id"] for entry in entries if entry["bundle"].startswith(f"{self.directory}/")]

    def clear(self) -> None:
        """Remove all containers and what the room itself needed."""
        if (self.root / "libpod").exists():
            self.libpod("rm", "--force", "--time", "0", "--all")
            self.libpod("volume", "prune", "--force")
        self.settled(lambda: not list(self._processes()))

    def close(self) -> None:
        """Remove the cgroups of conmons, and detach the home of the storage."""
        leftovers.unmount([str(self.root / "overlay")])
        for hierarchy in Path("/sys/fs/cgroup").glob("*"):
            top = hierarchy / self.parent.lstrip("/")
            for directory, _names_of_directories, _files in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)


@contextlib.contextmanager
def furnished(room: R, template: Path) -> Iterator[R]:
    """*room* with a copy of a store; once its containers are removed, it must be as it was at first."""
    subprocess.run(["cp", "-a", "--reflink=auto", template, room.root], check=True)
    before = room.traces()
    try:
        yield room
        room.clear()
        assert room.settled(lambda: room.traces() == before), room.traces().difference(before)
    finally:
        room.close()
        shutil.rmtree(room.root, ignore_errors=True)


def _names(directory: Path) -> list[str]:
    return os.listdir(directory) if directory.is_dir() else []
