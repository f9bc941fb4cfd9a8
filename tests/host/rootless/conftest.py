"""Ordinary users on one machine: with subordinate IDs, and without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab import users
from tests.lab.machine import Machine
from tests.lab.users import Person, User

if TYPE_CHECKING:
    from collections.abc import Iterator

ANNA = Person("anna", 64011, 500_000)
BODO = Person("bodo", 64012, 0, 0)
CARL = Person("carl", 64013, 600_000)
PROGRAMS = ("newuidmap", "newgidmap", "setpriv", "nsenter", "unshare", "runc", "conmon", "skopeo", "busybox")


@pytest.fixture(scope="session", name="machine")
def _machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    tools.require_root()
    for program in PROGRAMS:
        tools.require_tool(program)
    machine = Machine(tmp_path_factory.mktemp("people"))
    users.prepare(machine)
    for person in (ANNA, BODO, CARL):
        User(machine, person).make_account()
    try:
        yield machine
    finally:
        machine.destroy()


def _at_work(user: User) -> Iterator[User]:
    if not user.machine.path(f"{user.storage}/vfs-images").exists():
        user.pull()
    yield user
    # Looked at without a command of ours, of which each would cost every test a moment.
    storage = user.machine.path(user.storage)
    records = storage / "vfs-containers/containers.json"
    if records.exists() and json.loads(records.read_text() or "[]"):
        user.libpod("rm", "--all", "--force", "--time", "0")
    if any((storage / "volumes").glob("*")):
        user.libpod("volume", "prune", "--force")


@pytest.fixture
def anna(machine: Machine) -> Iterator[User]:
    """A user with 65536 subordinate IDs, and an image."""
    yield from _at_work(User(machine, ANNA))


@pytest.fixture
def bodo(machine: Machine) -> User:
    """A user without subordinate IDs, and without a store."""
    return User(machine, BODO)


@pytest.fixture
def carl(machine: Machine) -> User:
    """Another user with subordinate IDs, who has no namespace."""
    return User(machine, CARL)
