"""How health checks are read and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libpod.containers import health
from libpod.containers.health import HealthCheck
from libpod.errors import DecodeError, FileError, InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

CHECK = HealthCheck(("CMD", "true"), retries=2)
FAILED, WORKED = {"ExitCode": 1}, {"ExitCode": 0}


@pytest.mark.parametrize(
    ("test", "command"),
    [
        ((), ()),
        (("",), ()),
        (("NONE",), ()),
        (("CMD", "test", "-e", "/ok"), ("test", "-e", "/ok")),
        (("CMD-SHELL", "test -e", "/ok"), ("/bin/sh", "-c", "test -e /ok")),
        (("test", "-e", "/ok"), ("test", "-e", "/ok")),
    ],
)
def test_commands(test: tuple[str, ...], command: tuple[str, ...]) -> None:
    assert HealthCheck(test).command() == command


@pytest.mark.parametrize(
    ("check", "stored"),
    [
        (health.NOTHING, {"Test": ["NONE"]}),
        (
            HealthCheck(("CMD", "x")),
            {"Test": ["CMD", "x"], "Interval": 30 * 10**9, "Timeout": 30 * 10**9, "Retries": 3},
        ),
        (
            HealthCheck(("CMD-SHELL", "x"), interval=0, timeout=0.25, start_period=90, retries=1),
            {"Test": ["CMD-SHELL", "x"], "StartPeriod": 90 * 10**9, "Timeout": 250_000_000, "Retries": 1},
        ),
    ],
)
def test_what_is_stored_is_read_again(check: HealthCheck, stored: dict[str, object]) -> None:
    assert check.as_config() == stored
    assert health.decode({"healthcheck": stored}, "c") == check


def test_what_an_image_leaves_open() -> None:
    image = {"Healthcheck": {"Test": ["CMD", "x"], "Retries": 7}}
    assert health.of_image(image, "image") == HealthCheck(("CMD", "x"), retries=7)
    assert health.of_image({}, "image") is None
    assert health.settings(None, "none", {}) == {"healthcheck": None, "healthcheck_on_failure_action": 0}
    assert health.settings(health.NOTHING, "none", image)["healthcheck"] == {"Test": ["NONE"]}
    assert health.settings(None, "restart", image)["healthcheck_on_failure_action"] == 3


@pytest.mark.parametrize(("check", "image"), [(None, {}), (health.NOTHING, {"Healthcheck": {"Test": ["x"]}})])
def test_an_action_needs_something_that_can_fail(check: HealthCheck | None, image: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument, match="no action kill"):
        health.settings(check, "kill", image)


@pytest.mark.parametrize(
    "stored", [[], {"Test": "x"}, {"Test": [1]}, {"Interval": "30s"}, {"Test": ["x"], "Retries": True}]
)
def test_what_is_no_health_check(stored: object) -> None:
    with pytest.raises(DecodeError, match="container c"):
        health.decode({"healthcheck": stored}, "container c")


@pytest.mark.parametrize(
    ("results", "is_new", "word", "streak"),
    [
        ([WORKED], False, "healthy", 0),
        ([FAILED], False, "starting", 1),
        ([FAILED, FAILED], False, "unhealthy", 2),
        ([FAILED, FAILED, FAILED], False, "unhealthy", 3),
        ([FAILED, WORKED, FAILED], False, "healthy", 1),
        ([FAILED, FAILED, WORKED], False, "healthy", 0),
        ([FAILED, FAILED, FAILED], True, "starting", 0),
        ([WORKED, FAILED, FAILED], True, "healthy", 0),
    ],
)
def test_judgement(results: list[dict[str, object]], is_new: bool, word: str, streak: int) -> None:
    found: dict[str, object] = {"Status": health.STARTING, "FailingStreak": 0, "Log": None}
    for result in results:
        found = health.judged(found, CHECK, result, is_new=is_new)
    assert (found["Status"], found["FailingStreak"], found["Log"]) == (word, streak, results)


def test_the_last_five_results_are_kept() -> None:
    found: dict[str, object] = {"Status": "", "FailingStreak": 0, "Log": None}
    for number in range(8):
        found = health.judged(found, CHECK, {"ExitCode": 0, "Output": str(number)}, is_new=False)
    log = found["Log"]
    assert isinstance(log, list)
    assert [entry["Output"] for entry in log] == ["3", "4", "5", "6", "7"]


def test_results_that_are_not_there_or_not_ours(tmp_path: Path) -> None:
    directory = tmp_path / "userdata"
    assert health.read(str(directory)) == {"Status": "", "FailingStreak": 0, "Log": None}
    file = tmp_path / "healthcheck.log"
    for text in (b"", b"[]", b'{"Status":3}', b'{"Log":{}}'):
        file.write_bytes(text)
        with pytest.raises(DecodeError, match=r"healthcheck\.log"):
            health.read(str(directory))
        assert health.status(str(directory)) == ""
    file.unlink()
    file.mkdir()
    with pytest.raises(FileError):
        health.read(str(directory))
