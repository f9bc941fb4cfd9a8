"""Counts of mounted layers against what is mounted."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod import failpoints
from libpod.errors import DecodeError, FileError, LockTimeout
from libpod.host import files, jsonutil, proc
from libpod.storage import mountpoints
from libpod.storage.mountpoints import Gone, Uncounted, reconcile, restore

if TYPE_CHECKING:
    from collections.abc import Callable

HERE, THERE = "a" * 64, "b" * 64


class Store:
    """The two directories of a store, and what is mounted in it."""

    def __init__(self, directory: Path) -> None:
        self.graph_root = directory / "graph"
        self.run_root = directory / "run"
        self.counts = self.run_root / "overlay-layers" / "mountpoints.json"
        self.token = self.run_root / "overlay-layers" / "mountpoints.lock"
        self.mounted: set[str] = set()
        self.mounted_for_first: set[str] = set()
        (self.graph_root / "overlay-layers").mkdir(parents=True)
        self.counts.parent.mkdir(parents=True)

    def path(self, layer: str) -> str:
        return f"{self.graph_root}/overlay/{layer}/merged"

    def count(self, **layers: int) -> None:
        entries = [
            {"id": {"here": HERE, "there": THERE}.get(name, name), "count": count}
            for name, count in layers.items()
        ]
        for entry in entries:
            entry["path"] = self.path(str(entry["id"]))
        self.counts.write_text(json.dumps(entries))

    def reconcile(self, *, driver: str = "overlay", write: bool = True) -> list[Gone]:
        return reconcile(str(self.graph_root), str(self.run_root), driver, write=write)

    def restore(self, *, driver: str = "overlay", write: bool = True) -> list[Uncounted]:
        return restore(str(self.graph_root), str(self.run_root), driver, write=write)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store(tmp_path)

    def mount_points(table: str | None = None) -> set[str]:
        return set(store.mounted if table is None else store.mounted_for_first)

    monkeypatch.setattr(proc, "mount_points", mount_points)
    return store


def snapshot(store: Store) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in store.run_root.parent.rglob("*")
        if path.is_file()
    }


def test_what_is_not_mounted_is_dropped_and_the_rest_keeps_its_count(store: Store) -> None:
    store.count(here=2, there=3)
    store.mounted.add(store.path(THERE))
    assert store.reconcile() == [Gone(HERE, store.path(HERE), 2)]
    assert json.loads(store.counts.read_text()) == [{"id": THERE, "count": 3, "path": store.path(THERE)}]
    assert len(store.token.read_bytes()) == 64
    assert store.reconcile() == []


def test_an_empty_list_is_written_as_containers_storage_does(store: Store) -> None:
    store.count(here=1)
    store.reconcile()
    assert store.counts.read_bytes() == b"[]"
    assert store.counts.stat().st_mode & 0o777 == 0o600


def test_unknown_keys_and_order_survive(store: Store) -> None:
    kept = {"future": [1], "path": store.path(THERE), "id": THERE, "count": 1}
    store.counts.write_text(json.dumps([kept, {"id": HERE, "path": store.path(HERE), "count": 1}]))
    store.mounted.add(store.path(THERE))
    store.reconcile()
    assert store.counts.read_bytes() == jsonutil.dumps([kept])


def test_a_token_changes_with_every_write(store: Store) -> None:
    store.count(here=1)
    store.reconcile()
    before = store.token.read_bytes()
    store.count(here=1)
    store.reconcile()
    assert store.token.read_bytes() != before


def test_what_the_first_process_has_mounted_counts_too(store: Store) -> None:
    """A hardened unit has a mount namespace of its own, and does not see what Podman mounts meanwhile."""
    store.count(here=1)
    store.mounted_for_first.add(store.path(HERE))
    assert store.reconcile() == []


def test_a_path_through_a_symlink_is_the_same_mount(store: Store) -> None:
    real = store.graph_root / "overlay" / HERE / "merged"
    real.mkdir(parents=True)
    link = store.run_root / "link"
    link.symlink_to(store.graph_root)
    store.counts.write_text(json.dumps([{"id": HERE, "path": f"{link}/overlay/{HERE}/merged", "count": 1}]))
    store.mounted.add(str(real))
    assert store.reconcile() == []


@pytest.mark.parametrize("contents", [None, b"[]", b"null"])
def test_nothing_counted_means_nothing_touched(store: Store, contents: bytes | None) -> None:
    if contents is not None:
        store.counts.write_bytes(contents)
    before = snapshot(store)
    assert store.reconcile() == []
    assert snapshot(store) == before


def test_a_store_that_was_never_used(tmp_path: Path) -> None:
    assert reconcile(str(tmp_path / "graph"), str(tmp_path / "run"), "overlay") == []
    assert os.listdir(tmp_path) == []


def test_vfs_mounts_nothing(store: Store) -> None:
    directory = store.run_root / "vfs-layers"
    directory.mkdir()
    (directory / "mountpoints.json").write_text(json.dumps([{"id": HERE, "path": "/x", "count": 1}]))
    assert store.reconcile(driver="vfs") == []


def test_overlay2_is_overlay(store: Store) -> None:
    store.count(here=1)
    assert len(store.reconcile(driver="overlay2")) == 1


def test_a_trial_tells_the_same_and_changes_nothing(store: Store) -> None:
    store.count(here=2, there=1)
    store.mounted.add(store.path(THERE))
    before = snapshot(store)
    trial = store.reconcile(write=False)
    assert snapshot(store) == before
    assert trial == store.reconcile()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "line 1, column 1"),
        (b'[{"id":"x","path":"/y"', "line 1, column 23"),
        (b'[{"id":"\xff"}]', "byte offset 8"),
        (b"{}", "expected a JSON array"),
        (b'[{"path":"/y"}]', "record 0"),
        (b"[7]", "record 0"),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_a_damaged_file_is_refused_and_left_alone(store: Store, data: bytes, words: str, write: bool) -> None:
    store.counts.write_bytes(data)
    before = snapshot(store)
    with pytest.raises(DecodeError, match=words) as caught:
        store.reconcile(write=write)
    assert str(store.counts) in caught.value.message
    assert caught.value.hint is not None
    assert snapshot(store) == before


@pytest.mark.parametrize(
    "entry", [{"id": HERE}, {"id": HERE, "path": 7, "count": "x"}, {"id": HERE, "path": ""}]
)
def test_an_entry_without_a_path_is_of_no_mount(store: Store, entry: dict[str, object]) -> None:
    store.counts.write_text(json.dumps([entry]))
    assert [gone.layer_id for gone in store.reconcile()] == [HERE]


def hold(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    files.record_lock(descriptor)
    return descriptor


@pytest.mark.parametrize(
    "lock", [lambda store: store.graph_root / "overlay-layers" / "layers.lock", lambda store: store.token]
)
def test_a_store_that_another_program_keeps_locked(
    store: Store, lock: Callable[[Store], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mountpoints, "LOCK_SECONDS", 0.0)
    store.count(here=1)
    descriptor = hold(lock(store))
    try:
        with pytest.raises(LockTimeout, match=f"held by process {os.getpid()}"):
            store.reconcile()
        assert json.loads(store.counts.read_text())[0]["count"] == 1
    finally:
        os.close(descriptor)
    assert len(store.reconcile()) == 1


def test_both_locks_are_held_while_the_counts_are_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def look(name: str) -> None:
        if name == "mountpoints.save":
            for path in (store.graph_root / "overlay-layers" / "layers.lock", store.token):
                with open(path, "r+b") as file:
                    assert files.record_lock(file.fileno(), wait=False) is False
            looked.append(name)

    monkeypatch.setattr(failpoints, "hook", look)
    store.count(here=1)
    store.reconcile()
    assert looked == ["mountpoints.save"]


def test_what_was_mounted_while_we_waited_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.count(here=1)
    ours = fcntl.fcntl

    def mount(descriptor: int, operation: int, argument: bytes) -> object:
        store.mounted.add(store.path(HERE))
        return ours(descriptor, operation, argument)

    monkeypatch.setattr(fcntl, "fcntl", mount)
    assert store.reconcile() == []
    assert json.loads(store.counts.read_text())[0]["count"] == 1


def test_a_graph_root_that_is_gone_is_told(store: Store) -> None:
    store.count(here=1)
    os.rmdir(store.graph_root / "overlay-layers")
    with pytest.raises(FileError, match=r"layers\.lock"):
        store.reconcile()


class TestRestore:
    """Counts that were lost while layers stay mounted."""

    def test_what_is_mounted_is_counted_again_and_the_rest_keeps_its_count(self, store: Store) -> None:
        store.count(here=2)
        store.mounted |= {store.path(HERE), store.path(THERE), f"{store.graph_root}/overlay", "/proc"}
        assert store.restore() == [Uncounted(THERE, store.path(THERE))]
        assert json.loads(store.counts.read_text()) == [
            {"id": HERE, "count": 2, "path": store.path(HERE)},
            {"id": THERE, "path": store.path(THERE), "count": 1},
        ]
        assert store.restore() == []

    def test_a_run_root_that_is_gone_is_made(self, store: Store) -> None:
        shutil.rmtree(store.run_root)
        store.mounted_for_first.add(store.path(HERE))
        assert store.restore() == [Uncounted(HERE, store.path(HERE))]
        assert [entry["id"] for entry in json.loads(store.counts.read_text())] == [HERE]
        assert store.counts.parent.stat().st_mode & 0o777 == 0o700

    def test_a_trial_tells_the_same_and_changes_nothing(self, store: Store) -> None:
        shutil.rmtree(store.run_root)
        store.mounted.add(store.path(HERE))
        assert store.restore(write=False) == [Uncounted(HERE, store.path(HERE))]
        assert not store.run_root.exists()

    @pytest.mark.parametrize("path", ["{home}/x/y/merged", "{home}/x/diff", "{home}x/y/merged", "/merged"])
    def test_other_mounts_are_of_no_layer(self, store: Store, path: str) -> None:
        store.mounted.add(path.format(home=f"{store.graph_root}/overlay"))
        assert store.restore() == []

    def test_vfs_mounts_nothing(self, store: Store) -> None:
        store.mounted.add(f"{store.graph_root}/vfs/{HERE}/merged")
        assert store.restore(driver="vfs") == []

    def test_a_damaged_file_is_refused_and_left_alone(self, store: Store) -> None:
        store.mounted.add(store.path(HERE))
        store.counts.write_text("[{]")
        with pytest.raises(DecodeError, match="mountpoints"):
            store.restore()
        assert store.counts.read_text() == "[{]"
