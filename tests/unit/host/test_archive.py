"""Trees that are written to a tar."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from libpod.errors import FileError
from libpod.host import archive, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="deep")
def _deep(tmp_path: Path) -> Iterator[Path]:
    """A tree of 600 directories in each other, with a file in the last."""
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(os.open("end", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    yield tmp_path
    tree.delete(str(tmp_path / "d"))


def packed(path: Path) -> list[str]:
    out = io.BytesIO()
    directory = os.open(path, os.O_RDONLY)
    try:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
            archive.pack(made, directory, os.listdir(directory))
    finally:
        os.close(directory)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as read:
        return read.getnames()


def test_a_tree_that_is_deeper_than_pythons_stack(deep: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    names = packed(deep)
    assert len(names) == 601
    assert names[-1] == "d/" * 600 + "end"
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_order_is_that_of_the_names_and_what_is_inside_follows(tmp_path: Path) -> None:
    for name in ("b/y", "b/x/1", "a", "c"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert packed(tmp_path) == ["a", "b", "b/x", "b/x/1", "b/y", "c"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a/closed").mkdir(parents=True)
    (tmp_path / "a/closed").chmod(0)
    if os.access(tmp_path / "a/closed", os.R_OK):
        pytest.skip("root may read everything")
    with pytest.raises(FileError, match="a/closed"):
        packed(tmp_path)
