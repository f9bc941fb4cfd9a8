"""Limits of a user's containers: kept where systemd has delegated the controller, refused elsewhere."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.vm.guest import IMAGE, USERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vm.agent import Finished
    from tests.vm.guest import Guest

LIMITS = ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "50")
FILES = {"memory.max": str(64 << 20), "cpu.max": "50000 100000", "pids.max": "50"}
SLEEP = ("sleep", "1000")


class Anna:
    """A user who lingers, with 65536 subordinate IDs and an image."""

    name = "anna"

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.uid = USERS[self.name]
        self.service = f"/user.slice/user-{self.uid}.slice/user@{self.uid}.service"

    def do(self, *command: str, check: bool = True) -> Finished:
        return self.guest.as_user(self.name, *command, check=check)

    def libpod(self, *arguments: str) -> str:
        return self.do("libpod", *arguments).stdout.strip()

    def run(self, name: str, *options: str, command: tuple[str, ...] = SLEEP) -> str:
        """Start a container in the background; return its ID."""
        return self.libpod("run", "-d", "--name", name, "--network", "none", *options, IMAGE, *command)

    def state(self, name: str) -> Any:
        return json.loads(self.libpod("inspect", name))[0]["State"]

    def group(self, name: str) -> str:
        """The control group of a container's first process."""
        return self.guest.group(self.state(name)["Pid"])


@pytest.fixture(name="anna")
def _anna(guest: Guest) -> Iterator[Anna]:
    anna = Anna(guest)
    yield anna
    anna.libpod("pod", "rm", "--all", "--force", "--time", "0")
    anna.libpod("rm", "--all", "--force", "--time", "0")
    below = f"/sys/fs/cgroup{anna.service}"
    assert guest.run("find", below, "-type", "d", "-name", "*libpod*").stdout == "", "groups are left"


def test_limits_are_kept_in_a_scope_of_the_user(anna: Anna) -> None:
    """Without any setting: systemd's manager is the default of a user who has a session, as with Podman."""
    identifier = anna.run("web", *LIMITS)
    state = anna.state("web")
    group = anna.guest.group(state["Pid"])
    assert group == f"{anna.service}/user.slice/libpod-{identifier}.scope"
    assert anna.guest.settings(group, *FILES) == FILES
    conmon = f"{anna.service}/user.slice/libpod-conmon-{identifier}.scope"
    assert anna.guest.group(state["ConmonPid"]) == conmon
    assert anna.libpod("exec", "web", "cat", "/proc/self/cgroup") == "0::/"
    (figures,) = json.loads(anna.libpod("stats", "--no-stream", "--format", "json"))
    assert figures["mem_usage"].endswith(" / 67.11MB")
    assert figures["pids"] == "1"
    assert "sleep 1000" in anna.libpod("top", "web")
    anna.libpod("stop", "--time", "0", "web")
    assert anna.guest.run("test", "-e", f"/sys/fs/cgroup{group}", check=False).returncode == 1


def test_a_health_check_by_a_timer_of_the_user(anna: Anna) -> None:
    check = ("--health-cmd", "grep -q never /etc/hosts", "--health-interval", "1s", "--health-retries", "1")
    identifier = anna.run("web", *check)
    timers = ("systemctl", "--user", "list-units", "--all", "--full", "--type", "timer")
    assert f"{identifier}.timer" in anna.do(*timers).stdout
    end = time.monotonic() + 120
    while anna.state("web")["Health"]["Status"] != "unhealthy":
        assert time.monotonic() < end, anna.state("web")["Health"]
        time.sleep(1)
    anna.libpod("stop", "--time", "0", "web")
    assert identifier not in anna.do(*timers).stdout


def test_podman_drives_the_same_container(anna: Anna) -> None:
    anna.run("web", *LIMITS)
    group = anna.group("web")
    anna.libpod("pause", "web")
    assert anna.guest.settings(group, "cgroup.freeze") == {"cgroup.freeze": "1"}
    listed = json.loads(anna.do("podman", "ps", "--all", "--format", "json").stdout)
    assert [(entry["Names"], entry["State"]) for entry in listed] == [(["web"], "paused")]
    anna.do("podman", "unpause", "web")
    assert anna.guest.settings(group, "cgroup.freeze") == {"cgroup.freeze": "0"}
    assert anna.state("web")["Status"] == "running"
    assert "67.11MB" in anna.do("podman", "stats", "--no-stream").stdout
    assert anna.do("podman", "exec", "web", "cat", "/proc/self/cgroup").stdout == "0::/\n"
    assert anna.group("web") == group
    anna.do("podman", "stop", "--time", "0", "web")
    anna.do("podman", "start", "web")
    assert anna.guest.settings(anna.group("web"), *FILES) == FILES


def test_what_exceeds_its_limits(anna: Anna) -> None:
    """The child is killed, not the first process: conmon looks at a group that is there still.

    That it sees it each time cannot be relied on: see test_root.
    """
    work = "dd if=/dev/zero of=/dev/null bs=100M count=1; sleep 1; for i in 1 2 3 4 5 6; do sleep 9 & done"
    options = ("--memory", "16m", "--pids-limit", "5", "--network", "none")
    result = anna.do("libpod", "run", "--name", "greedy", *options, IMAGE, "sh", "-c", work, check=False)
    assert "can't fork" in result.stderr
    assert result.returncode == 2
    assert f"oom_memcg={anna.service}/" in anna.guest.shell("dmesg")


def test_a_pod_is_a_slice_of_the_user(anna: Anna) -> None:
    pod = anna.libpod("pod", "create", "--name", "shop", "--share", "ipc")
    anna.libpod("run", "-d", "--pod", "shop", "--name", "till", *LIMITS, IMAGE, *SLEEP)
    group = anna.group("till")
    assert group.startswith(f"{anna.service}/user.slice/user-libpod_pod_{pod}.slice/libpod-")
    assert anna.guest.settings(group, *FILES) == FILES
    figures = json.loads(anna.libpod("pod", "stats", "--no-stream", "--format", "json", "shop"))
    assert "67.11MB" in json.dumps(figures)
    anna.libpod("pod", "pause", "shop")
    assert anna.guest.settings(group, "cgroup.freeze") == {"cgroup.freeze": "1"}
    anna.do("podman", "pod", "unpause", "shop")
    anna.do("podman", "pod", "stop", "--time", "0", "shop")
    anna.libpod("pod", "start", "shop")
    assert anna.group("till") == group


def test_a_controller_that_is_not_delegated(anna: Anna) -> None:
    """It is refused with a hint, and following the hint helps."""
    command = ("run", "--rm", "--network", "none", "--cpuset-cpus", "1", IMAGE)
    script = ("grep", "Cpus_allowed_list", "/proc/self/status")
    refused = anna.do("libpod", *command, *script, check=False)
    assert refused.returncode == 125
    assert f"--cpuset-cpus cannot be kept: user {anna.uid} has no control group for cpuset" in refused.stderr
    hint = f"`systemctl edit user@{anna.uid}.service` with [Service] Delegate=cpu cpuset io memory pids"
    assert hint in refused.stderr
    directory = f"/etc/systemd/system/user@{anna.uid}.service.d"
    drop_in = f"[Service]\\n{hint.rpartition('[Service] ')[2]}\\n"
    anna.guest.shell(f"mkdir {directory}; printf '{drop_in}' >{directory}/a.conf; systemctl daemon-reload")
    try:
        assert anna.libpod(*command, *script).split() == ["Cpus_allowed_list:", "1"]
    finally:
        anna.guest.shell(f"rm -r {directory}; systemctl daemon-reload")


def test_a_parent_that_the_user_may_write_to(anna: Anna) -> None:
    """The cgroupfs manager: from within the user's own part of the hierarchy, as the kernel demands it."""
    parent = f"{anna.service}/mine"
    manager = ("libpod", "--cgroup-manager", "cgroupfs")
    options = ("--cgroup-parent", parent, "--name", "web", "--network", "none", *LIMITS)
    identifier = anna.do(*manager, "create", *options, IMAGE, *SLEEP).stdout.strip()
    within = ("systemd-run", "--user", "--scope", "--quiet", "--property", "Delegate=yes")
    assert anna.do(*within, "/usr/local/bin/libpod", *manager[1:], "start", "web").stderr == ""
    group = anna.group("web")
    assert group == f"{parent}/libpod-{identifier}"
    assert anna.guest.settings(group, *FILES) == FILES
    anna.do(*manager, "pause", "web")
    assert anna.guest.settings(group, "cgroup.freeze") == {"cgroup.freeze": "1"}
    anna.do(*manager, "unpause", "web")
    anna.do(*manager, "rm", "--force", "--time", "0", "web")
    anna.guest.run("rmdir", f"/sys/fs/cgroup{parent}")


def test_limits_are_not_dropped_where_there_is_no_group(anna: Anna) -> None:
    anna.libpod("create", "--name", "limited", "--network", "none", *LIMITS, IMAGE, *SLEEP)
    anna.libpod("create", "--name", "plain", "--network", "none", IMAGE, *SLEEP)
    elsewhere = ("libpod", "--cgroup-manager", "cgroupfs")
    refused = anna.do(*elsewhere, "start", "limited", check=False)
    assert refused.returncode == 125
    assert "the limits of container limited (memory, cpu, pids) cannot be kept" in refused.stderr
    assert anna.state("limited")["Status"] == "created"
    anna.do(*elsewhere, "start", "plain")
    # What was made there has a group where that can be had.
    anna.do(*elsewhere, "create", "--name", "poor", "--network", "none", IMAGE, *SLEEP)
    anna.libpod("start", "poor")
    assert anna.group("poor").startswith(f"{anna.service}/user.slice/libpod-")


def test_a_user_without_a_session_is_told_what_it_takes(guest: Guest) -> None:
    switch = ("setpriv", "--reuid", "bodo", "--regid", "bodo", "--init-groups", "libpod")
    home = {"HOME": "/home/bodo"}
    refused = guest.run(
        *switch, "create", "--memory", "64m", "--rootfs", "/opt", "true", environment=home, check=False
    )
    assert refused.returncode == 125
    assert "--memory cannot be kept: user 1001 has no control group for memory" in refused.stderr
    assert "loginctl enable-linger" in refused.stderr
