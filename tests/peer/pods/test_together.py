"""Podman and our program drive each other's pods, on one store, before and after a reboot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import database
from tests.lab.podman import IMAGE, Store
from tests.lab.stores import PODMAN_4, PODMAN_5, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.machine import Result
    from tests.lab.stores import MakeStore

    Program = Callable[..., Result]

VERSIONS = pytest.mark.parametrize("kind", [PODMAN_4, PODMAN_5], ids=str)
MAKERS = pytest.mark.parametrize("maker", ["libpod", "podman"])
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")


def program(store: Store, name: str) -> Program:
    """`podman` or `libpod` on the store."""
    found: Program = getattr(store, name)
    return found


def make(store: Store, maker: str, pod: str, *options: str) -> None:
    """Make a pod with two containers."""
    run = program(store, maker)
    run("pod", "create", "--name", pod, "--network", "none", "--hostname", "shared", *options)
    for name in ("one", "two"):
        run("create", "--pod", pod, "--name", f"{pod}-{name}", IMAGE, *SLEEP)


def states(store: Store, pod: str) -> list[str]:
    """The word for the pod's state by `pod inspect` and `pod ps` of both programs."""
    found = []
    for run in (store.podman, store.libpod):
        rows = json.loads(run("pod", "ps", "--format", "json").stdout)
        found += [row["Status"] for row in rows if row["Name"] == pod]
        found.append(inspect(run, pod)["State"])
    return found


def inspect(run: Program, pod: str) -> dict[str, Any]:
    """What one program's `pod inspect` says; Podman 5 prints a list."""
    found = json.loads(run("pod", "inspect", pod).stdout)
    (only,) = found if isinstance(found, list) else [found]
    assert isinstance(only, dict)
    return only


@VERSIONS
@MAKERS
def test_either_drives_the_pods_of_either(make_store: MakeStore, kind: Kind, maker: str) -> None:
    store = make_store(kind)
    make(store, maker, "p")
    drivers = ("podman", "libpod") if maker == "libpod" else ("libpod", "podman")
    steps = (
        (("start",), "Running"),
        (("pause",), "Paused"),
        (("unpause",), "Running"),
        (("stop", "-t", "5"), "Exited"),
        (("restart",), "Running"),
    )
    assert states(store, "p") == ["Created"] * 4
    for number, (verb, state) in enumerate(steps):
        program(store, drivers[number % 2])("pod", *verb, "p")
        assert states(store, "p") == [state] * 4, verb
    hostname = store.libpod("exec", "p-one", "cat", "/proc/sys/kernel/hostname").stdout
    assert hostname == store.podman("exec", "p-two", "cat", "/proc/sys/kernel/hostname").stdout == "shared\n"

    store.reboot()
    report = store.refresh()
    assert report["pods"] == {"total": 1, "reset": 1, "quarantined": []}
    assert inspect(store.podman, "p")["CgroupPath"] == inspect(store.libpod, "p")["CgroupPath"] != ""
    store.podman("pod", "start", "p")
    assert states(store, "p") == ["Running"] * 4
    program(store, drivers[0])("pod", "stop", "-t", "5", "p")
    assert states(store, "p") == ["Exited"] * 4
    program(store, drivers[1])("pod", "start", "p")
    program(store, drivers[0])("pod", "rm", "--force", "-t", "0", "p")
    assert store.states() == {}
    assert database.objects(store.database, "pod") == {}
    if drivers[1] == "libpod":
        # What Podman runs behind a container that it started takes its lock again, and with it the number.
        assert store.allocated_locks() == set()


@VERSIONS
def test_records_are_as_podman_has_them(make_store: MakeStore, kind: Kind) -> None:
    """Every key of our pod and its containers is one that Podman writes, with a value of the same type."""
    store = make_store(kind)
    options = ("--share", "ipc,net,uts,pid", "--label", "a=b", "--exit-policy", "stop")
    make(store, "podman", "theirs", *options)
    make(store, "libpod", "ours", *options)
    pods = {stored.name: stored for stored in database.objects(store.database, "pod").values()}
    theirs, ours = json.loads(pods["theirs"].config), json.loads(pods["ours"].config)
    changing = {"id", "name", "created", "CreateCommand", "lockID", "ResourceLimits"}
    assert {key: ours[key] for key in ours.keys() - changing} == {
        key: theirs[key] for key in theirs.keys() - changing if key in ours
    }
    assert theirs.keys() - ours.keys() <= {"RestartPolicy", "RestartRetries"}
    assert pods["ours"].state_json().keys() == pods["theirs"].state_json().keys()
    containers = {stored.name: stored for stored in database.objects(store.database, "container").values()}
    member, like = json.loads(containers["ours-one"].config), json.loads(containers["theirs-one"].config)
    joined = [key for key in like if key.endswith("NsCtr")]
    assert joined == [key for key in member if key.endswith("NsCtr")]
    assert {member[key] for key in joined} == {pods["ours"].state_json()["InfraContainerID"]}
    assert member["cgroupParent"] == pods["ours"].state_json()["cgroupPath"]
    assert json.loads(containers[f"{ours['id'][:12]}-infra"].config)["pause"] is True
    mine, podmans = inspect(store.podman, "ours"), inspect(store.podman, "theirs")
    assert mine.keys() == podmans.keys()
    assert set(mine["SharedNamespaces"]) == set(podmans["SharedNamespaces"]) == {"ipc", "net", "uts", "pid"}


@VERSIONS
def test_containers_join_the_pods_of_the_other(make_store: MakeStore, kind: Kind) -> None:
    store = make_store(kind)
    make(store, "podman", "theirs")
    make(store, "libpod", "ours")
    store.libpod("run", "-d", "--pod", "theirs", "--name", "guest", IMAGE, *SLEEP)
    store.podman("run", "-d", "--pod", "ours", "--name", "podmans-guest", IMAGE, *SLEEP)
    for pod, name in (("theirs", "guest"), ("ours", "podmans-guest")):
        assert store.states()[name] == "running"
        script = "cat /proc/sys/kernel/hostname"
        assert store.podman("exec", name, "sh", "-c", script).stdout == "shared\n"
        assert inspect(store.libpod, pod)["NumContainers"] == 4
    # The first has started the infra container, and not the others.
    assert states(store, "ours") == ["Degraded"] * 4
    infra = inspect(store.podman, "ours")["InfraContainerID"]
    for run in (store.podman, store.libpod):
        assert "infra container" in run("rm", "--force", infra, check=False).stderr
    for run, pod in ((store.podman, "ours"), (store.libpod, "theirs")):
        run("pod", "rm", "--force", "-t", "0", pod)
    assert store.states() == {}


@VERSIONS
@pytest.mark.parametrize("options", [(), ("--share-parent",)], ids=["apart", "in-one-cgroup"])
def test_pods_without_an_infra_container(make_store: MakeStore, kind: Kind, options: tuple[str, ...]) -> None:
    store = make_store(kind)
    store.libpod("pod", "create", "--infra=false", "--name", "p", *options)
    store.libpod("create", "--pod", "p", "--net", "none", "--name", "one", IMAGE, *SLEEP)
    # Podman 4.3 looks for the control group of a pod at its infra container when it adds a container.
    maker = store.libpod if options and kind == PODMAN_4 else store.podman
    maker("create", "--pod", "p", "--net", "none", "--name", "two", IMAGE, *SLEEP)
    store.podman("pod", "start", "p")
    assert states(store, "p") == ["Running"] * 4
    group = inspect(store.podman, "p").get("CgroupPath", "/libpod_parent")
    assert ("libpod_parent/" in group) is bool(options)
    for name in ("one", "two"):
        text = store.machine.run(["cat", f"/proc/{store.pid(name)}/cgroup"]).stdout
        assert f"{group}/libpod-" in text
    store.libpod("pod", "stop", "p")
    store.podman("pod", "rm", "p")
    assert store.states() == {}
