"""What cannot be done with pods: a clear message, and nothing left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.pods import PodRoom


def test_what_cannot_be_made(room: PodRoom, tmp_path: Path) -> None:
    """The pods `p`, shared as usual, and `q`, and the container `alone` are there."""
    room.make_pod("p")
    room.member("p", "one")
    room.make_pod("q")
    room.libpod("create", "--name", "alone", IMAGE, "true")
    (tmp_path / "empty").write_text("")
    pod_create = ("pod", "create", "--network", "none")
    in_p = ("create", "--pod", "p")
    cases = (
        ((*pod_create, "p"), "the name p is in use by pod"),
        ((*pod_create, "alone"), "the name alone is in use by container"),
        ((*pod_create, "-x"), "flag"),
        ((*pod_create, "a b"), "pod name 'a b' is not allowed"),
        ((*pod_create, "--infra-name", "alone"), "the name alone is in use by container"),
        ((*pod_create, "--share", "pid,time"), "namespace 'time' cannot be shared"),
        ((*pod_create, "--share", "none,pid"), "none does not go with others"),
        ((*pod_create, "--share", "cgroup"), "--share-parent=false"),
        ((*pod_create, "--exit-policy", "never"), "exit policy 'never' is unknown"),
        ((*pod_create, "--infra=perhaps"), "'perhaps' is not true or false"),
        ((*pod_create, "--infra-image", "nosuch"), "nosuch"),
        ((*pod_create, "--cgroup-parent", "a.slice"), "is a systemd slice"),
        ((*pod_create, "--pod-id-file", str(tmp_path / "empty")), "exists"),
        (("pod", "create", "--infra=false", "--share", "net"), "without an infra container: net"),
        (("pod", "create", "--infra=false", "--network", "host"), "--network is for the infra container"),
        (("pod", "create", "--infra=false", "--publish", "80:80"), "--publish is for the infra container"),
        (("pod", "create", "--network", "none", "--publish", "80:80"), "own"),
        (("pod", "create", "--infra=false", "--dns", "1.1.1.1"), "--dns is for the infra container"),
        (("pod", "create", "--infra=false", "-v", "/srv:/srv"), "--volume is for the infra container"),
        (("pod", "create", "--infra=false", "--uidmap", "0:1:9"), "--uidmap is for the infra container"),
        (("pod", "create", "--infra=false", "--memory", "9m"), "without a control group cannot be limited"),
        ((*pod_create, "--share-parent=false", "--cpus", "1"), "without a control group cannot be limited"),
        ((*pod_create, "--memory", "much"), "--memory 'much' is not an amount of memory"),
        ((*pod_create, "--memory-swap", "9m"), "--memory-swap needs --memory"),
        ((*pod_create, "--memory", "9m", "--memory-swap", "1m"), "cannot be smaller than --memory"),
        ((*pod_create, "--cpus", "few"), "--cpus 'few' is not a number of CPUs"),
        ((*pod_create, "--cpu-shares", "x"), "--cpu-shares 'x' is not a whole number"),
        (
            (*pod_create, "--memory", "64m", "--cpuset-cpus", "4095"),
            "--cpuset-cpus 4095: the kernel refuses it",
        ),
        ((*pod_create, "--cpuset-mems", "x"), "--cpuset-mems x: the kernel refuses it: Invalid argument"),
        ((*pod_create, "--blkio-weight", "5"), "--blkio-weight"),
        ((*pod_create, "--device-read-bps", "/dev/nosuch:1mb"), "/dev/nosuch"),
        ((*pod_create, "--device-read-iops", "/dev/null:1"), "unknown flag: --device-read-iops"),
        ((*pod_create, "-v", "/nosuch:/x"), "/nosuch: no such file or directory"),
        ((*pod_create, "-v", "kept:/x", "--device", "/dev/nosuch"), "/dev/nosuch"),
        ((*pod_create, "--volumes-from", "nosuch"), "no such container: nosuch"),
        ((*pod_create, "--security-opt", "color=red"), "--security-opt 'color=red' is not supported"),
        ((*pod_create, "--label-file", "/nosuch"), "/nosuch"),
        ((*pod_create, "--no-hosts", "--add-host", "a:1.1.1.1"), "exclude each other"),
        ((*pod_create, "--userns", "keep-id"), "--userns keep-id is for users without privileges"),
        ((*pod_create, "--userns", "auto:size=x"), "size=x is not a number"),
        ((*pod_create, "--userns", "auto:size=9,uidmapping=1:5:1,uidmapping=2:5:1"), "mapped twice"),
        ((*pod_create, "--userns", "container:one"), "join the namespaces of containers of that pod only"),
        ((*pod_create, "--uidmap", "0:1:9", "--userns", "auto"), "exclude each other"),
        (("create", "--pod", "nosuch", IMAGE), "no such pod: nosuch"),
        (("create", "--pod", "one", IMAGE), "no such pod: one is a container"),
        (("create", "--pod", "new:", IMAGE), "names no pod"),
        (("create", "--pod", "new:p", IMAGE), "the name p is in use by pod"),
        (("create", "--pod", "new:r", "--network", "none", "nosuch"), "nosuch"),
        (("create", "--pod", "new:r", "--network", "none", "--name", "one", IMAGE), "the name one is in use"),
        (("create", "--pod-id-file", str(tmp_path / "empty"), IMAGE), "holds no pod ID"),
        ((*in_p, "--hostname", "x", IMAGE), "pod p shares its UTS namespace"),
        ((*in_p, "--dns", "1.1.1.1", IMAGE), "--dns cannot be used: pod p shares its network"),
        ((*in_p, "--publish", "80:80", IMAGE), "--publish cannot be used: pod p shares its network"),
        ((*in_p, "--ip", "10.88.0.7", IMAGE), "--ip cannot be used"),
        ((*in_p, "--add-host", "a:1.1.1.1", IMAGE), "--add-host cannot be used"),
        ((*in_p, "--uidmap", "0:1:9", IMAGE), "the containers of pod p share namespaces"),
        ((*in_p, "--userns", "auto", IMAGE), "give them to `pod create`"),
        ((*in_p, "--pid", "container:alone", IMAGE), "which is in no pod"),
        ((*in_p, "--requires", "alone", IMAGE), "which is in no pod"),
        (("create", "--pod", "q", "--ipc", "container:one", IMAGE), "which is in pod"),
        (("create", "--pid", "container:one", IMAGE), "which is in pod"),
        (("create", "--requires", "one", IMAGE), "which is in pod"),
        (("create", "--requires", "nosuch", IMAGE), "no such container: nosuch"),
    )
    for arguments, message in cases:
        assert message in room.refused(*arguments), arguments


def test_what_cannot_be_done(room: PodRoom) -> None:
    """The pod `p` is stopped, `q` runs."""
    room.make_pod("p")
    room.member("p", "one")
    room.make_pod("q")
    room.member("q", "two")
    room.libpod("pod", "start", "q")
    infra = room.pod("q")["InfraContainerID"]
    cases = (
        (("pod", "start", "nosuch"), "no such pod: nosuch"),
        (("pod", "start"), "give at least one pod"),
        (("pod", "stop", "--all", "q"), "give either pods, --latest or --all"),
        (("pod", "stop", "--time", "-1", "q"), "--time -1 is negative"),
        (("pod", "stop", "two"), "no such pod: two is a container"),
        (("pod", "kill", "--signal", "BOGUS", "q"), "BOGUS"),
        (("pod", "inspect", "nosuch"), "no such pod: nosuch"),
        (("pod", "ps", "--filter", "color=red"), "--filter 'color=red' is not known"),
        (("pod", "ps", "--filter", "until=tomorrow"), "'tomorrow' is not a time"),
    )
    for arguments, message in cases:
        assert message in room.refused(*arguments), arguments
    in_use = (
        (("pod", "rm", "q"), "pod q has containers that are not stopped: two"),
        (("rm", infra), "is the infra container of pod"),
        (("rm", "--force", infra), "is the infra container of pod"),
    )
    for arguments, message in in_use:
        assert message in room.refused(*arguments, status=2), arguments
    assert room.states() == {"infra": "running", "one": "created", "two": "running"} | {}
    assert room.libpod("pod", "rm", "--ignore", "nosuch").words == ""
    assert room.libpod("pod", "rm", "--force", "nosuch").words == ""
    assert room.libpod("pod", "stop", "--ignore", "nosuch").words == ""


def test_nothing_to_do_is_no_error(room: PodRoom) -> None:
    """As with Podman, which tells the pods that it has signalled or paused, and not those that it has not."""
    stopped, running = room.make_pod("p"), room.make_pod("q")
    room.member("p", "one")
    room.libpod("pod", "start", "q")
    for verb in ("kill", "pause"):
        assert room.libpod("pod", verb, "p").words == stopped
    assert room.libpod("pod", "unpause", "p", "q").words == ""
    assert set(room.libpod("pod", "pause", "--all").words.split()) == {stopped, running}
    assert room.libpod("pod", "unpause", "--all").words == running
    assert room.states() == {"infra": "running", "one": "created"}
    empty = room.make_pod("r", "--infra=false")
    assert room.libpod("pod", "kill", "r").words == empty
    assert "no such pod: nosuch" in room.refused("pod", "pause", "nosuch", "r")


def test_a_paused_container_is_not_stopped_silently(room: PodRoom) -> None:
    room.make_pod("p")
    room.member("p", "one")
    room.member("p", "two")
    room.libpod("pod", "start", "p")
    room.libpod("pause", "one")
    assert "  one: container one is paused" in room.libpod("pod", "stop", "p", status=125).stderr
    assert room.states()["two"] == "exited"
    room.libpod("pod", "rm", "--force", "--time", "1", "p")


def test_a_pod_whose_record_cannot_be_read(room: PodRoom) -> None:
    identifier = room.make_pod("p")
    room.member("p", "one")
    room.libpod("pod", "start", "p")
    lock = room.damage_pod(identifier, b'{"id": ')
    for verb in ("start", "stop", "rm"):
        assert "rm --force" in room.libpod("pod", verb, "p", status=125).stderr
    room.libpod("pod", "rm", "--force", "--time", "1", "p")
    assert room.names() == []
    # Neither its control group nor its lock can be told from what was left of it.
    room.forget_pod(identifier, lock)
