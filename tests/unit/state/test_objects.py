"""Adding, finding, saving and removing: the behaviour of the first libpod's state, over every back end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from libpod.errors import (
    ContainerExists,
    ContainerRemoved,
    DatabaseClosed,
    DependencyExists,
    EmptyID,
    InvalidArgument,
    InvalidState,
    LibpodError,
    NoSuchContainer,
    NoSuchExecSession,
    NoSuchPod,
    NoSuchVolume,
    ObjectExists,
    PodExists,
    PodRemoved,
    VolumeExists,
)
from libpod.state import records
from libpod.state.objects import EXIT_CODE_LIFETIME
from libpod.state.records import BrokenRecord, ContainerRecord, PodRecord
from tests.unit.state.samples import container, identifier, in_pod, pod, running_container, same, volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from libpod.state.protocol import State

NAMESPACES = ("ipcNsCtr", "mountNsCtr", "netNsCtr", "pidNsCtr", "userNsCtr", "utsNsCtr", "cgroupNsCtr")


def gone(record: ContainerRecord | PodRecord) -> Any:
    """Return *record* as that of an object that was removed."""
    record.valid = False
    return record


def add(store: State, *objects: ContainerRecord) -> None:
    """Add containers that are in no pod."""
    for record in objects:
        store.add_container(record)


def pod_with(store: State, number: int, *members: ContainerRecord) -> PodRecord:
    """Add a pod with containers that were made for it."""
    record = pod(number)
    store.add_pod(record)
    for member in members:
        store.add_container_to_pod(record, member)
    return record


# ---------------------------------------------------------------- adding and getting containers


def test_added_container_is_found_again(store: State) -> None:
    record = running_container(1, unknownToUs={"kept": True})
    add(store, record)
    assert same(record, store.container(record.id))


def test_container_is_found_among_several(store: State) -> None:
    first, second = container(1), container(2)
    add(store, first, second)
    assert same(second, store.container(second.id))


def test_container_with_the_id_of_a_pod_is_not_found(store: State) -> None:
    store.add_pod(pod(1))
    with pytest.raises(NoSuchContainer):
        store.container(identifier(1))


def test_removed_container_cannot_be_added(store: State) -> None:
    with pytest.raises(ContainerRemoved):
        store.add_container(gone(container(1)))


@pytest.mark.parametrize(
    ("other", "error"),
    [
        pytest.param(container(1, "other"), ContainerExists, id="same-id"),
        pytest.param(container(2, "container-1"), ContainerExists, id="same-name"),
        pytest.param(container(3, "other"), PodExists, id="id-of-a-pod"),
        pytest.param(container(2, "pod-3"), PodExists, id="name-of-a-pod"),
    ],
)
def test_container_needs_an_id_and_a_name_of_its_own(
    store: State, other: ContainerRecord, error: type[LibpodError]
) -> None:
    add(store, container(1))
    store.add_pod(pod(3))
    with pytest.raises(error, match="in use"):
        store.add_container(other)
    assert len(store.all_containers()) == 1


def test_name_may_look_like_an_id(store: State) -> None:
    add(store, container(1), container(2, identifier(3)))
    assert store.lookup_container(identifier(3)).id == identifier(2)


def test_container_of_a_pod_is_added_to_the_pod_only(store: State) -> None:
    parent = pod_with(store, 1)
    with pytest.raises(InvalidArgument, match="add it to that pod"):
        store.add_container(in_pod(parent, 2))
    assert store.all_containers() == []


@pytest.mark.parametrize("key", NAMESPACES)
def test_container_outside_cannot_need_one_in_a_pod(store: State, key: str) -> None:
    parent = pod(1)
    store.add_pod(parent)
    store.add_container_to_pod(parent, in_pod(parent, 2))
    with pytest.raises(InvalidArgument, match="in pod"):
        store.add_container(container(3, **{key: identifier(2)}))
    assert not store.has_container(identifier(3))


@pytest.mark.parametrize(
    "ask",
    [
        lambda store, name: store.container(name),
        lambda store, name: store.lookup_container(name),
        lambda store, name: store.lookup_container_id(name),
    ],
)
def test_nothing_is_found_in_an_empty_store(store: State, ask: Callable[[State, str], object]) -> None:
    with pytest.raises(NoSuchContainer, match="no such container: absent"):
        ask(store, "absent")


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.container(""),
        lambda store: store.lookup_container(""),
        lambda store: store.lookup_container_id(""),
        lambda store: store.has_container(""),
        lambda store: store.pod(""),
        lambda store: store.lookup_pod(""),
        lambda store: store.lookup_pod_id(""),
        lambda store: store.has_pod(""),
        lambda store: store.volume(""),
        lambda store: store.lookup_volume(""),
        lambda store: store.has_volume(""),
        lambda store: store.exec_session(""),
        lambda store: store.remove_exec_session(""),
        lambda store: store.add_exit_code("", 0),
        lambda store: store.exit_code(""),
        lambda store: store.remove_broken("container", ""),
    ],
)
def test_empty_name_is_refused(store: State, ask: Callable[[State], object]) -> None:
    with pytest.raises(EmptyID):
        ask(store)


def test_name_that_is_not_text_is_refused(store: State) -> None:
    with pytest.raises(InvalidArgument, match="not UTF-8"):
        store.lookup_container("caf\udce9")


# ---------------------------------------------------------------- looking containers up


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(identifier(1), id="full-id"),
        pytest.param(identifier(1)[:1], id="one-character"),
        pytest.param(identifier(1)[:60], id="most-of-it"),
        pytest.param("container-1", id="name"),
    ],
)
def test_container_is_looked_up(store: State, name: str) -> None:
    add(store, container(1), container(2))
    assert store.lookup_container(name).id == identifier(1)
    assert store.lookup_container_id(name) == identifier(1)


def test_start_of_two_ids_is_ambiguous(store: State) -> None:
    add(store, container(1), container(17))
    with pytest.raises(ContainerExists, match="several"):
        store.lookup_container("1")
    assert store.lookup_container(identifier(17)).id == identifier(17)


def test_start_of_the_ids_of_a_container_and_a_pod_is_ambiguous(store: State) -> None:
    add(store, container(1))
    store.add_pod(pod(17))
    with pytest.raises(ContainerExists):
        store.lookup_container("1")
    with pytest.raises(PodExists):
        store.lookup_pod("1")


def test_whole_name_goes_before_the_start_of_an_id(store: State) -> None:
    add(store, container(13, "other"), container(1, "d"))
    assert store.lookup_container("d").id == identifier(1)


@pytest.mark.parametrize("name", ["*", "%", "_", "?", "[0-9]*", "container", "\\", "'", '"', "a" * 100])
def test_name_has_no_wildcards(store: State, name: str) -> None:
    add(store, container(1))
    with pytest.raises(NoSuchContainer):
        store.lookup_container(name)


@pytest.mark.parametrize(
    "name", ["naïve", "with space", "'; DROP TABLE ContainerConfig; --", "Ж" * 80, "%_\\"]
)
def test_odd_names_work(store: State, name: str) -> None:
    add(store, container(1, name))
    assert store.lookup_container(name).name == name


@pytest.mark.parametrize("name", [identifier(3), identifier(3)[:8], "pod-3"])
def test_pod_is_not_looked_up_as_a_container(store: State, name: str) -> None:
    add(store, container(1))
    store.add_pod(pod(3))
    with pytest.raises(NoSuchContainer, match="is a pod"):
        store.lookup_container(name)


@pytest.mark.parametrize(("number", "there"), [(1, True), (2, False), (3, False)])
def test_has_container(store: State, number: int, there: bool) -> None:
    add(store, container(1))
    store.add_pod(pod(3))
    assert store.has_container(identifier(number)) is there


# ---------------------------------------------------------------- saving containers


def test_saved_state_is_read_by_an_update(store: State) -> None:
    record = container(1)
    add(store, record)
    other = store.container(record.id)
    record.status = records.RUNNING
    record.pid = 1234
    record.netns = "/run/netns/new"
    record.state["unknownToUs"] = {"<&>": "\u2028"}
    store.save_container(record)
    assert not same(record, other)
    store.update_container(other)
    assert same(record, other)
    assert same(record, store.container(record.id))


def test_keys_that_are_dropped_are_dropped_in_the_store(store: State) -> None:
    record = running_container(1)
    add(store, record)
    record.netns = None
    record.pid = 0
    store.save_container(record)
    found = store.container(record.id)
    assert found.netns is None
    assert "pid" not in found.state
    assert "netns" not in found.state


def test_configuration_is_not_changed_by_saving(store: State) -> None:
    record = container(1)
    add(store, record)
    record.config["name"] = "changed"
    store.save_container(record)
    assert store.container(record.id).name == "container-1"


def test_single_key_of_the_configuration_is_saved(store: State) -> None:
    add(store, container(1))
    found = store.container(identifier(1))
    before = found.config_bytes()
    found.set_lock_id(77)
    store.save_container(found)
    again = store.container(identifier(1))
    assert again.lock_id == 77
    assert again.config_bytes() == before.replace(b'"lockID":1,', b'"lockID":77,')


def test_configuration_is_rewritten_on_demand(store: State) -> None:
    add(store, container(1))
    found = store.container(identifier(1))
    found.config["labels"] = {"new": "label"}
    store.rewrite_container_config(found)
    assert store.container(identifier(1)).labels == {"new": "label"}


def test_rewriting_cannot_rename(store: State) -> None:
    add(store, container(1))
    found = store.container(identifier(1))
    found.config["name"] = "other"
    with pytest.raises(InvalidArgument, match="cannot change its name"):
        store.rewrite_container_config(found)


def test_renaming(store: State) -> None:
    add(store, container(1), container(2))
    found = store.container(identifier(1))
    old, state = found.name, dict(found.state)
    store.rename_container(found, "other")
    assert store.lookup_container("other").id == identifier(1)
    assert store.container(identifier(1)).name == "other"
    assert store.container(identifier(1)).state == state
    with pytest.raises(NoSuchContainer):
        store.lookup_container(old)
    store.rename_container(store.container(identifier(2)), old)
    assert store.lookup_container_id(old) == identifier(2)
    assert store.check() == []


def test_renaming_to_a_name_in_use(store: State) -> None:
    add(store, container(1), container(2))
    store.add_pod(pod(3))
    found = store.container(identifier(1))
    old = found.name
    for taken, error in (
        (container(2).name, ContainerExists),
        (pod(3).name, PodExists),
        (old, ContainerExists),
    ):
        with pytest.raises(error):
            store.rename_container(store.container(identifier(1)), taken)
    assert store.lookup_container(old).id == identifier(1)
    with pytest.raises(NoSuchContainer):
        store.rename_container(container(4), "other")


@pytest.mark.parametrize(
    "use",
    [
        lambda store, record: store.update_container(record),
        lambda store, record: store.save_container(record),
        lambda store, record: store.remove_container(record),
        lambda store, record: store.container_in_use(record),
        lambda store, record: store.container_exec_sessions(record),
        lambda store, record: store.add_exec_session(record, "session"),
    ],
)
class TestContainerThatIsNotThere:
    def test_removed_before(self, store: State, use: Callable[[State, ContainerRecord], object]) -> None:
        add(store, container(1))
        with pytest.raises(ContainerRemoved):
            use(store, gone(container(1)))

    def test_never_added(self, store: State, use: Callable[[State, ContainerRecord], object]) -> None:
        add(store, container(1))
        record = container(2)
        with pytest.raises(NoSuchContainer):
            use(store, record)
        assert not record.valid

    def test_its_id_is_that_of_a_pod(
        self, store: State, use: Callable[[State, ContainerRecord], object]
    ) -> None:
        store.add_pod(pod(1))
        with pytest.raises(NoSuchContainer):
            use(store, container(1))


# ---------------------------------------------------------------- removing containers


def test_removed_container_leaves_nothing(store: State) -> None:
    empty = list(store.dump())
    record = running_container(1)
    add(store, record)
    store.remove_container(record)
    assert not store.has_container(record.id)
    assert list(store.dump()) == empty
    assert store.check() == []
    add(store, container(2, "container-1"))


def test_only_the_one_container_is_removed(store: State) -> None:
    add(store, container(1), container(2))
    store.remove_container(container(1))
    assert [found.id for found in store.all_containers()] == [identifier(2)]


def test_container_in_a_pod_is_removed_from_the_pod_only(store: State) -> None:
    parent = pod(1)
    member = in_pod(parent, 2)
    pod_with(store, 1, member)
    with pytest.raises(InvalidArgument, match="remove it from that pod"):
        store.remove_container(member)
    assert store.has_container(member.id)


def test_all_containers_of_an_empty_store(store: State) -> None:
    assert store.all_containers() == []


@pytest.mark.parametrize("count", [1, 2, 50])
def test_all_containers(store: State, count: int) -> None:
    expected = [running_container(number) for number in range(count)]
    add(store, *expected)
    found = sorted(store.all_containers(), key=lambda record: record.id)
    expected.sort(key=lambda record: record.id)
    assert len(found) == count
    assert all(same(one, other) for one, other in zip(expected, found, strict=True))


def test_all_containers_without_some_parts(store: State) -> None:
    add(store, running_container(1))
    (found,) = store.all_containers(with_state=False, with_linux=False)
    assert isinstance(found, ContainerRecord)
    assert found.state == {}
    assert found.config["spec"] == {"ociVersion": "1.0.2-dev"}
    with pytest.raises(InvalidArgument, match="without its state"):
        store.save_container(found)
    store.update_container(found)
    assert found.status == records.RUNNING
    store.save_container(found)
    with pytest.raises(InvalidArgument, match="without all of its specification"):
        store.rewrite_container_config(found)
    assert "linux" in store.container(found.id).config["spec"]  # type: ignore[operator]


def test_a_container_that_cannot_be_read_does_not_hide_the_others(store: State) -> None:
    add(store, container(1), container(2, labels=["no mapping"]))
    found = {record.id: record for record in store.all_containers()}
    broken = found.pop(identifier(2))
    assert isinstance(broken, BrokenRecord)
    assert (broken.kind, "labels: expected an object" in broken.error) == ("container", True)
    assert list(found) == [identifier(1)]


@pytest.mark.parametrize("misleading", [False, True])
def test_all_containers_without_their_specifications(store: State, misleading: bool) -> None:
    record = running_container(1)
    spec: dict[str, object] = {"ociVersion": "1.0.2"}
    if misleading:
        spec["x"] = [{"a": {}, "id": record.id}]
    record.config = {"spec": spec, **{key: value for key, value in record.config.items() if key != "spec"}}
    add(store, record)
    (found,) = store.all_containers(with_spec=False)
    assert isinstance(found, ContainerRecord)
    assert found.config == {key: value for key, value in record.config.items() if key != "spec"}
    assert found.state == record.state
    with pytest.raises(InvalidArgument, match="without all of its specification"):
        store.rewrite_container_config(found)
    found.set_lock_id(77)
    with pytest.raises(InvalidArgument, match="without all of its configuration"):
        store.save_container(found)
    assert store.container(found.id).config["spec"] == spec


# ---------------------------------------------------------------- dependencies


def test_container_that_nobody_needs(store: State) -> None:
    add(store, container(1))
    assert store.container_in_use(container(1)) == []


@pytest.mark.parametrize("key", NAMESPACES)
def test_namespace_is_a_dependency(store: State, key: str) -> None:
    add(store, container(1), container(2, **{key: identifier(1)}))
    assert store.container_in_use(container(1)) == [identifier(2)]
    assert store.container_in_use(container(2)) == []


def test_several_dependents(store: State) -> None:
    target = identifier(1)
    add(
        store,
        container(1),
        container(2, netNsCtr=target, ipcNsCtr=target),
        container(3, Dependencies=[target]),
        container(4, Dependencies=[target], userNsCtr=target),
    )
    assert store.container_in_use(container(1)) == [identifier(number) for number in (2, 3, 4)]


def test_container_may_need_several(store: State) -> None:
    add(store, container(1), container(2), container(3, netNsCtr=identifier(1), Dependencies=[identifier(2)]))
    assert store.container_in_use(container(1)) == store.container_in_use(container(2)) == [identifier(3)]


@pytest.mark.parametrize("config", [{"netNsCtr": identifier(1)}, {"Dependencies": [identifier(1)]}])
def test_needed_container_cannot_be_removed(store: State, config: dict[str, Any]) -> None:
    dependent = container(2, **config)
    add(store, container(1), dependent)
    with pytest.raises(DependencyExists) as caught:
        store.remove_container(container(1))
    assert caught.value.dependents == (identifier(2),)
    assert store.has_container(identifier(1))
    store.remove_container(dependent)
    store.remove_container(container(1))
    assert store.all_containers() == []


def test_dependency_that_is_named_twice_goes_at_once(store: State) -> None:
    dependent = container(2, netNsCtr=identifier(1), Dependencies=[identifier(1)])
    add(store, container(1), dependent)
    store.remove_container(dependent)
    assert store.container_in_use(container(1)) == []
    store.remove_container(container(1))


@pytest.mark.parametrize("number", [1, 5], ids=["pod", "nothing"])
@pytest.mark.parametrize("key", [*NAMESPACES, "Dependencies"])
def test_dependency_must_be_a_container(store: State, key: str, number: int) -> None:
    store.add_pod(pod(1))
    value: Any = [identifier(number)] if key == "Dependencies" else identifier(number)
    with pytest.raises(NoSuchContainer, match="depends"):
        store.add_container(container(2, **{key: value}))
    assert store.all_containers() == []


def test_container_cannot_need_itself(store: State) -> None:
    with pytest.raises(InvalidArgument, match="itself"):
        store.add_container(container(1, netNsCtr=identifier(1)))


# ---------------------------------------------------------------- pods


def test_pod_that_does_not_exist(store: State) -> None:
    for ask in (store.pod, store.lookup_pod, store.lookup_pod_id):
        with pytest.raises(NoSuchPod, match="no such pod: absent"):
            ask("absent")


def test_added_pod_is_found_again(store: State) -> None:
    store.add_pod(pod(1))
    store.add_pod(pod(2))
    assert same(pod(2), store.pod(identifier(2)))
    with pytest.raises(NoSuchPod):
        store.pod(identifier(3))


def test_container_is_not_found_as_a_pod(store: State) -> None:
    add(store, container(1))
    with pytest.raises(NoSuchPod):
        store.pod(identifier(1))
    for name in (identifier(1), identifier(1)[:5], "container-1"):
        with pytest.raises(NoSuchPod, match="is a container"):
            store.lookup_pod(name)


@pytest.mark.parametrize("name", [identifier(1), identifier(1)[:1], "pod-1"])
def test_pod_is_looked_up(store: State, name: str) -> None:
    store.add_pod(pod(1))
    store.add_pod(pod(2))
    assert store.lookup_pod(name).id == store.lookup_pod_id(name) == identifier(1)


def test_start_of_two_pod_ids_is_ambiguous(store: State) -> None:
    store.add_pod(pod(1))
    store.add_pod(pod(17))
    with pytest.raises(PodExists, match="several"):
        store.lookup_pod("1")


@pytest.mark.parametrize(("number", "there"), [(1, True), (2, False), (3, False)])
def test_has_pod(store: State, number: int, there: bool) -> None:
    store.add_pod(pod(1))
    add(store, container(3))
    assert store.has_pod(identifier(number)) is there


def test_removed_pod_cannot_be_added(store: State) -> None:
    with pytest.raises(PodRemoved):
        store.add_pod(gone(pod(1)))


@pytest.mark.parametrize(
    ("other", "error"),
    [
        pytest.param(pod(1, "other"), PodExists, id="same-id"),
        pytest.param(pod(2, "pod-1"), PodExists, id="same-name"),
        pytest.param(pod(3, "other"), ContainerExists, id="id-of-a-container"),
        pytest.param(pod(2, "container-3"), ContainerExists, id="name-of-a-container"),
    ],
)
def test_pod_needs_an_id_and_a_name_of_its_own(
    store: State, other: PodRecord, error: type[LibpodError]
) -> None:
    store.add_pod(pod(1))
    add(store, container(3))
    with pytest.raises(error, match="in use"):
        store.add_pod(other)
    assert len(store.all_pods()) == 1


def test_removed_pod_leaves_nothing(store: State) -> None:
    empty = list(store.dump())
    store.add_pod(pod(1))
    store.remove_pod(pod(1))
    assert store.all_pods() == []
    assert list(store.dump()) == empty


def test_one_of_two_pods_is_removed(store: State) -> None:
    store.add_pod(pod(1))
    store.add_pod(pod(2))
    store.remove_pod(pod(1))
    assert [found.id for found in store.all_pods()] == [identifier(2)]


def test_pod_with_containers_is_not_removed(store: State) -> None:
    member = in_pod(pod(1), 2)
    parent = pod_with(store, 1, member)
    with pytest.raises(DependencyExists) as caught:
        store.remove_pod(parent)
    assert caught.value.dependents == (member.id,)
    store.remove_container_from_pod(parent, member)
    store.remove_pod(parent)
    assert store.all_pods() == []


@pytest.mark.parametrize("count", [0, 1, 3])
def test_all_pods(store: State, count: int) -> None:
    for number in range(count):
        store.add_pod(pod(number))
    assert sorted(found.id for found in store.all_pods()) == [identifier(number) for number in range(count)]


def test_saved_state_of_a_pod_is_read_by_an_update(store: State) -> None:
    record = pod(1)
    store.add_pod(record)
    other = store.pod(record.id)
    record.cgroup_path = "/other"
    record.state["unknownToUs"] = True
    store.save_pod(record)
    store.update_pod(other)
    assert same(record, other)
    assert same(record, store.pod(record.id))


@pytest.mark.parametrize(
    "use",
    [
        lambda store, record: store.update_pod(record),
        lambda store, record: store.save_pod(record),
        lambda store, record: store.remove_pod(record),
        lambda store, record: store.remove_pod_containers(record),
        lambda store, record: store.pod_containers(record),
        lambda store, record: store.pod_containers_by_id(record),
        lambda store, record: store.pod_has_container(record, identifier(9)),
        lambda store, record: store.add_container_to_pod(record, in_pod(record, 9)),
        lambda store, record: store.remove_container_from_pod(record, in_pod(record, 9)),
    ],
)
class TestPodThatIsNotThere:
    def test_removed_before(self, store: State, use: Callable[[State, PodRecord], object]) -> None:
        store.add_pod(pod(1))
        with pytest.raises(PodRemoved):
            use(store, gone(pod(1)))

    def test_never_added(self, store: State, use: Callable[[State, PodRecord], object]) -> None:
        store.add_pod(pod(1))
        record = pod(2)
        with pytest.raises(NoSuchPod):
            use(store, record)
        assert not record.valid


# ---------------------------------------------------------------- containers in pods


def test_pod_has_container(store: State) -> None:
    parent = pod_with(store, 1, in_pod(pod(1), 2))
    add(store, container(3))
    assert store.pod_has_container(parent, identifier(2))
    assert not store.pod_has_container(parent, identifier(3))
    assert not store.pod_has_container(parent, identifier(4))
    with pytest.raises(EmptyID):
        store.pod_has_container(parent, "")


@pytest.mark.parametrize("count", [0, 1, 4])
def test_containers_of_a_pod(store: State, count: int) -> None:
    members = [in_pod(pod(15), number) for number in range(count)]
    parent = pod_with(store, 15, *members)
    add(store, container(14))
    assert store.pod_containers_by_id(parent) == [member.id for member in members]
    found = store.pod_containers(parent)
    assert all(same(one, other) for one, other in zip(members, found, strict=True))


def test_container_of_a_pod_is_a_container_like_others(store: State) -> None:
    member = in_pod(pod(1), 2)
    pod_with(store, 1, member)
    assert same(member, store.container(member.id))
    assert len(store.all_containers()) == 1


@pytest.mark.parametrize(
    ("number", "name", "error"),
    [
        pytest.param(2, "other", ContainerExists, id="id-of-a-container"),
        pytest.param(9, "container-2", ContainerExists, id="name-of-a-container"),
        pytest.param(3, "other", PodExists, id="id-of-a-pod"),
        pytest.param(9, "pod-3", PodExists, id="name-of-a-pod"),
        pytest.param(1, "other", PodExists, id="id-of-its-pod"),
    ],
)
def test_container_of_a_pod_needs_an_id_and_a_name_of_its_own(
    store: State, number: int, name: str, error: type[ObjectExists]
) -> None:
    parent = pod_with(store, 1)
    add(store, container(2))
    store.add_pod(pod(3))
    with pytest.raises(error):
        store.add_container_to_pod(parent, in_pod(parent, number, name))
    assert store.pod_containers(parent) == []


def test_removed_container_cannot_be_added_to_a_pod(store: State) -> None:
    parent = pod_with(store, 1)
    with pytest.raises(ContainerRemoved):
        store.add_container_to_pod(parent, gone(in_pod(parent, 2)))


@pytest.mark.parametrize("config", [{}, {"pod": identifier(5)}])
def test_container_of_another_pod_is_not_added(store: State, config: dict[str, str]) -> None:
    parent = pod_with(store, 1)
    store.add_pod(pod(5))
    with pytest.raises(InvalidArgument, match="not made for pod"):
        store.add_container_to_pod(parent, container(2, **config))
    assert store.all_containers() == []


def test_dependencies_in_a_pod(store: State) -> None:
    parent = pod(1)
    pod_with(store, 1, in_pod(parent, 2), in_pod(parent, 3, netNsCtr=identifier(2)))
    assert store.container_in_use(container(2)) == [identifier(3)]


def test_pod_cannot_be_a_dependency_of_its_container(store: State) -> None:
    parent = pod_with(store, 1)
    with pytest.raises(NoSuchContainer):
        store.add_container_to_pod(parent, in_pod(parent, 2, netNsCtr=parent.id))
    with pytest.raises(NoSuchContainer):
        store.add_container_to_pod(parent, in_pod(parent, 2, Dependencies=[identifier(7)]))
    assert store.pod_containers(parent) == []


def test_dependency_must_be_in_the_same_pod(store: State) -> None:
    parent = pod_with(store, 1)
    pod_with(store, 4, in_pod(pod(4), 5))
    add(store, container(2))
    with pytest.raises(InvalidArgument, match="in no pod"):
        store.add_container_to_pod(parent, in_pod(parent, 3, netNsCtr=identifier(2)))
    with pytest.raises(InvalidArgument, match=f"in pod {identifier(4)}"):
        store.add_container_to_pod(parent, in_pod(parent, 3, netNsCtr=identifier(5)))


def test_container_that_is_not_in_the_pod_is_not_removed_from_it(store: State) -> None:
    parent = pod_with(store, 1)
    other = in_pod(pod(2), 4)
    pod_with(store, 2, other)
    add(store, container(3))
    with pytest.raises(NoSuchContainer):
        store.remove_container_from_pod(parent, in_pod(parent, 9))
    with pytest.raises(ContainerRemoved):
        store.remove_container_from_pod(parent, gone(in_pod(parent, 4)))
    for record in (container(3), other):
        with pytest.raises(InvalidArgument, match="is not in pod"):
            store.remove_container_from_pod(parent, record)
    assert len(store.all_containers()) == 2


def test_container_is_removed_from_a_pod(store: State) -> None:
    parent = pod(1)
    first, second = in_pod(parent, 2), in_pod(parent, 3, netNsCtr=identifier(2))
    pod_with(store, 1, first, second)
    with pytest.raises(DependencyExists):
        store.remove_container_from_pod(parent, first)
    store.remove_container_from_pod(parent, second)
    store.remove_container_from_pod(parent, first)
    assert store.pod_containers_by_id(parent) == []
    assert store.all_containers() == []
    assert store.check() == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_all_containers_of_a_pod_are_removed(store: State, count: int) -> None:
    members = [in_pod(pod(1), 2 + number) for number in range(count)]
    parent = pod_with(store, 1, *members)
    add(store, container(9))
    store.remove_pod_containers(parent)
    assert store.pod_containers(parent) == []
    assert [found.id for found in store.all_containers()] == [identifier(9)]
    store.remove_pod(parent)


def test_containers_of_a_pod_may_need_one_another(store: State) -> None:
    parent = pod(1)
    pod_with(store, 1, in_pod(parent, 2), in_pod(parent, 3, Dependencies=[identifier(2)]))
    store.remove_pod_containers(parent)
    assert store.all_containers() == []


def test_infra_container_of_a_pod_can_be_removed(store: State) -> None:
    parent = pod(1)
    parent.state["InfraContainerID"] = identifier(2)
    with store.transaction():
        store.add_pod(parent)
        store.add_container_to_pod(parent, in_pod(parent, 2))
    store.remove_pod_containers(parent)
    assert store.all_containers() == []


# ---------------------------------------------------------------- volumes


def test_volume_life(store: State) -> None:
    record = volume("data", unknownToUs=1)
    store.add_volume(record)
    assert same(record, store.volume("data"))
    assert store.has_volume("data")
    assert not store.has_volume("dat")
    other = store.volume("data")
    record.state["mountCount"] = 2
    store.save_volume(record)
    store.update_volume(other)
    assert same(record, other)
    assert [found.id for found in store.all_volumes()] == ["data"]
    store.remove_volume(record)
    assert store.all_volumes() == []


def test_removed_volume_leaves_nothing(store: State) -> None:
    empty = list(store.dump())
    record = volume("image", storageID=identifier(5))
    store.add_volume(record)
    store.remove_volume(record)
    assert list(store.dump()) == empty


def test_volume_is_looked_up(store: State) -> None:
    for name in ("data", "database", "other"):
        store.add_volume(volume(name))
    assert store.lookup_volume("data").id == "data"
    assert store.lookup_volume("o").id == "other"
    with pytest.raises(VolumeExists, match="several"):
        store.lookup_volume("dat")
    with pytest.raises(NoSuchVolume):
        store.lookup_volume("absent")
    with pytest.raises(NoSuchVolume):
        store.volume("o")


def test_volume_exists_already(store: State) -> None:
    store.add_volume(volume("data"))
    with pytest.raises(VolumeExists):
        store.add_volume(volume("data", 5))


def test_name_of_a_volume_may_be_that_of_a_container(store: State) -> None:
    add(store, container(1, "data"))
    store.add_volume(volume("data"))
    assert store.lookup_container("data").id == identifier(1)


def test_volume_in_use(store: State) -> None:
    store.add_volume(volume("data"))
    user = container(1, namedVolumes=[{"volumeName": "data", "dest": "/data"}])
    add(store, user, container(2))
    assert store.volume_in_use(volume("data")) == [user.id]
    with pytest.raises(DependencyExists) as caught:
        store.remove_volume(volume("data"))
    assert caught.value.dependents == (user.id,)
    store.remove_container(user)
    assert store.volume_in_use(volume("data")) == []
    store.remove_volume(volume("data"))


def test_volume_of_a_container_must_be_there(store: State) -> None:
    with pytest.raises(NoSuchVolume, match="absent"):
        store.add_container(container(1, namedVolumes=[{"volumeName": "absent"}]))
    assert store.all_containers() == []


@pytest.mark.parametrize(
    "use",
    [
        lambda store, record: store.update_volume(record),
        lambda store, record: store.save_volume(record),
        lambda store, record: store.remove_volume(record),
        lambda store, record: store.volume_in_use(record),
    ],
)
def test_volume_that_is_not_there(store: State, use: Callable[[State, object], object]) -> None:
    record = volume("absent")
    for _ in range(2):
        with pytest.raises(NoSuchVolume):
            use(store, record)
        assert not record.valid


# ---------------------------------------------------------------- exec sessions and exit codes


def test_exec_sessions(store: State) -> None:
    first, second = container(1), container(2)
    add(store, first, second)
    for session, owner in (("s1", first), ("s2", first), ("s3", second)):
        store.add_exec_session(owner, session)
    assert store.container_exec_sessions(first) == ["s1", "s2"]
    assert store.exec_session("s3") == second.id
    store.remove_exec_session("s1")
    assert store.container_exec_sessions(first) == ["s2"]
    with pytest.raises(NoSuchExecSession):
        store.exec_session("s1")
    with pytest.raises(NoSuchExecSession):
        store.remove_exec_session("s1")
    store.remove_container_exec_sessions(first)
    assert store.container_exec_sessions(first) == []
    assert store.container_exec_sessions(second) == ["s3"]


def test_exec_session_has_one_container(store: State) -> None:
    add(store, container(1), container(2))
    store.add_exec_session(container(1), "session")
    with pytest.raises(InvalidState, match="exists already"):
        store.add_exec_session(container(2), "session")


def test_container_with_exec_sessions_is_not_removed(store: State) -> None:
    add(store, container(1))
    store.add_exec_session(container(1), "session")
    with pytest.raises(InvalidState, match="exec sessions: session"):
        store.remove_container(container(1))
    store.remove_container_exec_sessions(container(1))
    store.remove_container(container(1))


@pytest.mark.parametrize("code", [-1, 0, 137, 255])
def test_exit_code(store: State, code: int) -> None:
    assert store.exit_code(identifier(1)) is None
    store.add_exit_code(identifier(1), 9)
    store.add_exit_code(identifier(1), code)
    assert store.exit_code(identifier(1)) == code
    assert store.exit_codes() == {identifier(1): code}


@pytest.mark.parametrize("code", [-2, 256])
def test_exit_code_that_cannot_be(store: State, code: int) -> None:
    with pytest.raises(InvalidArgument, match="between -1 and 255"):
        store.add_exit_code(identifier(1), code)


def test_old_exit_codes_of_containers_that_are_gone_are_pruned(
    store: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, container(1))
    now = time.time()
    for number, age in ((1, EXIT_CODE_LIFETIME + 10), (2, EXIT_CODE_LIFETIME + 10), (3, 10)):
        monkeypatch.setattr(time, "time", lambda age=age: now - age)
        store.add_exit_code(identifier(number), number)
    monkeypatch.setattr(time, "time", lambda: now)
    store.prune_exit_codes()
    assert store.exit_codes() == {identifier(1): 1, identifier(3): 3}


# ---------------------------------------------------------------- closing


def test_closed_store_cannot_be_used(store: State) -> None:
    store.close()
    with pytest.raises(DatabaseClosed):
        store.all_containers()
    with pytest.raises(DatabaseClosed):
        store.add_container(container(1))
    store.close()


def test_names_come_from_the_registry(store: State) -> None:
    assert store.names("container") == store.names("pod") == {}
    store.add_pod(pod(1))
    store.add_container(container(2))
    store.add_container_to_pod(pod(1), container(3, pod=identifier(1)))
    assert store.names("pod") == {identifier(1): pod(1).name}
    assert store.names("container") == {identifier(number): container(number).name for number in (2, 3)}
