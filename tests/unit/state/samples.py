"""Objects to put into a state store, and the three kinds of store to put them into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libpod import state
from libpod.state.records import CONFIGURED, RUNNING, ZERO_TIME, ContainerRecord, PodRecord, VolumeRecord

if TYPE_CHECKING:
    from pathlib import Path

    from libpod.state.protocol import State

KINDS = (state.MEMORY, state.BOLTDB, state.SQLITE)
FILES = (state.BOLTDB, state.SQLITE)


def open_state(kind: str, directory: Path, **options: Any) -> State:
    """Open the store of this kind in *directory*."""
    return state.open(kind, database(kind, directory), **options)


def database(kind: str, directory: Path) -> str:
    """Where the store of this kind in *directory* is."""
    return state.default_path(kind, str(directory), str(directory))


def identifier(number: int) -> str:
    """A full ID. Those of 0 to 15 begin with different characters."""
    return f"{number % 16:x}{number:063x}"


def container(number: int, name: str = "", **config: Any) -> ContainerRecord:
    """A container with a number; keywords are further keys of its configuration."""
    full = identifier(number)
    return ContainerRecord(
        full,
        {
            "spec": {"ociVersion": "1.0.2-dev", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}}},
            "id": full,
            "name": name or f"container-{number}",
            "lockID": number,
            "Dependencies": None,
            "labels": {"number": str(number)},
            **config,
        },
        {
            "state": CONFIGURED,
            "runDir": f"/run/containers/{full}/userdata",
            "startedTime": ZERO_TIME,
            "finishedTime": ZERO_TIME,
            "Service": {"servicePods": None},
        },
    )


def running_container(number: int, **config: Any) -> ContainerRecord:
    """A container that runs, with all that comes with it."""
    record = container(number, **config)
    record.status = RUNNING
    record.pid = 1000 + number
    record.conmon_pid = 2000 + number
    record.set_mount_point(f"/var/lib/containers/{number}/merged")
    record.netns = f"/run/netns/netns-{number}"
    record.state["bindMounts"] = {"/etc/hosts": "/run/hosts"}
    record.state["exitCode"] = 3
    record.state["unknownToUs"] = {"kept": [1, 2.5, None]}
    return record


def pod(number: int, name: str = "", **config: Any) -> PodRecord:
    """A pod with a number."""
    full = identifier(number)
    return PodRecord(
        full,
        {
            "id": full,
            "name": name or f"pod-{number}",
            "labels": {},
            "lockID": number,
            "sharesCgroup": True,
            **config,
        },
        {"cgroupPath": f"/libpod_parent/{full}", "InfraContainerID": ""},
    )


def volume(name: str, lock: int = 100, **config: Any) -> VolumeRecord:
    """A volume."""
    return VolumeRecord(
        name,
        {
            "name": name,
            "lockID": lock,
            "labels": {},
            "volumeDriver": "local",
            "mountPoint": f"/volumes/{name}",
            **config,
        },
        {"mountCount": 0, "notYetMounted": True},
    )


def in_pod(parent: PodRecord, number: int, name: str = "", **config: Any) -> ContainerRecord:
    """A container that is made for a pod."""
    return container(number, name, pod=parent.id, **config)


def same(one: ContainerRecord | PodRecord | VolumeRecord, other: object) -> bool:
    """Whether two records say the same."""
    return (
        type(one) is type(other)
        and isinstance(other, ContainerRecord | PodRecord | VolumeRecord)
        and (one.id, one.config, one.state) == (other.id, other.config, other.state)
    )
