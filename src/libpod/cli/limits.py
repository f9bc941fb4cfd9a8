"""The flags of `create` and `run` that limit what a container may use."""

from __future__ import annotations

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Final

    from libpod.oci.options import Resources

_PERIODS: Final = range(1000, 1_000_001)
"""Microseconds: the kernel takes no shorter and no longer ones."""
_SWAPPINESS: Final = range(101)


def resources(options: Namespace) -> Resources:
    """What the flags ask for. InvalidArgument, naming the flag, for what no control group takes."""
    from libpod import sizes
    from libpod.oci import devices
    from libpod.oci.options import Resources

    def size(flag: str) -> int | None:
        text = getattr(options, flag.replace("-", "_"))
        return sizes.memory_size(text, flag) if text is not None else None

    period, quota = _cpu_time(options)
    return Resources(
        memory=size("memory"),
        memory_reservation=size("memory-reservation"),
        memory_swap=size("memory-swap"),
        memory_swappiness=_swappiness(options),
        oom_kill_disable=options.oom_kill_disable,
        cpu_shares=number("--cpu-shares", options.cpu_shares),
        cpu_period=period,
        cpu_quota=quota,
        cpu_rt_period=number("--cpu-rt-period", options.cpu_rt_period) or None,
        cpu_rt_runtime=number("--cpu-rt-runtime", options.cpu_rt_runtime) or None,
        cpuset_cpus=options.cpuset_cpus or "",
        cpuset_mems=options.cpuset_mems or "",
        pids_limit=number("--pids-limit", options.pids_limit),
        blkio_weight=devices.weight("--blkio-weight", options.blkio_weight) if options.blkio_weight else None,
        block_devices={
            name: found
            for name, flag in devices.BLOCK_LIMITS.items()
            if (found := [devices.block_limit(flag, text) for text in _given(options, flag)])
        },
        cgroup_files=_cgroup_files(options.cgroup_conf),
        oom_score_adj=number("--oom-score-adj", options.oom_score_adj),
    )


def number(flag: str, text: str | None) -> int | None:
    """The whole number given with *flag*; None where none was. InvalidArgument for anything else."""
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InvalidArgument(f"{flag} {text!r} is not a whole number") from error


def _given(options: Namespace, flag: str) -> list[str]:
    found: list[str] = getattr(options, flag.removeprefix("--").replace("-", "_"))
    return found


def _cpu_time(options: Namespace) -> tuple[int | None, int | None]:
    """Period and quota, both in microseconds."""
    from libpod.oci import units

    period, quota = number("--cpu-period", options.cpu_period), number("--cpu-quota", options.cpu_quota)
    if options.cpus is not None:
        if period is not None or quota is not None:
            flag = "--cpu-quota" if period is None else "--cpu-period"
            raise InvalidArgument(f"--cpus and {flag} exclude each other", hint="--cpus sets both")
        quota = units.cpu_quota(options.cpus)
        return (units.CPU_PERIOD, quota) if quota else (None, None)
    if period and period not in _PERIODS:
        raise InvalidArgument(f"--cpu-period {period} is not between 1000 (1 ms) and 1000000 (1 s)")
    if quota is not None and 0 < quota < _PERIODS[0]:
        raise InvalidArgument(f"--cpu-quota {quota} is less than 1000 (1 ms)")
    return period or None, quota if quota and quota > 0 else None


def _swappiness(options: Namespace) -> int | None:
    value = number("--memory-swappiness", options.memory_swappiness)
    if value is None or value == -1:
        return None
    if value not in _SWAPPINESS:
        raise InvalidArgument(f"--memory-swappiness {value} is not between 0 and 100")
    return value


def _cgroup_files(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals or "/" in name:
            raise InvalidArgument(
                f"--cgroup-conf {text!r} is not of the form FILE=VALUE", hint="memory.high=1G"
            )
        found[name] = value
    return found
