"""Files go to the reference bolt library and come back: each finds what the other wrote, and nothing
wrong with it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Database
from libpod.boltdb.layout import BRANCH_PAGE, MANY_IDS, NO_FREELIST
from tests.unit.boltdb.helpers import (
    PAGE,
    Content,
    content,
    fill,
    header,
    make,
    newest_meta,
    numbered,
    pages_of_type,
    patch,
    problems,
    require,
    stored,
)
from tests.unit.boltdb.simulation import Step, apply, random_steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peer.boltdb.program import Reference

RANDOM = random.Random(1)

CONTENTS: dict[str, Content] = {
    "nothing": {},
    "empty buckets": {b"a": {}, b"b": {b"c": {}}},
    "inline buckets": {b"a": {b"b%d" % number: {b"k": b"v" * number} for number in range(60)}},
    "sizes around inline": {b"a": {b"%d" % size: {b"k": b"v" * size} for size in range(980, 1000)}},
    "overflow": {b"a": {b"%d" % size: b"v" * size for size in (4000, 4063, 4064, 4065, 9000, 2_000_000)}},
    "many keys": {b"a": numbered(30_000, b"some value")},
    "many levels": {b"a": {b"%0600d" % number: b"v" for number in range(3000)}},
    "longest keys": {b"a": {b"%c" % letter * 32768: b"v" for letter in b"abcdefghij"}},
    "odd bytes": {b"\x00": {b"\xff\xfe": b"\x00", b" ": b"\xff" * 10, "ä".encode(): b""}},
    "containers": {
        b"ctr": {
            RANDOM.randbytes(32).hex().encode(): {
                b"config": RANDOM.randbytes(4000).hex().encode(),
                b"state": b'{"state":6}' * RANDOM.randrange(200),
                b"dependencies": {},
                b"networks": {b"podman": b"{}"},
            }
            for _ in range(200)
        },
        b"runtime-config": {b"os": b"linux"},
    },
    "deep": {b"0": {b"1": {b"2": {b"3": {b"4": {b"5": {b"k": b"v" * 5000}}}}}}},
}


def steps_for(wanted: Content, where: tuple[bytes, ...] = ()) -> list[Step]:
    """Return the steps that make *wanted* of nothing."""
    steps: list[Step] = []
    for key, value in wanted.items():
        if isinstance(value, dict):
            steps += [Step("create", where, key), *steps_for(value, (*where, key))]
        else:
            steps.append(Step("put", where, key, value))
    return steps


@pytest.mark.parametrize("name", CONTENTS)
def test_it_reads_what_we_write(reference: Reference, path: Path, name: str) -> None:
    make(path, CONTENTS[name])
    reference.check(path)
    assert reference.content(path) == CONTENTS[name]


@pytest.mark.parametrize("name", CONTENTS)
def test_we_read_what_it_writes(reference: Reference, path: Path, name: str) -> None:
    reference.apply(path, [steps_for(CONTENTS[name])])
    assert stored(path) == CONTENTS[name]


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("order", ["ours first", "theirs first"])
def test_one_empties_what_the_other_filled(reference: Reference, path: Path, name: str, order: str) -> None:
    wanted = CONTENTS[name]
    removals = [Step("remove", (), key) for key in wanted]
    if order == "ours first":
        make(path, wanted)
        reference.apply(path, [removals])
    else:
        reference.apply(path, [steps_for(wanted)])
        with Database.open(path) as db, db.update() as tx:
            apply(removals, tx)
    reference.check(path)
    assert reference.content(path) == stored(path) == {}


@pytest.mark.parametrize("keep", [2, 3, 50])
def test_deletes_that_join_pages(reference: Reference, path: Path, keep: int) -> None:
    wanted = numbered(20_000)
    make(path, {b"a": wanted})
    assert len(list(pages_of_type(path, BRANCH_PAGE))) > 3
    gone = [key for number, key in enumerate(wanted) if number % keep]
    with Database.open(path) as db, db.update() as tx:
        for key in gone[::2]:
            require(tx.bucket(b"a")).delete(key)
    reference.check(path)
    reference.apply(path, [[Step("delete", (b"a",), key) for key in gone[1::2]]])
    for key in gone:
        del wanted[key]
    assert reference.content(path) == stored(path) == {b"a": wanted}


def test_sequences(reference: Reference, path: Path) -> None:
    make(path, {b"small": {}, b"large": {b"k": b"v" * 9000}})
    with Database.open(path) as db, db.update() as tx:
        require(tx.bucket(b"small")).sequence = 7
        require(tx.bucket(b"large")).sequence = (1 << 64) - 2
    assert reference.sequences(path) == {b"small": 7, b"large": (1 << 64) - 2}
    reference.check(path)
    reference.apply(path, [[Step("sequence", (b"small",), sequence=1 << 40)]])
    with Database.open(path) as db, db.update() as tx:
        assert require(tx.bucket(b"small")).next_sequence() == (1 << 40) + 1
        assert require(tx.bucket(b"large")).next_sequence() == (1 << 64) - 1


@pytest.mark.parametrize("page_size", [1024, 4096, 16384, 65536])
def test_page_sizes(reference: Reference, path: Path, page_size: int) -> None:
    wanted: Content = {b"a": {**numbered(3000), b"big": b"v" * 200_000, b"in": {b"k": b"v"}}}
    reference.apply(path, [steps_for(wanted)], "-page-size", str(page_size))
    assert stored(path) == wanted
    with Database.open(path) as db, db.update() as tx:
        bucket = require(tx.bucket(b"a"))
        for key in list(numbered(3000))[::2]:
            bucket.delete(key)
        fill(bucket, {b"more": {b"k": b"v" * 70_000}})
    reference.check(path)
    assert reference.content(path) == stored(path)


@pytest.mark.parametrize("freelist", ["array", "hashmap"])
def test_free_pages_of_either_kind(reference: Reference, path: Path, freelist: str) -> None:
    model: Content = {}
    rng = random.Random(freelist)
    for _ in range(6):
        steps = random_steps(rng, model, 150, tame=True)
        reference.apply(path, [steps], "-freelist", freelist)
        model = apply(steps, model)
        steps = random_steps(rng, model, 150, tame=True)
        with Database.open(path) as db, db.update() as tx:
            apply(steps, tx)
        model = apply(steps, model)
    reference.check(path)
    assert reference.content(path) == stored(path) == model


def test_file_without_a_free_list(reference: Reference, path: Path) -> None:
    model: Content = {}
    rng = random.Random(5)
    for _ in range(5):
        steps = random_steps(rng, model, 100, tame=True)
        reference.apply(path, [steps], "-no-freelist")
        model = apply(steps, model)
        assert newest_meta(path).freelist == NO_FREELIST
        assert stored(path) == model
        steps = random_steps(rng, model, 100, tame=True)
        with Database.open(path) as db, db.update() as tx:
            apply(steps, tx)
        model = apply(steps, model)
        assert newest_meta(path).freelist != NO_FREELIST
        reference.check(path)
        assert reference.content(path) == model


@pytest.mark.parametrize("writer", ["we", "it"])
def test_more_free_pages_than_the_header_can_count(reference: Reference, path: Path, writer: str) -> None:
    big = Step("put", (b"a",), b"big", b"v" * 1000, repeat=70_000)
    reference.apply(path, [[Step("create", (), b"a"), big]], "-page-size", "1024")
    if writer == "it":
        reference.apply(path, [[Step("delete", (b"a",), b"big")]])
    else:
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"a")).delete(b"big")
    meta = newest_meta_of(path)
    with path.open("rb") as file:
        file.seek(meta[0] * 1024 + 10)
        assert int.from_bytes(file.read(2), "little") == MANY_IDS
    for number in range(2):
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"a")).put(b"ours", b"%d" % number)
        reference.check(path)
        reference.apply(path, [[Step("put", (b"a",), b"theirs", b"%d" % number)]])
        assert stored(path) == {b"a": {b"ours": b"%d" % number, b"theirs": b"%d" % number}}


def newest_meta_of(path: Path) -> tuple[int, int]:
    """Return free-list page and number of pages in use, whatever the page size."""
    with Database.open(path, read_only=True) as db:
        meta = db._current_meta()
        return meta.freelist, meta.high_water


@pytest.mark.parametrize("seed", range(6))
def test_both_work_on_one_file_in_turn(reference: Reference, path: Path, seed: int) -> None:
    rng = random.Random(seed)
    model: Content = {}
    for number in range(16):
        steps = random_steps(rng, model, rng.choice([1, 10, 120]), tame=True)
        if rng.random() < 0.5:
            options = ["-freelist", rng.choice(["array", "hashmap"])]
            if rng.random() < 0.2:
                options.append("-no-freelist")
            reference.apply(path, [steps], *options)
        else:
            with Database.open(path) as db, db.update() as tx:
                apply(steps, tx, flush=rng.random() < 0.4)
        model = apply(steps, model)
        assert stored(path) == model, number
        reference.check(path)
        assert reference.content(path) == model, number


def test_both_agree_on_the_meta_page_that_counts(reference: Reference, path: Path) -> None:
    make(path, {b"a": {b"k": b"old"}})
    with Database.open(path) as db, db.update() as tx:
        require(tx.bucket(b"a")).put(b"k", b"new")
    assert reference.content(path) == {b"a": {b"k": b"new"}}
    patch(path, newest_meta(path).slot * PAGE + 40, b"\xff")
    assert reference.content(path) == {b"a": {b"k": b"old"}}
    with Database.open(path, read_only=True) as db, db.view() as tx:
        assert content(tx) == {b"a": {b"k": b"old"}}


def test_both_find_the_same_damage(reference: Reference, path: Path) -> None:
    make(path, {b"a": {b"k": b"v" * 9000}, b"b": {b"k": b"v" * 9000}})
    page = newest_meta(path).freelist
    count = header(path, page)[2]
    patch(path, page * PAGE + 10, (count - 1).to_bytes(2, "little"))  # one page is lost
    done = reference.run("check", path)
    assert done.returncode == 1
    with Database.open(path, read_only=True) as db, db.view() as tx:
        (problem,) = problems(tx)
    lost = problem.split(":")[0]
    assert f"{lost}: unreachable unfreed" in done.stdout
    assert "nothing uses it" in problem


def test_file_grows_as_it_does_there(reference: Reference, tmp_path: Path) -> None:
    for size in (10, 100_000, 5_000_000, 17_000_000):
        ours, theirs = tmp_path / f"ours{size}", tmp_path / f"theirs{size}"
        make(ours, {b"a": {b"k": b"v" * size}})
        reference.apply(theirs, [[Step("create", (), b"a"), Step("put", (b"a",), b"k", b"v", repeat=size)]])
        assert ours.stat().st_size <= theirs.stat().st_size * 2
        assert theirs.stat().st_size <= ours.stat().st_size * 2
