"""Stores of real Podman for the tests in this folder: made once for a session, copied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab.podman import Store, copy_disk
from tests.lab.stores import DEFAULT_TMP_DIR, KINDS, PODMAN_4, Kind, MakeStore, StoreFactory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.machine import Machine


@pytest.fixture(scope="session")
def store_factory(tmp_path_factory: pytest.TempPathFactory) -> StoreFactory:
    """The disks of this session."""
    tools.require_root()
    for program in ("unshare", "nsenter", "runc", "conmon", "busybox"):
        tools.require_tool(program)
    return StoreFactory(tmp_path_factory.mktemp("disks"))


@pytest.fixture
def make_store(store_factory: StoreFactory, tmp_path: Path) -> Iterator[MakeStore]:
    """Return the function that makes a store; its machines are gone after the test.

    A populated store has been through a power cut: nothing on it runs, and its database says otherwise.
    """
    machines: list[Machine] = []

    def make(
        kind: Kind = PODMAN_4, *, populated: bool = False, boot: bool = True, tmp_dir: str = DEFAULT_TMP_DIR
    ) -> Store:
        machine = store_factory.machine(kind, tmp_path / f"machine{len(machines)}")
        machines.append(machine)
        copy_disk(store_factory.disk(kind, populated=populated), machine.disk)
        store = store_factory.store(kind, machine, tmp_dir=tmp_dir)
        if tmp_dir != DEFAULT_TMP_DIR:
            store.database.unlink()  # it remembers the directory, and it has no container yet
        if boot:
            machine.boot()
        return store

    yield make
    for machine in machines:
        machine.destroy()


@pytest.fixture(params=KINDS, ids=str)
def rebooted(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    """A populated store of each kind, after a reboot and before anybody used it."""
    return make_store(request.param, populated=True)
