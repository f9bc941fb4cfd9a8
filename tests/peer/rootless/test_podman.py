"""Rootless Podman and our program on one user's store, in one user namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab import users
from tests.lab.containers import Room
from tests.lab.machine import Machine
from tests.lab.users import IMAGE, Person, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.lab.machine import Result

    Program = Callable[..., Result]

SLEEP = ("sleep", "100000")


@pytest.fixture(scope="module", name="user")
def _user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    tools.require_root()
    for program in ("podman", "newuidmap", "setpriv", "skopeo"):
        tools.require_tool(program)
    machine = Machine(tmp_path_factory.mktemp("people"))
    users.prepare(machine)
    try:
        user = User(machine, Person("anna", 64021, 600_000))
        user.make_account()
        user.pull()
        yield user
    finally:
        machine.destroy()


def programs(user: User, first: str) -> Sequence[Program]:
    """The one named *first*, and the other."""
    both: list[Program] = [user.libpod, user.podman]
    return both if first == "libpod" else both[::-1]


def end_namespace(user: User) -> None:
    """Kill the waiting process; its number stays behind in the file."""
    file = f"{user.runtime_directory}/libpod/tmp/pause.pid"
    user.as_root(f"pid=$(cat {file}) && while kill $pid; do sleep 0.02; done")


@pytest.mark.parametrize("first", ["libpod", "podman"])
def test_a_life_in_turns(user: User, first: str) -> None:
    ours, theirs = programs(user, first)
    end_namespace(user)
    ours("run", "-d", "--network", "none", "--name", "c", "-v", "v:/data", IMAGE, *SLEEP)
    namespace = user.namespace()
    assert theirs("exec", "c", "readlink", "/proc/self/ns/user").stdout.strip() == namespace[1]
    assert user.namespace() == namespace
    assert theirs("ps", "--format", "{{.Names}}").stdout.split() == ["c"]
    theirs("exec", "-u", "1000", "c", "touch", "/tmp/file")
    theirs("stop", "--time", "0", "c")
    assert user.states() == {"c": "exited"}
    theirs("start", "c")
    assert ours("exec", "c", "stat", "-c", "%u", "/tmp/file").stdout.strip() == "1000"
    ours("stop", "--time", "0", "c")
    ours("start", "c")
    assert theirs("rm", "--force", "--time", "0", "c").status == 0
    assert ours("volume", "rm", "v").stdout.strip() == "v"
    assert user.states() == {}
    assert Room.settled(lambda: "conmon" not in user.processes())


def test_slirp4netns_in_turns(user: User) -> None:
    tools.require_tool("slirp4netns")
    for first in ("libpod", "podman"):
        ours, theirs = programs(user, first)
        ours("run", "-d", "--network", "slirp4netns", "--name", "n", IMAGE, *SLEEP)
        assert "10.0.2.100" in theirs("exec", "n", "ip", "address").stdout
        theirs("stop", "--time", "0", "n")
        theirs("start", "n")
        assert "10.0.2.100" in ours("exec", "n", "ip", "address").stdout
        ours("stop", "--time", "0", "n")
        theirs("rm", "n")
        assert Room.settled(lambda: "slirp4netns" not in user.processes())


@pytest.mark.parametrize("mode", ["keep-id", "nomap", "auto:size=1500"])
def test_mapped_ids_in_turns(user: User, mode: str) -> None:
    if not user.machine.path(f"{user.storage}/vfs-images").exists():
        user.pull()
    look = (
        "sh",
        "-c",
        "cat /proc/self/uid_map; id; stat -c %u /bin/sh; touch /tmp/mine; stat -c %u /tmp/mine",
    )
    made = {name: f"{name}-made" for name in ("libpod", "podman")}
    for name, container in made.items():
        programs(user, name)[0](
            "create", "--network", "none", "--name", container, "--userns", mode, IMAGE, *look
        )
    for container in made.values():
        both = programs(user, "libpod")
        texts = [run("start", "--attach", container).stdout for run in (*both, *both)]
        assert texts[0].split() == texts[1].split()
        assert texts[:2] == texts[2:]
    shown = [
        run("inspect", "--format", "{{.HostConfig.IDMappings}} {{.Config.User}}", container).stdout
        for run in programs(user, "libpod")
        for container in made.values()
    ]
    assert shown[:2] == shown[2:]
    for run, container in zip(programs(user, "podman"), made.values(), strict=True):
        run("rm", container)


@pytest.mark.parametrize("maker", ["libpod", "podman"])
@pytest.mark.parametrize("mode", ["host", "keep-id", "nomap", "auto:size=2000"])
def test_pods_in_turns(user: User, mode: str, maker: str) -> None:
    if not user.machine.path(f"{user.storage}/vfs-images").exists():
        user.pull()
    make, other = programs(user, maker)
    make("pod", "create", "--name", "p", "--network", "none", "--userns", mode)
    look = ("sh", "-c", "id -u; cat /proc/self/uid_map; touch /tmp/mine; stat -c %u /tmp/mine /bin/sh")
    members = {"made-by-one": make, "made-by-other": other}
    for name, run in members.items():
        run("create", "--pod", "p", "--name", name, IMAGE, *look)
    # The other one starts the infra container.
    said = {run("start", "--attach", name).stdout for run in (other, make) for name in members}
    assert len(said) == 1
    words = said.pop().split()
    own = str(user.person.uid) if mode == "keep-id" else "0"
    assert [words[0], *words[-2:]] == [own, own, "0"]
    assert "Exited" not in other("pod", "ps", "--format", "{{.Status}}").stdout
    make("pod", "stop", "--time", "0", "p")
    other("pod", "start", "p")
    other("pod", "rm", "--force", "--time", "0", "p")
    assert user.states() == {}
