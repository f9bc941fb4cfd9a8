"""A store with an image for every test, a registry, and the rule that no transfer leaves a trace."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.host.images.room import ImageRoom
from tests.lab import registry as lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.registry import Faulty, Registry


@pytest.fixture(name="room")
def _room(template: Path, tmp_path: Path) -> Iterator[ImageRoom]:
    """A store of this test alone. At its end nothing of a transfer and no container may be left."""
    room = ImageRoom(tmp_path)
    subprocess.run(["cp", "-a", "--reflink=auto", template, room.root], check=True)
    try:
        yield room
        room.clear()
        assert room.half_done() == []
        assert room.records("containers") == []
    finally:
        room.close()
        shutil.rmtree(room.root, ignore_errors=True)


@pytest.fixture(scope="session", name="registry")
def _registry(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without TLS and credentials, with `t/bb:latest`."""
    for program in ("docker-registry", "openssl", "umoci"):
        tools.require_tool(program)
    made = template.parent
    with lab.registry(tmp_path_factory.mktemp("registry")) as found:
        command = [
            "skopeo",
            "--policy",
            str(made / "policy.json"),
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
        ]
        subprocess.run([*command, f"oci:{made}/layout:latest", f"docker://{found.host}/t/bb"], check=True)
        yield found


@pytest.fixture(name="faulty")
def _faulty(registry: Registry) -> Iterator[Faulty]:
    """A proxy in front of it that breaks blobs."""
    with lab.faulty(registry) as found:
        yield found
