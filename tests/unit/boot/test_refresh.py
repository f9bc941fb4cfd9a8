"""The whole refresh on real databases: what it leaves behind, field by field and file by file."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from libpod import boltdb, failpoints
from libpod.boot import marker
from libpod.errors import DatabaseCorrupt, DatabaseMismatch, FileError, LockTimeout
from libpod.locks.boot import BootLock
from tests.unit.boot.conftest import RUNNING, STARTED, identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from libpod.state.records import ContainerRecord
    from tests.unit.boot.conftest import Store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def break_container(store: Store, number: int) -> None:
    """Make the stored state of a container unreadable."""
    write_state(store, number, b'{"state": 3, "conf')


def repair_container(store: Store, number: int, record: ContainerRecord) -> None:
    """Store the state again that it had."""
    write_state(store, number, json.dumps(record.state).encode())


def write_state(store: Store, number: int, data: bytes) -> None:
    if store.kind == "sqlite":
        with contextlib.closing(sqlite3.connect(store.database)) as connection, connection:
            connection.execute(
                "UPDATE ContainerState SET JSON = ? WHERE ID = ?", (data.decode(), identifier(number))
            )
        return
    with boltdb.Database.open(str(store.database)) as database, database.update() as transaction:
        home = transaction.bucket(b"ctr")
        bucket = None if home is None else home.bucket(identifier(number).encode())
        assert bucket is not None
        bucket.put(b"state", data)


class TestState:
    def test_every_field(self, store: Store) -> None:
        report = store.refresh()
        found = store.stored(0)
        assert found.state == {
            "state": 6,
            "startedTime": STARTED,
            "runDir": str(store.run_directory(0)),
            "ofTheFuture": 1,
        }
        assert found.config["lockID"] == 0
        assert report.containers.reset == report.containers.total == 2
        assert report.pods.reset == report.volumes.reset == 1

    def test_pods_and_volumes(self, store: Store) -> None:
        store.refresh()
        database = store.open(read_only=True)
        # A user without privileges has no control groups to give away.
        expected = "" if os.geteuid() else f"/libpod_parent/{identifier(2)}"
        assert database.pod(identifier(2)).cgroup_path == expected
        assert database.volume("data").mount_count == 0
        assert "mountPoint" not in database.volume("data").state
        database.close()

    def test_a_store_of_the_first_libpod(self, make_store: Callable[..., Store]) -> None:
        store = make_store()
        store.container(0)
        database = store.open()
        record = database.container(identifier(0))
        del record.config["lockID"]
        record.raw_config = None
        record.config_changed = True
        database.rewrite_container_config(record)
        database.close()
        report = store.refresh()
        found = store.stored(0)
        assert found.status == 1
        assert found.state["destinationRunDir"] == str(store.run_directory(0))
        assert report.locks_allocated == 0
        assert not (store.tmp / "locks").exists()

    def test_configuration_stays_byte_for_byte(self, store: Store) -> None:
        before = store.stored(0).raw_config
        store.refresh()
        assert store.stored(0).raw_config == before

    def test_backup_is_the_database_before(self, store: Store) -> None:
        before = store.database.read_bytes()
        report = store.refresh()
        backup = Path(str(report.backup))
        assert backup.name == f"{store.database.name}.boot-{store.boot_id[:8]}"
        assert backup.read_bytes() == before
        assert mode(backup) == 0o600

    def test_two_backups_are_kept(self, store: Store) -> None:
        kept = []
        for number in range(4):
            kept.append(Path(str(store.refresh().backup)))
            os.utime(kept[-1], (number, number))
            store.reboot()
        assert [path.exists() for path in kept] == [False, False, True, True]

    def test_damaged_database_costs_no_copy(self, store: Store) -> None:
        """However often it is tried, the copies of before stay, the hint names the last, and it helps."""
        copy = Path(str(store.refresh().backup))
        sound = store.database.read_bytes()
        content = bytearray(sound)
        for page in range(4096 * 2, len(content), 4096):
            content[page : page + 16] = b"\xee" * 16
        store.database.write_bytes(content)
        for _ in range(4):
            store.reboot()
            with pytest.raises(DatabaseCorrupt, match=str(store.database)) as caught:
                store.refresh()
            assert str(copy) in str(caught.value.hint)
            assert store.database.read_bytes() == content
            assert not (store.tmp / "alive").exists()
            assert [path.name for path in store.database.parent.glob("*.boot-*")] == [copy.name]
        shutil.copy(copy, store.database)
        assert store.refresh()["decision"] == "refresh"

    def test_last_sound_copy_is_kept(self, store: Store) -> None:
        """While an object is broken, the last copy in which it was whole stays, however old it gets."""
        sound = Path(str(store.refresh().backup))
        os.utime(sound, (1, 1))
        whole = store.stored(0)
        break_container(store, 0)
        copies = []
        for number in range(2, 6):
            store.reboot()
            report = store.refresh()
            assert report.degraded
            copies.append(Path(str(report.backup)))
            os.utime(copies[-1], (number, number))
            assert sound.exists()
        assert [path.exists() for path in copies] == [False, False, True, True]
        repair_container(store, 0, whole)
        for number in range(6, 8):
            store.reboot()
            os.utime(str(store.refresh().backup), (number, number))
        assert not sound.exists()


class TestFiles:
    def test_directories_and_modes(self, store: Store) -> None:
        store.refresh()
        for number in (0, 1):
            assert mode(store.run_directory(number)) == 0o700
            assert mode(store.run_directory(number).parent) == 0o700
        assert mode(store.tmp) == 0o751
        assert mode(store.tmp / "exits") == 0o750
        assert sorted(path.name for path in (store.tmp / "locks").iterdir()) == ["0", "1", "2", "3"]

    def test_marks(self, store: Store) -> None:
        report = store.refresh()
        assert (store.tmp / "alive").read_text() == f"{store.boot_id}\n"
        assert not (store.tmp / "refresh.pending").exists()
        assert json.loads((store.tmp / "refresh.json").read_text()) == report.as_dict()
        record = marker.read_record(str(store.record))
        assert record is not None
        assert (record.boot_id, record.tmp_dir) == (store.boot_id, str(store.tmp))
        assert (record.run_root, record.database) == (str(store.run), str(store.database))

    def test_leftovers_are_removed_and_nothing_else(self, store: Store) -> None:
        bundle = store.bundle(0)
        os.mkfifo(bundle / "ctl")
        os.mkfifo(bundle / "winsz")
        for name in ("attach", "oom", "config.json"):
            (bundle / name).touch()
        for directory in ("exits", "persist", "socket"):
            (store.tmp / directory).mkdir(parents=True)
        (store.tmp / "exits" / identifier(0)).write_text("7")
        (store.tmp / "exits" / "of-a-stranger").write_text("7")
        (store.tmp / "persist" / identifier(0)).mkdir()
        (store.tmp / "persist" / identifier(0) / "exit").write_text("7")
        (store.tmp / "socket" / identifier(0)).symlink_to(bundle)
        store.refresh()
        assert [path.name for path in bundle.iterdir()] == ["config.json"]
        assert [path.name for path in (store.tmp / "exits").iterdir()] == ["of-a-stranger"]
        assert list((store.tmp / "persist").iterdir()) == []
        assert list((store.tmp / "socket").iterdir()) == []

    def test_process_ids_of_another_boot_are_removed(self, store: Store) -> None:
        """The run root is on a disk."""
        directory = store.run_directory(0)
        directory.mkdir(parents=True)
        for name in ("pidfile", "conmon.pid", "resolv.conf"):
            (directory / name).write_text("1")
        store.refresh()
        assert [path.name for path in directory.iterdir()] == ["resolv.conf"]

    def test_a_conmon_that_still_reads_keeps_its_pipes(self, store: Store) -> None:
        store.refresh()
        store.reboot()
        pipe = store.bundle(0) / "ctl"
        os.mkfifo(pipe)
        (store.bundle(0) / "attach").touch()
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            report = store.refresh()
        finally:
            os.close(reader)
        assert [entry["id"] for entry in report.containers.quarantined] == [identifier(0)]
        assert pipe.exists()
        assert (store.bundle(0) / "attach").exists()
        assert store.run_directory(1).exists()

    def test_a_file_in_the_way_quarantines_one_container(self, store: Store) -> None:
        store.run_directory(0).parent.parent.mkdir(parents=True)
        store.run_directory(0).parent.write_text("in the way")
        report = store.refresh()
        assert [entry["name"] for entry in report.containers.quarantined] == ["c0"]
        assert report.degraded
        assert store.run_directory(1).exists()
        assert (store.tmp / "alive").exists()

    def test_a_file_in_place_of_the_run_root_is_nobodys_fault(self, store: Store) -> None:
        """No container is blamed for it, and the boot is not done."""
        store.run.write_text("in the way")
        with pytest.raises(FileError, match="overlay-containers"):
            store.refresh()
        assert not (store.tmp / "alive").exists()
        store.run.unlink()
        assert store.refresh().containers.quarantined == []
        assert store.run_directory(0).exists()

    def test_what_cannot_be_removed_keeps_nothing_else_from_being_done(self, store: Store) -> None:
        (store.bundle(0) / "attach").mkdir()
        (store.bundle(0) / "oom").write_text("")
        (store.tmp / "exits").mkdir(parents=True)
        (store.tmp / "exits" / identifier(0)).write_text("0")
        report = store.refresh()
        assert [entry["name"] for entry in report.containers.quarantined] == ["c0"]
        assert store.run_directory(0).exists()
        assert not (store.bundle(0) / "oom").exists()
        assert list((store.tmp / "exits").iterdir()) == []

    @pytest.mark.parametrize("pid", ["", "x", "4194304"])
    def test_stale_pause_file_is_removed(self, store: Store, pid: str) -> None:
        store.tmp.mkdir()
        (store.tmp / "pause.pid").write_text(pid)
        store.refresh()
        assert not (store.tmp / "pause.pid").exists()

    def test_id_maps(self, make_store: Callable[..., Store]) -> None:
        store = make_store()
        owner = os.getuid()
        entry = [{"container_id": 0, "host_id": owner, "size": 1}]
        store.container(0, config={"idMappingsOptions": {"UIDMap": entry, "GIDMap": entry}})
        store.refresh()
        root = store.tmp / "containers-root" / identifier(0)
        assert (mode(root), root.stat().st_uid) == (0o755, owner)
        assert mode(store.tmp) & 0o111 == 0o111


class TestHostileFiles:
    """What somebody put where a file of ours belongs."""

    PLACES = ("alive", "refresh.pending", "boot-record.json")

    def put(self, path: Path, what: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if what == "directory":
            (path / "inside").mkdir(parents=True)
        elif what == "pipe":
            os.mkfifo(path)
        elif what == "link":
            path.symlink_to(path.parent / "victim")
        else:
            with path.open("wb") as file:
                file.truncate(3 << 30)

    @pytest.mark.parametrize("what", ["directory", "link"])
    @pytest.mark.parametrize("name", PLACES)
    def test_marks_that_are_no_files(self, store: Store, name: str, what: str) -> None:
        place = store.record if name == "boot-record.json" else store.tmp / name
        self.put(place, what)
        before = store.rows()
        with pytest.raises(FileError, match=name) as caught:
            store.refresh()
        assert caught.value.hint == f"{place} is no regular file: remove it"
        assert store.rows() == before
        assert not (place.parent / "victim").exists()

    @pytest.mark.parametrize("what", ["directory", "pipe", "link", "huge file"])
    @pytest.mark.parametrize("name", ["exits/ID", "persist/ID", "socket/ID", "pause.pid"])
    def test_leftovers_of_any_kind_are_removed(self, store: Store, name: str, what: str) -> None:
        place = store.tmp / name.replace("ID", identifier(0))
        self.put(place, what)
        assert store.refresh().degraded is False
        assert not os.path.lexists(place)
        assert not (place.parent / "victim").exists()

    @pytest.mark.parametrize("what", ["directory", "pipe", "link", "huge file"])
    def test_a_report_that_cannot_be_kept_stops_nothing(self, store: Store, what: str) -> None:
        self.put(store.tmp / "refresh.json", what)
        report = store.refresh()
        assert bool(report.warnings) is (what == "directory")
        assert (store.tmp / "alive").exists()
        assert store.refresh()["decision"] == "noop"

    @pytest.mark.parametrize(
        ("what", "renumbered"), [("directory", 1), ("link", 1), ("pipe", 1), ("huge file", 0)]
    )
    def test_a_lock_that_nobody_can_take_is_changed(self, store: Store, what: str, renumbered: int) -> None:
        """Podman panics when it takes one."""
        self.put(store.tmp / "locks/0", what)
        assert store.refresh().locks_renumbered == renumbered
        assert store.stored(0).lock_id == (2047 if renumbered else 0)


class TestLocks:
    def test_duplicates_are_renumbered_for_good(self, make_store: Callable[..., Store]) -> None:
        store = make_store()
        for number in range(4):
            store.container(number, lock=5)
        assert store.refresh().locks_renumbered == 3
        numbers = {store.stored(number).lock_id for number in range(4)}
        assert numbers == {5, 2047, 2046, 2045}
        assert {int(path.name) for path in (store.tmp / "locks").iterdir()} == numbers
        store.reboot()
        assert store.refresh().locks_renumbered == 0

    def test_allocated_is_what_objects_have(self, store: Store) -> None:
        assert store.refresh()["locks"] == {"kind": "file", "allocated": 4, "renumbered": 0}


class TestBoots:
    def test_second_run_has_nothing_to_do(self, store: Store) -> None:
        store.refresh()
        before = store.tree()
        report = store.refresh()
        assert (report["decision"], report["actions"]) == ("noop", [])
        assert store.tree() == before

    def test_reboot(self, store: Store) -> None:
        first = store.refresh()
        store.reboot()
        report = store.refresh()
        assert report["decision"] == "refresh"
        assert report["reason"] == "no alive file, and boot ID differs from the last refresh"
        assert report["previous_boot_id"] == first["boot_id"]

    def test_directory_on_a_disk(self, store: Store) -> None:
        store.refresh()
        store.new_boot()
        report = store.refresh()
        assert "outlived a reboot" in report["reason"]
        assert (store.tmp / "alive").read_text() == f"{store.boot_id}\n"

    def test_directory_was_cleaned(self, store: Store) -> None:
        store.refresh()
        store.reboot()
        store.refresh()
        (store.tmp / "alive").unlink()
        assert "was cleaned" in store.refresh()["reason"]

    def test_first_use_makes_a_database(self, make_store: Callable[..., Store]) -> None:
        store = make_store()
        report = store.refresh()
        assert (report["decision"], report["database"]["backup"]) == ("refresh", None)
        database = store.open(read_only=True)
        assert database.stored_config().tmp_dir == str(store.tmp)
        database.close()
        assert store.refresh()["decision"] == "noop"

    def test_memory(self, make_store: Callable[..., Store]) -> None:
        store = make_store(state_type="memory")
        assert store.refresh()["decision"] == "noop"
        assert not store.tmp.exists()

    def test_the_database_knows_another_directory(self, store: Store, tmp_path: Path) -> None:
        store.refresh()
        store.reboot()
        del store.overrides["tmp_dir"]
        store.record.unlink()
        config = store.config._replace(tmp_dir=str(tmp_path / "default"))
        from libpod.boot import refresh

        report = refresh.run(config)
        assert report.tmp_dir == str(store.tmp)
        assert (store.tmp / "alive").exists()
        assert not (tmp_path / "default").exists()

    def test_another_directory_by_option_is_refused(self, store: Store, tmp_path: Path) -> None:
        store.refresh()
        store.overrides["tmp_dir"] = str(tmp_path / "other")
        with pytest.raises(DatabaseMismatch, match="other") as caught:
            store.refresh()
        assert str(store.tmp) in caught.value.message
        assert not (tmp_path / "other").exists()

    def test_what_others_have_in_a_wrong_directory_stays(self, store: Store, tmp_path: Path) -> None:
        store.refresh()
        store.overrides["tmp_dir"] = str(tmp_path / "other")
        (tmp_path / "other").mkdir()
        (tmp_path / "other/alive.lck").write_text("")
        with pytest.raises(DatabaseMismatch):
            store.refresh()
        assert (tmp_path / "other/alive.lck").exists()

    @pytest.mark.parametrize(
        ("stored", "found", "ours", "matches"),
        [
            ("", "vfs", "overlay", False),
            ("", "vfs", "vfs", True),
            ("", "vfs", "", True),
            ("", "overlay", "overlay2", True),
            ("", "btrfs", "overlay", False),
            ("", None, "vfs", True),
            ("overlay", "overlay", "vfs", False),
            ("overlay", "vfs", "overlay2", True),
        ],
    )
    def test_storage_driver(
        self, make_store: Callable[..., Store], stored: str, found: str | None, ours: str, *, matches: bool
    ) -> None:
        """Podman 4.3 stores "" where no driver was named: then what is on the disk counts."""
        store = make_store(graph_driver_name=ours)
        (store.graph / f"{found}-images" if found else store.graph).mkdir(parents=True)
        database = store.open()
        with database.transaction() as tables:
            tables.store_config({"graph_driver": stored})  # type: ignore[attr-defined]
        database.close()
        if matches:
            assert store.refresh()["decision"] == "refresh"
            return
        before = store.rows()
        with pytest.raises(DatabaseMismatch) as caught:
            store.refresh()
        assert ours in caught.value.message
        assert (caught.value.stored, caught.value.hint) != ("", None)
        assert (stored or str(found)) in caught.value.message
        assert not (store.tmp / "alive").exists()
        assert store.rows() == before

    def test_boot_id_that_cannot_be_read(self, store: Store) -> None:
        store.boot_file.unlink()
        report = store.refresh()
        assert report["decision"] == "refresh"
        assert (store.tmp / "alive").read_bytes() == b""
        assert store.refresh()["decision"] == "noop"

    def test_damaged_record_counts_as_none(self, store: Store) -> None:
        store.record.write_bytes(b"{")
        report = store.refresh()
        assert report["decision"] == "refresh"
        assert "boot-record.json" in report["warnings"][0]
        assert marker.read_record(str(store.record)) is not None

    def test_late_mount(self, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        from libpod.boot import survey

        (tmp_path / "fstab").write_text(f"# disks\n/dev/sdz1 {tmp_path} ext4 nofail 0 2\n")
        monkeypatch.setattr(survey, "MOUNT_TABLE", str(tmp_path / "fstab"))
        before = store.rows()
        report = store.refresh()
        assert report["decision"] == "refuse"
        assert str(tmp_path) in report["reason"]
        assert store.rows() == before
        assert not (store.tmp / "alive").exists()

    def test_lock_of_somebody_else(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            BootLock.__init__, "__kwdefaults__", {"create": True, "timeout": 0.05, "on_wait": None}
        )
        with BootLock(str(store.tmp)), pytest.raises(LockTimeout):
            store.refresh()


class TestDryRun:
    def test_tells_the_same_and_changes_nothing(self, store: Store) -> None:
        def times() -> dict[Path, tuple[int, int, int]]:
            found = {}
            for path in store.root.rglob("*"):
                about = path.lstat()
                found[path] = (about.st_atime_ns, about.st_mtime_ns, about.st_ctime_ns)
            return found

        os.mkfifo(store.bundle(0) / "ctl")
        rows = store.rows()
        times()
        before = times()
        told = store.refresh(dry_run=True)
        assert times() == before
        assert store.rows() == rows
        done = store.refresh()
        assert told["dry_run"]
        for key in ("decision", "reason", "containers", "pods", "volumes", "locks", "database", "actions"):
            assert told[key] == done[key], key

    def test_of_a_reboot_with_duplicates(self, make_store: Callable[..., Store]) -> None:
        store = make_store()
        for number in range(3):
            store.container(number, lock=1)
        store.refresh()
        store.reboot()
        assert store.refresh(dry_run=True)["actions"] == store.refresh()["actions"]


def broken_container(store: Store) -> None:
    """Make the state of the first container no JSON."""
    overwrite(store, "state", b"{")


def overwrite(store: Store, part: str, text: bytes) -> None:
    """Store *text* as the first container's "state" or "config"."""
    if store.kind == "sqlite":
        import sqlite3

        connection = sqlite3.connect(store.database)
        table = f"Container{part.capitalize()}"
        connection.execute(f"UPDATE {table} SET JSON = ? WHERE ID = ?", (text.decode(), identifier(0)))
        connection.commit()
        connection.close()
        return
    from libpod import boltdb

    database = boltdb.Database.open(str(store.database))
    with database.update() as transaction:
        containers: Any = transaction.bucket(b"ctr")
        containers.bucket(identifier(0).encode()).put(part.encode(), text)
    database.close()


def test_a_broken_container_stops_no_other_and_keeps_its_lock(store: Store) -> None:
    broken_container(store)
    report = store.refresh()
    assert [entry["name"] for entry in report.containers.quarantined] == ["c0"]
    assert (report.containers.total, report.containers.reset) == (2, 1)
    assert store.stored(1).status == 6
    assert (store.tmp / "locks/0").exists()
    assert (store.tmp / "alive").exists()


def test_a_full_disk_ends_the_refresh_before_alive(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, *_arguments: object) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(FileError, match="No space left"):
        store.refresh()
    assert not (store.tmp / "alive").exists()


# ---------------------------------------------------------------- killed anywhere


def points_of(store: Store) -> list[str]:
    """The fail points that a refresh reaches, in order."""
    reached: list[str] = []
    failpoints.hook = reached.append
    try:
        store.refresh()
    finally:
        failpoints.hook = None
    return reached


def killed_at(store: Store, number: int) -> None:
    """Refresh in another process that is killed at its *number*th fail point."""
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
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def populate(store: Store) -> None:
    """Containers that ran, two of them with one lock, with leftovers; a pod and a volume."""
    for number in range(4):
        store.container(number, lock=min(number, 2))
        (store.bundle(number) / "attach").touch()
    store.pod(9, lock=8, cgroupParent="/libpod_parent", sharesCgroup=True)
    store.volume("data", lock=8)


def test_killed_anywhere_the_next_run_ends_the_same(
    make_store: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store()
    populate(store)
    pristine = tmp_path.with_name(f"{tmp_path.name}-pristine")
    _copy(store.root, pristine)
    points = points_of(store)
    assert len(points) > 8, points
    expected, rows = store.tree(), store.rows()
    assert (store.tmp / "alive").exists()
    for number, point in enumerate(points):
        _copy(pristine, store.root)
        killed_at(store, number)
        assert not (store.tmp / "alive").exists() or point == points[-1], point
        report = store.refresh()
        assert report["decision"] in ("refresh", "noop"), (point, report["reason"])
        assert store.rows() == rows, point
        assert store.tree() == expected, point


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


@pytest.fixture
def living(store: Store) -> Iterator[Store]:
    """The per-boot directory was lost, and the first container lives: its control pipe is read."""
    store.refresh()
    database = store.open()
    record = database.container(identifier(0))
    record.status = RUNNING
    database.save_container(record)
    database.close()
    os.mkfifo(store.bundle(0) / "ctl")
    reader = os.open(store.bundle(0) / "ctl", os.O_RDONLY | os.O_NONBLOCK)
    _remove_tree(store.tmp)
    yield store
    os.close(reader)


def test_live_container_with_a_damaged_specification_is_not_reset(living: Store) -> None:
    database = living.open()
    config = json.loads(database.container(identifier(0)).config_bytes())
    database.close()
    rest = json.dumps({key: value for key, value in config.items() if key != "id"})
    overwrite(living, "config", f'{{"spec":{{{{}},"id":"{identifier(0)}",{rest[1:]}'.encode())
    before = living.rows()
    report = living.refresh()
    assert report["decision"] == "adopt"
    assert [entry["name"] for entry in report.containers.quarantined] == ["c0"]
    assert living.rows() == before


def test_live_container_is_adopted_not_reset(living: Store) -> None:
    store, before = living, living.rows()
    report = store.refresh()
    assert report["decision"] == "adopt"
    assert (report.containers.adopted, report.containers.reset) == (1, 0)
    assert store.rows() == before
    assert sorted(path.name for path in (store.tmp / "locks").iterdir()) == ["0", "1", "2", "3"]
    assert (store.tmp / "alive").read_text() == f"{store.boot_id}\n"


def _remove_tree(path: Path) -> None:
    shutil.rmtree(path)
