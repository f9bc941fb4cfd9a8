"""A further process in a running container, beside Podman 4.3 on the same container."""

from __future__ import annotations

from tests.bench import hosts
from tests.bench.rows import Subject, compared, medians

ROUNDS = 31


class Bench(Subject):
    """`exec`."""

    def plan_for(self, *, quick: bool, rounds: int | None) -> None:
        """Set how much is measured, and how often."""
        self.rounds = rounds or (1 if quick else ROUNDS)

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
