"""Starting other programs: their input, output, environment, endings and time limits."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from libpod.errors import CommandError, CommandNotFound, CommandTimeout, FileError
from libpod.host import process
from libpod.host.process import Completed, run, spawn

LONG = 100.0


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def ends(pid: int) -> bool:
    """Whether it is gone within a minute."""
    for _ in range(1200):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


# ---------------------------------------------------------------- run


def test_output_and_status_are_collected() -> None:
    assert run(["sh", "-c", "echo out; echo err >&2"], timeout=LONG) == Completed(0, b"out\n", b"err\n")


def test_input_is_what_was_given_or_nothing() -> None:
    assert run(["cat"], timeout=LONG).stdout == b""
    assert run(["cat"], timeout=LONG, input=b"given").stdout == b"given"
    assert run(["cat"], timeout=LONG, input=b"").stdout == b""


def test_a_lot_of_input_and_output_at_once_does_not_block() -> None:
    data = os.urandom(3_000_000)
    assert run(["cat"], timeout=LONG, input=data).stdout == data
    both = run(["sh", "-c", "cat; head -c 1000000 /dev/zero >&2"], timeout=LONG, input=data)
    assert (both.stdout, both.stderr) == (data, bytes(1_000_000))


def test_a_program_need_not_read_its_input() -> None:
    assert run(["true"], timeout=LONG, input=bytes(1_000_000)).status == 0


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ("echo broken >&2; exit 7", 7, "sh -c 'echo broken >&2; exit 7': exit status 7: broken"),
        ("echo said on stdout; exit 1", 1, "exit status 1: said on stdout"),
        ("exit 3", 3, "exit status 3"),
        ("kill -KILL $$", -9, "killed by SIGKILL"),
        ("kill -TERM $$", -15, "killed by SIGTERM"),
    ],
)
def test_a_failure_is_shown_as_one_could_type_it(script: str, status: int, words: str) -> None:
    with pytest.raises(CommandError) as caught:
        run(["sh", "-c", script], timeout=LONG)
    assert words in caught.value.message
    assert caught.value.status == status
    assert caught.value.command == ("sh", "-c", script)
    assert run(["sh", "-c", script], timeout=LONG, check=False).status == status


def test_only_the_end_of_a_long_complaint_is_shown() -> None:
    with pytest.raises(CommandError) as caught:
        run(["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo the end; exit 1"], timeout=LONG)
    assert len(caught.value.message) < 3000
    assert caught.value.message.endswith("the end")


def test_a_complaint_need_not_be_text() -> None:
    with pytest.raises(CommandError, match="�"):
        run(["sh", "-c", r"printf '\377' >&2; exit 1"], timeout=LONG)


@pytest.mark.parametrize("name", ["/nowhere/program", "no-such-program-anywhere", "/etc/passwd", "/", ""])
def test_what_cannot_be_started_is_told(name: str) -> None:
    with pytest.raises(CommandNotFound, match="cannot start") as caught:
        run([name, "an argument"], timeout=LONG)
    assert caught.value.command == (name, "an argument")
    with pytest.raises(CommandNotFound):
        spawn([name])


def test_the_directory_is_the_one_asked_for(tmp_path: Path) -> None:
    assert run(["pwd"], timeout=LONG, cwd=str(tmp_path)).stdout.strip() == str(tmp_path).encode()
    with pytest.raises(FileError, match="change to directory /nowhere"):
        run(["pwd"], timeout=LONG, cwd="/nowhere")


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    lines = (
        run(["env"], timeout=LONG, environment={"ADDED": "x y", "LC_ALL": "C"}).stdout.decode().splitlines()
    )
    found = dict(line.split("=", 1) for line in lines)
    assert found["ADDED"] == "x y"
    assert found["LC_ALL"] == "C"
    assert found["XDG_RUNTIME_DIR"] == "/run/user/1"
    assert found["PATH"]
    assert not {"SECRET_TOKEN", "LANG"} & set(found)
    assert process.clean_environment()["LC_ALL"] == "C.UTF-8"


def test_a_path_is_there_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert process.clean_environment()["PATH"] == process.DEFAULT_PATH


def test_no_descriptor_is_inherited_but_those_named() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    try:
        code = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
        listed = eval(run(python(code), timeout=LONG, descriptors=[writer]).stdout)
        # 3 is the directory that is listed.
        assert set(listed) == {0, 1, 2, 3, writer}
        run(python(f"import os; os.write({writer}, b'x')"), timeout=LONG, descriptors=[writer])
        assert os.read(reader, 10) == b"x"
    finally:
        os.close(reader)
        os.close(writer)


def test_a_program_has_its_streams_where_we_have_none() -> None:
    code = (
        "import os, sys; sys.path[:0] = sys.argv[1:]; [os.close(number) for number in (0, 1, 2)]\n"
        "from libpod.host.process import run\n"
        "found = run(['sh', '-c', 'cat; echo err >&2'], timeout=100, input=b'given')\n"
        "sys.exit(found != (0, b'given', b'err\\n'))"
    )
    assert run([sys.executable, "-c", code, *sys.path], timeout=LONG, check=False).status == 0


def test_no_signal_is_ignored_in_a_program() -> None:
    """Python ignores SIGPIPE and SIGXFSZ for itself. 32 and 33 are the C library's own."""
    lines = run(["cat", "/proc/self/status"], timeout=LONG).stdout.splitlines()
    (ignored,) = (int(line.split()[1], 16) for line in lines if line.startswith(b"SigIgn:"))
    assert ignored & 0x7FFFFFFF == 0


def test_the_path_is_that_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("#!/bin/sh\necho found\n")
    with pytest.raises(CommandNotFound, match="No such file"):
        run(["own"], timeout=LONG)
    (tmp_path / "own").chmod(0o755)
    environment = {"PATH": f"/nowhere:{tmp_path}:{os.defpath}"}
    assert run(["own"], timeout=LONG, environment=environment).stdout == b"found\n"
    (tmp_path / "sub" / "own").mkdir(parents=True)
    environment = {"PATH": f"{tmp_path}/sub:{tmp_path}:{os.defpath}"}
    assert run(["own"], timeout=LONG, environment=environment).stdout == b"found\n"


def test_our_own_directory_stays_where_it_is(tmp_path: Path) -> None:
    before = os.getcwd()
    assert run(["pwd"], timeout=LONG, cwd=str(tmp_path)).stdout.strip() == str(tmp_path).encode()
    assert os.getcwd() == before


def test_nothing_can_be_asked_at_the_terminal() -> None:
    code = "import os; print(os.getsid(0) == os.getpid())"
    assert run(python(code), timeout=LONG).stdout == b"True\n"


def test_a_program_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 100000 & echo $! >> {pids}; echo $$ >> {pids}; echo reason >&2; wait"
    # A busy machine may not have started it before it is killed.
    for seconds in (0.5, 5, 50):
        with pytest.raises(CommandTimeout, match=f"not finished after {seconds:g} seconds") as caught:
            run(["sh", "-c", script], timeout=seconds)
        if caught.value.output:
            break
    assert caught.value.output == "reason"
    assert str(caught.value).endswith(f"not finished after {seconds:g} seconds: reason")
    for pid in map(int, pids.read_text().split()):
        while alive(pid):
            time.sleep(0.01)


def test_a_program_that_ignores_being_asked_is_killed() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(100000)"
    with pytest.raises(CommandTimeout):
        run(python(code), timeout=0.1)


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 100000 & echo $! > {pid_file}; echo started"
    assert run(["sh", "-c", script], timeout=LONG).stdout == b"started\n"
    pid = int(pid_file.read_text())
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    assert ends(pid)


def test_output_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAXIMUM_OUTPUT", 1_000_000)
    with pytest.raises(CommandError, match="more than 1000000 bytes of output"):
        run(["cat", "/dev/zero"], timeout=LONG)


def test_a_program_may_close_its_output_and_go_on() -> None:
    assert run(["sh", "-c", "exec >&- 2>&-; exit 4"], timeout=LONG, check=False).status == 4


class InterruptedTestError(Exception):
    """Raised by a signal handler, as KeyboardInterrupt is."""


def test_nothing_outlives_an_interrupt(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    def interrupt(_number: int, _frame: object) -> None:
        raise InterruptedTestError

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        # Not before we are waiting for it.
        waits = f"until grep -q 'State:.S' /proc/{os.getpid()}/status; do sleep 0.05; done"
        script = f"echo $$ > {pid_file}; {waits}; kill -USR1 {os.getpid()}; sleep 100000"
        with pytest.raises(InterruptedTestError):
            run(["sh", "-c", script], timeout=LONG)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not alive(int(pid_file.read_text()))


def test_no_descriptor_is_left_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    run(["true"], timeout=LONG, input=b"x")
    with pytest.raises(CommandTimeout):
        run(["sleep", "100000"], timeout=0.01)
    with pytest.raises(CommandNotFound):
        run(["/nowhere"], timeout=LONG)
    assert set(os.listdir("/proc/self/fd")) == before


# ---------------------------------------------------------------- spawn


def test_a_spawned_program_runs_beside_us() -> None:
    reader, writer = os.pipe()
    child = spawn(["sh", "-c", "echo hello; cat; exit 5"], stdout=writer, environment={"X": "y"})
    os.close(writer)
    with os.fdopen(reader, "rb") as output:
        assert output.read() == b"hello\n"
    assert child.wait(LONG) == 5
    assert child.wait(LONG) == 5
    child.kill()


def test_waiting_for_a_spawned_program_has_an_end() -> None:
    child = spawn(["sleep", "100000"])
    with pytest.raises(CommandTimeout, match=r"sleep 100000: not finished after 0\.01 seconds"):
        child.wait(0.01)
    assert alive(child.pid)
    child.kill()
    assert not alive(child.pid)
    assert child.wait(LONG) == -signal.SIGKILL


def test_descriptors_keep_their_numbers() -> None:
    reader, writer = os.pipe()
    child = spawn(python(f"import os; os.write({writer}, b'sync')"), descriptors=[writer])
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"sync"
    assert child.wait(LONG) == 0


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("number", "name"), [(9, "SIGKILL"), (15, "SIGTERM"), (34, "SIGRTMIN"), (99, "signal 99")]
)
def test_signals_have_names(number: int, name: str) -> None:
    assert process.signal_name(number) == name


def test_commands_are_quoted_for_the_shell() -> None:
    assert process.command_text(["runc", "--log", "/a b", "$x"]) == "runc --log '/a b' '$x'"
