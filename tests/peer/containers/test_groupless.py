"""`--cgroups`: Podman and our program start containers without a control group that the other has made."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab.podman import IMAGE

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore

# crun refuses a host with both versions of control groups side by side.
ONLY_VERSION_2 = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 99"
CREATE = ("--runtime", "/usr/bin/crun", "create", "--cgroups", "disabled", "--network", "none", "--name", "c")


@pytest.mark.parametrize(("maker", "starter"), [("libpod", "podman"), ("podman", "libpod")])
def test_either_starts_those_of_the_other(make_store: MakeStore, maker: str, starter: str) -> None:
    tools.require_tool("crun")
    store = make_store()
    programs = {
        "podman": ["podman", *store.options],
        "libpod": store.libpod_command("version")[:-1],
    }
    commands = (
        [*programs[maker], *CREATE, IMAGE, "sleep", "100"],
        [*programs[starter], "start", "c"],
        [*programs[maker], "exec", "c", "cat", "/proc/self/cgroup"],
        [*programs[maker], "stop", "-t", "0", "c"],
        [*programs[starter], "rm", "c"],
    )
    script = "\n".join([ONLY_VERSION_2, *(f"{shlex.join(command)} && echo =====" for command in commands)])
    said = store.machine.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script],
        environment=store.libpod_environment,
    )
    group = said.stdout.split("=====\n")[2]
    assert "0::/" in group
    assert "libpod-" not in group


def test_what_has_a_group_below_that_of_a_unit_is_left_to_podman(make_store: MakeStore) -> None:
    store = make_store()
    store.create("c", "--cgroups", "split")
    result = store.libpod("start", "c", check=False)
    assert result.status == 125
    assert "container c has a control group below the one of its unit" in result.stderr
    assert "podman start c" in result.stderr
