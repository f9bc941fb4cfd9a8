"""The store on a real file system, with real overlay mounts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from libpod import failpoints
from libpod.errors import (
    ContainerExists,
    FileError,
    InvalidState,
    LockTimeout,
    NoSuchContainer,
    NoSuchImage,
    RuntimeStopped,
)
from libpod.host import linux, mounts, tree
from libpod.storage.idmaps import IdMaps
from libpod.storage.lockfile import LockFile
from libpod.storage.store import Store

ID = "1" * 64


@pytest.fixture(name="store", params=["overlay", "vfs"])
def _store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = Store(str(tmp_path / "graph"), str(tmp_path / "run"), request.param)
    yield store
    for layer in store.layers():
        while layer.mount_count and store.containers() and store.mounted(store.containers()[0].id):
            store.unmount(store.containers()[0].id, force=True)
            break
    if mounts.is_mount_point(store.driver.home):
        store.driver.release()


@pytest.fixture(name="overlay")
def _overlay(tmp_path: Path) -> Iterator[Store]:
    store = Store(str(tmp_path / "graph"), str(tmp_path / "run"), "overlay")
    yield store
    for container in store.containers():
        store.unmount(container.id, force=True)
    store.driver.release()


def mounted_below(path: Path) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {path}/" in line]


def test_container_without_image(store: Store) -> None:
    made = store.create_container(ID, ["mine"], None, metadata="text")
    assert store.container("mine") == store.container(ID[:5]) == store.container(made.layer_id) == made
    assert made.metadata == "text"
    assert os.stat(store.container_directory(ID)).st_mode & 0o777 == 0o700
    assert os.path.isdir(store.container_run_directory(ID))


def test_mount_counts_its_users(store: Store) -> None:
    store.create_container(ID, ["mine"], None)
    assert store.mounted(ID) == 0
    path = store.mount(ID)
    Path(path, "file").write_text("kept")
    assert store.mount(ID) == path
    assert store.mounted(ID) == 2
    assert store.unmount(ID) is True
    assert store.unmount(ID) is False
    assert store.mounted(ID) == 0
    assert Path(store.mount(ID), "file").read_text() == "kept"
    assert store.unmount(ID, force=True) is False


def test_delete_leaves_nothing(store: Store, tmp_path: Path) -> None:
    store.create_container(ID, ["mine"], None)
    store.mount(ID)
    store.delete_container("mine")
    assert store.containers() == []
    assert store.layers() == []
    assert not os.path.exists(os.path.dirname(store.container_directory(ID)))
    assert not os.path.exists(os.path.dirname(store.container_run_directory(ID)))
    assert [line for line in mounted_below(tmp_path) if "merged" in line] == []
    with pytest.raises(NoSuchContainer):
        store.delete_container("mine")
    store.shutdown()
    assert mounted_below(tmp_path) == []


@pytest.mark.parametrize(
    ("identifier", "names"), [(ID, ["other"]), ("2" * 64, ["mine"]), ("2" * 64, ["a", ID])]
)
def test_names_and_ids_are_unique(store: Store, identifier: str, names: list[str]) -> None:
    store.create_container(ID, ["mine"], None)
    with pytest.raises(ContainerExists, match="in use"):
        store.create_container(identifier, names, None)
    assert len(store.containers()) == len(store.layers()) == 1


def test_unknown_image_makes_nothing(store: Store) -> None:
    with pytest.raises(NoSuchImage, match="nope"):
        store.create_container(ID, [], "nope")
    assert store.layers() == []
    assert store.containers() == []


def test_another_program_sees_it_at_once(store: Store) -> None:
    other = Store(store.graph_root, store.run_root, store.driver.name)
    store.create_container(ID, ["mine"], None)
    assert other.container("mine").id == ID
    other.set_container_names(ID, ["renamed"])
    assert store.container("renamed").id == ID
    with pytest.raises(NoSuchContainer):
        store.container("mine")


def test_shutdown_is_refused_while_a_layer_is_mounted(overlay: Store, tmp_path: Path) -> None:
    overlay.create_container(ID, ["mine"], None)
    overlay.mount(ID)
    with pytest.raises(InvalidState, match="mounted layers"):
        overlay.shutdown()
    overlay.shutdown(force=True)
    assert mounted_below(tmp_path) == []
    with pytest.raises(RuntimeStopped):
        overlay.shutdown()


def test_home_is_bound_before_the_first_mount(overlay: Store) -> None:
    overlay.create_container(ID, ["mine"], None)
    assert not mounts.is_mount_point(overlay.driver.home)
    overlay.mount(ID)
    assert mounts.is_mount_point(overlay.driver.home)


def test_a_count_from_before_a_reboot_starts_anew(overlay: Store, tmp_path: Path) -> None:
    overlay.create_container(ID, ["mine"], None)
    path = overlay.mount(ID)
    overlay.mount(ID)
    mounts.unmount_if_mounted(path)
    assert overlay.mounted(ID) == 0
    assert overlay.mount(ID) == path
    assert overlay.mounted(ID) == 1


def test_a_crash_while_a_layer_is_made_is_cleared_away(
    overlay: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay.create_container(ID, ["mine"], None)

    pid = os.fork()
    if pid == 0:
        real = overlay.driver.create

        def crash(layer: str, parent: str | None, **settings: bool) -> None:
            real(layer, parent, **settings)
            os._exit(0)

        monkeypatch.setattr(overlay.driver, "create", crash)
        overlay.create_container("2" * 64, ["torn"], None)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    torn = [layer for layer in overlay.layers() if layer.incomplete]
    assert len(torn) == 1
    assert overlay.driver.exists(torn[0].id)
    overlay.create_container("3" * 64, ["next"], None)
    assert not any(layer.incomplete for layer in overlay.layers())
    assert not overlay.driver.exists(torn[0].id)
    assert {name for container in overlay.containers() for name in container.names} == {"mine", "next"}


def test_a_layer_that_cannot_be_removed_does_not_stop_the_store(
    overlay: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay.create_container(ID, ["mine"], None)
    path = Path(overlay.graph_root, "overlay-layers/layers.json")
    records = json.loads(path.read_text())
    records.append({"id": "f" * 64, "created": "2026-01-01T00:00:00Z", "flags": {"incomplete": True}})
    path.write_text(json.dumps(records))

    def refuse(layer: str) -> None:
        if layer == "f" * 64:
            raise FileError("remove layer", layer, OSError(16, "Device or resource busy"))

    monkeypatch.setattr(overlay.driver, "remove", refuse)
    overlay.create_container("2" * 64, ["other"], None)
    assert [layer.id for layer in overlay.layers() if layer.incomplete] == ["f" * 64]


def test_lost_links_are_put_back(overlay: Store, tmp_path: Path) -> None:
    parent = overlay.create_container(ID, ["parent"], None)
    Path(overlay.mount(ID), "file").write_text("x")
    overlay.unmount(ID)
    overlay.driver.create("child", parent.layer_id)
    for link in Path(overlay.driver.home, "l").iterdir():
        link.unlink()
    path = overlay.driver.mount("child")
    assert Path(path, "file").read_text() == "x"
    overlay.driver.unmount("child")


def test_an_empty_link_file_is_read_from_the_links(overlay: Store) -> None:
    parent = overlay.create_container(ID, ["parent"], None)
    Path(overlay.driver.home, parent.layer_id, "link").write_text("")
    overlay.driver.create("child", parent.layer_id)
    assert Path(overlay.driver.home, "child", "lower").read_text().startswith("l/")


def test_many_layers_need_relative_paths(tmp_path: Path) -> None:
    graph = tmp_path / ("x" * 120)
    store = Store(str(graph), str(tmp_path / "run"), "overlay")
    store.create_container(ID, ["mine"], None)
    parent: str | None = None
    for number in range(40):
        store.driver.create(f"layer{number}", parent)
        parent = f"layer{number}"
        Path(store.driver.difference(parent), f"file{number}").write_text("")
    try:
        path = store.driver.mount("layer39")
        assert len(os.listdir(path)) == 40
        assert os.getcwd() != store.driver.home
    finally:
        store.driver.unmount("layer39")
        store.driver.release()


@pytest.mark.parametrize("name", ["layers", "images", "containers"])
def test_a_damaged_record_file_is_never_overwritten(overlay: Store, name: str) -> None:
    overlay.create_container(ID, ["mine"], None)
    path = Path(overlay.graph_root, f"overlay-{name}", f"{name}.json")
    path.write_text('[{"id": "a",')
    fresh = Store(overlay.graph_root, overlay.run_root, "overlay")
    with pytest.raises(Exception, match=f"{name}.json"):
        fresh.create_container("2" * 64, ["other"], None)
    assert path.read_text() == '[{"id": "a",'
    path.write_text("[]")


@pytest.mark.parametrize("point", ["files.sync", "files.rename", "files.sync_directory"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_an_error_at_any_write_leaves_no_container(
    overlay: Store, monkeypatch: pytest.MonkeyPatch, point: str, nth: int
) -> None:
    overlay.create_container(ID, ["mine"], None)
    seen = 0

    def fail(name: str) -> None:
        nonlocal seen
        seen += name == point
        if name == point and seen == nth:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(failpoints, "hook", fail)
    failed = False
    try:
        overlay.create_container("2" * 64, ["other"], None)
    except (OSError, FileError):
        failed = True
    monkeypatch.setattr(failpoints, "hook", None)
    assert failed == (seen >= nth)
    if not failed:
        overlay.delete_container("other")
    again = Store(overlay.graph_root, overlay.run_root, "overlay")
    assert [container.id for container in again.containers()] == [ID]
    again.create_container("2" * 64, ["other"], None)
    assert len(again.layers()) == 2
    again.delete_container("other")


def test_several_containers_at_once(store: Store) -> None:
    made = [store.create_container(digit * 64, [f"c{digit}"], None) for digit in "1234"]
    store.mount(made[0].id)
    assert store.delete_containers([made[0].id, made[2].id, "9" * 64]) == {}
    assert [found.id for found in store.containers()] == [made[1].id, made[3].id]
    assert [layer.id for layer in store.layers()] == [made[1].layer_id, made[3].layer_id]
    for gone in (made[0], made[2]):
        assert not store.driver.exists(gone.layer_id)
        assert not os.path.exists(store.container_directory(gone.id))
    assert store.delete_containers([]) == {}


def test_what_is_mounted_in_a_container_is_never_emptied(store: Store, tmp_path: Path) -> None:
    """Neither is anything else of it removed, and the others go all the same."""
    for digit in "12":
        store.create_container(digit * 64, [], None)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    inside = Path(store.container_directory(ID)) / "inside"
    inside.mkdir()
    linux.mount(str(precious), str(inside), "", linux.MS_BIND)
    try:
        failed = store.delete_containers([ID, "2" * 64])
        assert failed.keys() == {ID}
        assert f"{inside} is a mount point" in str(failed[ID])
        assert (precious / "file").read_text() == "kept"
        with pytest.raises(FileError):
            tree.remove(str(inside.parent))
        assert (precious / "file").read_text() == "kept"
    finally:
        linux.unmount(str(inside), linux.MNT_DETACH)


def test_who_chooses_ids_sees_all_that_are_used_and_is_alone(store: Store) -> None:
    maps = IdMaps(((0, 300000, 10), (10, 400000, 5)), ((0, 500000, 15),))
    lock = LockFile(os.path.join(store.graph_root, "userns.lock"))
    with store.choosing_ids() as used:
        assert used == IdMaps()
        with pytest.raises(LockTimeout), lock.write(timeout=0):
            pass
        store.create_container("1" * 64, ["one"], None, id_maps=maps)
    with lock.write(timeout=0):
        pass
    store.create_container("2" * 64, ["two"], None)
    with store.choosing_ids() as used:
        assert used == maps
    for name in ("one", "two"):
        store.delete_container(name)
