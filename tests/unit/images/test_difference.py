"""What fuse-overlayfs leaves in an upper directory, where it uses files in place of the kernel's marks."""

from __future__ import annotations

import contextlib
import os
import tarfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers import changes
from libpod.host import tree
from libpod.images import difference

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Any:
    """A layer that removes `gone`, replaces `dir`, and removes `shy`, over one that has them and `kept`."""
    for name in ("base/gone", "base/dir/old", "base/shy", "base/kept", "top/dir/new"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    for name in (".wh.gone", ".wh.shy", ".wh.never", "dir/.wh..wh..opq"):
        (tmp_path / "top" / name).touch()
    # It sets the attribute as well, where the file system has such.
    with contextlib.suppress(OSError):
        os.setxattr(tmp_path / "top/dir", "user.overlay.opaque", b"y")
    layers = [SimpleNamespace(id="base", parent=""), SimpleNamespace(id="top", parent="base")]
    driver = SimpleNamespace(name="overlay", difference=lambda layer: str(tmp_path / layer))
    container = SimpleNamespace(layer_id="top")
    return SimpleNamespace(driver=driver, layers=lambda: layers, container=lambda _id: container)


def test_each_mark_is_written_once(store: Any, tmp_path: Path) -> None:
    difference.write_tar(store, "c", str(tmp_path / "tar"))
    with tarfile.open(tmp_path / "tar") as archive:
        names = archive.getnames()
    assert names == [".wh.gone", ".wh.never", ".wh.shy", "dir", "dir/.wh..wh..opq", "dir/new"]


def test_marks_are_no_changes(store: Any) -> None:
    found = changes.of_layer(store, "top")
    assert found == [("/dir", "C"), ("/dir/new", "A"), ("/gone", "D"), ("/shy", "D")]


def test_a_mark_hides_what_is_below(store: Any, tmp_path: Path) -> None:
    layers = [*store.layers(), SimpleNamespace(id="last", parent="top")]
    store.layers = lambda: layers
    (tmp_path / "last/dir").mkdir(parents=True)
    for name in ("gone", "kept", "dir/old"):
        (tmp_path / "last" / name).touch()
    found = changes.of_layer(store, "last")
    assert found == [("/dir", "C"), ("/dir/old", "A"), ("/gone", "A"), ("/kept", "C")]


@pytest.mark.parametrize("driver", ["overlay", "vfs"])
def test_trees_that_are_deeper_than_pythons_stack(store: Any, tmp_path: Path, driver: str) -> None:
    store.driver.name = driver
    deep = "/".join("d" * 1100)
    for length in range(1, len(deep) + 1, 2):
        os.mkdir(f"{tmp_path}/top/{deep[:length]}")
    found = changes.of_layer(store, "top")
    assert (f"/{deep}", "A") in found
    difference.write_tar(store, "c", str(tmp_path / "tar"))
    with tarfile.open(tmp_path / "tar") as archive:
        assert deep in archive.getnames()
    tree.delete(str(tmp_path / "top"))
