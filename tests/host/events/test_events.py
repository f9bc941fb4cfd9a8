"""Events of real containers, as `libpod events` shows them."""

from __future__ import annotations

import json
import select
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from tests.lab.containers import Room


@pytest.fixture(name="recording")
def _recording(room: Room) -> Room:
    """The same store with events in a file."""
    text = room.configuration.read_text()
    room.configuration.write_text(text.replace('events_logger = "none"', 'events_logger = "file"'))
    return room


def events(room: Room, *options: str) -> list[dict[str, Any]]:
    """The recorded events."""
    output = room.libpod("events", "--stream=false", "--format", "json", *options).stdout
    return [json.loads(line) for line in output.splitlines()]


def statuses(room: Room, *options: str) -> list[str]:
    return [event["Status"] for event in events(room, *options)]


def test_the_life_of_a_pod(recording: Room) -> None:
    room = recording
    room.libpod(
        "pod", "create", "--name", "p", "--infra=false", "--share", "none", "--cgroup-parent", room.parent
    )
    room.libpod("create", "--pod", "p", IMAGE, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    for verb in ("start", "pause", "unpause", "restart", "kill", "rm"):
        room.libpod("pod", verb, "p", *(("-s", "USR1") if verb == "kill" else ()))
        if verb == "kill":
            room.libpod("pod", "stop", "-t", "0", "p")
    assert [(event["Status"], event["Name"]) for event in events(room, "--filter", "type=pod")] == [
        (status, "p")
        for status in ("create", "start", "pause", "unpause", "stop", "start", "kill", "stop", "remove")
    ]


def test_images(recording: Room) -> None:
    room = recording
    room.libpod("tag", IMAGE, "other:latest")
    room.libpod("untag", "other:latest")
    assert statuses(room, "--filter", "type=image") == ["tag", "untag"]


def test_the_life_of_a_container(recording: Room) -> None:
    room = recording
    room.sleep("c", "--label", "a=b", "-v", "v:/v")
    room.libpod("exec", "c", "true")
    room.libpod("pause", "c")
    room.libpod("unpause", "c")
    room.libpod("kill", "-s", "USR1", "c")
    room.libpod("stop", "-t", "0", "c")
    assert room.settled(lambda: "cleanup" in statuses(room))
    room.libpod("mount", "c")
    room.libpod("umount", "c")
    room.libpod("restart", "-t", "0", "c")
    room.libpod("rm", "-f", "-t", "0", "c")
    room.libpod("volume", "rm", "v")
    of_container = statuses(room, "--filter", "container=c")
    # The exit command may be quicker than who stops it.
    assert of_container.count("cleanup") == 2
    assert [status for status in of_container if status != "cleanup"] == [
        "create", "init", "start", "exec", "exec_died", "pause", "unpause", "kill", "died", "stop",
        "mount", "unmount", "restart", "init", "start", "died", "stop", "remove",
    ]  # fmt: skip
    assert statuses(room, "--filter", "type=system") == ["refresh"]
    assert statuses(room, "--filter", "volume=v") == ["create", "remove"]
    (died, _second) = events(room, "--filter", "event=died")
    assert died["ContainerExitCode"] == 137
    assert died["Attributes"] == {"a": "b", "from": "image", "kept": "yes"}
    assert died["Image"] == "localhost/bb:latest"
    text = room.libpod("events", "--stream=false", "--filter", "event=died", "--no-trunc=false").stdout
    assert (
        f"container died {died['ID'][:12]} (image=localhost/bb:latest, name=c, a=b, from=image, kept=yes)"
        in text
    )
    template = ("--format", "{{.Type}} {{.Status}} {{.Attributes.a}} {{.ContainerExitCode}}")
    shown = room.libpod("events", "--stream=false", "--filter", "event=died", *template).stdout
    assert shown == "container died b 137\n" * 2
    assert statuses(room, "--since", "1h", "--until", "1s", "--filter", "event=nothing") == []


def test_events_are_followed(recording: Room) -> None:
    room = recording
    with room.started("events", "--format", "json", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        # It reads the end of the file first, so events are made until one shows.
        number = 0
        while not select.select([process.stdout], [], [], 0.5)[0]:
            number += 1
            room.libpod("volume", "create", f"v{number}")
        assert json.loads(process.stdout.readline())["Type"] in ("volume", "system")
        room.libpod("run", "--rm", IMAGE, "true")
        seen: list[str] = []
        while "remove" not in seen:
            seen.append(json.loads(process.stdout.readline())["Status"])
        assert [status for status in seen if status not in ("refresh", "create", "cleanup")] == [
            "init", "start", "attach", "died", "remove",
        ]  # fmt: skip
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130


def test_none(room: Room) -> None:
    assert 'events_logger = "none"' in room.refused("events", "--stream=false")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--filter", "colour=red"), "--filter 'colour=red' is not known"),
        (("--since", "whenever"), "'whenever' is not a time"),
        (("--stream=perhaps",), "--stream"),
    ],
)
def test_what_cannot_be(recording: Room, options: tuple[str, ...], message: str) -> None:
    assert message in recording.refused("events", *options)


def test_an_event_that_cannot_be_recorded_is_a_warning(recording: Room) -> None:
    room = recording
    room.libpod("create", "--name", "c", IMAGE, "true")
    log = room.tmp_dir / "events" / "events.log"
    log.unlink()
    log.mkdir()
    result = room.libpod("rm", "c")
    assert "event container remove of c is not recorded" in result.stderr
    log.rmdir()
