"""Init containers: what runs to its end before the others of a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.containers import IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.pods import PodRoom


def note(text: str, then: str = "true") -> tuple[str, ...]:
    """A command that appends *text* to the file of `written`."""
    return ("sh", "-c", f"echo {text} >> /notes/file; {then}")


def written(room: PodRoom) -> list[str]:
    """What the containers have noted so far, in order."""
    return notes(room).read_text().split()


def notes(room: PodRoom) -> Path:
    """The file that the pod's containers write to."""
    return room.directory / "notes" / "file"


def come_to(room: PodRoom, **states: str) -> bool:
    """Whether the containers come to be in these states: what has ended is taken down a moment later."""
    return room.settled(lambda: room.states() == states)


def make_pod(room: PodRoom, *options: str) -> None:
    """A pod whose containers see the directory of `notes`."""
    notes(room).parent.mkdir()
    room.make_pod("p", "-v", f"{notes(room).parent}:/notes", *options)


def test_they_run_one_after_another_before_the_others(room: PodRoom) -> None:
    make_pod(room)
    room.member("p", "main", command=note("main", "exec sleep 1000"))
    room.member("p", "second", "--init-ctr", "always", command=note("second"))
    room.member(
        "p", "third", "--init-ctr", "once", command=note("third", "sleep 0.5; echo over >> /notes/file")
    )
    room.libpod("pod", "start", "p")
    assert room.settled(lambda: written(room) == ["second", "third", "over", "main"])
    assert come_to(room, infra="running", main="running", second="exited")
    assert room.pod("p")["State"] == "Running"
    room.libpod("pod", "restart", "--time", "0", "p")
    assert room.settled(lambda: written(room)[4:] == ["second", "main"])
    assert come_to(room, infra="running", main="running", second="exited")


def test_what_fails_keeps_the_others_from_running(room: PodRoom) -> None:
    make_pod(room)
    room.member("p", "main", command=note("main"))
    room.member("p", "bad", "--init-ctr", "once", command=note("bad", "exit 3"))
    room.member("p", "after", "--init-ctr", "always", command=note("after"))
    said = room.libpod("pod", "start", "p", status=125).stderr
    assert "bad: it ended with exit code 3" in said
    assert "libpod logs bad" in said
    assert written(room) == ["bad"]
    assert come_to(room, infra="running", bad="exited", main="created", after="created")
    room.libpod("rm", "bad")
    room.libpod("pod", "start", "p")
    assert room.settled(lambda: written(room) == ["bad", "after", "main"])


def test_its_end_is_not_that_of_the_pod(room: PodRoom) -> None:
    """With `--exit-policy stop` the infra container ends with the last of the others, and not before."""
    make_pod(room, "--exit-policy", "stop")
    room.member("p", "first", "--init-ctr", "always", command=note("first", "sleep 0.3"))
    room.member("p", "main", command=note("main"))
    room.libpod("pod", "start", "p")
    assert come_to(room, infra="exited", first="exited", main="exited")
    assert written(room) == ["first", "main"]


def test_without_an_infra_container(room: PodRoom) -> None:
    room.make_pod("p", "--infra=false", "--share-parent=false")
    room.member("p", "first", "--init-ctr", "once", command=("true",))
    assert room.pod("p")["State"] == "Created"
    room.libpod("pod", "start", "p")
    assert room.states() == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--init-ctr", "once"), "an init container needs a pod"),
        (("--init-ctr", "twice", "--pod", "p"), "--init-ctr: invalid choice: 'twice'"),
        (("--init-ctr", "once", "--pod", "p", "--restart", "always"), "--init-ctr and --restart exclude"),
        (
            ("--init-ctr", "once", "--pod", "running"),
            "pod running runs: an init container would come too late",
        ),
    ],
)
def test_what_cannot_be(room: PodRoom, options: tuple[str, ...], message: str) -> None:
    room.make_pod("p")
    room.make_pod("running")
    room.libpod("pod", "start", "running")
    assert message in room.refused("create", *options, IMAGE, "true")
