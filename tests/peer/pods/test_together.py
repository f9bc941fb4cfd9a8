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


LOOK = ("sh", "-c", "cat /proc/self/uid_map; touch /tmp/mine; ls -ln /tmp/mine")
MAPPINGS = {
    "mapped": ("--uidmap", "0:100000:65536"),
    "chosen": ("--userns", "auto:size=2000", "--share", "net,ipc,uts,pid"),
}


@MAKERS
@pytest.mark.parametrize("kind", MAPPINGS)
def test_user_namespaces_of_pods(make_store: MakeStore, maker: str, kind: str) -> None:
    store = make_store()
    prepare = "mkdir -p /run/whole-proc && mount -t proc proc /run/whole-proc"
    ranges = "echo containers:700000:70000 >/run/ids && mount --bind /run/ids /etc/subuid"
    script = f"{prepare} && {ranges} && mount --bind /run/ids /etc/subgid"
    store.machine.run(["sh", "-ec", script])
    first, size = ("100000", "65536") if kind == "mapped" else ("700000", "2000")
    make = program(store, maker)
    make("pod", "create", "--name", "p", "--network", "none", *MAPPINGS[kind])
    both = (store.podman, store.libpod)
    for name, run in (("theirs", store.podman), ("ours", store.libpod)):
        run("create", "--pod", "p", "--name", name, IMAGE, *LOOK)
        refused = run("create", "--pod", "p", "--uidmap", "0:5:5", IMAGE, *LOOK, check=False)
        assert refused.status == 125, refused
    for run in both:
        assert "user" in inspect(run, "p")["SharedNamespaces"]
        for name in ("theirs", "ours"):
            words = run("start", "--attach", name).stdout.split()
            assert [*words[:3], *words[5:7]] == ["0", first, size, "0", "0"]
            found = store.inspect(name)["HostConfig"]
            assert found["IDMappings"]["UidMap"] == [f"0:{first}:{size}"]
            assert found["UsernsMode"] == f"container:{inspect(run, 'p')['InfraContainerID']}"
    for run in (*both, *both):
        # The containers end by themselves, now and then while Podman stops them; then it says so.
        assert run("pod", "stop", "-t", "0", "p", check=False).status == 0
        run("pod", "start", "p")
    store.reboot()
    store.machine.run(["sh", "-ec", script])
    assert store.refresh()["pods"]["reset"] == 1
    for run, name in zip(both, ("ours", "theirs"), strict=True):
        assert run("start", "--attach", name).stdout.split()[:3] == ["0", first, size]
    # Not by Podman 4.3, which now and then finds /dev/shm of a container busy that it has just killed.
    store.libpod("pod", "rm", "--force", "-t", "0", "p")
    assert store.states() == {}


@MAKERS
def test_what_pods_give_to_containers(make_store: MakeStore, maker: str) -> None:
    store = make_store()
    store.machine.run(["sh", "-c", "mkdir -p /srv/given && echo hello >/srv/given/file"])
    limits = ("--memory", "64m", "--cpus", "0.5", "--cpu-shares", "300", "--cpuset-cpus", "0")
    given = ("-v", "/srv/given:/given:ro", "-v", "kept:/kept", "--device", "/dev/null:/dev/empty")
    program(store, maker)("pod", "create", "--name", "p", "--network", "none", *limits, *given)
    script = "cat /given/file /dev/empty; touch /kept/$0; ls /kept"
    for run in (store.podman, store.libpod):
        for number in (1, 2):
            name = f"{run.__name__}{number}"
            run("create", "--pod", "p", "--name", name, IMAGE, "sh", "-c", script, name)
    group = inspect(store.podman, "p")["CgroupPath"]
    files = ("memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us", "cpu/cpu.shares", "cpuset/cpuset.cpus")

    def limited() -> list[str]:
        paths = [f"/sys/fs/cgroup/{place.replace('/', group + '/')}" for place in files]
        return store.machine.run(["cat", *paths]).stdout.split()

    assert limited() == ["67108864", "50000", "300", "0"]
    for run, number in ((store.podman, 1), (store.libpod, 2)):
        for maker_of in ("podman", "libpod"):
            name = f"{maker_of}{number}"
            words = run("start", "--attach", name).stdout.split()
            assert words[0] == "hello"
            assert name in words
    shown = [inspect(run, "p") for run in (store.podman, store.libpod)]
    for key in (
        "memory_limit",
        "memory_swap",
        "cpu_quota",
        "cpu_period",
        "cpu_shares",
        "cpuset_cpus",
        "mounts",
    ):
        assert shown[0][key] == shown[1][key], key
    assert shown[0]["InfraConfig"]["cpu_quota"] == shown[1]["InfraConfig"]["cpu_quota"] == 50000
    store.podman("pod", "stop", "-t", "0", "p")
    store.reboot()
    store.refresh()
    # Podman 4.3 itself would start it without.
    assert limited() == ["67108864", "50000", "300", "0"]
    store.podman("pod", "start", "p")
    assert limited() == ["67108864", "50000", "300", "0"]
    store.libpod("pod", "rm", "--force", "-t", "0", "p")


def test_nothing_to_do_is_the_same(make_store: MakeStore) -> None:
    store = make_store()
    make(store, "podman", "p")
    ran: dict[str, list[tuple[int, str]]] = {}
    for name in ("podman", "libpod"):
        run = program(store, name)
        steps = [run("pod", verb, "p", check=False) for verb in ("kill", "pause", "unpause")]
        run("pod", "start", "p")
        steps += [run("pod", verb, "p", check=False) for verb in ("unpause", "pause", "pause", "unpause")]
        run("pod", "stop", "-t", "0", "p")
        steps += [run("pod", verb, "p", check=False) for verb in ("kill", "pause", "unpause")]
        steps += [run("pod", verb, "none", check=False) for verb in ("kill", "pause", "unpause")]
        ran[name] = [(step.status, step.stdout) for step in steps]
    assert ran["podman"] == ran["libpod"]
