"""`top`, `stats`, `diff`, `rename`, `prune`, and lists with filters and templates, on real containers."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room

BUSY = ("sh", "-c", "trap 'exit 0' TERM; while :; do :; done")


# ---------------------------------------------------------------- top


def test_top(room: Room) -> None:
    room.libpod(
        "run", "-d", "--name", "c", "--user", "worker", IMAGE, "sh", "-c", "sleep 1000 & sleep 2000; true"
    )
    assert room.settled(lambda: room.libpod("top", "c").stdout.count("\n") == 4)
    lines = [line.split() for line in room.libpod("top", "c").stdout.splitlines()]
    assert lines[0] == ["USER", "PID", "PPID", "%CPU", "ELAPSED", "TTY", "TIME", "COMMAND"]
    assert [(row[0], row[2], row[5], " ".join(row[7:])) for row in lines[1:]] == [
        ("worker", "0", "?", "sh -c sleep 1000 & sleep 2000; true"),
        ("worker", "1", "?", "sleep 1000"),
        ("worker", "1", "?", "sleep 2000"),
    ]
    assert lines[1][1] == "1"


@pytest.mark.parametrize("mode", ["private", "host"])
def test_top_with_chosen_columns(room: Room, mode: str) -> None:
    room.sleep("c", "--pid", mode, "-t")
    columns = (
        "hpid",
        "huser,group",
        "%mem"[:0] or "comm",
        "capeff",
        "capbnd",
        "seccomp",
        "state",
        "label",
        "tty",
    )
    lines = [line.split() for line in room.libpod("top", "c", *columns).stdout.splitlines()]
    assert lines[0] == [
        "HPID",
        "HUSER",
        "GROUP",
        "COMMAND",
        "CAPEFF",
        "CAPBND",
        "SECCOMP",
        "STATE",
        "LABEL",
        "TTY",
    ]
    assert lines[1][0] == str(room.inspect("c")["State"]["Pid"])
    assert lines[1][1:4] == ["0", "root", "sh"]
    assert "CHOWN" in lines[1][4]
    assert lines[1][6] == "filter"
    assert lines[1][-1] == "pts/0"


def test_top_with_options_of_the_image_s_own_ps(room: Room) -> None:
    room.sleep("c")
    assert "PID   USER" in room.libpod("top", "c", "-o", "pid,user").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody",), "no such container"),
        (("c",), "must be running"),
        (("r", "colour"), "top has no column 'colour'"),
    ],
)
def test_top_refused(room: Room, arguments: tuple[str, ...], message: str) -> None:
    room.libpod("create", "--name", "c", IMAGE, "true")
    room.sleep("r")
    assert message in room.refused("top", *arguments)


# ---------------------------------------------------------------- stats


def test_stats_once(room: Room) -> None:
    room.libpod("run", "-d", "--name", "busy", "--memory", "64m", IMAGE, *BUSY)
    room.sleep("idle")
    room.libpod("create", "--name", "never", IMAGE, "true")

    def figures() -> dict[str, dict[str, str]]:
        rows = json.loads(room.libpod("stats", "--no-stream", "--format", "json").stdout)
        return {row["name"]: row for row in rows}

    assert room.settled(lambda: float(figures()["busy"]["cpu_percent"].rstrip("%")) > 10)
    found = figures()
    assert set(found) == {"busy", "idle"}
    assert found["busy"]["mem_usage"].endswith("/ 67.11MB")
    assert found["idle"]["pids"] in ("1", "2")
    header, *rows = room.libpod("stats", "--no-stream", "busy").stdout.splitlines()
    assert header.startswith("ID ")
    assert "CPU %" in header
    assert header.endswith("AVG CPU %")
    assert len(rows) == 1
    template = "{{.Name}} {{.PIDS}}"
    assert room.libpod("stats", "--no-stream", "--format", template, "busy").stdout == "busy 1\n"


def test_stats_of_a_container_that_was_made_with_the_other_manager(room: Room) -> None:
    room.sleep("c")
    found = room.libpod("--cgroup-manager", "systemd", "stats", "--no-stream", "--format", "{{.Name}}")
    assert found.words == "c"


def test_stats_go_on_while_containers_come_and_go(room: Room) -> None:
    room.sleep("first")
    with room.started("stats", "-i", "1", "--format", "{{.Name}}", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"first\n"
        room.sleep("second")
        room.libpod("rm", "-f", "-t", "0", "first")
        assert room.settled(lambda: process.stdout.readline() == b"second\n")  # type: ignore[union-attr]
        process.send_signal(signal.SIGTERM)
        process.wait(120)


@pytest.mark.parametrize(
    ("arguments", "message"), [(("nobody",), "no such container"), (("-i", "0"), "at least one second")]
)
def test_stats_refused(room: Room, arguments: tuple[str, ...], message: str) -> None:
    assert message in room.refused("stats", "--no-stream", *arguments)


# ---------------------------------------------------------------- diff


def test_diff(room: Room) -> None:
    script = (
        "echo x > /new; mkdir /data/d; touch /data/d/f; echo y >> /etc/passwd; rm /etc/group; "
        "rm -r /home/worker; rm -r /root; mkdir /root; touch /root/fresh; chmod 700 /tmp; mknod /null c 1 3; "
        "ln -s /x /link"
    )
    room.libpod("run", "--name", "c", IMAGE, "sh", "-c", script)
    expected = [
        "A /data/d",
        "A /data/d/f",
        "C /data",
        "A /link",
        "A /new",
        "A /null",
        "A /root/fresh",
        "C /etc",
        "C /etc/passwd",
        "C /home",
        "C /root",
        "C /tmp",
        "D /etc/group",
        "D /home/worker",
    ]
    assert sorted(room.libpod("diff", "c").stdout.splitlines()) == sorted(expected)
    found = json.loads(room.libpod("diff", "--format", "json", "c").stdout)
    assert found["deleted"] == ["/etc/group", "/home/worker"]
    assert "/new" in found["added"]
    assert room.libpod("diff", IMAGE).stdout.splitlines().count("A /bin/busybox") == 1
    assert "no such" in room.refused("diff", "nothing")


# ---------------------------------------------------------------- rename, prune, exists


def test_rename(room: Room) -> None:
    room.sleep("first")
    room.libpod("create", "--name", "other", IMAGE, "true")
    room.libpod("rename", "first", "second")
    room.libpod("rename", "second", "second")
    assert room.names() == ["other", "second"]
    assert room.status("second") == "running"
    room.libpod("create", "--name", "first", IMAGE, "true")
    for taken, message in (("other", "in use"), ("_bad", "not allowed"), ("", "")):
        assert message in room.refused("rename", "second", taken)
    assert "no such container" in room.refused("rename", "nobody", "somebody")
    room.libpod("stop", "-t", "0", "second")
    room.libpod("rm", "second")


def test_prune(room: Room) -> None:
    room.sleep("runs")
    room.libpod("create", "--name", "created", "--label", "keep=no", IMAGE, "true")
    room.libpod("run", "--name", "ended", IMAGE, "true")
    room.libpod("container", "prune", data="n\n")
    assert room.names() == ["created", "ended", "runs"]
    room.libpod("container", "prune", "--force", "--filter", "label=keep=no")
    assert room.names() == ["ended", "runs"]
    room.libpod("container", "prune", data="y\n")
    assert room.names() == ["runs"]


def test_exists(room: Room) -> None:
    room.libpod("create", "--name", "c", IMAGE, "true")
    room.libpod("container", "exists", "c")
    room.libpod("container", "exists", "nosuch", status=1)


# ---------------------------------------------------------------- ps, inspect


def test_lists_with_filters_sizes_and_templates(room: Room) -> None:
    room.sleep("runs", "--label", "app=shop")
    script = "head -c 100000 /dev/zero > /file; exit 3"
    room.libpod("run", "--name", "ended", IMAGE, "sh", "-c", script, status=3)

    def names(*arguments: str) -> list[str]:
        return room.libpod("ps", "--format", "{{.Names}}", *arguments).stdout.split()

    assert names() == ["runs"]
    assert names("-a", "--sort", "names") == ["ended", "runs"]
    assert names("--filter", "status=exited") == ["ended"]
    assert names("-a", "--filter", "exited=3") == ["ended"]
    assert names("-a", "--filter", "label=app") == ["runs"]
    assert names("-l") == ["ended"]
    assert names("-n", "2", "--sort", "created") == ["runs", "ended"]
    sizes = {
        row["Names"][0]: row["Size"]
        for row in json.loads(room.libpod("ps", "-as", "--format", "json").stdout)
    }
    assert sizes["ended"]["rwSize"] >= 100_000
    assert sizes["ended"]["rootFsSize"] > 1_000_000
    assert "100kB (virtual" in room.libpod("ps", "-as").stdout
    assert room.libpod("ps", "--noheading").stdout.count("\n") == 1
    template = "{{.State.ExitCode}} {{.Name}} {{json .Config.Labels}}"
    assert room.libpod("inspect", "--format", template, "ended").stdout.startswith("3 ended {")
    assert "there is no field .Nope" in room.refused("inspect", "-f", "{{.Nope}}", "ended")
    assert json.loads(room.libpod("inspect", "--size", "ended").stdout)[0]["SizeRw"] >= 100_000


# ---------------------------------------------------------------- lists again and again


def test_a_list_is_shown_again_after_some_time(shared: Room) -> None:
    shared.libpod("create", "--name", "c", IMAGE, "true")
    with shared.started("ps", "-a", "--watch", "1", stdout=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        lines = [watching.stdout.readline().split() for _ in range(4)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait() == 130
    assert [line[0] for line in lines[::2]] == [b"CONTAINER", b"CONTAINER"]
    assert [line[-1] for line in lines[1::2]] == [b"c", b"c"]
    shared.libpod("rm", "c")
    assert "--watch -1 is negative" in shared.refused("ps", "--watch=-1")
