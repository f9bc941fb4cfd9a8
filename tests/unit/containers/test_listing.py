"""The rows of ps and pod ps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers.items import Item
from libpod.containers.listing import Listing
from libpod.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Make = Callable[..., Item]

CREATED = "2026-11-24T04:07:02.791881516Z"
NOW = parse_time(CREATED, source="", key="") + 7200
BEFORE = "2026-11-24T05:07:02Z"


def rows(containers: Sequence[Item], *, everything: bool = True, **options: Any) -> list[dict[str, Any]]:
    """The rows of all *containers*."""
    found: list[dict[str, Any]] = Listing(containers, now=NOW, **options).containers(everything=everything)
    return found


def names(found: Sequence[dict[str, Any]]) -> list[str]:
    """The names in these rows."""
    return [row["Names"][0] for row in found]


def test_every_key_of_podman(container: Make) -> None:
    (row,) = rows([container(labels={"a": "b"}, userVolumes=["/data"], networks={"podman": b"{}"})])
    assert row == {
        "AutoRemove": False,
        "Command": ["sleep", "1000"],
        "CreatedAt": "2 hours ago",
        "Exited": False,
        "ExitedAt": -62135596800,
        "ExitCode": 0,
        "Id": row["Id"],
        "Image": "localhost/bb:latest",
        "ImageID": "b7af",
        "IsInfra": False,
        "Labels": {"a": "b"},
        "Mounts": ["/data"],
        "Names": ["web"],
        "Namespaces": {},
        "Networks": ["podman"],
        "Pid": 0,
        "Pod": "",
        "PodName": "",
        "Ports": None,
        "Size": None,
        "StartedAt": -62135596800,
        "State": "created",
        "Status": "Created",
        "Created": 1795493222,
    }


@pytest.mark.parametrize(
    ("state", "members", "words"),
    [
        (0, {}, "Unknown"),
        (1, {}, "Created"),
        (2, {}, "Initialized"),
        (3, {"state__startedTime": BEFORE}, "Up About an hour ago"),
        (3, {}, "Up"),
        (
            4,
            {"state__startedTime": BEFORE, "state__finishedTime": BEFORE, "state__exitCode": 5},
            "Exited (5) About an hour ago",
        ),
        (5, {"state__startedTime": BEFORE}, "Paused"),
        (
            6,
            {"state__finishedTime": "2026-11-24T06:05:02Z", "state__exitCode": 137},
            "Exited (137) 2 minutes ago",
        ),
        # A container whose end nobody saw: Podman says "292 years ago".
        (6, {"state__finishedTime": "0001-01-01T00:00:00Z"}, "Exited (0)"),
        (7, {}, "Removing"),
        (8, {}, "Stopping"),
        (9, {}, "Bad State"),
    ],
)
def test_status(container: Make, state: int, members: dict[str, Any], words: str) -> None:
    (row,) = rows([container(state=state, **members)])
    assert row["Status"] == words


def test_only_running_ones_unless_all_are_asked_for(container: Make) -> None:
    containers = [container(f"c{state}", state=state) for state in range(10)]
    assert names(rows(containers, everything=False)) == ["c3"]
    assert len(rows(containers)) == 10


def test_oldest_first_and_broken_last(container: Make) -> None:
    broken = Item("container", "ff", "aaa", error="state: invalid JSON")
    late = container("late", createdTime="2026-11-24T05:00:00Z")
    early = container("early", createdTime="2026-11-24T05:00:00+03:00")
    assert names(rows([late, broken, early])) == ["early", "late", "aaa"]


def test_the_ports_of_a_container_are_those_of_its_network(container: Make) -> None:
    infra = container("infra", newPortMappings=[{"host_port": 8100, "container_port": 80}])
    inner = container("inner", netNsCtr=infra.id)
    outer = container("outer", netNsCtr=inner.id)
    lost = container("lost", netNsCtr="gone")
    one, other = container("one", netNsCtr="b", id="a"), container("other", netNsCtr="a", id="b")
    found = {row["Names"][0]: row["Ports"] for row in rows([infra, inner, outer, lost, one, other])}
    assert found["infra"] == found["inner"] == found["outer"]
    assert found["infra"][0]["host_port"] == 8100
    assert found["lost"] is found["one"] is found["other"] is None


def test_a_container_of_a_pod_names_it(container: Make, pod: Make) -> None:
    group = pod("group")
    (row,) = rows([container(pod=group.id)], pods=[group])
    assert (row["Pod"], row["PodName"]) == (group.id, "group")


def test_auto_remove_is_an_annotation(container: Make) -> None:
    spec = {"annotations": {"io.podman.annotations.autoremove": "TRUE"}}
    assert [row["AutoRemove"] for row in rows([container(spec=spec)])] == [True]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"createdTime": "soon"},
            "configuration of container web: createdTime: expected a time, found 'soon'",
        ),
        (
            {"createdTime": 7},
            "configuration of container web: createdTime: expected text, found the number 7",
        ),
        ({"command": "sh"}, "configuration of container web: command: expected a list, found the text 'sh'"),
        ({"command": [1]}, "configuration of container web: command[0]: expected text, found the number 1"),
        ({"labels": []}, "configuration of container web: labels: expected an object, found a list"),
        ({"state__pid": "12"}, "state of container web: pid: expected a whole number, found the text '12'"),
        ({"state": True}, "state of container web: state: expected a whole number, found true"),
        ({"state": "3"}, "state of container web: state: expected a whole number, found the text '3'"),
        ({"spec": {"annotations": {"a": 1}}}, "configuration of container web, spec: annotations.a: "),
    ],
)
def test_a_damaged_record_is_a_broken_row_among_the_others(
    container: Make, changes: dict[str, Any], reason: str
) -> None:
    bad, good = rows([container("web", **changes), container("good")])[::-1]
    assert good["State"] == "created"
    assert (bad["State"], bad["Status"], bad["Names"]) == ("broken", "Broken", ["web"])
    assert bad["Error"].startswith(reason)
    assert set(bad) == {*good, "Error"}


def test_a_record_that_cannot_be_read_gives_its_reason() -> None:
    (row,) = rows([Item("container", "abcd", "db", error="state: invalid JSON at line 1, column 5")])
    assert (row["Id"], row["State"], row["Error"]) == (
        "abcd",
        "broken",
        "state: invalid JSON at line 1, column 5",
    )


def test_a_quarantined_container_keeps_its_row_and_gives_the_reason(container: Make) -> None:
    item = container(state=6)
    (row,) = rows([item, container("other")], troubles={item.id: "run directory: permission denied"})[1:]
    assert (row["Status"], row["Error"]) == ("Exited (0)", "run directory: permission denied")


# Pods.


def test_every_key_of_a_pod(container: Make, pod: Make) -> None:
    infra = container("infra", id="22", networks={"podman": b"{}", "back": b"{}"}, state=3)
    inner = container("inner", id="11", state=1)
    group = pod("group", (infra, inner), "22", labels={"q": "w"})
    (row,) = Listing([infra, inner], [group], now=NOW).pods()
    assert row == {
        "Cgroup": "/libpod_parent",
        "Containers": [
            {"Id": "11", "Names": "inner", "Status": "created"},
            {"Id": "22", "Names": "infra", "Status": "running"},
        ],
        "Created": CREATED,
        "CreatedAt": "2 hours ago",
        "Id": group.id,
        "InfraId": "22",
        "Name": "group",
        "Namespace": "",
        "Networks": ["back", "podman"],
        "Status": "Degraded",
        "Labels": {"q": "w"},
    }


def test_newest_pod_first_and_broken_last(pod: Make) -> None:
    broken = Item("pod", "ff", "aaa", error="invalid JSON")
    early, late = pod("early", created="2026-11-24T05:00:00Z"), pod("late", created="2026-11-24T05:00:01Z")
    found = Listing([], [broken, early, late], now=NOW).pods()
    assert [row["Name"] for row in found] == ["late", "early", "aaa"]
    assert (found[2]["Status"], found[2]["Error"]) == ("Broken", "invalid JSON")


def test_a_pod_of_the_first_libpod_has_no_time(pod: Make) -> None:
    (row,) = Listing([], [pod(created=None)], now=NOW).pods()
    assert row["CreatedAt"] == ""


def test_a_broken_container_makes_its_pod_an_error(container: Make, pod: Make) -> None:
    good, bad = container("good"), Item("container", "ff", "bad", error="invalid JSON")
    found: list[dict[str, Any]] = Listing([good, bad], [pod("group", (good, bad))], now=NOW).pods()
    (row,) = found
    assert row["Status"] == "Error"
    assert [member["Status"] for member in row["Containers"]] == ["created", "broken"]


def test_a_damaged_pod_is_a_broken_row(pod: Make) -> None:
    (row,) = Listing([], [pod(labels=7)], now=NOW).pods()
    assert row["Status"] == "Broken"
    assert row["Error"] == "configuration of pod pod: labels: expected an object, found the number 7"
