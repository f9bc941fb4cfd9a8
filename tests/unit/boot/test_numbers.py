"""Each object gets its own lock number back, or a new one; the same over both kinds of locks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod import locks
from libpod.boot.numbers import LockNumbers
from libpod.errors import NoLocksLeft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from libpod.locks import LockManager

LIMIT = 64


@pytest.fixture(params=["shm", "file"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LockManager]:
    found = locks.open_manager(
        request.param,
        tmp_dir=str(tmp_path),
        num_locks=LIMIT,
        segment=str(tmp_path / "segment"),
        uid=tmp_path.stat().st_uid,
    )
    yield found
    found.close()


@pytest.fixture
def make(manager: LockManager) -> Callable[..., LockNumbers]:
    return lambda **options: LockNumbers(manager, limit=LIMIT, did=lambda _action: None, **options)


def test_all_are_allocated(manager: LockManager, make: Callable[..., LockNumbers]) -> None:
    numbers = make()
    assert [numbers.claim(number, "it") for number in (5, 0, 63)] == [5, 0, 63]
    assert manager.allocated() == {0, 5, 63}
    assert (numbers.allocated, numbers.renumbered) == (3, 0)


def test_the_first_keeps_a_number_that_two_have(
    manager: LockManager, make: Callable[..., LockNumbers]
) -> None:
    numbers = make()
    found = [numbers.claim(0, "it") for _ in range(5)]
    assert found[0] == 0
    assert len(set(found)) == 5
    assert manager.allocated() == set(found)
    assert (numbers.allocated, numbers.renumbered) == (5, 4)


def test_new_numbers_meet_no_stored_one(make: Callable[..., LockNumbers]) -> None:
    numbers = make()
    assert [numbers.claim(number, "it") for number in (0, 0, 1, 2)] == [0, LIMIT - 1, 1, 2]


@pytest.mark.parametrize("number", [-1, LIMIT, 4_000_000])
def test_a_number_that_does_not_exist(
    manager: LockManager, make: Callable[..., LockNumbers], number: int
) -> None:
    numbers = make()
    assert numbers.claim(number, "it") == LIMIT - 1
    assert manager.allocated() == {LIMIT - 1}
    assert numbers.renumbered == 1


def test_numbers_held_since_before_are_ours(manager: LockManager, make: Callable[..., LockNumbers]) -> None:
    manager.allocate_given(3)
    numbers = make()
    assert numbers.claim(3, "it") == 3
    assert numbers.renumbered == 0


def test_numbers_of_other_stores_are_not_taken(
    manager: LockManager, make: Callable[..., LockNumbers]
) -> None:
    for number in (3, LIMIT - 1):
        manager.allocate_given(number)
    numbers = make(others={3, LIMIT - 1})
    assert numbers.claim(3, "it") == LIMIT - 2
    assert manager.allocated() == {3, LIMIT - 2, LIMIT - 1}


def test_a_number_that_another_store_takes_meanwhile(
    manager: LockManager, make: Callable[..., LockNumbers]
) -> None:
    numbers = make()
    manager.allocate_given(4)
    assert numbers.claim(4, "it") == LIMIT - 1


def test_an_attempt_that_died_is_repeated_with_the_same_numbers(
    manager: LockManager, make: Callable[..., LockNumbers]
) -> None:
    stored = [7, 7, 9, 9, 200]
    first = make()
    before = [first.claim(number, "it") for number in stored]
    taken = manager.allocated()
    again = make(resumed=True)
    assert [again.claim(number, "it") for number in stored] == before
    assert manager.allocated() == taken


def test_held_numbers_are_no_new_numbers(manager: LockManager, make: Callable[..., LockNumbers]) -> None:
    """Whose they are cannot be told."""
    manager.allocate_given(LIMIT - 1)
    numbers = make()
    assert [numbers.claim(1, "it"), numbers.claim(1, "other")] == [1, LIMIT - 2]


def test_none_left(make: Callable[..., LockNumbers]) -> None:
    numbers = make()
    for number in range(LIMIT):
        numbers.claim(number, "it")
    with pytest.raises(NoLocksLeft, match="the last one"):
        numbers.claim(0, "the last one")


def test_dry_run_allocates_nothing(manager: LockManager, make: Callable[..., LockNumbers]) -> None:
    manager.allocate_given(2)
    numbers = make(dry_run=True)
    assert [numbers.claim(number, "it") for number in (2, 1, 1)] == [2, 1, LIMIT - 1]
    assert manager.allocated() == {2}
    assert (numbers.allocated, numbers.renumbered) == (3, 1)


def test_without_a_manager_everything_is_counted() -> None:
    said: list[str] = []
    numbers = LockNumbers(None, limit=LIMIT, did=said.append)
    numbers.claim(1, "container web")
    numbers.claim(1, "volume data")
    assert said == ["allocate lock 1 for container web", f"allocate lock {LIMIT - 1} for volume data"]


def test_adopted_objects_keep_what_they_have(manager: LockManager, make: Callable[..., LockNumbers]) -> None:
    manager.allocate_given(1)
    numbers = make(others={9})
    for number in (1, 2, 2, 9, 4_000_000, -3):
        numbers.keep(number, "it")
    assert manager.allocated() == {1, 2}
    assert (numbers.allocated, numbers.renumbered) == (3, 0)


def test_new_numbers_are_within_the_usual(manager: LockManager, make: Callable[..., LockNumbers]) -> None:
    """Lock files have numbers without end, but the next lock_type may be the other one."""
    numbers = make(usual=8)
    assert [numbers.claim(20, "it"), numbers.claim(20, "other")] == [20, 7]
