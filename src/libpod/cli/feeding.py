"""Our input on its way into a container, beside its output."""

from __future__ import annotations

import contextlib
import os
import selectors

from libpod.cli import streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.cli.streams import Sink
    from libpod.cli.terminal import DetachKeys
    from libpod.oci.attach import AttachSocket

_CHUNK = 8192


def relay(connection: AttachSocket, keys: DetachKeys | None, sink: Sink, pid: int) -> bool:
    """As `libpod.cli.streams.relay`, where our input is wanted."""
    # poll, since epoll takes no regular files.
    with selectors.PollSelector() as selector:
        return _both_ways(_Feed(connection, keys, selector), sink, pid)


def _both_ways(feed: _Feed, sink: Sink, pid: int) -> bool:
    while True:
        for key, events in feed.selector.select():
            if key.fileobj is not feed.connection:
                feed.take()
            elif events & selectors.EVENT_READ and not streams.hand_on(feed.connection, sink):
                return streams.ended(pid, sink)
            elif events & selectors.EVENT_WRITE:
                feed.give()
            if feed.left:
                return False


class _Feed:
    """Our input on its way into a container.

    No more is read than the container takes: while it waits for us to take its output, it takes no input.
    """

    def __init__(
        self, connection: AttachSocket, keys: DetachKeys | None, selector: selectors.BaseSelector
    ) -> None:
        self.connection = connection
        self.selector = selector
        self.left = False
        """Whether nobody types any more: the keys came, or the terminal is gone."""
        self._keys = keys
        self._kept = b""
        selector.register(connection, selectors.EVENT_READ)
        selector.register(streams.STDIN, selectors.EVENT_READ)

    def take(self) -> None:
        """Read what has come, and pass it on."""
        try:
            data = os.read(streams.STDIN, _CHUNK)
        except BlockingIOError:
            # Somebody else who reads it was quicker.
            return
        except OSError:
            data = b""
        passed, complete = (data, False) if self._keys is None else self._keys.filter(data)
        if passed:
            self._kept = passed
            self.selector.unregister(streams.STDIN)
            self.selector.modify(self.connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
            self.give()
        if self._keys is not None:
            self.left = complete or not data
        elif not data:
            self.selector.unregister(streams.STDIN)
            with contextlib.suppress(OSError):
                self.connection.end_input()

    def give(self) -> None:
        """Pass on what is kept, as far as it is taken now; then it is the next input's turn."""
        try:
            self._kept = self._kept[self.connection.send(self._kept) :]
            if self._kept:
                return
            self.selector.register(streams.STDIN, selectors.EVENT_READ)
        except OSError:
            # The container has ended; the end of its output follows.
            self._kept = b""
        self.selector.modify(self.connection, selectors.EVENT_READ)
