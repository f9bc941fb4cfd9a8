"""The lock that is taken before anything is opened."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import struct
from typing import TYPE_CHECKING

import pytest

from libpod.errors import FileError, LockTimeout
from libpod.locks import boot
from libpod.locks.boot import BootLock

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def lock_as_another(file: IO[bytes]) -> None:
    """Lock a file as another process would: a lock of the open file excludes us within one process."""
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))


class TestLock:
    def test_makes_directory_and_file_with_their_modes(self, tmp_path: Path) -> None:
        old = os.umask(0o077)
        try:
            with BootLock(str(tmp_path / "tmp")) as lock:
                assert lock.held
        finally:
            os.umask(old)
        assert mode(tmp_path / "tmp") == 0o751
        assert mode(tmp_path / "tmp/alive.lck") == 0o644
        assert lock.made == [str(tmp_path / "tmp"), str(tmp_path / "tmp/alive.lck")]
        assert not lock.held

    def test_leaves_modes_that_are_there(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        (tmp_path / "alive.lck").touch(0o600)
        with BootLock(str(tmp_path)) as lock:
            assert lock.made == []
        assert mode(tmp_path / "alive.lck") == 0o600

    def test_excludes_what_podman_takes(self, tmp_path: Path) -> None:
        """Podman takes a classic record lock, from another process."""
        with (
            BootLock(str(tmp_path)),
            (tmp_path / "alive.lck").open("r+b") as other,
            pytest.raises(BlockingIOError),
        ):
            fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_waits_tells_and_gives_up(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(boot, "MESSAGE_AFTER", 0.1)
        said: list[str] = []
        with (tmp_path / "alive.lck").open("w+b") as other:
            lock_as_another(other)
            lock = BootLock(str(tmp_path), timeout=0.3, on_wait=said.append)
            with pytest.raises(
                LockTimeout, match=r"alive\.lck is not free after 0\.3 seconds; it is held by process \d+"
            ) as caught:
                lock.__enter__()
        assert len(said) == 1
        assert f"waiting for process {os.getpid()} (" in said[0]
        assert "(0.3 s at most)" in said[0]
        assert caught.value.holder is not None
        assert caught.value.hint is not None
        assert not lock.held

    def test_goes_on_when_the_lock_is_released(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(boot, "MESSAGE_AFTER", 0.1)
        other = (tmp_path / "alive.lck").open("w+b")
        lock_as_another(other)
        with BootLock(str(tmp_path), on_wait=lambda _line: other.close()) as lock:
            assert lock.held

    def test_without_create_makes_nothing(self, tmp_path: Path) -> None:
        with BootLock(str(tmp_path / "absent"), create=False) as lock:
            assert not lock.held
        assert list(tmp_path.iterdir()) == []

    def test_without_create_lets_readers_in_and_writers_wait(self, tmp_path: Path) -> None:
        (tmp_path / "alive.lck").touch()
        first, second = BootLock(str(tmp_path), create=False), BootLock(str(tmp_path), create=False)
        with first, second:
            assert first.held
            assert second.held
            with pytest.raises(LockTimeout):
                BootLock(str(tmp_path), timeout=0).__enter__()

    @pytest.mark.parametrize(
        ("place", "hint"),
        [("symlink", "symbolic link that somebody placed"), ("directory", "is a directory")],
    )
    def test_refuses_what_is_no_file(self, tmp_path: Path, place: str, hint: str) -> None:
        if place == "symlink":
            (tmp_path / "alive.lck").symlink_to(tmp_path / "victim")
        else:
            (tmp_path / "alive.lck").mkdir()
        with pytest.raises(FileError, match=r"alive\.lck") as caught:
            BootLock(str(tmp_path)).__enter__()
        assert hint in str(caught.value.hint)
        assert not (tmp_path / "victim").exists()

    def test_refuses_a_symlink_as_directory(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "tmp").symlink_to(tmp_path / "real")
        with pytest.raises(FileError, match="symbolic link"):
            BootLock(str(tmp_path / "tmp")).__enter__()

    @pytest.mark.parametrize("again", [True, False], ids=["made anew", "gone"])
    def test_lock_file_that_was_removed_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, again: bool
    ) -> None:
        """Whoever waits for a file that is gone would share the store with those that come later."""
        monkeypatch.setattr(boot, "MESSAGE_AFTER", 0.05)
        directory = tmp_path / "tmp"
        directory.mkdir()
        holders = [(directory / "alive.lck").open("w+b")]
        lock_as_another(holders[0])

        def clean(_line: str) -> None:
            shutil.rmtree(directory)
            if again:
                directory.mkdir()
                holders.append((directory / "alive.lck").open("w+b"))
                lock_as_another(holders[1])
            holders[0].close()

        lock = BootLock(str(directory), timeout=0.5 if again else 60, on_wait=clean)
        if again:
            with pytest.raises(LockTimeout):
                lock.__enter__()
            holders[1].close()
        with lock:
            assert os.fstat(lock.descriptor).st_ino == (directory / "alive.lck").stat().st_ino
            with pytest.raises(LockTimeout):
                BootLock(str(directory), timeout=0).__enter__()

    def test_lock_file_that_is_gone_without_create(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(boot, "MESSAGE_AFTER", 0.05)
        other = (tmp_path / "alive.lck").open("w+b")
        lock_as_another(other)

        def clean(_line: str) -> None:
            (tmp_path / "alive.lck").unlink()
            other.close()

        with BootLock(str(tmp_path), create=False, on_wait=clean) as lock:
            assert not lock.held
        assert list(tmp_path.iterdir()) == []
