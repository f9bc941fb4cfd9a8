"""Opening files, good and bad, and the two meta pages."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Database
from libpod.boltdb.layout import META_END, Meta, encode_meta
from libpod.errors import DatabaseClosed, DatabaseCorrupt, DatabaseLocked, FileError, InvalidState
from tests.unit.boltdb.helpers import (
    PAGE,
    change_meta,
    content,
    header,
    make,
    newest_meta,
    page_bytes,
    patch,
    problems,
    read_meta,
    require,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root for a while; nothing is done for a user who has none."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class TestNewFile:
    @pytest.mark.parametrize("mode", [0o600, 0o640])
    def test_has_the_mode_and_the_first_state(self, path: Path, mode: int) -> None:
        Database.open(path, mode=mode).close()
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.stat().st_size == 4 * PAGE
        assert [header(path, page)[:3] for page in range(4)] == [(0, 4, 0), (1, 4, 0), (2, 16, 0), (3, 2, 0)]
        assert [read_meta(path, slot).txid for slot in (0, 1)] == [0, 1]
        assert stored(path) == {}

    def test_empty_file_is_made_a_database(self, path: Path) -> None:
        path.touch()
        Database.open(path, create=False).close()
        assert stored(path) == {}

    @pytest.mark.parametrize("lost", [(0,), (3,), (0, 1), (1, 2, 3), (0, 1, 2, 3)])
    def test_file_whose_making_was_interrupted(self, path: Path, lost: tuple[int, ...]) -> None:
        Database.open(path).close()
        whole = path.read_bytes()
        for page in lost:
            patch(path, page * PAGE, b"\0" * PAGE)
        Database.open(path).close()
        assert path.read_bytes() == whole

    def test_smallest_file_with_data_is_not_made_anew(self, path: Path) -> None:
        make(path, {b"b": {}})
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"b")).put(b"k", b"v")
        meta = newest_meta(path)
        data = path.read_bytes()[: meta.high_water * PAGE]
        for page in range(2, 4):
            path.write_bytes((data[: page * PAGE] + b"\0" * PAGE)[: 4 * PAGE].ljust(4 * PAGE, b"\0"))
            with pytest.raises(DatabaseCorrupt):
                Database.open(path)

    def test_failed_making_leaves_an_empty_file(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        really = os.pwrite

        def half(descriptor: int, buffers: list[bytes], offset: int) -> int:
            really(descriptor, b"".join(buffers)[:PAGE], offset)
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "pwritev", half)
            with pytest.raises(FileError, match="No space left"):
                Database.open(path)
        assert path.stat().st_size == 0
        Database.open(path).close()
        assert stored(path) == {}

    @pytest.mark.parametrize("size", [1, 8, PAGE, 4 * PAGE - 1, 4 * PAGE + 1, 16 * PAGE])
    def test_other_file_of_zeros_is_not_touched(self, path: Path, size: int) -> None:
        path.write_bytes(b"\0" * size)
        with pytest.raises(DatabaseCorrupt):
            Database.open(path)
        assert path.read_bytes() == b"\0" * size

    def test_path_can_be_text_bytes_or_an_object(self, path: Path) -> None:
        for given in (str(path), path):
            with Database.open(given) as db:
                assert db.path == str(path)

    def test_missing_file(self, path: Path) -> None:
        for create, read_only in ((False, False), (False, True), (True, True)):
            with pytest.raises(FileError, match=r"open .*test\.db: No such file") as caught:
                Database.open(path, create=create, read_only=read_only)
            assert caught.value.errno == 2
        assert not path.exists()

    def test_grows_in_steps(self, path: Path) -> None:
        with Database.open(path) as db:
            for size, expected in ((10, 32 << 10), (40 << 10, 128 << 10), (9 << 20, 16 << 20)):
                with db.update() as tx:
                    tx.create_bucket_if_missing(b"b").put(b"k", b"v" * size)
                assert path.stat().st_size == expected
            with db.update() as tx:
                require(tx.bucket(b"b")).put(b"k", b"v" * (17 << 20))
            assert newest_meta(path).high_water * PAGE < path.stat().st_size <= (60 << 20)


class TestReadOnly:
    def test_sees_everything_and_changes_nothing(self, path: Path) -> None:
        make(path, {b"b": {b"k": b"v"}})
        path.chmod(0o400)
        before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ctime_ns
        with Database.open(path, read_only=True) as db:
            with db.view() as tx:
                assert content(tx) == {b"b": {b"k": b"v"}}
            with pytest.raises(InvalidState, match="for reading only"):
                db.update()
        assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ctime_ns) == before

    def test_leaves_no_access_time(self, path: Path) -> None:
        make(path, {b"b": {b"k": b"v"}})
        os.utime(path, (1000, 2000))  # older than the last change: relatime would note the access
        stored(path)
        assert path.stat().st_atime == 1000

    def test_file_of_somebody_else(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only the owner may ask for no access time; others read all the same."""
        make(path, {b"b": {}})
        really = os.open

        def refuse(name: str, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_NOATIME:
                raise PermissionError(1, "Operation not permitted")
            return really(name, flags, mode)

        monkeypatch.setattr(os, "open", refuse)
        assert stored(path) == {b"b": {}}

    def test_two_readers_at_once(self, path: Path) -> None:
        make(path, {b"b": {}})
        with (
            Database.open(path, read_only=True) as one,
            Database.open(path, read_only=True, timeout=0) as two,
        ):
            with one.view() as first, two.view() as second:
                assert content(first) == content(second)
            with pytest.raises(DatabaseLocked):
                Database.open(path, timeout=0)

    def test_empty_file(self, path: Path) -> None:
        path.touch()
        with pytest.raises(DatabaseCorrupt, match=r"test\.db: the file is empty"):
            Database.open(path, read_only=True)
        assert path.stat().st_size == 0


class TestClose:
    def test_everything_ends(self, path: Path) -> None:
        db = Database.open(path)
        writer, reader = db.update(), db.view()
        writer.create_bucket(b"b")
        db.close()
        db.close()
        for action in (db.view, db.update, reader.check, lambda: writer.create_bucket(b"c")):
            with pytest.raises(DatabaseClosed):
                action()
        assert stored(path) == {}

    def test_lock_is_free_again(self, path: Path) -> None:
        Database.open(path).close()
        Database.open(path, timeout=0).close()

    def test_lock_is_free_after_a_failed_open(self, path: Path) -> None:
        path.write_bytes(b"no database" * 1000)
        for _ in range(2):
            with pytest.raises(DatabaseCorrupt):
                Database.open(path, timeout=0)

    def test_forgotten_database_gives_its_lock_back(self, path: Path) -> None:
        db = Database.open(path)
        with pytest.warns(ResourceWarning):
            del db
        Database.open(path, timeout=0).close()


class TestBadPlaces:
    @pytest.mark.parametrize("read_only", [False, True])
    def test_directory(self, tmp_path: Path, read_only: bool) -> None:
        with pytest.raises(FileError, match="Is a directory") as caught:
            Database.open(tmp_path, read_only=read_only)
        assert caught.value.hint

    @pytest.mark.parametrize("read_only", [False, True])
    def test_fifo_does_not_hang(self, path: Path, read_only: bool) -> None:
        os.mkfifo(path)
        with pytest.raises(FileError, match="Not a regular file"):
            Database.open(path, read_only=read_only)

    @pytest.mark.parametrize("read_only", [False, True])
    def test_device(self, read_only: bool) -> None:
        with pytest.raises(FileError, match="Not a regular file"):
            Database.open("/dev/null", read_only=read_only)

    def test_no_directory_for_it(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match="No such file"):
            Database.open(tmp_path / "absent" / "test.db")

    def test_circle_of_links(self, path: Path) -> None:
        path.symlink_to(path)
        with pytest.raises(FileError, match="symbolic links"):
            Database.open(path)

    def test_link_to_a_database(self, path: Path, tmp_path: Path) -> None:
        make(path, {b"b": {}})
        (tmp_path / "link").symlink_to(path)
        assert stored(tmp_path / "link") == {b"b": {}}

    def test_no_permission(self, path: Path) -> None:
        make(path, {})
        path.chmod(0)
        with as_nobody(), pytest.raises(FileError, match="Permission denied") as caught:
            Database.open(path)
        assert "another user" in (caught.value.hint or "")

    @pytest.mark.parametrize(
        ("number", "hint"), [(13, "another user"), (30, "read-only"), (28, "free some space"), (122, "quota")]
    )
    def test_hints(self, path: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str) -> None:
        def refuse(*arguments: object) -> int:
            raise OSError(number, os.strerror(number), str(path))

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(FileError, match=r"open .*test\.db") as caught:
            Database.open(path)
        assert hint in (caught.value.hint or "")

    def test_reading_fails(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make(path, {b"b": {}})

        def fail(*arguments: object) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(FileError, match=r"read .*test\.db: Input/output error"):
            Database.open(path, read_only=True)

    def test_replaced_while_waiting_for_the_lock(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make(path, {b"old": {}})
        make(path.with_suffix(".new"), {b"new": {}})
        from libpod.boltdb import lock

        really = lock.acquire

        def acquire(*arguments: object, **options: object) -> None:
            really(*arguments, **options)  # type: ignore[arg-type]
            if path.with_suffix(".new").exists():
                path.with_suffix(".new").rename(path)

        monkeypatch.setattr(lock, "acquire", acquire)
        with Database.open(path) as db, db.view() as tx:
            assert content(tx) == {b"new": {}}


class TestOtherBytes:
    @pytest.mark.parametrize(
        "data",
        [b"x", b"SQLite format 3\0" + b"\0" * 8000, b"\xff" * 40_000, b"{}\n" * 3000],
        ids=["one byte", "sqlite", "ones", "json"],
    )
    @pytest.mark.parametrize("read_only", [False, True])
    def test_no_bolt_file(self, path: Path, data: bytes, read_only: bool) -> None:
        path.write_bytes(data)
        with pytest.raises(
            DatabaseCorrupt, match=r"test\.db: not a bolt database, or damaged: meta page 0"
        ) as caught:
            Database.open(path, read_only=read_only)
        assert caught.value.path == str(path)
        assert caught.value.hint
        assert path.read_bytes() == data

    def test_every_truncation(self, path: Path) -> None:
        make(path, {b"b": {b"%d" % number: b"v" * 500 for number in range(40)}})
        whole = path.read_bytes()
        for size in [*range(1, 200, 17), *range(500, newest_meta(path).high_water * PAGE, 1000)]:
            path.write_bytes(whole[:size])
            with pytest.raises(DatabaseCorrupt, match=r"test\.db"):
                Database.open(path)
            assert path.stat().st_size == size

    def test_truncation_names_the_first_missing_page(self, path: Path) -> None:
        make(path, {b"b": {b"k": b"v" * 40_000}})
        high_water = newest_meta(path).high_water
        os.truncate(path, 9 * PAGE + 5)
        with pytest.raises(
            DatabaseCorrupt, match=rf"page 9: the file ends .* up to {high_water - 1} are in use"
        ):
            Database.open(path, read_only=True)

    def test_unused_end_may_be_cut_off(self, path: Path) -> None:
        make(path, {b"b": {b"k": b"v"}})
        os.truncate(path, newest_meta(path).high_water * PAGE)
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"b")).put(b"k", b"v" * 9000)
        assert stored(path) == {b"b": {b"k": b"v" * 9000}}


class TestMetaPages:
    DAMAGES: dict[str, Callable[[bytes], bytes]] = {
        "zeros": lambda page: b"\0" * len(page),
        "ones": lambda page: b"\xff" * len(page),
        "checksum": lambda page: page[: META_END - 1] + bytes([page[META_END - 1] ^ 1]) + page[META_END:],
        "root": lambda page: page[:32] + bytes([page[32] ^ 1]) + page[33:],
        "half": lambda page: page[:40] + b"\0" * (len(page) - 40),
    }

    @pytest.mark.parametrize("damage", DAMAGES)
    @pytest.mark.parametrize("lost", ["newer", "older"])
    def test_the_other_one_is_used_and_said_so(self, path: Path, damage: str, lost: str) -> None:
        make(path, {b"b": {b"k": b"old"}})
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"b")).put(b"k", b"new")
        newer = newest_meta(path).slot
        slot = newer if lost == "newer" else 1 - newer
        patch(path, slot * PAGE, self.DAMAGES[damage](page_bytes(path, slot)))
        for read_only in (True, False):
            with Database.open(path, read_only=read_only) as db, db.view() as tx:
                assert content(tx) == {b"b": {b"k": b"old" if lost == "newer" else b"new"}}
                assert problems(tx) == []
                assert len(db.warnings) == 1
                assert db.warnings[0].startswith(f"meta page {slot} is invalid (")
                assert f"meta page {1 - slot} is used" in db.warnings[0]

    @pytest.mark.parametrize("slot", [0, 1])
    def test_the_next_commit_repairs_it(self, path: Path, slot: int) -> None:
        make(path, {b"b": {b"k": b"old"}})
        for value in (b"1", b"2"):  # both states hold the bucket
            with Database.open(path) as db, db.update() as tx:
                require(tx.bucket(b"b")).put(b"k", value)
        patch(path, slot * PAGE, b"\0" * PAGE)
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"b")).put(b"k", b"new")
        assert stored(path) == {b"b": {b"k": b"new"}}

    def test_both_are_lost(self, path: Path) -> None:
        make(path, {b"b": {b"k": b"v"}})
        for slot in (0, 1):
            patch(path, slot * PAGE + 16, b"\1\2\3\4")
        with pytest.raises(DatabaseCorrupt, match=r"meta page 0: wrong magic .*; meta page 1: wrong magic"):
            Database.open(path)

    def test_both_have_the_same_number(self, path: Path) -> None:
        """`bbolt surgery revert-meta-page` leaves a file like this."""
        make(path, {b"b": {b"k": b"old"}})
        good = newest_meta(path)
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"b")).put(b"k", b"lost")
        patch(path, (1 - good.slot) * PAGE, page_bytes(path, good.slot))
        for value in (b"1", b"2", b"3"):
            with Database.open(path) as db, db.update() as tx:
                require(tx.bucket(b"b")).put(b"k", value)
            assert stored(path) == {b"b": {b"k": value}}

    def test_only_valid_one_stands_in_the_wrong_place(self, path: Path) -> None:
        make(path, {b"b": {b"k": b"old"}})
        good = newest_meta(path)
        patch(path, (1 - good.slot) * PAGE, page_bytes(path, good.slot))
        patch(path, good.slot * PAGE, b"\0" * PAGE)
        before = page_bytes(path, 1 - good.slot)
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"b")).put(b"k", b"new")
        assert page_bytes(path, 1 - good.slot) == before  # never overwrites the only state there is
        assert stored(path) == {b"b": {b"k": b"new"}}

    @pytest.mark.parametrize("page_size", [1024, 2048, 8192, 16384, 65536])
    @pytest.mark.parametrize("lost", [None, 0])
    def test_other_page_sizes(self, path: Path, page_size: int, lost: int | None) -> None:
        write_empty_file(path, page_size)
        if lost is not None:
            patch(path, 16, b"\0" * 64)
        with Database.open(path) as db:
            for number in range(3):
                with db.update() as tx:
                    bucket = tx.create_bucket_if_missing(b"b")
                    for key in range(500):
                        bucket.put(b"%d/%d" % (number, key), b"v" * key)
            with db.view() as tx:
                assert problems(tx) == []
                assert len(list(require(tx.bucket(b"b")))) == 1500
        assert newest_page_size(path) == page_size

    def test_metas_of_different_page_sizes(self, path: Path) -> None:
        make(path, {b"b": {}})
        change_meta(
            path, lambda meta: setattr(meta, "page_size", PAGE * 2), slots=(1 - newest_meta(path).slot,)
        )
        with Database.open(path, read_only=True) as db:
            assert len(db.warnings) == 1


def write_empty_file(path: Path, page_size: int) -> None:
    parts = [
        encode_meta(
            Meta(page_size=page_size, root=3, sequence=0, freelist=2, high_water=4, txid=slot, slot=slot)
        )
        for slot in (0, 1)
    ]
    parts += [
        bytes([page, 0, 0, 0, 0, 0, 0, 0, kind, 0, 0, 0]).ljust(page_size, b"\0")
        for page, kind in ((2, 16), (3, 2))
    ]
    path.write_bytes(b"".join(parts))


def newest_page_size(path: Path) -> int:
    with Database.open(path, read_only=True) as db:
        return db._current_meta().page_size
