"""What a container needs and what needs it, in a state store."""

from __future__ import annotations

import pytest

from libpod.containers import dependencies
from libpod.errors import InternalError, NoSuchContainer
from libpod.state.memory import MemoryState
from libpod.state.records import ContainerRecord

KEYS = ("ipcNsCtr", "netNsCtr", "pidNsCtr", "userNsCtr", "utsNsCtr", "cgroupNsCtr")


def record(name: str, **config: object) -> ContainerRecord:
    return ContainerRecord(name, {"id": name, "name": name, **config}, {"state": 1})


@pytest.fixture(name="state")
def _state() -> MemoryState:
    """`web` needs `app` by its name space, which needs `db` by `--requires`; `other` needs `db`, too."""
    state = MemoryState()
    for container in (
        record("db"),
        record("app", Dependencies=["db"]),
        record("web", netNsCtr="app", pidNsCtr="db"),
        record("other", ipcNsCtr="db"),
        record("alone"),
    ):
        state.add_container(container)
    return state


def names(records: list[ContainerRecord]) -> list[str]:
    return [found.name for found in records]


def test_all_that_is_needed_starts_in_order(state: MemoryState) -> None:
    assert names(dependencies.needed(state, state.container("web"))) == ["db", "app"]
    assert names(dependencies.needed(state, state.container("alone"))) == []


@pytest.mark.parametrize("key", KEYS)
def test_each_namespace_counts(key: str) -> None:
    # The first libpod took the owner of the network namespace where that of the PID namespace was meant.
    state = MemoryState()
    state.add_container(record("owner"))
    state.add_container(record("guest", **{key: "owner"}))
    assert names(dependencies.needed(state, state.container("guest"))) == ["owner"]


def test_all_that_need_it_are_removed_in_order(state: MemoryState) -> None:
    found = dependencies.dependents(state, state.container("db"))
    assert sorted(found) == ["app", "other", "web"]
    assert found.index("web") < found.index("app")
    assert dependencies.dependents(state, state.container("alone")) == []


def test_a_circle_of_a_damaged_database_is_told() -> None:
    one, two = record("one", Dependencies=["two"]), record("two", Dependencies=["one"])
    with pytest.raises(InternalError, match="one, two"):
        dependencies.of_records([one, two])


def test_a_dependency_that_is_gone_is_told_with_who_needs_it() -> None:
    with pytest.raises(NoSuchContainer, match="container web needs container gone"):
        dependencies.needed(MemoryState(), record("web", netNsCtr="gone"))
