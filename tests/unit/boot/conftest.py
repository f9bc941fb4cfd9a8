"""A store with its directories, database and boots below a temporary directory, apart from the host's."""

from __future__ import annotations

import shutil
import stat
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from libpod import state
from libpod.boot import marker, refresh
from libpod.config import sources
from libpod.config.runtime import RuntimeConfig
from libpod.host import files, journal
from libpod.state.records import ContainerRecord, PodRecord, VolumeRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from libpod.boot.report import Report
    from libpod.state.protocol import State

RUNNING = 3
STARTED = "2024-05-01T10:00:00.123456789Z"

# Files that hold times.
WITH_TIMES = ("refresh.json", "events.log")


def identifier(number: int) -> str:
    """The full ID of the container, or pod, of this number."""
    return f"{number:064x}"


class Store:
    """A store and its machine: `reboot` gives it another boot ID and takes the per-boot files."""

    def __init__(self, root: Path, kind: str, **overrides: object) -> None:
        self.root = root
        self.kind = kind
        self.graph, self.run, self.tmp = root / "graph", root / "run", root / "tmp"
        self.boot_file = root / "boot_id"
        self.overrides: dict[str, object] = {
            "graph_root": str(self.graph),
            "run_root": str(self.run),
            "tmp_dir": str(self.tmp),
            "state_type": kind,
            "lock_type": "file",
            "cgroup_manager": "cgroupfs",
            "graph_driver_name": "overlay",
            **overrides,
        }
        self.new_boot()

    @property
    def config(self) -> RuntimeConfig:
        """The configuration, read from no file."""
        environment = {"CONTAINERS_CONF": "/dev/null", "CONTAINERS_STORAGE_CONF": "/dev/null"}
        return RuntimeConfig.from_settings(sources.collect(self.overrides, environment))

    @property
    def database(self) -> Path:
        return self.graph / ("db.sql" if self.kind == "sqlite" else "libpod/bolt_state.db")

    @property
    def record(self) -> Path:
        return self.database.with_name("boot-record.json")

    @property
    def boot_id(self) -> str:
        return self.boot_file.read_text().strip()

    def open(self, *, read_only: bool = False) -> State:
        return state.open(self.kind, str(self.database), read_only=read_only)

    # ------------------------------------------------------------ what is in it

    def bundle(self, number: int) -> Path:
        return self.graph / "overlay-containers" / identifier(number) / "userdata"

    def run_directory(self, number: int) -> Path:
        return self.run / "overlay-containers" / identifier(number) / "userdata"

    def container(
        self, number: int, *, lock: int | None = None, config: Any = None, **changes: object
    ) -> None:
        """Add a container that was running; *changes* are keys of its state."""
        self.bundle(number).mkdir(parents=True)
        values = {
            "id": identifier(number),
            "name": f"c{number}",
            "staticDir": str(self.bundle(number)),
            "lockID": number if lock is None else lock,
            **(config or {}),
        }
        running = {
            "state": RUNNING, "pid": 0, "conmonPid": 0, "startedTime": STARTED, "mounted": True,
            "mountPoint": str(self.root / "nowhere"), "runDir": "/of/another/boot", "ofTheFuture": 1,
        }  # fmt: skip
        self._add("add_container", ContainerRecord(identifier(number), values, running | changes))

    def pod(self, number: int, *, lock: int, **config: object) -> None:
        values = {"id": identifier(number), "name": f"p{number}", "lockID": lock, **config}
        self._add("add_pod", PodRecord(identifier(number), values, {"cgroupPath": "/of/another/boot"}))

    def volume(self, name: str, *, lock: int) -> None:
        stored = {"mountCount": 2, "mountPoint": "/of/another/boot"}
        self._add("add_volume", VolumeRecord(name, {"name": name, "lockID": lock}, stored))

    def _add(self, operation: str, record: object) -> None:
        store = self.open()
        getattr(store, operation)(record)
        store.close()

    def stored(self, number: int) -> ContainerRecord:
        """What the database says of a container."""
        store = self.open(read_only=True)
        try:
            return store.container(identifier(number))
        finally:
            store.close()

    # ------------------------------------------------------------ boots

    def refresh(self, **options: Any) -> Report:
        return refresh.run(self.config, **options)

    def new_boot(self) -> None:
        """Another boot ID, and nothing else."""
        self.boot_file.write_text(f"{uuid.uuid4()}\n")

    def reboot(self) -> None:
        """Another boot ID, and an empty /run."""
        self.new_boot()
        for directory in (self.run, self.tmp):
            shutil.rmtree(directory, ignore_errors=True)

    def tree(self) -> dict[str, tuple[object, ...]]:
        """Every file and directory: mode and, for a file but those with times in them, its contents."""
        found: dict[str, tuple[object, ...]] = {}
        for path in sorted(self.root.rglob("*")):
            about = path.lstat()
            content = (
                path.read_bytes() if stat.S_ISREG(about.st_mode) and path.name not in WITH_TIMES else b""
            )
            if path.name.startswith(self.database.name):
                # Pages of a database may lie elsewhere, the rows in them not.
                content = b""
            found[str(path.relative_to(self.root))] = (about.st_mode, content)
        return found

    def rows(self) -> list[str]:
        """Everything in the database."""
        store = self.open(read_only=True)
        try:
            return sorted(map(repr, store.dump()))
        finally:
            store.close()


@pytest.fixture(params=["boltdb", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Over which database."""
    return str(request.param)


@pytest.fixture
def make_store(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Store]:
    def make(**overrides: object) -> Store:
        store = Store(tmp_path, kind, **overrides)
        monkeypatch.setattr(files, "BOOT_ID_FILE", str(store.boot_file))
        monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "no-journal"))
        # The store begins in this boot, whenever the host did.
        monkeypatch.setattr(marker, "_JOURNAL_INVOCATION", str(tmp_path / "no-journal"))
        return store

    return make


@pytest.fixture
def store(make_store: Callable[..., Store]) -> Store:
    """A store with two containers that ran, a pod and a volume, after a reboot."""
    found = make_store()
    found.container(0)
    found.container(1)
    found.pod(2, lock=2, cgroupParent="/libpod_parent", sharesCgroup=True)
    found.volume("data", lock=3)
    return found
