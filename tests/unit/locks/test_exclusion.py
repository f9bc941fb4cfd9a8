"""What every lock does, whichever kind it is: it excludes other processes and other threads."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from libpod.errors import LockError, LockTimeout
from tests.unit.locks.partner import Partner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from libpod.locks import Lock

    OpenLock = Callable[[], Lock]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def hold(open_lock: OpenLock) -> Callable[[Partner], None]:
    """Work for another process: take the lock, say so, and keep it until told."""

    def work(partner: Partner) -> None:
        with open_lock():
            partner.say("held")
            partner.hear()
        partner.say("released")
        partner.hear()

    return work


def test_another_process_is_kept_out_and_the_holder_is_named(open_lock: OpenLock) -> None:
    with Partner(hold(open_lock)) as partner:
        assert partner.hear() == "held"
        lock = open_lock()
        for timeout in (0, 0.02):
            with pytest.raises(LockTimeout) as caught:
                lock.acquire(timeout)
            assert caught.value.holder is not None
            assert caught.value.holder.split()[0] == str(partner.pid)
            assert f"not free after {timeout:g} seconds" in caught.value.message
            assert str(partner.pid) in caught.value.message
        partner.say("let go")
        assert partner.hear() == "released"
        lock.acquire(0)
        lock.release()
        partner.say("end")


def test_a_killed_holder_frees_the_lock(open_lock: OpenLock) -> None:
    with Partner(hold(open_lock)) as partner:
        partner.hear()
        partner.kill()
        for _ in range(2):
            with open_lock():
                pass


def test_a_waiting_process_gets_the_lock_of_a_killed_one(open_lock: OpenLock) -> None:
    with Partner(hold(open_lock)) as holder:
        holder.hear()

        def wait(partner: Partner) -> None:
            lock = open_lock()
            partner.say("waiting")
            lock.acquire()
            partner.say("held")
            lock.release()

        with Partner(wait) as waiter:
            assert waiter.hear() == "waiting"
            holder.kill()
            assert waiter.hear() == "held"


def test_a_released_lock_is_handed_on(open_lock: OpenLock) -> None:
    with Partner(hold(open_lock)) as partner:
        partner.hear()
        taken = threading.Event()

        def wait() -> None:
            with open_lock():
                taken.set()

        thread = threading.Thread(target=wait)
        thread.start()
        partner.say("let go")
        thread.join()
        assert taken.is_set()
        partner.say("end")


def test_threads_of_one_process_exclude_each_other(open_lock: OpenLock) -> None:
    with open_lock():
        failures: list[Exception] = []

        def attempt() -> None:
            try:
                open_lock().acquire(0)
            except LockTimeout as error:
                failures.append(error)

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        assert len(failures) == 1
        assert str(os.getpid()) in str(failures[0])


def test_nothing_is_lost_between_many_processes(open_lock: OpenLock, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count(partner: Partner) -> None:
        partner.hear()
        for _ in range(50):
            with open_lock():
                counter.write_text(str(int(counter.read_text()) + 1))

    partners = [Partner(count) for _ in range(4)]
    for partner in partners:
        partner.say("go")
    for partner in partners:
        with partner:
            assert partner.join() == 0
    assert counter.read_text() == "200"


def test_an_error_inside_the_block_frees_the_lock(open_lock: OpenLock) -> None:
    with pytest.raises(ZeroDivisionError), open_lock():
        raise ZeroDivisionError
    open_lock().acquire(0)


def test_a_lock_can_be_taken_again_and_again(open_lock: OpenLock) -> None:
    lock = open_lock()
    for _ in range(3):
        lock.acquire(5)
        lock.release()


class InterruptedTestError(Exception):
    """Raised by a signal handler, as KeyboardInterrupt is."""


@pytest.mark.parametrize("timeout", [None, 600.0])
def test_a_signal_ends_the_waiting(open_lock: OpenLock, timeout: float | None) -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise InterruptedTestError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Partner(hold(open_lock)) as partner:
            partner.hear()
            lock = open_lock()
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(InterruptedTestError):
                lock.acquire(timeout)
            partner.say("let go")
            partner.hear()
            with lock:
                pass
            partner.say("end")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("open_lock", ["file", "shm", "id"], indirect=True)
class TestRulesOfUse:
    """The alive lock is reentrant, as filelock's locks are; the locks of objects are not."""

    def test_a_thread_does_not_wait_for_itself(self, open_lock: OpenLock) -> None:
        lock = open_lock()
        with lock:
            with pytest.raises(LockError, match="held by this thread already"):
                lock.acquire()
            with pytest.raises(LockTimeout):
                open_lock().acquire(0)
        lock.acquire(0)
        lock.release()

    def test_a_lock_that_is_not_held_cannot_be_released(self, open_lock: OpenLock) -> None:
        lock = open_lock()
        with pytest.raises(LockError, match="is not held by this thread"):
            lock.release()
        lock.acquire()
        lock.release()
        with pytest.raises(LockError, match="is not held by this thread"):
            lock.release()

    def test_only_the_thread_that_took_it_may_release_it(self, open_lock: OpenLock) -> None:
        lock = open_lock()
        errors: list[LockError] = []

        def release() -> None:
            try:
                lock.release()
            except LockError as error:
                errors.append(error)

        with lock:
            thread = threading.Thread(target=release)
            thread.start()
            thread.join()
        assert len(errors) == 1

    def test_a_child_process_does_not_hold_what_its_parent_holds(self, open_lock: OpenLock) -> None:
        lock = open_lock()

        def use(partner: Partner) -> None:
            with pytest.raises(LockError, match="not held"):
                lock.release()
            partner.say("refused")

        with lock, Partner(use) as partner:
            assert partner.hear() == "refused"
