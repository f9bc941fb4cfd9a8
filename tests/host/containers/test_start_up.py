"""What the verbs that people run all day import: each module here costs a millisecond at every start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.containers import Room

# There is a way without each of these.
NEVER = {
    "dataclasses", "datetime", "filelock", "hashlib", "inspect", "logging", "pathlib", "platform", "psutil",
    "copy", "pystemd", "random", "shutil", "sqlite3", "tempfile", "typing", "zlib", "libpod.boot.refresh",
    "libpod.images.manager",
}  # fmt: skip
# What only a start of a container needs.
STARTING = {"libpod.containers.create", "libpod.containers.start", "libpod.oci.finalize", "libpod.oci.spec"}
# What only the start, the end and the removal of a container need.
TAKING_DOWN = {"libpod.containers.connecting", "libpod.containers.volumemounts"}
# What only a change needs.
CHANGING = {"ctypes", "socket", "subprocess", "libpod.containers.container", "libpod.runtime"}


def imported(room: Room, *command: str) -> set[str]:
    """The modules that our program loads, after those of Python's own start."""
    shown = room.libpod(*command, environment={"PYTHONPROFILEIMPORTTIME": "1"}).stderr
    names = re.findall(r"import time:\s+\d+ \|\s+\d+ \| *(\S+)", shown)
    return set(names[names.index("site") + 1 :])


@pytest.mark.parametrize(
    ("command", "banned"),
    [
        (("run", "--rm", "--network", "none", IMAGE, "true"), NEVER),
        (("exec", "up", "true"), NEVER | STARTING | TAKING_DOWN),
        # It shows times.
        (("ps",), (NEVER - {"datetime"}) | STARTING | CHANGING),
        (("stats", "--no-stream"), (NEVER - {"datetime"}) | STARTING | CHANGING),
    ],
    ids=["run", "exec", "ps", "stats"],
)
def test_a_start_loads_what_it_needs(room: Room, command: Sequence[str], banned: set[str]) -> None:
    room.sleep("up", "--network", "none")
    found = imported(room, *command)
    assert "libpod.state.boltdb" in found
    assert banned & found == set()
