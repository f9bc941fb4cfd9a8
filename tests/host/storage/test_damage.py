"""Record files that are damaged, and programs that are killed: refused, or put right, and nothing lost."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod import failpoints
from libpod.errors import DecodeError, LibpodError
from libpod.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT, MADE = "1" * 64, "2" * 64
FILES = {
    "layers": "graph/overlay-layers/layers.json",
    "images": "graph/overlay-images/images.json",
    "containers": "graph/overlay-containers/containers.json",
    "mountpoints": "run/overlay-layers/mountpoints.json",
}


def opened(directory: Path) -> Store:
    return Store(str(directory / "graph"), str(directory / "run"), "overlay")


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> Iterator[Path]:
    """A store with a container that is mounted."""
    store = opened(tmp_path)
    store.create_container(KEPT, ["kept"], None, layer_names=["kept-layer"])
    store.mount(KEPT)
    Path(tmp_path, FILES["images"]).write_text("[]")
    yield tmp_path
    store.driver.unmount(store.container(KEPT).layer_id)
    store.driver.release()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "line 1"),
        (b'[{"id": "a"},\n{"id": ', "line 2"),
        (b'[{"id": "a"}]]', "line 1"),
        (b"\x00\x00\x00\x00", "line 1"),
        (b'[{"id": "\xff"}]', ""),
        (b'{"id": "a"}', "array of records"),
        (b'"text"', "array of records"),
        (b'[{"names": []}]', "record 0"),
        (b'[{"id": "a"}, {"id": 5}]', "record 1"),
        (b'[{"id": ""}]', "record 0"),
        (b"[null]", "record 0"),
        (b'[{"id": "a"}, {"id": "b"}, {"id": "a"}]', "records 0 and 2 have the same id a"),
    ],
)
def test_a_damaged_record_file_is_refused_and_left_as_it_is(
    directory: Path, name: str, text: bytes, place: str
) -> None:
    path = directory / FILES[name]
    before = path.read_bytes()
    acts: list[Callable[[Store], object]] = [
        lambda store: store.create_container(MADE, ["made"], None),
        lambda store: store.mount("kept"),
        lambda store: store.layers(),
        lambda store: store.delete_container("kept"),
        lambda store: store.shutdown(force=True),
    ]
    path.write_bytes(text)
    refused: list[DecodeError] = []
    try:
        for act in acts:
            try:
                act(opened(directory))
            except DecodeError as error:
                refused.append(error)
        # Not every act needs every file; who needs it says where the damage is.
        assert refused
        for found in refused:
            assert re.search(f"{name}.json.*{place}", found.message)
            assert "put back a copy" in str(found.hint)
        assert path.read_bytes() == text
    finally:
        path.write_bytes(before)


def killed(act: Callable[[], object], point: str, nth: int) -> bool:
    """Do something in a process that is killed at the n-th time that it comes to a point."""
    pid = os.fork()
    if pid == 0:
        left = nth

        def hook(name: str) -> None:
            nonlocal left
            left -= name == point
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        failpoints.hook = hook
        with contextlib.suppress(BaseException):
            act()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def strays(directory: Path) -> set[str]:
    """What is on disk and belongs to no record."""
    graph = directory / "graph"
    records = {
        kind: {record["id"] for record in json.loads((directory / FILES[kind]).read_text())}
        for kind in ("layers", "containers")
    }
    layers = {path.name for path in (graph / "overlay").iterdir() if path.name != "l"} - records["layers"]
    links = {
        path.name
        for path in (graph / "overlay" / "l").iterdir()
        if not path.is_dir() or os.readlink(path).split("/")[1] not in records["layers"]
    }
    containers = {
        path.name
        for place in ("graph", "run")
        for path in (directory / place / "overlay-containers").iterdir()
        if path.is_dir()
    } - records["containers"]
    return layers | links | containers


@pytest.mark.parametrize("point", ["files.sync", "files.rename"])
@pytest.mark.parametrize("nth", range(1, 9))
def test_killed_at_any_step_of_creating(directory: Path, point: str, nth: int) -> None:
    """Whatever is there can be removed by its name, or is put right by whoever comes next."""

    def create() -> None:
        opened(directory).create_container(MADE, ["made"], None, layer_names=["made-layer"])

    killed(create, point, nth)
    store = opened(directory)
    assert [container.id for container in store.containers()] in ([KEPT], [KEPT, MADE])
    with contextlib.suppress(LibpodError):
        store.delete_container("made")
    store.create_container("3" * 64, ["made"], None, layer_names=["made-layer"])
    assert strays(directory) == set()
    store.delete_container("made")
    assert [layer.names for layer in store.layers()] == [("kept-layer",)]
    assert strays(directory) == set()


@pytest.mark.parametrize("point", ["files.sync", "files.rename"])
@pytest.mark.parametrize("nth", range(1, 6))
def test_killed_at_any_step_of_deleting(directory: Path, point: str, nth: int) -> None:
    opened(directory).create_container(MADE, ["made"], None, layer_names=["made-layer"])
    opened(directory).mount(MADE)
    killed(lambda: opened(directory).delete_container("made"), point, nth)
    store = opened(directory)
    if len(store.containers()) == 2:
        store.delete_container("made")
    store.create_container("3" * 64, ["other"], None)
    store.delete_container("other")
    assert [container.id for container in store.containers()] == [KEPT]
    assert [layer.names for layer in store.layers()] == [("kept-layer",)]
    assert strays(directory) == set()


def test_the_token_says_that_somebody_has_written(directory: Path) -> None:
    """64 bytes, different after each change, by which others see that what they remember is old."""
    locks = {name: (directory / path).with_suffix(".lock") for name, path in FILES.items()}
    other = opened(directory)
    assert len(other.containers()) == 1
    store, before = opened(directory), {name: path.read_bytes() for name, path in locks.items()}
    store.create_container(MADE, ["made"], None)
    after = {name: path.read_bytes() for name, path in locks.items()}
    for name in ("layers", "containers"):
        assert len(after[name]) == 64
        assert after[name] != before[name]
    assert after["images"] == before["images"]
    assert len(other.containers()) == 2
    store.delete_container("made")
    assert len(other.containers()) == 1
    assert (locks["layers"].stat().st_mode & 0o777) == 0o644
