"""Events read back: filters, times, what follows, and a file that is rotated meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from libpod.config.runtime import RuntimeConfig
from libpod.errors import InvalidArgument
from libpod.events import reading, recording
from libpod.events.event import Event
from libpod.events.reading import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def event(kind: str, status: str, **keywords: Any) -> Event:
    return Event(**{"kind": kind, "status": status, "time": "2026-01-01T00:00:00Z", **keywords})


EVENTS = (
    event("container", "create", id="abc1", name="web", image="img", attributes={"a": "b"}),
    event("container", "start", id="abd2", name="db", image="other", attributes={}),
    event("pod", "create", id="f00", name="web"),
    event("volume", "create", name="data"),
    event("image", "pull", id="1234", name="img"),
    event("system", "refresh", time="2026-01-02T00:00:00.5+01:00"),
)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ((), "012345"),
        (("container=web",), "0"),
        (("container=ab",), "01"),
        (("container=web", "container=db"), "01"),
        (("container=web", "event=start"), ""),
        (("event=create",), "023"),
        (("status=create", "type=pod"), "2"),
        (("pod=web",), "2"),
        (("pod=f0",), "2"),
        (("volume=da",), "3"),
        (("image=img",), "04"),
        (("image=12",), "4"),
        (("label=a",), "0"),
        (("label=a=b",), "0"),
        (("label=a=c",), ""),
        (("TYPE=system",), "5"),
        (("container=",), ""),
    ],
)
def test_filters(filters: tuple[str, ...], found: str) -> None:
    wanted = reading.Selection(filters).wanted
    assert "".join(str(number) for number, one in enumerate(EVENTS) if wanted(one)) == found


@pytest.mark.parametrize("text", ["", "container", "colour=red", "=x"])
def test_bad_filters(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is not known"):
        reading.Selection([text])


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> RuntimeConfig:
    (tmp_path / "libpod.conf").touch()
    config = RuntimeConfig.from_file(str(tmp_path / "libpod.conf"), tmp_dir=str(tmp_path))
    return config._replace(events_logger="file")


def write(config: RuntimeConfig, *names: str, maximum: int = 0) -> None:
    for name in names:
        recording.append(recording.file_of(config), event("volume", "create", name=name), maximum)


def names(events: Iterator[Event]) -> list[str]:
    return [one.name for one in events if one.kind == "volume"]


def test_times(config: RuntimeConfig) -> None:
    for one in EVENTS:
        recording.append(recording.file_of(config), one)
    day = 1767225600.0
    assert len(list(reading.read(config, Selection()))) == 6
    assert len(list(reading.read(config, Selection(since=day)))) == 1
    assert len(list(reading.read(config, Selection(until=day)))) == 0
    assert len(list(reading.read(config, Selection(until=day + 1)))) == 5
    assert len(list(reading.read(config, Selection(since=day - 1, until=day + 2 * 86400)))) == 6


def test_nothing_was_recorded_yet(config: RuntimeConfig) -> None:
    assert list(reading.read(config, Selection())) == []


def test_none_are_recorded(config: RuntimeConfig) -> None:
    with pytest.raises(InvalidArgument, match='events_logger = "none"'):
        list(reading.read(config._replace(events_logger="none"), Selection()))


def test_rubbish_is_passed_over(config: RuntimeConfig) -> None:
    write(config, "a")
    with open(recording.file_of(config), "ab") as stream:
        stream.write(b'rubbish\n{"Type": "pod"}\n\n\xff\xfe\n')
    write(config, "b")
    with open(recording.file_of(config), "ab") as stream:
        stream.write(b'{"Type": "volume", "Na')
    warnings: list[str] = []
    assert names(reading.read(config, Selection(), warnings.append)) == ["a", "b"]
    assert len(warnings) == 3
    assert all("events.log" in warning for warning in warnings)


@pytest.mark.parametrize("maximum", [0, 700])
def test_following(config: RuntimeConfig, maximum: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event once, in order, whatever the rotations; from now on only what is new."""
    monkeypatch.setattr(reading, "POLL_SECONDS", 0.01)
    write(config, "old")
    stop = threading.Event()
    selection = Selection(follow=True)
    monkeypatch.setattr(selection, "over", stop.is_set)
    found: list[str] = []
    ready = threading.Event()

    def follow() -> None:
        for one in reading.read(config, selection):
            found.append(one.name)
            ready.set()

    thread = threading.Thread(target=follow)
    thread.start()
    wanted = [f"v{number}" for number in range(20)]
    try:
        # The first one shows that it follows.
        for number in range(1000):
            write(config, f"first{number}")
            if ready.wait(0.02):
                break
        for name in wanted:
            count = len(found)
            write(config, name, maximum=maximum)
            for _ in range(6000):
                if len(found) > count and found[-1] == name:
                    break
                stop.wait(0.01)
    finally:
        stop.set()
        thread.join(60)
    assert "old" not in found
    assert [name for name in found if name.startswith("v")] == wanted
    assert len(found) == len(set(found)) or maximum


def test_following_ends_at_its_time(config: RuntimeConfig) -> None:
    write(config, "a")
    assert names(reading.read(config, Selection(until=2_000_000_000.0, since=0.0))) == ["a"]
    assert names(reading.read(config, Selection(until=1_800_000_000.0 - 9e7, follow=True))) == []
