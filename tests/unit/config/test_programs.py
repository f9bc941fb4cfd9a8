"""Finding programs: the first path that is an executable file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libpod.config import programs
from libpod.errors import InvalidArgument


def program(path: Path, mode: int = 0o755) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return str(path)


def test_the_first_that_can_be_executed(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo", 0o755)
    good, later = program(tmp_path / "good"), program(tmp_path / "later")
    (tmp_path / "link").symlink_to("good")
    bad = [str(tmp_path / name) for name in ("none", "directory", "fifo")]
    bad.append(program(tmp_path / "text", 0o644))
    assert programs.find("conmon", [*bad, good, later], "conmon") == good
    assert programs.find("conmon", [*bad, str(tmp_path / "link")], "conmon") == str(tmp_path / "link")


def test_none_names_every_path_and_a_package(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    paths = [str(tmp_path / "none"), str(tmp_path / "directory"), program(tmp_path / "text", 0o644)]
    with pytest.raises(InvalidArgument) as caught:
        programs.find("OCI runtime", paths, "runc")
    message = caught.value.message
    assert message.startswith("no OCI runtime found: tried ")
    assert f"{paths[0]} (no such file or directory)" in message
    assert f"{paths[1]} (is a directory)" in message
    assert f"{paths[2]} (not executable)" in message
    assert "package runc" in str(caught.value.hint)


def test_no_path_at_all() -> None:
    with pytest.raises(InvalidArgument, match="no path is configured"):
        programs.find("conmon", [], "conmon")


def test_a_path_is_named_once(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    with pytest.raises(InvalidArgument) as caught:
        programs.find("conmon", [path, path], "conmon")
    assert caught.value.message.count(path) == 1


def test_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("none")
    with pytest.raises(InvalidArgument, match="no such file"):
        programs.find("conmon", [str(tmp_path / "link")], "conmon")
