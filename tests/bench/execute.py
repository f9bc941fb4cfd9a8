"""A further process in a running container, beside Podman 4.3 on the same container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import hosts
from tests.bench.rows import Row, compared, medians

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROUNDS = 31


class Bench:
    """Measures `exec`; *say* gets one line for people about what is going on."""

    def __init__(
        self, room: Path, python: str, say: Callable[[str], None], *, quick: bool, rounds: int | None
    ) -> None:
        self.room = room
        self.python = python
        self.say = say
        self.rounds = rounds or (1 if quick else ROUNDS)
        self.rows: list[Row] = []
        self.about: dict[str, object] = {}

    def run(self) -> None:
        """Measure everything."""
        with (
            hosts.base(self.room, self.python) as disk,
            hosts.host(self.room, disk, self.python, 1) as host,
        ):
            host.boot()
            self.about = hosts.about(host)
            host.store.podman("start", "a")
            self.say("exec")
            ours, theirs = host.libpod("exec", "a", "true"), host.podman("exec", "a", "true")
            for command in (ours, theirs):
                host.seconds(command)
            host.take_for_steady()
            times = [(host.settled_seconds(ours), host.settled_seconds(theirs)) for _ in range(self.rounds)]
            self.rows.append(compared("exec: time", 1, "s", *medians(times), 1.0))
            flushes = host.flushes(ours), host.flushes(theirs)
            self.rows.append(compared("exec: flushes", 1, "", *flushes, 1.0))

    def remarks(self) -> list[str]:
        """Return nothing."""
        return []

    def details(self) -> dict[str, object]:
        """Return nothing."""
        return {}
