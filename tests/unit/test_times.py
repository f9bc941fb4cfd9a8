"""Times of the database, and the words for lengths of time."""

from __future__ import annotations

import pytest

from libpod.errors import DecodeError, InvalidArgument
from libpod.times import (
    NEVER,
    ZERO_TIME,
    exact_span,
    human_duration,
    interval,
    parse_time,
    point_in_time,
)

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-11-24T04:07:02Z", 1795493222.0),
        ("2026-11-24T04:07:02.5Z", 1795493222.5),
        ("2026-11-24T05:07:02.5+01:00", 1795493222.5),
        ("2026-11-23T20:07:02.5-08:00", 1795493222.5),
        ("2026-11-24T04:07:02.791881516Z", 1795493222.791881),
        (ZERO_TIME, -62135596800.0),
    ],
)
def test_times_of_go_are_read(text: str, seconds: float) -> None:
    assert parse_time(text, source="container web", key="createdTime") == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("text", [ZERO_TIME, "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00-12:00"])
def test_a_time_that_was_never_set_is_told_apart_in_every_zone(text: str) -> None:
    assert parse_time(text, source="container web", key="startedTime") <= NEVER


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-24T04:07:02", "2026-11-24", "2026-13-24T04:07:02Z", "1795493222"]
)
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(DecodeError, match="container web: createdTime: expected a time") as caught:
        parse_time(text, source="container web", key="createdTime")
    assert (caught.value.source, caught.value.key) == ("container web", "createdTime")


# What `podman ps` 4.3.1 prints for containers of these ages.
@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "Less than a second"),
        (0, "Less than a second"),
        (0.99, "Less than a second"),
        (1, "1 second"),
        (1.9, "1 second"),
        (2, "2 seconds"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (2 * MINUTE - 1, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (59 * MINUTE + 59, "59 minutes"),
        (HOUR, "About an hour"),
        (HOUR * 1.49, "About an hour"),
        (HOUR * 1.5, "2 hours"),
        (47 * HOUR, "47 hours"),
        (48 * HOUR, "2 days"),
        (13 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (730 * DAY, "2 years"),
        (3650 * DAY, "10 years"),
    ],
)
def test_ages_in_the_words_of_podman(seconds: float, words: str) -> None:
    assert human_duration(seconds) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h30m", 1000000.0 - 5400),
        ("10s", 999990.0),
        ("500ms", 999999.5),
        ("1700000000", 1700000000.0),
        ("1700000000.25", 1700000000.25),
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T01:00:10.123456789+01:00", 10.123456),
    ],
)
def test_points_in_time(text: str, expected: float) -> None:
    assert point_in_time(text, now=1000000.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "1x", "h", "1h-2m", "2026-99-01", "nan", "inf", "1e9", "\u0661h"]
)
def test_what_is_no_point_in_time(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a time"):
        point_in_time(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("5s", 5.0), ("1m30s", 90.0), ("40", 0.04), ("0.5s", 0.5)]
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert interval(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-1s", "5x", "5 s", "s", "2026-11-24T04:07:02Z", "²"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(InvalidArgument, match="not a length of time"):
        interval(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (999, "999ns"),
        (1500, "1.5µs"),
        (166405180, "166.40518ms"),
        (1000000000, "1s"),
        (3648653842, "3.648653842s"),
        (60000000000, "1m0s"),
        (3723000000001, "1h2m3.000000001s"),
        (3600500000000, "1h0m0.5s"),
    ],
)
def test_exact_lengths_of_time(nanoseconds: int, text: str) -> None:
    assert exact_span(nanoseconds) == text
