"""Real pseudo-terminals, pipes and signals between us and a container."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE
from tests.lab.terminal import Terminal

if TYPE_CHECKING:
    from tests.lab.containers import Room

LEAVE = "\x10\x11"
# A shell that reads lines and asks the terminal nothing.
LINES = ("sh", "-c", 'while :; do read -r line && eval "$line"; done')
SHELL = ("--name", "s", IMAGE, *LINES)


def terminal(room: Room, *arguments: str, lines: int = 24, columns: int = 80) -> Terminal:
    return Terminal(room.command(*arguments), room.environment, lines=lines, columns=columns)


def ready(screen: Terminal, word: str = "ready") -> None:
    """Wait for a shell that reads what is typed: what it says is not what we typed."""
    screen.type(f"echo $((0))-{word}\n")
    screen.expect(f"0-{word}\r\n")


def sized(lines: int, columns: int) -> str:
    """What a shell does until its window has this size."""
    return f"until [ $(stty size | tr ' ' x) = {lines}x{columns} ]; do sleep 0.1; done"


# ---------------------------------------------------------------- run -it


def test_shell_in_a_terminal(room: Room) -> None:
    command = ("sh", "-c", f"stty size; {LINES[2]}")
    with terminal(room, "run", "-it", "--rm", IMAGE, *command, lines=33, columns=101) as screen:
        screen.expect("33 101\r\n")
        ready(screen)
        assert screen.is_raw()
        screen.type("tty; exit 9\n")
        screen.expect("/dev/pts/0")
        assert screen.wait() == 9
        assert screen.modes() == screen.first_modes


def test_window_is_resized(room: Room) -> None:
    with terminal(room, "run", "-it", "--rm", IMAGE, *LINES) as screen:
        ready(screen)
        for step in range(10):
            screen.resize(40 + step, 123 + step)
        screen.resize(50, 132)
        screen.type(f"{sized(50, 132)}; stty size\n")
        screen.expect("50 132\r\n")
        screen.type("exit\n")
        assert screen.wait() == 0


def test_interrupt_key_reaches_the_container_and_not_us(room: Room) -> None:
    with terminal(room, "run", "-it", "--rm", IMAGE, *LINES) as screen:
        screen.type("trap 'echo got-$((1+1))' INT\n")
        ready(screen)
        screen.type("\x03")
        screen.expect("got-2")
        screen.type("exit 4\n")
        assert screen.wait() == 4


def test_leave_and_come_back(room: Room) -> None:
    with terminal(room, "run", "-it", *SHELL) as screen:
        ready(screen)
        screen.type("x=kept\n")
        screen.type(LEAVE)
        assert screen.wait() == 0
        assert screen.modes() == screen.first_modes
    assert room.status("s") == "running"
    with terminal(room, "attach", "s", lines=40, columns=90) as screen:
        ready(screen)
        screen.type("stty size; echo $x-$x; exit 6\n")
        screen.expect("40 90\r\n")
        screen.expect("kept-kept")
        assert screen.wait() == 6
        assert screen.modes() == screen.first_modes
    assert room.settled(lambda: room.status("s") == "exited")


def test_leaving_keeps_a_container_that_is_removed_at_its_end(room: Room) -> None:
    with terminal(room, "run", "-it", "--rm", "--detach-keys", "ctrl-a,x", *SHELL) as screen:
        ready(screen)
        screen.type("\x01x")
        assert screen.wait() == 0
    assert room.status("s") == "running"
    room.libpod("kill", "s")
    assert room.settled(lambda: room.names() == [])


def test_beginning_of_the_keys_is_passed_on_when_they_are_not_completed(room: Room) -> None:
    reader = "stty raw -echo; echo ready; dd bs=1 count=4 2>/dev/null | od -An -tx1"
    with terminal(room, "run", "-it", "--rm", IMAGE, "sh", "-c", reader) as screen:
        screen.expect("ready")
        screen.type("\x10a\x10b")
        screen.expect("10 61 10 62")
        assert screen.wait() == 0


def test_keys_of_the_configuration(room: Room) -> None:
    room.configuration.write_text(f'{room.configuration.read_text()}detach_keys = "ctrl-x"\n')
    with terminal(room, "run", "-it", *SHELL) as screen:
        ready(screen)
        screen.type("\x18")
        assert screen.wait() == 0
    assert room.status("s") == "running"


@pytest.mark.parametrize("keys", ["ctrl-", "ctrl-1", "pq", "ctrl-p,", "ü", "ctrl-pp"])
def test_keys_that_mean_nothing(room: Room, keys: str) -> None:
    for verb in (("run", IMAGE), ("start", "--attach", "none"), ("attach", "none"), ("exec", "none", "sh")):
        message = room.refused(verb[0], "--detach-keys", keys, *verb[1:])
        assert "is no key" in message
        assert "ctrl-p,ctrl-q" in message


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_modes_are_put_back_when_we_crash(room: Room, number: int) -> None:
    with terminal(room, "run", "-it", *SHELL) as screen:
        ready(screen)
        assert screen.is_raw()
        screen.process.send_signal(number)
        assert screen.wait() == -number
        assert room.settled(lambda: screen.modes() == screen.first_modes)
    assert room.status("s") == "running"


def test_terminal_is_closed_while_attached(room: Room) -> None:
    """The container gets the hang-up, as if it ran in that terminal; what it does then is up to it."""
    with terminal(room, "run", "-it", *SHELL) as screen:
        screen.type("trap 'echo hung-up > /data/seen' HUP\n")
        ready(screen)
        screen.hang_up()
        screen.process.wait(120)
    assert room.settled(lambda: room.libpod("exec", "s", "cat", "/data/seen", status=None).status == 0)


def test_terminal_is_closed_while_attached_without_proxy(room: Room) -> None:
    with terminal(room, "run", "-it", "--sig-proxy=false", *SHELL) as screen:
        screen.type("trap 'exit 1' HUP\n")
        ready(screen)
        screen.hang_up()
        screen.process.wait(120)
    assert room.status("s") == "running"


# ---------------------------------------------------------------- attach, start


def test_two_people_attached(room: Room) -> None:
    with terminal(room, "run", "-it", *SHELL) as first:
        ready(first)
        with terminal(room, "attach", "--no-stdin", "s") as second:
            first.type("while :; do echo here-$((1)); sleep 0.2; read -r -t 0 && break; done\n")
            second.expect("here-1")
            second.type("exit 4\n")
            first.type("\nexit 3\n")
            assert (first.wait(), second.wait()) == (3, 3)


@pytest.mark.parametrize("verb", ["attach", "exec"])
@pytest.mark.parametrize("state", ["created", "exited", "paused"])
def test_only_a_running_container(room: Room, verb: str, state: str) -> None:
    room.libpod("create", "--name", "c", IMAGE, *("sleep", "100"))
    if state != "created":
        room.libpod("start", "c")
        room.libpod(*{"exited": ("stop", "-t", "0", "c"), "paused": ("pause", "c")}[state])
    if state == "exited":
        assert room.settled(lambda: not room.traces().processes)
    message = room.refused(verb, "c", *(("true",) if verb == "exec" else ()))
    assert f"container c is {state}" in message
    assert "must be running" in message


def test_attach_to_what_is_not_there(room: Room) -> None:
    assert "no such container" in room.refused("attach", "nothing")


def test_first_output_is_not_lost(room: Room) -> None:
    room.libpod("create", "--name", "c", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 5")
    for _ in range(5):
        done = room.libpod("start", "--attach", "c", status=5)
        assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_start_interactively(room: Room) -> None:
    room.libpod("create", "-i", "--name", "c", IMAGE, "cat")
    assert room.libpod("start", "-ai", "c", data="a line\n").stdout == "a line\n"


def test_start_of_a_terminal(room: Room) -> None:
    room.libpod("create", "-it", "--name", "c", IMAGE, "sh", "-c", "stty size; read x; exit $x")
    with terminal(room, "start", "-ai", "c", lines=30, columns=77) as screen:
        screen.expect("30 77")
        screen.type("8\n")
        assert screen.wait() == 8


@pytest.mark.parametrize(
    ("streams", "output"),
    [
        (("stdout",), ("out\n", "")),
        (("stderr",), ("", "err\n")),
        (("stdout", "stderr"), ("out\n", "err\n")),
        (("STDIN", "stdout"), ("out\nin\n", "")),
    ],
)
def test_chosen_streams(room: Room, streams: tuple[str, ...], output: tuple[str, str]) -> None:
    flags = [word for stream in streams for word in ("-a", stream)]
    command = ("sh", "-c", "echo out; echo err >&2; cat")
    interactive = ("-i",) if "STDIN" in streams else ()
    done = room.libpod("run", "--rm", *interactive, *flags, IMAGE, *command, data="in\n")
    assert (done.stdout, done.stderr) == output


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("-a", "stdlog"), "streams are stdin, stdout and stderr"),
        (("-a", "stdout", "-d"), "exclude each other"),
        (("--sig-proxy=maybe",), "--sig-proxy"),
    ],
)
def test_flags_that_mean_nothing(room: Room, flags: tuple[str, ...], message: str) -> None:
    assert message in room.refused("run", *flags, IMAGE, "true")


# ---------------------------------------------------------------- signals

TRAPS = "trap 'exit 41' TERM; trap 'exit 42' HUP; trap 'exit 43' USR1; trap 'exit 44' INT; echo ready"
WAITING = ("sh", "-c", f"{TRAPS}; while :; do sleep 0.1; done")


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 41), (signal.SIGHUP, 42), (signal.SIGUSR1, 43), (signal.SIGINT, 44)],
)
def test_signal_goes_to_the_container(room: Room, number: int, status: int) -> None:
    with started(room, "run", "--rm", IMAGE, *WAITING) as process:
        process.send_signal(number)
        assert process.wait(120) == status


def test_signal_goes_to_the_container_after_its_streams_have_ended(room: Room) -> None:
    command = ("sh", "-c", f"{TRAPS}; exec >&- 2>&- </dev/null; while :; do sleep 0.1; done")
    with started(room, "run", "--rm", IMAGE, *command) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 41


def test_signals_while_a_signal_is_sent(room: Room) -> None:
    with started(room, "run", "--rm", IMAGE, "sh", "-c", "trap : USR1; " + WAITING[2]) as process:
        for _ in range(20):
            process.send_signal(signal.SIGWINCH)
            process.send_signal(signal.SIGUSR2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) in (41, 128 + signal.SIGUSR2)


def test_signal_ends_us_alone(room: Room) -> None:
    with started(room, "run", "--name", "c", "--sig-proxy=false", IMAGE, *WAITING) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == -signal.SIGTERM
    assert room.status("c") == "running"


def started(room: Room, *arguments: str) -> subprocess.Popen[bytes]:
    """Our program with its container, which has said that it is ready. Signals have their usual meaning."""
    process = subprocess.Popen(
        [sys.executable, "-c", RESET, *room.command(*arguments)],
        env=room.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


# A shell's background jobs ignore SIGINT, and so do their children.
RESET = "import os, signal, sys; signal.signal(2, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])"


def test_ignored_signal_stays_ignored(room: Room) -> None:
    command = ["nohup", *room.command("run", "--rm", IMAGE, *WAITING)]
    with subprocess.Popen(
        command, env=room.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 41


# ---------------------------------------------------------------- exec


def test_exec_in_a_terminal(room: Room) -> None:
    room.sleep("s")
    command = ("exec", "-it", "-u", "worker", "-w", "/data", "-e", "A=b", "s", "sh", "-c")
    with terminal(room, *command, f"stty size; {LINES[2]}", lines=31, columns=99) as screen:
        screen.expect("31 99\r\n")
        ready(screen)
        screen.resize(20, 60)
        screen.type(f"{sized(20, 60)}; stty size; id -un; pwd; echo $A$A; exit 12\n")
        for text in ("20 60", "worker", "/data", "bb"):
            screen.expect(f"{text}\r\n")
        assert screen.wait() == 12
        assert screen.modes() == screen.first_modes
    assert room.inspect("s")["ExecIDs"] == []


def test_exec_is_left_and_forgotten_at_its_end(room: Room) -> None:
    room.sleep("s")
    with terminal(
        room, "exec", "-it", "s", "sh", "-c", "echo ready; while [ ! -e /end ]; do sleep 0.1; done"
    ) as screen:
        screen.expect("ready")
        screen.type(LEAVE)
        assert screen.wait() == 0
    assert len(room.inspect("s")["ExecIDs"]) == 1
    room.libpod("exec", "s", "touch", "/end")
    assert room.settled(lambda: room.inspect("s")["ExecIDs"] == [])


@pytest.mark.parametrize(
    ("command", "status"),
    [(("true",), 0), (("sh", "-c", "exit 50"), 50), (("no-such",), 127), (("/etc",), 126)],
)
def test_exit_code_of_exec_in_a_terminal(room: Room, command: tuple[str, ...], status: int) -> None:
    room.sleep("s")
    with terminal(room, "exec", "-it", "s", *command) as screen:
        assert screen.wait() == status
        assert screen.modes() == screen.first_modes
    assert room.inspect("s")["ExecIDs"] == []


def test_exec_detached(room: Room) -> None:
    room.sleep("s")
    identifier = room.libpod("exec", "-d", "s", "sh", "-c", "echo done > /tmp/file").words
    assert len(identifier) == 64
    assert room.settled(lambda: room.libpod("exec", "s", "cat", "/tmp/file", status=None).stdout == "done\n")
    assert room.settled(lambda: room.inspect("s")["ExecIDs"] == [])


def test_exec_takes_its_input_from_a_pipe(room: Room) -> None:
    room.sleep("s")
    data = "line\n" * 100_000
    assert room.libpod("exec", "-i", "s", "cat", data=data).stdout == data
