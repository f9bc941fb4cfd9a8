"""Configuration lists: which files count, in which order, and what is said about the others."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from libpod.errors import DecodeError, NoSuchNetwork
from libpod.network import conflist, describe
from libpod.network.conflist import Networks

if TYPE_CHECKING:
    from pathlib import Path


def network(name: str = "net", **keys: Any) -> dict[str, Any]:
    return {"cniVersion": "0.4.0", "name": name, "plugins": [{"type": "bridge"}], **keys}


def write(directory: Path, name: str, value: object) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(value if isinstance(value, str) else json.dumps(value))


@pytest.fixture(name="said")
def _said() -> list[str]:
    return []


def networks(directory: Path, said: list[str], **keywords: Any) -> Networks:
    return Networks([str(directory)], warn=said.append, **keywords)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid JSON"),
        ("[]", "expected a JSON object"),
        ("{}", "name is missing"),
        (network(""), "name: '' cannot be the name"),
        (network("a/b"), "name: 'a/b' cannot be the name"),
        (network("-a"), "name: '-a' cannot be the name"),
        (network(5), "name: expected text"),  # type: ignore[arg-type]
        (network(cniVersion="new"), "cniVersion: 'new' is no version"),
        (network(cniVersion=4), "cniVersion: expected text"),
        (network(plugins=[]), "there are no plugins in it"),
        (network(plugins="bridge"), "plugins: expected a list"),
        (network(plugins=None), "plugins is null"),
        (network(plugins=["bridge"]), r"plugins\[0\]: expected an object"),
        (network(plugins=[{}]), r"plugins\[0\]: type is missing"),
        (network(plugins=[{"type": "../bridge"}]), "type: '../bridge' is no plugin"),
        (network(plugins=[{"type": ""}]), "type: '' is no plugin"),
        (network(disableCheck="yes"), "disableCheck: expected true or false"),
    ],
)
def test_what_is_no_network_is_refused(text: object, message: str) -> None:
    data = text if isinstance(text, str) else json.dumps(text)
    with pytest.raises(DecodeError, match=message) as caught:
        conflist.parse(data.encode(), "/etc/cni/net.d/x.conflist")
    assert "/etc/cni/net.d/x.conflist" in caught.value.message


def test_a_single_plugin_is_a_list_of_one() -> None:
    found = conflist.parse(b'{"name": "one", "type": "ptp", "mtu": 9}', "x", single=True)
    assert (found.name, found.version) == ("one", "0.1.0")
    assert [plugin["type"] for plugin in found.plugins] == ["ptp"]
    again = conflist.parse(found.text, "x")
    assert again.plugins[0]["mtu"] == 9


def test_files_count_in_byte_order_and_broken_ones_are_told(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path, "00-broken.conflist", "{")
    write(tmp_path, "10-empty.conflist", network("empty", plugins=[]))
    write(tmp_path, "B-first.json", {"name": "first", "type": "bridge"})
    write(tmp_path, "a-second.conflist", network("second"))
    write(tmp_path, "b-again.conf", {"name": "first", "type": "ptp"})
    write(tmp_path, "c-other.txt", network("other"))
    (tmp_path / "d.conflist").mkdir()
    found = networks(tmp_path, said)
    assert [entry.name for entry in found.all()] == ["first", "second", "podman"]
    assert found.default().name == "first"
    assert found.default().plugins[0]["type"] == "bridge"
    assert [line.rpartition("/")[2].partition(":")[0] for line in said] == [
        "00-broken.conflist",
        "10-empty.conflist",
        "B-first.json already; the file is skipped",
    ]


def test_unreadable_and_dangling_files_are_told(tmp_path: Path, said: list[str]) -> None:
    os.symlink("nowhere", tmp_path / "a.conflist")
    write(tmp_path, "b.conflist", network("good"))
    assert networks(tmp_path, said).default().name == "good"
    assert len(said) == 1
    assert "a.conflist" in said[0]


def test_without_files_there_is_the_built_in_bridge(tmp_path: Path, said: list[str]) -> None:
    found = networks(tmp_path / "missing", said)
    assert found.default().name == "podman"
    assert [plugin["type"] for plugin in found.default().plugins] == [
        "bridge", "portmap", "firewall", "tuning",
    ]  # fmt: skip
    assert said == []


def test_a_file_with_the_name_of_the_built_in_one_takes_its_place(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path, "a.conflist", network("podman"))
    found = networks(tmp_path, said)
    assert [entry.path for entry in found.all()] == [str(tmp_path / "a.conflist")]


def test_the_default_can_be_pinned(tmp_path: Path, said: list[str]) -> None:
    write(tmp_path, "a.conflist", network("a"))
    assert networks(tmp_path, said, default_name="podman").default().name == "podman"
    with pytest.raises(NoSuchNetwork, match="no such network: b is not in"):
        networks(tmp_path, said, default_name="b").default()


def test_networks_are_found_by_the_beginning_of_their_id(tmp_path: Path, said: list[str]) -> None:
    found = networks(tmp_path, said)
    # What Podman 4.3.1 prints for its own default network.
    assert found.find("2f259bab93aa").name == "podman"
    for name in ("", "2f259bab93ab", "nope"):
        with pytest.raises(NoSuchNetwork) as caught:
            found.find(name)
        assert caught.value.hint == "networks of this host: podman"


def test_the_default_network_is_described_as_podman_does() -> None:
    found = describe.describe(conflist.read(conflist.BUILT_IN))
    found.pop("created")
    assert found == {
        "name": "podman",
        "id": "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9",
        "driver": "bridge",
        "network_interface": "cni-podman0",
        "subnets": [{"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}],
        "ipv6_enabled": False,
        "internal": False,
        "dns_enabled": False,
        "ipam_options": {"driver": "host-local"},
    }


@pytest.mark.parametrize(
    ("plugin", "key", "value"),
    [
        ({"type": "bridge"}, "network_interface", "cni0"),
        ({"type": "bridge"}, "internal", True),
        ({"type": "macvlan", "master": "eth7"}, "network_interface", "eth7"),
        ({"type": "bridge", "mtu": 1400}, "options", {"mtu": "1400"}),
        ({"type": "ptp", "ipam": {"type": "dhcp"}}, "ipam_options", {"driver": "dhcp"}),
        (
            {"type": "ptp", "ipam": {"type": "host-local", "subnet": "fd00::/64"}},
            "subnets",
            [{"subnet": "fd00::/64", "gateway": "fd00::1"}],
        ),
        ({"type": "ptp", "ipam": {"type": "host-local", "subnet": "fd00::/64"}}, "ipv6_enabled", True),
    ],
)
def test_other_networks_are_described(plugin: dict[str, Any], key: str, value: object) -> None:
    found = conflist.parse(json.dumps(network(plugins=[plugin])).encode(), "x")
    assert describe.describe(found)[key] == value
