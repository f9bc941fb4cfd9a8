"""Ports of the host that are published: taken before a container starts, and held while it runs.

The rules that lead to the container work on packets, not on sockets: without a socket that holds the port,
another program could listen on it and never get anything. Podman holds them in the same way.
"""

from __future__ import annotations

import errno
import os
import time

from libpod.errors import NetworkError
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

ANY_ADDRESS = "0.0.0.0"
PREDECESSOR_SECONDS = 20.0
"""How long we wait for a port that is held for an earlier run of the same container."""
_POLL_SECONDS = 0.05
_LOOKS = 3
"""How often a port must be found taken by nobody who can be told: who had it may have ended meanwhile."""


class HostPort(NamedTuple):
    """One port of the host. An empty *address* is every IPv4 address."""

    address: str
    number: int
    protocol: str

    def __str__(self) -> str:
        place = f"[{self.address}]" if ":" in self.address else self.address or ANY_ADDRESS
        return f"{place}:{self.number}/{self.protocol}"


class Reservation:
    """Sockets that hold ports; a context manager, which gives them up at its end.

    A process that has inherited *descriptors* goes on holding the ports.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    @property
    def descriptors(self) -> list[int]:
        """The sockets' descriptors."""
        return [held.fileno() for held in self._sockets]

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_exception: object) -> None:
        for held in self._sockets:
            held.close()
        self._sockets.clear()

    def take(self, ports: Iterable[HostPort], container_id: str) -> None:
        """Take every port for a container. NetworkError, which names the holder, for the first taken one."""
        for port in ports:
            self._sockets.append(self._take(port, container_id))

    def _take(self, port: HostPort, container_id: str) -> socket.socket:
        end = time.monotonic() + PREDECESSOR_SECONDS
        looks = 0
        while True:
            try:
                return _bind(port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise _refusal(port, error, None) from error
                holder = _holder(port)
                words = [] if holder is None else _words(holder)
                looks += not words
                others = words and container_id not in words
                if others or looks == _LOOKS or time.monotonic() > end:
                    raise _refusal(port, error, holder) from error
            time.sleep(_POLL_SECONDS)


def _bind(port: HostPort) -> socket.socket:
    import socket

    kind = socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
    protocol = socket.IPPROTO_SCTP if port.protocol == "sctp" else 0
    held = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
    try:
        if port.protocol == "tcp":
            # As every server: connections of an earlier run that still fade away do not count.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((port.address or ANY_ADDRESS, port.number))
        if port.protocol != "udp":
            held.listen(1)
    except BaseException:
        held.close()
        raise
    return held


def random_port(address: str, protocol: str, taken: Iterable[int]) -> int:
    """A port that is free now, and none of *taken*. NetworkError."""
    avoid = set(taken)
    for _ in range(100):
        try:
            with _bind(HostPort(address, 0, protocol)) as probe:
                number: int = probe.getsockname()[1]
        except OSError as error:
            raise _refusal(HostPort(address, 0, protocol), error, None) from error
        if number not in avoid:
            return number
    raise NetworkError(f"no {protocol} port is free on {address or ANY_ADDRESS}")


def _refusal(port: HostPort, error: OSError, holder: int | None) -> NetworkError:
    from libpod.host import proc

    if error.errno == errno.EADDRINUSE:
        by = (
            ""
            if holder is None
            else f" by {_container(holder) or f'process {proc.describe_process(holder)}'}"
        )
        return NetworkError(f"port {port} is in use{by}", hint="publish another port, or end what uses it")
    if error.errno == errno.EADDRNOTAVAIL:
        return NetworkError(f"port {port}: this host does not have the address {port.address}")
    return NetworkError(f"port {port}: {os.strerror(error.errno or 0)}")


def _words(pid: int) -> list[str]:
    from libpod.host import proc

    return proc.command_line(pid)


def _container(pid: int) -> str:
    """The container for which a conmon holds the port; empty for other programs."""
    words = _words(pid)
    if "--exit-dir" not in words or "-n" not in words[:-1]:
        return ""
    return f"container {words[words.index('-n') + 1]}"


def _holder(port: HostPort) -> int | None:
    """The process that has the port, where that can be told."""
    import psutil

    try:
        found = psutil.net_connections("udp" if port.protocol == "udp" else "tcp")
    except (psutil.Error, OSError):
        return None
    for connection in found:
        address = connection.laddr
        waits = port.protocol == "udp" or connection.status == psutil.CONN_LISTEN
        if address and address.port == port.number and waits and _same_place(address.ip, port.address):
            return int(connection.pid) if connection.pid else None
    return None


def _same_place(theirs: str, ours: str) -> bool:
    anywhere = ("", ANY_ADDRESS, "::")
    return theirs in anywhere or ours in anywhere or theirs == ours
