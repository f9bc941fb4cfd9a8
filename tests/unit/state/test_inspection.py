"""What `check` finds between objects and registries."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from libpod import state
from tests.unit.state import rawfiles, samples
from tests.unit.state.samples import container, identifier, in_pod, pod, volume

if TYPE_CHECKING:
    from pathlib import Path

    from libpod.state.protocol import State


def messages(store: State) -> list[str]:
    return [f"{found.kind} {found.identifier}: {found.message}" for found in store.check()]


def test_sound_store(store: State) -> None:
    store.add_volume(volume("data"))
    parent = pod(1)
    store.add_pod(parent)
    store.add_container_to_pod(parent, in_pod(parent, 2))
    store.add_container(container(3, namedVolumes=[{"volumeName": "data"}]))
    store.add_container(container(4, netNsCtr=identifier(3)))
    assert store.check() == []


def test_lock_number_that_two_objects_have(store: State) -> None:
    store.add_volume(volume("data", lock=1))
    store.add_container(container(1))
    store.add_container(container(2, lockID=1))
    found = store.check()
    assert sorted((problem.kind, problem.identifier) for problem in found) in (
        [("container", identifier(2)), ("volume", "data")],
        [("container", identifier(1)), ("volume", "data")],
    )
    assert all("lock number 1" in problem.message for problem in found)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pod": identifier(9)}, f"is made for pod {identifier(9)}, which does not exist"),
        ({"pod": identifier(1)}, "but stored elsewhere"),
        ({"netNsCtr": identifier(9)}, f"needs container {identifier(9)}, which does not exist"),
        ({"netNsCtr": identifier(3)}, f"is not among the dependents of container {identifier(3)}"),
        ({"namedVolumes": [{"volumeName": "absent"}]}, "uses volume absent, which does not exist"),
        ({"namedVolumes": [{"volumeName": "data"}]}, "is not among the users of volume data"),
    ],
)
def test_configuration_that_does_not_fit(store: State, config: dict[str, object], expected: str) -> None:
    store.add_volume(volume("data"))
    store.add_pod(pod(1))
    store.add_container(container(2))
    store.add_container(container(3))
    record = store.container(identifier(2))
    for key, value in config.items():
        record.set_config(key, value)
    store.save_container(record)
    (message,) = messages(store)
    assert message.startswith(f"container {identifier(2)}: ")
    assert expected in message


def test_names_that_do_not_fit(tmp_path: Path) -> None:
    with contextlib.closing(samples.open_state(state.BOLTDB, tmp_path)) as store:
        store.add_container(container(1))
        with rawfiles.bolt(store.path) as transaction:
            rawfiles.bucket(transaction, b"name-registry").put(b"other", identifier(1).encode())
        assert any("name other is registered for it" in message for message in messages(store))
        with rawfiles.bolt(store.path) as transaction:
            rawfiles.bucket(transaction, b"name-registry").delete(b"other")
            rawfiles.bucket(transaction, b"name-registry").delete(b"container-1")
        assert any("that name is not registered for it" in message for message in messages(store))


def test_member_that_the_pod_does_not_name(tmp_path: Path) -> None:
    with contextlib.closing(samples.open_state(state.BOLTDB, tmp_path)) as store:
        store.add_pod(pod(1))
        store.add_container_to_pod(pod(1), in_pod(pod(1), 2))
        with rawfiles.bolt(store.path) as transaction:
            rawfiles.bucket(transaction, b"pod", identifier(1), b"containers").delete(identifier(2).encode())
        assert any("not among the containers of its pod" in message for message in messages(store))


def test_reference_to_nothing(tmp_path: Path) -> None:
    with contextlib.closing(samples.open_state(state.SQLITE, tmp_path)) as store:
        with rawfiles.sqlite(store.path) as connection:
            connection.execute("INSERT INTO ContainerExecSession VALUES ('session', 'absent')")
        (message,) = messages(store)
        assert message.startswith(f"database {store.path}: ContainerExecSession row 1 refers to a row of")
