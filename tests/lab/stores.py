"""Kinds of stores, and the disks with one that are made once for a session and copied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from tests import tools, trees
from tests.lab.machine import Machine
from tests.lab.podman import SOURCE, Store, copy_disk
from tests.lab.populate import populate

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_TMP_DIR = "/run/libpod-store"


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
