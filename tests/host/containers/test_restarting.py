"""Containers with a restart policy."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room

# Says how many times it has run, in a volume of the host.
COUNTING = "echo run >>/seen/runs; exit {code}"


def runs(directory: Path) -> int:
    path = directory / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def policy(room: Room, name: str) -> tuple[str, int, int]:
    found = room.inspect(name)
    wanted = found["HostConfig"]["RestartPolicy"]
    return wanted["Name"], wanted["MaximumRetryCount"], found["RestartCount"]


def at_rest(room: Room, name: str) -> bool:
    """Whether it has ended, and nothing of conmon and the exit command lives."""
    return room.status(name) == "exited" and not room.traces().processes


@pytest.mark.parametrize(
    ("restart", "code", "expected"),
    [("on-failure:2", 3, 3), ("on-failure", 0, 1), ("no", 3, 1)],
)
def test_how_often_it_runs(room: Room, tmp_path: Path, restart: str, code: int, expected: int) -> None:
    script = COUNTING.format(code=code)
    options = ("--restart", restart, "--name", "c", "-v", f"{tmp_path}:/seen")
    room.libpod("run", "-d", *options, IMAGE, "sh", "-c", script)
    assert room.settled(lambda: runs(tmp_path) == expected)
    assert room.settled(lambda: at_rest(room, "c"))
    assert runs(tmp_path) == expected
    name, _, number = restart.partition(":")
    assert policy(room, "c") == (name, int(number or 0), expected - 1)
    assert room.inspect("c")["State"]["ExitCode"] == code
    assert not room.traces().mounts
    room.libpod("start", "c")
    assert room.settled(lambda: runs(tmp_path) == 2 * expected), "the tries are counted from the start on"
    assert room.settled(lambda: at_rest(room, "c"))


def killed(room: Room, name: str) -> None:
    """Kill its process as a fault does."""
    os.kill(room.inspect(name)["State"]["Pid"], signal.SIGKILL)


def runs_again(room: Room, name: str, number: int) -> bool:
    found = room.inspect(name)
    return (found["State"]["Status"], found["RestartCount"]) == ("running", number)


@pytest.mark.parametrize("restart", ["always", "unless-stopped"])
def test_it_runs_until_somebody_stops_it(room: Room, restart: str) -> None:
    identifier = room.sleep("c", "--restart", restart)
    killed(room, "c")
    assert room.settled(lambda: runs_again(room, "c", 1))
    killed(room, "c")
    assert room.settled(lambda: runs_again(room, "c", 2))
    assert room.libpod("exec", "c", "echo", "here").words == "here"
    room.libpod("stop", "-t", "0", "c")
    assert room.settled(lambda: at_rest(room, "c"))
    room.libpod("start", "c")
    assert policy(room, "c") == (restart, 0, 0)
    room.libpod("kill", "c")
    assert room.settled(lambda: at_rest(room, "c"))
    assert room.status("c") == "exited"
    room.libpod("start", "c")
    room.libpod("kill", "--signal", "TERM", "c")
    assert room.settled(lambda: runs_again(room, "c", 1)), "a signal is no stop"
    room.libpod("restart", "-t", "0", "c")
    assert policy(room, "c") == (restart, 0, 0)
    assert room.libpod("rm", "-f", "-t", "0", "c").words == identifier or not room.names()
    assert room.settled(lambda: not room.traces().processes)


def test_a_stop_between_two_runs(room: Room) -> None:
    """It has ended, and the exit command has not seen that yet: killed here, so that it never will."""
    room.sleep("c", "--restart", "always")
    found = room.inspect("c")["State"]
    os.kill(found["ConmonPid"], signal.SIGKILL)
    os.kill(found["Pid"], signal.SIGKILL)
    assert room.settled(lambda: room.status("c") in ("exited", "stopped"))
    room.libpod("stop", "c", status=None)
    room.libpod("container", "cleanup", "c")
    assert room.status("c") == "exited"


def test_a_member_of_a_pod(room: Room) -> None:
    room.libpod("pod", "create", "--name", "p", "--infra=false", "--cgroup-parent", room.parent)
    room.sleep("c", "--pod", "p", "--restart", "always")
    killed(room, "c")
    assert room.settled(lambda: runs_again(room, "c", 1))
    room.libpod("pod", "stop", "-t", "0", "p")
    assert room.settled(lambda: at_rest(room, "c"))
    room.libpod("pod", "rm", "p")


def test_what_it_needs_is_started_before_it(room: Room) -> None:
    room.sleep("first")
    room.sleep("c", "--restart", "always", "--requires", "first")
    room.libpod("kill", "first")
    assert room.settled(lambda: room.status("first") == "exited")
    killed(room, "c")
    assert room.settled(lambda: runs_again(room, "c", 1))
    assert room.status("first") == "running"


def test_a_run_that_fails_to_start_again(room: Room, tmp_path: Path) -> None:
    """Nothing of it is left, and it can be started when the cause is gone."""
    source = tmp_path / "source"
    source.mkdir()
    room.sleep("c", "--restart", "always", "-v", f"{source}:/there")
    source.rmdir()
    killed(room, "c")
    assert room.settled(lambda: at_rest(room, "c"))
    assert not room.traces().mounts
    source.mkdir()
    room.libpod("start", "c")
    assert room.status("c") == "running"


def test_events_and_filters(room: Room) -> None:
    text = room.configuration.read_text()
    room.configuration.write_text(text.replace('events_logger = "none"', 'events_logger = "file"'))
    room.sleep("web", "--restart", "always")
    room.sleep("other")
    killed(room, "web")
    assert room.settled(lambda: runs_again(room, "web", 1))

    def listed(value: str) -> Any:
        found = room.libpod("ps", "--filter", f"restart-policy={value}", "--format", "{{.Names}}")
        return found.stdout.split()

    assert listed("always") == ["web"]
    assert listed("on-failure") == []
    lines = room.libpod("events", "--stream=false", "--format", "json", "--filter", "container=web").stdout
    statuses = [json.loads(line)["Status"] for line in lines.splitlines()]
    assert statuses == ["create", "init", "start", "died", "restart", "init", "start"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--restart", "nonsense"), "no restart policy"),
        (("--restart", "always:3"), "only on-failure has a number of tries"),
        (("--restart", "on-failure:x"), "is no number of tries"),
        (("--rm", "--restart", "always"), "--rm and --restart always exclude each other"),
    ],
)
def test_refusals(room: Room, options: tuple[str, ...], message: str) -> None:
    assert message in room.refused("create", *options, IMAGE, "true")


def test_a_run_in_the_foreground(room: Room) -> None:
    """Its streams end with the first run; it goes on by itself."""
    started = time.monotonic()
    result = room.libpod(
        "run", "--restart", "on-failure:1", "--name", "c", IMAGE, "sh", "-c", "echo x; exit 3", status=None
    )
    assert time.monotonic() - started < 60
    assert result.stdout == "x\n"
    assert result.status == 3
    assert room.settled(lambda: at_rest(room, "c"))
    assert policy(room, "c") == ("on-failure", 1, 1)
    assert room.libpod("logs", "c").stdout == "x\n" * 2
