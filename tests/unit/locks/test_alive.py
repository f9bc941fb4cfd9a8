"""The lock that is taken before anything is opened."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import filelock
import pytest

from libpod.errors import FileError, LockTimeout
from libpod.locks import boot
from libpod.locks.alive import AliveLock
from tests.unit.locks.partner import Partner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def hold(directory: Path) -> Callable[[Partner], None]:
    def work(partner: Partner) -> None:
        with AliveLock(str(directory)):
            partner.say("held")
            partner.hear()

    return work


def test_it_is_a_lock_of_filelock_on_podmans_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        lock = AliveLock(str(tmp_path / "tmp"))
        assert isinstance(lock, filelock.BaseFileLock)
        assert lock.lock_file == str(tmp_path / "tmp" / "alive.lck")
        with lock:
            assert lock.is_locked
            assert stat.S_IMODE((tmp_path / "tmp").stat().st_mode) == 0o751
            assert stat.S_IMODE((tmp_path / "tmp" / "alive.lck").stat().st_mode) == 0o644
        AliveLock(str(tmp_path / "tmp")).acquire(0)
        assert (tmp_path / "tmp" / "alive.lck").exists()
    finally:
        os.umask(before)


def test_it_can_be_taken_inside_itself(tmp_path: Path) -> None:
    lock = AliveLock(str(tmp_path))
    with lock:
        with lock:
            pass
        assert lock.is_locked
        with pytest.raises(LockTimeout):
            AliveLock(str(tmp_path)).acquire(0)
    AliveLock(str(tmp_path)).acquire(0)


@pytest.mark.parametrize("options", [{"timeout": 0}, {"blocking": False}, {"timeout": 0.01}])
def test_giving_up_names_the_holder(tmp_path: Path, options: dict[str, float]) -> None:
    with Partner(hold(tmp_path)) as partner:
        partner.hear()
        with pytest.raises(LockTimeout, match=f"it is held by process {partner.pid}") as caught:
            AliveLock(str(tmp_path)).acquire(**options)
        assert caught.value.hint is not None
        partner.say("end")


def test_the_time_limit_may_be_set_beforehand(tmp_path: Path) -> None:
    with Partner(hold(tmp_path)) as partner:
        partner.hear()
        with (
            pytest.raises(LockTimeout, match=r"not free after 0\.01 seconds"),
            AliveLock(str(tmp_path), 0.01),
        ):
            pass
        partner.say("end")


def test_a_long_wait_is_explained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "MESSAGE_AFTER", 0.0)
    messages: list[str] = []
    with Partner(hold(tmp_path)) as partner:
        partner.hear()

        def tell(message: str) -> None:
            messages.append(message)
            partner.say("end")

        with AliveLock(str(tmp_path), on_wait=tell):
            pass
    assert len(messages) == 1
    assert messages[0].startswith(f"waiting for process {partner.pid} (")
    assert messages[0].endswith(f") to release {tmp_path}/alive.lck")


def test_a_short_wait_is_not_mentioned(tmp_path: Path) -> None:
    messages: list[str] = []
    with Partner(hold(tmp_path)) as partner:
        partner.hear()
        with pytest.raises(LockTimeout):
            AliveLock(str(tmp_path), 0, on_wait=messages.append).acquire()
        partner.say("end")
    assert messages == []


@pytest.mark.parametrize("obstacle", ["directory", "symlink"])
def test_something_else_in_its_place(tmp_path: Path, obstacle: str) -> None:
    if obstacle == "directory":
        (tmp_path / "alive.lck").mkdir()
    else:
        (tmp_path / "alive.lck").symlink_to("/etc/passwd")
    with pytest.raises(FileError, match=r"alive\.lck"):
        AliveLock(str(tmp_path)).acquire()


def test_a_file_in_the_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "tmp").write_bytes(b"")
    with pytest.raises(FileError, match="tmp"):
        AliveLock(str(tmp_path / "tmp")).acquire()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    def open_files() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    with Partner(hold(tmp_path)) as partner:
        partner.hear()
        before = open_files()
        with pytest.raises(LockTimeout):
            AliveLock(str(tmp_path)).acquire(0.05)
        assert open_files() == before
        partner.say("end")
    with AliveLock(str(tmp_path)):
        pass
