"""Records of containers as Podman 4.3 writes them, cut down to what the lists and inspection read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers.items import Item

if TYPE_CHECKING:
    from collections.abc import Callable

CREATED = "2026-11-24T04:07:02.791881516Z"


def make_container(name: str = "web", state: int = 1, **changes: Any) -> Item:
    """A container with an ID made of its name; *changes* go to configuration, `state__` ones to the state."""
    identifier = changes.pop("id", name.encode().hex().ljust(64, "0")[:64])
    extra = {key: changes.pop(key) for key in ("networks", "namespace", "error") if key in changes}
    in_state = {
        key.removeprefix("state__"): changes.pop(key) for key in list(changes) if key[:7] == "state__"
    }
    config = {
        "id": identifier,
        "name": name,
        "spec": {"ociVersion": "1.0.2-dev"},
        "rootfsImageID": "b7af",
        "rootfsImageName": "localhost/bb:latest",
        "command": ["sleep", "1000"],
        "createdTime": CREATED,
        "staticDir": f"/srv/store/overlay-containers/{identifier}/userdata",
        "cgroupManager": "cgroupfs",
        "cgroupParent": "/libpod_parent",
        **changes,
    }
    return Item("container", identifier, name, config, {"state": state, **in_state}, **extra)


@pytest.fixture
def container() -> Callable[..., Item]:
    """Return the function that makes a container."""
    return make_container


@pytest.fixture
def pod() -> Callable[..., Item]:
    """Return the function that makes a pod of the given containers."""

    def make(name: str = "pod", members: tuple[Item, ...] = (), infra: str = "", **changes: Any) -> Item:
        identifier = name.encode().hex().ljust(64, "0")
        config = {
            "id": identifier,
            "name": name,
            "cgroupParent": "/libpod_parent",
            "created": CREATED,
            **changes,
        }
        state = {"cgroupPath": "", "InfraContainerID": infra}
        return Item("pod", identifier, name, config, state, members=sorted(item.id for item in members))

    return make
