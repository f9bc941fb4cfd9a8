"""What is remembered of interfaces, in libcni's files, cut off ones among them."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from libpod.network import conflist
from libpod.network.cache import Cache, interface_order
from libpod.network.plugins import Attachment

ID, OTHER = "a" * 64, "b" * 64
NETWORK = conflist.read(conflist.BUILT_IN)
RESULT = {"cniVersion": "0.4.0", "ips": [{"address": "10.88.0.2/16"}]}


@pytest.fixture(name="cache")
def _cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "results"))


def attachment(interface: str = "eth0", container: str = ID) -> Attachment:
    return Attachment(container, "/run/netns/x", interface, (("K8S_POD_NAME", "web"),), {"mac": "m"})


def test_an_interface_is_remembered_as_libcni_does_it(cache: Cache) -> None:
    cache.store(NETWORK, attachment(), RESULT)
    path = Path(cache.directory, f"podman-{ID}-eth0")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    found = json.loads(path.read_text())
    assert base64.b64decode(found.pop("config")) == NETWORK.text
    assert found == {
        "kind": "cniCacheV1",
        "containerId": ID,
        "ifName": "eth0",
        "networkName": "podman",
        "cniArgs": [["K8S_POD_NAME", "web"]],
        "capabilityArgs": {"mac": "m"},
        "result": RESULT,
    }
    (entry,) = cache.of_containers([ID])
    assert entry.network is not None
    assert entry.network.plugins == NETWORK.plugins
    assert entry.attachment("/run/netns/x") == attachment()
    assert entry.result == RESULT
    cache.remove(entry)
    cache.remove(entry)
    assert cache.of_containers([ID]) == []


def test_interfaces_come_in_order_and_of_these_containers_only(cache: Cache) -> None:
    for number in (10, 2, 0):
        cache.store(NETWORK, attachment(f"eth{number}"), RESULT)
    cache.store(NETWORK._replace(name="my-net"), attachment("my-if"), RESULT)
    cache.store(NETWORK, attachment(container=OTHER), RESULT)
    found = cache.of_containers([ID])
    assert [(entry.network_name, entry.interface) for entry in found] == [
        ("podman", "eth0"),
        ("podman", "eth2"),
        ("podman", "eth10"),
        ("my-net", "my-if"),
    ]
    assert len(cache.of_containers([ID, OTHER])) == 5
    assert cache.of_containers(["c" * 64]) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"kind": "cniCa',
        "[]",
        '{"kind": "cniCacheV1"}',
        '{"kind": "cniCacheV1", "config": "%%%"}',
        '{"kind": "cniCacheV1", "config": "e30="}',
        '{"kind": "cniCacheV1", "config": 5}',
        "\udc80",
    ],
)
def test_a_damaged_file_remembers_the_name_alone(cache: Cache, text: str) -> None:
    cache.store(NETWORK, attachment(), RESULT)
    path = Path(cache.path("podman", ID, "eth0"))
    path.write_text(text, errors="surrogateescape")
    (entry,) = cache.of_containers([ID])
    assert entry == (str(path), "podman", ID, "eth0", None, (), {}, None)


def test_the_bare_result_of_older_programs_is_understood(cache: Cache) -> None:
    cache.store(NETWORK, attachment(), RESULT)
    Path(cache.path("podman", ID, "eth0")).write_text(json.dumps(RESULT))
    (entry,) = cache.of_containers([ID])
    assert (entry.network, entry.result) == (None, RESULT)


def test_interface_order() -> None:
    names = ["eth10", "foo", "eth2", "eth", "eth1"]
    assert sorted(names, key=interface_order) == ["eth", "eth1", "eth2", "eth10", "foo"]
