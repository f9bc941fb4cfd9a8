"""Events written to Podman's file."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from libpod.config.runtime import RuntimeConfig
from libpod.errors import InvalidArgument
from libpod.events import recording
from libpod.events.event import Event
from libpod.events.recording import Recorder
from libpod.host import files, journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeConfig = Callable[..., RuntimeConfig]

EVENT = Event(kind="volume", status="create", time="2026-11-25T22:23:40Z", name="data")


@pytest.fixture(name="make_config")
def _make_config(tmp_path: Path) -> MakeConfig:
    def make(**changes: Any) -> RuntimeConfig:
        (tmp_path / "libpod.conf").touch()
        config = RuntimeConfig.from_file(str(tmp_path / "libpod.conf"), tmp_dir=str(tmp_path / "run"))
        return config._replace(**{"events_logger": "file", **changes})

    return make


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_where_and_how_the_file_is_made(tmp_path: Path, make_config: MakeConfig) -> None:
    Recorder(make_config()).record("pod", "create", id="12", name="p")
    path = tmp_path / "run" / "events" / "events.log"
    (found,) = lines(path)
    assert found == {
        "ID": "12", "Name": "p", "Status": "create", "Time": found["Time"], "Type": "pod", "Attributes": None,
    }  # fmt: skip
    modes = [oct(item.stat().st_mode & 0o777) for item in (path, path.parent, path.with_suffix(".log.lock"))]
    assert modes == ["0o700", "0o700", "0o644"]


def test_a_file_named_in_the_configuration(tmp_path: Path, make_config: MakeConfig) -> None:
    path = tmp_path / "elsewhere" / "log"
    Recorder(make_config(events_logfile_path=str(path))).record("system", "refresh")
    assert [event["Status"] for event in lines(path)] == ["refresh"]


def test_none_writes_nothing(tmp_path: Path, make_config: MakeConfig) -> None:
    Recorder(make_config(events_logger="none")).record("system", "refresh")
    assert not (tmp_path / "run").exists()


def test_an_unknown_logger(make_config: MakeConfig) -> None:
    with pytest.raises(InvalidArgument, match="syslog"):
        Recorder(make_config(events_logger="syslog"))


def test_the_journal(tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "s"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "s"))
        recorder = Recorder(make_config(events_logger="journald"))
        recorder.record("container", "died", id="1", name="c", exit_code=3, attributes={"a": "b"})
        entry = listener.recv(4096)
    assert entry.startswith(b"SYSLOG_IDENTIFIER=podman\nMESSAGE=")
    for field in (b"EVENT=died", b"TYPE=container", b"EXIT_CODE=3", b'LABELS={"a": "b"}'):
        assert b"\nPODMAN_" + field + b"\n" in entry


@pytest.mark.parametrize("fault", ["no journal", "a file in the way", "locked"])
def test_what_cannot_be_recorded_is_a_warning(
    fault: str, tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "s"))
    monkeypatch.setattr(recording, "LOCK_SECONDS", 0.05)
    path = tmp_path / "run" / "events" / "events.log"
    path.parent.parent.mkdir()
    if fault == "a file in the way":
        path.parent.touch()
    else:
        path.parent.mkdir()
    warnings: list[str] = []
    with open(f"{path}.lock" if fault == "locked" else os.devnull, "w") as lock:
        if fault == "locked":
            files.record_lock(lock.fileno())
        logger = "journald" if fault == "no journal" else "file"
        Recorder(make_config(events_logger=logger), warnings.append).record("volume", "create", name="data")
    (warning,) = warnings
    assert warning.startswith("event volume create of data is not recorded: ")


@pytest.mark.parametrize("maximum", [500, 2000])
def test_the_older_half_goes_when_it_grows_too_large(maximum: int, tmp_path: Path) -> None:
    path = tmp_path / "events.log"
    for number in range(100):
        recording.append(str(path), EVENT._replace(name=f"v{number}"), maximum)
        assert path.stat().st_size <= maximum + 200
    found = lines(path)
    assert [event["Name"] for event in found if event["Type"] == "system"][-1] == str(path)
    names = [event["Name"] for event in found if event["Type"] == "volume"]
    assert names == [f"v{number}" for number in range(100 - len(names), 100)]


def test_no_limit(tmp_path: Path) -> None:
    for _ in range(20):
        recording.append(str(tmp_path / "events.log"), EVENT, 0)
    assert len(lines(tmp_path / "events.log")) == 20


def test_many_writers_tear_no_line(tmp_path: Path) -> None:
    path = tmp_path / "events.log"

    def write(number: int) -> None:
        for _ in range(50):
            recording.append(str(path), EVENT._replace(name=str(number) * 300), 0)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(path)) == 200
