"""Control groups in the hierarchies of this host, whichever they are."""

from __future__ import annotations

import errno
import os
import subprocess
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod import cgroups
from libpod.cgroups.hierarchy import Cgroup, hierarchies, version
from libpod.errors import FileError, NotSupported
from tests import tools

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def parent() -> Iterator[str]:
    """A control group of this test alone."""
    tools.require_root()
    path = f"/libpod_test_{uuid.uuid4().hex}"
    yield path
    Cgroup(path).remove()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that can be moved about."""
    with subprocess.Popen(["sleep", "100000"]) as process:
        yield process
        process.kill()


def groups_of(pid: int) -> set[str]:
    """The distinct paths in /proc/PID/cgroup."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {line.split(":", 2)[2] for line in lines}


def test_the_hierarchies_are_the_mounted_ones() -> None:
    found = hierarchies()
    assert found
    assert {each.version for each in found} <= {1, 2}
    assert all(os.path.exists(f"{each.mount_point}/cgroup.procs") for each in found)
    assert version() == (1 if any(each.version == 1 for each in found) else 2)
    names = {name for each in found for name in each.controllers}
    if version() == 1:
        assert {"memory", "cpuset", "pids"} <= names


def test_a_group_is_made_filled_and_removed(parent: str, sleeper: subprocess.Popen[bytes]) -> None:
    group = Cgroup(f"{parent}/a/b")
    assert not group.exists()
    group.create()
    group.create()
    assert all(os.path.isdir(directory) for directory in group.directories())
    group.add(sleeper.pid)
    assert groups_of(sleeper.pid) == {f"{parent}/a/b"}
    assert group.processes() == Cgroup(parent).processes() == {sleeper.pid}
    with pytest.raises(FileError, match=f"processes are in it: {sleeper.pid} .sleep 100000.") as caught:
        Cgroup(parent).remove(busy_seconds=0)
    assert caught.value.errno == errno.EBUSY
    sleeper.kill()
    sleeper.wait()
    assert Cgroup(parent).remove() is True
    assert Cgroup(parent).remove() is False
    assert not Cgroup(parent).exists()


def test_a_process_that_is_gone_cannot_be_moved(parent: str) -> None:
    group = Cgroup(parent)
    group.create()
    with subprocess.Popen(["true"]) as process:
        process.wait()
    with pytest.raises(FileError, match=f"write '{process.pid}' to .*cgroup.procs: No such process"):
        group.add(process.pid)


def test_a_pod_is_named_and_what_runtimes_made_of_it_is_removed(parent: str) -> None:
    manager = cgroups.open_manager("cgroupfs")
    path = manager.create_pod(parent, "d" * 64)
    assert path == f"{parent}/{'d' * 64}"
    assert not Cgroup(path).exists()
    Cgroup(f"{path}/libpod-{'c' * 64}").create()
    Cgroup(f"{path}/conmon").create()
    manager.remove_pod(parent, "d" * 64)
    assert not Cgroup(path).exists()
    assert Cgroup(parent).exists()
    manager.remove_pod(parent, "d" * 64)


def test_conmon_leaves_our_group(parent: str, sleeper: subprocess.Popen[bytes]) -> None:
    manager = cgroups.open_manager("cgroupfs")
    assert manager.place_conmon(parent, "c" * 64, sleeper.pid) == f"{parent}/conmon"
    assert groups_of(sleeper.pid) == {f"{parent}/conmon"}
    sleeper.kill()
    sleeper.wait()


def test_what_is_left_of_a_container_is_removed(parent: str) -> None:
    manager = cgroups.open_manager("cgroupfs")
    Cgroup(f"{parent}/libpod-{'c' * 64}/inner").create()
    manager.remove_container(parent, "c" * 64)
    assert not Cgroup(f"{parent}/libpod-{'c' * 64}").exists()
    manager.remove_container(parent, "c" * 64)


def test_systemd_that_is_not_there_is_told() -> None:
    if os.path.exists("/run/systemd/system"):
        pytest.skip("systemd runs here")
    pytest.importorskip("pystemd")
    with pytest.raises(NotSupported, match="cannot talk to systemd over D-Bus") as caught:
        cgroups.open_manager("systemd").create_pod("machine.slice", "d" * 64)
    assert caught.value.hint is not None


def test_figures_of_a_group(parent: str) -> None:
    manager = cgroups.open_manager("cgroupfs")
    group = Cgroup(f"{parent}/a")
    group.create()
    with subprocess.Popen(["sh", "-c", "read line; while :; do :; done"], stdin=subprocess.PIPE) as busy:
        try:
            group.add(busy.pid)
            assert busy.stdin is not None
            busy.stdin.write(b"go\n")
            busy.stdin.flush()
            while (found := manager.figures(group.path)).cpu < 100_000_000 or not found.cpu_user:
                time.sleep(0.02)
            assert found.pids == 1
            assert found.memory >= 0
            # What is below a group counts for it as well.
            assert manager.figures(parent).cpu >= found.cpu
        finally:
            busy.kill()
    with pytest.raises(FileError, match="no such control group"):
        manager.figures(f"{parent}/none")
