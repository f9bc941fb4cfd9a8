"""A store with an image for every test of pods, and the rule that nothing of a pod is left at its end."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests import leftovers, tools
from tests.lab import image
from tests.lab.pods import PodRoom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", name="pod_template")
def _pod_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the image and no container, to copy."""
    tools.require_root()
    for program in ("runc", "conmon", "skopeo", "busybox", "catatonit", "unshare"):
        tools.require_tool(program)
    directory = tmp_path_factory.mktemp("template")
    image.write_layout(directory / "layout")
    root = directory / "root"
    image.install(directory / "layout", root, directory / "run", directory / "policy.json")
    leftovers.unmount([str(root / "overlay")])
    return root


@pytest.fixture(name="room")
def _room(pod_template: Path, tmp_path: Path) -> Iterator[PodRoom]:
    """A store of this test alone; once its pods are removed, it must be as it was at first."""
    room = PodRoom(tmp_path)
    subprocess.run(["cp", "-a", "--reflink=auto", pod_template, room.root], check=True)
    before = room.traces()
    try:
        yield room
        room.clear()
        assert room.settled(lambda: room.traces() == before), (before, room.traces())
    finally:
        room.close()
        shutil.rmtree(room.root, ignore_errors=True)
