"""Handing out lock numbers, whichever kind of manager it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libpod import locks
from libpod.errors import InvalidArgument, LockError, LockExists, LockTimeout
from tests.unit.locks.partner import Partner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    OpenManager = Callable[[], locks.LockManager]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def test_numbers_are_given_from_the_lowest_up(open_manager: OpenManager) -> None:
    manager = open_manager()
    assert manager.allocated() == set()
    assert [manager.allocate().number for _ in range(40)] == list(range(40))
    assert manager.allocated() == set(range(40))


def test_a_number_that_was_given_back_is_given_again(open_manager: OpenManager) -> None:
    manager = open_manager()
    for _ in range(34):
        manager.allocate()
    manager.free(3)
    manager.free(33)
    assert manager.allocated() == set(range(34)) - {3, 33}
    assert [manager.allocate().number for _ in range(3)] == [3, 33, 34]


def test_numbers_from_records_are_taken_again(open_manager: OpenManager) -> None:
    manager = open_manager()
    assert [manager.allocate_given(number).number for number in (5, 0, 63)] == [5, 0, 63]
    assert manager.allocated() == {0, 5, 63}
    assert [manager.allocate().number for _ in range(3)] == [1, 2, 3]


def test_a_number_is_taken_only_once(open_manager: OpenManager) -> None:
    manager = open_manager()
    manager.allocate_given(5)
    with pytest.raises(LockExists) as caught:
        open_manager().allocate_given(5)
    assert caught.value.number == 5
    assert manager.allocated() == {5}


def test_a_number_that_is_not_taken_cannot_be_given_back(open_manager: OpenManager) -> None:
    manager = open_manager()
    for _ in range(2):
        with pytest.raises(LockError, match=r"lock 4 .* is not taken") as caught:
            manager.free(4)
        assert caught.value.number == 4
        manager.allocate_given(4)
        manager.free(4)


def test_all_numbers_can_be_given_back(open_manager: OpenManager) -> None:
    manager = open_manager()
    for number in (0, 31, 32, 63):
        manager.allocate_given(number)
    manager.free_all()
    assert manager.allocated() == set()
    assert manager.allocate().number == 0


def test_programs_see_each_others_numbers(open_manager: OpenManager) -> None:
    first, second = open_manager(), open_manager()
    assert first.allocate().number == 0
    assert second.allocate().number == 1
    first.free(0)
    assert second.allocated() == first.allocated() == {1}


def test_processes_never_get_the_same_number(open_manager: OpenManager) -> None:
    manager = open_manager()

    def take(partner: Partner) -> None:
        mine = open_manager()
        partner.hear()
        partner.say(" ".join(str(mine.allocate().number) for _ in range(15)))

    partners = [Partner(take) for _ in range(4)]
    for partner in partners:
        partner.say("go")
    numbers: list[str] = []
    for partner in partners:
        with partner:
            numbers += partner.hear().split()
    assert sorted(map(int, numbers)) == list(range(60))
    assert manager.allocated() == set(range(60))


def test_the_account_survives_a_process_that_is_killed(open_manager: OpenManager) -> None:
    def take(partner: Partner) -> None:
        mine = open_manager()
        mine.allocate()
        mine.allocate().acquire()
        partner.say("taken")
        partner.hear()

    with Partner(take) as partner:
        partner.hear()
        partner.kill()
    manager = open_manager()
    assert manager.allocated() == {0, 1}
    manager.retrieve(1).acquire(0)


def test_locks_of_different_numbers_are_independent(open_manager: OpenManager) -> None:
    first, second = open_manager(), open_manager()
    with first.allocate(), second.allocate():
        with pytest.raises(LockTimeout, match="lock 0"):
            second.retrieve(0).acquire(0)
        with pytest.raises(LockTimeout, match="lock 1"):
            first.retrieve(1).acquire(0)
        first.retrieve(2).acquire(0)


def test_two_objects_with_one_number_are_told_instead_of_hanging(open_manager: OpenManager) -> None:
    manager = open_manager()
    with manager.retrieve(1), pytest.raises(LockError, match="already") as caught:
        manager.retrieve(1).acquire()
    assert caught.value.hint is not None
    assert "renumber" in caught.value.hint


def test_a_held_lock_outlives_its_manager(open_manager: OpenManager) -> None:
    manager = open_manager()
    lock = manager.allocate()
    lock.acquire()
    manager.close()
    with pytest.raises(LockTimeout):
        open_manager().retrieve(lock.number).acquire(0)
    lock.release()
    open_manager().retrieve(lock.number).acquire(0)


def test_closing_twice_is_harmless(open_manager: OpenManager) -> None:
    manager = open_manager()
    manager.close()
    manager.close()


@pytest.mark.parametrize("number", [-1, 2**32, 2**70])
def test_there_is_no_such_number(open_manager: OpenManager, number: int) -> None:
    manager = open_manager()
    for call in (manager.allocate_given, manager.retrieve):
        with pytest.raises(LockError, match=f"there is no lock {number}"):
            call(number)
    with pytest.raises(LockError):
        manager.free(number)
    assert manager.allocated() == set()


def test_managers_tell_their_kind_and_locks_their_number(open_manager: OpenManager) -> None:
    manager = open_manager()
    assert manager.kind in ("shm", "file")
    assert manager.retrieve(0).number == 0


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="unknown lock_type 'sysv'"):
        locks.open_manager("sysv", tmp_dir=str(tmp_path))


@pytest.mark.parametrize("kind", ["shm", "file"])
def test_nothing_is_made_unless_asked_for(tmp_path: Path, segment: str, kind: str) -> None:
    with pytest.raises(LockError, match=r"there is no lock segment|there are no lock files"):
        locks.open_manager(kind, tmp_dir=str(tmp_path / "absent"), segment=segment, create=False)
    assert not (tmp_path / "absent").exists()
