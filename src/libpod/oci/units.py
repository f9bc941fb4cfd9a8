"""Amounts as people write them: CPUs, signals, limits."""

from __future__ import annotations

from libpod.errors import InvalidArgument
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

CPU_PERIOD = 100_000
"""Microseconds."""


def cpu_quota(text: str) -> int:
    """Microseconds of each period for `--cpus`."""
    try:
        cpus = float(text)
    except ValueError:
        cpus = -1.0
    if not 0 <= cpus < 1e6:
        raise InvalidArgument(f"--cpus {text!r} is not a number of CPUs", hint="such as 0.5 or 2")
    return int(cpus * CPU_PERIOD)


def signal_number(text: str) -> int:
    """The number of `TERM`, `SIGTERM`, `15`, `RTMIN+3`. InvalidArgument for an unknown one."""
    import signal

    name = text.upper().removeprefix("SIG")
    if name.isdigit():
        number = int(name)
    else:
        base, _, offset = name.partition("+")
        found = getattr(signal, f"SIG{base}", None)
        if not isinstance(found, signal.Signals) or (offset and not offset.isdigit()):
            raise InvalidArgument(f"unknown signal {text!r}", hint="`kill -l` lists them")
        number = found + int(offset or 0)
    if not 1 <= number <= 64:
        raise InvalidArgument(f"signal {text!r} is not between 1 and 64")
    return number


class Limit(NamedTuple):
    """A resource limit of getrlimit(2), -1 for none."""

    name: str
    soft: int
    hard: int


def limit(text: str) -> Limit:
    """`nofile=1024:2048`; InvalidArgument for another form, an unknown name, a soft limit above the hard."""
    import resource

    name, _, amounts = text.partition("=")
    numbers = amounts.split(":")
    # isalpha() and isdigit() take the letters and digits of other scripts, too.
    if not (text.isascii() and name.isalpha() and name.islower() and len(numbers) <= 2):
        raise _no_limit(text)
    if not all(number == "-1" or number.isdigit() for number in numbers):
        raise _no_limit(text)
    soft, hard = int(numbers[0]), int(numbers[-1])
    if not hasattr(resource, f"RLIMIT_{name.upper()}"):
        raise InvalidArgument(f"--ulimit {text!r}: unknown limit {name}", hint="see getrlimit(2)")
    if hard != -1 and (soft == -1 or soft > hard):
        raise InvalidArgument(f"--ulimit {text!r}: the soft limit is above the hard one")
    return Limit(name, soft, hard)


def _no_limit(text: str) -> InvalidArgument:
    return InvalidArgument(f"--ulimit {text!r} is not of the form NAME=SOFT[:HARD]")


def rlimits(
    limits: Sequence[Limit], defaults: Sequence[Limit] = ()
) -> tuple[list[dict[str, object]], list[str]]:
    """`process.rlimits`, and a warning for each limit that had to be lowered.

    Without CAP_SYS_RESOURCE a hard limit can only go down: one above ours becomes ours. *defaults* are for
    those that are not in *limits*; nobody has asked for them, so they are lowered without a word.
    """
    import resource

    result: list[dict[str, object]] = []
    warnings: list[str] = []
    asked = {wanted.name for wanted in limits}
    for wanted in (*limits, *(default for default in defaults if default.name not in asked)):
        kind = f"RLIMIT_{wanted.name.upper()}"
        _soft, ours = resource.getrlimit(getattr(resource, kind))
        hard = wanted.hard
        if ours != -1 and (hard == -1 or hard > ours) and not may_raise_limits():
            if wanted.name in asked:
                warnings.append(f"limit {wanted.name} lowered from {hard} to {ours}: we may not raise it")
            hard = ours
        soft = wanted.soft if hard == -1 or -1 < wanted.soft <= hard else hard
        result.append({"type": kind, "soft": _unsigned(soft), "hard": _unsigned(hard)})
    return result, warnings


def _unsigned(value: int) -> int:
    return value if value >= 0 else (1 << 64) - 1


def may_raise_limits() -> bool:
    """Whether we have CAP_SYS_RESOURCE (bit 24 of CapEff in /proc/self/status) of the host.

    In a user namespace it does not count.
    """
    from libpod.host import files, proc

    if proc.in_user_namespace():
        return False
    for line in files.read_text("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> 24 & 1)
    return False
