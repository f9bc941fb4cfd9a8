"""Programs that fail, hang, talk rubbish or are killed, and a full disk: an error each, and nothing left."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from libpod import failpoints
from libpod.containers import create, execute
from libpod.containers.container import Container
from libpod.containers.create import CreateOptions
from libpod.containers.execute import ExecOptions
from libpod.errors import ContainerRemoved, InvalidState, LibpodError, NoSuchContainer, OCIRuntimeError
from libpod.oci import conmon, runc
from libpod.oci.options import SpecOptions
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpod.runtime import Runtime
    from tests.lab.containers import Room

# Ends our program at the n-th time that it comes to a point, as a power cut or `kill -9` does.
KILLED = """\
import os, signal, sys
from libpod import failpoints
from libpod.cli.main import main
left = int(sys.argv[2])
def hook(name):
    global left
    if name == sys.argv[1]:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
failpoints.hook = hook
sys.exit(main(sys.argv[3:]))
"""


def killed(room: Room, point: str, nth: int, *arguments: str) -> bool:
    """Run our program, killed at a point; whether it came there."""
    command = room.command(*arguments)
    words = [sys.executable, "-c", KILLED, point, str(nth), *command[3:]]
    done = subprocess.run(
        words, env=room.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
    )
    return done.returncode == -signal.SIGKILL


def made(
    runtime: Runtime, room: Room, name: str = "c", command: Sequence[str] = ("sleep", "1000")
) -> Container:
    """A new container, made through the library."""
    options = CreateOptions(
        image=IMAGE, name=name, cgroup_parent=room.parent, spec=SpecOptions(command=command)
    )
    return Container(runtime.engine, create.create(runtime.engine, options))


@pytest.mark.parametrize(
    ("point", "nth", "state"),
    [
        ("container.add", 1, None),
        ("files.rename", 1, None),
        ("files.rename", 4, None),
        ("container.mounted", 1, "created"),
        ("container.create", 1, "created"),
        ("container.created", 1, "created"),
        ("container.start", 1, "initialized"),
        ("container.started", 1, "running"),
    ],
)
def test_killed_while_running_a_container(shared: Room, point: str, nth: int, state: str | None) -> None:
    """The next command sees the truth; the container can be started, or removed without a trace."""
    assert killed(shared, point, nth, "run", "-d", "--name", "c", IMAGE, "sleep", "1000")
    if state is not None:
        with shared.runtime() as runtime:
            container = runtime.container("c")
            assert container.state() == state
            container.start()
            assert container.state() == "running"
            assert container.mount_path()
    else:
        assert shared.names() == []
    shared.libpod("rm", "-f", "-t", "0", "c")
    # The number of a lock that was taken for a container that nobody knows is free after the next boot.
    for name in os.listdir(shared.tmp_dir / "locks"):
        (shared.tmp_dir / "locks" / name).unlink()


@pytest.mark.parametrize("point", ["container.mounted", "container.created", "container.started"])
def test_killed_while_running_and_removed_at_once(shared: Room, point: str) -> None:
    assert killed(shared, point, 1, "run", "-d", "--name", "c", IMAGE, "sleep", "1000")
    shared.libpod("rm", "-f", "-t", "0", "c")


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_killed_while_removing(shared: Room, nth: int) -> None:
    shared.libpod("create", "--name", "c", IMAGE, "true")
    killed(shared, "files.rename", nth, "rm", "c")
    shared.libpod("rm", "-f", "-t", "0", "c")
    assert shared.names() == []


# ---------------------------------------------------------------- the programs that we drive


def fake(directory: Path, script: str, verbs: str = "*") -> str:
    """An OCI runtime that does *script* for some verbs, and is runc for the others."""
    path = directory / "runc"
    path.write_text(
        f'#!/bin/sh\nfor word in "$@"; do case $word in {verbs}) {script};; esac; done\nexec runc "$@"\n'
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exec sleep 1000", "no answer from conmon after 1 seconds"),
        ("echo rubbish >&2; exit 1", "create container"),
        ("head -c 3000 /dev/urandom >&2; exit 3", "create container"),
        ("exit 0", "create container"),
        ("kill -SEGV $$", "create container"),
    ],
)
def test_a_runtime_that_does_not_create(
    shared: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    """A message within the time limit; what was mounted is unmounted, and the container can be removed."""
    if "sleep" in script:
        monkeypatch.setattr(runc, "CREATE_TIMEOUT", 1.0)
    with shared.runtime(runtime_path=[fake(tmp_path, script, "create")]) as runtime:
        container = made(runtime, shared)
        with pytest.raises(LibpodError, match=said):
            container.start()
        assert container.state() == "created"
        assert not container.mount_path()
        container.remove(force=True, timeout=0)


@pytest.mark.parametrize("script", ["exec sleep 1000", "echo rubbish; exit 1", "exit 1"])
def test_a_runtime_that_fails_in_everything(
    shared: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(runc, "CREATE_TIMEOUT", 0.5)
    monkeypatch.setattr(runc, "TIMEOUT", 0.5)
    warnings: list[str] = []
    with shared.runtime(runtime_path=[fake(tmp_path, script)]) as runtime:
        runtime.engine.warn = warnings.append
        container = made(runtime, shared)
        with pytest.raises(OCIRuntimeError):
            container.start()
        assert warnings
        assert not container.mount_path()
    shared.libpod("rm", "-f", "c")


def test_a_runtime_that_hangs_in_start(shared: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = runc.Runc.start

    def start(runtime: runc.Runc, identifier: str) -> None:
        with monkeypatch.context() as quick:
            quick.setattr(runc, "TIMEOUT", 1.0)
            patient(runtime, identifier)

    monkeypatch.setattr(runc.Runc, "start", start)
    with shared.runtime(runtime_path=[fake(tmp_path, "exec sleep 1000", "start")]) as runtime:
        container = made(runtime, shared)
        with pytest.raises(OCIRuntimeError, match="not finished after 1 seconds"):
            container.start()
        assert container.state() == "created"
        container.remove()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "conmon ended with status 1"),
        ("exec sleep 1000", "not finished"),
        ("exit 0", "without an answer"),
    ],
)
def test_a_conmon_that_does_not_work(
    shared: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    if "sleep" in script:
        monkeypatch.setattr(conmon, "START_TIMEOUT", 1.0)
    path = tmp_path / "conmon"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    with shared.runtime(conmon_path=[str(path)]) as runtime:
        container = made(runtime, shared)
        with pytest.raises(LibpodError, match=said):
            container.start()
        assert container.state() == "created"
        container.remove()


def test_a_damaged_health_check_keeps_nothing_from_ending(shared: Room) -> None:
    with shared.runtime() as runtime:
        container = made(runtime, shared, command=("sleep", "1000"))
        container.record.set_config("healthcheck", {"Test": 5})
        runtime.engine.state.save_container(container.record)
        warnings: list[str] = []
        runtime.engine.warn = warnings.append
        container.start()
        assert container.state() == "running"
        container.stop(0)
        container.cleanup()
        assert (container.state(), container.record.mounted) == ("exited", False)
        container.remove()
    assert ["is not checked" in warnings[0], "Test: expected a list" in warnings[0]] == [True, True]


@pytest.mark.parametrize("version", [0, 1])
def test_both_versions_of_conmons_protocol(
    shared: Room, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conmon, "Conmon", functools.partial(conmon.Conmon, api_version=version))
    with shared.runtime() as runtime:
        container = made(runtime, shared, command=("sh", "-c", "exit 5"))
        container.start()
        assert container.wait() == 5
        container.remove()
        container = made(runtime, shared, command=("nobody-has-this",))
        with pytest.raises(OCIRuntimeError, match="not found"):
            container.start()
        container.remove()


def test_settings_of_the_runtime_reach_the_programs(shared: Room, tmp_path: Path) -> None:
    """`no_pivot_root`, `max_log_size` and `conmon_env_vars`."""
    log = tmp_path / "log"
    path = fake(tmp_path, f'echo "$@" "$MARK" >> {log}', "create")
    settings = {
        "no_pivot_root": True,
        "max_log_size": 10000,
        "conmon_env_vars": ["MARK=seen", "PATH=/usr/sbin:/usr/bin:/bin"],
    }
    with shared.runtime(runtime_path=[path], **settings) as runtime:
        container = made(runtime, shared, command=("seq", "1", "5000"))
        container.start()
        container.wait()
        said = log.read_text()
        assert "--no-pivot" in said
        assert said.rstrip().endswith("seen")
        assert Path(container.record.static_directory, "ctr.log").stat().st_size < 12000
        container.cleanup()
        container.remove()


# ---------------------------------------------------------------- a full disk


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_full_disk_while_creating(shared: Room, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    with shared.runtime() as runtime:
        _ = runtime.engine
        _fail(monkeypatch, "files.rename", nth)
        try:
            container = made(runtime, shared)
        except (LibpodError, OSError) as error:
            assert "No space left" in str(error)  # noqa: PT017 - whether it comes to that depends on *nth*
            monkeypatch.setattr(failpoints, "hook", None)
            with pytest.raises(NoSuchContainer):
                runtime.container("c")
        else:
            monkeypatch.setattr(failpoints, "hook", None)
            container.remove()


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6])
def test_a_full_disk_while_starting(shared: Room, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    with shared.runtime() as runtime:
        container = made(runtime, shared)
        _fail(monkeypatch, "files.rename", nth)
        try:
            container.start()
        except (LibpodError, OSError) as error:
            assert "No space left" in str(error)  # noqa: PT017 - whether it comes to that depends on *nth*
            monkeypatch.setattr(failpoints, "hook", None)
            assert container.state() in ("created", "initialized", "running")
        monkeypatch.setattr(failpoints, "hook", None)
        container.remove(force=True, timeout=0)


def _fail(monkeypatch: pytest.MonkeyPatch, point: str, nth: int) -> None:
    seen = 0

    def fail(name: str) -> None:
        nonlocal seen
        seen += name == point
        if name == point and seen == nth:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(failpoints, "hook", fail)


def test_a_really_full_disk(room: Room) -> None:
    """On a small file system of its own: create and start say so, and leave nothing."""
    graph = room.root
    moved = graph.rename(graph.with_name("whole"))
    graph.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", graph], check=True)
    try:
        subprocess.run(["cp", "-a", f"{moved}/.", graph], check=True)
        room.libpod("rm", room.libpod("create", IMAGE, "true").words)
        room.libpod("create", "--name", "made", IMAGE, "true")
        _fill(graph / "filler")
        assert "No space left on device" in room.refused("create", IMAGE, "true")
        assert "No space left on device" in room.refused("start", "made")
        # What fills the disk may be a container: its removal is the way out.
        (graph / "filler").unlink()
        full = ("sh", "-c", "dd if=/dev/zero of=/filler bs=4k; touch /full; sleep 1000")
        room.libpod("run", "-d", "--name", "filler", IMAGE, *full)
        room.settled(lambda: os.statvfs(graph).f_bavail == 0)
        assert os.statvfs(graph).f_bavail == 0
        room.libpod("rm", "-f", "-t", "0", "filler")
        room.libpod("start", "made")
        room.libpod("wait", "made")
        room.clear()
    finally:
        subprocess.run(["umount", "--lazy", graph / "overlay"], check=False)
        subprocess.run(["umount", "--lazy", graph], check=True)
        graph.rmdir()
        moved.rename(graph)


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)


def test_a_tree_that_is_deeper_than_any_stack(shared: Room) -> None:
    """A container may make one, and must be as removable as any other, and not hide the others from `ps`."""
    script = "cd /data; for i in $(seq 1500); do mkdir d; cd d; done; echo x > file"
    shared.libpod("run", "--name", "c", IMAGE, "sh", "-c", script)
    shared.libpod("ps", "--all", "--size")
    shared.libpod("rm", "c")


# ---------------------------------------------------------------- several at once


def at_once(*acts: object) -> list[LibpodError | None]:
    """Do several things at the same time; the error of each."""
    errors: list[LibpodError | None] = [None] * len(acts)
    gate = threading.Barrier(len(acts))

    def run(number: int, act: object) -> None:
        assert callable(act)
        gate.wait()
        try:
            act()
        except LibpodError as error:
            errors[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return errors


def test_two_starters_start_it_once(shared: Room) -> None:
    with shared.runtime() as runtime:
        made(runtime, shared)
        assert at_once(*(lambda: runtime.container("c").start() for _ in range(4))) == [None] * 4
        assert runtime.container("c").state() == "running"
        runtime.container("c").remove(force=True, timeout=0)


def test_several_removers_remove_it_once_and_are_all_content(shared: Room) -> None:
    for _attempt in range(3):
        shared.libpod("run", "-d", "--name", "c", IMAGE, "sleep", "1000")
        command = shared.command("rm", "--force", "--time", "0", "c")
        removers = [
            subprocess.Popen(command, env=shared.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(3)
        ]
        errors = [(remover.communicate(timeout=60)[1], remover.returncode) for remover in removers]
        assert errors == [(b"", 0)] * 3


def test_the_session_of_an_exec_that_was_killed_is_forgotten(
    shared: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once, since somebody may wait for its exit code, but by a later one."""
    monkeypatch.setattr(execute, "ABANDONED_SECONDS", 0.0)
    shared.sleep("c")
    with shared.started("exec", "c", "sh", "-c", "echo ready; sleep 1", stdout=subprocess.PIPE) as killed_one:
        assert killed_one.stdout is not None
        assert killed_one.stdout.readline() == b"ready\n"
    (left,) = shared.inspect("c")["ExecIDs"]
    directory = Path(shared.inspect("c")["StaticDir"], left)
    assert shared.settled(lambda: any(directory.glob("exit/*")))
    with shared.runtime() as runtime:
        runtime.container("c").execute(ExecOptions(("true",))).close()
    assert not shared.inspect("c")["ExecIDs"]
    assert not directory.exists()
    shared.libpod("rm", "-f", "c")


def test_stop_during_start_and_remove_during_exec(shared: Room) -> None:
    """Whoever comes first, the container is in a state that the other finds, and can be removed."""
    with shared.runtime() as runtime:
        for _attempt in range(3):
            made(runtime, shared)
            started, stopped = at_once(
                lambda: runtime.container("c").start(), lambda: runtime.container("c").stop(0)
            )
            assert started is None
            assert stopped is None or isinstance(stopped, InvalidState)
            expected = "exited" if stopped is None else "running"
            assert runtime.container("c").state() == expected
            runtime.container("c").start()
            executed, removed = at_once(
                lambda: runtime.container("c").execute(ExecOptions(("true",))).close(),
                lambda: runtime.container("c").remove(force=True, timeout=0),
            )
            assert removed is None
            assert executed is None or isinstance(
                executed, InvalidState | NoSuchContainer | ContainerRemoved | OCIRuntimeError
            )


def test_threads_share_a_runtime_with_another_process(shared: Room) -> None:
    with shared.runtime() as runtime:

        def live(name: str) -> None:
            for number in range(2):
                container = made(runtime, shared, f"{name}{number}", ("true",))
                container.start()
                assert container.wait() == 0
                container.remove(force=True, timeout=0)

        other = subprocess.Popen(
            shared.command("run", "--rm", IMAGE, "echo", "hi"), env=shared.environment, stdout=subprocess.PIPE
        )
        errors = at_once(*(lambda name=name: live(name) for name in "abc"))
        assert other.communicate(timeout=120)[0] == b"hi\n"
        assert errors == [None] * 3
        assert runtime.containers() == []
