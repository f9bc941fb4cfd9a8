"""Containers, pods and volumes in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers.inspecting import Inspection, cgroup_path, dependencies, storage_driver
from libpod.containers.items import Item
from libpod.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Item]

SPEC = {
    "ociVersion": "1.0.2-dev",
    "process": {
        "terminal": True,
        "args": ["/bin/sh", "-c", "true"],
        "env": ["A=b"],
        "cwd": "/data",
        "capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_KILL"]},
    },
    "annotations": {"foo": "bar"},
}


def inspect(item: Item, *others: Item, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """The container *item* of a store that holds *others* too."""
    return Inspection([item, *others]).container(item, spec=spec)


def test_identity_and_configuration(container: Make) -> None:
    found = inspect(
        container(
            spec=SPEC,
            entrypoint=["/bin/sh", "-c"],
            command=["true"],
            user="1000:1000",
            stdin=True,
            labels={"a": "b"},
            stopSignal=15,
            stopTimeout=10,
            timezone="UTC",
            umask="0022",
            passwd=True,
            healthcheck={"Test": ["CMD-SHELL", "true"]},
            healthcheck_on_failure_action=2,
            CreateCommand=["podman", "create"],
        )
    )
    assert (found["Path"], found["Args"]) == ("/bin/sh", ["-c", "true"])
    assert (found["Image"], found["ImageName"], found["Driver"]) == ("b7af", "localhost/bb:latest", "overlay")
    assert found["EffectiveCaps"] == ["CAP_KILL"]
    assert found["BoundingCaps"] == ["CAP_CHOWN", "CAP_KILL"]
    assert found["Config"] == {
        "Hostname": found["Id"][:12],
        "Domainname": "",
        "User": "1000:1000",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": True,
        "OpenStdin": True,
        "StdinOnce": False,
        "Env": ["A=b"],
        "Cmd": ["true"],
        "Image": "localhost/bb:latest",
        "Volumes": None,
        "WorkingDir": "/data",
        "Entrypoint": "/bin/sh -c",
        "OnBuild": None,
        "Labels": {"a": "b"},
        "Annotations": {"foo": "bar"},
        "StopSignal": 15,
        "HealthcheckOnFailureAction": "kill",
        "Umask": "0022",
        "Timeout": 0,
        "StopTimeout": 10,
        "CreateCommand": ["podman", "create"],
        "Timezone": "UTC",
        "Healthcheck": {"Test": ["CMD-SHELL", "true"]},
        "Passwd": True,
    }
    # It stands in a log, not in the database.
    assert found["State"]["Health"] == {"Status": "", "FailingStreak": 0, "Log": None}


def test_the_specification_of_the_last_start_wins(container: Make) -> None:
    last = {"process": {"args": ["true"], "env": ["HOSTNAME=x"]}}
    found = inspect(container(spec=SPEC), spec=last)
    assert (found["Path"], found["Args"], found["Config"]["Env"]) == ("true", ["true"], ["HOSTNAME=x"])


@pytest.mark.parametrize(
    ("arguments", "path", "rest"), [([], "", []), (["a"], "a", ["a"]), (["a", "b", "c"], "a", ["b", "c"])]
)
def test_arguments(container: Make, arguments: list[str], path: str, rest: list[str]) -> None:
    found = inspect(container(spec={"process": {"args": arguments}}))
    assert (found["Path"], found["Args"]) == (path, rest)


@pytest.mark.parametrize(
    ("number", "word", "running", "paused", "dead"),
    [
        (1, "created", False, False, False),
        (3, "running", True, False, False),
        (5, "paused", False, True, False),
        (6, "exited", False, False, False),
        (9, "bad state", False, False, True),
    ],
)
def test_state(container: Make, number: int, word: str, running: bool, paused: bool, dead: bool) -> None:
    state = inspect(container(state=number, state__pid=12, state__exitCode=3, state__oomKilled=True))["State"]
    assert (state["Status"], state["Running"], state["Paused"], state["Dead"]) == (
        word,
        running,
        paused,
        dead,
    )
    assert (state["Pid"], state["ExitCode"], state["OOMKilled"]) == (12, 3, True)
    assert state["Health"] == {"Status": "", "FailingStreak": 0, "Log": None}
    assert ("CgroupPath" in state) == (running or paused)


def test_members_that_hold_nothing_are_left_out(container: Make) -> None:
    found = inspect(container())
    assert not {"ConmonPid", "Checkpointed", "Restored", "CgroupPath"} & set(found["State"])
    assert not {"OCIConfigPath", "EffectiveCaps"} & set(found)
    assert not {"Timezone", "Healthcheck", "SystemdMode", "Passwd"} & set(found["Config"])


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({}, "/libpod_parent/libpod-{id}"),
        ({"cgroupParent": "/libpod_parent/pod/"}, "/libpod_parent/pod/libpod-{id}"),
        ({"cgroupManager": "systemd", "cgroupParent": "machine.slice"}, "/machine.slice/libpod-{id}.scope"),
        (
            {"cgroupManager": "systemd", "cgroupParent": "machine.slice/machine-libpod_pod_ab.slice"},
            "/machine.slice/machine-libpod_pod_ab.slice/libpod-{id}.scope",
        ),
        ({"cgroupsMode": "disabled"}, ""),
        ({"noCgroups": True}, ""),
    ],
)
def test_cgroup(container: Make, changes: dict[str, Any], path: str) -> None:
    item = container(**changes)
    assert cgroup_path(item) == path.format(id=item.id)


def test_network_and_host_name_of_another_container(container: Make) -> None:
    owner = container(
        "owner", spec={"hostname": "named"}, newPortMappings=[{"host_port": 1, "container_port": 2}]
    )
    found = inspect(container("web", netNsCtr=owner.id, utsNsCtr=owner.id), owner)
    assert found["NetworkSettings"]["Ports"] == {"2/tcp": [{"HostIp": "", "HostPort": "1"}]}
    assert found["HostConfig"]["PortBindings"] == {}
    assert found["Config"]["Hostname"] == "named"


def test_owners_in_a_circle_or_broken_end_the_search(container: Make) -> None:
    one, other = container("one", id="aa", netNsCtr="bb"), container("other", id="bb", netNsCtr="aa")
    assert inspect(one, other)["NetworkSettings"]["Ports"] == {}
    broken = Item("container", "cc", "broken", error="invalid JSON")
    assert inspect(container(netNsCtr="cc"), broken)["NetworkSettings"]["Ports"] == {}


def test_dependencies_are_named_once(container: Make) -> None:
    item = container(netNsCtr="bb", pidNsCtr="bb", ipcNsCtr="aa", Dependencies=["cc", "aa"])
    assert sorted(dependencies(item.config)) == ["aa", "bb", "cc"]
    assert dependencies(container(Dependencies=None).config) == []


@pytest.mark.parametrize(
    ("directory", "driver"),
    [
        ("/srv/overlay-containers/ab/userdata", "overlay"),
        ("/srv/my-containers/vfs-containers/ab/userdata", "vfs"),
        ("/srv/elsewhere", ""),
        ("", ""),
    ],
)
def test_storage_driver(directory: str, driver: str) -> None:
    assert storage_driver(directory) == driver


def test_exec_sessions_and_files(container: Make) -> None:
    found = inspect(
        container(
            state__newExecSessions={"e1": {}, "e2": {}},
            state__bindMounts={"/etc/hosts": "/run/h", "/etc/resolv.conf": "/run/r"},
            state__configPath="/srv/config.json",
            pid_file="/run/pidfile",
        )
    )
    assert found["ExecIDs"] == ["e1", "e2"]
    assert (found["HostsPath"], found["ResolvConfPath"], found["HostnamePath"]) == ("/run/h", "/run/r", "")
    assert (found["OCIConfigPath"], found["PidFile"]) == ("/srv/config.json", "/run/pidfile")


def test_a_broken_container_gives_its_identity_and_reason() -> None:
    assert inspect(Item("container", "aa", "web", error="state: invalid JSON")) == {
        "Id": "aa",
        "Name": "web",
        "State": {"Status": "broken", "Error": "state: invalid JSON"},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": 7},
        {"state__bindMounts": []},
        {"spec": {"process": {"args": "sh"}}},
        {"spec": {"linux": {"namespaces": {}}}},
        {"idMappingsOptions": "none", "spec": {"linux": {"namespaces": [{"type": "user"}]}}},
    ],
)
def test_a_value_of_a_wrong_type_is_named(container: Make, changes: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match="of container web"):
        inspect(container(**changes))


# Pods and volumes.


def test_a_pod_with_an_infra_container(container: Make, pod: Make) -> None:
    infra = container(
        "infra", newPortMappings=[{"host_port": 1, "container_port": 2}], networks={"podman": b"{}"}
    )
    inner = container("inner", state=3)
    group = pod(
        "group",
        (infra, inner),
        infra.id,
        hostname="host",
        labels={"q": "w"},
        sharesNet=True,
        sharesIpc=True,
        sharesCgroup=True,
        ExitPolicy="continue",
        CreateCommand=["podman", "pod", "create"],
    )
    found: dict[str, Any] = Inspection([infra, inner]).pod(group)
    assert (found["State"], found["NumContainers"], found["CreateCgroup"]) == ("Degraded", 2, True)
    assert sorted(found["SharedNamespaces"]) == ["ipc", "net"]
    assert {member["Name"]: member["State"] for member in found["Containers"]} == {
        "infra": "created",
        "inner": "running",
    }
    assert found["InfraConfig"]["Networks"] == ["podman"]
    assert found["InfraConfig"]["PortBindings"] == {"2/tcp": [{"HostIp": "", "HostPort": "1"}]}
    assert found["InfraContainerID"] == infra.id


def test_an_empty_pod_has_few_members(pod: Make) -> None:
    found = Inspection([]).pod(pod("empty"))
    assert list(found) == [
        "Id",
        "Name",
        "Created",
        "State",
        "Hostname",
        "CreateCgroup",
        "CgroupParent",
        "CreateInfra",
        "NumContainers",
    ]


def test_a_pod_of_the_first_libpod(container: Make) -> None:
    group = Item(
        "pod", "aa", "old", {"name": "old", "UsePodCgroup": True}, {"CgroupPath": "/libpod_parent/aa"}
    )
    found = Inspection([]).pod(group)
    assert (found["CreateCgroup"], found["CgroupPath"]) == (True, "/libpod_parent/aa")


def test_a_broken_pod_and_a_broken_volume() -> None:
    inspection = Inspection([])
    assert inspection.pod(Item("pod", "aa", "p", error="x"))["Error"] == "x"
    assert inspection.volume(Item("volume", "v", "v", error="x")) == {"Name": "v", "Error": "x"}


def test_a_volume() -> None:
    config = {"mountPoint": "/srv/v", "createdAt": "2026-11-24T04:11:01Z", "labels": {"a": "b"}, "uid": 5}
    found = Inspection([]).volume(Item("volume", "v", "v", config, {"mountCount": 2, "notYetMounted": True}))
    assert found == {
        "Name": "v",
        "Driver": "local",
        "Mountpoint": "/srv/v",
        "CreatedAt": "2026-11-24T04:11:01Z",
        "Labels": {"a": "b"},
        "Scope": "local",
        "Options": {},
        "UID": 5,
        "MountCount": 2,
        "NeedsCopyUp": True,
    }
