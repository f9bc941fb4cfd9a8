"""Removing directory trees: everything below goes, and nothing that a link leads to."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

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
