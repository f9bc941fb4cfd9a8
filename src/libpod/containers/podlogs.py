"""The output of several containers as one stream."""

from __future__ import annotations

import heapq
import queue
import threading
import time

from libpod import times
from libpod.errors import LibpodError
from libpod.oci import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from libpod.containers.container import Container
    from libpod.oci.logs import LogLine, Selection

    Line = tuple[Container, LogLine]


def read(containers: Sequence[Container], selection: Selection, *, follow: bool) -> Iterator[Line]:
    """The selected lines with the containers that wrote them, in the order of their times.

    With *follow* in the order in which they come, until all containers have ended.
    """
    if follow:
        yield from _Following(containers, selection)
        return
    streams = [_of(container, selection) for container in containers]
    yield from heapq.merge(*streams, key=lambda entry: times.timestamp(entry[1].time))


def _of(container: Container, selection: Selection) -> Iterator[Line]:
    for line in container.logs(selection):
        yield container, line


class _Following:
    """One thread for each container reads its log; only the thread that iterates uses the database."""

    def __init__(self, containers: Sequence[Container], selection: Selection) -> None:
        self._containers = containers
        self._selection = selection
        self._lines: queue.SimpleQueue[Line | LibpodError | None] = queue.SimpleQueue()
        self._running = {container.id: True for container in containers}

    def __iter__(self) -> Iterator[Line]:
        for container in self._containers:
            threading.Thread(target=self._pump, args=(container,), daemon=True).start()
        left, asked = len(self._containers), 0.0
        while left:
            if time.monotonic() - asked > logs.POLL_SECONDS:
                self._running = {container.id: container.is_running() for container in self._containers}
                asked = time.monotonic()
            try:
                found = self._lines.get(timeout=logs.POLL_SECONDS)
            except queue.Empty:
                continue
            if found is None:
                left -= 1
            elif isinstance(found, LibpodError):
                raise found
            else:
                yield found

    def _pump(self, container: Container) -> None:
        def running() -> bool:
            return self._running[container.id]

        try:
            for line in container.logs(self._selection, follow=True, running=running):
                self._lines.put((container, line))
        except LibpodError as error:
            self._lines.put(error)
        self._lines.put(None)
