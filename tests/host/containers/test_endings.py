"""How containers end: exit codes, signals, out of memory, alone, and by force."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import leftovers
from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room

STUBBORN = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (("true",), 0, ""),
        (("sh", "-c", "exit 50"), 50, ""),
        (("sh", "-c", "exit 255"), 255, ""),
        (("sh", "-c", "kill -TERM $$"), 143, ""),
        (("sh", "-c", "kill -KILL $$"), 137, ""),
        (("/etc/not-executable",), 126, "permission denied"),
        (("/etc",), 126, "permission denied"),
        (("nobody-has-this",), 127, "not found"),
        (("/no/such/file",), 127, "no such file"),
    ],
)
def test_exit_codes(shared: Room, command: tuple[str, ...], status: int, said: str) -> None:
    """Of `run`, of `exec` in the same container, and as they are kept."""
    if not said:
        # Init is not killed by a signal that it has no handler for: a shell of its own is.
        command = (
            ("sh", "-c", f"{' '.join(command[:2])} '{command[2]}'; exit $?") if len(command) == 3 else command
        )
    result = shared.libpod("run", "--name", "c", IMAGE, *command, status=status)
    assert said in result.stderr
    if not said:
        assert shared.libpod("wait", "c").words == str(status)
        assert shared.inspect("c")["State"]["ExitCode"] == status
    shared.libpod("rm", "c")
    shared.libpod("run", "-d", "--name", "c", IMAGE, "sleep", "1000")
    result = shared.libpod("exec", "c", *command, status=status)
    assert said in result.stderr.lower()
    assert shared.status("c") == "running"
    shared.libpod("rm", "-f", "-t", "0", "c")


def test_our_own_failures_are_125(shared: Room) -> None:
    for words in (
        ("run", "nobody"),
        ("exec", "nobody", "true"),
        ("run", "--no-flag", IMAGE),
        ("start", "nobody"),
    ):
        shared.refused(*words)


def test_a_failed_start_can_be_removed_at_once(shared: Room) -> None:
    shared.libpod("run", "--rm", IMAGE, "nobody-has-this", status=127)
    assert shared.names() == []
    shared.libpod("run", "-d", "--rm", IMAGE, "nobody-has-this", status=127)
    assert shared.names() == []


@pytest.mark.parametrize("seconds", ["0", "1"])
def test_who_ignores_the_polite_signal_is_killed(shared: Room, seconds: str) -> None:
    shared.libpod("run", "-d", "--name", "c", IMAGE, *STUBBORN)
    assert shared.settled(lambda: "ready" in shared.libpod("logs", "c").stdout)
    stopped = shared.libpod("stop", "-t", seconds, "c")
    assert ("alive 1 seconds after SIGTERM" in stopped.stderr) is (seconds == "1")
    assert shared.libpod("wait", "c").words == "137"
    assert shared.status("c") == "exited"
    shared.libpod("rm", "c")


def test_the_stop_timeout_of_the_container_counts(shared: Room) -> None:
    shared.libpod("run", "-d", "--name", "c", "--stop-timeout", "0", IMAGE, *STUBBORN)
    shared.libpod("stop", "c")
    assert shared.libpod("wait", "c").words == "137"
    shared.libpod("rm", "c")


def test_out_of_memory(shared: Room) -> None:
    """The kernel's kill is known for what it is."""
    shared.libpod("run", "--name", "c", "--memory", "16m", IMAGE, "tail", "/dev/zero", status=137)
    state = shared.inspect("c")["State"]
    assert (state["OOMKilled"], state["ExitCode"]) == (True, 137)
    shared.libpod("start", "c")
    shared.libpod("wait", "c")
    shared.libpod("rm", "c")
    shared.libpod("run", "--name", "c", IMAGE, "sh", "-c", "exit 137", status=137)
    assert shared.inspect("c")["State"]["OOMKilled"] is False
    shared.libpod("rm", "c")


def test_a_container_outlives_who_started_it(shared: Room) -> None:
    """conmon watches it, and at its end runs our exit command, which takes down what it needed."""
    command = ("sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; exit 9")
    shared.libpod("run", "-d", "--name", "c", IMAGE, *command)
    conmon = shared.inspect("c")["State"]["ConmonPid"]
    assert f"{conmon}" not in map(str, leftovers.children())
    assert shared.status("c") == "running"
    shared.libpod("exec", "c", "touch", "/go")
    assert shared.settled(lambda: shared.status("c") == "exited")
    assert shared.settled(lambda: not shared.traces().known_to_runc and not shared.traces().mounts)
    assert shared.inspect("c")["State"]["ExitCode"] == 9
    shared.libpod("rm", "c")


@pytest.mark.parametrize("detached", [True, False])
def test_a_container_that_removes_itself(shared: Room, *, detached: bool) -> None:
    words = ("-d",) if detached else ()
    shared.libpod(
        "run",
        *words,
        "--rm",
        "--name",
        "c",
        IMAGE,
        "sh",
        "-c",
        "sleep 0.3; exit 4",
        status=0 if detached else 4,
    )
    assert shared.settled(lambda: not shared.traces().rows)
    # Its code is still known: who waits for it gets it.
    identifier = shared.libpod("run", "-d", "--rm", "--name", "d", IMAGE, "sleep", "1000").words
    with shared.started("wait", "d", stdout=subprocess.PIPE) as waiting:
        assert shared.settled(lambda: _watches_a_process(waiting.pid))
        shared.libpod("kill", identifier)
        assert waiting.communicate()[0] == b"137\n"


def _watches_a_process(pid: int) -> bool:
    """Whether it has got so far that it holds the end of a process."""
    return any(os.path.realpath(link).endswith("[pidfd]") for link in Path(f"/proc/{pid}/fd").iterdir())


def test_killing_our_program_leaves_the_container(shared: Room) -> None:
    """Attached or not: what runs goes on when we are gone, and can still be stopped."""
    with shared.started("run", "--name", "c", IMAGE, "sleep", "1000", stdin=subprocess.DEVNULL) as running:
        assert shared.settled(lambda: shared.libpod("ps", "-q").words != "")
        running.kill()
        running.wait()
    assert shared.status("c") == "running"
    shared.libpod("stop", "-t", "0", "c")
    assert shared.status("c") == "exited"
    shared.libpod("rm", "c")


def test_an_interrupt_that_is_not_handed_on_leaves_the_container(shared: Room) -> None:
    """As it does with Podman: who says `--sig-proxy=false` does not mean the container."""
    script = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    words = ("run", "--rm", "--sig-proxy=false", "--name", "c", IMAGE, "sh", "-c", script)
    with shared.started(*words, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    assert shared.status("c") == "running"
    shared.libpod("stop", "c")
    assert shared.settled(lambda: shared.names() == [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_are_handed_on(shared: Room, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got {name}; exit 3' {name}; echo ready; while :; do sleep 0.1; done"
    with shared.started("run", "--rm", IMAGE, "sh", "-c", script, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(number)
        assert running.stdout.read() == f"got {name}\n".encode()
        assert running.wait(120) == 3


def test_a_container_whose_conmon_was_killed(shared: Room) -> None:
    """Its end is noticed all the same, with a code that nobody knows; nothing is left of it."""
    shared.libpod("run", "-d", "--name", "c", IMAGE, "sleep", "1000")
    state = shared.inspect("c")["State"]
    os.kill(state["ConmonPid"], signal.SIGKILL)
    assert shared.status("c") == "running"
    assert shared.libpod("exec", "c", "echo", "alive").words == "alive"
    shared.libpod("stop", "-t", "0", "c")
    assert shared.status("c") == "exited"
    assert shared.inspect("c")["State"]["ExitCode"] == -1
    shared.libpod("start", "c")
    state = shared.inspect("c")["State"]
    os.kill(state["ConmonPid"], signal.SIGKILL)
    os.kill(state["Pid"], signal.SIGKILL)
    assert shared.settled(lambda: shared.status("c") in ("stopped", "exited"))
    shared.libpod("rm", "c")


def test_out_of_memory_that_no_conmon_saw(shared: Room) -> None:
    """The control group knows it, too."""
    work = "until [ -e /go ]; do sleep 0.1; done; exec tail /dev/zero"
    shared.libpod("run", "-d", "--name", "c", "--memory", "16m", IMAGE, "sh", "-c", work)
    os.kill(shared.inspect("c")["State"]["ConmonPid"], signal.SIGKILL)
    shared.libpod("exec", "c", "touch", "/go")
    assert shared.settled(lambda: shared.status("c") in ("stopped", "exited"))
    state = shared.inspect("c")["State"]
    assert (state["OOMKilled"], state["ExitCode"]) == (True, -1)
    shared.libpod("rm", "c")


def test_stopping_a_container_that_removes_itself(shared: Room) -> None:
    """Our exit command may remove it before we are done with stopping it."""
    shared.libpod("run", "-d", "--rm", "--name", "c", IMAGE, "sleep", "1000")
    assert shared.libpod("stop", "-t", "0", "c").words == "c"
    assert shared.settled(lambda: not shared.traces().rows)


def test_wait_knows_what_others_do(shared: Room) -> None:
    shared.libpod("create", "--name", "c", IMAGE, "sh", "-c", "sleep 0.5; exit 6")
    # As Podman: what has never run has nothing to wait for.
    assert shared.libpod("wait", "c").words == "0"
    shared.libpod("start", "c")
    assert shared.libpod("wait", "c").words == "6"
    assert shared.libpod("wait", "c").words == "6"
    shared.libpod("rm", "c")
