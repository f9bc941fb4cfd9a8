"""What the database gives, as items."""

from __future__ import annotations

import pytest

from libpod.containers import items
from libpod.state.records import BrokenRecord, ContainerRecord, PodRecord, VolumeRecord


def test_a_container_of_bolt_keeps_networks_and_namespace() -> None:
    record = ContainerRecord(
        "c1", {"name": "web"}, {"state": 3}, "/run/netns/x", networks={"podman": b'{"aliases":["web"]}'}
    )
    item = items.container_item(record)
    assert (item.kind, item.id, item.name, item.namespace) == ("container", "c1", "web", "/run/netns/x")
    assert item.status == 3
    assert item.network_options()["podman"].texts("aliases") == ["web"]
    assert item.error is None


def test_a_container_of_sqlite_has_its_networks_in_the_configuration() -> None:
    record = ContainerRecord("c1", {"name": "web", "newNetworks": {"back": {"aliases": ["web"]}}}, {})
    assert items.container_item(record).network_options()["back"].texts("aliases") == ["web"]


@pytest.mark.parametrize("networks", [None, [], "podman", 7])
def test_networks_of_a_wrong_type_are_none(networks: object) -> None:
    item = items.container_item(ContainerRecord("c1", {"name": "web", "newNetworks": networks}, {}))
    assert item.network_options() == {}


@pytest.mark.parametrize(("stored", "name"), [("web", "web"), (None, "c1"), ("", "c1"), (7, "c1")])
def test_an_object_without_a_name_has_its_id(stored: object, name: str) -> None:
    assert items.container_item(ContainerRecord("c1", {"name": stored}, {})).name == name


def test_members_of_a_pod_are_found_by_their_configuration() -> None:
    containers = [
        items.container_item(ContainerRecord("c2", {"name": "b", "pod": "p1"}, {})),
        items.container_item(ContainerRecord("c1", {"name": "a", "pod": "p1"}, {})),
        items.container_item(ContainerRecord("c3", {"name": "c", "pod": "p2"}, {})),
        items.container_item(BrokenRecord("container", "c4", None, "invalid JSON")),
    ]
    assert items.pod_item(PodRecord("p1", {"name": "pod"}, {}), containers).members == ["c1", "c2"]


def test_a_volume_is_known_by_its_name() -> None:
    item = items.volume_item(VolumeRecord("data", {"name": "data"}, {"mountCount": 1}))
    assert (item.kind, item.id, item.name, item.state.number("mountCount")) == ("volume", "data", "data", 1)


@pytest.mark.parametrize("kind", ["container", "pod", "volume"])
def test_a_broken_record_keeps_identity_and_reason(kind: str) -> None:
    record = BrokenRecord(kind, "id1", None, "state: invalid JSON")
    item = {
        "container": items.container_item,
        "pod": lambda broken: items.pod_item(broken, []),
        "volume": items.volume_item,
    }[kind](record)
    assert (item.kind, item.id, item.name, item.error) == (kind, "id1", "id1", "state: invalid JSON")
    assert item.status == 0
