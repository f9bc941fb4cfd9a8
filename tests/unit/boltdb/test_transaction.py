"""Transactions: commit, rollback, isolation, reuse of pages, early writing."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pytest

from libpod import failpoints
from libpod.boltdb import Database, Transaction
from libpod.boltdb.layout import NO_FREELIST, Meta
from libpod.boltdb.transaction import BUFFER_BYTES
from libpod.errors import DatabaseClosed, FileError, InvalidState
from tests.unit.boltdb.helpers import (
    PAGE,
    Content,
    change_meta,
    content,
    fill,
    make,
    newest_meta,
    numbered,
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


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    with Database.open(path) as database:
        yield database


def put(db: Database, key: bytes, value: bytes) -> None:
    with db.update() as tx:
        tx.create_bucket_if_missing(b"b").put(key, value)


class StopError(Exception):
    """Raised by tests at a fail point."""


def stop_at(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception | None = None) -> None:
    def hook(reached: str) -> None:
        if reached == name:
            raise error or StopError(name)

    monkeypatch.setattr(failpoints, "hook", hook)


class TestEnd:
    def test_exception_rolls_back(self, db: Database) -> None:
        put(db, b"k", b"1")
        with pytest.raises(StopError), db.update() as tx:  # noqa: PT012
            require(tx.bucket(b"b")).put(b"k", b"2")
            raise StopError
        with db.view() as tx:
            assert content(tx) == {b"b": {b"k": b"1"}}

    def test_commit_and_rollback_by_hand(self, db: Database) -> None:
        tx = db.update()
        tx.create_bucket(b"b")
        tx.commit()
        tx = db.update()
        tx.create_bucket(b"c")
        tx.rollback()
        tx.rollback()
        with db.view() as tx:
            assert content(tx) == {b"b": {}}

    def test_commit_inside_the_block(self, db: Database) -> None:
        with db.update() as tx:
            tx.create_bucket(b"b")
            tx.commit()
        with db.view() as tx:
            assert content(tx) == {b"b": {}}

    def test_ended_transaction(self, db: Database) -> None:
        for tx in (db.view(), db.update()):
            tx.rollback()
            actions: list[Callable[[], object]] = [tx.commit, tx.pages, tx.check, partial(tx.bucket, b"b")]
            for action in actions:
                with pytest.raises(DatabaseClosed, match="the transaction has ended"):
                    action()

    def test_reader_has_nothing_to_commit(self, db: Database) -> None:
        with db.view() as tx, pytest.raises(InvalidState):
            tx.commit()

    def test_one_writer_at_a_time(self, db: Database) -> None:
        with db.update(), pytest.raises(InvalidState, match="a write transaction is open already"):
            db.update()
        with db.update():
            pass

    def test_nothing_changed_nothing_written(self, db: Database, path: Path) -> None:
        put(db, b"k", b"v")
        before = path.read_bytes(), path.stat().st_mtime_ns
        with db.update() as tx:
            assert require(tx.bucket(b"b")).get(b"k") == b"v"
            require(tx.bucket(b"b")).flush()
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before

    def test_numbers_count_up_and_alternate_the_meta_pages(self, db: Database, path: Path) -> None:
        for txid in range(2, 8):
            with db.update() as tx:
                assert tx.txid == txid
                tx.create_bucket(b"%d" % txid)
            assert read_meta(path, txid % 2).txid == txid
            with db.view() as tx:
                assert tx.txid == txid


class TestSyncs:
    @pytest.fixture
    def syncs(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        events: list[str] = []
        really = os.fdatasync

        def fdatasync(descriptor: int) -> None:
            events.append("fdatasync")
            really(descriptor)

        monkeypatch.setattr(os, "fdatasync", fdatasync)
        monkeypatch.setattr(failpoints, "hook", events.append)
        return events

    def test_commit_syncs_twice(self, db: Database, syncs: list[str]) -> None:
        put(db, b"k", b"v")
        assert syncs == [
            "boltdb.write",
            "boltdb.sync_data",
            "fdatasync",
            "boltdb.meta",
            "boltdb.sync_meta",
            "fdatasync",
        ]

    def test_also_when_the_file_grows_and_is_written_in_parts(self, db: Database, syncs: list[str]) -> None:
        put(db, b"k", b"v" * (3 * BUFFER_BYTES))
        with db.update() as tx:
            fill(tx, {b"%d" % number: {b"k": b"v" * 500_000} for number in range(20)})
            for _, bucket in tx.buckets():
                bucket.flush()
        assert syncs.count("fdatasync") == 4
        assert syncs.count("boltdb.write") > 4

    def test_reading_syncs_nothing(self, db: Database, syncs: list[str]) -> None:
        with db.view() as tx:
            content(tx)
        assert syncs == []


class TestIsolation:
    def test_reader_keeps_its_state(self, db: Database) -> None:
        wanted: Content = {b"b": numbered(3000)}
        with db.update() as tx:
            fill(tx, wanted)
        reader = db.view()
        for number in range(12):
            with db.update() as tx:
                bucket = require(tx.bucket(b"b"))
                for key in list(bucket)[number::7]:
                    bucket.put(key, b"other" * number)
        assert content(reader) == wanted
        assert problems(reader) == []
        reader.rollback()
        with db.view() as tx:
            assert content(tx) != wanted
            assert problems(tx) == []

    def test_readers_of_several_states(self, db: Database) -> None:
        readers: list[tuple[Transaction, Content]] = []
        for number in range(30):
            put(db, b"k%d" % (number % 7), b"v" * (number * 700))
            reader = db.view()
            readers.append((reader, content(reader)))
            if number % 3 == 0:
                old, expected = readers.pop(number // 4 % len(readers))
                assert content(old) == expected
                old.rollback()
        for reader, expected in readers:
            assert content(reader) == expected
            reader.rollback()
        with db.view() as tx:
            assert problems(tx) == []

    def test_reader_does_not_see_an_open_writer(self, db: Database) -> None:
        put(db, b"k", b"1")
        with db.update() as writer:
            require(writer.bucket(b"b")).put(b"k", b"2")
            require(writer.bucket(b"b")).flush()
            with db.view() as reader:
                assert content(reader) == {b"b": {b"k": b"1"}}

    def test_rollback_of_a_writer_does_not_hurt_a_reader(self, db: Database) -> None:
        put(db, b"k", b"1" * 9000)
        reader = db.view()
        put(db, b"k", b"2" * 9000)
        for _ in range(3):
            writer = db.update()
            require(writer.bucket(b"b")).put(b"k", b"3" * 30_000)
            require(writer.bucket(b"b")).flush()
            writer.rollback()
        assert content(reader) == {b"b": {b"k": b"1" * 9000}}
        reader.rollback()


class TestPagesAreUsedAgain:
    def test_file_does_not_grow_without_end(self, db: Database, path: Path) -> None:
        for number in range(200):
            put(db, b"k", bytes([number]) * 20_000)
        assert path.stat().st_size <= 128 * 1024

    def test_also_when_reopened(self, path: Path) -> None:
        for number in range(60):
            with Database.open(path) as db:
                put(db, b"k", bytes([number]) * 20_000)
        assert path.stat().st_size <= 128 * 1024
        assert stored(path) == {b"b": {b"k": bytes([59]) * 20_000}}

    def test_not_while_a_reader_needs_them(self, db: Database) -> None:
        put(db, b"k", b"1" * 20_000)
        with db.view() as reader:
            used = set(reader.pages())
            for number in range(10):
                put(db, b"k", b"%d" % number * 20_000)
                with db.view() as tx:
                    assert not used & set(tx.pages())

    def test_old_state_stays_whole_for_one_commit(self, db: Database, path: Path) -> None:
        """The older meta page is the way back when the newer one is lost."""
        for number in range(20):
            put(db, b"k", bytes([number]) * 9000)
            copy = path.with_suffix(".copy")
            copy.write_bytes(path.read_bytes())
            patch(copy, newest_meta(path).slot * PAGE, b"\0" * PAGE)
            with Database.open(copy, read_only=True) as older, older.view() as tx:
                assert content(tx) == ({b"b": {b"k": bytes([number - 1]) * 9000}} if number else {})
                assert len(older.warnings) == 1

    def test_pages_of_the_transaction_itself(self, db: Database) -> None:
        with db.update() as tx:
            bucket = tx.create_bucket(b"b")
            for number in range(300):
                bucket.put(b"k", bytes([number % 256]) * 20_000)
                bucket.flush()
        with db.view() as tx:
            assert problems(tx) == []
            assert newest_meta_of(db).high_water < 30

    def test_long_free_list(self, db: Database, path: Path) -> None:
        """More than 65,534 free pages: the list keeps its length in its first entry."""
        size = 66_000 * PAGE
        put(db, b"k", b"")
        with db.update() as tx:
            tx._high_water += size // PAGE  # as if so many pages had been used once
            tx._free.release(newest_meta(path).high_water, size // PAGE)
            tx.create_bucket(b"c")
        assert newest_meta(path).high_water > 66_000
        for number in range(3):
            with reopened(db, path) as again:
                put(again, b"k", b"%d" % number)
                with again.view() as tx:
                    assert problems(tx) == []
        assert newest_meta(path).high_water < 66_600


def newest_meta_of(db: Database) -> Meta:
    return db._current_meta()


def reopened(db: Database, path: Path) -> Database:
    db.close()
    return Database.open(path)


class TestNoFreeList:
    """bbolt need not store the free list: whoever writes next finds the free pages by a walk."""

    def test_reading_and_writing(self, path: Path) -> None:
        wanted: Content = {b"b": {**numbered(2000), b"c": {b"k": b"v" * 9000}}}
        make(path, wanted)
        with Database.open(path) as db:
            for number in range(5):
                put(db, b"big", b"%d" % number * 30_000)
        high_water = newest_meta(path).high_water
        change_meta(path, lambda meta: setattr(meta, "freelist", NO_FREELIST))
        with Database.open(path) as db:
            with db.view() as tx:
                assert problems(tx) == []
            put(db, b"big", b"x" * 30_000)
            with db.view() as tx:
                assert problems(tx) == []
                assert require(tx.bucket(b"b")).get(b"big") == b"x" * 30_000
        assert newest_meta(path).freelist != NO_FREELIST
        assert newest_meta(path).high_water <= high_water + 1
        assert stored(path) == {b"b": {**wanted_bucket(wanted), b"big": b"x" * 30_000}}


def wanted_bucket(wanted: Content) -> Content:
    inner = wanted[b"b"]
    assert isinstance(inner, dict)
    return inner


class TestFlush:
    def test_content_is_the_same(self, path: Path) -> None:
        wanted: Content = {
            b"b": {b"%03d" % n: {b"config": b"c" * 8000, b"state": b"s" * n} for n in range(300)}
        }
        with Database.open(path) as db:
            with db.update() as tx:
                outer = tx.create_bucket(b"b")
                for name, inner in wanted_bucket(wanted).items():
                    assert isinstance(inner, dict)
                    fill(outer.create_bucket(name), inner)
                    require(outer.bucket(name)).flush()
                assert content(tx) == wanted
            with db.view() as tx:
                assert problems(tx) == []
        assert stored(path) == wanted

    def test_memory_is_given_back(self, db: Database) -> None:
        with db.update() as tx:
            bucket = tx.create_bucket(b"b")
            for number in range(100):
                inner = bucket.create_bucket(b"%d" % number)
                inner.put(b"k", b"v" * 100_000)
                inner.flush()
                assert inner._node is None
            assert sum(map(len, tx._buffer.values())) < BUFFER_BYTES
            assert sum(len(page.keys) for page in tx._cache.values()) < 100

    def test_bucket_can_be_changed_afterwards(self, db: Database) -> None:
        with db.update() as tx:
            bucket = tx.create_bucket(b"b")
            for number in range(2000):
                bucket.put(b"%04d" % (number * 7919 % 2000), b"%d" % number)
                if number % 97 == 0:
                    bucket.flush()
                    bucket.delete(b"%04d" % (number * 7919 % 2000))
        with db.view() as tx:
            assert problems(tx) == []
            bucket = require(tx.bucket(b"b"))
            assert len(list(bucket)) == 2000 - 21

    def test_rolled_back_flush_leaves_nothing(self, db: Database, path: Path) -> None:
        put(db, b"k", b"v")
        size = path.stat().st_size
        with pytest.raises(StopError), db.update() as tx:  # noqa: PT012
            tx.create_bucket(b"c").put(b"k", b"v" * (3 * BUFFER_BYTES))
            require(tx.bucket(b"c")).flush()
            assert path.stat().st_size > 2 * BUFFER_BYTES
            raise StopError
        assert path.stat().st_size == size
        with db.view() as tx:
            assert content(tx) == {b"b": {b"k": b"v"}}
            assert problems(tx) == []

    def test_nested_buckets_are_written_too(self, db: Database) -> None:
        with db.update() as tx:
            bucket = tx.create_bucket(b"b")
            inner = bucket.create_bucket(b"c").create_bucket(b"d")
            inner.put(b"k", b"v" * 5000)
            bucket.flush()
            assert inner._node is None
            assert inner.get(b"k") == b"v" * 5000
        with db.view() as tx:
            assert content(tx) == {b"b": {b"c": {b"d": {b"k": b"v" * 5000}}}}


POINTS = ["boltdb.write", "boltdb.sync_data", "boltdb.meta"]


class TestFailures:
    @pytest.mark.parametrize("point", POINTS)
    def test_error_before_the_meta_page_leaves_the_old_state(
        self, db: Database, path: Path, monkeypatch: pytest.MonkeyPatch, point: str
    ) -> None:
        put(db, b"k", b"1")
        size = path.stat().st_size
        stop_at(monkeypatch, point)
        with pytest.raises(StopError):
            put(db, b"k", b"2" * 100_000)
        monkeypatch.setattr(failpoints, "hook", None)
        assert path.stat().st_size == size
        with db.view() as tx:
            assert content(tx) == {b"b": {b"k": b"1"}}
            assert problems(tx) == []
        put(db, b"k", b"3" * 100_000)
        assert stored_after(db, path) == {b"b": {b"k": b"3" * 100_000}}

    def test_error_of_the_last_sync_leaves_one_of_both_states(
        self, db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(db, b"k", b"1")
        stop_at(monkeypatch, "boltdb.sync_meta")
        with pytest.raises(StopError):
            put(db, b"k", b"2" * 100_000)
        monkeypatch.setattr(failpoints, "hook", None)
        with db.view() as tx:
            assert content(tx) == {b"b": {b"k": b"2" * 100_000}}
            assert problems(tx) == []
        put(db, b"k", b"3")
        assert stored_after(db, path) == {b"b": {b"k": b"3"}}

    def test_failed_flush_forbids_the_commit(
        self, db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(db, b"k", b"1")
        tx = db.update()
        bucket = require(tx.bucket(b"b"))
        bucket.put(b"k", b"2" * (2 * BUFFER_BYTES))
        stop_at(monkeypatch, "boltdb.write")
        with pytest.raises(StopError):
            bucket.flush()
        monkeypatch.setattr(failpoints, "hook", None)
        for action in (tx.commit, bucket.flush, lambda: bucket.put(b"k", b"3")):
            with pytest.raises(InvalidState, match="it can only be rolled back"):
                action()
        tx.rollback()
        assert stored_after(db, path) == {b"b": {b"k": b"1"}}

    def test_short_writes_are_continued(
        self, db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really = os.pwrite
        monkeypatch.setattr(
            os, "pwritev", lambda fd, buffers, offset: really(fd, b"".join(buffers)[:5000], offset)
        )
        monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: really(fd, data[:7001], offset))
        wanted = {b"%d" % number: os.urandom(30_000) for number in range(10)}
        for key, value in wanted.items():
            put(db, key, value)
        assert stored_after(db, path) == {b"b": wanted}

    @pytest.mark.parametrize("call", ["pwritev", "ftruncate", "fdatasync"])
    def test_errors_of_the_system_are_named(
        self, db: Database, path: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        put(db, b"k", b"1")

        def fail(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, call, fail)
            with pytest.raises(FileError, match=r"test\.db: No space left on device") as caught:
                put(db, b"k", b"2" * 200_000)
        assert caught.value.errno == 28
        assert "free some space" in (caught.value.hint or "")
        with db.view() as tx:
            assert content(tx) == {b"b": {b"k": b"1"}}
        put(db, b"k", b"3" * 200_000)
        assert stored_after(db, path) == {b"b": {b"k": b"3" * 200_000}}

    def test_file_that_cannot_be_shortened_again_is_only_reported(
        self, db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(db, b"k", b"1")

        def fail(reached: str) -> None:
            monkeypatch.setattr(os, "ftruncate", no_truncate)
            raise StopError

        def no_truncate(*arguments: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(
            failpoints, "hook", lambda name: fail(name) if name == "boltdb.sync_data" else None
        )
        with pytest.raises(StopError):
            put(db, b"k", b"2" * 200_000)
        monkeypatch.undo()
        assert len(db.warnings) == 1
        assert "longer than it needs to be" in db.warnings[0]
        put(db, b"k", b"3")
        assert stored_after(db, path) == {b"b": {b"k": b"3"}}


def stored_after(db: Database, path: Path) -> Content:
    db.close()
    return stored(path)
