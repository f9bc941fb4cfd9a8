"""Filters, order and fields of the list of containers."""

from __future__ import annotations

from typing import Any

import pytest

from libpod.cli import pslist
from libpod.containers.items import Item
from libpod.containers.listing import Listing
from libpod.errors import InvalidArgument, NoSuchContainer
from libpod.state.records import CONTAINER

FIRST, SECOND, THIRD = ("a" * 64, "b" * 64, "c" * 64)
NOW = 1_800_000_000.0


def item(identifier: str, name: str, day: int, state: dict[str, Any], **config: Any) -> Item:
    return Item(
        CONTAINER,
        identifier,
        name,
        {"createdTime": f"2026-01-{day:02}T00:00:00Z", **config},
        state,
        networks={"podman": {}} if name == "web" else {},
    )


ITEMS = [
    item(
        FIRST, "web", 1, {"state": 3}, labels={"app": "shop", "tier": "front"},
        rootfsImageName="registry.example/shop/web:2", rootfsImageID="1" * 64, pod="9" * 64,
    ),
    item(
        SECOND, "db-1", 2, {"state": 6, "exitCode": 3}, labels={"app": "shop"},
        namedVolumes=[{"volumeName": "data", "dest": "/var/lib"}], userVolumes=["/var/lib"],
        rootfsImageName="localhost/db:latest", rootfsImageID="2" * 64,
    ),
    item(
        THIRD, "db-2", 3, {"state": 1}, userVolumes=["/logs"],
        spec={"mounts": [{"destination": "/logs", "source": "/srv/logs"}]},
    ),
]  # fmt: skip


def rows() -> list[dict[str, Any]]:
    pods = [Item("pod", "9" * 64, "shop")]
    return Listing(ITEMS, pods, now=NOW).containers(everything=True)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([], ["web", "db-1", "db-2"]),
        (["name=db"], ["db-1", "db-2"]),
        (["name=^db-1$"], ["db-1"]),
        (["name=web", "name=2$"], ["web", "db-2"]),
        (["name=db,status=exited"], ["db-1"]),
        (["name=db,label!=app"], ["db-2"]),
        (["name=web|db-1,2"], ["web"]),
        (["name=b-[1,2]"], ["db-1", "db-2"]),
        (["id=bbbb"], ["db-1"]),
        (["label=app"], ["web", "db-1"]),
        (["label=app=shop", "label=tier"], ["web"]),
        (["label!=tier"], ["db-1", "db-2"]),
        (["status=running"], ["web"]),
        (["status=exited", "status=created"], ["db-1", "db-2"]),
        (["exited=3"], ["db-1"]),
        (["exited=0"], []),
        (["ancestor=web"], ["web"]),
        (["ancestor=shop/web:2"], ["web"]),
        (["ancestor=222"], ["db-1"]),
        (["before=db-1"], ["web"]),
        (["since=web"], ["db-1", "db-2"]),
        (["until=2026-01-02T00:00:00Z"], ["web", "db-1"]),
        (["volume=data"], ["db-1"]),
        (["volume=/logs"], ["db-2"]),
        (["volume=/srv/logs"], ["db-2"]),
        (["pod=shop"], ["web"]),
        (["pod=9999"], ["web"]),
        (["network=podman"], ["web"]),
        (["name=db", "status=created"], ["db-2"]),
    ],
)
def test_filters(filters: list[str], names: list[str]) -> None:
    assert [row["Names"][0] for row in pslist.select(rows(), ITEMS, filters)] == names


@pytest.mark.parametrize(
    "text", ["name", "colour=red", "status=happy", "exited=many", "name=(", "until=soon"]
)
def test_filters_that_mean_nothing(text: str) -> None:
    with pytest.raises(InvalidArgument):
        pslist.select(rows(), ITEMS, [text])


def test_filter_that_names_no_container() -> None:
    with pytest.raises(NoSuchContainer):
        pslist.select(rows(), ITEMS, ["before=nobody"])


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("names", ["db-1", "db-2", "web"]),
        ("created", ["web", "db-1", "db-2"]),
        ("id", ["web", "db-1", "db-2"]),
        ("image", ["db-2", "db-1", "web"]),
        ("status", ["db-2", "db-1", "web"]),
    ],
)
def test_order(key: str, names: list[str]) -> None:
    assert [row["Names"][0] for row in pslist.ordered(rows(), key)] == names


def test_size_text() -> None:
    assert pslist.size_text({"rwSize": 12, "rootFsSize": 4_200_000}) == "12B (virtual 4.2MB)"
    assert pslist.size_text(None) == ""
