"""Which containers a refresh removes, with what, and what becomes of it when it is killed meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from libpod import failpoints
from libpod.errors import FileError
from libpod.host import tree
from libpod.state.records import AUTO_REMOVE, BrokenRecord
from tests.unit.boot.conftest import identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.unit.boot.conftest import Store

AUTO = {"spec": {"annotations": {AUTO_REMOVE: "TRUE"}}}
CONFIGURED, CREATED, RUNNING, STOPPED, PAUSED, EXITED, REMOVING, STOPPING = range(1, 9)


def shelf(store: Store, what: str) -> Path:
    return store.graph / f"overlay-{what}"


def give_storage(store: Store, *numbers: int, volatile: bool = False) -> None:
    """Record a layer and a storage container for each of these containers, as containers/storage does."""
    prefix = "volatile-" if volatile else ""
    tables = {
        f"overlay-layers/{prefix}layers.json": [{"id": f"{number:x}" * 64} for number in numbers],
        f"overlay-containers/{prefix}containers.json": [
            {"id": identifier(number), "names": [f"c{number}"], "layer": f"{number:x}" * 64}
            for number in numbers
        ],
    }
    for name, records in tables.items():
        (store.graph / name).parent.mkdir(exist_ok=True)
        (store.graph / name).write_text(json.dumps(records))
    for number in numbers:
        (store.graph / "overlay" / (f"{number:x}" * 64) / "diff").mkdir(parents=True)


def storage_ids(store: Store, what: str, prefix: str = "") -> list[str]:
    return [record["id"] for record in json.loads((shelf(store, what) / f"{prefix}{what}.json").read_text())]


def names(store: Store) -> list[str]:
    database = store.open(read_only=True)
    try:
        return sorted(record.name or "" for record in database.all_containers())
    finally:
        database.close()


@pytest.mark.parametrize(
    ("config", "status", "stays"),
    [
        (AUTO, RUNNING, False),
        (AUTO, STOPPED, False),
        (AUTO, PAUSED, False),
        (AUTO, EXITED, False),
        (AUTO, STOPPING, False),
        (AUTO, REMOVING, False),
        ({}, REMOVING, False),
        (AUTO, CONFIGURED, True),
        (AUTO, CREATED, True),
        ({}, RUNNING, True),
        ({}, EXITED, True),
        ({"spec": {"annotations": {AUTO_REMOVE: "FALSE"}}}, RUNNING, True),
        ({"spec": {"annotations": None}}, RUNNING, True),
        ({"labels": {AUTO_REMOVE: "TRUE"}}, RUNNING, True),
    ],
)
def test_what_is_removed(
    make_store: Callable[..., Store], config: Mapping[str, object], status: int, *, stays: bool
) -> None:
    store = make_store()
    store.container(0, config=config, state=status)
    store.container(1)
    give_storage(store, 0, 1)
    report = store.refresh()
    assert names(store) == (["c0", "c1"] if stays else ["c1"])
    assert (report.containers.total, report.containers.reset) == (2, 1 + stays)
    assert report.containers.removed == (not stays)
    assert store.bundle(0).exists() is stays
    assert (identifier(0) in storage_ids(store, "containers")) is stays
    assert ("0" * 64 in storage_ids(store, "layers")) is stays
    assert (store.graph / "overlay" / ("0" * 64)).exists() is stays
    assert store.run_directory(0).exists() is stays
    assert (store.tmp / "locks" / "0").exists() is stays
    # The other one has everything.
    assert identifier(1) in storage_ids(store, "containers")
    assert store.run_directory(1).exists()


def test_records_that_podman_5_keeps_apart(make_store: Callable[..., Store]) -> None:
    store = make_store()
    for number in range(3):
        store.container(number, config=AUTO if number < 2 else None)
    give_storage(store, 2)
    give_storage(store, 0, 1, volatile=True)
    before = (shelf(store, "layers") / "layers.json").stat()
    assert store.refresh().containers.removed == 2
    assert storage_ids(store, "containers", "volatile-") == storage_ids(store, "layers", "volatile-") == []
    assert storage_ids(store, "containers") == [identifier(2)]
    assert (shelf(store, "layers") / "layers.json").stat() == before


def test_a_dry_run_says_the_same_and_changes_nothing(make_store: Callable[..., Store]) -> None:
    store = make_store()
    store.container(0, config={**AUTO, "namedVolumes": []})
    give_storage(store, 0)
    before = store.tree(), store.rows()
    planned = store.refresh(dry_run=True)
    assert (store.tree(), store.rows()) == before
    done = store.refresh()
    assert planned.removals == done.removals == [{"kind": "container", "id": identifier(0), "name": "c0"}]
    assert planned.actions == done.actions
    assert any(f"remove container c0 ({identifier(0)}), made with --rm" in line for line in done.actions)


def test_others_that_need_it_keep_it(make_store: Callable[..., Store]) -> None:
    store = make_store()
    store.container(0, config=AUTO)
    store.container(1, config={"Dependencies": [identifier(0)]})
    report = store.refresh()
    assert names(store) == ["c0", "c1"]
    assert store.stored(0).status == EXITED
    assert report.warnings == [
        f"container c0 ({identifier(0)}), made with --rm is kept: it is needed by {identifier(1)[:12]}"
    ]
    assert not report.degraded


def test_those_that_need_it_go_before_it(make_store: Callable[..., Store]) -> None:
    store = make_store()
    store.container(0, config=AUTO)
    store.container(1, config={**AUTO, "netNsCtr": identifier(0)})
    store.container(2, config={**AUTO, "Dependencies": [identifier(1)]})
    report = store.refresh()
    assert [entry["name"] for entry in report.removals] == ["c2", "c1", "c0"]
    assert names(store) == []


def test_a_member_leaves_its_pod_and_the_infra_container_stays(make_store: Callable[..., Store]) -> None:
    store = make_store()
    database = store.open()
    from libpod.state.records import ContainerRecord, PodRecord

    pod = PodRecord(identifier(9), {"id": identifier(9), "name": "p", "lockID": 9}, {"cgroupPath": ""})
    database.add_pod(pod)
    for number in (0, 1):
        config = {"id": identifier(number), "name": f"c{number}", "lockID": number, "pod": identifier(9)}
        running = {"state": RUNNING, "startedTime": "0001-01-01T00:00:00Z"}
        record = ContainerRecord(identifier(number), {**config, **AUTO}, running)
        database.add_container_to_pod(pod, record)
    pod.state["InfraContainerID"] = identifier(0)
    database.save_pod(pod)
    database.close()
    assert store.refresh().containers.removed == 1
    assert names(store) == ["c0"]
    database = store.open(read_only=True)
    assert [record.id for record in database.pod_containers(database.pod(identifier(9)))] == [identifier(0)]
    assert database.check() == []
    database.close()


class TestVolumes:
    @pytest.fixture
    def store(self, make_store: Callable[..., Store]) -> Store:
        """Two containers made with --rm: one volume of their own each, one that both use, one with a name."""
        from libpod.state.records import VolumeRecord

        store = make_store()
        database = store.open()
        for number, name in enumerate(("own", "both", "named", "by-a-driver", "elsewhere"), 10):
            data = store.graph / "volumes" / name / "_data"
            data.mkdir(parents=True)
            (data / "file").write_text("kept")
            config = {
                "name": name, "lockID": number, "isAnon": name != "named",
                "mountPoint": str(store.root if name == "elsewhere" else data),
                "volumeDriver": "image" if name == "by-a-driver" else "local",
            }  # fmt: skip
            database.add_volume(VolumeRecord(name, config, {"mountCount": 1}))
        database.close()
        used = [{"volumeName": name, "dest": f"/{name}"} for name in ("own", "both", "named")]
        foreign = [{"volumeName": name, "dest": f"/{name}"} for name in ("by-a-driver", "elsewhere")]
        store.container(0, config={**AUTO, "namedVolumes": used + foreign})
        store.container(1, config={"namedVolumes": used[1:2]})
        return store

    def volumes(self, store: Store) -> list[str]:
        database = store.open(read_only=True)
        try:
            return sorted(record.id for record in database.all_volumes())
        finally:
            database.close()

    def test_anonymous_ones_go_and_the_others_stay(self, store: Store) -> None:
        before = store.refresh(dry_run=True)
        report = store.refresh()
        assert before.actions == report.actions
        assert (report.volumes.total, report.volumes.reset, report.volumes.removed) == (5, 4, 1)
        assert self.volumes(store) == ["both", "by-a-driver", "elsewhere", "named"]
        assert not (store.graph / "volumes/own").exists()
        for name in ("both", "named", "by-a-driver"):
            assert (store.graph / "volumes" / name / "_data/file").read_text() == "kept"
        assert not (store.tmp / "locks/10").exists()
        assert store.database.exists()

    def test_directory_is_gone_already(self, store: Store) -> None:
        shutil.rmtree(store.graph / "volumes/own")
        store.refresh()
        assert "own" not in self.volumes(store)

    def test_a_link_in_its_place_is_not_followed(self, store: Store) -> None:
        shutil.rmtree(store.graph / "volumes/own")
        precious = store.root / "precious"
        precious.mkdir()
        (precious / "_data").mkdir()
        (store.graph / "volumes/own").symlink_to(precious)
        report = store.refresh()
        assert (precious / "_data").is_dir()
        assert "own" in self.volumes(store)
        assert any("volume own is kept" in line for line in report.warnings)


class TestFailures:
    @pytest.fixture
    def store(self, make_store: Callable[..., Store]) -> Store:
        store = make_store()
        store.container(0, config=AUTO)
        store.container(1, config=AUTO)
        store.container(2)
        give_storage(store, 0, 1, 2)
        return store

    def test_what_cannot_be_removed_is_kept_and_told(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remove = tree.remove

        def refuse(path: str) -> bool:
            if "0" * 64 in path:
                raise FileError("remove", path, OSError(16, "busy"))
            return remove(path)

        monkeypatch.setattr(tree, "remove", refuse)
        report = store.refresh()
        assert names(store) == ["c0", "c2"]
        assert store.stored(0).status == EXITED
        assert [line for line in report.warnings if "container c0" in line and "busy" in line]
        assert not report.degraded
        # At the next boot it goes.
        monkeypatch.undo()

    def test_a_damaged_storage_does_not_stop_the_refresh(self, store: Store) -> None:
        (shelf(store, "containers") / "containers.json").write_text("[{")
        report = store.refresh()
        assert names(store) == ["c0", "c1", "c2"]
        assert len(report.warnings) == 2
        assert (store.tmp / "alive").exists()

    def test_an_unknown_driver_does_not_stop_the_refresh(self, make_store: Callable[..., Store]) -> None:
        store = make_store(graph_driver_name="btrfs")
        store.container(0, config=AUTO)
        assert "storage driver btrfs" in store.refresh().warnings[0]
        assert names(store) == ["c0"]

    def test_a_conmon_that_reads_keeps_everything(self, make_store: Callable[..., Store]) -> None:
        store = make_store()
        store.container(0, config=AUTO, state=EXITED)
        give_storage(store, 0)
        pipe = store.bundle(0) / "ctl"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        report = store.refresh()
        os.close(reader)
        assert [entry["name"] for entry in report.containers.quarantined] == ["c0"]
        assert names(store) == ["c0"]
        assert (store.graph / "overlay" / ("0" * 64) / "diff").is_dir()

    def test_broken_records_stay(self, make_store: Callable[..., Store]) -> None:
        store = make_store()
        store.container(0, config={"spec": {"annotations": ["no", "map"]}})
        report = store.refresh()
        assert [entry["name"] for entry in report.containers.quarantined] == ["c0"]
        database = store.open(read_only=True)
        assert not any(isinstance(found, BrokenRecord) for found in database.all_containers())
        database.close()

    def test_killed_anywhere_and_finished_by_the_next_one(self, store: Store) -> None:
        """Whatever was removed when it died, the next one comes to the same end."""
        before = store.root.with_name(f"{store.root.name}-before")
        shutil.copytree(store.root, before)
        number = 0
        while killed_at(store, number):
            store.refresh()
            check_removed(store)
            shutil.rmtree(store.root)
            shutil.copytree(before, store.root)
            number += 1
        check_removed(store)
        assert number > 20


def killed_at(store: Store, number: int) -> bool:
    """Refresh in another process that is killed at its *number*th fail point; False where it has no more."""
    child = os.fork()
    if child == 0:
        remaining = [number]

        def strike(_name: str) -> None:
            if remaining[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            remaining[0] -= 1

        failpoints.hook = strike
        try:
            store.refresh()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def check_removed(store: Store) -> None:
    """Nothing is left of the first two containers, and everything of the third."""
    assert names(store) == ["c2"]
    assert storage_ids(store, "containers") == [identifier(2)]
    assert storage_ids(store, "layers") == ["2" * 64]
    assert [path.name for path in (store.graph / "overlay").iterdir() if len(path.name) == 64] == ["2" * 64]
    assert [path.name for path in shelf(store, "containers").iterdir() if path.is_dir()] == [identifier(2)]
    assert {path.name for path in (store.tmp / "locks").iterdir()} == {"2"}
    assert (store.tmp / "alive").exists()
