"""Which containers run again after they have ended."""

from __future__ import annotations

import pytest

from libpod.containers import restarting
from libpod.errors import InvalidArgument
from libpod.state.records import ContainerRecord

ID = "a" * 64


def record(policy: str, retries: int = 0, *, exit_code: int = 0, **state: object) -> ContainerRecord:
    config = {"id": ID, "name": "c", "restart_policy": policy, "restart_retries": retries}
    return ContainerRecord(ID, config, {"exitCode": exit_code, **state})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", ("no", 0)),
        ("always", ("always", 0)),
        ("unless-stopped", ("unless-stopped", 0)),
        ("on-failure", ("on-failure", 0)),
        ("on-failure:0", ("on-failure", 0)),
        ("on-failure:3", ("on-failure", 3)),
    ],
)
def test_policies(text: str, expected: tuple[str, int]) -> None:
    assert restarting.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "Always",
        "always:3",
        "no:1",
        "on-failure:",
        "on-failure:-1",
        "on-failure:x",
        "on-failure:²",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidArgument, match="restart policy"):
        restarting.parse(text)


@pytest.mark.parametrize(
    ("container", "due"),
    [
        pytest.param(record("always"), True, id="always, after success"),
        pytest.param(record("always", exit_code=1, restartCount=1000), True, id="always, again and again"),
        pytest.param(record("unless-stopped"), True, id="unless-stopped"),
        pytest.param(record("no", exit_code=1), False, id="no"),
        pytest.param(record("", exit_code=1), False, id="none given"),
        pytest.param(record("on-failure"), False, id="on-failure, after success"),
        pytest.param(record("on-failure", exit_code=1, restartCount=1000), True, id="on-failure, any number"),
        pytest.param(record("on-failure", 2, exit_code=1, restartCount=1), True, id="the last try"),
        pytest.param(record("on-failure", 2, exit_code=1, restartCount=2), False, id="all tries used up"),
        pytest.param(record("always", stoppedByUser=True), False, id="stopped by somebody"),
    ],
)
def test_who_runs_again(container: ContainerRecord, due: bool) -> None:
    assert not restarting.is_due(container), "it has not ended"
    restarting.note_end(container)
    assert restarting.is_due(container) is due


def test_a_stop_after_the_end() -> None:
    container = record("always")
    restarting.note_end(container)
    assert restarting.give_up(container) is True
    assert not restarting.is_due(container)
    assert restarting.give_up(container) is False


def test_the_count_is_of_restarts_since_somebody_started_it() -> None:
    container = record("always")
    for expected in (1, 2):
        restarting.note_end(container)
        restarting.note_restart(container)
        assert restarting.count(container) == expected
        assert not restarting.is_due(container)
    restarting.begin_anew(container)
    assert restarting.count(container) == 0
