"""The shared memory segment: its layout, and segments that are not what they should be."""

from __future__ import annotations

import gc
import os
import stat
import struct
from typing import TYPE_CHECKING

import pytest

from libpod import failpoints
from libpod.errors import FileError, InvalidArgument, LockError, LockTimeout, NoLocksLeft
from libpod.host import linux
from libpod.locks import shm
from tests.unit.locks.partner import Partner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
only_x86_64 = pytest.mark.skipif(linux.MUTEX_SIZE != 40, reason="offsets of x86-64")


def open_segment(path: str, num_locks: int = 2048, *, create: bool = True) -> shm.ShmLockManager:
    return shm.ShmLockManager(path, num_locks=num_locks, create=create)


@only_x86_64
def test_a_new_segment_is_what_podman_makes(segment: str) -> None:
    open_segment(segment).close()
    with open(segment, "rb") as file:
        data = file.read()
    assert len(data) == 82488
    assert stat.S_IMODE(os.stat(segment).st_mode) == 0o600
    assert struct.unpack_from("=HH", data) == (0x87D1, 0)
    assert struct.unpack_from("=II", data, 48) == (64, 2048)
    # A robust, process-shared mutex of glibc that nobody holds: its kind at 16 is 0x90, all else is 0.
    mutex = bytes(16) + bytes([0x90]) + bytes(23)
    assert data[8:48] == mutex
    group = bytes(8) + mutex * 32
    assert data[56:] == group * 64


@only_x86_64
def test_taken_numbers_are_bits(segment: str) -> None:
    manager = open_segment(segment)
    for number in (0, 31, 32, 2047):
        manager.allocate_given(number)
    with open(segment, "rb") as file:
        data = file.read()
    assert struct.unpack_from("=I", data, 56) == (0x80000001,)
    assert struct.unpack_from("=I", data, 56 + 1288) == (1,)
    assert struct.unpack_from("=I", data, 56 + 1288 * 63) == (0x80000000,)


def test_where_podman_has_its_segments() -> None:
    assert shm.segment_path(0) == "/dev/shm/libpod_lock"
    assert shm.segment_path(1000) == "/dev/shm/libpod_rootless_lock_1000"


@pytest.mark.parametrize(("asked", "got"), [(1, 32), (32, 32), (33, 64), (2048, 2048)])
def test_the_number_of_locks_is_rounded_up(segment: str, asked: int, got: int) -> None:
    manager = open_segment(segment, asked)
    assert manager.num_locks == got
    assert os.stat(segment).st_size == shm.segment_size(got)
    manager.close()
    open_segment(segment, got).close()


@pytest.mark.parametrize("num_locks", [0, -1, 2**32])
def test_a_number_of_locks_that_cannot_be(segment: str, num_locks: int) -> None:
    with pytest.raises(InvalidArgument, match="num_locks"):
        open_segment(segment, num_locks)


def test_when_all_numbers_are_taken_the_way_out_is_told(segment: str) -> None:
    manager = open_segment(segment, 32)
    for _ in range(32):
        manager.allocate()
    with pytest.raises(NoLocksLeft, match="all 32 locks") as caught:
        manager.allocate()
    assert caught.value.hint is not None
    assert "num_locks" in caught.value.hint
    assert "renumber" in caught.value.hint
    manager.free(17)
    assert manager.allocate().number == 17


def test_a_number_beyond_the_segment_is_told_with_a_way_out(segment: str) -> None:
    manager = open_segment(segment, 32)
    with pytest.raises(LockError, match=r"there is no lock 32: .* has 32 locks") as caught:
        manager.allocate_given(32)
    assert caught.value.hint is not None


def make_wrong(path: str, change: Callable[[bytearray], object]) -> None:
    open_segment(path, 64).close()
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        changed = change(data)
        file.seek(0)
        file.truncate()
        file.write(changed if isinstance(changed, bytes) else data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.__setitem__(slice(0, 2), b"\0\0"), "magic number is 0x0000 instead of 0x87d1"),
        (lambda data: b"", "it has 0 bytes"),
        (lambda data: bytes(data[:30]), "it has 30 bytes"),
        (lambda data: bytes(data[:-1]), "bytes where"),
        (lambda data: bytes(data) + b"\0", "bytes where"),
        (lambda data: b"x" * 10_000, "it has 10000 bytes"),
        (lambda data: data.__setitem__(slice(52, 56), struct.pack("=I", 9)), "says it has 9"),
        (lambda data: data.__setitem__(slice(48, 52), struct.pack("=I", 9)), "says it has 64"),
    ],
    ids=["magic", "empty", "short", "cut", "longer", "foreign", "locks", "groups"],
)
@only_x86_64
def test_a_file_that_is_no_segment_is_refused_and_left_alone(
    segment: str, change: Callable[[bytearray], object], words: str
) -> None:
    make_wrong(segment, change)
    with open(segment, "rb") as file:
        before = file.read()
    with pytest.raises(LockError, match=words) as caught:
        open_segment(segment, 64)
    assert segment in caught.value.message
    assert caught.value.hint is not None
    with open(segment, "rb") as file:
        assert file.read() == before


@pytest.mark.parametrize(("made", "asked"), [(64, 2048), (2048, 64)])
def test_another_num_locks_is_told_with_both_ways_out(segment: str, made: int, asked: int) -> None:
    open_segment(segment, made).close()
    with pytest.raises(LockError, match=f"made for {made} locks, but num_locks is {asked}") as caught:
        open_segment(segment, asked)
    assert caught.value.hint is not None
    assert f"num_locks = {made}" in caught.value.hint
    assert "system renumber" in caught.value.hint
    open_segment(segment, made).close()


def test_a_symlink_is_not_followed(segment: str, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"precious")
    os.symlink(tmp_path / "target", segment)
    with pytest.raises(FileError, match=segment):
        open_segment(segment)
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_a_pipe_is_not_waited_for(segment: str) -> None:
    os.mkfifo(segment)
    with pytest.raises(LockError, match="no regular file"):
        open_segment(segment)


def test_a_directory_is_no_segment(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="Is a directory"):
        open_segment(str(tmp_path))


def test_a_place_where_nothing_can_be_made() -> None:
    with pytest.raises(FileError, match="create lock segment /nowhere/segment"):
        open_segment("/nowhere/segment")


def test_a_segment_of_somebody_else_is_not_trusted(segment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_segment(segment).close()
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(LockError, match=f"belongs to user {owner}, not to us"):
        open_segment(segment)


def test_a_segment_is_never_seen_half_made(segment: str) -> None:
    def make(partner: Partner) -> None:
        def stop(name: str) -> None:
            assert name == "locks.link"
            partner.say("made")
            partner.hear()

        failpoints.hook = stop
        open_segment(segment)

    with Partner(make) as partner:
        assert partner.hear() == "made"
        assert not os.path.lexists(segment)
        partner.kill()
    assert not os.path.lexists(segment)
    open_segment(segment).close()


def test_whoever_is_late_takes_the_segment_that_is_there(segment: str) -> None:
    def make(partner: Partner) -> None:
        def wait(_name: str) -> None:
            partner.say("made")
            partner.hear()

        failpoints.hook = wait
        partner.say(str(open_segment(segment).allocate().number))

    with Partner(make) as partner:
        assert partner.hear() == "made"
        manager = open_segment(segment)
        assert manager.allocate().number == 0
        partner.say("go on")
        assert partner.hear() == "1"
    assert manager.allocated() == {0, 1}


def test_the_account_goes_on_after_its_holder_was_killed(segment: str) -> None:
    manager = open_segment(segment)

    def hold_account(partner: Partner) -> None:
        with open_segment(segment)._account():
            partner.say("held")
            partner.hear()

    with Partner(hold_account) as partner:
        partner.hear()
        partner.kill()
    assert manager.allocate().number == 0
    assert manager.allocated() == {0}


def test_a_stopped_holder_of_the_account_is_named(segment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = open_segment(segment)
    monkeypatch.setattr(shm, "ACCOUNT_TIMEOUT", 0.01)

    def hold_account(partner: Partner) -> None:
        with open_segment(segment)._account():
            partner.say("held")
            partner.hear()

    with Partner(hold_account) as partner:
        partner.hear()
        with pytest.raises(LockTimeout, match=f"held by process {partner.pid}"):
            manager.allocate()
        partner.say("end")
    assert manager.allocate().number == 0


def test_a_full_memory_is_reported(segment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "ftruncate", full)
    with pytest.raises(FileError, match=r"create lock segment .*No space left"):
        open_segment(segment)
    assert not os.path.lexists(segment)


def test_a_forgotten_lock_is_held_to_the_end_and_harms_nothing(segment: str) -> None:
    """The C library keeps the locked mutexes of a thread in a list: memory in that list must stay."""
    for number in range(3):
        open_segment(segment).retrieve(number).acquire()
        gc.collect()
    manager = open_segment(segment)
    for number in range(3):
        with pytest.raises(LockTimeout, match=f"held by process {os.getpid()}"):
            manager.retrieve(number).acquire(0)
    with manager.retrieve(3):
        pass
