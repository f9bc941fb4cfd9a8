"""The flags of health checks; what Podman 4.3.1 makes of each was measured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from libpod.cli import healthcheck
from libpod.containers import health
from libpod.containers.health import HealthCheck
from libpod.errors import InvalidArgument

if TYPE_CHECKING:
    from argparse import Namespace


def options(**given: Any) -> Namespace:
    names = ("cmd", "interval", "timeout", "start_period", "retries", "on_failure")
    values = {f"health_{name}": given.pop(name, None) for name in names}
    return SimpleNamespace(**{"no_healthcheck": False, **values, **given})  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("test -e /ok", ("CMD-SHELL", "test -e /ok")),
        ("true", ("CMD-SHELL", "true")),
        ('["test","-e","/ok"]', ("CMD", "test", "-e", "/ok")),
        ('["true"]', ("CMD-SHELL", "true")),
        ("CMD test -e /ok", ("CMD", "test", "-e", "/ok")),
        ('["CMD-SHELL","x y"]', ("CMD-SHELL", "x y")),
        ('["CMD","x y"]', ("CMD", "x y")),
        ("[ -e /ok ]", ("CMD-SHELL", "[ -e /ok ]")),
        ("[1]", ("CMD-SHELL", "[1]")),
        ("[]", ("CMD-SHELL", "[]")),
    ],
)
def test_commands(text: str, test: tuple[str, ...]) -> None:
    assert healthcheck.wanted(options(cmd=text)) == HealthCheck(test)


@pytest.mark.parametrize("text", ["none", "NONE", '["NONE"]'])
def test_no_health_check(text: str) -> None:
    assert healthcheck.wanted(options(cmd=text)) == health.NOTHING
    assert healthcheck.wanted(options(no_healthcheck=True)) == health.NOTHING
    assert healthcheck.wanted(options()) is None
    assert healthcheck.wanted(options(cmd="")) is None


def test_times() -> None:
    given = options(cmd="x", interval="1m30s", timeout="500ms", start_period="2h", retries="7")
    assert healthcheck.wanted(given) == HealthCheck(("CMD-SHELL", "x"), 90, 0.5, 7200, 7)
    for text in ("0", "disable"):
        found = healthcheck.wanted(options(cmd="x", interval=text))
        assert found is not None
        assert found.interval == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"interval": "abc"}, "--health-interval 'abc' is not a length of time"),
        ({"interval": "-1s"}, "--health-interval"),
        ({"timeout": "0"}, "--health-timeout"),
        ({"start_period": "soon"}, "--health-start-period"),
        ({"retries": "0"}, "--health-retries"),
        ({"retries": "x"}, "--health-retries"),
        ({"retries": "-1"}, "--health-retries"),
        ({"no_healthcheck": True}, "exclude each other"),
    ],
)
def test_what_cannot_be(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        healthcheck.wanted(options(cmd="x", **given))


def test_actions() -> None:
    assert healthcheck.action(options()) == "none"
    assert healthcheck.action(options(on_failure="restart")) == "restart"
    with pytest.raises(InvalidArgument, match="one of none, kill, restart, stop"):
        healthcheck.action(options(on_failure="never"))
