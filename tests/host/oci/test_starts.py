"""What real starts are made of: specifications without a fault, and limits that we may not raise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libpod.oci import units
from tests.lab import schema

if TYPE_CHECKING:
    from tests.lab.containers import Room

STARTS: tuple[tuple[str, ...], ...] = (
    (),
    ("--privileged",),
    ("--read-only", "--user", "worker", "--cap-add", "NET_ADMIN"),
    ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--ulimit", "nofile=-1"),
    ("--network", "host", "--pid", "host", "--uts", "host", "--ipc", "host"),
    ("-v", "/tmp:/data:slave", "--tmpfs", "/a", "--device", "/dev/null:/dev/other:r"),
    ("--uidmap", "0:200000:65536", "--add-host", "a:1.2.3.4", "--dns", "1.1.1.1"),
)


def test_every_specification_is_valid(room: Room) -> None:
    for number, options in enumerate(STARTS):
        name = f"c{number}"
        room.libpod("run", "--name", name, *options, "bb", "true")
        assert schema.faults(room.config(name)) == [], options


def test_a_limit_that_we_may_not_raise_is_lowered_with_a_warning(room: Room) -> None:
    asked = "nofile=2000000000:2000000000"
    result = room.libpod("run", "--rm", "--ulimit", asked, "bb", "sh", "-c", "ulimit -Hn", status=None)
    if units.may_raise_limits():
        # Even then there is a limit of the kernel, fs.nr_open, of which the runtime tells.
        assert result.status in (0, 125)
        return
    assert result.status == 0, result
    assert "limit nofile lowered from 2000000000 to" in result.stderr
    assert int(result.words) < 2_000_000_000


def test_limits_that_nobody_asked_for_are_lowered_silently(room: Room) -> None:
    room.configuration.write_text(
        room.configuration.read_text().replace("default_ulimits", "# default_ulimits")
    )
    result = room.libpod("run", "--rm", "bb", "sh", "-c", "ulimit -Hn; grep processes /proc/self/limits")
    assert result.stderr == ""
    # `Max processes SOFT HARD processes`
    files, processes = result.words.splitlines()
    assert 0 < int(files) <= 1 << 20
    assert 0 < int(processes.split()[3]) <= 1 << 20
