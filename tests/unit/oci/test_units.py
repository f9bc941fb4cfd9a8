"""Amounts as people write them."""

from __future__ import annotations

import resource
import signal

import pytest

from libpod.errors import InvalidArgument
from libpod.oci import units


@pytest.mark.parametrize(("text", "expected"), [("1", 100_000), ("0.5", 50_000), ("0", 0), ("2.25", 225_000)])
def test_cpu_quota(text: str, expected: int) -> None:
    assert units.cpu_quota(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "many", "nan", "inf", "1e7"])
def test_bad_cpus(text: str) -> None:
    with pytest.raises(InvalidArgument, match="--cpus"):
        units.cpu_quota(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TERM", signal.SIGTERM),
        ("sigkill", 9),
        ("15", 15),
        ("RTMIN+3", signal.SIGRTMIN + 3),
        ("64", 64),
        ("HUP", 1),
    ],
)
def test_signal(text: str, expected: int) -> None:
    assert units.signal_number(text) == expected


@pytest.mark.parametrize("text", ["", "NOPE", "0", "65", "-9", "RTMIN+99", "SIG_DFL", "TERM+x", "_BLOCK"])
def test_bad_signal(text: str) -> None:
    with pytest.raises(InvalidArgument):
        units.signal_number(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nofile=1024:2048", units.Limit("nofile", 1024, 2048)),
        ("nproc=5", units.Limit("nproc", 5, 5)),
        ("core=-1", units.Limit("core", -1, -1)),
        ("core=0:-1", units.Limit("core", 0, -1)),
    ],
)
def test_limit(text: str, expected: units.Limit) -> None:
    assert units.limit(text) == expected


@pytest.mark.parametrize(
    "text", ["", "nofile", "nofile=", "nofile=a", "what=1", "nofile=2:1", "nofile=-1:5", "=1"]
)
def test_bad_limit(text: str) -> None:
    with pytest.raises(InvalidArgument, match="--ulimit"):
        units.limit(text)


def test_a_limit_that_we_may_not_raise_is_lowered_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "may_raise_limits", lambda: False)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (100, 200))
    found, warnings = units.rlimits([units.Limit("nofile", 150, 1000), units.Limit("core", 10, 20)])
    assert found[0] == {"type": "RLIMIT_NOFILE", "soft": 150, "hard": 200}
    assert found[1] == {"type": "RLIMIT_CORE", "soft": 10, "hard": 20}
    assert warnings == ["limit nofile lowered from 1000 to 200: we may not raise it"]


def test_defaults_are_lowered_silently_and_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "may_raise_limits", lambda: False)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (100, 200))
    defaults = [units.Limit("nofile", 1000, 1000), units.Limit("nproc", 1000, 1000)]
    found, warnings = units.rlimits([units.Limit("nofile", 5, 6)], defaults)
    assert found == [
        {"type": "RLIMIT_NOFILE", "soft": 5, "hard": 6},
        {"type": "RLIMIT_NPROC", "soft": 200, "hard": 200},
    ]
    assert warnings == []


def test_no_limit_is_written_as_the_largest_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "may_raise_limits", lambda: True)
    found, warnings = units.rlimits([units.Limit("core", -1, -1)])
    assert found == [{"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1}]
    assert warnings == []


def test_a_soft_limit_of_none_follows_a_lowered_hard_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "may_raise_limits", lambda: False)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (100, 200))
    found, _warnings = units.rlimits([units.Limit("nofile", -1, -1)])
    assert found == [{"type": "RLIMIT_NOFILE", "soft": 200, "hard": 200}]
