"""The life of containers beside Podman 4.3 with the same runc, on one store, without a network.

Both programs run in turn in one session, on one machine; what counts is the ratio of the medians.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench import hosts
from tests.bench.rows import Row, Subject, compared, medians

if TYPE_CHECKING:
    from tests.bench.hosts import Host

RUN = ("run", "--rm", "--network", "none", "bb", "true")
# What `run` must not import: each costs milliseconds, and there is a way without it.
HEAVY = {
    "dataclasses",
    "filelock",
    "inspect",
    "logging",
    "pathlib",
    "platform",
    "psutil",
    "pystemd",
    "sqlite3",
}
HEAVY |= {"ctypes.util", "datetime", "ipaddress", "random", "tempfile"}


class Plan(NamedTuple):
    """How often the programs run, how many containers run at a time, and how many are made and removed."""

    rounds: int
    many: int
    cycles: int
    lives: int


FULL = Plan(rounds=31, many=200, cycles=1000, lives=21)
QUICK = Plan(rounds=1, many=2, cycles=4, lives=1)


class Bench(Subject):
    """The life of containers."""

    def plan_for(self, *, quick: bool, rounds: int | None) -> None:
        """Set how much is measured, and how often."""
        plan = QUICK if quick else FULL
        self.plan = plan._replace(rounds=rounds) if rounds else plan

    def run(self) -> None:
        """Measure everything."""
        with (
            hosts.base(self.room, self.python) as disk,
            hosts.host(self.room, disk, self.python, 1) as host,
        ):
            host.boot()
            self.about = hosts.about(host)
            self.command(host)
            self.library(host)
            self.many(host)

    def command(self, host: Host) -> None:
        """Compare `run --rm` of `true`, as people type it: time, and waits for the disk."""
        self.say("run --rm")
        ours, theirs = host.libpod(*RUN), host.podman(*RUN)
        for command in (ours, theirs):
            host.seconds(command)
        host.take_for_steady()
        times = [(host.settled_seconds(ours), host.settled_seconds(theirs)) for _ in range(self.plan.rounds)]
        self.rows.append(compared("run --rm: time", 0, "s", *medians(times), 1.0))
        flushes = host.flushes(ours), host.flushes(theirs)
        self.rows.append(compared("run --rm: flushes", 0, "", *flushes, 1.0))
        self.imports = host.imports(ours)

    def library(self, host: Host) -> None:
        """Compare a life through the library (create, start, wait, remove) with `runc run` of the bundle."""
        self.say("lives through the library")
        found = self._inside(host, "lives", str(self.plan.lives))
        pairs = list(zip(found["library"], found["runc"], strict=True))
        self.rows.append(compared("library: a life, to `runc run`", 0, "s", *medians(pairs), 2.5))

    def many(self, host: Host) -> None:
        """Start many containers through the library, list them, and make and remove more of them."""
        plan = self.plan
        self.say(f"{plan.many} containers through the library, then {plan.cycles} made and removed")
        found = self._inside(host, "many", str(plan.many), str(plan.cycles))
        self.rows += [
            Row("library: memory, all started", plan.many, "MiB", found["peak"], None, None, 80.0),
            Row(f"library: growth, {plan.cycles} cycles", plan.many, "MiB", found["growth"], None, None, 1.0),
        ]
        ours, theirs = host.libpod("ps"), host.podman("ps")
        times = [(host.seconds(ours), host.seconds(theirs)) for _ in range(plan.rounds)]
        self.rows.append(compared("ps: time", plan.many, "s", *medians(times), 0.5))

    @staticmethod
    def _inside(host: Host, *arguments: str) -> dict[str, Any]:
        """Run `library.py` on the host's store; return what it measured."""
        program = [host.store.python, str(hosts.LIBRARY), *host.places, *arguments]
        result = host.machine.run(program, environment=host.environment, timeout=1800)
        found = json.loads(result.stdout)
        assert isinstance(found, dict)
        return found

    def remarks(self) -> list[str]:
        """Return what `run` imports and should not."""
        heavy = ", ".join(sorted(HEAVY & self.imports.keys())) or "none"
        return [f"imports of run: {len(self.imports)} modules; heavy ones: {heavy}"]
