"""The state store and real Podman on one database: each reads what the other wrote."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import TYPE_CHECKING

import pytest

from libpod import state
from libpod.state import records, reset
from libpod.state.records import ContainerRecord
from tests.lab.stores import PODMAN_4, PODMAN_5

if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpod.state.protocol import State
    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

NEW_ID = "f" * 64


@pytest.fixture(params=[PODMAN_4, PODMAN_5], ids=str)
def store(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    """Return a store with an image, in which Podman makes a pod, a volume and containers."""
    made = make_store(request.param)
    made.podman("volume", "create", "data")
    made.podman("pod", "create", "--infra=false", "--name", "group")
    made.create("first", "-v", "data:/data", "--label", "colour=<green>")
    made.create("second", "--requires", "first")
    made.create("member", "--pod", "group")
    return made


@contextlib.contextmanager
def opened(store: Store) -> Iterator[State]:
    """Open the store's database."""
    kind = state.SQLITE if store.database.name == "db.sql" else state.BOLTDB
    with contextlib.closing(state.open(kind, str(store.database))) as found:
        yield found


def podman_containers(store: Store) -> dict[str, str]:
    """Return what Podman lists: names and states."""
    return {
        row["Names"][0]: row["State"]
        for row in json.loads(store.podman("ps", "-a", "--format", "json").stdout)
    }


def clone(record: ContainerRecord, **config: object) -> ContainerRecord:
    """Return a new container with the configuration of another one."""
    changed = copy.deepcopy(record.config) | {"id": NEW_ID, "name": "ours", "lockID": 40} | config
    return ContainerRecord(NEW_ID, changed, copy.deepcopy(record.state))


def test_what_podman_made_is_read(store: Store) -> None:
    with opened(store) as database:
        assert database.check() == []
        for name in ("first", "second", "member"):
            record, told = database.lookup_container(name), store.inspect(name)
            assert (record.id, record.name, record.created) == (told["Id"], told["Name"], told["Created"])
            assert record.pod == told.get("Pod", "")
            assert record.run_directory.endswith(f"{record.id}/userdata")
            assert records.STATUS_NAMES[record.status] == told["State"]["Status"]
            assert sorted(record.dependencies) == sorted(told["Dependencies"])
        first = database.lookup_container("first")
        assert first.labels == {"colour": "<green>"}
        assert first.named_volumes == ["data"]
        assert database.container_in_use(first) == [database.lookup_container("second").id]
        group = database.lookup_pod("group")
        assert database.pod_containers_by_id(group) == [database.lookup_container("member").id]
        assert database.volume_in_use(database.volume("data")) == [first.id]
        with database.view() as view:
            assert reset.store_style(view.stored_configs()) == reset.PODMAN


def test_encoding_is_that_of_podman(store: Store) -> None:
    """A record that is read and encoded again is the same byte for byte."""
    with opened(store) as database:
        for record in (*database.all_containers(), *database.all_pods(), *database.all_volumes()):
            assert not isinstance(record, records.BrokenRecord)
            stored = record.config_bytes()
            record.raw_config = None
            assert record.config_bytes() == stored


def test_what_we_save_is_read_by_podman(store: Store) -> None:
    with opened(store) as database:
        record = database.lookup_container("first")
        record.status, record.exit_code = records.EXITED, 42
        record.state["finishedTime"] = record.created
        database.save_container(record)
    told = store.inspect("first")["State"]
    assert (told["Status"], told["ExitCode"]) == ("exited", 42)


def test_what_we_add_is_listed_and_what_we_remove_is_gone(store: Store) -> None:
    with opened(store) as database:
        record = clone(database.lookup_container("first"))
        database.add_container(record)
        assert database.check() == []
    assert podman_containers(store)["ours"] == "created"
    shown = json.loads(store.podman("volume", "inspect", "data").stdout)
    assert shown[0]["Name"] == "data"
    # The volume is in use by what we added, too.
    assert store.podman("volume", "rm", "data", check=False).status != 0
    with opened(store) as database:
        database.remove_container(database.lookup_container("ours"))
    assert set(podman_containers(store)) == {"first", "second", "member"}
    for name in ("second", "first", "member"):
        store.podman("rm", name)
    store.podman("volume", "rm", "data")
    store.podman("pod", "rm", "group")
    with opened(store) as database:
        assert database.check() == []
        assert (database.all_containers(), database.all_pods(), database.all_volumes()) == ([], [], [])


def test_container_that_we_add_to_a_pod(store: Store) -> None:
    with opened(store) as database:
        group = database.lookup_pod("group")
        database.add_container_to_pod(group, clone(database.lookup_container("member")))
    (told,) = json.loads(store.podman("pod", "ps", "--format", "json").stdout)
    assert {member["Names"] for member in told["Containers"]} == {"member", "ours"}


def test_refresh_is_accepted(store: Store) -> None:
    with opened(store) as database:
        record = database.lookup_container("first")
        record.status, record.pid, record.conmon_pid = records.RUNNING, 4194300, 4194301
        database.save_container(record)
        counts = database.refresh()
        assert (counts.containers, counts.pods, counts.volumes, counts.broken) == (3, 1, 1, [])
    assert podman_containers(store) == {"first": "exited", "second": "created", "member": "created"}
    store.podman("start", "second")
    assert podman_containers(store)["first"] == "running"
    store.podman("stop", "-t", "0", "second", "first")


def test_broken_container_can_be_removed_for_podman(store: Store) -> None:
    """Podman 4.3 lists nothing at all while one state cannot be read."""
    with opened(store) as database:
        record = database.lookup_container("member")
        record.state["state"] = "running"
        database.save_container(record)
    assert store.podman("ps", "-a", check=False).status != 0
    with opened(store) as database:
        database.remove_broken("container", record.id)
        assert database.check() == []
    assert set(podman_containers(store)) == {"first", "second"}
