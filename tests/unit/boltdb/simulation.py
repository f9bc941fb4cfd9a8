"""Random work for bolt files: steps for a file, for nested dicts, or for another program."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple, overload

from libpod.boltdb import Bucket, Transaction

if TYPE_CHECKING:
    import random

    from tests.unit.boltdb.helpers import Content


class Step(NamedTuple):
    """One change: an operation in the bucket at *where*, by *key*."""

    operation: str  # put, delete, create (a bucket), remove (a bucket); for another program also sequence
    where: tuple[bytes, ...]
    key: bytes = b""
    value: bytes = b""
    repeat: int = 1
    sequence: int = 0


def random_steps(rng: random.Random, model: Content, count: int, *, tame: bool = False) -> list[Step]:
    """Return *count* steps that can be applied to *model*, one after the other, in one transaction.

    With *tame* no bucket is removed in which something was changed before: bbolt 1.3 loses pages then, it
    neither uses them nor has them in its free list.
    """
    scratch = copy.deepcopy(model)
    steps: list[Step] = []
    while len(steps) < count:
        step = _random_step(rng, scratch)
        if tame and step.operation == "remove" and any(_is_below(step, earlier) for earlier in steps):
            continue
        _apply_to_dicts(step, scratch)
        steps.append(step)
    return steps


def _is_below(removal: Step, earlier: Step) -> bool:
    """Tell whether *earlier* was a step inside the bucket that is removed, or made it."""
    removed = (*removal.where, removal.key)
    return (*earlier.where, earlier.key)[: len(removed)] == removed


def _random_step(rng: random.Random, model: Content) -> Step:
    buckets = _buckets(model)
    if not buckets or rng.random() < 0.03:
        name = _key(rng)
        return Step("remove" if name in model else "create", (), name)
    where, bucket = rng.choice(buckets)
    choice = rng.random()
    if bucket and choice < 0.35:
        key = rng.choice(list(bucket))
        return Step("remove" if isinstance(bucket[key], dict) else "delete", where, key)
    key = _key(rng)
    if key in bucket and isinstance(bucket[key], dict):
        return Step("remove", where, key)
    if choice < 0.42 and len(where) < 4 and key not in bucket:
        return Step("create", where, key)
    return Step("put", where, key, rng.randbytes(rng.choice([0, 5, 40, 300, 1500, 5000, 20_000])))


def _key(rng: random.Random) -> bytes:
    number = rng.randrange(600)
    return rng.choice([b"%d", b"key%04d", b"\xff\x00%d" + b"k" * 90]) % number


def _buckets(model: Content, where: tuple[bytes, ...] = ()) -> list[tuple[tuple[bytes, ...], Content]]:
    found = []
    for name, value in model.items():
        if isinstance(value, dict):
            found.append(((*where, name), value))
            found += _buckets(value, (*where, name))
    return found


@overload
def apply(steps: list[Step], target: Transaction, *, flush: bool = False) -> None: ...
@overload
def apply(steps: list[Step], target: Content, *, flush: bool = False) -> Content: ...
def apply(steps: list[Step], target: Transaction | Content, *, flush: bool = False) -> Content | None:
    """Apply *steps* to a transaction, with *flush* written early now and then; or to a copy of dicts."""
    if isinstance(target, dict):
        changed = copy.deepcopy(target)
        for step in steps:
            _apply_to_dicts(step, changed)
        return changed
    for number, step in enumerate(steps):
        bucket = _apply_to_file(step, target)
        if flush and number % 5 == 0 and isinstance(bucket, Bucket):
            bucket.flush()
    return None


def _apply_to_dicts(step: Step, model: Content) -> None:
    for name in step.where:
        inner = model[name]
        assert isinstance(inner, dict)
        model = inner
    if step.operation == "put":
        model[step.key] = step.value
    elif step.operation == "create":
        model[step.key] = {}
    else:
        del model[step.key]


def _apply_to_file(step: Step, tx: Transaction) -> Transaction | Bucket:
    target: Transaction | Bucket = tx
    for name in step.where:
        inner = target.bucket(name)
        assert inner is not None
        target = inner
    if step.operation == "create":
        target.create_bucket(step.key)
    elif step.operation == "remove":
        target.delete_bucket(step.key)
    else:
        assert isinstance(target, Bucket)
        if step.operation == "put":
            target.put(step.key, step.value)
        else:
            assert target.delete(step.key)
    return target
