"""Hooks that really run: what they are told, when, and what a bad one leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.containers import Room


class Hooks:
    """A directory with hooks, each of which records what it is given."""

    def __init__(self, room: Room) -> None:
        self.directory = room.directory / "hooks.d"
        self.records = room.directory / "records"
        self.directory.mkdir()
        self.records.mkdir()
        room.options += ["--hooks-dir", str(self.directory)]

    def add(self, name: str, *stages: str, script: str = "", version: str = "1.0.0", **when: Any) -> Path:
        """Add a hook that runs in *stages*, records its input and environment, and then does *script*."""
        program = self.directory / f"{name}.sh"
        text = f"cat > {self.records}/{name}.in\nexport -p > {self.records}/{name}.env\n{script}\n"
        program.write_text(f"#!/bin/sh\nset -e\n{text}")
        program.chmod(0o755)
        if version == "1.0.0":
            command = {
                "path": str(program),
                "args": [name],
                "env": ["FROM=hook"],
                "timeout": 1 if "sleep" in script else 30,
            }
            value = {"version": version, "hook": command, "when": when or {"always": True}, "stages": stages}
        else:
            value = {"hook": str(program), "stages": stages, **when}
        (self.directory / f"{name}.json").write_text(json.dumps(value))
        return program

    def ran(self) -> set[str]:
        """The names of those that have run."""
        return {path.stem for path in self.records.glob("*.in")}

    def told(self, name: str) -> dict[str, Any]:
        """What one was given."""
        found = json.loads((self.records / f"{name}.in").read_text())
        assert isinstance(found, dict)
        return found


@pytest.fixture(name="hooks")
def _hooks(room: Room) -> Hooks:
    return Hooks(room)


def test_every_stage(room: Room, hooks: Hooks) -> None:
    hooks.add("a-pre", "prestart")
    hooks.add("b-post", "poststart")
    hooks.add("c-stop", "poststop")
    hooks.add("d-old", "prestart", version="0.1.0", cmds=["true$"])
    hooks.add("e-never", "prestart", commands=["bash$"])
    hooks.add("f-binds", "prestart", hasBindMounts=True)
    hooks.add("g-noted", "prestart", annotations={"^color$": "red"})
    room.libpod("run", "--name", "c", "--annotation", "color=blue", IMAGE, "/bin/true")
    assert room.settled(lambda: "c-stop" in hooks.ran())
    assert hooks.ran() == {"a-pre", "b-post", "c-stop", "d-old"}
    identifier = room.inspect("c")["Id"]
    assert hooks.told("a-pre")["id"] == identifier
    assert hooks.told("a-pre")["pid"] > 0
    stopped = hooks.told("c-stop")
    assert (stopped["id"], stopped["status"]) == (identifier, "stopped")
    assert stopped["annotations"]["color"] == "blue"
    assert stopped["bundle"] == room.inspect("c")["StaticDir"]
    environment = (hooks.records / "c-stop.env").read_text()
    assert "FROM='hook'" in environment
    assert "HOME=" not in environment
    # New files count from the next start on, without anything being restarted.
    hooks.add("h-new", "prestart")
    room.libpod("run", "--rm", "--annotation", "color=red", "-v", "/tmp:/m", IMAGE, "/bin/true")
    assert {"f-binds", "g-noted", "h-new"} <= hooks.ran()


def test_precreate_changes_what_runs(room: Room, hooks: Hooks) -> None:
    script = f"sed s/before/after/g < {hooks.records}/change.in"
    hooks.add("change", "precreate", script=script)
    assert room.say("-e", "WORD=before", command=("sh", "-c", "echo $WORD")) == "after\n"
    assert hooks.told("change")["process"]["env"]


def test_later_directories_win(room: Room, hooks: Hooks) -> None:
    hooks.add("x", "prestart", script="exit 1")
    later = room.directory / "later"
    later.mkdir()
    room.options += ["--hooks-dir", str(later)]
    (later / "x.json").write_text('{"hook": "/bin/true", "stages": ["prestart"], "cmds": ["."]}')
    room.libpod("run", "--rm", IMAGE, "true")
    assert hooks.ran() == set()


@pytest.mark.parametrize(
    ("stage", "script", "message"),
    [
        ("prestart", "echo because >&2; exit 1", "hook"),
        ("prestart", "exec sleep 100", "hook"),
        ("precreate", "echo because >&2; exit 1", "because"),
        ("precreate", "exec sleep 100", "not finished after 1 seconds"),
        ("precreate", "echo rubbish", "output of precreate hook 0"),
    ],
)
def test_a_bad_hook_leaves_nothing(room: Room, hooks: Hooks, stage: str, script: str, message: str) -> None:
    room.libpod("create", "--name", "c", "-v", "v:/v", IMAGE, "true")
    hooks.add("bad", stage, script=script)
    assert message in room.refused("start", "c")
    assert room.status("c") == "created"
    (hooks.directory / "bad.json").unlink()
    room.libpod("start", "c")


def test_a_container_that_is_removed_at_its_end_has_its_last_hook_run(room: Room, hooks: Hooks) -> None:
    hooks.add("c-stop", "poststop")
    room.libpod("run", "--rm", IMAGE, "sh", "-c", "exit 3", status=3)
    assert room.settled(lambda: hooks.ran() == {"c-stop"})


def test_a_poststop_hook_that_hangs_keeps_nobody(room: Room, hooks: Hooks) -> None:
    hooks.add("bad", "poststop", script="exec sleep 100")
    room.libpod("run", "--name", "c", IMAGE, "true")
    assert room.settled(lambda: room.status("c") == "exited")
    room.libpod("rm", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "x.json"),
        ('{"version": "3"}', "unrecognized hook version '3'"),
        ('{"hook": "/no/program", "stages": ["prestart"]}', "/no/program: no such file"),
        ('{"hook": "/bin/true", "stages": ["lunch"]}', "unknown stage 'lunch'"),
    ],
)
def test_a_hook_that_cannot_be_read(room: Room, hooks: Hooks, text: str, message: str) -> None:
    room.libpod("create", "--name", "c", IMAGE, "true")
    (hooks.directory / "x.json").write_text(text)
    said = room.refused("start", "c")
    assert message in said
    assert str(hooks.directory / "x.json") in said


def test_a_directory_that_is_not_there(room: Room) -> None:
    room.options += ["--hooks-dir", str(room.directory / "absent")]
    room.libpod("create", "--name", "c", IMAGE, "true")
    assert "absent: No such file or directory" in room.refused("start", "c")
