"""Every verb on real containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.containers import Room


def test_run_prints_what_the_command_says(room: Room) -> None:
    assert room.say(command=("echo", "hello")) == "hello\n"


def test_sleep(room: Room) -> None:
    room.sleep("s")
    assert room.status("s") == "running"
    room.libpod("stop", "s")
    assert room.status("s") == "exited"
