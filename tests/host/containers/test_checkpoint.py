"""Checkpoints: where the kernel allows none, that is said before anything is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod.containers import checkpoint
from libpod.containers.checkpoint import CheckpointOptions, RestoreOptions
from libpod.errors import OCIRuntimeError
from tests import tools
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room

COUNTING = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"


def _what_criu_says() -> str:
    """The first error of `criu check`; empty where it works."""
    done = subprocess.run([tools.require_tool("criu"), "check"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return next(line.partition("): ")[2] for line in done.stderr.splitlines() if line.startswith("Error"))


def test_a_container_goes_on_from_its_checkpoint_or_is_told_why_not(room: Room) -> None:
    reason = _what_criu_says()
    room.libpod("run", "-d", "--name", "c", IMAGE, "sh", "-c", COUNTING)
    pid = room.inspect("c")["State"]["Pid"]

    if reason:
        for flags in ((), ("--leave-running",), ("--export", str(room.directory / "x.tar"))):
            assert reason in room.refused("container", "checkpoint", *flags, "c")
        assert reason in room.refused("container", "restore", "c")
        assert reason in room.refused("container", "restore", "--import", str(room.directory / "x.tar"))
        assert room.inspect("c")["State"]["Pid"] == pid
        assert not (room.directory / "x.tar").exists()
        return
    assert room.settled(lambda: room.libpod("logs", "c").words != "")
    before = int(room.libpod("logs", "--tail", "1", "c").words)
    room.libpod("container", "checkpoint", "c")
    assert room.inspect("c")["State"]["Checkpointed"] is True
    room.libpod("container", "restore", "c")
    assert room.inspect("c")["State"]["Restored"] is True
    assert room.settled(lambda: int(room.libpod("logs", "--tail", "1", "c").words) > before)
    numbers = [int(line) for line in room.libpod("logs", "c").words.splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_failed_checkpoint_and_a_failed_restore_leave_all_as_it_was(shared: Room) -> None:
    """Past the question whether CRIU works, the runtime is asked, and really fails."""
    if not _what_criu_says():
        return
    shared.sleep("c")
    before = shared.traces()

    with shared.runtime() as runtime:
        container = runtime.container("c")
        state, bundle = dict(container.record.state), container.record.static_directory
        files = sorted(os.listdir(bundle))
        with runtime.engine.locked(container.record), pytest.raises(OCIRuntimeError):
            checkpoint.checkpoint(runtime.engine, container.record, CheckpointOptions())
        assert container.state() == "running"
        assert container.record.state == state
        assert sorted(os.listdir(bundle)) == files
        assert shared.traces() == before

        container.stop()
        assert shared.settled(lambda: not shared.traces().processes)
        images = os.path.join(bundle, "checkpoint")
        os.mkdir(images)
        Path(images, "inventory.img").write_bytes(b"damaged")
        # The runtime's own file, which it reads before it asks CRIU.
        Path(images, "descriptors.json").write_text('["/dev/null", "/dev/null", "/dev/null"]')
        stopped, state = shared.traces(), dict(container.record.state)
        with runtime.engine.locked(container.record), pytest.raises(OCIRuntimeError):
            checkpoint.restore(runtime.engine, container.record, RestoreOptions())
        assert container.state() == "exited"
        # Where its files would be is no change.
        changed = {key for key in state if container.record.state.get(key) != state[key]}
        assert changed <= {"bindMounts", "configPath"}
        assert sorted(os.listdir(images)) == ["descriptors.json", "inventory.img"]
        assert not {"restore.log", "attach"} & set(os.listdir(bundle))
        # A start begins with taking away the exit file of the last run.
        assert shared.settled(lambda: shared.traces() == stopped._replace(exits=frozenset())), shared.traces()
        container.start()
        assert container.state() == "running"
        container.remove(force=True, timeout=0)


def _programs(directory: Path, **scripts: str) -> dict[str, str]:
    """A search path with what the runtime needs, and *scripts*."""
    directory.mkdir()
    for name in ("runc", "conmon", "sh"):
        path = shutil.which(name)
        assert path is not None
        (directory / name).symlink_to(path)
    for name, text in scripts.items():
        path_of_script = directory / name
        path_of_script.write_text(f"#!/bin/sh\n{text}\n")
        path_of_script.chmod(0o755)
    return {"PATH": str(directory)}


WITHOUT = [
    ({}, "there is no criu in the search path"),
    ({"criu": "echo Version: 3.10"}, "criu 3.10: at least 3.11 is needed"),
    ({"criu": "echo nonsense; exit 127"}, "of an unknown version"),
    ({"criu": "sleep 100 & exit 1"}, "of an unknown version"),
]


def test_a_host_without_a_usable_criu_or_runtime(shared: Room, tmp_path: Path) -> None:
    name = shared.libpod("create", IMAGE, "true").words
    before = shared.traces()

    for number, (scripts, said) in enumerate(WITHOUT):
        environment = _programs(tmp_path / str(number), **scripts)
        verb = ("checkpoint", "restore")[number % 2]
        result = shared.libpod("container", verb, name, environment=environment, status=125)
        assert said in result.stderr, result
        assert "hint:" in result.stderr
    if subprocess.run([tools.require_tool("crun"), "checkpoint", "--help"], check=False).returncode != 0:
        result = shared.libpod("--runtime", "crun", "container", "checkpoint", name, status=125)
        assert "with the OCI runtime crun" in result.stderr, result
    assert shared.traces() == before
    assert set(os.listdir(shared.inspect(name)["StaticDir"])) == {"secrets", "shm"}
    shared.libpod("rm", name)


def test_what_needs_containers_that_are_there(shared: Room) -> None:
    for verb in ("checkpoint", "restore"):
        assert "no-such" in shared.libpod("container", verb, "no-such", status=125).stderr
        assert "at least one container" in shared.libpod("container", verb, status=125).stderr
        assert shared.libpod("container", verb, "--all").stdout == ""
