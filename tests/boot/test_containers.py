"""Containers of ours under systemd: in scopes of their own, logged to the journal, started after a reboot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.boot import podman

if TYPE_CHECKING:
    from tests.boot.machine import Machine

FIRST, SECOND = "first line", "to the other stream"
SCRIPT = f"echo {FIRST}; echo {SECOND} >&2; exec sleep 100000"


def start(machine: Machine, name: str, *options: str, script: str = "exec sleep 100000") -> str:
    command = ("libpod", "run", "--detach", "--name", name, "--network", "none", *options, podman.IMAGE)
    return machine.run(*command, "sh", "-c", script).stdout.strip()


def state(machine: Machine, name: str) -> str:
    found = json.loads(machine.run("libpod", "inspect", name).stdout)
    return str(found[0]["State"]["Status"])


def active(machine: Machine, unit: str) -> bool:
    return podman.unit(machine, unit)["ActiveState"] == "active"


def test_scopes(machine: Machine) -> None:
    """conmon has a scope of its own beside the container's; neither is left when it has ended."""
    identifier = start(machine, "c")
    scopes = (f"libpod-{identifier}.scope", f"libpod-conmon-{identifier}.scope")
    assert all(active(machine, scope) for scope in scopes)
    assert machine.run("libpod", "exec", "c", "echo", "inside").stdout == "inside\n"
    machine.run("libpod", "pause", "c")
    machine.run("libpod", "unpause", "c")
    machine.run("libpod", "stop", "--time", "0", "c")
    assert state(machine, "c") == "exited"
    machine.run("libpod", "start", "c")
    assert all(active(machine, scope) for scope in scopes)
    machine.run("libpod", "rm", "--force", "--time", "0", "c")
    # conmon's scope ends with our exit command, which conmon has become.
    machine.shell(f"for i in $(seq 600); do systemctl is-active -q {scopes[1]} || break; sleep 0.1; done")
    assert not any(active(machine, scope) for scope in scopes)


def test_a_restart_policy(machine: Machine) -> None:
    """What the exit command starts anew, from the old conmon's scope, is in scopes of its own again."""
    identifier = start(machine, "c", "--restart", "always")
    machine.shell("kill -KILL $(libpod inspect c --format '{{.State.Pid}}')")
    again = "[ $(libpod inspect c --format '{{.RestartCount}}{{.State.Status}}') = 1running ]"
    machine.shell(f"for i in $(seq 600); do {again} && break; sleep 0.1; done; {again}")
    conmon = machine.shell("cat /proc/$(libpod inspect c --format '{{.State.ConmonPid}}')/cgroup")
    assert f"libpod-conmon-{identifier}.scope" in conmon
    assert active(machine, f"libpod-{identifier}.scope")
    machine.run("libpod", "stop", "--time", "0", "c")
    assert state(machine, "c") == "exited"
    machine.run("libpod", "rm", "c")


def test_logs_in_the_journal(machine: Machine) -> None:
    """The `journald` log driver: the lines of both streams, and Podman reads the same."""
    start(machine, "j", "--log-driver", "journald", "--log-opt", "tag=mark", script=SCRIPT)
    machine.shell("for i in $(seq 600); do [ $(libpod logs j 2>&1 | wc -l) = 2 ] && break; sleep 0.1; done")
    result = machine.run("libpod", "logs", "j")
    assert (result.stdout, result.stderr) == (f"{FIRST}\n", f"{SECOND}\n")
    assert machine.run("libpod", "logs", "--tail", "0", "j").stdout == ""
    assert machine.run("libpod", "logs", "--until", "1h", "j").stdout == ""
    assert podman.journal(machine, "CONTAINER_TAG=mark")
    theirs = machine.run("podman", "logs", "j")
    assert (theirs.stdout, theirs.stderr) == (result.stdout, result.stderr)
    machine.run("libpod", "rm", "--force", "--time", "0", "j")


def test_events_in_the_journal(machine: Machine) -> None:
    """With `--events-backend journald` both programs find what both have recorded there."""
    libpod = "libpod --events-backend journald"
    create = f"{libpod} create --name e --network none {podman.IMAGE} true"
    machine.shell(f"{create} && {libpod} start --attach e && {libpod} rename e f && {libpod} rm f")
    show = f"{libpod} events --stream=false --format '{{{{.Status}}}}' --filter"
    machine.shell(f"for i in $(seq 600); do {show} event=remove | grep -q remove && break; sleep 0.1; done")
    ours = machine.shell(f"{show} type=container").split()
    for status in ("create", "init", "start", "attach", "died", "rename", "remove"):
        assert status in ours
    options = "--stream=false --filter type=container --format '{{.Status}}'"
    theirs = machine.shell(f"podman --events-backend journald events {options}").split()
    assert theirs == ours


def test_a_reboot(machine: Machine) -> None:
    """What ran is known to have ended, and starts again."""
    start(machine, "again")
    machine.kill()
    machine.start()
    assert state(machine, "again") == "exited"
    machine.run("libpod", "start", "again")
    assert state(machine, "again") == "running"
    assert podman.states(machine)["again"] == "running"
    machine.run("libpod", "rm", "--force", "--time", "0", "again")
