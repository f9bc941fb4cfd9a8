"""Stores with broken objects: one broken object never stops the others."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.lab import database
from tests.lab.populate import STATES
from tests.lab.stores import PODMAN_4, PODMAN_5

if TYPE_CHECKING:
    from tests.lab.podman import Store
    from tests.lab.stores import Kind, MakeStore

BROKEN = {
    "empty": b"",
    "cut": b'{"state": 3, "conf',
    "no object": b"[1, 2]",
    "no text": b'{"state": "\xff\xfe"}',
    "wrong type": b'{"state": "running", "pid": "many"}',
    "deep": b'{"a":' * 100000,
}


@pytest.fixture(params=[PODMAN_4, PODMAN_5], ids=str)
def populated(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    """A populated store after a reboot; the machine is on."""
    kind: Kind = request.param
    return make_store(kind, populated=True)


@pytest.mark.parametrize("what", BROKEN)
def test_broken_state_is_quarantined(populated: Store, what: str) -> None:
    identifier, _ = database.named(populated.database, "container", "running")
    database.write(populated.database, "container", identifier, "state", BROKEN[what])
    report = populated.refresh(status=1)
    assert [entry["id"] for entry in report["containers"]["quarantined"]] == [identifier]
    entry = report["containers"]["quarantined"][0]
    assert entry["name"] == "running"
    assert entry["error"]
    total = report["containers"]["total"]
    assert report["containers"]["reset"] == total - 1 - report["containers"]["removed"]
    assert database.objects(populated.database, "container")[identifier].state == BROKEN[what]
    assert populated.alive.exists()
    # The others are as they should be, and Podman goes on with them by name.
    for name in ("created", "exited", "paused"):
        assert populated.inspect(name)["State"]["Status"] == STATES[name]
    populated.podman("start", "paused")
    # The number of its lock stays taken.
    number = database.objects(populated.database, "container")[identifier].lock_number
    assert number in populated.allocated_locks()


@pytest.mark.parametrize("part", ["state", "config"])
def test_broken_container_can_be_removed(populated: Store, part: str) -> None:
    identifier, _ = database.named(populated.database, "container", "exited")
    database.write(populated.database, "container", identifier, part, BROKEN["cut"])
    populated.refresh(status=1)
    refused = populated.libpod("rm", identifier, check=False)
    assert refused.status == 125
    assert identifier in refused.stderr
    populated.libpod("rm", "--force", identifier)
    assert "exited" not in populated.states()
    if part == "state":
        assert populated.allocated_locks() == set(database.lock_numbers(populated.database).values())
    assert identifier not in populated.podman("ps", "-aq", "--no-trunc", "--external").stdout
    populated.create("exited")
    assert populated.libpod("db", "check").status == 0


@pytest.mark.parametrize("part", ["state", "config"])
def test_broken_container_that_others_need_stays_whole(populated: Store, part: str) -> None:
    identifier, _ = database.named(populated.database, "container", "running")
    needs, _ = database.named(populated.database, "container", "needs-running")
    database.write(populated.database, "container", identifier, part, BROKEN["cut"])
    populated.refresh(status=1)
    refused = populated.libpod("rm", "--force", "running", check=False)
    assert refused.status == 125
    assert needs in refused.stderr
    assert populated.on_disk(f"{populated.root}/overlay-containers/{identifier}/userdata").is_dir()
    populated.libpod("rm", "needs-running")
    populated.libpod("rm", "--force", "running")
    assert populated.libpod("db", "check").status == 0


def test_container_on_a_damaged_page(make_store: MakeStore) -> None:
    """Only what was on that page is lost: the container is quarantined, and can be removed."""
    store = make_store(populated=True)
    identifier, stored = database.named(store.database, "container", "exited")
    content = bytearray(store.database.read_bytes())
    page = content.index(f'"id":"{identifier}"'.encode()) // 4096 * 4096
    while content[page : page + 8] != (page // 4096).to_bytes(8, "little"):
        page -= 4096  # an overflow page: the head is before it
    content[page : page + 16] = b"\xee" * 16
    store.database.write_bytes(content)
    report = store.refresh(status=1)
    assert [entry["name"] for entry in report["containers"]["quarantined"]] == ["exited"]
    store.podman("start", "paused")
    store.libpod("rm", "--force", "exited")
    assert "exited" not in store.states()
    assert identifier not in store.podman("ps", "-aq", "--no-trunc", "--external").stdout
    assert store.libpod("db", "check").status == 0
    store.create("exited")
    store.podman("start", "running")
    numbers = database.lock_numbers(store.database)
    assert len(set(numbers.values())) == len(numbers)
    assert stored.name == "exited"


def test_damaged_page_of_sqlite(make_store: MakeStore) -> None:
    """SQLite commits nothing once it has met damage: the refresh is refused, and the way out is named."""
    store = make_store(PODMAN_5, populated=True)
    copy = store.refresh()["database"]["backup"]
    store.reboot()
    content = store.database.read_bytes()
    damaged = bytearray(content)
    with contextlib.closing(sqlite3.connect(store.database)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ContainerState'"
        ).fetchone()
    damaged[(root - 1) * 4096 : root * 4096] = b"\xee" * 4096
    store.database.write_bytes(damaged)
    for _ in range(3):
        result = store.libpod("refresh", check=False)
        assert result.status == 125, result
        assert "malformed" in result.stderr
        assert "hint: put back the copy of 20" in result.stderr
        assert copy in result.stderr
        assert store.database.read_bytes() == damaged
        assert not store.alive.exists()
        store.reboot()
    assert store.libpod("db", "check", check=False).status == 1
    assert store.libpod("db", "check", copy).status == 0
    store.machine.run(["cp", copy, f"{store.root}/db.sql"])
    assert store.refresh()["containers"]["quarantined"] == []
    store.podman("start", "running")


def test_broken_container_that_lives_is_not_removed(make_store: MakeStore) -> None:
    store = make_store()
    identifier = store.run("web")
    pid, conmon = store.pid("web"), store.inspect("web")["State"]["ConmonPid"]
    database.write(store.database, "container", identifier, "state", BROKEN["cut"])
    refused = store.libpod("rm", "--force", "web", check=False)
    assert refused.status == 125
    assert f"process {conmon} is its conmon" in refused.stderr
    assert store.process_lives(pid)
    store.kill(conmon, pid)
    store.libpod("rm", "--force", "web")
    assert store.states() == {}


def test_quarantine_in_the_text_report(populated: Store) -> None:
    identifier, _ = database.named(populated.database, "container", "running")
    database.write(populated.database, "container", identifier, "state", BROKEN["cut"])
    result = populated.libpod("refresh", check=False)
    assert result.status == 1
    output = result.stdout + result.stderr
    assert "running" in output
    assert identifier[:12] in output


def test_broken_container_is_listed(populated: Store) -> None:
    identifier, _ = database.named(populated.database, "container", "running")
    database.write(populated.database, "container", identifier, "state", BROKEN["cut"])
    populated.refresh(status=1)
    result = populated.libpod("ps", "-a", "--format", "json", check=False)
    listing = {entry["Id"]: entry for entry in json.loads(result.stdout)}
    assert listing.keys() == database.objects(populated.database, "container").keys()
    assert listing[identifier]["Names"] == ["running"]


@pytest.mark.parametrize("what", BROKEN)
def test_broken_config_is_quarantined(make_store: MakeStore, what: str) -> None:
    store = make_store(populated=True)
    identifier, _ = database.named(store.database, "container", "created")
    database.write(store.database, "container", identifier, "config", BROKEN[what])
    report = store.refresh(status=1)
    assert [entry["id"] for entry in report["containers"]["quarantined"]] == [identifier]
    assert report["containers"]["quarantined"][0]["name"] == "created"
    store.podman("start", "running")


@pytest.mark.parametrize(("kind", "name"), [("pod", "pod"), ("volume", "data")])
def test_broken_pods_and_volumes_are_quarantined(populated: Store, kind: str, name: str) -> None:
    identifier, _ = database.named(populated.database, kind, name)
    database.write(populated.database, kind, identifier, "config", BROKEN["cut"])
    report = populated.refresh(status=1)
    quarantined = report[f"{kind}s"]["quarantined"]
    assert [entry["name"] for entry in quarantined] == [name]
    populated.podman("start", "running")


def test_missing_state_is_quarantined(make_store: MakeStore) -> None:
    """What a full disk left behind: a container bucket without a state."""
    from libpod import boltdb

    store = make_store(populated=True)
    identifier, _ = database.named(store.database, "container", "created")
    engine = boltdb.Database.open(str(store.database), create=False, timeout=30)
    with engine.update() as transaction:
        parent = transaction.bucket(b"ctr")
        assert parent is not None
        bucket = parent.bucket(identifier.encode())
        assert bucket is not None
        bucket.delete(b"state")
    engine.close()
    report = store.refresh(status=1)
    assert [entry["name"] for entry in report["containers"]["quarantined"]] == ["created"]
    store.podman("start", "running")


def test_shared_lock_numbers_are_renumbered(populated: Store) -> None:
    number = database.named(populated.database, "container", "running")[1].lock_number
    for kind, name in (("container", "paused"), ("container", "exited"), ("volume", "data"), ("pod", "pod")):
        identifier, _ = database.named(populated.database, kind, name)
        database.change(populated.database, kind, identifier, "config", lockID=number)
    before = database.lock_numbers(populated.database)
    report = populated.refresh()
    assert report["locks"]["renumbered"] == 4
    after = database.lock_numbers(populated.database)
    assert len(set(after.values())) == len(after)
    # Containers with --rm that had run are gone.
    assert len([key for key in after if before[key] != after[key]]) == 4
    assert populated.allocated_locks() == set(after.values())
    for name in ("running", "paused", "with-volumes", "in-pod"):
        populated.podman("start", name)


def test_lock_number_that_does_not_exist(populated: Store) -> None:
    """The store was made with more locks than there are now."""
    identifier, _ = database.named(populated.database, "container", "running")
    database.change(populated.database, "container", identifier, "config", lockID=4_000_000)
    report = populated.refresh()
    # Lock files have any number; the shared memory has a last one.
    assert report["locks"]["renumbered"] == (populated.lock_type == "shm")
    populated.podman("start", "running")


def test_dangling_names_are_dropped(make_store: MakeStore) -> None:
    """A registered ID without a container: podman would fail on every listing."""
    from libpod import boltdb

    store = make_store(populated=True)
    engine = boltdb.Database.open(str(store.database), create=False, timeout=30)
    with engine.update() as transaction:
        for bucket, key, value in (
            (b"id-registry", b"d" * 64, b"ghost"),
            (b"name-registry", b"ghost", b"d" * 64),
        ):
            found = transaction.bucket(bucket)
            assert found is not None
            found.put(key, value)
    engine.close()
    store.refresh()
    store.podman("ps", "-a")
    store.create("ghost")


def test_stale_mount_counts(populated: Store) -> None:
    """The run root is on a disk, and its counts speak of file systems that the reboot took away."""
    directory = f"{populated.run_root}/overlay-layers"
    populated.machine.run(["mkdir", "-p", directory])
    layer = json.loads(populated.on_disk(f"{populated.root}/overlay-containers/containers.json").read_text())[
        0
    ]["layer"]
    path = f"{populated.root}/overlay/{layer}/merged"
    populated.path(f"{directory}/mountpoints.json").write_text(
        json.dumps([{"id": layer, "path": path, "count": 3}])
    )
    populated.refresh()
    assert json.loads(populated.path(f"{directory}/mountpoints.json").read_text() or "[]") == []


def test_leftovers_of_conmon_are_removed(populated: Store) -> None:
    identifier, _ = database.named(populated.database, "container", "running")
    userdata = populated.on_disk(f"{populated.root}/overlay-containers/{identifier}/userdata")
    for name in ("ctl", "winsz", "attach"):
        (userdata / name).unlink(missing_ok=True)
        (userdata / name).write_text("")
    (userdata / "unknown").write_text("kept")
    populated.refresh()
    assert not {path.name for path in userdata.iterdir()} & {"ctl", "winsz", "attach"}
    assert (userdata / "unknown").read_text() == "kept"
    populated.podman("start", "running")


def test_stale_exit_file_is_removed(make_store: MakeStore) -> None:
    """An exit file of the boot before, in a runtime directory on a disk, would end the next run at once."""
    store = make_store(tmp_dir="/srv/tmpdir")
    identifier = store.run("running")
    store.reboot()
    (store.path(store.tmp_dir) / "exits" / identifier).write_text("7")
    store.refresh()
    store.podman("start", "running")
    assert store.states() == {"running": "running"}
    assert store.inspect("running")["State"]["ExitCode"] == 0
