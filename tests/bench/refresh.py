"""The boot refresh beside Podman 4.3 on the same stores.

Both programs run in turn in one session, on one machine; what counts is the ratio of the medians.
"""

from __future__ import annotations

import contextlib
import statistics
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import hosts
from tests.bench.rows import HEAVY, Row, Subject, compared, medians

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.hosts import Host


class Plan(NamedTuple):
    """How many containers the stores have, and how often each program runs."""

    small: int
    large: int
    huge: int
    rounds: int
    huge_rounds: int


FULL = Plan(small=10, large=1000, huge=10000, rounds=11, huge_rounds=3)
QUICK = Plan(small=2, large=6, huge=12, rounds=1, huge_rounds=1)


class Bench(Subject):
    """The boot refresh."""

    def plan_for(self, *, quick: bool, rounds: int | None) -> None:
        """Set how much is measured, and how often."""
        plan = QUICK if quick else FULL
        self.plan = plan._replace(rounds=rounds) if rounds else plan

    def run(self) -> None:
        """Measure everything."""
        plan = self.plan
        with hosts.base(self.room, self.python) as disk:
            with self._host(disk, plan.small) as host:
                self.steady_state(host, time_goal=1.0)
                self.about = hosts.about(host)
                self.imports = host.imports(host.libpod("refresh"))
                self.flushes(host)
            with self._host(disk, plan.large) as host:
                self.steady_state(host, time_goal=0.25)
                self.listing(host)
                self.flushes(host)
                large = self.refresh(host)
            with self._host(disk, plan.huge) as host:
                self.huge(host, large)

    @contextlib.contextmanager
    def _host(self, disk: Path, containers: int) -> Iterator[Host]:
        self.say(f"store of {containers} containers")
        with hosts.host(self.room, disk, self.python, containers) as host:
            yield host

    def steady_state(self, host: Host, *, time_goal: float) -> None:
        """Compare a refresh with nothing to do with the cheapest command of Podman."""
        host.boot()
        assert host.listed() == host.containers
        ours, theirs = host.libpod("refresh"), host.podman("ps", "-q")
        host.seconds(ours)
        self._compare("nothing to do: time", host, ours, theirs, time_goal)
        memory = statistics.median(host.peak_memory(ours) for _ in range(3))
        podman = statistics.median(host.peak_memory(theirs) for _ in range(3))
        row = compared("nothing to do: memory", host.containers, "MiB", memory, podman, 0.5)
        self.rows.append(row)

    def listing(self, host: Host) -> None:
        """Compare the listing of all containers; the host is on."""
        self._compare("ps -a: time", host, host.libpod("ps", "-a"), host.podman("ps", "-a"), 0.5)

    def _compare(self, what: str, host: Host, ours: list[str], theirs: list[str], goal: float) -> None:
        times = [(host.seconds(ours), host.seconds(theirs)) for _ in range(self.plan.rounds)]
        self.rows.append(compared(what, host.containers, "s", *medians(times), goal))

    def flushes(self, host: Host) -> None:
        """Count how often a refresh waits for the disk."""
        host.boot()
        ours = host.flushes(host.libpod("refresh"))
        host.boot()
        theirs = host.flushes(host.podman("ps", "-q"))
        self.rows.append(Row("refresh: flushes", host.containers, "", ours, theirs, None, 6))

    def refresh(self, host: Host) -> float:
        """Compare the refresh itself; Podman's is its first `ps -q` of a boot less a plain one."""
        ours, theirs = [], []
        for _ in range(self.plan.rounds):
            host.boot()
            ours.append(host.seconds(host.libpod("refresh")))
            host.boot()
            first = host.seconds(host.podman("ps", "-q"))
            theirs.append(first - host.seconds(host.podman("ps", "-q")))
        mine, podman = statistics.median(ours), statistics.median(theirs)
        self.rows.append(compared("refresh: time", host.containers, "s", mine, podman, 0.35))
        return mine

    def huge(self, host: Host, large: float) -> None:
        """Compare a huge store with the large one: time grows no more than the store, memory has a bound."""
        times = []
        for _ in range(self.plan.huge_rounds):
            host.boot()
            times.append(host.seconds(host.libpod("refresh")))
        host.boot()
        memory = host.peak_memory(host.libpod("refresh"))
        count, mine = host.containers, statistics.median(times)
        growth = Row(
            f"refresh: time, to that of {self.plan.large}", count, "s", mine, None, mine / large, 12.0
        )
        self.rows += [growth, Row("refresh: memory", count, "MiB", memory, None, None, 200)]
        # Podman's own refresh of so many takes minutes; after ours it lists them at once.
        assert host.listed() == count

    def remarks(self) -> list[str]:
        """Return what a refresh with nothing to do imports and should not."""
        heavy = ", ".join(sorted(HEAVY & self.imports.keys())) or "none"
        return [f"imports where there is nothing to do: {len(self.imports)} modules; heavy ones: {heavy}"]
