"""crun as OCI runtime, and version 2 of control groups with it.

crun refuses a host with both versions side by side, so the program runs where only version 2 is to be seen.
There are no controllers in it, and programs for devices may not be loaded on every host: containers with
mapped IDs need neither.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.cgroups import hierarchy
from tests import tools

if TYPE_CHECKING:
    from tests.lab.containers import Room

ONLY_VERSION_2 = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 99\n"
OPTIONS = ("--network", "none", "--uidmap", "0:200000:65536", "--pids-limit", "-1")
FIGURES = """
import json
from libpod import cgroups
from libpod.cgroups import hierarchy
manager = cgroups.open_manager("cgroupfs")
figures = manager.figures(manager.container_cgroup({parent!r}, {identifier!r}))
print(json.dumps([hierarchy.version(), figures.cpu > 0]))
"""


def run_there(room: Room, *commands: list[str]) -> list[str]:
    """Run commands of ours in one place where only version 2 is mounted; what each printed."""
    script = ONLY_VERSION_2 + "\n".join(f"{shlex.join(command)} && echo =====" for command in commands)
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script]
    done = subprocess.run(command, env=room.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return [part.strip() for part in done.stdout.split("=====\n")[:-1]]


def test_a_life_with_crun(room: Room) -> None:
    tools.require_tool("crun")
    room.options = ["--runtime", "/usr/bin/crun"]
    image = ("bb",)
    sleep = ("sh", "-c", "while :; do sleep 0.1; done")
    said, *rest = run_there(
        room,
        room.command("run", "--rm", "--cgroupns", "host", *OPTIONS, *image, "cat", "/proc/self/cgroup"),
        room.command("run", "-d", "--name", "c", *OPTIONS, *image, *sleep),
        room.command("exec", "c", "echo", "inside"),
        room.command("pause", "c"),
        room.command("inspect", "c"),
        room.command("unpause", "c"),
        room.command("stop", "-t", "0", "c"),
        room.command("inspect", "c"),
        room.command("rm", "c"),
    )
    assert f"0::{room.parent}/libpod-" in said
    assert rest[1] == "inside"
    paused, stopped = (json.loads(text)[0] for text in (rest[3], rest[6]))
    assert (paused["State"]["Status"], paused["OCIRuntime"]) == ("paused", "crun")
    assert (stopped["State"]["Status"], stopped["State"]["ExitCode"]) == ("exited", 137)


def test_crun_says_what_it_cannot_do(room: Room) -> None:
    """The message of crun becomes ours, and nothing of the container stays."""
    if hierarchy.version() == 2 or not Path("/sys/fs/cgroup/unified").exists():
        pytest.skip("only on a host with both versions of control groups")
    tools.require_tool("crun")
    room.options = ["--runtime", "/usr/bin/crun"]
    assert "crun: create container" in room.refused("run", "--rm", "bb", "true")


def test_figures_of_version_2(room: Room) -> None:
    tools.require_tool("crun")
    room.options = ["--runtime", "/usr/bin/crun"]
    (created, *_rest) = run_there(room, room.command("create", "--name", "c", *OPTIONS, "bb", "sleep", "100"))
    program = FIGURES.format(parent=room.parent, identifier=created)
    python = room.command("version")[0]
    found = run_there(
        room, room.command("start", "c"), [python, "-c", program], room.command("rm", "-ft0", "c")
    )
    assert json.loads(found[1]) == [2, True]
