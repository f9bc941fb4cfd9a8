"""Buckets: keys, values, buckets in buckets, sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from libpod.boltdb import Bucket, Database
from libpod.errors import DatabaseClosed, InvalidArgument, InvalidState, NoSuchObject, ObjectExists
from tests.unit.boltdb.helpers import Content, content, fill, make, numbered, problems, require, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    with Database.open(path) as database:
        yield database


def test_value_can_be_read_before_and_after_the_commit(db: Database) -> None:
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        bucket.put(b"key", b"value")
        assert bucket.get(b"key") == b"value"
    with db.view() as tx:
        assert require(tx.bucket(b"b")).get(b"key") == b"value"


def test_what_is_absent_is_none(db: Database) -> None:
    with db.update() as tx:
        assert tx.bucket(b"b") is None
        bucket = tx.create_bucket(b"b")
        assert bucket.get(b"key") is None
        assert bucket.bucket(b"key") is None
        assert bucket.get(b"") is None


def test_membership_counts_values_and_buckets(db: Database) -> None:
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        fill(bucket, {b"value": b"v", b"bucket": {}})
        assert b"value" in bucket
        assert b"bucket" in bucket
        assert b"absent" not in bucket
        assert list(bucket) == [b"bucket", b"value"]


def test_empty_value_is_not_none(db: Database) -> None:
    with db.update() as tx:
        tx.create_bucket(b"b").put(b"key", b"")
    with db.view() as tx:
        assert require(tx.bucket(b"b")).get(b"key") == b""


def test_put_replaces(db: Database) -> None:
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        bucket.put(b"key", b"one")
        bucket.put(b"key", b"two")
    with db.update() as tx:
        require(tx.bucket(b"b")).put(b"key", b"three")
    with db.view() as tx:
        assert content(tx) == {b"b": {b"key": b"three"}}


def test_later_changes_of_the_callers_buffers_do_not_matter(db: Database) -> None:
    key, value = bytearray(b"key"), bytearray(b"value")
    given = cast("bytes", key), cast("bytes", value)
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        bucket.put(*given)
        key[0] = value[0] = 0
        assert content(tx) == {b"b": {b"key": b"value"}}


@pytest.mark.parametrize("size", [1, 2, 100, 4095, 4096, 4097, 32767, 32768])
def test_keys_of_every_allowed_size(path: Path, size: int) -> None:
    keys = [bytes([letter]) + b"k" * (size - 1) for letter in range(12)]
    make(path, {b"b": dict.fromkeys(keys, b"value")})
    assert stored(path) == {b"b": dict.fromkeys(keys, b"value")}


@pytest.mark.parametrize("size", [0, 32769])
def test_keys_of_other_sizes_are_refused(db: Database, size: int) -> None:
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        for action in (lambda: bucket.put(b"k" * size, b""), lambda: bucket.create_bucket(b"k" * size)):
            with pytest.raises(InvalidArgument, match=f"key of {size} bytes"):
                action()
        with pytest.raises(InvalidArgument):
            tx.create_bucket(b"k" * size)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 1000, 4000, 4064, 4065, 8192, 100_000, 3_000_000])
def test_values_of_every_size(path: Path, size: int) -> None:
    wanted: Content = {b"b": {b"before": b"1", b"key": b"v" * size, b"later": b"2"}}
    make(path, wanted)
    assert stored(path) == wanted


def test_oversized_value_is_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libpod.boltdb.bucket.MAX_VALUE_SIZE", 10)
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        bucket.put(b"key", b"v" * 10)
        with pytest.raises(InvalidArgument, match=r"value of 11 bytes for key key"):
            bucket.put(b"key", b"v" * 11)


def test_keys_come_in_the_order_of_their_bytes(db: Database) -> None:
    keys = [b"\xff", b"b", b"a\x00", b"a", b"\x00", b"B", "ä".encode()]
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        for key in keys:
            bucket.put(key, key)
        assert list(bucket.keys()) == sorted(keys)
    with db.view() as tx:
        assert list(require(tx.bucket(b"b")).items()) == [(key, key) for key in sorted(keys)]


def test_delete_tells_whether_there_was_something(db: Database) -> None:
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        bucket.put(b"key", b"value")
        assert bucket.delete(b"key")
        assert not bucket.delete(b"key")
        assert bucket.get(b"key") is None
        assert not bucket.delete(b"")


def test_deleting_nothing_writes_nothing(path: Path) -> None:
    make(path, {b"b": {b"key": b"value"}})
    before = path.read_bytes()
    with Database.open(path) as db, db.update() as tx:
        require(tx.bucket(b"b")).delete(b"other")
    assert path.read_bytes() == before


def test_a_key_is_a_value_or_a_bucket(db: Database) -> None:
    with db.update() as tx:
        bucket = tx.create_bucket(b"b")
        bucket.put(b"value", b"v")
        bucket.create_bucket(b"bucket")
        assert bucket.get(b"bucket") is None
        assert bucket.bucket(b"value") is None
        with pytest.raises(InvalidArgument, match="bucket is a bucket"):
            bucket.put(b"bucket", b"v")
        with pytest.raises(InvalidArgument, match="bucket is a bucket"):
            bucket.delete(b"bucket")
        with pytest.raises(InvalidArgument, match="value has a value"):
            bucket.create_bucket(b"value")
        with pytest.raises(ObjectExists, match="bucket already exists: bucket"):
            bucket.create_bucket(b"bucket")
        for name in (b"value", b"absent"):
            with pytest.raises(NoSuchObject, match="no such bucket"):
                bucket.delete_bucket(name)
        assert content(tx) == {b"b": {b"value": b"v", b"bucket": {}}}


def test_create_if_missing(db: Database) -> None:
    with db.update() as tx:
        first = tx.create_bucket_if_missing(b"b")
        first.create_bucket_if_missing(b"c").put(b"k", b"v")
        assert tx.create_bucket_if_missing(b"b") is first
    with db.update() as tx:
        assert tx.create_bucket_if_missing(b"b").create_bucket_if_missing(b"c").get(b"k") == b"v"


def test_a_write_transaction_has_one_object_for_a_bucket(db: Database) -> None:
    with db.update() as tx:
        tx.create_bucket(b"b").create_bucket(b"c")
    with db.update() as tx:
        assert tx.bucket(b"b") is tx.bucket(b"b")
        assert require(tx.bucket(b"b")).bucket(b"c") is require(tx.bucket(b"b")).bucket(b"c")


@pytest.mark.parametrize("depth", [1, 2, 30, 1500])
def test_buckets_in_buckets(path: Path, depth: int) -> None:
    with Database.open(path) as db:
        with db.update() as tx:
            bucket = tx.create_bucket(b"b")
            for _ in range(depth):
                bucket = bucket.create_bucket(b"b")
            bucket.put(b"key", b"value")
        with db.update() as tx:
            found = require(tx.bucket(b"b"))
            for _ in range(depth):
                found = require(found.bucket(b"b"))
            assert found.get(b"key") == b"value"
            found.put(b"key", b"other")
            assert problems(tx) == []
        with db.update() as tx:
            assert problems(tx) == []
            tx.delete_bucket(b"b")
        with db.view() as tx:
            assert problems(tx) == []
            assert content(tx) == {}


class TestInline:
    """A small bucket without buckets is stored inside its parent's page."""

    @pytest.mark.parametrize(
        ("value_size", "inline"),
        [(0, True), (900, True), (1024 - 16 - 16 - 3, True), (1024 - 16 - 16 - 2, False), (5000, False)],
    )
    def test_size_decides(self, path: Path, value_size: int, inline: bool) -> None:
        wanted: Content = {b"b": {b"key": b"v" * value_size}}
        make(path, wanted)
        assert stored(path) == wanted
        with Database.open(path) as db, db.view() as tx:
            assert (require(tx.bucket(b"b")).header()[0] == 0) is inline

    def test_bucket_with_a_bucket_is_not_inline(self, path: Path) -> None:
        make(path, {b"b": {b"c": {}}})
        with Database.open(path) as db, db.view() as tx:
            bucket = require(tx.bucket(b"b"))
            assert bucket.header()[0] > 0
            assert require(bucket.bucket(b"c")).header()[0] == 0

    def test_inline_bucket_grows_out_of_its_page_and_back(self, db: Database) -> None:
        for size, inline in ((10, True), (3000, False), (10, True), (100_000, False), (0, True)):
            with db.update() as tx:
                tx.create_bucket_if_missing(b"b").put(b"key", b"v" * size)
            with db.view() as tx:
                assert problems(tx) == []
                assert (require(tx.bucket(b"b")).header()[0] == 0) is inline
                assert content(tx) == {b"b": {b"key": b"v" * size}}

    def test_top_level_is_never_inline(self, db: Database) -> None:
        with db.update() as tx:
            tx.create_bucket(b"b")
        with db.view() as tx:
            assert tx._root.header()[0] >= 2


class TestSequence:
    def test_counts_up_and_is_stored(self, db: Database) -> None:
        with db.update() as tx:
            bucket = tx.create_bucket(b"b")
            assert bucket.sequence == 0
            assert [bucket.next_sequence() for _ in range(3)] == [1, 2, 3]
        with db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            assert bucket.sequence == 3
            assert bucket.next_sequence() == 4
        with db.view() as tx:
            assert require(tx.bucket(b"b")).sequence == 4

    @pytest.mark.parametrize("value_size", [5, 5000])
    def test_can_be_set_with_and_without_other_changes(self, db: Database, value_size: int) -> None:
        wanted: Content = {b"b": {b"key": b"v" * value_size}}
        with db.update() as tx:
            fill(tx, wanted)
        with db.update() as tx:
            require(tx.bucket(b"b")).sequence = 1 << 63
        with db.view() as tx:
            assert require(tx.bucket(b"b")).sequence == 1 << 63
            assert content(tx) == wanted
            assert problems(tx) == []

    def test_wraps_like_the_format(self, db: Database) -> None:
        with db.update() as tx:
            bucket = tx.create_bucket(b"b")
            bucket.sequence = (1 << 64) - 1
            assert bucket.next_sequence() == 0

    def test_cannot_be_changed_by_a_reader(self, db: Database) -> None:
        with db.update() as tx:
            tx.create_bucket(b"b")
        with db.view() as tx, pytest.raises(InvalidState):
            require(tx.bucket(b"b")).next_sequence()


class TestWalk:
    """items, keys, seek and buckets."""

    @pytest.mark.parametrize("count", [0, 1, 10, 200, 5000])
    def test_seek_from_every_kind_of_place(self, db: Database, count: int) -> None:
        wanted = numbered(count)
        with db.update() as tx:
            fill(tx, {b"b": wanted})
        keys = sorted(wanted)
        starts = [b"", b"a", b"key", b"zzz", *keys[:: max(count // 20, 1)]]
        starts += [key + b"\0" for key in keys[:: max(count // 20, 1)]]
        with db.view() as tx:
            bucket = require(tx.bucket(b"b"))
            for start in starts:
                assert [key for key, _ in bucket.seek(start)] == [key for key in keys if key >= start]

    def test_buckets_alone(self, db: Database) -> None:
        with db.update() as tx:
            fill(tx, {b"b": {b"1": {}, b"2": b"", b"3": {}}})
            assert list(require(tx.bucket(b"b")).buckets()) == [b"1", b"3"]
            assert [name for name, _ in tx.buckets()] == [b"b"]

    def test_every_value_can_be_replaced_during_the_walk(self, db: Database) -> None:
        with db.update() as tx:
            fill(tx, {b"b": numbered(3000)})
        with db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            for key, value in bucket.items():
                assert value is not None
                bucket.put(key, value + b"!")
        with db.view() as tx:
            assert content(tx) == {b"b": numbered(3000, b"value!")}
            assert problems(tx) == []

    def test_every_key_can_be_deleted_during_the_walk(self, db: Database) -> None:
        with db.update() as tx:
            fill(tx, {b"b": numbered(3000)})
        with db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            seen = 0
            for key in bucket:
                assert bucket.delete(key)
                seen += 1
            assert seen == 3000
        with db.view() as tx:
            assert content(tx) == {b"b": {}}
            assert problems(tx) == []

    def test_flush_during_the_walk(self, db: Database) -> None:
        with db.update() as tx:
            fill(tx, {b"b": numbered(2000)})
        with db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            seen = []
            for number, key in enumerate(bucket.keys()):
                seen.append(key)
                bucket.put(key, b"x" * 50)
                if number % 100 == 0:
                    bucket.flush()
            assert seen == sorted(numbered(2000))
        with db.view() as tx:
            assert content(tx) == {b"b": numbered(2000, b"x" * 50)}
            assert problems(tx) == []


class TestDeleteBucket:
    WANTED: Content = {
        b"small": {b"k": b"v"},
        b"large": {b"k": b"v" * 20_000},
        b"tree": {**numbered(3000), b"nested": {b"a": {b"b": {b"c": b"v" * 9000}}}},
    }

    def test_everything_is_freed(self, path: Path) -> None:
        make(path, {b"keep": {b"k": b"v"}, b"b": self.WANTED})
        with Database.open(path) as db:
            with db.update() as tx:
                tx.delete_bucket(b"b")
                assert tx.bucket(b"b") is None
            with db.view() as tx:
                assert problems(tx) == []
        assert stored(path) == {b"keep": {b"k": b"v"}}

    def test_with_changes_of_the_same_transaction(self, path: Path) -> None:
        make(path, {b"b": self.WANTED})
        with Database.open(path) as db:
            with db.update() as tx:
                bucket = require(tx.bucket(b"b"))
                tree = require(bucket.bucket(b"tree"))
                for number in range(0, 3000, 3):
                    tree.delete(b"key%06d" % number)
                tree.delete_bucket(b"nested")
                tree.create_bucket(b"new").put(b"k", b"v" * 5000)
                require(bucket.bucket(b"large")).put(b"k2", b"v" * 30_000)
                require(bucket.bucket(b"small")).create_bucket(b"in small")
                bucket.create_bucket(b"fresh").create_bucket(b"fresher").put(b"k", b"v" * 4000)
                require(bucket.bucket(b"fresh")).flush()
                tx.delete_bucket(b"b")
            with db.view() as tx:
                assert problems(tx) == []
                assert content(tx) == {}

    def test_can_be_made_again_at_once(self, path: Path) -> None:
        make(path, {b"b": self.WANTED})
        with Database.open(path) as db, db.update() as tx:
            tx.delete_bucket(b"b")
            tx.create_bucket(b"b").put(b"k", b"v")
        assert stored(path) == {b"b": {b"k": b"v"}}

    def test_deleted_bucket_cannot_be_used(self, path: Path) -> None:
        make(path, {b"b": self.WANTED})
        with Database.open(path) as db, db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            nested = require(bucket.bucket(b"small"))
            tx.delete_bucket(b"b")
            for dead in (bucket, nested):
                with pytest.raises(InvalidArgument, match="was deleted in this transaction"):
                    dead.get(b"k")
                with pytest.raises(InvalidArgument, match="was deleted in this transaction"):
                    dead.put(b"k", b"v")
        assert stored(path) == {}


def actions(bucket: Bucket) -> dict[str, object]:
    return {
        "put": lambda: bucket.put(b"k", b"v"),
        "delete": lambda: bucket.delete(b"k"),
        "create_bucket": lambda: bucket.create_bucket(b"n"),
        "create_bucket_if_missing": lambda: bucket.create_bucket_if_missing(b"n"),
        "delete_bucket": lambda: bucket.delete_bucket(b"c"),
        "next_sequence": bucket.next_sequence,
        "flush": bucket.flush,
    }


@pytest.mark.parametrize(
    "name", ["put", "delete", "create_bucket", "delete_bucket", "next_sequence", "flush"]
)
def test_a_reader_changes_nothing(path: Path, name: str) -> None:
    make(path, {b"b": {b"k": b"v", b"c": {}}})
    with Database.open(path) as db, db.view() as tx:
        action = actions(require(tx.bucket(b"b")))[name]
        assert callable(action)
        with pytest.raises(InvalidState, match="a read transaction changes nothing"):
            action()


@pytest.mark.parametrize(
    "name", ["put", "delete", "create_bucket", "delete_bucket", "next_sequence", "flush"]
)
def test_nothing_works_after_the_end_of_the_transaction(path: Path, name: str) -> None:
    make(path, {b"b": {b"k": b"v", b"c": {}}})
    with Database.open(path) as db:
        with db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            iterator = bucket.items()
        action = actions(bucket)[name]
        assert callable(action)
        for late in (action, lambda: bucket.get(b"k"), lambda: bucket.bucket(b"c"), lambda: next(iterator)):
            with pytest.raises(DatabaseClosed, match="the transaction has ended"):
                late()
