"""Root's containers where all controllers are in version 2: limits, figures, CRIU, AppArmor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.vm.guest import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vm.guest import Guest

LIMITS = ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "1")
FILES = {"memory.max": str(64 << 20), "cpu.max": "50000 100000", "pids.max": "50", "cpuset.cpus": "1"}
COUNT = "i=0; while :; do i=$((i+1)); echo $i >>/data/count; sleep 0.1; done"
PROFILE = """\
profile libpod-test flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
  deny /forbidden r,
}
"""


class Root:
    """Our program as root, with one of the managers."""

    def __init__(self, guest: Guest, manager: str) -> None:
        self.guest = guest
        self.manager = manager

    def libpod(self, *arguments: str) -> str:
        return self.guest.run("libpod", "--cgroup-manager", self.manager, *arguments).stdout.strip()

    def run(self, name: str, *options: str, command: tuple[str, ...]) -> str:
        """Start a container in the background; return its ID."""
        return self.libpod("run", "-d", "--name", name, "--network", "none", *options, IMAGE, *command)

    def state(self, name: str) -> Any:
        return json.loads(self.libpod("inspect", name))[0]["State"]

    def expected_group(self, identifier: str) -> str:
        """Where a container's control group is."""
        if self.manager == "systemd":
            return f"/machine.slice/libpod-{identifier}.scope"
        return f"/libpod_parent/libpod-{identifier}"

    def exists(self, group: str) -> bool:
        return self.guest.run("test", "-e", f"/sys/fs/cgroup{group}", check=False).returncode == 0


def _clean(root: Root) -> Iterator[Root]:
    yield root
    root.libpod("rm", "--all", "--force", "--time", "0")


@pytest.fixture(name="root", params=["cgroupfs", "systemd"])
def _root(guest: Guest, request: pytest.FixtureRequest) -> Iterator[Root]:
    yield from _clean(Root(guest, request.param))


@pytest.fixture(name="plain")
def _plain(guest: Guest) -> Iterator[Root]:
    yield from _clean(Root(guest, "cgroupfs"))


def test_a_life_with_limits(root: Root) -> None:
    identifier = root.run("web", *LIMITS, command=("sleep", "1000"))
    group = root.guest.group(root.state("web")["Pid"])
    assert group == root.expected_group(identifier)
    assert root.guest.settings(group, *FILES) == FILES
    (figures,) = json.loads(root.libpod("stats", "--no-stream", "--format", "json"))
    assert figures["mem_usage"].endswith(" / 67.11MB")
    root.libpod("pause", "web")
    assert root.guest.settings(group, "cgroup.freeze") == {"cgroup.freeze": "1"}
    root.libpod("unpause", "web")
    assert root.guest.settings(group, "cgroup.freeze") == {"cgroup.freeze": "0"}
    root.libpod("stop", "--time", "0", "web")
    assert not root.exists(group)


def test_the_control_groups_that_it_sees(plain: Root) -> None:
    run = ("run", "--rm", "--network", "none")
    assert plain.libpod(*run, IMAGE, "cat", "/proc/self/cgroup") == "0::/"
    assert "libpod_parent" in plain.libpod(*run, "--cgroupns", "host", IMAGE, "cat", "/proc/self/cgroup")


def test_what_exceeds_its_memory(root: Root) -> None:
    """conmon 2.1.6 does not see every such end with version 2, and a scope of systemd is gone at once."""
    work = "dd if=/dev/zero of=/dev/null bs=100M count=1; sleep 1; exit 3"
    command = ("--network", "none", "--memory", "16m", "--name", "greedy", IMAGE, "sh", "-c", work)
    for _ in range(8 if root.manager == "systemd" else 1):
        run = root.guest.run("libpod", "--cgroup-manager", root.manager, "run", *command, check=False)
        state = root.state("greedy")
        assert (run.returncode, state["ExitCode"]) == (3, 3)
        root.libpod("rm", "greedy")
        if state["OOMKilled"]:
            return
    pytest.fail("none was seen as out of memory")


def test_checkpoint_and_restore(root: Root) -> None:
    """CRIU freezes with version 2, and the container goes on where it was, with its limits."""
    data = root.guest.shell("mktemp -d").strip()
    options = ("--memory", "64m", "--volume", f"{data}:/data")
    identifier = root.run("counter", *options, command=("sh", "-c", COUNT))
    root.guest.shell(f"until [ -s {data}/count ]; do sleep 0.1; done")
    root.libpod("container", "checkpoint", "counter")
    before = len(root.guest.run("cat", f"{data}/count").stdout.split())
    state = root.state("counter")
    assert (state["Status"], state["Checkpointed"]) == ("exited", True)
    root.libpod("container", "restore", "counter")
    state = root.state("counter")
    assert (state["Status"], state["Restored"]) == ("running", True)
    group = root.guest.group(state["Pid"])
    assert group == root.expected_group(identifier)
    assert root.guest.settings(group, "memory.max") == {"memory.max": str(64 << 20)}
    root.guest.shell(f"until [ $(wc -l <{data}/count) -gt {before} ]; do sleep 0.1; done")
    counted = [int(line) for line in root.guest.run("cat", f"{data}/count").stdout.split()]
    assert counted == list(range(1, len(counted) + 1)), "it did not start anew"


def test_an_apparmor_profile_confines(plain: Root) -> None:
    plain.guest.run("apparmor_parser", "--replace", text=PROFILE)
    option = ("--security-opt", "apparmor=libpod-test")
    plain.run("confined", *option, command=("sh", "-c", "echo x >/forbidden; sleep 1000"))
    pid = plain.state("confined")["Pid"]
    label = plain.guest.run("cat", f"/proc/{pid}/attr/current").stdout
    assert label == "libpod-test (enforce)\n"
    assert json.loads(plain.libpod("inspect", "confined"))[0]["AppArmorProfile"] == "libpod-test"
    command = ("libpod", "exec", "confined", "cat", "/forbidden")
    refused = plain.guest.run(*command, check=False)
    assert "Permission denied" in refused.stderr
    assert refused.returncode == 1


def test_a_profile_that_is_not_loaded(plain: Root) -> None:
    option = ("--security-opt", "apparmor=no-such-profile")
    refused = plain.guest.run("libpod", "run", *option, "--network", "none", IMAGE, "true", check=False)
    assert refused.returncode == 125
    assert "AppArmor profile no-such-profile is not loaded" in refused.stderr
    assert plain.libpod("ps", "--all", "--quiet") == ""
