"""Killed at any point, a file holds the old state or the new one, whole."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from libpod import failpoints
from libpod.boltdb import Database
from libpod.boltdb.layout import META_END
from tests.unit.boltdb.helpers import PAGE, Content, content, make, numbered, patch, problems, require, stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD: Content = {b"b": {**numbered(500, b"old" * 20), b"in": {b"k": b"old" * 3000}}}


def change(db: Database) -> None:
    """Take OLD to NEW, writing in several parts."""
    with db.update() as tx:
        bucket = require(tx.bucket(b"b"))
        for key in list(bucket)[::2]:
            if key != b"in":
                bucket.delete(key)
        inner = require(bucket.bucket(b"in"))
        inner.put(b"k", b"new" * 900_000)
        inner.flush()
        inner.put(b"l", b"new" * 900_000)
        tx.create_bucket(b"c").put(b"k", b"new")


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Content:
    path = tmp_path_factory.mktemp("new") / "test.db"
    make(path, OLD)
    with Database.open(path) as db:
        change(db)
    return stored(path)


def killed_in(work: Callable[[], object], point: str, visit: int) -> bool:
    """Do *work* in a child that kills itself at the given visit to *point*; tell whether it came to that."""
    pid = os.fork()
    if not pid:
        visits = 0

        def hook(name: str) -> None:
            nonlocal visits
            visits += name == point
            if name == point and visits == visit:
                os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            failpoints.hook = hook
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitpid(pid, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL
    return status != 0


def work_on(path: Path) -> None:
    with Database.open(path) as db:
        change(db)


@pytest.mark.parametrize(
    ("point", "visit", "survives"),
    [
        ("boltdb.write", 1, "old"),
        ("boltdb.write", 2, "old"),
        ("boltdb.write", 3, "old"),
        ("boltdb.sync_data", 1, "old"),
        ("boltdb.meta", 1, "old"),
        ("boltdb.sync_meta", 1, "new"),  # in the page cache: only a power cut could lose it
    ],
)
def test_killed_commit(tmp_path: Path, new: Content, point: str, visit: int, survives: str) -> None:
    path = tmp_path / "test.db"
    make(path, OLD)
    assert killed_in(lambda: work_on(path), point, visit)
    expected = OLD if survives == "old" else new
    assert stored(path) == expected
    if survives == "old":
        work_on(path)
    assert stored(path) == new


@pytest.mark.parametrize("point", ["boltdb.write", "boltdb.sync_data"])
def test_killed_making_of_the_file(tmp_path: Path, point: str) -> None:
    path = tmp_path / "test.db"
    assert killed_in(lambda: Database.open(path), point, 1)
    Database.open(path).close()
    assert stored(path) == {}


def test_many_kills_one_after_the_other(tmp_path: Path) -> None:
    """Every second attempt is killed at some point; what was committed stays, what was not is absent."""
    path = tmp_path / "test.db"
    make(path, {b"b": {}})
    expected: Content = {}
    points = ["boltdb.write", "boltdb.sync_data", "boltdb.meta", "boltdb.sync_meta"]

    def put(number: int) -> None:
        with Database.open(path) as db, db.update() as tx:
            require(tx.bucket(b"b")).put(b"%03d" % number, b"%d" % number * 3000)

    for number in range(40):
        point = points[number % 4]
        if number % 2:
            put(number)
        else:
            assert killed_in(lambda number=number: put(number), point, 1)  # type: ignore[misc]
        if number % 2 or point == "boltdb.sync_meta":
            expected[b"%03d" % number] = b"%d" % number * 3000
        assert stored(path) == {b"b": expected}


Recording = tuple["Path", bytes, list[list[tuple[int, bytes]]]]


class TestPowerCut:
    """Writes that were not synced yet may be lost or half done when the machine fails."""

    @pytest.fixture
    def recorded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[Path, bytes, list[list[tuple[int, bytes]]]]:
        """Record all writes of one commit, in groups between the syncs."""
        path = tmp_path / "test.db"
        make(path, OLD)
        before = path.read_bytes()
        groups: list[list[tuple[int, bytes]]] = [[]]
        really = os.pwritev

        def pwritev(descriptor: int, buffers: list[bytes], offset: int) -> int:
            groups[-1].append((offset, b"".join(buffers)))
            return really(descriptor, buffers, offset)

        monkeypatch.setattr(os, "pwritev", pwritev)
        monkeypatch.setattr(os, "fdatasync", lambda descriptor: groups.append([]))
        work_on(path)
        monkeypatch.undo()
        return path, before, groups

    def test_data_before_the_meta_page(self, recorded: Recording, new: Content) -> None:
        path, before, (data, meta, rest) = recorded
        assert rest == []
        assert len(data) > 2
        assert len(meta) == 1
        (offset, page), *_ = meta
        assert offset // PAGE in (0, 1)
        size = path.stat().st_size

        # Any part of the data may have reached the disk: without the meta page it is as nothing.
        for subset in (data[::2], data[1::2], data[:1], data[-1:]):
            path.write_bytes(before.ljust(size, b"\0"))
            for place, buffer in subset:
                patch(path, place, buffer[: len(buffer) // 2])
            assert stored(path) == OLD

        # The meta page may be torn: then it is not valid, and the older one counts.
        for torn in (20, 40, 60, META_END - 1):
            path.write_bytes(before.ljust(size, b"\0"))
            for place, buffer in data:
                patch(path, place, buffer)
            patch(path, offset, page[:torn])
            with Database.open(path, read_only=True) as db, db.view() as tx:
                assert content(tx) == OLD
                assert problems(tx) == []
                assert len(db.warnings) == (torn > 20)  # the first 20 bytes are the same in every meta

        patch(path, offset, page)
        assert stored(path) == new

    def test_no_page_of_the_old_state_is_touched(self, recorded: Recording) -> None:
        path, before, (data, _, _) = recorded
        old = path.with_suffix(".old")
        old.write_bytes(before)
        with Database.open(old, read_only=True) as db, db.view() as tx:
            used = {page for first, span in tx.pages().items() for page in range(first, first + span)}
        written = {
            page for offset, buffer in data for page in range(offset // PAGE, (offset + len(buffer)) // PAGE)
        }
        assert not used & written
