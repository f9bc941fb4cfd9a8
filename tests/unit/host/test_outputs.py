"""Results that a user asked for: whole or not there, and nothing special is replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from libpod.errors import FileError, LibpodError
from libpod.host import outputs


def test_a_result_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_bytes(b"old")
    with outputs.writing(str(path)) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_bytes(b"old")

    def fail() -> None:
        with outputs.writing(str(path)) as stream:
            stream.write(b"new")
            raise LibpodError("no")

    with pytest.raises(LibpodError, match="no"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        outputs.write(str(tmp_path / "result"), b"secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "result").stat().st_mode) == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "other")
    outputs.write(str(tmp_path / "link"), b"data")
    assert not (tmp_path / "other").exists()
    assert (tmp_path / "link").read_bytes() == b"data"


@pytest.mark.parametrize("through_link", [False, True])
def test_a_pipe_is_written_to(tmp_path: Path, through_link: bool) -> None:
    pipe = path = tmp_path / "pipe"
    os.mkfifo(pipe)
    if through_link:
        path = tmp_path / "link"
        path.symlink_to(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        outputs.write(str(path), b"data")
        assert os.read(reader, 10) == b"data"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("place", ["missing/result", "."])
def test_what_cannot_be_written(tmp_path: Path, place: str) -> None:
    with pytest.raises(FileError, match="write"):
        outputs.write(str(tmp_path / place), b"data")
    assert list(tmp_path.iterdir()) == []
