"""Records: typed access to single keys, and everything else as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from libpod.errors import DecodeError
from libpod.host import jsonutil
from libpod.state import records
from libpod.state.records import ContainerRecord, PodRecord, VolumeRecord
from tests.unit.state.samples import container, identifier, pod, running_container, volume

# As Podman 4.3.1 stored it.
STATE = (
    b'{"state":3,"runDir":"/run/containers/storage/overlay-containers/x/userdata","mounted":true,'
    b'"mountPoint":"/var/lib/containers/storage/overlay/y/merged","startedTime":"2026-11-24T04:07:02.791881516Z",'
    b'"finishedTime":"0001-01-01T00:00:00Z","pid":712,"conmonPid":709,"networkStatus":{"podman":{"interfaces":'
    b'{"eth0":{"subnets":[{"ipnet":"10.88.0.2/16","gateway":"10.88.0.1"}],"mac_address":"9e:2f:b3:7e:30:97"}}}},'
    b'"bindMounts":{"/etc/hosts":"/run/a\\u0026b"},"Service":{"servicePods":null},'
    b'"checkpointedTime":"0001-01-01T00:00:00Z","restoredTime":"0001-01-01T00:00:00Z"}'
)


def decode(config: dict[str, Any], state: bytes | None = STATE, **options: Any) -> ContainerRecord:
    return records.decode_container(
        "x", json.dumps({"id": "x", "name": "web", **config}).encode(), state, **options
    )


def test_record_that_is_not_changed_is_stored_as_it_was() -> None:
    record = decode({})
    assert record.state_bytes() == STATE
    assert record.config_bytes() == record.raw_config
    assert not record.config_changed


def test_state_is_edited_in_place() -> None:
    record = decode({})
    record.status = records.EXITED
    record.pid = 0
    expected = STATE.replace(b'"state":3', b'"state":6').replace(b'"pid":712,', b"")
    assert record.state_bytes() == expected


def test_state_of_a_container() -> None:
    record = decode({})
    assert (record.status, record.pid, record.conmon_pid, record.exit_code) == (3, 712, 709, 0)
    assert record.mounted
    assert record.mount_point.endswith("/merged")
    assert record.run_directory.endswith("/userdata")
    assert record.netns is None


def test_zero_values_are_left_out() -> None:
    record = running_container(1)
    for name in ("pid", "conmon_pid", "exit_code"):
        setattr(record, name, 0)
    record.run_directory = ""
    record.netns = None
    record.set_mount_point("")
    assert set(record.state) == {
        "state",
        "startedTime",
        "finishedTime",
        "Service",
        "bindMounts",
        "unknownToUs",
    }


def test_values_are_set() -> None:
    record = ContainerRecord("x", {})
    record.pid, record.conmon_pid, record.exit_code, record.status = 1, 2, 3, 4
    record.run_directory, record.netns = "/run", "/netns"
    record.set_mount_point("/mnt")
    assert record.state == {
        "pid": 1,
        "conmonPid": 2,
        "exitCode": 3,
        "state": 4,
        "runDir": "/run",
        "netns": "/netns",
        "mounted": True,
        "mountPoint": "/mnt",
    }


def test_defaults_of_an_empty_container() -> None:
    record = ContainerRecord("x", {})
    assert (record.name, record.pod, record.namespace, record.static_directory) == ("", "", "", "")
    assert (record.lock_id, record.labels, record.dependencies, record.named_volumes) == (None, {}, [], [])
    assert (record.status, record.mounted, record.mount_point, record.run_directory) == (0, False, "", "")
    assert (record.created, record.network_options) == (records.ZERO_TIME, {})
    assert record.valid


def test_configuration_of_a_container() -> None:
    config = {
        "lockID": 4,
        "pod": "p",
        "namespace": "n",
        "staticDir": "/bundle",
        "createdTime": "2026-11-24T04:07:02Z",
        "labels": {"a": "b"},
        "Dependencies": ["d", "e", "d"],
        "netNsCtr": "e",
        "ipcNsCtr": "",
        "userNsCtr": "c",
        "namedVolumes": [{"volumeName": "v2"}, {"volumeName": "v1", "dest": "/"}],
    }
    record = decode(config)
    assert (record.name, record.lock_id, record.pod, record.namespace) == ("web", 4, "p", "n")
    assert (record.static_directory, record.created, record.labels) == (
        "/bundle",
        "2026-11-24T04:07:02Z",
        {"a": "b"},
    )
    assert record.dependencies == ["c", "d", "e"]
    assert record.named_volumes == ["v1", "v2"]


@pytest.mark.parametrize("apart", [True, False])
def test_networks(apart: bool) -> None:
    options = {"aliases": ["web"], "interface_name": "eth0"}
    if apart:
        record = decode({}, networks={"podman": jsonutil.dumps(options)})
    else:
        record = decode({"newNetworks": {"podman": options}})
    assert record.network_options == {"podman": options}


# Which namespace is stored where: apart, in the state; and what the record says.
@pytest.mark.parametrize(
    ("apart", "inside", "says"),
    [(None, None, None), ("/a", None, "/a"), (None, "/b", "/b"), ("/a", "/b", "/b"), ("/a", "", "/a")],
)
def test_network_namespace(apart: str | None, inside: str | None, says: str | None) -> None:
    state = {"state": 1} if inside is None else {"state": 1, "netns": inside}
    record = decode({}, jsonutil.dumps(state), netns=apart)
    assert record.netns == says
    assert record.netns_apart is not bool(inside)
    kept = json.loads(record.state_bytes_apart())
    assert kept.get("netns") == (inside or None)


def test_one_key_of_the_configuration_is_set() -> None:
    raw = b'{ "id":"x", "name":"web","spec":{"a":1.0}, "lockID" : 3,"b":"\\u003c" }'
    record = records.decode_container("x", raw, STATE)
    record.set_lock_id(12)
    assert record.config_changed
    assert record.lock_id == 12
    assert record.config_bytes() == raw.replace(b"3,", b"12,")


def test_configuration_of_a_new_record_is_encoded_as_go_does() -> None:
    record = ContainerRecord("x", {"id": "x", "name": "<&>"})
    record.set_config("lockID", 5)
    assert record.config_bytes() == b'{"id":"x","name":"\\u003c\\u0026\\u003e","lockID":5}'


@pytest.mark.parametrize(
    ("key", "expected"), [("cgroupPath", "cgroupPath"), ("CgroupPath", "CgroupPath"), (None, "cgroupPath")]
)
def test_control_group_of_a_pod_keeps_its_key(key: str | None, expected: str) -> None:
    record = PodRecord("x", {"id": "x", "name": "pod"}, {} if key is None else {key: "/old"})
    assert record.cgroup_path == ("" if key is None else "/old")
    record.cgroup_path = "/new"
    assert record.state == {expected: "/new"}


@pytest.mark.parametrize(
    ("config", "uses"),
    [
        ({}, False),
        ({"UsePodCgroup": True}, True),
        ({"sharesCgroup": True}, True),
        ({"sharesCgroup": False}, False),
    ],
)
def test_pod_uses_a_control_group(config: dict[str, object], uses: bool) -> None:
    assert PodRecord("x", config).uses_cgroup is uses


def test_pod_and_volume() -> None:
    record = pod(1, cgroupParent="/parent", created="2026-11-24T04:07:02Z")
    assert (record.cgroup_parent, record.infra_id, record.created) == ("/parent", "", "2026-11-24T04:07:02Z")
    other = volume("data", storageID="s")
    assert (other.mount_count, other.mount_point, other.storage_id) == (0, "/volumes/data", "s")


def test_volume_without_a_state() -> None:
    record = records.decode_volume("data", b'{"name":"data"}', None)
    assert not record.has_state
    assert record.state == {}
    assert VolumeRecord("data", {}).has_state is False
    assert VolumeRecord("data", {}, {}).has_state is True


def test_records_describe_themselves() -> None:
    assert container(1).describe() == f"container container-1 ({identifier(1)})"
    assert volume("data").describe() == "volume data"
    assert ContainerRecord("x", {}).describe() == "container x"
    assert repr(container(1)) == f"ContainerRecord({identifier(1)!r}, name='container-1')"
    assert "state: bad" in repr(records.BrokenRecord("container", "x", None, "state: bad"))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"id": "y"}, "id is 'y', stored under 'x'"),
        ({"id": None}, "id is null"),
        ({"id": 5}, "id: expected text"),
        ({"name": ""}, "name is empty"),
        ({"name": None}, "name is null"),
        ({"name": ["web"]}, "name: expected text"),
        ({"pod": 1}, "pod: expected text"),
        ({"lockID": "7"}, "lockID: expected a whole number"),
        ({"lockID": 7.5}, "lockID: expected a whole number"),
        ({"lockID": True}, "lockID: expected a whole number"),
        ({"spec": []}, "spec: expected an object"),
        ({"Dependencies": "x"}, "Dependencies: expected a list"),
        ({"Dependencies": [1]}, r"Dependencies\[0\]"),
        ({"netNsCtr": {}}, "netNsCtr: expected text"),
        ({"namedVolumes": [1]}, "namedVolumes: expected objects"),
        ({"namedVolumes": [{}]}, "volumeName is missing"),
        ({"newNetworks": []}, "newNetworks: expected an object"),
    ],
)
def test_configuration_that_cannot_be_read(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode(config)


@pytest.mark.parametrize(
    ("decoder", "config"),
    [
        (records.decode_pod, {"id": "y", "name": "pod"}),
        (records.decode_pod, {"id": "x"}),
        (records.decode_pod, {"id": "x", "name": "pod", "UsePodCgroup": "yes"}),
        (records.decode_volume, {"name": "y"}),
        (records.decode_volume, {"name": "x", "lockID": []}),
    ],
)
def test_pod_or_volume_that_cannot_be_read(decoder: Any, config: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        decoder("x", json.dumps(config).encode(), b"{}")


def test_pod_needs_a_state() -> None:
    with pytest.raises(DecodeError, match="pod x: state is missing"):
        records.decode_pod("x", b'{"id":"x","name":"pod"}', None)


def test_network_options_that_cannot_be_read() -> None:
    with pytest.raises(DecodeError, match="network podman"):
        decode({}, networks={"podman": b"{"})


def test_every_status_has_a_name() -> None:
    assert [records.STATUS_NAMES[status] for status in range(9)] == [
        "unknown",
        "created",
        "initialized",
        "running",
        "stopped",
        "paused",
        "exited",
        "removing",
        "stopping",
    ]
