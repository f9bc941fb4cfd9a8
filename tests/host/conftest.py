"""A store with an image for every test, and the rule that nothing of a container is left at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import leftovers, tools
from tests.lab import image
from tests.lab.containers import IMAGE, Room, Traces, furnished

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", name="template")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the image and no container, to copy."""
    tools.require_root()
    for program in ("runc", "conmon", "skopeo", "busybox"):
        tools.require_tool(program)
    directory = tmp_path_factory.mktemp("template")
    image.write_layout(directory / "layout")
    root = directory / "root"
    image.install(directory / "layout", root, directory / "run", directory / "policy.json")
    leftovers.unmount([str(root / "overlay")])
    return root


@pytest.fixture(name="room")
def _room(template: Path, tmp_path: Path) -> Iterator[Room]:
    """A store of this test alone."""
    with furnished(Room(tmp_path), template) as room:
        yield room


@pytest.fixture(scope="module", name="used_store")
def _used_store(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, Traces]]:
    with furnished(Room(tmp_path_factory.mktemp("s")), template) as room:
        # What the first use makes and keeps is there before anybody looks for what a test has left.
        room.libpod("rm", room.libpod("create", IMAGE, "true").words)
        yield room, room.traces()


@pytest.fixture(name="shared")
def _shared(used_store: tuple[Room, Traces]) -> Iterator[Room]:
    """The store of all tests of a module, which finds each as it was: quicker than a new one for everyone."""
    room, before = used_store
    yield room
    if room.traces() != before:
        room.clear()
    assert room.settled(lambda: room.traces() == before), room.traces().difference(before)
