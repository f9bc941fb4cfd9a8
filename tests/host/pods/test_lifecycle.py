"""Pods from their making to their end, on real containers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.containers import graph
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from libpod.containers.pod import Pod
    from tests.lab.pods import PodRoom

# What `--share` is given, and which namespaces of /proc/PID/ns its containers have in common.
SHARED = {
    "the usual ones": ((), "ipc net uts"),
    "all but the cgroup's": (("--share", "ipc,net,uts,pid"), "ipc net uts pid"),
    "one more": (("--share", "+pid"), "ipc net uts pid"),
    "the cgroup's": (("--share", "cgroup,ipc", "--share-parent=false"), "cgroup ipc"),
}


def comes_to(room: PodRoom, pod: str, state: str) -> bool:
    """Whether the pod comes to be in *state*: what has been killed ends a moment later."""
    return room.settled(lambda: room.pod(pod)["State"] == state)


@pytest.mark.parametrize(("options", "shared"), SHARED.values(), ids=SHARED)
def test_members_share_what_the_pod_says(room: PodRoom, options: tuple[str, ...], shared: str) -> None:
    room.make_pod("p", *options)
    room.member("p", "one")
    room.member("p", "two")
    room.libpod("pod", "start", "p")
    infra = room.namespaces(room.pod("p")["InfraContainerID"])
    for name in ("one", "two"):
        mine = room.namespaces(name)
        host = os.readlink("/proc/self/ns/cgroup")
        common = {kind for kind in mine if mine[kind] == infra[kind] and mine[kind] != host}
        assert common == set(shared.split())
    inspected = room.pod("p")
    assert set(inspected["SharedNamespaces"]) == set(shared.split())
    assert inspected["State"] == "Running"


@pytest.mark.parametrize(
    "act",
    [
        lambda pod: pod.stop(0),
        lambda pod: pod.kill(9),
        lambda pod: pod.pause() and pod.unpause(),
        lambda pod: pod.remove(force=True, timeout=0),
    ],
    ids=["stop", "kill", "pause", "remove"],
)
def test_a_member_that_goes_meanwhile_is_as_good_as_done(
    room: PodRoom, act: Callable[[Pod], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with `--rm` may end and be removed between our look at the pod and its turn."""
    room.make_pod("p")
    room.member("p", "one")
    room.member("p", "two")
    room.libpod("pod", "start", "p")

    build = graph.build

    def build_late(needs: Mapping[str, Sequence[str]]) -> graph.Graph:
        room.libpod("rm", "--force", "--time", "0", "two")
        return build(needs)

    with room.runtime() as runtime:
        monkeypatch.setattr(graph, "build", build_late)
        act(runtime.pod("p"))
    room.libpod("pod", "rm", "--force", "--time", "0", "p")
    assert room.names() == []


def test_a_pod_has_one_host_name_one_dev_shm_and_one_control_group(room: PodRoom) -> None:
    identifier = room.make_pod("p", "--hostname", "shared", "--label", "a=b")
    room.member("p", "one")
    room.libpod("pod", "start", "p")
    command = ("sh", "-c", "hostname; cat /etc/hostname; echo; echo $HOSTNAME; echo seen > /dev/shm/file")
    assert room.libpod("run", "--rm", "--pod", "p", IMAGE, *command).stdout.split() == ["shared"] * 3
    assert room.libpod("exec", "one", "cat", "/dev/shm/file").words == "seen"
    inspected = room.pod("p")
    assert inspected["CgroupPath"] == f"{room.parent}/{identifier}"
    assert inspected["Labels"] == {"a": "b"}
    for name in ("one", inspected["InfraContainerID"]):
        path = f"{room.parent}/{identifier}/libpod-{room.inspect(name)['Id']}"
        assert path in room.groups(name)


def test_every_verb_changes_the_state_of_all(room: PodRoom) -> None:
    room.make_pod("p")
    room.member("p", "one")
    room.member("p", "two")
    steps = (
        (("start",), "Running"),
        (("start",), "Running"),
        (("pause",), "Paused"),
        (("unpause",), "Running"),
        (("restart", "--time", "5"), "Running"),
        (("stop", "--time", "5"), "Exited"),
        (("stop",), "Exited"),
        (("start",), "Running"),
        (("kill", "--signal", "TERM"), "Exited"),
    )
    assert room.pod("p")["State"] == "Created"
    for verb, state in steps:
        assert room.libpod("pod", *verb, "p").words == room.pod("p")["Id"]
        assert comes_to(room, "p", state), verb
    room.libpod("pod", "rm", "p")
    assert room.libpod("pod", "exists", "p", status=1).words == ""


def test_ten_containers_of_which_one_is_broken(room: PodRoom) -> None:
    room.make_pod("p")
    for number in range(9):
        room.member("p", f"good{number}")
    room.member("p", "bad", command=("/nonexistent",))
    result = room.libpod("pod", "start", "p", status=125)
    assert "pod p: 1 container was not started:\n  bad: " in result.stderr
    assert "good" not in result.stderr
    states = room.states()
    assert states.pop("bad") == "created"
    assert set(states.values()) == {"running"}
    assert len(states) == 10


def test_what_needs_a_container_that_failed_is_told_so(room: PodRoom) -> None:
    room.make_pod("p")
    room.member("p", "bad", command=("/nonexistent",))
    room.member("p", "after", "--requires", "bad")
    room.member("p", "last", "--requires", "after")
    stderr = room.libpod("pod", "start", "p", status=125).stderr
    assert "3 containers" not in stderr or "pod p: 3 containers were not started:" in stderr
    assert "  after: container bad, which it needs, was not started" in stderr
    assert "  last: container after, which it needs, was not started" in stderr
    assert room.states() == {"infra": "running", "bad": "created", "after": "created", "last": "created"}


def test_containers_start_after_and_stop_before_those_that_they_need(room: PodRoom) -> None:
    room.make_pod("p")
    room.member("p", "db")
    room.member("p", "app", "--requires", "db")
    room.member("p", "web", "--requires", "app", "--pid", "container:db")
    room.libpod("start", "web")
    assert room.states() == dict.fromkeys(("infra", "db", "app", "web"), "running")
    assert room.namespaces("web")["pid"] == room.namespaces("db")["pid"]
    room.libpod("pod", "stop", "p")
    infra = room.pod("p")["InfraContainerID"]
    order = [infra, "db", "app", "web"]
    started = [room.inspect(name)["State"]["StartedAt"] for name in order]
    finished = [room.inspect(name)["State"]["FinishedAt"] for name in reversed(order)]
    assert started == sorted(started)
    assert finished == sorted(finished)


def test_containers_that_do_not_need_each_other_have_their_time_together(room: PodRoom) -> None:
    """Each ends when all have been told to, which none lives to see if they are told one after the other."""
    room.make_pod("p")
    told = "trap 'touch /told/$0' TERM; echo ready; until [ -e /told/1 -a -e /told/2 -a -e /told/3 ]"
    for number in "123":
        command = ("sh", "-c", f"{told}; do sleep 0.1; done", number)
        room.member("p", f"c{number}", "-v", "told:/told", command=command)
    room.libpod("pod", "start", "p")
    assert room.settled(lambda: room.libpod("pod", "logs", "p").stdout.count("ready") == 3)
    assert room.libpod("pod", "stop", "--time", "100", "p").stderr == ""
    assert {room.inspect(f"c{number}")["State"]["ExitCode"] for number in "123"} == {0}


def test_containers_that_do_not_end_are_killed(room: PodRoom) -> None:
    room.make_pod("p")
    for name in ("one", "two", "three"):
        room.member("p", name, command=("sleep", "1000"))
    room.libpod("pod", "start", "p")
    result = room.libpod("pod", "stop", "--time", "1", "p")
    assert result.stderr.count("is alive 1 seconds after SIGTERM: killing it") == 3


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_the_exit_policy(room: PodRoom, policy: str) -> None:
    room.make_pod("p", "--exit-policy", policy)
    room.member("p", "one", command=("true",))
    room.member("p", "two")
    room.libpod("pod", "start", "p")
    assert room.settled(lambda: room.states()["one"] == "exited")
    assert room.states()["infra"] == "running"
    room.libpod("stop", "two")
    if policy == "stop":
        assert comes_to(room, "p", "Exited")
    else:
        assert room.states()["infra"] == "running"


def test_a_pod_without_an_infra_container(room: PodRoom) -> None:
    identifier = room.make_pod("p", "--infra=false", "--share-parent")
    room.member("p", "one")
    room.member("p", "two")
    room.libpod("pod", "start", "p")
    assert room.states() == {"one": "running", "two": "running"}
    one, two = room.namespaces("one"), room.namespaces("two")
    assert {kind for kind in one if one[kind] == two[kind]} == {"cgroup"}
    assert any(path.startswith(f"{room.parent}/{identifier}/") for path in room.groups("one"))
    assert (room.pod("p")["CreateInfra"], room.pod("p")["CreateCgroup"]) == (False, True)
    room.libpod("pod", "stop", "p")
    room.libpod("pod", "rm", "p")


def test_a_pod_is_made_with_its_first_container(room: PodRoom, tmp_path: Path) -> None:
    room.libpod("run", "-d", "--pod", "new:p", "--name", "one", "--network", "none", IMAGE, "sleep", "1000")
    assert room.states() == {"infra": "running", "one": "running"}
    file = tmp_path / "pod-id"
    identifier = room.libpod("pod", "create", "--pod-id-file", str(file), "--network", "none", "q").words
    assert file.read_text() == identifier
    room.libpod("create", "--pod-id-file", str(file), "--name", "two", IMAGE, "true")
    assert room.pod("q")["NumContainers"] == 2
    room.libpod("pod", "start", "--pod-id-file", str(file))
    replaced = room.libpod("pod", "create", "--replace", "--network", "none", "q").words
    assert replaced != identifier
    assert "two" not in room.states()


def test_prune_removes_what_has_ended(room: PodRoom) -> None:
    for name in ("over", "runs", "new"):
        room.make_pod(name)
        room.member(name, f"in-{name}")
    room.libpod("pod", "start", "over", "runs")
    over = room.libpod("pod", "stop", "over").words
    assert room.libpod("pod", "prune", data="n\n").words == ""
    assert room.libpod("pod", "prune", "--force").words == over
    listed = json.loads(room.libpod("pod", "ps", "--format", "json").stdout)
    assert {row["Name"] for row in listed} == {"runs", "new"}


def test_lists(room: PodRoom) -> None:
    room.make_pod("p", "--label", "tier=web")
    room.member("p", "one")
    room.make_pod("q")
    rows = room.libpod("pod", "ps", "--ctr-names", "--ctr-status", "--filter", "label=tier").stdout
    assert "one" in rows
    assert "created,created" in rows
    assert " q " not in rows
    assert room.libpod("pod", "ps", "-q", "--latest").words == room.pod("q")["Id"]
    assert room.libpod("pod", "ps", "--noheading", "--filter", "ctr-number=7").words == ""
    lines = room.libpod("ps", "-a", "--pod").stdout.splitlines()
    assert lines[0].split()[-3:] == ["POD", "ID", "PODNAME"]
    assert sum(line.endswith(" p") for line in lines) == 2


def test_a_container_goes_with_all_that_need_it(room: PodRoom) -> None:
    room.make_pod("p")
    room.member("p", "db")
    room.member("p", "app", "--requires", "db")
    room.member("p", "web", "--requires", "app")
    room.libpod("start", "web")
    assert "app" not in room.refused("rm", "--depend", "db", status=2)
    room.libpod("rm", "--force", "--depend", "db")
    assert room.states() == {"infra": "running"}


def test_looking_at_what_a_pod_does(room: PodRoom) -> None:
    room.make_pod("p", "--share", "+pid")
    room.member("p", "one", command=("sh", "-c", "echo from one; exec sleep 1000"))
    room.member("p", "two", command=("sh", "-c", "echo from two; exec sleep 1000"))
    assert "no container that is running" in room.refused("pod", "top", "p")
    room.libpod("pod", "start", "p")
    assert room.settled(lambda: room.libpod("pod", "logs", "p").stdout.count("from") == 2)
    assert sorted(room.libpod("pod", "logs", "--names", "p").stdout.splitlines()) == [
        "one from one",
        "two from two",
    ]
    assert room.libpod("pod", "logs", "--container", "two", "p").stdout.endswith(" from two\n")
    assert "pod p has no container nosuch" in room.refused("pod", "logs", "--container", "nosuch", "p")
    # With one PID namespace each container has the processes of all; they are shown once.
    lines = room.libpod("pod", "top", "p", "args").stdout.splitlines()
    assert sorted(line.strip() for line in lines[1:]) == ["/catatonit -P", "sleep 1000", "sleep 1000"]
    rows = json.loads(room.libpod("pod", "stats", "--no-stream", "--format", "json", "p").stdout)
    infra = room.pod("p")["Id"][:12] + "-infra"
    assert {row["Name"] for row in rows} == {"one", "two", infra}
    assert {row["PIDS"] for row in rows} == {"1"}
    with room.started("pod", "logs", "--follow", "p", stdout=subprocess.PIPE) as follower:
        room.libpod("pod", "kill", "p")
        assert follower.wait(120) == 0
