"""Removing directory trees: everything below goes, and nothing that a link leads to."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from libpod.containers.sizes import tree_size
from libpod.errors import FileError
from libpod.host import tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory with a file that stays."""
    kept = tmp_path / "outside"
    kept.mkdir()
    (kept / "kept").write_text("x")
    return kept


@pytest.fixture
def doomed(tmp_path: Path, outside: Path) -> Path:
    """A tree with everything that a directory can hold and that needs no rights."""
    top = tmp_path / "doomed"
    (top / "a/b/c").mkdir(parents=True)
    (top / "a/b/file").write_text("x")

    (top / "to-directory").symlink_to(outside)
    (top / "a/to-file").symlink_to(outside / "kept")
    (top / "a/dangling").symlink_to("nowhere")
    os.mkfifo(top / "pipe")
    (top / os.fsdecode(b"not-\xff-text")).write_text("x")
    return top


@pytest.mark.parametrize("remove", [tree.remove, tree.delete])
def test_all_goes_and_no_link_is_followed(remove: object, doomed: Path, outside: Path) -> None:
    assert callable(remove)
    remove(str(doomed))
    assert not os.path.lexists(doomed)
    assert (outside / "kept").read_text() == "x"


def test_what_is_not_there_is_no_error() -> None:
    with tempfile.TemporaryDirectory() as room:
        assert not tree.remove(f"{room}/none")
        with pytest.raises(FileNotFoundError):
            tree.delete(f"{room}/none")


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_directory_stays(kind: str, tmp_path: Path, outside: Path) -> None:
    path = tmp_path / "it"
    if kind == "file":
        path.write_text("x")
    else:
        path.symlink_to(outside)
    with pytest.raises(FileError, match="remove"):
        tree.remove(str(path))
    assert os.path.lexists(path)
    assert (outside / "kept").exists()


DEPTH = 3000


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A tree deeper than Python's stack, the limit of open files and the longest path, with a file in it."""
    top = tmp_path / "deep"
    top.mkdir()
    descriptor = os.open(top, os.O_RDONLY)
    for level in range(DEPTH):
        os.mkdir("d", dir_fd=descriptor)
        if level == 100:
            os.mkdir("e", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.write(file := os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor), b"12345")
    os.close(file)
    os.close(descriptor)
    return top


def test_depth_has_no_limit(deep: Path) -> None:
    before = os.listdir("/proc/self/fd")
    assert tree_size(str(deep)) == 5
    tree.change_owner(str(deep), (os.getuid(), os.getgid()))
    walked = list(tree.directories(str(deep)))
    assert len(walked) == DEPTH + 2
    assert [sorted(names) for _descriptor, names, _others in walked if len(names) > 1] == [["d", "e"]]
    assert tree.remove(str(deep))
    assert not deep.exists()
    assert os.listdir("/proc/self/fd") == before


def test_a_directory_that_was_moved_does_not_lead_out_of_the_tree(deep: Path, outside: Path) -> None:
    """Deep inside, the way back is by `..`: what was moved elsewhere meanwhile would lead there."""

    def remove_and_move() -> None:
        walk = tree.directories(str(deep))
        next(walk)
        (deep / ("d/" * 1000)).rename(outside / "moved")
        list(walk)

    with pytest.raises(OSError, match="was moved"):
        remove_and_move()
    for left in (deep, outside / "moved"):
        tree.delete(str(left))
