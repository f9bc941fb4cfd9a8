"""Machines with CNI networks, and a store with an image in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab.machine import Machine
from tests.lab.network import PLUGINS, NetworkStore
from tests.lab.podman import copy_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", name="disk")
def _disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disk of a machine with an image in its store, to copy."""
    tools.require_root()
    for program in ("podman", "runc", "conmon", "busybox", "iptables", "ip"):
        tools.require_tool(program)
    if not (PLUGINS / "bridge").exists():
        tools.missing(f"the plugins in {PLUGINS}")
    with Machine(tmp_path_factory.mktemp("disk")) as machine:
        store = NetworkStore(machine)
        machine.boot()
        store.import_image()
    return machine.disk


@pytest.fixture(name="store")
def _store(disk: Path, tmp_path: Path) -> Iterator[NetworkStore]:
    """A running machine of this test alone; once its containers are removed, nothing of them is left."""
    with Machine(tmp_path / "m") as machine:
        copy_disk(disk, machine.disk)
        store = NetworkStore(machine)
        machine.boot()
        yield store
        store.libpod("rm", "--force", "--time", "0", "--all")
        assert store.left() == set()
