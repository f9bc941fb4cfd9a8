"""Every verb in every state: it does what it is for, or says which state would be right."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from libpod.containers import create
from libpod.containers.container import Container
from libpod.containers.create import CreateOptions
from libpod.containers.execute import ExecOptions
from libpod.errors import InvalidState, LibpodError, NoSuchContainer
from libpod.oci.options import SpecOptions
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from libpod.runtime import Runtime
    from tests.lab.containers import Room

STATES = ("created", "initialized", "running", "paused", "exited")
# What becomes of a container by the verb, in the order of STATES; "-" where the verb is refused.
TABLE: dict[str, tuple[Callable[[Container], object], tuple[str, ...]]] = {
    "init": (lambda c: c.init(), ("initialized", "-", "-", "-", "initialized")),
    "start": (lambda c: c.start(), ("running", "running", "running", "-", "stopped")),
    "stop": (lambda c: c.stop(0), ("-", "created", "exited", "-", "-")),
    "kill": (lambda c: c.kill(signal.SIGCONT), ("-", "-", "running", "paused", "-")),
    "pause": (lambda c: c.pause(), ("-", "-", "paused", "-", "-")),
    "unpause": (lambda c: c.unpause(), ("-", "-", "-", "running", "-")),
    "restart": (lambda c: c.restart(0), ("running", "running", "running", "-", "stopped")),
    "exec": (lambda c: c.execute(ExecOptions(("true",))).close(), ("-", "-", "running", "-", "-")),
    "cleanup": (lambda c: c.cleanup(), ("created", "created", "-", "-", "exited")),
    "umount": (lambda c: c.unmount(), ("created", "-", "-", "-", "exited")),
    "umount --force": (lambda c: c.unmount(force=True), ("created", "-", "-", "-", "exited")),
    "wait": (lambda c: c.wait(), ("created", "", "", "", "exited")),
    "rm": (lambda c: c.remove(), ("gone", "gone", "-", "-", "gone")),
    "rm --force": (lambda c: c.remove(force=True, timeout=0), ("gone",) * 5),
}


def bring(room: Room, runtime: Runtime, state: str, name: str = "c") -> Container:
    """Make a container in *state*."""
    command = ["true"] if state == "exited" else ["sleep", "1000"]
    wanted = CreateOptions(
        image=IMAGE, name=name, cgroup_parent=room.parent, spec=SpecOptions(command=command)
    )
    container = Container(runtime.engine, create.create(runtime.engine, wanted))
    if state == "initialized":
        container.init()
    if state in ("running", "paused", "exited"):
        container.start()
    if state == "paused":
        container.pause()
    if state == "exited":
        container.wait()
        container.cleanup()
    assert container.state() == state
    return container


@pytest.mark.parametrize("state", STATES)
def test_verbs(shared: Room, state: str) -> None:
    with shared.runtime() as runtime:
        container = bring(shared, runtime, state)
        for verb, (act, results) in TABLE.items():
            expected = results[STATES.index(state)]
            if not expected:
                # It would wait for long.
                continue
            if expected == "-":
                with pytest.raises(InvalidState, match=rf"container c (is {state}|is stopped|runs)"):
                    act(container)
                assert container.state() == state, verb
                continue
            act(container)
            if expected == "gone":
                with pytest.raises(NoSuchContainer):
                    runtime.container("c")
            else:
                assert container.state() in (expected, "running" if state == "exited" else expected), verb
                if expected == "exited":
                    container.wait()
            if expected != state:
                with contextlib.suppress(LibpodError):
                    container.remove(force=True, timeout=0)
                container = bring(shared, runtime, state)
        container.remove(force=True, timeout=0)


def test_a_wrong_state_says_what_would_be_right(shared: Room) -> None:
    shared.libpod("create", "--name", "c", IMAGE, "sleep", "1000")
    for words, right in (
        (("pause", "c"), "running"),
        (("exec", "c", "true"), "running"),
        (("unpause", "c"), "paused"),
    ):
        assert f"it must be {right}" in shared.refused(*words)
    shared.libpod("rm", "c")


def test_several_containers_at_once(shared: Room) -> None:
    """Each gets its turn, whatever becomes of the others; what was done is printed."""
    for name in ("a", "b"):
        shared.libpod("create", "--name", name, IMAGE, "sleep", "1000")
    started = shared.libpod("start", "a", "nobody", "b", status=125)
    assert started.stdout.split() == ["a", "b"]
    assert "no such container: nobody" in started.stderr
    assert len(shared.libpod("pause", "--all").stdout.split()) == 2
    assert len(shared.libpod("unpause", "--all").stdout.split()) == 2
    assert len(shared.libpod("kill", "--all").stdout.split()) == 2
    assert shared.libpod("wait", "a", "b").stdout.split() == ["137", "137"]
    assert len(shared.libpod("restart", "-t", "0", "--all").stdout.split()) == 2
    assert len(shared.libpod("stop", "-t", "0", "--all").stdout.split()) == 2
    assert shared.libpod("stop", "-t", "0", "a").words == "a"
    assert len(shared.libpod("init", "--all").stdout.split()) == 2
    assert len(shared.libpod("rm", "--all").stdout.split()) == 2
    assert shared.libpod("rm", "--ignore", "a").stdout == ""


def test_mounts_are_counted(shared: Room) -> None:
    """A mount from outside outlives the container's own, and its end does not take it from a running one."""
    with shared.runtime() as runtime:
        container = bring(shared, runtime, "created")
        path = container.mount()
        assert shared.libpod("mount").words.split() == [container.id[:12], path]
        container.start()
        assert os.path.isdir(path)
        container.stop(0)
        assert os.path.isdir(os.path.join(path, "etc"))
        container.start()
        container.unmount()
        with pytest.raises(InvalidState, match="stays mounted"):
            container.unmount()
        assert os.path.isdir(os.path.join(path, "etc"))
        container.remove(force=True, timeout=0)
        assert not os.path.exists(path)
