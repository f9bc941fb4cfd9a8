"""Containers without a control group of their own, which crun can do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.host.oci.test_crun import run_there

if TYPE_CHECKING:
    from tests.lab.containers import Room

NO_GROUP = ("--cgroups", "disabled")
SLEEP = ("bb", "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done")


def command(room: Room, *arguments: str) -> list[str]:
    """The command line without the cgroup parent of other tests."""
    words = room.command(*arguments)
    if "--cgroup-parent" in words:
        place = words.index("--cgroup-parent")
        del words[place : place + 2]
    return words


def test_a_life(room: Room) -> None:
    tools.require_tool("crun")
    room.options = ["--runtime", "/usr/bin/crun"]
    own = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
    said, *rest = run_there(
        room,
        command(room, "run", "--rm", *NO_GROUP, "bb", "cat", "/proc/self/cgroup"),
        command(room, "run", "-d", "--name", "c", *NO_GROUP, *SLEEP),
        command(room, "exec", "c", "cat", "/proc/self/cgroup"),
        command(room, "inspect", "c"),
        command(room, "stats", "--no-stream", "--format", "json"),
        command(room, "stop", "-t", "20", "c"),
        command(room, "start", "c"),
        command(room, "rm", "-f", "-t", "0", "c"),
    )
    for text in (said, rest[1]):
        assert f"0::{own}" in text.splitlines()
        assert "libpod-" not in text
    (inspected,) = json.loads(rest[2])
    assert inspected["HostConfig"]["Cgroups"] == "disabled"
    assert inspected["HostConfig"]["CgroupParent"] == ""
    assert inspected["State"]["Running"] is True
    assert inspected["State"].get("CgroupPath", "") == ""
    assert json.loads(rest[3]) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--memory", "64m"), "a container without a control group cannot have a limit"),
        (("--cgroup-parent", "/x"), "a container without a control group cannot have --cgroup-parent"),
        (
            ("--pid", "host"),
            "a container without a control group cannot have a PID namespace that is not its",
        ),
        (("--cgroupns", "private"), "a container without a control group cannot have --cgroupns"),
    ],
)
def test_what_needs_a_group(room: Room, options: tuple[str, ...], message: str) -> None:
    tools.require_tool("crun")
    room.options = ["--runtime", "/usr/bin/crun"]
    (said,) = run_there(
        room, ["sh", "-c", '"$@" 2>&1 || true', "sh", *command(room, "create"), *NO_GROUP, *options, "bb"]
    )
    assert message in said
    assert room.names() == []


def test_runc_cannot(room: Room) -> None:
    assert "/runc makes a control group for every container" in room.refused(
        "create", *NO_GROUP, "bb", "true"
    )
