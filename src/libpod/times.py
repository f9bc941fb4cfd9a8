"""Times: as the database keeps them (RFC 3339 with a zone, up to nine decimals), and for people."""

from __future__ import annotations

import time

from libpod.errors import DecodeError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
else:
    # Up to Python 3.11 `datetime` makes all its classes in Python first, and then takes those of C.
    try:
        from _datetime import datetime
    except ImportError:
        from datetime import datetime

ZERO_TIME = "0001-01-01T00:00:00Z"
"""How Go writes a time that was never set, in UTC."""

NEVER = -62135510400.0
"""Times up to here, the end of the first day of the year 1, were never set, whatever their zone."""

_DURATION = r"(?a)(?:(\d+(?:\.\d+)?)(h|ms|us|ns|m|s))"
_SECONDS = r"(?a)-?\d+(?:\.\d+)?"
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY_HOURS = 24
_WEEK_HOURS = 7 * _DAY_HOURS
_MONTH_HOURS = 30 * _DAY_HOURS
_YEAR_HOURS = 365 * _DAY_HOURS


def parse_time(text: str, *, source: str, key: str) -> float:
    """Seconds since 1970 of the RFC 3339 *text*; -62135596800 for a time that was never set.

    Decimals beyond the sixth are dropped. DecodeError, naming *source* and *key*, for anything else.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise DecodeError(f"{source}: {key}: expected a time, found {text[:60]!r}", source=source, key=key)
    return moment.timestamp()


def timestamp(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time, of local time where it names no zone; else ValueError."""
    return datetime.fromisoformat(text).timestamp()


def point_in_time(text: str, now: float | None = None) -> float:
    """A point in time as `--since`, `--until` and the filter `until` take it, in seconds since 1970.

    RFC 3339 (a zone may be missing: local time), seconds since 1970, or a duration before *now* such as
    `10m` or `1h30m`. InvalidArgument for anything else.
    """
    import re

    ago = _duration(text)
    if ago is not None:
        return (time.time() if now is None else now) - ago
    if re.fullmatch(_SECONDS, text):
        return float(text)
    try:
        return timestamp(text)
    except ValueError as error:
        raise InvalidArgument(
            f"{text!r} is not a time",
            hint="use 2026-01-31T12:00:00Z, seconds since 1970, or a duration: 1h30m",
        ) from error


def _duration(text: str) -> float | None:
    import re

    pieces = re.findall(_DURATION, text)
    if not pieces or "".join(amount + unit for amount, unit in pieces) != text:
        return None
    return sum(float(amount) * _UNITS[unit] for amount, unit in pieces)


def interval(text: str) -> float:
    """A length of time such as `5s` or `250ms`, in seconds; a number alone is of milliseconds.

    InvalidArgument for anything else, and for one of no length.
    """
    found = _duration(f"{text}ms" if text.isascii() and text.isdigit() else text)
    if not found:
        raise InvalidArgument(f"{text!r} is not a length of time", hint="such as 250ms, 5s or 1m")
    return found


def human_duration(seconds: float) -> str:
    """A length of time in words, one unit, in the steps and the rounding of Podman's lists.

    Less than a second, also when a clock was set back, is "Less than a second".
    """
    if seconds < _MINUTE:
        return _small(int(seconds))
    if seconds < _HOUR:
        minutes = int(seconds // _MINUTE)
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / _HOUR + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, unit, name in _STEPS:
        if hours < limit:
            return f"{hours // unit} {name}"
    return f"{int(seconds / _HOUR) // _YEAR_HOURS} years"


def span(seconds: float) -> str:
    """A length of time as Go prints one: `1h2m3s`."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    text = f"{hours}h" * bool(hours) + f"{minutes}m" * bool(hours or minutes)
    return f"{text}{whole % 60}s"


def exact_span(nanoseconds: int) -> str:
    """A length of time to the last nanosecond, as Go prints one: `1m2.5s`, `166.40518ms`."""
    if nanoseconds < 1000:
        return f"{nanoseconds}ns" if nanoseconds else "0s"
    for unit, size in (("µs", 1000), ("ms", 1000_000)):
        if nanoseconds < 1000 * size:
            return f"{_decimal(nanoseconds, size)}{unit}"
    minute = 60 * 1000_000_000
    before = span(nanoseconds // minute * 60).removesuffix("0s") if nanoseconds >= minute else ""
    return f"{before}{_decimal(nanoseconds % minute, 1000_000_000)}s"


def _decimal(number: int, size: int) -> str:
    """*number* / *size*, a power of ten, with as many digits as it takes."""
    digits = len(str(size)) - 1
    return f"{number // size}.{number % size:0{digits}}".rstrip("0").rstrip(".")


_STEPS = (
    (2 * _DAY_HOURS, 1, "hours"),
    (2 * _WEEK_HOURS, _DAY_HOURS, "days"),
    (2 * _MONTH_HOURS, _WEEK_HOURS, "weeks"),
    (2 * _YEAR_HOURS, _MONTH_HOURS, "months"),
)


def _small(seconds: int) -> str:
    if seconds < 1:
        return "Less than a second"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
