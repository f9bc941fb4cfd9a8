"""Podman 4.3 and our program read each other's events, and rotate one file together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.containers import Room
from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from tests.lab.stores import MakeStore


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    store = make_store()
    path = store.machine.disk / "etc-containers" / "containers.conf"
    text = path.read_text().replace('events_logger = "none"', 'events_logger = "file"')
    path.write_text(text)
    return store


def events(store: Store) -> list[list[dict[str, Any]]]:
    """What both programs read."""
    arguments = ("events", "--stream=false", "--format", "json")
    outputs = [program(*arguments).stdout for program in (store.podman, store.libpod)]
    return [[json.loads(line) for line in output.splitlines()] for output in outputs]


def test_each_reads_what_the_other_recorded(store: Store) -> None:
    store.libpod(
        "run", "--name", "ours", "--label", "a=b", "-v", "v:/v", IMAGE, "sh", "-c", "exit 3", check=False
    )
    store.podman("run", "--name", "theirs", "--network", "none", IMAGE, "true")
    # By the exit command, which a removal would forestall.
    cleanup = ("events", "--stream=false", "--filter", "container=ours", "--filter", "event=cleanup")
    assert Room.settled(lambda: store.libpod(*cleanup).stdout != "")
    store.libpod("rm", "ours", "theirs")
    store.podman("volume", "rm", "v")
    theirs, ours = events(store)
    assert theirs == ours
    of_ours = [event for event in ours if event.get("Name") == "ours"]
    assert [event["Status"] for event in of_ours] == [
        "create", "init", "start", "attach", "died", "cleanup", "remove",
    ]  # fmt: skip
    assert of_ours[4]["ContainerExitCode"] == 3
    assert of_ours[0]["Attributes"] == {"a": "b"}
    keys = [
        list(event)
        for event in ours
        if (event.get("Name"), event["Status"]) in (("ours", "create"), ("theirs", "create"))
    ]
    assert keys[0] == keys[1]
    texts = [program("events", "--stream=false").stdout for program in (store.podman, store.libpod)]
    assert texts[0] == texts[1]
    filters = ("events", "--stream=false", "--filter", "container=ours", "--filter", "event=died")
    assert store.podman(*filters).stdout == store.libpod(*filters).stdout != ""


def test_one_file_is_rotated_by_both(store: Store) -> None:
    configuration = store.machine.disk / "etc-containers" / "containers.conf"
    configuration.write_text(f"{configuration.read_text()}events_logfile_max_size = 2500\n")
    for number in range(30):
        program = store.podman if number % 2 else store.libpod
        program("volume", "create", f"v{number}")
    theirs, ours = events(store)
    assert theirs == ours
    assert "rotate" in {event["Status"] for event in ours}
    names = [event["Name"] for event in ours if event["Type"] == "volume"]
    assert names == [f"v{number}" for number in range(30)][-len(names) :]
    path = store.path(f"{store.tmp_dir}/events/events.log")
    assert path.stat().st_size < 3000
