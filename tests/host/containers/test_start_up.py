"""What the verbs that people run all day import: each module here costs a millisecond at every start."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.containers import Room

SCRIPT = Path(__file__).parents[3] / "packaging/libpod"
# There is a way without each of these.
NEVER = {
    "argparse", "base64", "copy", "dataclasses", "datetime", "filelock", "gettext", "hashlib", "inspect",
    "json", "locale", "logging", "pathlib", "platform", "psutil", "pystemd", "random", "re", "runpy", "shlex",
    "shutil", "sqlite3", "subprocess", "tempfile", "threading", "typing", "zlib", "libpod.boot.refresh",
    "libpod.cgroups.limits", "libpod.cli.parser", "libpod.images.manager",
}  # fmt: skip
# What only a start of a container needs.
STARTING = {"libpod.containers.create", "libpod.containers.start", "libpod.oci.finalize", "libpod.oci.spec"}
# What only the start, the end and the removal of a container need.
TAKING_DOWN = {"libpod.containers.connecting", "libpod.containers.volumemounts"}
# What only a change needs.
CHANGING = {
    "collections", "contextlib", "ctypes", "enum", "functools", "signal", "socket", "libpod.config.runtime",
    "libpod.containers.container", "libpod.host.process", "libpod.runtime",
}  # fmt: skip


def imported(room: Room, *command: str) -> list[str]:
    """The modules that our program loads after those of Python's own start, in their order."""
    _python, _flag, _module, *words = room.command(*command)
    done = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", str(SCRIPT), *words],
        env=room.environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    names = re.findall(r"import time:\s+\d+ \|\s+\d+ \| *(\S+)", done.stderr)
    return names[names.index("__future__") :]


@pytest.mark.parametrize(
    ("command", "banned"),
    [
        (("run", "--rm", "--network", "none", IMAGE, "true"), NEVER),
        (("exec", "up", "true"), NEVER | STARTING | TAKING_DOWN),
        (("ps",), NEVER | STARTING | CHANGING),
        (("stats", "--no-stream"), NEVER | STARTING | CHANGING),
        (("--cgroup-manager", "systemd", "stats", "--no-stream"), {"contextlib", "libpod.cgroups.units"}),
    ],
    ids=["run", "exec", "ps", "stats", "stats with systemd"],
)
def test_a_start_loads_what_it_needs(room: Room, command: Sequence[str], banned: set[str]) -> None:
    room.sleep("up", "--network", "none")
    found = imported(room, *command)
    assert "libpod.state.boltdb" in found
    assert banned & set(found) == set()


def test_what_follows_is_loaded_while_the_runtime_makes_the_container(room: Room) -> None:
    # The first command of a boot does its refresh.
    room.libpod("ps")
    found = imported(room, "run", "--rm", "--network", "none", IMAGE, "true")
    # The hooks are looked for just before.
    for name in ("socket", "libpod.oci.attach"):
        assert found.index(name) > found.index("libpod.hooks.directories")
