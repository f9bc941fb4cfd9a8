"""One operation on many containers, some of which remove themselves meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from libpod.cli import codes, runtimes
from libpod.errors import ContainerRemoved, InvalidState, NoSuchContainer

if TYPE_CHECKING:
    from libpod.containers.container import Container
    from libpod.runtime import Runtime


NAMES = ("gone", "quick", "last")


class Store:
    """Has the containers *names*; as a runtime and as its state."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)
        self.state = self

    def lookup_container_id(self, name: str) -> str:
        if name not in self.names:
            raise NoSuchContainer(name)
        return name

    container = lookup_container_id


def act(store: Store, **options: Any) -> int:
    def remove(container: Container) -> None:
        name = cast("str", container)
        store.names.remove(name)
        if name == "quick":
            raise ContainerRemoved("container quick was removed")

    return runtimes.for_each(cast("Runtime", store), NAMES, remove, **options)


def test_what_was_found_and_is_gone_is_as_good_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Before its turn, and while it is its turn."""
    assert act(Store("quick", "last"), may_be_gone=True) == codes.DONE
    assert capsys.readouterr() == ("gone\nquick\nlast\n", "")


def test_what_was_named_and_is_gone_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert act(Store("quick", "last")) == codes.FAILED
    said = capsys.readouterr()
    assert said.out == "last\n"
    assert said.err == "Error: no such container: gone\nError: container quick was removed\n"


def test_what_cannot_be_done_is_an_error_always(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_container: Container) -> None:
        raise InvalidState("it is running")

    store = cast("Runtime", Store("last"))
    assert runtimes.for_each(store, NAMES, refuse, may_be_gone=True) == codes.FAILED
    assert capsys.readouterr() == ("gone\nquick\n", "Error: it is running\n")
