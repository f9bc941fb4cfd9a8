"""Output of an attached container, and figures of many, beside Podman 4.3 on the same containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.bench import hosts
from tests.bench.rows import Subject, compared, medians

if TYPE_CHECKING:
    from tests.bench.hosts import Host


class Plan(NamedTuple):
    """How often the programs run, how much is written, and how many containers run."""

    rounds: int
    megabytes: int
    many: int


FULL = Plan(rounds=7, megabytes=100, many=50)
QUICK = Plan(rounds=1, megabytes=1, many=2)


class Bench(Subject):
    """Output of a container, and `stats`."""

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
            self.output(host)
            self.figures(host)

    def output(self, host: Host) -> None:
        """Compare how long a container takes that writes to us what conmon reads from it."""
        self.say(f"{self.plan.megabytes} MB of output")
        command = ("/bin/busybox", "head", "-c", f"{self.plan.megabytes}000000", "/dev/zero")
        flags = ("--network", "none", "--log-driver", "none", "--name", "writes")
        host.store.podman("create", *flags, "bb", *command)
        ours, theirs = (make("start", "--attach", "writes") for make in (host.libpod, host.podman))
        host.take_for_steady()
        times = [(host.settled_seconds(ours), host.settled_seconds(theirs)) for _ in range(self.plan.rounds)]
        self.rows.append(compared(f"start --attach: {self.plan.megabytes} MB", 1, "s", *medians(times), 1.0))

    def figures(self, host: Host) -> None:
        """Compare the CPU time of `stats` of many containers."""
        self.say(f"stats of {self.plan.many} containers")
        for number in range(self.plan.many):
            host.store.podman(
                "run", "-d", "--network", "none", "--name", f"s{number}", "bb", "sleep", "100000"
            )
        ours, theirs = (make("stats", "--no-stream") for make in (host.libpod, host.podman))
        pairs = [(host.cpu_seconds(ours), host.cpu_seconds(theirs)) for _ in range(self.plan.rounds)]
        self.rows.append(compared("stats: CPU time", self.plan.many, "s", *medians(pairs), 0.5))
