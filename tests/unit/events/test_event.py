"""Events in their three forms, the same that Podman 4.3.1 has (copied from its file)."""

from __future__ import annotations

import json

import pytest

from libpod.errors import DecodeError
from libpod.events.event import Event
from libpod.host import jsonutil

PODMAN_LINES = (
    '{"Status":"refresh","Time":"2026-11-25T22:23:39.746208673Z","Type":"system","Attributes":null}',
    '{"ID":"acc6","Name":"localhost/bb:latest","Status":"tag","Time":"2026-11-25T22:23:40.06Z",'
    '"Type":"image","Attributes":null}',
    '{"Name":"vol1","Status":"create","Time":"2026-11-25T22:23:40.191257523Z","Type":"volume",'
    '"Attributes":null}',
    '{"ContainerExitCode":137,"ID":"61b7","Image":"localhost/bb:latest","Name":"b","Status":"died",'
    '"Time":"2026-11-25T22:23:42.168190657Z","Type":"container","Attributes":{}}',
    '{"ID":"6a94","Image":"localhost/bb:latest","Name":"a","Status":"create",'
    '"Time":"2026-11-25T22:23:40.199760467Z","Type":"container","Attributes":{"x":"y"}}',
    '{"ID":"31f9","Name":"p1","Status":"create","Time":"2026-11-25T22:23:43Z","Type":"pod","Attributes":null}',
)


def read(line: str) -> Event:
    return Event.from_object(json.loads(line), "events.log")


@pytest.mark.parametrize("line", PODMAN_LINES)
def test_podmans_lines_come_back_byte_for_byte(line: str) -> None:
    assert jsonutil.dumps(read(line).as_object()).decode() == line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (0, "2026-11-25 22:23:39.746208673 +0000 UTC system refresh"),
        (1, "2026-11-25 22:23:40.06 +0000 UTC image tag acc6 localhost/bb:latest"),
        (2, "2026-11-25 22:23:40.191257523 +0000 UTC volume create vol1"),
        (
            4,
            "2026-11-25 22:23:40.199760467 +0000 UTC container create 6a94 "
            "(image=localhost/bb:latest, name=a, x=y)",
        ),
        (5, "2026-11-25 22:23:43 +0000 UTC pod create 31f9 (image=, name=p1)"),
    ],
)
def test_lines_for_people_are_podmans(line: int, text: str) -> None:
    assert read(PODMAN_LINES[line]).text() == text


def test_a_time_of_another_zone() -> None:
    event = Event(kind="volume", status="create", time="2026-11-25T22:23:40.5+01:00", name="v")
    assert event.text() == "2026-11-25 22:23:40.5 +0100 +0100 volume create v"


@pytest.mark.parametrize("line", PODMAN_LINES)
def test_the_journal_keeps_all_of_it(line: str) -> None:
    event = read(line)
    fields = {name: str(value) for name, value in event.as_fields().items() if value is not None}
    assert fields["SYSLOG_IDENTIFIER"] == "podman"
    assert fields["MESSAGE"] == event.text()
    assert Event.from_fields(fields) == event


@pytest.mark.parametrize(
    "value", [{}, {"Type": "pod"}, {"Type": "pod", "Status": 3, "Time": "x"}, {"Type": [], "Status": "x"}]
)
def test_what_is_no_event(value: dict[str, object]) -> None:
    with pytest.raises(DecodeError, match=r"events\.log"):
        Event.from_object(value, "events.log")
    with pytest.raises(DecodeError):
        Event.from_fields({f"PODMAN_{name}": item for name, item in value.items()})
