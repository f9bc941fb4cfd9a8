"""Trees of pages: growing, splitting, joining, shrinking."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Bucket, Database, Transaction
from libpod.boltdb.nodes import Branch
from tests.unit.boltdb.helpers import Content, content, fill, make, numbered, problems, require, stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


def depth(tx: Transaction, bucket: Bucket) -> int:
    """Count the levels of a bucket's tree; 1 for a single leaf."""
    page, levels = bucket.header()[0], 1
    while isinstance(node := tx.load(page), Branch):
        child = node.children[0]
        assert isinstance(child, int)
        page = child
        levels += 1
    return levels


@pytest.mark.parametrize(
    ("count", "key_size", "levels"), [(10, 300, 1), (50, 300, 2), (3000, 500, 7), (2000, 2000, 10)]
)
def test_trees_of_several_levels(path: Path, count: int, key_size: int, levels: int) -> None:
    wanted: Content = {key.rjust(key_size, b"."): value for key, value in numbered(count).items()}
    make(path, {b"b": wanted})
    assert stored(path) == {b"b": wanted}
    with Database.open(path) as db, db.view() as tx:
        assert depth(tx, require(tx.bucket(b"b"))) == levels


ORDERS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "ascending": lambda keys: keys,
    "descending": lambda keys: keys[::-1],
    "shuffled": lambda keys: random.Random(4).sample(keys, len(keys)),
    "from both ends": lambda keys: [key for pair in zip(keys, keys[::-1], strict=True) for key in pair],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("at_once", [1, 7, 500, 100_000])
def test_keys_in_any_order_and_any_number_of_transactions(path: Path, order: str, at_once: int) -> None:
    wanted = numbered({1: 150, 7: 1000}.get(at_once, 3000), b"v" * 40)
    keys = ORDERS[order](sorted(wanted))
    with Database.open(path) as db:
        with db.update() as tx:
            tx.create_bucket(b"b")
        for start in range(0, len(keys), at_once):
            with db.update() as tx:
                bucket = require(tx.bucket(b"b"))
                for key in keys[start : start + at_once]:
                    bucket.put(key, b"v" * 40)
        with db.view() as tx:
            assert content(tx) == {b"b": wanted}
            assert problems(tx) == []
    assert stored(path) == {b"b": wanted}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("at_once", [1, 13, 400, 100_000])
def test_deletes_in_any_order_shrink_the_tree(path: Path, order: str, at_once: int) -> None:
    wanted = numbered({1: 200, 13: 1500}.get(at_once, 3000), b"v" * 60)
    make(path, {b"b": wanted})
    keys = ORDERS[order](sorted(wanted))
    with Database.open(path) as db:
        for start in range(0, len(keys), at_once):
            with db.update() as tx:
                bucket = require(tx.bucket(b"b"))
                for key in keys[start : start + at_once]:
                    bucket.delete(key)
                    wanted.pop(key, None)
            with db.view() as tx:
                assert problems(tx) == []
                if at_once > 100 or start % 10 == 0:
                    assert content(tx) == {b"b": wanted}
        with db.view() as tx:
            assert content(tx) == {b"b": {}}
            assert require(tx.bucket(b"b")).header()[0] == 0  # inline again


def test_pages_are_joined(path: Path) -> None:
    make(path, {b"b": numbered(20_000)})
    with Database.open(path) as db:
        with db.view() as tx:
            before = len(tx.pages())
        with db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            for number in range(20_000):
                if number % 10:
                    bucket.delete(b"key%06d" % number)
        with db.view() as tx:
            assert len(tx.pages()) < before / 3
            assert problems(tx) == []


def test_tree_loses_levels(path: Path) -> None:
    keys = [b"k" * 400 + b"%04d" % number for number in range(1000)]
    make(path, {b"b": dict.fromkeys(keys, b"v")})
    with Database.open(path) as db:
        with db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            assert depth(tx, bucket) == 5
            for key in keys[5:]:
                bucket.delete(key)
        with db.view() as tx:
            assert depth(tx, require(tx.bucket(b"b"))) == 1
            assert problems(tx) == []


def test_deleting_a_whole_branch_in_the_middle(path: Path) -> None:
    wanted = numbered(20_000)
    make(path, {b"b": wanted})
    with Database.open(path) as db:
        with db.update() as tx:
            bucket = require(tx.bucket(b"b"))
            for number in range(3000, 17_000):
                bucket.delete(b"key%06d" % number)
                del wanted[b"key%06d" % number]
        with db.view() as tx:
            assert problems(tx) == []
    assert stored(path) == {b"b": wanted}


def test_large_values_beside_small_ones_are_split_off(path: Path) -> None:
    wanted: Content = {b"b": {b"%d" % number: b"v" * (9000 if number % 3 else 10) for number in range(40)}}
    make(path, wanted)
    assert stored(path) == wanted


def test_inserting_before_the_first_key(path: Path) -> None:
    wanted = numbered(2000)
    make(path, {b"b": wanted})
    with Database.open(path) as db:
        for letter in b"jihgfedcba":
            with db.update() as tx:
                for number in range(50):
                    require(tx.bucket(b"b")).put(b"%c%02d" % (letter, number), b"")
                    wanted[b"%c%02d" % (letter, number)] = b""
    assert stored(path) == {b"b": wanted}


def test_unchanged_pages_stay_where_they_are(path: Path) -> None:
    make(path, {b"b": numbered(5000), b"c": {b"k": b"v" * 5000}})
    with Database.open(path) as db:
        with db.view() as tx:
            before = tx.pages()
        with db.update() as tx:
            require(tx.bucket(b"b")).put(b"key002500", b"changed")
        with db.view() as tx:
            after = tx.pages()
        # one leaf, one branch above it, the root bucket's page
        assert len(before.keys() - after.keys()) == 3
        assert len(after.keys() - before.keys()) == 3


def test_many_buckets_with_many_keys(path: Path) -> None:
    wanted: Content = {
        b"bucket%02d" % number: {b"sub%02d" % sub: numbered(number * sub % 300) for sub in range(12)}
        for number in range(12)
    }
    with Database.open(path) as db:
        with db.update() as tx:
            fill(tx, wanted)
        with db.view() as tx:
            assert content(tx) == wanted
            assert problems(tx) == []
