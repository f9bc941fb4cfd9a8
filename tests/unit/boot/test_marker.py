"""The lock, the alive file, the boot record and the note of a refresh that was begun."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from libpod.boot import marker
from libpod.boot.marker import BootRecord
from libpod.errors import DecodeError, FileError, LockTimeout
from libpod.host import files
from libpod.locks.boot import BootLock

BOOT = "01234567-89ab-4def-8123-456789abcdef"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def sample(**changes: object) -> BootRecord:
    values: dict[str, object] = {
        "boot_id": BOOT, "machine_id": "a" * 32, "tmp_dir": "/run/libpod", "run_root": "/run/c",
        "database": "/var/db", "session": "24 one", "pid_namespace": 4026531836,
    }  # fmt: skip
    return BootRecord(**(values | changes))  # type: ignore[arg-type]


class TestAlive:
    def test_absent(self, tmp_path: Path) -> None:
        assert marker.read_alive(str(tmp_path)) is None

    def test_holds_exactly_boot_id_and_newline(self, tmp_path: Path) -> None:
        marker.write_alive(str(tmp_path), BOOT)
        assert (tmp_path / "alive").read_bytes() == BOOT.encode() + b"\n"
        assert mode(tmp_path / "alive") == 0o644

    def test_without_boot_id_is_empty(self, tmp_path: Path) -> None:
        marker.write_alive(str(tmp_path), None)
        assert (tmp_path / "alive").read_bytes() == b""

    @pytest.mark.parametrize(
        ("data", "text"),
        [(b"", ""), (b"\n", ""), (BOOT.encode() + b"\n", BOOT), (BOOT.encode(), BOOT), (b"a\nb\n", "a\nb"),
         (b"\xff\xfe", "\ufffd\ufffd"), (b" x ", " x ")],
    )  # fmt: skip
    def test_reads(self, tmp_path: Path, data: bytes, text: str) -> None:
        (tmp_path / "alive").write_bytes(data)
        alive = marker.read_alive(str(tmp_path))
        assert alive is not None
        assert alive.text == text
        assert alive.changed == (tmp_path / "alive").stat().st_ctime

    def test_a_directory_in_its_place_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "alive").mkdir()
        with pytest.raises(FileError, match="alive"):
            marker.read_alive(str(tmp_path))

    def test_a_symlink_in_its_place_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "alive").symlink_to("/etc/hostname")
        with pytest.raises(FileError, match="alive"):
            marker.read_alive(str(tmp_path))

    def test_replaces_a_symlink_and_follows_it_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "victim").write_text("precious")
        (tmp_path / "alive").symlink_to(tmp_path / "victim")
        marker.write_alive(str(tmp_path), BOOT)
        assert (tmp_path / "victim").read_text() == "precious"


class TestRecord:
    def test_round_trip(self, tmp_path: Path) -> None:
        path = str(tmp_path / "boot-record.json")
        for record in (sample(), sample(boot_id=None, machine_id=None, session=None, pid_namespace=None)):
            marker.write_record(path, record)
            assert marker.read_record(path) == record
        assert mode(tmp_path / "boot-record.json") == 0o600
        assert [entry.name for entry in tmp_path.iterdir()] == ["boot-record.json"]

    def test_absent(self, tmp_path: Path) -> None:
        assert marker.read_record(str(tmp_path / "boot-record.json")) is None

    def test_lies_beside_the_database(self) -> None:
        assert marker.record_path("/var/lib/c/libpod/bolt_state.db") == "/var/lib/c/libpod/boot-record.json"

    @pytest.mark.parametrize(
        "data",
        [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"version": 2}', b'{"version": "1"}'],
    )
    def test_what_cannot_be_understood(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "boot-record.json"
        path.write_bytes(data)
        with pytest.raises(DecodeError, match=r"boot-record\.json"):
            marker.read_record(str(path))

    @pytest.mark.parametrize(
        ("key", "value"),
        [("boot_id", 7), ("machine_id", []), ("tmp_dir", None), ("run_root", 1), ("database", None),
         ("session", {}), ("pid_namespace", "x")],
    )  # fmt: skip
    def test_wrong_type(self, tmp_path: Path, key: str, value: object) -> None:
        path = tmp_path / "boot-record.json"
        path.write_text(json.dumps(sample().as_dict() | {key: value}))
        with pytest.raises(DecodeError, match=key):
            marker.read_record(str(path))

    def test_unknown_keys_are_no_harm(self, tmp_path: Path) -> None:
        path = tmp_path / "boot-record.json"
        path.write_text(json.dumps(sample().as_dict() | {"later": [1]}))
        assert marker.read_record(str(path)) == sample()

    def test_says_what_it_holds(self) -> None:
        assert BOOT in repr(sample())
        assert sample() != sample(boot_id=None)
        assert sample() != "x"


class TestPending:
    def test_round_trip(self, tmp_path: Path) -> None:
        assert marker.read_pending(str(tmp_path), BOOT) is None
        marker.write_pending(str(tmp_path), BOOT, {7, 3})
        assert marker.read_pending(str(tmp_path), BOOT) == {3, 7}
        marker.remove_pending(str(tmp_path))
        assert marker.read_pending(str(tmp_path), BOOT) is None
        marker.remove_pending(str(tmp_path))

    def test_of_another_boot_does_not_count(self, tmp_path: Path) -> None:
        marker.write_pending(str(tmp_path), BOOT, ())
        assert marker.read_pending(str(tmp_path), "other") is None

    def test_without_boot_id_does_not_count(self, tmp_path: Path) -> None:
        marker.write_pending(str(tmp_path), None, ())
        assert marker.read_pending(str(tmp_path), None) is None

    @pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'{"boot_id": "%s"}' % BOOT.encode()])
    def test_written_by_halves_does_not_count(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "refresh.pending").write_bytes(data)
        assert marker.read_pending(str(tmp_path), BOOT) is None


class TestThisBoot:
    def test_session_is_stable_and_starts_with_ticks(self) -> None:
        session = marker.session()
        assert session is not None
        assert session == marker.session()
        assert session.split()[0].isdigit()

    def test_session_of_a_process_with_a_strange_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "stat").write_bytes(
            b"1 (a) S) b) S " + b" ".join(b"%d" % field for field in range(4, 53))
        )
        (tmp_path / "invocation").symlink_to("0123abc")
        monkeypatch.setattr(marker, "_INIT_STATUS", str(tmp_path / "stat"))
        monkeypatch.setattr(marker, "_JOURNAL_INVOCATION", str(tmp_path / "invocation"))
        assert marker.session() == "22 0123abc"
        monkeypatch.setattr(marker, "_JOURNAL_INVOCATION", str(tmp_path / "absent"))
        assert marker.session() == "22"

    @pytest.mark.parametrize("data", [None, b"", b"1 (init) S 0"])
    def test_session_that_cannot_be_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | None
    ) -> None:
        if data is not None:
            (tmp_path / "stat").write_bytes(data)
        monkeypatch.setattr(marker, "_INIT_STATUS", str(tmp_path / "stat"))
        assert marker.session() is None
        assert marker.system_start() == pytest.approx(files.boot_time(), abs=1)

    def test_system_start_is_between_boot_and_now(self) -> None:
        boot, start = files.boot_time(), marker.system_start()
        assert boot <= start + 0.001
        assert start <= time.time()

    def test_system_start_is_no_second_early(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine that is up again within a second: the alive file of Podman is older than the boot."""
        (tmp_path / "alive").touch()
        alive = marker.read_alive(str(tmp_path))
        assert alive is not None
        soon = int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")) + 2
        (tmp_path / "stat").write_text(f"1 (init) S {'0 ' * 18}{soon} 0")
        monkeypatch.setattr(marker, "_INIT_STATUS", str(tmp_path / "stat"))
        assert alive.changed < marker.system_start()

    def test_pid_namespace(self) -> None:
        assert marker.pid_namespace() == os.stat("/proc/self/ns/pid").st_ino


class Store:
    """A store whose refresh of this boot is finished."""

    def __init__(self, root: Path) -> None:
        self.tmp, self.static = root / "tmp", root / "static"
        self.static.mkdir()
        self.database = self.static / "bolt_state.db"
        self.database.touch()
        self.candidates = [str(root / "boot-record.json"), marker.record_path(str(self.database))]
        self.finish()

    def finish(self, **changes: object) -> None:
        """Write the marks of a finished refresh, with *changes* in the record."""
        values: dict[str, object] = {
            "boot_id": files.boot_id(), "machine_id": files.machine_id(), "session": marker.session(),
            "tmp_dir": str(self.tmp), "database": str(self.database),
        }  # fmt: skip
        record = sample(**(values | changes))
        with BootLock(str(self.tmp)):
            marker.write_record(marker.record_path(str(self.database)), record)
            marker.write_alive(str(self.tmp), record.boot_id)

    def finished(self, tmp_dir: str | None = None) -> BootRecord | None:
        return marker.finished(self.candidates, tmp_dir)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


class TestFinished:
    def test_this_boot_is_done(self, store: Store) -> None:
        record = store.finished()
        assert record is not None
        assert record.tmp_dir == str(store.tmp)
        assert store.finished(str(store.tmp) + "/../tmp/") is not None

    def test_changes_nothing(self, store: Store, tmp_path: Path) -> None:
        def times() -> dict[Path, tuple[int, int]]:
            return {path: (path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in tmp_path.rglob("*")}

        before = times()
        store.finished()
        assert times() == before

    def test_another_directory_is_asked_for(self, store: Store, tmp_path: Path) -> None:
        assert store.finished(str(tmp_path)) is None

    @pytest.mark.parametrize("name", ["alive", "alive.lck"])
    def test_file_is_missing(self, store: Store, name: str) -> None:
        (store.tmp / name).unlink()
        assert store.finished() is None
        assert not (store.tmp / name).exists()

    def test_podman_4_made_the_alive_file(self, store: Store) -> None:
        """It is empty; the record of this boot says what it does not."""
        (store.tmp / "alive").write_text("")
        assert store.finished() is not None
        store.finish(boot_id=BOOT)
        (store.tmp / "alive").write_text("")
        assert store.finished() is None

    @pytest.mark.parametrize("text", ["x\n", BOOT + "\n"])
    def test_alive_is_not_of_this_boot(self, store: Store, text: str) -> None:
        (store.tmp / "alive").write_text(text)
        assert store.finished() is None

    @pytest.mark.parametrize(
        ("key", "value"),
        [("boot_id", BOOT), ("boot_id", None), ("machine_id", "f" * 32), ("session", "1"), ("session", None),
         ("database", "/elsewhere/bolt_state.db")],
    )  # fmt: skip
    def test_record_says_otherwise(self, store: Store, key: str, value: object) -> None:
        store.finish(**{key: value})
        assert store.finished() is None

    def test_database_is_gone(self, store: Store) -> None:
        store.database.unlink()
        assert store.finished() is None

    def test_two_databases_have_records(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "db.sql").touch()
        marker.write_record(store.candidates[0], sample(database=str(tmp_path / "db.sql")))
        assert store.finished() is None
        (tmp_path / "db.sql").unlink()
        assert store.finished() is not None

    def test_record_was_copied_from_elsewhere(self, store: Store, tmp_path: Path) -> None:
        (store.static / "boot-record.json").rename(store.candidates[0])
        assert store.finished() is None

    def test_record_is_damaged(self, store: Store) -> None:
        (store.static / "boot-record.json").write_bytes(b"{")
        assert store.finished() is None

    def test_waits_for_a_refresh(self, store: Store) -> None:
        with BootLock(str(store.tmp)), pytest.raises(LockTimeout):
            marker.finished(store.candidates, None, timeout=0.05)
