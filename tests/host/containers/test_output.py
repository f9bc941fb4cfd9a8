"""What containers write: attached, in the log, and read from it."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import select
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room

# 10 MB of lines that are all different, so that no piece can be lost, doubled or moved unseen.
MANY = "awk 'BEGIN { for (i = 0; i < 300000; i++) printf \"%d padding padding padding padding\\n\", i }'"


def _digest(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


def test_ten_megabytes_arrive_as_they_were_written(shared: Room) -> None:
    expected = _digest(
        subprocess.run(["/bin/busybox", "sh", "-c", MANY], check=True, capture_output=True).stdout
    )
    assert expected[0] > 10_000_000
    with shared.started("run", "--name", "c", IMAGE, "sh", "-c", MANY, stdout=subprocess.PIPE) as running:
        assert _digest(running.communicate()[0]) == expected
    with shared.started("logs", "c", stdout=subprocess.PIPE) as logs:
        assert _digest(logs.communicate()[0]) == expected
    with shared.started("logs", "--follow", "c", stdout=subprocess.PIPE) as logs:
        assert _digest(logs.communicate()[0]) == expected
    shared.libpod("rm", "c")


def test_bytes_are_kept_as_they_are(shared: Room) -> None:
    """Lines without an end, empty ones, no UTF-8, long ones: in pieces in the log and whole again."""
    script = (
        "printf 'a\\n\\nb'; while [ ! -e /go ]; do sleep 0.05; done; printf 'c\\n'; printf '\\377\\000\\n'; "
        "head -c 30000 /dev/zero | tr '\\0' x; echo; printf end"
    )
    with shared.started("run", "--name", "c", IMAGE, "sh", "-c", script, stdout=subprocess.PIPE) as running:
        # What conmon has read at a time is a piece.
        assert shared.settled(lambda: shared.libpod("logs", "c", status=None).stdout.endswith("\nb"))
        shared.libpod("exec", "c", "touch", "/go")
        said = running.communicate()[0]
    assert said == b"a\n\nbc\n\xff\x00\n" + b"x" * 30000 + b"\nend"
    with shared.started("logs", "c", stdout=subprocess.PIPE) as logs:
        assert logs.communicate()[0] == said
    log = Path(shared.inspect("c")["HostConfig"]["LogConfig"]["Path"])
    assert b" stdout P b\n" in log.read_bytes()
    shared.libpod("rm", "c")


def test_two_streams(shared: Room) -> None:
    result = shared.libpod("run", "--name", "c", IMAGE, "sh", "-c", "echo out; echo err >&2")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
    result = shared.libpod("logs", "c")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
    shared.libpod("rm", "c")


def test_standard_input(shared: Room) -> None:
    assert shared.libpod("run", "-i", "--rm", IMAGE, "cat", data="hello\n" * 5000).stdout == "hello\n" * 5000
    assert shared.libpod("run", "--rm", IMAGE, "cat", data="not handed on\n").stdout == ""
    shared.libpod("run", "-d", "--name", "c", IMAGE, "sleep", "1000")
    assert shared.libpod("exec", "-i", "c", "cat", data="hi\n").stdout == "hi\n"
    assert shared.libpod("exec", "c", "sh", "-c", "echo out; echo err >&2").stderr == "err\n"
    shared.libpod("rm", "-f", "-t", "0", "c")


@pytest.fixture(name="ticking")
def _ticking(shared: Room) -> tuple[Room, list[str]]:
    """A container that has written five lines, with their times."""
    script = "for i in 1 2 3 4; do echo line $i; sleep 0.15; done; printf 'no end'"
    shared.libpod("run", "--name", "c", IMAGE, "sh", "-c", script)
    lines = shared.libpod("logs", "-t", "c").stdout.splitlines()
    return shared, [line.split()[0] for line in lines]


def test_parts_of_a_log(ticking: tuple[Room, list[str]]) -> None:
    room, times = ticking
    lines = ["line 1\n", "line 2\n", "line 3\n", "line 4\n", "no end"]

    def written(since: str = "", until: str = "~") -> list[str]:
        """A busy conmon reads several lines at once, which have one time then."""
        return [line for line, at in zip(lines, times, strict=True) if since <= at <= until]

    table: list[tuple[tuple[str, ...], list[str]]] = [
        ((), lines),
        (("--tail", "0"), []),
        (("--tail", "2"), lines[-2:]),
        (("--tail", "99"), lines),
        (("--since", times[2]), written(since=times[2])),
        (("--until", times[1]), written(until=times[1])),
        (("--since", times[1], "--until", times[2]), written(times[1], times[2])),
        (("--since", times[1], "--tail", "1"), lines[-1:]),
        (("--since", "1h"), lines),
        (("--until", "1h"), []),
        (("--since", str(int(time.time()) + 100)), []),
        (("--follow",), lines),
        (("--follow", "--tail", "1"), lines[-1:]),
    ]
    for options, expected in table:
        assert room.libpod("logs", *options, "c").stdout == "".join(expected), options
    assert "is not a time" in room.refused("logs", "--since", "yesterday", "c")
    room.libpod("rm", "c")


def test_following_a_log(shared: Room) -> None:
    """Each line comes when it is written; the end comes with the end of the container."""
    script = "for i in 1 2 3; do while [ ! -e /$i ]; do sleep 0.05; done; echo line $i; done"
    shared.libpod("run", "-d", "--name", "c", IMAGE, "sh", "-c", script)
    with shared.started("logs", "-f", "c", stdout=subprocess.PIPE) as logs:
        assert logs.stdout is not None
        for number in (1, 2, 3):
            shared.libpod("exec", "c", "touch", f"/{number}")
            assert logs.stdout.readline() == f"line {number}\n".encode()
        assert logs.communicate()[0] == b""
        assert logs.returncode == 0
    shared.libpod("rm", "-f", "-t", "0", "c")


def test_a_log_that_has_reached_its_size(shared: Room) -> None:
    """conmon starts the file anew: what is read is whole lines from the end."""
    options = ("--log-opt", "max-size=10k")
    shared.libpod("run", "--name", "c", *options, IMAGE, "seq", "1", "5000")
    log = Path(shared.inspect("c")["HostConfig"]["LogConfig"]["Path"])
    assert log.stat().st_size <= 12_000
    lines = shared.libpod("logs", "c").stdout.splitlines()
    assert lines
    numbers = [int(line) for line in lines]
    assert numbers == list(range(numbers[0], 5001))
    shared.libpod("rm", "c")


def test_where_the_log_is(shared: Room, tmp_path: Path) -> None:
    path = tmp_path / "here.log"
    shared.libpod("run", "--name", "c", "--log-opt", f"path={path}", IMAGE, "echo", "hello")
    assert path.read_text().endswith(" stdout F hello\n")
    assert shared.libpod("logs", "c").stdout == "hello\n"
    shared.libpod("rm", "c")


def test_no_log(shared: Room) -> None:
    assert (
        shared.libpod("run", "--name", "c", "--log-driver", "none", IMAGE, "echo", "hello").stdout
        == "hello\n"
    )
    assert shared.settled(lambda: not shared.traces().processes)
    assert "log driver none" in shared.refused("logs", "c")
    shared.libpod("rm", "c")


def test_our_own_streams_are_the_containers(shared: Room, tmp_path: Path) -> None:
    """`passthrough`: the container writes where we write, with nobody in between."""
    words = ("run", "--name", "c", "--log-driver", "passthrough", IMAGE, "sh", "-c", "echo hello")
    with (
        open(tmp_path / "out", "wb") as out,
        shared.started(*words, stdout=out, stdin=subprocess.DEVNULL) as running,
    ):
        assert running.wait(120) == 0
    assert (tmp_path / "out").read_text() == "hello\n"
    shared.libpod("rm", "c")


def test_a_reader_that_goes_away(shared: Room) -> None:
    """`run … | head -1` ends; the container is not hurt, and its log is whole."""
    with shared.started("run", "--name", "c", IMAGE, "seq", "1", "100000", stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"1\n"
        running.stdout.close()
        assert running.wait(120) == 0
    assert shared.libpod("logs", "--tail", "1", "c").stdout == "100000\n"
    with shared.started("logs", "c", stdout=subprocess.PIPE) as logs:
        assert logs.stdout is not None
        logs.stdout.readline()
        logs.stdout.close()
        assert logs.wait(120) == 0
    shared.libpod("rm", "c")


def test_input_that_nobody_reads_costs_no_output(shared: Room) -> None:
    """conmon ends with input that it has not read: its end of the socket is reset then, not closed."""
    script = "sleep 0.3; seq 1 2000; exit 3"
    shared.libpod("run", "-d", "--name", "c", IMAGE, "sleep", "1000")
    expected = b"".join(b"%d\n" % number for number in range(1, 2001))
    for words in (("run", "-i", "--rm", IMAGE), ("exec", "-i", "c")):
        with (
            subprocess.Popen(["yes"], stdout=PIPE) as endless,
            shared.started(
                *(*words, "sh", "-c", script), stdin=endless.stdout, stdout=PIPE, stderr=PIPE
            ) as running,
        ):
            assert running.communicate(timeout=60) == (expected, b"")
            assert running.returncode == 3
            endless.kill()
    shared.libpod("rm", "-f", "-t", "0", "c")


def test_output_that_does_not_block(shared: Room) -> None:
    """Whoever shares a terminal or a pipe with us may have set that; it is full at times."""
    shared.libpod("run", "-d", "--name", "c", IMAGE, "seq", "1", "30000")
    shared.libpod("wait", "c")
    expected = "".join(f"{number}\n" for number in range(1, 30001)).encode()
    assert _through_a_full_pipe(shared, "run", "--rm", IMAGE, "seq", "1", "30000") == expected
    assert _through_a_full_pipe(shared, "logs", "c") == expected
    for words in (("export", "c"), ("cp", "c:/bin", "-")):
        with tarfile.open(fileobj=io.BytesIO(_through_a_full_pipe(shared, *words))) as found:
            assert "bin/busybox" in found.getnames()
    shared.libpod("rm", "c")


def _through_a_full_pipe(room: Room, *words: str) -> bytes:
    """What our program writes into a small pipe that does not block and is read when it is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with room.started(*words, stdout=writing, stderr=subprocess.PIPE) as running:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        with select.epoll() as waiting:
            waiting.register(writing, select.EPOLLOUT)
            assert room.settled(lambda: not waiting.poll(0))
        os.close(writing)
        with open(reading, "rb") as stream:
            said = stream.read()
        assert running.communicate(timeout=60)[1] == b""
        assert running.returncode == 0
    return said


@pytest.mark.parametrize("through", ["file", "pipe"])
def test_much_goes_through_a_container_in_both_directions(shared: Room, through: str) -> None:
    """While the container waits for us to take its output, it takes no input: neither may stop the other."""
    data = b"0123456789abcdef" * 500_000
    shared.libpod("run", "-d", "--name", "c", IMAGE, "sleep", "1000")
    for words in (("exec", "-i", "c", "cat"), ("run", "-i", "--rm", IMAGE, "cat")):
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            source = file if through == "file" else subprocess.PIPE
            with shared.started(*words, stdin=source, stdout=subprocess.PIPE) as running:
                said, _ = running.communicate(data if through == "pipe" else None, timeout=120)
        assert _digest(said) == _digest(data)
    shared.libpod("rm", "-f", "-t", "0", "c")


def test_output_that_is_lost_is_told(shared: Room) -> None:
    """The container runs to its end and its output is in the log, but not all is well."""
    with open("/dev/full", "wb") as full:
        for words in (("--name", "c"), ("-i", "--rm")):
            command = shared.command("run", *words, IMAGE, "sh", "-c", "echo lost; exit 0")
            result = subprocess.run(
                command, env=shared.environment, stdin=subprocess.DEVNULL, stdout=full,
                stderr=subprocess.PIPE, timeout=120, check=False,
            )  # fmt: skip
            assert result.returncode == 125
            assert b"No space left on device" in result.stderr
    assert shared.libpod("logs", "c").stdout == "lost\n"
    shared.libpod("rm", "c")


def test_a_closed_standard_stream_is_not_taken_for_a_file(shared: Room) -> None:
    """The next file to be opened would get its number, and the output of the container would go into it."""
    script = "cat; echo said; echo said >&2"
    command = shared.command("run", "-i", "--rm", IMAGE, "sh", "-c", script)
    for closed in (">&-", "<&-", "<&- >&- 2>&-"):
        result = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *command],
            env=shared.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, result
        assert b"Error" not in result.stderr
    shared.libpod("db", "check")
    assert shared.libpod("ps", "-aq").stdout == ""


def test_each_container_s_lines_have_a_colour_of_their_own(shared: Room) -> None:
    for name in ("one", "two"):
        shared.libpod("run", "--name", name, IMAGE, "sh", "-c", f"echo {name}; printf end")
    white, red, reset = "\x1b[37m", "\x1b[31m", "\x1b[0m"
    assert shared.libpod("logs", "--color", "one").stdout == f"{white}one{reset}\n{white}end{reset}"
    said = shared.libpod("logs", "--color", "-n", "one", "two").stdout
    for color, name in ((white, "one"), (red, "two")):
        assert f"{color}{name} {name}{reset}\n" in said
        assert f"{color}{name} end{reset}" in said
    shared.libpod("rm", "one", "two")
