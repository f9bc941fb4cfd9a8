"""The attach socket of conmon: a container's standard streams.

A SOCK_SEQPACKET socket in the bundle. Packets from conmon begin with a byte, 2 for stdout (and for all output
of a terminal) and 3 for stderr, and carry at most 8192 bytes; what we send is the standard input as it is.
An empty packet is the end. Output from before the connection is only in the log (conmon 2.1.6, measured).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

from libpod.errors import FileError, InvalidState
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PACKET_SIZE = 8193
_PACKETS_AT_ONCE = 32
_LARGEST_SIZE = 1000
"""conmon refuses a window with more lines or columns."""
STDOUT, STDERR = 1, 2
_STREAMS = {2: STDOUT, 3: STDERR}
# sockaddr_un holds 108 bytes; a longer path is reached through the directory's descriptor.
_MAXIMUM_PATH = 107


class Output(NamedTuple):
    """What the container wrote to a *stream* (1 or 2)."""

    stream: int
    data: bytes


class AttachSocket:
    """A connection to the container whose attach socket is at *path*. InvalidState if nobody listens."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            _connect(self._socket, path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            self._socket.close()
            raise InvalidState(
                f"{path}: nobody serves this container's streams", hint="is the container running?"
            ) from error
        except OSError as error:
            self._socket.close()
            raise FileError("connect to", path, error) from error

    def fileno(self) -> int:
        """For select and poll."""
        return self._socket.fileno()

    def receive(self) -> Output | None:
        """The next piece of output, waiting for it; None at the end."""
        return _unpacked(self._received())

    def receive_more(self) -> list[Output | None]:
        """What has come, waiting for the first piece only; neighbours of one stream are one. None at the end.

        A quick container fills its socket while we write: taken piece by piece, each would cost us a wait.
        """
        found = [self.receive()]
        while found[-1] is not None and len(found) < _PACKETS_AT_ONCE:
            try:
                found.append(_unpacked(self._received(socket.MSG_DONTWAIT)))
            except BlockingIOError:
                break
        return _joined(found)

    def _received(self, flags: int = 0) -> bytes:
        try:
            return self._socket.recv(PACKET_SIZE, flags)
        except ConnectionResetError:
            # conmon has ended and has not read all that we sent. The kernel tells that once, and before what
            # conmon had to say.
            return self._socket.recv(PACKET_SIZE, flags)

    def outputs(self) -> Iterator[Output]:
        """All output until the end."""
        while True:
            output = self.receive()
            if output is None:
                return
            yield output

    def send(self, data: bytes) -> int:
        """Give the container's standard input what it takes of *data* without waiting; returns how much."""
        try:
            return self._socket.send(data[: PACKET_SIZE - 1], socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def end_input(self) -> None:
        """The container's standard input ends here."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give up the connection; the container goes on."""
        self._socket.close()

    def __enter__(self) -> AttachSocket:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _unpacked(packet: bytes) -> Output | None:
    return Output(_STREAMS.get(packet[0], STDOUT), packet[1:]) if packet else None


def _joined(found: list[Output | None]) -> list[Output | None]:
    joined: list[Output | None] = []
    for stream, pieces in itertools.groupby(found, key=lambda output: output.stream if output else 0):
        data = b"".join(piece.data for piece in pieces if piece)
        joined.append(Output(stream, data) if stream else None)
    return joined


def resize(control_pipe: str, lines: int, columns: int) -> None:
    """Give the terminal behind conmon's *control_pipe* the size of *lines* and *columns*.

    Nothing happens once conmon is gone: then there is no terminal. The message is conmon's own, "1" for a
    size (conmon 2.1.6, measured).
    """
    lines, columns = min(lines, _LARGEST_SIZE), min(columns, _LARGEST_SIZE)
    with contextlib.suppress(OSError):
        descriptor = os.open(control_pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.write(descriptor, f"1 {lines} {columns}\n".encode())
        finally:
            os.close(descriptor)


def _connect(connection: socket.socket, path: str) -> None:
    if len(os.fsencode(path)) <= _MAXIMUM_PATH:
        connection.connect(path)
        return
    directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    finally:
        os.close(directory)
