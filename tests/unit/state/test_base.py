"""Transactions, the refresh, whose database it is, and copies: over every back end."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from libpod import failpoints, state
from libpod.errors import (
    DatabaseError,
    DatabaseMismatch,
    FileError,
    InternalError,
    LibpodError,
    NotSupported,
)
from libpod.state import records, reset
from libpod.state.identity import DatabaseConfig
from libpod.state.records import BrokenRecord, ContainerRecord
from tests.unit.state import samples
from tests.unit.state.samples import container, identifier, in_pod, pod, running_container, volume

if TYPE_CHECKING:
    from pathlib import Path

    from libpod.state.protocol import State

OURS = DatabaseConfig("linux", "/srv/libpod", "/run/libpod", "/run/store", "/srv", "overlay", "/srv/volumes")


def fill(store: State) -> None:
    """Put something of every kind into the store."""
    parent = pod(1)
    shared = volume("data")
    shared.state = {"mountPoint": "/mnt", "mountCount": 2, "copiedUp": True, "uidChowned": 5}
    store.add_volume(shared)
    store.add_pod(parent)
    store.add_container_to_pod(parent, in_pod(parent, 2))
    store.add_container(running_container(3, namedVolumes=[{"volumeName": "data"}]))
    store.add_exec_session(container(3), "session")
    store.add_exit_code(identifier(9), 1)


def ids(store: State) -> list[str]:
    return sorted(record.id for record in store.all_containers())


# ---------------------------------------------------------------- transactions


def test_transaction_gives_every_object(store: State) -> None:
    fill(store)
    with store.transaction() as transaction:
        assert sorted(found.id for found in transaction.containers()) == [identifier(2), identifier(3)]
        assert [found.id for found in transaction.pods()] == [identifier(1)]
        assert [found.id for found in transaction.volumes()] == ["data"]


def test_what_is_put_is_committed_at_the_end(store: State) -> None:
    fill(store)
    with store.transaction() as transaction:
        for record in transaction.containers():
            assert isinstance(record, ContainerRecord)
            record.status = records.EXITED
            assert transaction.put_container(record)
        for other in transaction.pods():
            assert not isinstance(other, BrokenRecord)
            other.cgroup_path = "/new"
            assert transaction.put_pod(other)
        for mounted in transaction.volumes():
            assert not isinstance(mounted, BrokenRecord)
            mounted.state["mountCount"] = 9
            assert transaction.put_volume(mounted)
    assert [store.container(found).status for found in ids(store)] == [records.EXITED] * 2
    assert store.pod(identifier(1)).cgroup_path == "/new"
    assert store.volume("data").mount_count == 9


def test_what_is_not_there_is_not_put(store: State) -> None:
    with store.transaction() as transaction:
        assert not transaction.put_container(container(1))
        assert not transaction.put_pod(pod(1))
        assert not transaction.put_volume(volume("data"))
    assert list(store.all_containers()) == []


def test_exception_rolls_everything_back(store: State) -> None:
    fill(store)
    before = list(store.dump())

    def change_and_fail() -> None:
        with store.transaction() as transaction:
            store.add_container(container(7))
            store.remove_pod_containers(pod(1))
            for record in transaction.containers():
                assert isinstance(record, ContainerRecord)
                record.status = records.EXITED
                transaction.put_container(record)
            transaction.clear_exec_sessions()
            transaction.clear_exit_codes()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_and_fail()
    assert list(store.dump()) == before
    store.add_container(container(7))


def test_other_operations_join_the_transaction(store: State) -> None:
    with store.transaction():
        store.add_container(container(1))
        assert store.lookup_container("container-1").id == identifier(1)
        with pytest.raises(LibpodError):
            store.add_container(container(1))
        store.add_container(container(2))
    assert ids(store) == [identifier(1), identifier(2)]


def test_view_sees_everything(store: State) -> None:
    fill(store)
    with store.view() as view:
        assert len(list(view.containers())) == 2
        assert store.has_pod(identifier(1))


def test_write_inside_a_read_is_an_error_and_no_endless_wait(store: State) -> None:
    with store.view(), pytest.raises(InternalError, match="while the same store was being read"):
        store.add_container(container(1))
    store.add_container(container(1))


def test_threads_have_their_transactions_in_turn(store: State) -> None:
    fill(store)
    reading, written = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def write() -> None:
        reading.wait(60)
        try:
            store.add_container(container(4))
        except BaseException as error:  # noqa: BLE001 - shown by the thread of the test
            errors.append(error)
        written.set()

    thread = threading.Thread(target=write)
    thread.start()
    with store.view() as transaction:
        reading.set()
        assert not written.wait(0.1), errors
        assert identifier(4) not in {found.id for found in transaction.containers()}
    thread.join(60)
    assert errors == []
    assert identifier(4) in ids(store)


@pytest.mark.parametrize("count", [1, 450])
def test_every_object_is_given_once_while_it_is_changed(store: State, count: int) -> None:
    """The change makes each object larger, so that databases have to move it."""
    with store.transaction():
        for number in range(count):
            store.add_container(container(number))
    seen: list[str] = []
    with store.transaction() as transaction:
        for record in transaction.containers():
            assert isinstance(record, ContainerRecord)
            seen.append(record.id)
            record.state["grown"] = "x" * 3000
            record.set_config("grown", "y" * 3000)
            transaction.put_container(record)
    assert sorted(seen) == sorted(identifier(number) for number in range(count))
    assert all(
        len(found.state_bytes()) > 3000
        for found in store.all_containers()
        if isinstance(found, ContainerRecord)
    )
    assert store.check() == []


# ---------------------------------------------------------------- the refresh


def test_refresh_of_an_empty_store(store: State) -> None:
    counts = store.refresh()
    assert counts == (0, 0, 0, [], [])


def test_refresh_resets_everything(store: State) -> None:
    fill(store)
    counts = store.refresh()
    assert counts == (2, 1, 1, [], [])
    found = store.container(identifier(3))
    assert found.status == records.EXITED
    assert found.netns is None
    assert set(found.state) == {
        "state",
        "runDir",
        "startedTime",
        "finishedTime",
        "Service",
        "exitCode",
        "unknownToUs",
    }
    assert store.container(identifier(2)).status == records.CONFIGURED
    assert store.pod(identifier(1)).state == {"cgroupPath": "", "InfraContainerID": ""}
    assert store.volume("data").state == {"mountCount": 0, "uidChowned": 5}
    assert store.container_exec_sessions(container(3)) == []
    assert store.exit_codes() == {}


def test_refresh_leaves_the_configurations_alone(store: State) -> None:
    fill(store)
    before = [
        record.config_bytes() for record in store.all_containers() if isinstance(record, ContainerRecord)
    ]
    store.refresh()
    after = [
        record.config_bytes() for record in store.all_containers() if isinstance(record, ContainerRecord)
    ]
    assert after == before


def test_refresh_is_done_by_the_style_of_the_store(store: State) -> None:
    record = running_container(1)
    del record.config["lockID"]
    store.add_container(record)
    with store.view() as view:
        assert reset.store_style(view.stored_configs()) == reset.FIRST_LIBPOD
    store.refresh()
    assert store.container(record.id).status == records.CONFIGURED
    store.add_pod(pod(2))
    with store.view() as view:
        assert reset.store_style(view.stored_configs()) == reset.PODMAN


def test_second_refresh_changes_nothing(store: State) -> None:
    fill(store)
    store.refresh()
    before = list(store.dump())
    store.refresh()
    assert list(store.dump()) == before


@pytest.mark.parametrize("point", ["commit", "sync_data", "meta", "sync_meta"])
def test_killed_refresh_is_finished_by_the_next(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """A process that ends at any point leaves the old state or the new one, and nothing that needs repair."""
    with_state = samples.open_state(kind, tmp_path)
    fill(with_state)
    with_state.close()

    def die(reached: str) -> None:
        if reached in (f"state.{kind}.{point}", f"boltdb.{point}"):
            os._exit(7)

    child = os.fork()
    if not child:
        failpoints.hook = die
        samples.open_state(kind, tmp_path).refresh()
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (7 if point == "commit" or kind == state.BOLTDB else 0)
    with_state = samples.open_state(kind, tmp_path)
    assert with_state.check() == []
    with_state.refresh()
    assert with_state.container(identifier(3)).status == records.EXITED
    assert with_state.check() == []
    with_state.close()


def test_refresh_on_a_full_disk_changes_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = samples.open_state(kind, tmp_path)
    fill(store)
    before = list(store.dump())

    def fail(reached: str) -> None:
        if reached == f"state.{kind}.commit":
            raise FileError("write", store.path, OSError(28, "No space left on device"))

    monkeypatch.setattr(failpoints, "hook", fail)
    with pytest.raises(FileError, match="No space left"):
        store.refresh()
    monkeypatch.setattr(failpoints, "hook", None)
    assert list(store.dump()) == before
    store.close()


# ---------------------------------------------------------------- whose database it is


def test_new_store_belongs_to_nobody(store: State) -> None:
    assert store.stored_config() == DatabaseConfig(os=None)


def test_values_are_stored_once(store: State) -> None:
    store.validate_config(OURS._replace(tmp_dir="/run//libpod/", graph_driver=""))
    stored = store.stored_config()
    assert stored.graph_driver in (None, "")
    assert stored == OURS._replace(graph_driver=stored.graph_driver)
    store.validate_config(DatabaseConfig())
    assert store.stored_config() == stored


def test_absent_values_are_added_later(kind: str, tmp_path: Path) -> None:
    store = samples.open_state(kind, tmp_path)
    store.validate_config(DatabaseConfig(static_dir="/srv/libpod"))
    store.validate_config(OURS._replace(graph_driver=""))
    expected = (
        OURS._replace(graph_driver=None)
        if kind == state.BOLTDB
        else DatabaseConfig("linux", "/srv/libpod", "", "", "", "", "")
    )
    assert store.stored_config() == expected
    store.close()


@pytest.mark.parametrize(
    "key", ["os", "static_dir", "tmp_dir", "run_root", "graph_root", "graph_driver", "volume_path"]
)
def test_database_of_another_is_refused(store: State, key: str) -> None:
    store.validate_config(OURS)
    before = list(store.dump())
    with pytest.raises(DatabaseMismatch) as caught:
        store.validate_config(OURS._replace(**{key: "/elsewhere"}))
    assert (caught.value.key, caught.value.ours) == (key, "/elsewhere")
    assert list(store.dump()) == before


# ---------------------------------------------------------------- reading only, copies, dumps


def snapshot(directory: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Return everything in a directory, with the times at which it was changed."""
    found = {}
    for path in sorted(directory.iterdir()):
        about = path.stat()
        found[path.name] = (about.st_ino, about.st_mtime_ns, about.st_ctime_ns, path.read_bytes())
    found["."] = (0, directory.stat().st_mtime_ns, directory.stat().st_ctime_ns, b"")
    return found


def test_store_that_is_opened_read_only_is_not_changed(kind: str, tmp_path: Path) -> None:
    store = samples.open_state(kind, tmp_path)
    fill(store)
    expected = [
        record.config_bytes() for record in store.all_containers() if isinstance(record, ContainerRecord)
    ]
    store.close()
    before = snapshot(tmp_path)
    store = samples.open_state(kind, tmp_path, read_only=True)
    found = [
        record.config_bytes() for record in store.all_containers() if isinstance(record, ContainerRecord)
    ]
    assert found == expected
    store.validate_config(OURS)
    assert store.lookup_pod("pod-1")
    assert store.check() == []
    assert list(store.dump())
    for write in (
        lambda: store.add_container(container(5)),
        store.refresh,
        store.prune_exit_codes,
        lambda: store.transaction().__enter__(),
    ):
        with pytest.raises(DatabaseError, match="for reading only"):
            write()
    store.close()
    assert snapshot(tmp_path) == before


def test_store_that_is_not_there_is_not_opened_read_only(kind: str, tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        samples.open_state(kind, tmp_path, read_only=True)
    assert caught.value.path == samples.database(kind, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_new_store_is_private(kind: str, tmp_path: Path) -> None:
    directory = tmp_path / "new" / "store"
    old = os.umask(0)
    try:
        samples.open_state(kind, directory).close()
    finally:
        os.umask(old)
    assert os.stat(samples.database(kind, directory)).st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


def test_existing_store_keeps_its_mode(kind: str, tmp_path: Path) -> None:
    samples.open_state(kind, tmp_path).close()
    path = samples.database(kind, tmp_path)
    os.chmod(path, 0o644)
    store = samples.open_state(kind, tmp_path)
    store.add_container(container(1))
    store.close()
    assert os.stat(path).st_mode & 0o777 == 0o644


def test_opening_an_existing_store_writes_nothing(kind: str, tmp_path: Path) -> None:
    samples.open_state(kind, tmp_path).close()
    before = snapshot(tmp_path)
    samples.open_state(kind, tmp_path).close()
    assert snapshot(tmp_path) == before


def test_backup_is_a_store(kind: str, tmp_path: Path) -> None:
    store = samples.open_state(kind, tmp_path)
    fill(store)
    target = tmp_path / "copy"
    assert store.backup(str(target)) in ("reflink", "copy")
    store.refresh()
    assert store.container(identifier(3)).status == records.EXITED
    store.close()
    copy = state.open(kind, str(target), read_only=True)
    assert copy.container(identifier(3)).status == records.RUNNING
    assert copy.check() == []
    copy.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["copy", os.path.basename(store.path)])


def test_memory_cannot_be_copied(tmp_path: Path) -> None:
    with pytest.raises(NotSupported):
        state.open(state.MEMORY).backup(str(tmp_path / "copy"))


def test_dump_is_json_and_shows_everything(store: State) -> None:
    fill(store)
    text = json.dumps(list(store.dump()))
    for part in ("container-3", "/run/netns/netns-3", "unknownToUs", "pod-1", "/volumes/data"):
        assert part in text


def test_two_processes_take_turns(kind: str, tmp_path: Path) -> None:
    """Two writers at once: nothing is lost."""
    samples.open_state(kind, tmp_path).close()
    children = []
    for first in (0, 100):
        child = os.fork()
        if not child:
            status = 1
            try:
                store = samples.open_state(kind, tmp_path)
                for number in range(first, first + 10):
                    store.add_container(container(number))
                store.close()
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    store = samples.open_state(kind, tmp_path)
    assert len(store.all_containers()) == 20
    assert store.check() == []
    store.close()
