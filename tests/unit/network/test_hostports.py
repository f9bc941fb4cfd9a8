"""Taking ports of the host that somebody has, or has had until now."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from libpod.errors import NetworkError
from libpod.network import hostports
from libpod.network.hostports import HostPort, Reservation

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINER = "c" * 64


@pytest.fixture(name="held")
def _held() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held


def port_of(held: socket.socket) -> HostPort:
    return HostPort("127.0.0.1", held.getsockname()[1], "tcp")


@pytest.mark.parametrize("known", [True, False], ids=["just ending", "gone"])
def test_a_port_that_is_given_up_while_we_look_for_its_holder(
    held: socket.socket, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Its process is not found any more, or has no command line left to tell whose conmon it was."""

    def holder(_port: HostPort) -> int | None:
        held.close()
        return 2**22 + 1 if known else None

    monkeypatch.setattr(hostports, "_holder", holder)
    port = port_of(held)
    with Reservation() as reservation:
        reservation.take([port], CONTAINER)
        assert len(reservation.descriptors) == 1


def test_a_port_whose_holder_cannot_be_told(held: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostports, "_holder", lambda _port: None)
    with Reservation() as reservation, pytest.raises(NetworkError, match=r"port 127\..* is in use$"):
        reservation.take([port_of(held)], CONTAINER)


def test_a_port_of_another_program(held: socket.socket) -> None:
    with Reservation() as reservation, pytest.raises(NetworkError, match=f"by process {os.getpid()} "):
        reservation.take([port_of(held)], CONTAINER)
