"""Stores of real Podman for the tests in this folder: made once for a session, copied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from tests import tools, trees
from tests.lab.machine import Machine
from tests.lab.podman import SOURCE, Store, copy_disk
from tests.lab.populate import populate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Kind(NamedTuple):
    """A kind of store: which Podman made it, and where the locks of its objects are."""

    podman: str
    lock_type: str

    def __str__(self) -> str:
        return f"podman{self.podman}-{self.lock_type}"


# Debian 12 has Podman 4.3 (BoltDB), Debian 13 has Podman 5.4 (SQLite on a new store).
KINDS = (Kind("4", "file"), Kind("4", "shm"), Kind("5", "file"), Kind("5", "shm"))
PODMAN_4 = KINDS[0]
PODMAN_5 = KINDS[2]


class MakeStore(Protocol):
    """Makes a store in a machine of its own; the machine is on unless *boot* is false."""

    def __call__(
        self, kind: Kind = PODMAN_4, *, populated: bool = False, boot: bool = True, tmp_dir: str = ...
    ) -> Store: ...


class StoreFactory:
    """Keeps a disk with an image, and a disk with a populated store, for each kind that is asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.disks: dict[tuple[Kind, bool], Path] = {}

    def machine(self, kind: Kind, directory: Path) -> Machine:
        """Return a new machine on which the Podman of *kind* runs."""
        if kind.podman == "4":
            tools.require_tool("podman")
            return Machine(directory)
        tools.require_tool("mmdebstrap")
        return Machine(directory, tree=trees.ensure(trees.DEBIAN_13_PODMAN), shared=[SOURCE])

    def store(self, kind: Kind, machine: Machine, *, tmp_dir: str) -> Store:
        """Return the store on *machine*."""
        if kind.podman == "4":
            return Store(machine, lock_type=kind.lock_type, tmp_dir=tmp_dir)
        return Store(machine, lock_type=kind.lock_type, python="/usr/bin/python3", tmp_dir=tmp_dir)

    def disk(self, kind: Kind, *, populated: bool) -> Path:
        """Return a disk to copy, making it where it is asked for the first time."""
        key = (kind, populated)
        if key not in self.disks:
            directory = self.directory / f"{kind}-{'populated' if populated else 'image'}"
            machine = self.machine(kind, directory)
            if populated:
                copy_disk(self.disk(kind, populated=False), machine.disk)
            with machine:
                store = self.store(kind, machine, tmp_dir=DEFAULT_TMP_DIR)
                machine.boot()
                if populated:
                    populate(store, with_networks=kind.podman == "4")
                else:
                    store.import_image()
            self.disks[key] = machine.disk
        return self.disks[key]


DEFAULT_TMP_DIR = "/run/libpod-store"


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
