"""A store of one's own, and the command run on it in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from libpod import state
from libpod.cli.main import main
from libpod.containers import rootless
from libpod.state.records import ContainerRecord, PodRecord, VolumeRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from libpod.state.protocol import State

CREATED = "2026-11-24T04:07:02.791881516Z"


class Result(NamedTuple):
    """How the command ended."""

    status: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """What it printed, decoded."""
        return json.loads(self.stdout)


class Place:
    """The directories of a store, and the flags that name them."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.run_root, self.tmp_dir = (directory / name for name in ("root", "runroot", "tmp"))
        self.database = self.root / "libpod/bolt_state.db"
        self.flags = [
            "--root",
            str(self.root),
            "--runroot",
            str(self.run_root),
            "--tmpdir",
            str(self.tmp_dir),
        ]
        self._capsys = capsys

    def run(self, *arguments: str) -> Result:
        """Run the command with these arguments behind the flags of the store."""
        self._capsys.readouterr()
        status = main([*self.flags, *arguments])
        captured = self._capsys.readouterr()
        return Result(status, captured.out, captured.err)

    def open(self) -> State:
        """The database, for writing."""
        return state.open(state.BOLTDB, str(self.database))


@pytest.fixture(autouse=True)
def _no_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process stays where it is: there is no way back out of a user namespace."""
    monkeypatch.setattr(rootless, "enter", lambda *_arguments, **_keywords: None)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    """Directories for a store that is not there yet; no configuration of this host is read."""
    (tmp_path / "containers.conf").write_text('[engine]\nlock_type = "file"\ncgroup_manager = "cgroupfs"\n')
    (tmp_path / "storage.conf").write_text('[storage]\ndriver = "overlay"\n')
    monkeypatch.setenv("CONTAINERS_CONF", str(tmp_path / "containers.conf"))
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf"))
    (tmp_path / "user").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "user"))
    monkeypatch.delenv("STORAGE_DRIVER", raising=False)
    monkeypatch.delenv("STORAGE_OPTS", raising=False)
    return Place(tmp_path, capsys)


def container_record(name: str, identifier: str, number: int, **config: Any) -> ContainerRecord:
    """A container as Podman stores it, cut down."""
    return ContainerRecord(
        identifier,
        {
            "id": identifier,
            "name": name,
            "lockID": number,
            "spec": {"process": {"args": ["sleep", "5"]}},
            "rootfsImageName": "localhost/bb:latest",
            "command": ["sleep", "5"],
            "createdTime": CREATED,
            **config,
        },
        {"state": 1},
        networks={},
    )


@pytest.fixture
def filled(place: Place) -> Place:
    """A refreshed store with two containers, a pod with one of them, and a volume."""
    assert place.run("refresh").status == 0
    database = place.open()
    pod = PodRecord("cc" * 32, {"id": "cc" * 32, "name": "group", "lockID": 2, "created": CREATED}, {})
    database.add_pod(pod)
    database.add_container(container_record("web", "aa" * 32, 0))
    database.add_container_to_pod(pod, container_record("db", "ab" * 32, 1, pod=pod.id))
    database.add_volume(VolumeRecord("data", {"name": "data", "lockID": 3, "mountPoint": "/srv/data"}, {}))
    database.close()
    return place


@pytest.fixture
def damage(filled: Place) -> Callable[[str], None]:
    """Return the function that makes the state of the container with this ID unreadable."""

    def make(identifier: str) -> None:
        from libpod import boltdb

        with boltdb.Database.open(filled.database) as database, database.update() as transaction:
            containers = transaction.bucket(b"ctr")
            assert containers is not None
            bucket = containers.bucket(identifier.encode())
            assert bucket is not None
            bucket.put(b"state", b'{"state": 3')

    return make
