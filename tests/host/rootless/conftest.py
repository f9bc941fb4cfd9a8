"""Two ordinary users on one machine: one with subordinate IDs, one without."""

from __future__ import annotations

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
PROGRAMS = ("newuidmap", "newgidmap", "setpriv", "nsenter", "unshare", "runc", "conmon", "skopeo", "busybox")


@pytest.fixture(scope="session", name="machine")
def _machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    tools.require_root()
    for program in PROGRAMS:
        tools.require_tool(program)
    machine = Machine(tmp_path_factory.mktemp("people"))
    users.prepare(machine)
    for person in (ANNA, BODO):
        User(machine, person).make_account()
    try:
        yield machine
    finally:
        machine.destroy()


def _at_work(user: User) -> Iterator[User]:
    if not user.machine.path(f"{user.storage}/vfs-images").exists():
        user.pull()
    yield user
    user.libpod("rm", "--all", "--force", "--time", "0")
    user.libpod("volume", "prune", "--force")


@pytest.fixture
def anna(machine: Machine) -> Iterator[User]:
    """A user with 65536 subordinate IDs, and an image."""
    yield from _at_work(User(machine, ANNA))


@pytest.fixture
def bodo(machine: Machine) -> User:
    """A user without subordinate IDs, and without a store."""
    return User(machine, BODO)
