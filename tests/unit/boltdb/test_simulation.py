"""Random work on a file beside plain dicts: after every transaction both hold the same."""

from __future__ import annotations

import random
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from libpod.boltdb import Bucket, Database
from tests.unit.boltdb.helpers import Content, content, problems, stored
from tests.unit.boltdb.simulation import apply, random_steps

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seed", range(5))
def test_random_work(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "test.db"
    rng = random.Random(seed)
    model: Content = {}
    db = Database.open(path)
    for number in range(40):
        steps = random_steps(rng, model, rng.choice([1, 5, 60, 300]))
        committed = rng.random() < 0.85
        after = apply(steps, model)
        with db.update() as tx:
            apply(steps, tx, flush=rng.random() < 0.3)
            if committed:
                model = after
            else:
                tx.rollback()
        if rng.random() < 0.25:
            db.close()
            db = Database.open(path)
        with db.view() as tx:
            assert problems(tx) == []
            assert content(tx) == model, number
    db.close()
    assert stored(path) == model


keys = st.one_of(
    st.binary(min_size=1, max_size=3),
    st.sampled_from([b"a" * 500, b"b" * 2000, b"c" * 9000, b"d" * 32768]),
)
values = st.one_of(
    st.binary(max_size=20), st.integers(min_value=0, max_value=12_000).map(lambda size: b"v" * size)
)


class BucketMachine(RuleBasedStateMachine):
    """One bucket against one dict, with awkward keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = f"{self.directory.name}/test.db"
        self.db = Database.open(self.path)
        self.model: dict[bytes, bytes] = {}

    @initialize()
    def begin(self) -> None:
        with self.db.update() as tx:
            tx.create_bucket(b"b")
        self.tx = self.db.update()
        self.changed = dict(self.model)

    def bucket(self) -> Bucket:
        bucket = self.tx.bucket(b"b")
        assert bucket is not None
        return bucket

    @rule(key=keys, value=values)
    def put(self, key: bytes, value: bytes) -> None:
        self.bucket().put(key, value)
        self.changed[key] = value

    @rule(key=keys)
    def delete(self, key: bytes) -> None:
        assert self.bucket().delete(key) == (self.changed.pop(key, None) is not None)

    @rule(key=keys)
    def seek(self, key: bytes) -> None:
        expected = sorted(item for item in self.changed.items() if item[0] >= key)
        assert list(self.bucket().seek(key)) == expected

    @rule()
    def flush(self) -> None:
        self.bucket().flush()

    @rule()
    def commit(self) -> None:
        self.tx.commit()
        self.model = dict(self.changed)
        self.tx = self.db.update()

    @rule()
    def rollback(self) -> None:
        self.tx.rollback()
        self.changed = dict(self.model)
        self.tx = self.db.update()

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.db = Database.open(self.path)
        self.changed = dict(self.model)
        self.tx = self.db.update()

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "tx"):
            return
        assert dict(self.bucket().items()) == self.changed
        with self.db.view() as reader:
            assert problems(reader) == []
            bucket = reader.bucket(b"b")
            assert bucket is not None
            assert dict(bucket.items()) == self.model

    def teardown(self) -> None:
        self.db.close()
        self.directory.cleanup()


TestBucketMachine = BucketMachine.TestCase
TestBucketMachine.settings = settings(max_examples=40, stateful_step_count=30)
