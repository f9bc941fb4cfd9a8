"""The section HostConfig of inspection."""

from __future__ import annotations

from typing import Any

import pytest

from libpod.containers.fields import Fields
from libpod.containers.hostconfig import host_config


def section(config: dict[str, Any] | None = None, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """The section for a container with these members."""
    return host_config(Fields(config or {}, "configuration"), Fields(spec or {}, "specification"))


def namespaces(**paths: str) -> dict[str, Any]:
    """A specification with these namespaces; an empty path is a new one."""
    found = [{"type": kind, **({"path": path} if path else {})} for kind, path in paths.items()]
    return {"linux": {"namespaces": found}}


def resources(**members: Any) -> dict[str, Any]:
    """A specification with these resources."""
    return {"linux": {"resources": members}}


def annotated(**annotations: str) -> dict[str, Any]:
    """A specification with Podman's annotations."""
    found = {f"io.podman.annotations.{name.replace('_', '-')}": value for name, value in annotations.items()}
    return {"annotations": found}


@pytest.mark.parametrize(
    ("config", "spec", "expected"),
    [
        ({}, {}, {"CgroupMode": "host", "PidMode": "host", "UTSMode": "host", "UsernsMode": ""}),
        ({}, {}, {"NetworkMode": "host", "IpcMode": "shareable"}),
        ({}, namespaces(cgroup="", pid="", uts=""), {"CgroupMode": "private", "PidMode": "private"}),
        ({}, namespaces(uts="", ipc="", user=""), {"UTSMode": "private", "UsernsMode": "private"}),
        ({}, namespaces(pid="/proc/7/ns/pid"), {"PidMode": "ns:/proc/7/ns/pid"}),
        ({}, namespaces(network="/run/netns/x"), {"NetworkMode": "ns:/run/netns/x"}),
        ({}, namespaces(network=""), {"NetworkMode": "none"}),
        ({"createNetNS": True, "networkMode": "bridge"}, namespaces(network=""), {"NetworkMode": "bridge"}),
        ({"createNetNS": True}, {}, {"NetworkMode": "bridge"}),
        ({"createNetNS": True, "networkMode": "slirp4netns"}, {}, {"NetworkMode": "slirp4netns"}),
        ({"createNetNS": True, "networkMode": "pasta:-T,80"}, {}, {"NetworkMode": "pasta:-T,80"}),
        ({"netNsCtr": "aa", "createNetNS": True}, {}, {"NetworkMode": "container:aa"}),
        ({"pidNsCtr": "aa", "ipcNsCtr": "bb"}, {}, {"PidMode": "container:aa", "IpcMode": "container:bb"}),
        ({"cgroupsMode": "disabled"}, {}, {"Cgroups": "disabled"}),
        ({"cgroupsMode": "enabled"}, {}, {"Cgroups": "default"}),
        ({"cgroupManager": "cgroupfs", "cgroupParent": "/libpod_parent"}, {}, {"CgroupParent": ""}),
        ({"cgroupManager": "cgroupfs", "cgroupParent": "/foo"}, {}, {"CgroupParent": "/foo"}),
        ({"cgroupManager": "systemd", "cgroupParent": "machine.slice"}, {}, {"CgroupParent": ""}),
        ({"cgroupManager": "systemd", "cgroupParent": "user.slice"}, {}, {"CgroupParent": "user.slice"}),
        ({}, annotated(autoremove="TRUE"), {"AutoRemove": True}),
        ({}, annotated(autoremove="FALSE"), {"AutoRemove": False}),
        ({}, annotated(volumes_from="a,b"), {"VolumesFrom": ["a", "b"]}),
        ({}, {}, {"VolumesFrom": None}),
        ({}, annotated(cid_file="/tmp/cid"), {"ContainerIDFile": "/tmp/cid"}),
        ({}, annotated(init="TRUE"), {"Init": True}),
        (
            {},
            {"process": {"noNewPrivileges": True}, **annotated(seccomp="unconfined", label="disable")},
            {"SecurityOpt": ["no-new-privileges", "label=disable", "seccomp=unconfined"]},
        ),
        ({}, {"root": {"readonly": True}}, {"ReadonlyRootfs": True}),
        (
            {"restart_policy": "on-failure", "restart_retries": 4},
            {},
            {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 4}},
        ),
        (
            {
                "device_host_src": [
                    {"path": "/dev/null:/dev/nx:rw"},
                    {"path": "/dev/zero:rw"},
                    {"path": "/dev/a"},
                ]
            },
            {},
            {
                "Devices": [
                    {"PathOnHost": "/dev/null", "PathInContainer": "/dev/nx", "CgroupPermissions": ""},
                    {"PathOnHost": "/dev/zero", "PathInContainer": "/dev/zero", "CgroupPermissions": ""},
                    {"PathOnHost": "/dev/a", "PathInContainer": "/dev/a", "CgroupPermissions": ""},
                ]
            },
        ),
        (
            {},
            {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 20, "soft": 10}], "oomScoreAdj": -5}},
            {"Ulimits": [{"Name": "RLIMIT_NOFILE", "Soft": 10, "Hard": 20}], "OomScoreAdj": -5},
        ),
        (
            {},
            resources(cpu={"shares": 512, "quota": 150000, "period": 100000, "cpus": "0"}),
            {
                "CpuShares": 512,
                "NanoCpus": 1500000000,
                "CpuQuota": 150000,
                "CpuPeriod": 100000,
                "CpusetCpus": "0",
            },
        ),
        ({}, resources(cpu={"quota": -1, "period": 100000}), {"NanoCpus": 0, "CpuQuota": -1}),
        ({}, resources(memory={"limit": 64, "swap": 128}), {"Memory": 64, "MemorySwap": 128}),
        ({}, resources(memory={"limit": 64}), {"MemorySwappiness": -1, "OomKillDisable": False}),
        ({}, resources(memory={"swappiness": 5, "disableOOMKiller": True}), {"MemorySwappiness": 5}),
        ({}, resources(), {"MemorySwappiness": 0, "PidsLimit": 0, "BlkioDeviceReadBps": None}),
        ({}, resources(pids={"limit": 77}), {"PidsLimit": 77}),
        ({}, resources(blockIO={"weight": 100}), {"BlkioWeight": 100, "BlkioDeviceReadBps": []}),
        ({}, resources(unified={"memory.high": "1"}), {"CgroupConf": {"memory.high": "1"}}),
        ({"logSize": 1000000, "logDriver": "json-file", "logTag": "t"}, {}, {}),
    ],
)
def test_members(config: dict[str, Any], spec: dict[str, Any], expected: dict[str, Any]) -> None:
    found = section(config, spec)
    assert {key: found[key] for key in expected} == expected


def test_limits_on_block_devices_need_the_host_for_their_paths() -> None:
    found = section({}, resources(blockIO={"throttleReadBpsDevice": [{"major": 254, "minor": 0, "rate": 1}]}))
    assert "BlkioDeviceReadBps" not in found
    assert found["BlkioDeviceWriteBps"] == []


def test_id_maps_of_a_user_namespace() -> None:
    config = {
        "idMappingsOptions": {
            "UIDMap": [{"container_id": 0, "host_id": 100000, "size": 5000}],
            "GIDMap": [{"container_id": 0, "host_id": 200000, "size": 5000}],
        }
    }
    found = section(config, namespaces(user=""))
    assert found["IDMappings"] == {"UidMap": ["0:100000:5000"], "GidMap": ["0:200000:5000"]}
    # Podman shows those of a joined namespace, and of one that is made at the start (auto), too.
    assert section(config)["IDMappings"] == found["IDMappings"]
    assert "IDMappings" not in section({})


def test_log_configuration() -> None:
    log = {"logSize": 1000000, "logDriver": "json-file", "logTag": "t", "logPath": "/l"}
    expected = {"Type": "json-file", "Config": None, "Path": "/l", "Tag": "t", "Size": "1MB"}
    assert section(log)["LogConfig"] == expected
