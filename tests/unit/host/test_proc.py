"""What /proc tells about processes and mounts."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from libpod.errors import DecodeError
from libpod.host import proc
from libpod.host.proc import ConmonProcess, Mount

CONTAINER, SESSION = "c" * 64, "e" * 64


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc without processes."""
    monkeypatch.setattr(proc, "PROCESS_DIRECTORY", str(tmp_path))
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("")
    return tmp_path


def add(directory: Path, pid: int, *arguments: str) -> None:
    (directory / str(pid)).mkdir()
    text = "".join(argument + "\0" for argument in arguments)
    (directory / str(pid) / "cmdline").write_bytes(text.encode("utf-8", "surrogateescape"))


PODMAN_4 = (
    *("/usr/bin/conmon", "--api-version", "1", "-c", CONTAINER, "-u", CONTAINER, "-r", "/usr/bin/runc"),
    *(
        "-b",
        "/g/overlay-containers/c/userdata",
        "-p",
        "/r/pidfile",
        "-n",
        "web",
        "--exit-dir",
        "/run/libpod/exits",
    ),
    *(
        "--full-attach",
        "-l",
        "k8s-file:/g/ctr.log",
        "--runtime-arg",
        "--log-format=json",
        "--runtime-arg",
        "-c",
    ),
    *("--exit-command", "/usr/bin/podman", "--exit-command-arg", "-c", "--exit-command-arg", "/etc/x"),
)
FIRST_LIBPOD = (
    *("/opt/cm", "-s", "-c", CONTAINER, "-u", CONTAINER, "-r", "/usr/bin/runc", "-b", "/b", "-p", "/p"),
    *("-l", "/log", "--exit-dir", "/var/run/libpod/exits", "--socket-dir-path", "/var/run/libpod/socket"),
)
EXEC_SESSION = (
    *(
        "conmon",
        "--api-version",
        "1",
        "-c",
        CONTAINER,
        "-u",
        SESSION,
        "-b",
        "/b",
        "--exit-dir",
        "/b/exit",
        "-e",
    ),
)


@pytest.mark.parametrize(
    ("arguments", "session", "exit_directory", "bundle"),
    [
        (PODMAN_4, CONTAINER, "/run/libpod/exits", "/g/overlay-containers/c/userdata"),
        (FIRST_LIBPOD, CONTAINER, "/var/run/libpod/exits", "/b"),
        (EXEC_SESSION, SESSION, "/b/exit", "/b"),
    ],
    ids=["podman 4", "first libpod", "exec session"],
)
def test_conmon_is_known_by_its_arguments(
    processes: Path, arguments: tuple[str, ...], session: str, exit_directory: str, bundle: str
) -> None:
    add(processes, 1, "/sbin/init")
    add(processes, 7, *arguments)
    assert list(proc.conmon_processes()) == [
        ConmonProcess(7, CONTAINER, session, exit_directory, bundle, arguments)
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("",),
        ("sh", "-c", "conmon --exit-dir /x"),
        ("grep", "--exit-dir"),
        ("conmon", "--exit-dir", "/x"),
        ("conmon", "-c", CONTAINER),
        ("conmon", "--exit-dir", "/x", "--exit-command-arg", "-c", "--exit-command-arg", "x", "end"),
        ("conmon", "-c", "", "--exit-dir", "/x", "end"),
        ("conmon", "-c"),
        ("conmon", "--exit-dir", "/x", "-c"),
    ],
)
def test_other_programs_are_no_conmon(processes: Path, arguments: tuple[str, ...]) -> None:
    add(processes, 7, *arguments)
    assert list(proc.conmon_processes()) == []


def test_a_process_may_end_while_we_look(processes: Path) -> None:
    (processes / "7").mkdir()
    add(processes, 8, *PODMAN_4)
    assert [found.pid for found in proc.conmon_processes()] == [8]
    assert proc.command_line(7) == proc.command_line(9) == []


def test_command_lines_are_bytes(processes: Path) -> None:
    add(processes, 7, "echo", "", "grün", "\udcff")
    assert proc.command_line(7) == ["echo", "", "grün", "\udcff"]


def test_processes_in_messages(processes: Path) -> None:
    add(processes, 7, "podman", "start", "web")
    add(processes, 8, "x" * 300)
    assert proc.describe_process(7) == "7 (podman start web)"
    assert proc.describe_process(8) == f"8 ({'x' * 99}…)"
    assert proc.describe_process(9) == "9"


def test_start_times_are_close_to_now_and_in_order() -> None:
    ours, first = proc.process_start_time(os.getpid()), proc.process_start_time(1)
    assert ours is not None
    assert first is not None
    assert first <= ours <= time.time() + 1


@pytest.mark.parametrize("pid", [2**22 + 1, 2**31 - 1, 2**40, -1])
def test_a_process_that_is_not_there_has_no_start_time(pid: int) -> None:
    assert proc.process_start_time(pid) is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_zombie_does_not_count_as_running() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert proc.process_start_time(child) is None
        assert proc.command_line(child) == []
    finally:
        os.waitpid(child, 0)


def test_a_thread_belongs_to_its_process() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(proc.process_of_thread(threading.get_native_id())))
    thread.start()
    thread.join()
    assert found == [os.getpid()]
    assert proc.process_of_thread(2**30) == 2**30


# ---------------------------------------------------------------- mounts


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mountinfo"
    monkeypatch.setattr(proc, "MOUNT_TABLE_FILE", str(path))
    return path


def test_a_mount_has_many_fields(table: Path) -> None:
    table.write_text(
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue\n"
        "37 36 0:31 / /run rw shared:5 - tmpfs tmpfs rw\n"
    )
    first, second = proc.mounts()
    assert first == Mount(
        identifier=36,
        parent=35,
        device="98:0",
        root="/mnt1",
        mount_point="/mnt2",
        options=frozenset({"rw", "noatime"}),
        propagation=("master:1", "propagate_from:2"),
        kind="ext3",
        source="/dev/root",
        super_options=frozenset({"rw", "errors=continue"}),
    )
    assert second.propagation == ("shared:5",)
    assert proc.mount_points() == {"/mnt2", "/run"}


def test_odd_characters_in_paths(table: Path) -> None:
    table.write_bytes(
        b"36 35 98:0 / /a\\040b\\011c\\012d\\134e\xff rw - ext3 my\\040disk rw,lowerdir=/x\\040y\n"
        b"37 35 98:0 / /- rw - - - -\n"
    )
    first, second = proc.mounts()
    assert first.mount_point == "/a b\tc\nd\\e\udcff"
    assert first.source == "my disk"
    assert first.super_options == {"rw", "lowerdir=/x y"}
    assert second.mount_point == "/-"
    assert second.kind == "-"


def test_mounts_of_some_kinds_only(table: Path) -> None:
    table.write_text(
        "36 35 0:31 / /cgroup rw - tmpfs cgroup rw\n"
        "37 36 0:32 / /cgroup/cpu rw shared:5 - cgroup cgroup rw,cpu\n"
        "38 36 0:33 / /cgroup/unified rw - cgroup2 none rw\n"
        "not a line, but one that nobody asks for\n"
    )
    assert [mount.mount_point for mount in proc.mounts(kinds=["cgroup"])] == ["/cgroup/cpu"]
    found = proc.mounts(kinds=("cgroup", "cgroup2"))
    assert [mount.kind for mount in found] == ["cgroup", "cgroup2"]


@pytest.mark.parametrize(
    "line", ["", "36 35 98:0 / /x rw", "x 35 98:0 / /x rw - ext3 y rw", "36 35 98:0 / /x\\9 rw - e y rw"]
)
def test_a_line_that_is_no_mount_is_shown(table: Path, line: str) -> None:
    table.write_text(f"{line}\n")
    with pytest.raises(DecodeError, match="not a line of a mount table") as caught:
        proc.mounts()
    assert caught.value.source == str(table)


def test_the_mounts_of_this_machine() -> None:
    assert {"/", "/proc"} <= proc.mount_points()
    assert proc.mount_points("/proc/self/mountinfo") == proc.mount_points()
