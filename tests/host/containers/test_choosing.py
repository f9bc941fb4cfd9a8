"""Which containers a verb is for, and with which exit status a removal ends."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.containers import Room


@pytest.fixture(name="two")
def _two(shared: Room) -> Iterator[Room]:
    """A store with `old`, which runs, and `new`, which does not."""
    shared.libpod("run", "-d", "--name", "old", "--label", "k=v", IMAGE, "sleep", "1000")
    shared.libpod("create", "--name", "new", IMAGE, "echo", "new was here")
    yield shared
    shared.libpod("rm", "-fa", "-t", "0")


def test_the_latest(two: Room) -> None:
    latest = two.inspect("new")["Id"]
    assert two.libpod("start", "-l").words == latest
    assert two.libpod("wait", "--latest").stdout == "0\n"
    assert two.libpod("logs", "-l").stdout == "new was here\n"
    assert "give either" in two.libpod("start", "-l", "old", status=125).stderr
    assert two.libpod("rm", "-l").words == latest
    assert two.libpod("exec", "-l", "echo", "-n", "x").stdout == "x"
    assert two.libpod("top", "-l", "pid").stdout == "PID\n1\n"
    two.libpod("rm", "-ft0", "-l")
    assert "there is no container" in two.libpod("start", "-l", status=125).stderr


def test_the_file_that_holds_its_id(two: Room, tmp_path: Path) -> None:
    """As units of systemd have it: `run --cidfile`, `stop --cidfile`, `rm --cidfile`."""
    file = str(tmp_path / "id")
    identifier = two.libpod("run", "-d", "--cidfile", file, IMAGE, "sleep", "1000").words
    assert two.libpod("stop", "-t", "0", "--ignore", "--cidfile", file).words == identifier
    assert two.libpod("rm", "-f", "--ignore", f"--cidfile={file}").words == identifier
    assert two.libpod("rm", "-f", "--ignore", f"--cidfile={file}").stdout == ""
    (tmp_path / "id").unlink()
    assert two.libpod("stop", "--ignore", "--cidfile", file).stdout == ""
    assert file in two.libpod("stop", "--cidfile", file, status=125).stderr
    (tmp_path / "id").write_text("\n")
    assert "holds no container ID" in two.libpod("kill", "--cidfile", file, status=125).stderr


def test_what_does_not_run_is_stopped_already(two: Room) -> None:
    assert two.libpod("stop", "new").stdout == "new\n"
    assert two.status("new") == "created"
    two.libpod("pause", "old")
    assert "is paused" in two.libpod("stop", "-t", "0", "new", "old", status=125).stderr
    two.libpod("unpause", "old")


def test_all_that_can_be_unmounted(two: Room) -> None:
    """One that runs keeps its root; it is no error that it does."""
    two.libpod("mount", "new")
    assert two.libpod("unmount", "-a").words == two.inspect("new")["Id"]
    assert "its root stays mounted" in two.libpod("umount", "old", status=125).stderr


def test_filters(two: Room) -> None:
    old, new = two.inspect("old")["Id"], two.inspect("new")["Id"]
    assert two.libpod("pause", "--filter", "label=k").words == old
    assert two.libpod("unpause", "-f", "name=^old$").words == old
    assert two.libpod("start", "--filter", "status=created").words == new
    assert two.libpod("stop", "-t", "0", "--filter", "label=nothing").stdout == ""
    assert two.libpod("restart", "-t", "0", "--all", "-f", "name=old").words == old
    assert two.libpod("rm", "--filter", "status=exited").words == new
    assert "nonsense" in two.libpod("rm", "--filter", "nonsense=1", status=125).stderr


def test_the_exit_status_of_a_removal(two: Room) -> None:
    """podman-rm(1): 1 for one that does not exist, 2 for one that runs, 125 for the rest."""
    assert "no such container: nobody" in two.libpod("rm", "nobody", status=1).stderr
    assert "old is running" in two.libpod("rm", "old", status=2).stderr
    result = two.libpod("rm", "nobody", "new", "old", status=2)
    assert result.stdout == "new\n"
    two.libpod("create", "--name", "user", "--requires", "old", IMAGE, "true")
    assert "needed by" in two.libpod("rm", "-f", "old", status=125).stderr
    assert "no such pod: nobody" in two.libpod("pod", "rm", "nobody", status=1).stderr


def test_logs_of_several(two: Room) -> None:
    """Each line tells whose it is, by the ID or by the name."""
    two.libpod("run", "--name", "loud", IMAGE, "sh", "-c", "echo one; echo two >&2")
    two.libpod("start", "-a", "new")
    result = two.libpod("logs", "-n", "loud", "new")
    assert (result.stdout, result.stderr) == ("loud one\nnew new was here\n", "loud two\n")
    identifier = two.inspect("new")["Id"][:12]
    assert f"{identifier} new was here\n" in two.libpod("logs", "loud", "new").stdout


def test_variables_of_a_file_for_exec(two: Room, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# said\nA=file\nB=file\n")
    result = two.libpod("exec", "--env-file", str(file), "-e", "B=flag", "old", "sh", "-c", "echo $A $B")
    assert result.stdout == "file flag\n"


def test_the_latest_where_more_than_containers_are_named(two: Room) -> None:
    latest = two.inspect("new")["Id"]
    assert json.loads(two.libpod("inspect", "-l").stdout)[0]["Id"] == latest
    assert two.libpod("diff", "-l").stdout == two.libpod("diff", "new").stdout
    assert two.libpod("port", "-l").stdout == ""
    assert "container new does not publish port 80/tcp" in two.libpod("port", "-l", "80", status=125).stderr
    for words in (
        ("inspect", "-l", "new"),
        ("container", "checkpoint", "-l", "new"),
        ("container", "restore", "-l", "new"),
        ("inspect",),
        ("diff", "-l", "new"),
        ("diff",),
        ("port",),
    ):
        assert "--latest" in two.libpod(*words, status=125).stderr
    assert "not both" in two.libpod("stats", "--no-stream", "-l", "old", status=125).stderr
    two.libpod("run", "-d", "--name", "newest", IMAGE, "sleep", "1000")
    shown = json.loads(two.libpod("stats", "-l", "--no-stream", "--format", "json").stdout)
    assert [row["name"] for row in shown] == ["newest"]


def test_only_those_that_run(two: Room) -> None:
    before = two.inspect("old")["State"]["StartedAt"]
    assert two.libpod("restart", "-t", "0", "--running", "old", "new").words == "old"
    assert two.status("new") == "created"
    again = two.inspect("old")["State"]["StartedAt"]
    assert again != before
    two.libpod("restart", "-t", "0", "--running")
    assert two.status("new") == "created"
    assert two.inspect("old")["State"]["StartedAt"] != again


def test_a_state_to_wait_for(two: Room) -> None:
    wait = ("wait", "--condition", "running", "-i", "50ms", "new")
    two.libpod("rm", "new")
    two.libpod("create", "--name", "new", IMAGE, "sleep", "1000")
    with two.started(*wait, stdout=subprocess.PIPE) as waiting:
        two.libpod("start", "new")
        assert waiting.communicate(timeout=120)[0] == b"-1\n"
    two.libpod("kill", "new")
    assert two.libpod("wait", "--condition", "stopped,exited", "new").words == "137"
    assert "'happy'" in two.libpod("wait", "--condition", "happy", "new", status=125).stderr
    assert "'5x'" in two.libpod("wait", "--condition", "exited", "-i", "5x", "new", status=125).stderr


def test_what_is_mounted(two: Room) -> None:
    path = two.libpod("mount", "new").words
    (entry,) = (
        row for row in json.loads(two.libpod("mount", "--format", "json").stdout) if row["Names"] == ["new"]
    )
    assert entry["mountpoint"] == path
    assert f"{entry['id']}  {path}" in two.libpod("mount", "--no-trunc").stdout
    assert f"{entry['id'][:12]}  {path}" in two.libpod("mount").stdout
    two.libpod("umount", "new")
