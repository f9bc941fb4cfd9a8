"""The file lock between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Database, lock
from libpod.errors import DatabaseLocked, FileError
from tests.unit.boltdb.helpers import make, require, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "test.db"
    make(path, {b"b": {}})
    return path


@pytest.fixture(autouse=True)
def tells_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "MESSAGE_AFTER", 0.0)


@contextlib.contextmanager
def other_process(work: Callable[[], Database]) -> Iterator[int]:
    """Fork a process that does *work*, says that it has, and waits to be killed."""
    ready, said = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            opened = work()
            os.write(said, b"1" if opened else b"0")
            signal.pause()
        finally:
            os._exit(1)
    os.close(said)
    try:
        assert os.read(ready, 1) == b"1"
        yield pid
    finally:
        os.close(ready)
        end(pid)


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("theirs", "ours", "free"),
    [
        ("write", "write", False),
        ("write", "read", False),
        ("read", "write", False),
        ("read", "read", True),
    ],
)
def test_who_excludes_whom(path: Path, theirs: str, ours: str, free: bool) -> None:
    with other_process(lambda: Database.open(path, read_only=theirs == "read")) as pid:
        if free:
            Database.open(path, timeout=0, read_only=ours == "read").close()
            return
        with pytest.raises(DatabaseLocked) as caught:
            Database.open(path, timeout=0, read_only=ours == "read")
    assert caught.value.path == str(path)
    assert caught.value.holder is not None
    assert f"(process {pid})" in caught.value.holder
    assert f"{path}: locked by " in caught.value.message
    assert "waited 0 seconds" in caught.value.message
    assert caught.value.hint


def test_waiting_is_told_once_and_ends_when_the_holder_does(path: Path) -> None:
    told: list[str] = []

    with other_process(lambda: Database.open(path)) as pid:

        def on_wait(holder: str) -> None:
            told.append(holder)
            end(pid)

        Database.open(path, timeout=60, on_wait=on_wait).close()
    assert len(told) == 1
    assert f"(process {pid})" in told[0]
    assert "python" in told[0]


def test_nothing_is_told_when_there_is_no_waiting(path: Path) -> None:
    Database.open(path, on_wait=pytest.fail).close()


def test_gives_up_after_the_time_that_was_stated(path: Path) -> None:
    told: list[str] = []
    with (
        other_process(lambda: Database.open(path)),
        pytest.raises(DatabaseLocked, match=r"waited 0\.12 seconds"),
    ):
        Database.open(path, timeout=0.12, on_wait=told.append)
    assert len(told) == 1


def test_a_killed_writer_leaves_lock_and_file_free(path: Path) -> None:
    def write() -> Database:
        db = Database.open(path)
        tx = db.update()
        require(tx.bucket(b"b")).put(b"k", b"v" * 5_000_000)
        require(tx.bucket(b"b")).flush()
        return db

    with other_process(write):
        pass
    assert stored(path) == {b"b": {}}


def test_second_open_in_one_process_is_refused_too(path: Path) -> None:
    with Database.open(path), pytest.raises(DatabaseLocked, match=rf"\(process {os.getpid()}\)"):
        Database.open(path, timeout=0)


def test_two_processes_count_together(path: Path) -> None:
    """Each opens, adds one and closes, as programs that share a store do."""
    children = []
    for _ in range(3):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                for _ in range(15):
                    with Database.open(path) as db, db.update() as tx:
                        bucket = require(tx.bucket(b"b"))
                        bucket.put(b"count", b"%d" % (int(bucket.get(b"count") or b"0") + 1))
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert stored(path) == {b"b": {b"count": b"45"}}


LOCKS = """\
1: POSIX  ADVISORY  WRITE 11 {device}:{inode} 0 EOF
2: FLOCK  ADVISORY  WRITE 12 {device}:{inode} 0 EOF
2: -> FLOCK  ADVISORY  WRITE 13 {device}:{inode} 0 EOF
3: FLOCK  ADVISORY  READ  14 ff:ff:{inode} 0 EOF
4: FLOCK  ADVISORY  WRITE 15 {device}:9{inode} 0 EOF
5: OFDLCK ADVISORY  WRITE -1 {device}:{inode} 0 EOF
6: FLOCK  ADVISORY  WRITE 0 {device}:{inode} 0 EOF
7: FLOCK  ADVISORY  READ  16 {device}:{inode} 0 EOF

nonsense
"""


class TestHolder:
    @pytest.fixture
    def read(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        """Replace /proc by a dict."""
        info = path.stat()
        device = f"{os.major(info.st_dev):02x}:{os.minor(info.st_dev):02x}"
        files = {"/proc/locks": LOCKS.format(device=device, inode=info.st_ino)}
        monkeypatch.setattr(lock, "_read_text", lambda name: files.get(name, ""))
        monkeypatch.setattr(lock, "_has_open", lambda pid, target: False)
        return files

    def holder(self, path: Path) -> str:
        with path.open() as file:
            return lock.holder(file.fileno())

    def test_only_flocks_on_this_file_that_are_held(self, path: Path, read: dict[str, str]) -> None:
        read["/proc/12/cmdline"] = "podman\0ps\0-a\0"
        read["/proc/16/comm"] = "kthread\n"
        assert self.holder(path) == "podman ps -a (process 12), kthread (process 16)"

    def test_process_that_has_ended_meanwhile(self, path: Path, read: dict[str, str]) -> None:
        assert self.holder(path) == "unknown command (process 12), unknown command (process 16)"

    def test_device_of_a_subvolume_differs(
        self, path: Path, read: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lock, "_has_open", lambda pid, target: pid == 14)
        assert "(process 14)" in self.holder(path)

    @pytest.mark.parametrize("text", ["", "nonsense\n1: FLOCK\n"])
    def test_nobody_can_be_named(self, path: Path, read: dict[str, str], text: str) -> None:
        read["/proc/locks"] = text
        assert self.holder(path) == "another process"

    def test_open_files_of_a_process_are_found(self, path: Path) -> None:
        with path.open() as file:
            assert lock._has_open(os.getpid(), os.fstat(file.fileno()))
        assert not lock._has_open(os.getpid(), os.stat("/"))
        assert not lock._has_open(1 << 30, os.stat("/"))


def test_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(FileError, match=r"lock .*test\.db: Operation not supported"):
        Database.open(path)
