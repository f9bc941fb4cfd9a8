"""What is read about the user namespace, and what is said where none can be had."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from libpod.errors import FileError, NotSupported
from libpod.host import files, usernamespace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "pid"), [("123", 123), ("123\n", 123), ("", 0), ("-1", 0), ("no", 0), ("1 2", 0), ("٣", 0)]
)
def test_pause_file(tmp_path: Path, text: str, pid: int) -> None:
    path = tmp_path / "pause.pid"
    path.write_text(text)
    assert usernamespace.read_pause_file(str(path)) == pid


def test_no_pause_file(tmp_path: Path) -> None:
    assert usernamespace.read_pause_file(f"{tmp_path}/pause.pid") == 0


def test_link_instead_of_a_pause_file(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("1")
    (tmp_path / "pause.pid").symlink_to("target")
    with pytest.raises(FileError, match=r"read .*/pause\.pid: Too many levels of symbolic links"):
        usernamespace.read_pause_file(f"{tmp_path}/pause.pid")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_something_else_instead_of_a_pause_file(tmp_path: Path, make: type) -> None:
    path = f"{tmp_path}/pause.pid"
    make(path)
    with pytest.raises((NotSupported, FileError), match=r"pause\.pid"):
        usernamespace.read_pause_file(path)


def test_processes_that_are_in_no_namespace_of_ours() -> None:
    for pid in (os.getpid(), 1, 2**22 + 1):
        assert usernamespace.find(pid) is None


def test_own_map() -> None:
    inside, _outside, size = usernamespace.mapped("uid")[0]
    assert inside == 0 or size >= 1
    assert len(usernamespace.mapped("gid")) == len(files.read_text("/proc/self/gid_map").splitlines())
