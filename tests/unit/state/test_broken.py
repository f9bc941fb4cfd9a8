"""One broken object: the others are unaffected, it is named with its reason, kept as it is, and removable."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from libpod import state
from libpod.errors import (
    DatabaseCorrupt,
    DecodeError,
    DependencyExists,
    LibpodError,
    NoSuchContainer,
    NoSuchObject,
)
from libpod.state import records
from libpod.state.records import BrokenRecord, ContainerRecord
from tests.unit.state import rawfiles, samples
from tests.unit.state.samples import container, identifier, in_pod, pod, running_container, volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from libpod.state.protocol import State

VICTIM = identifier(2)

# Part, its new contents (None: removed), what is said about it.
BAD_CONTAINERS = [
    ("state", b"", "invalid JSON"),
    ("state", b"{", "invalid JSON"),
    ("state", b'{"state":3', "invalid JSON"),
    ("state", b'{"state":3}garbage', "invalid JSON"),
    ("state", b"\x00\x00\x00\x00", "invalid JSON"),
    ("state", b'{"state":"\xff\xfe"}', "not UTF-8"),
    ("state", b"null", "expected a JSON object"),
    ("state", b"[1]", "expected a JSON object"),
    ("state", b'{"state":"running"}', "state: expected a whole number"),
    ("state", b'{"state":3,"pid":"12"}', "pid: expected a whole number"),
    ("state", b'{"state":3,"bindMounts":[]}', "bindMounts: expected an object"),
    ("state", b'{"state":3,"netns":[]}', "netns: expected text"),
    ("state", None, "state is missing"),
    ("config", b"", "invalid JSON"),
    ("config", b"\xff\xff\xff\xff", "not UTF-8"),
    ("config", b"{}", "id is missing"),
    ("config", b'{"id":"other","name":"x"}', "stored under"),
    ("config", f'{{"id":"{VICTIM}"}}'.encode(), "name is missing"),
    ("config", f'{{"id":"{VICTIM}","name":"x","lockID":"1"}}'.encode(), "lockID: expected a whole number"),
    ("config", f'{{"id":"{VICTIM}","name":"x","spec":[]}}'.encode(), "spec: expected an object"),
    (
        "config",
        f'{{"id":"{VICTIM}","name":"x","Dependencies":{{}}}}'.encode(),
        "Dependencies: expected a list",
    ),
    ("config", b"[" * 5000, "invalid JSON"),
]


@pytest.fixture
def place(kind: str, tmp_path: Path) -> Path:
    """Return the directory of a store with three containers that run, a pod and a volume."""
    store = samples.open_state(kind, tmp_path)
    store.add_volume(volume("data"))
    store.add_pod(pod(9))
    store.add_container(running_container(1))
    store.add_container(
        running_container(2, namedVolumes=[{"volumeName": "data"}], Dependencies=[identifier(1)])
    )
    store.add_container(running_container(3))
    store.add_exec_session(container(2), "session")
    store.close()
    return tmp_path


@pytest.fixture
def opened(kind: str, place: Path) -> Iterator[State]:
    """Return that store, opened; a test may put something in its file after it."""
    store = samples.open_state(kind, place)
    yield store
    store.close()


def split(found: list[ContainerRecord | BrokenRecord]) -> tuple[list[str], list[BrokenRecord]]:
    """Return the IDs of the sound ones, and the broken ones."""
    sound = sorted(record.id for record in found if isinstance(record, ContainerRecord))
    return sound, [record for record in found if isinstance(record, BrokenRecord)]


@pytest.mark.parametrize(("part", "value", "reason"), BAD_CONTAINERS)
class TestBrokenContainer:
    @pytest.fixture(autouse=True)
    def _break(self, kind: str, place: Path, part: str, value: bytes | None) -> None:
        rawfiles.store(kind, place, "container", VICTIM, part, value)

    def test_others_are_read(self, opened: State, reason: str) -> None:
        sound, (broken,) = split(opened.all_containers())
        assert sound == [identifier(1), identifier(3)]
        assert (broken.kind, broken.id, broken.name) == ("container", VICTIM, "container-2")
        assert reason in broken.error
        with opened.view() as view:
            assert split(list(view.containers()))[0] == sound

    def test_asking_for_it_tells_why(self, opened: State, reason: str) -> None:
        with pytest.raises(DecodeError) as caught:
            opened.container(VICTIM)
        for text in (opened.path, VICTIM, reason):
            assert text in str(caught.value)
        assert caught.value.hint
        with pytest.raises(DecodeError):
            opened.lookup_container("container-2")
        assert opened.lookup_container_id("container-2") == VICTIM
        assert opened.has_container(VICTIM)

    def test_refresh_resets_the_others_and_leaves_it_as_it_is(
        self, kind: str, place: Path, opened: State, part: str, value: bytes | None, reason: str
    ) -> None:
        counts = opened.refresh()
        assert (counts.containers, [broken.id for broken in counts.broken]) == (2, [VICTIM])
        assert reason in counts.broken[0].error
        assert opened.container(identifier(1)).status == records.EXITED
        assert opened.container(identifier(3)).status == records.EXITED
        if value is not None:
            assert rawfiles.stored(kind, place, "container", VICTIM, part) == value
        assert counts.dangling == []

    def test_check_and_dump_show_it(self, opened: State, reason: str) -> None:
        assert any(problem.identifier == VICTIM and reason in problem.message for problem in opened.check())
        assert list(opened.dump())

    def test_it_is_removed_without_being_read(self, opened: State, reason: str) -> None:
        opened.remove_broken("container", VICTIM)
        sound, broken = split(opened.all_containers())
        assert (sound, broken) == ([identifier(1), identifier(3)], [])
        assert opened.check() == []
        assert opened.container_in_use(container(1)) == []
        assert opened.volume_in_use(volume("data")) == []
        with pytest.raises(NoSuchContainer):
            opened.remove_broken("container", VICTIM)
        opened.add_container(container(2))


def test_object_that_others_need_is_not_removed_without_force(kind: str, place: Path, opened: State) -> None:
    rawfiles.store(kind, place, "container", identifier(1), "config", b"{")
    with pytest.raises(DependencyExists) as caught:
        opened.remove_broken("container", identifier(1))
    assert caught.value.dependents == (VICTIM,)
    opened.remove_broken("container", identifier(1), force=True)
    assert split(opened.all_containers())[0] == [VICTIM, identifier(3)]
    assert [problem.message for problem in opened.check()] == [
        f"needs container {identifier(1)}, which does not exist"
    ]


@pytest.mark.parametrize(
    ("object_kind", "name"), [("pod", identifier(9)), ("volume", "data")], ids=["pod", "volume"]
)
@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("config", b"{"),
        ("config", b"\xff"),
        ("config", b"{}"),
        ("state", b"{"),
        ("state", b"[]"),
        ("state", b"\xff"),
    ],
)
def test_broken_pod_or_volume(
    kind: str, place: Path, opened: State, object_kind: str, name: str, part: str, value: bytes
) -> None:
    opened.add_pod(pod(8))
    opened.add_volume(volume("other"))
    rawfiles.store(kind, place, object_kind, name, part, value)
    found = opened.all_pods() if object_kind == "pod" else opened.all_volumes()
    assert [(record.id, record.error != "") for record in found if isinstance(record, BrokenRecord)] == [
        (name, True)
    ]
    assert len(found) == 2
    counts = opened.refresh()
    assert [broken.id for broken in counts.broken] == [name]
    assert counts.containers == 3
    assert rawfiles.stored(kind, place, object_kind, name, part) == value
    with pytest.raises(DecodeError, match=name):
        opened.pod(name) if object_kind == "pod" else opened.volume(name)
    opened.remove_broken(object_kind, name, force=True)
    assert len(opened.all_pods() if object_kind == "pod" else opened.all_volumes()) == 1


def test_pod_with_containers_is_not_removed_even_with_force(kind: str, place: Path, opened: State) -> None:
    opened.add_container_to_pod(pod(9), in_pod(pod(9), 4))
    rawfiles.store(kind, place, "pod", identifier(9), "config", b"{")
    with pytest.raises(DependencyExists):
        opened.remove_broken("pod", identifier(9), force=True)
    opened.remove_broken("container", identifier(4))
    opened.remove_broken("pod", identifier(9))
    assert opened.all_pods() == []
    assert opened.check() == []


def test_state_that_breaks_later_is_told_by_an_update(kind: str, place: Path, opened: State) -> None:
    record = opened.container(VICTIM)
    rawfiles.store(kind, place, "container", VICTIM, "state", b"{")
    with pytest.raises(DecodeError, match=opened.path):
        opened.update_container(record)


def test_member_of_a_pod_may_be_broken(kind: str, place: Path, opened: State) -> None:
    for number in (4, 5):
        opened.add_container_to_pod(pod(9), in_pod(pod(9), number))
    rawfiles.store(kind, place, "container", identifier(4), "config", b"{")
    sound, (broken,) = split(opened.pod_containers(pod(9)))
    assert (sound, broken.id) == ([identifier(5)], identifier(4))
    opened.remove_pod_containers(pod(9))
    assert opened.pod_containers(pod(9)) == []


@pytest.mark.parametrize("object_kind", ["container", "pod", "volume", "id", "nonsense"])
def test_what_is_not_there_cannot_be_removed(opened: State, object_kind: str) -> None:
    with pytest.raises(NoSuchObject):
        opened.remove_broken(object_kind, identifier(7))


# ---------------------------------------------------------------- registries


def test_id_that_is_registered_for_nothing(kind: str, place: Path, opened: State) -> None:
    ghost = identifier(6)
    if kind == state.BOLTDB:
        with rawfiles.bolt(opened.path) as transaction:
            rawfiles.bucket(transaction, b"id-registry").put(ghost.encode(), b"ghost")
            rawfiles.bucket(transaction, b"name-registry").put(b"ghost", ghost.encode())
            rawfiles.bucket(transaction, b"all-ctrs").put(ghost.encode(), b"ghost")
    else:
        with rawfiles.sqlite(opened.path) as connection:
            connection.execute("INSERT INTO IDNamespace VALUES (?)", (ghost,))
    sound, (broken,) = split(opened.all_containers())
    assert len(sound) == 3
    assert (broken.kind, broken.id) == ("id", ghost)
    assert broken.name == ("ghost" if kind == state.BOLTDB else None)
    with opened.view() as view:
        assert view.dangling_ids() == [ghost]
        assert len(list(view.containers())) == 3
    for name in (ghost, "ghost", ghost[:3]):
        with pytest.raises(NoSuchContainer):
            opened.lookup_container(name)
    assert any(problem.identifier == ghost for problem in opened.check())
    counts = opened.refresh()
    assert (counts.containers, counts.broken, counts.dangling) == (3, [], [ghost])
    assert opened.check() == []
    opened.add_container(container(6, "ghost"))


def test_id_that_is_registered_for_nothing_is_removed(kind: str, place: Path, opened: State) -> None:
    ghost = identifier(6)
    if kind == state.BOLTDB:
        with rawfiles.bolt(opened.path) as transaction:
            rawfiles.bucket(transaction, b"id-registry").put(ghost.encode(), b"ghost")
    else:
        with rawfiles.sqlite(opened.path) as connection:
            connection.execute("INSERT INTO IDNamespace VALUES (?)", (ghost,))
    opened.remove_broken("id", ghost)
    assert opened.check() == []


@pytest.mark.parametrize("registry", [b"all-ctrs", b"id-registry"])
def test_container_that_is_not_registered(tmp_path: Path, registry: bytes) -> None:
    store = samples.open_state(state.BOLTDB, tmp_path)
    store.add_container(container(1))
    store.add_container(container(2))
    with rawfiles.bolt(store.path) as transaction:
        rawfiles.bucket(transaction, registry).delete(VICTIM.encode())
    sound, (broken,) = split(store.all_containers())
    assert (sound, broken.id) == ([identifier(1)], VICTIM)
    assert f"not registered in {registry.decode()}" in broken.error
    store.remove_broken("container", VICTIM)
    assert store.check() == []
    store.add_container(container(2, "new"))
    store.close()


@pytest.mark.parametrize(
    ("table", "object_kind", "name"),
    [
        ("ContainerConfig", "container", VICTIM),
        ("PodConfig", "pod", identifier(9)),
        ("VolumeConfig", "volume", "data"),
    ],
)
def test_state_without_a_configuration(tmp_path: Path, table: str, object_kind: str, name: str) -> None:
    store = samples.open_state(state.SQLITE, tmp_path)
    store.add_container(container(1))
    store.add_container(container(2))
    store.add_pod(pod(9))
    store.add_volume(volume("data"))
    with rawfiles.sqlite(store.path) as connection:
        connection.execute(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
    counts = store.refresh()
    assert [(broken.kind, broken.id) for broken in counts.broken] == [(object_kind, name)]
    assert "no configuration" in counts.broken[0].error
    assert counts.dangling == []
    store.remove_broken(object_kind, name)
    assert store.check() == []
    store.close()


@pytest.mark.parametrize("column", ["JSON", "Name", "ID"])
@pytest.mark.parametrize("value", [None, b"\xff\xfe", 5], ids=["null", "bytes", "number"])
def test_row_with_a_value_that_cannot_be(tmp_path: Path, column: str, value: object) -> None:
    """Constraints do not hold in a damaged file: NULL in a NOT NULL column was met in the field."""
    store = samples.open_state(state.SQLITE, tmp_path)
    for number in (1, 2, 3):
        store.add_container(container(number))
    with rawfiles.sqlite(store.path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'ContainerConfig'"
        )
    with rawfiles.sqlite(store.path) as connection:
        connection.execute(f"UPDATE ContainerConfig SET {column} = ? WHERE ID = ?", (value, VICTIM))
    store.close()
    store = samples.open_state(state.SQLITE, tmp_path)
    sound, broken = split(store.all_containers())
    assert {identifier(1), identifier(3)} <= set(sound)
    if column != "Name":
        assert "container" in {record.kind for record in broken}
    counts = store.refresh()
    assert counts.containers >= 2
    for record in store.all_containers():
        if isinstance(record, BrokenRecord):
            store.remove_broken(record.kind, record.id)
    assert split(store.all_containers())[1] == []
    store.close()


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({}, 7),
        ({"labels": {"lockID": "7"}}, 7),
        ({"name": "\xff"}, 7),
        ({"lockID": 3}, None),
        ({"lockID": None}, None),
    ],
)
def test_lock_number_of_a_removed_one(kind: str, tmp_path: Path, change: dict[str, Any], number: int) -> None:
    """It is told where it is known and nobody else has it."""
    store = samples.open_state(kind, tmp_path)
    record = container(2, **{"lockID": 7, **change})
    store.add_container(record)
    store.add_container(container(3, lockID=3))
    store.add_container(container(4, lockID=77, labels={"of": identifier(2)}))
    assert store.remove_broken("container", VICTIM) == number
    assert split(store.all_containers())[0] == [identifier(3), identifier(4)]
    store.close()


def test_key_that_is_not_text(tmp_path: Path) -> None:
    store = samples.open_state(state.BOLTDB, tmp_path)
    store.add_container(container(1))
    with rawfiles.bolt(store.path) as transaction:
        rawfiles.bucket(transaction, b"ctr").create_bucket(b"\xff\xfe").put(b"config", b"{}")
        rawfiles.bucket(transaction, b"id-registry").put(b"\xff\xfe", b"\xfd")
        rawfiles.bucket(transaction, b"all-ctrs").put(b"\xff\xfe", b"\xfd")
    sound, (broken,) = split(store.all_containers())
    assert (sound, broken.id, broken.name) == ([identifier(1)], "\\xff\\xfe", "\\xfd")
    assert any(entry.get("value") == "\\xfd" for entry in store.dump())
    store.remove_broken("container", broken.id)
    assert split(store.all_containers()) == ([identifier(1)], [])
    store.close()


def test_network_namespace_that_is_not_text(tmp_path: Path) -> None:
    store = samples.open_state(state.BOLTDB, tmp_path)
    store.add_container(container(1))
    with rawfiles.bolt(store.path) as transaction:
        rawfiles.bucket(transaction, b"ctr", identifier(1)).put(b"netns", b"\xff")
    (broken,) = split(store.all_containers())[1]
    assert "netns: not UTF-8" in broken.error
    store.close()


# ---------------------------------------------------------------- damaged files


def page_of(path: str, mark: bytes) -> int:
    """Return where in the file the bytes are."""
    with open(path, "rb") as file:
        found = file.read().find(mark)
    assert found >= 0
    return found


def test_damaged_page_of_one_container(kind: str, tmp_path: Path) -> None:
    """The page is lost, the containers on other pages are not."""
    store = samples.open_state(kind, tmp_path)
    for number in (1, 2, 3):
        store.add_container(running_container(number, mark=f"MARK-{number}", filler="x" * 20000))
    store.close()
    size = 4096
    start = page_of(store.path, b"MARK-2") // size * size
    if kind == state.BOLTDB:
        # The page with the key: its header says how many keys there are, and of what kind.
        start = page_of(store.path, f'"id":"{VICTIM}"'.encode()) // size * size
    with open(store.path, "r+b") as file:
        file.seek(start)
        file.write(b"\xee" * 16 if kind == state.BOLTDB else b"\xee" * size)
    store = samples.open_state(kind, tmp_path)
    sound, broken = split(store.all_containers())
    assert len(sound) == 2
    assert [(record.kind, record.id) for record in broken] == [("container", VICTIM)]
    assert any(problem.kind == "database" for problem in store.check())
    if kind == state.BOLTDB:
        counts = store.refresh()
        assert (counts.containers, len(counts.broken)) == (2, 1)
        # Which pages it had cannot be read any more, so nobody uses them ever again.
        store.remove_broken("container", VICTIM)
        assert split(store.all_containers()) == (sound, [])
        assert not store.has_container(VICTIM)
        assert [problem for problem in store.check() if not problem.harmless] == []
        store.add_container(running_container(2))
        assert len(split(store.all_containers())[0]) == 3
    else:
        # SQLite commits no transaction that has met damage.
        with pytest.raises(DatabaseCorrupt, match="malformed"):
            store.refresh()
        assert store.container(identifier(1)).status == records.RUNNING
    store.close()


def test_who_needs_a_container_on_a_damaged_page(tmp_path: Path) -> None:
    """Its own list of them is lost; they still say themselves whom they need."""
    store = samples.open_state(state.BOLTDB, tmp_path)
    store.add_container(running_container(2, mark="MARK-2", filler="x" * 20000))
    store.add_container(container(3, Dependencies=[identifier(2)]))
    store.add_container(container(4))
    store.close()
    start = page_of(store.path, f'"id":"{VICTIM}"'.encode()) // 4096 * 4096
    with open(store.path, "r+b") as file:
        file.seek(start)
        file.write(b"\xee" * 16)
    store = samples.open_state(state.BOLTDB, tmp_path)
    with pytest.raises(DependencyExists, match=identifier(3)):
        store.remove_broken("container", VICTIM)
    store.remove_broken("container", VICTIM, force=True)
    assert split(store.all_containers()) == ([identifier(3), identifier(4)], [])
    store.close()


@pytest.mark.parametrize("contents", [b"not a database at all" * 1000, b"\0" * 8192, b"\xff" * 100000])
def test_file_that_is_something_else(kind: str, tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / ("bolt_state.db" if kind == state.BOLTDB else "db.sql")
    path.write_bytes(contents)
    for read_only in (True, False):
        with pytest.raises(DatabaseCorrupt, match=str(path)) as caught:
            samples.open_state(kind, tmp_path, read_only=read_only).all_containers()
        assert caught.value.path == str(path)
    assert path.read_bytes() == contents


def test_directory_in_the_place_of_the_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("bolt_state.db" if kind == state.BOLTDB else "db.sql")
    path.mkdir()
    for read_only in (True, False):
        with pytest.raises(LibpodError, match=str(path)):
            samples.open_state(kind, tmp_path, read_only=read_only)


def open_and_refresh(kind: str, directory: Path) -> None:
    """Use a store in every way."""
    with contextlib.closing(samples.open_state(kind, directory)) as store:
        store.refresh()


def test_file_that_was_cut_off(kind: str, tmp_path: Path) -> None:
    store = samples.open_state(kind, tmp_path)
    for number in range(30):
        store.add_container(container(number, filler="x" * 5000))
    store.close()
    with open(store.path, "r+b") as file:
        file.truncate(20 * 4096)
    with pytest.raises(DatabaseCorrupt, match=store.path) as caught:
        open_and_refresh(kind, tmp_path)
    assert caught.value.hint
