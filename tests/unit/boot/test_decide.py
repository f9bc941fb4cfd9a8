"""The decision matrix: one row for each situation, and what no combination of facts may do."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from libpod.boot.decide import ADOPT, NOOP, REFRESH, REFUSE, Facts, LiveProcess, decide
from libpod.boot.marker import BootRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW, BEFORE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
HERE, CLONE = "a" * 32, "b" * 32
START = 1_800_000_000.0
ID = "c" * 64

CONMON = LiveProcess(1234, ID, "web", recorded=True)
STRANGER = LiveProcess(1235, ID, "web")
ELSEWHERE = LiveProcess(1236, ID, "web", recorded=True, other_directory="/tmp/storage-run-7/libpod/tmp")
SHADOWED = LiveProcess(None, ID, "web", recorded=True, other_directory="/run/libpod")


def record(boot: str | None = NOW, machine: str | None = HERE, session: str | None = "24 one") -> BootRecord:
    return BootRecord(
        boot_id=boot,
        machine_id=machine,
        tmp_dir="/run/other",
        run_root="/run/c",
        database="/v/db",
        session=session,
    )


def facts(**changes: object) -> Facts:
    """A system in which nobody lives; *changes* make the situation."""
    usual = Facts(
        "/run/libpod", boot_id=NOW, machine_id=HERE, system_start=START, session="24 one", live=(), running=0
    )
    return usual._replace(**changes)  # type: ignore[arg-type]


THIS_ALIVE = {"alive": NOW, "alive_changed": START + 9}
OLD_ALIVE = {"alive": BEFORE, "alive_changed": START - 9000}
EMPTY_NEW = {"alive": "", "alive_changed": START + 9}
EMPTY_OLD = {"alive": "", "alive_changed": START - 9000}
NO_ID = {"boot_id": None}


ROWS: list[tuple[str, dict[str, Any], str, str]] = [
    # the nine rows that users' problems imply
    (
        "normal reboot",
        {"record": record(BEFORE), "running": 2},
        REFRESH,
        "boot ID differs from the last refresh",
    ),
    (
        "directory on a disk",
        {**OLD_ALIVE, "record": record(BEFORE), "running": 2},
        REFRESH,
        "outlived a reboot",
    ),
    (
        "cleaned, some live",
        {"record": record(), "live": (CONMON,), "running": 1},
        ADOPT,
        "process 1234 of container web",
    ),
    (
        "cleaned, all died",
        {"record": record(), "running": 2},
        REFRESH,
        "was cleaned, and none of 2 containers",
    ),
    ("cleaned, none ran", {"record": record()}, REFRESH, "no container was recorded as running"),
    (
        "second view",
        {"record": record(), "live": (ELSEWHERE,), "running": 1},
        REFUSE,
        "/tmp/storage-run-7/libpod/tmp",
    ),
    ("other directory alive", {"record": record(), "other_alive": True}, REFUSE, "/run/other"),
    ("private mount namespace", {"record": record(), "live": (SHADOWED,)}, REFUSE, "another /run/libpod"),
    ("steady state", {**THIS_ALIVE, "record": record(), "live": None}, NOOP, "this boot is done"),
    (
        "steady state, not cheap",
        {**THIS_ALIVE, "record": record(), "live": (CONMON,), "running": 1},
        NOOP,
        "done",
    ),
    ("clone", {"record": record(BEFORE, CLONE)}, REFRESH, "copied image"),
    ("clone, alive baked in", {**OLD_ALIVE, "record": record(BEFORE, CLONE)}, REFRESH, "earlier boot"),
    ("machine ID differs", {**THIS_ALIVE, "record": record(NOW, CLONE)}, REFRESH, "another machine"),
    (
        "machine ID differs, live",
        {**THIS_ALIVE, "record": record(NOW, CLONE), "live": (CONMON,)},
        NOOP,
        "done",
    ),
    ("machine ID set later", {**THIS_ALIVE, "record": record(NOW, None)}, NOOP, "done"),
    # no boot ID
    ("no ID, live", {**NO_ID, "record": record(), "live": (CONMON,), "running": 1}, ADOPT, "container web"),
    ("no ID, none live", {**NO_ID, "record": record(), "running": 1}, REFRESH, "cannot be compared"),
    (
        "no ID, locks held",
        {**NO_ID, "record": record(), "running": 1, "locks_held": True},
        REFUSE,
        "still held",
    ),
    (
        "no ID, locks held, idle",
        {**NO_ID, "record": record(), "locks_held": True},
        REFRESH,
        "cannot be compared",
    ),
    ("no ID, no sight", {**NO_ID, "record": record(), "live": None, "running": 1}, REFUSE, "cannot be seen"),
    ("no ID, no sight, nothing read", {**NO_ID, "live": None, "running": None}, REFUSE, "cannot be seen"),
    ("no ID, no sight, idle", {**NO_ID, "live": None}, REFRESH, "no earlier refresh is known"),
    (
        "no ID, alive",
        {**NO_ID, **THIS_ALIVE, "record": record(), "system_start": None},
        NOOP,
        "nothing is reset",
    ),
    ("no ID, alive new", {**NO_ID, **THIS_ALIVE, "record": record()}, NOOP, "of this boot"),
    ("no ID, alive old", {**NO_ID, **OLD_ALIVE, "record": record(BEFORE)}, REFRESH, "older than this boot"),
    ("no ID, clock never set", {**NO_ID, **EMPTY_OLD, "system_start": 60.0}, NOOP, "cannot be told"),
    # user space was restarted while the kernel went on
    (
        "soft reboot",
        {**THIS_ALIVE, "record": record(session="24 two"), "running": 2},
        REFRESH,
        "user space was restarted",
    ),
    ("soft reboot, idle", {**THIS_ALIVE, "record": record(session="24 two")}, NOOP, "done"),
    (
        "journal restarted",
        {**THIS_ALIVE, "record": record(session="24 two"), "live": (CONMON,), "running": 1},
        NOOP,
        "done",
    ),
    (
        "outer container restarted or other namespace",
        {**THIS_ALIVE, "record": record(session="99"), "running": 1, "unproven": 1},
        NOOP,
        "done",
    ),
    (
        "outer container restarted",
        {**THIS_ALIVE, "record": record(session="99"), "running": 1},
        REFRESH,
        "same boot ID",
    ),
    (
        "outer container restarted, new /run",
        {"record": record(session="99"), "running": 1},
        REFRESH,
        "same boot",
    ),
    (
        "another PID namespace",
        {"record": record(), "running": 1, "unproven": 1},
        REFUSE,
        "another PID namespace",
    ),
    ("session unknown", {**THIS_ALIVE, "record": record(session=None), "running": 1}, NOOP, "done"),
    # Podman came first
    ("Podman 4 came first", EMPTY_NEW, NOOP, "another program refreshed this boot"),
    (
        "Podman 4 came first, again",
        {**EMPTY_NEW, "record": record(BEFORE)},
        NOOP,
        "after the last refresh here",
    ),
    (
        "Podman 4 came first, live",
        {**EMPTY_NEW, "record": record(BEFORE), "live": (CONMON,)},
        NOOP,
        "of this boot",
    ),
    ("Podman 4, directory on a disk", {**EMPTY_OLD, "running": 2}, REFRESH, "older than this boot"),
    ("Podman 4, clock was set", {**EMPTY_OLD, "live": (CONMON,), "running": 1}, NOOP, "the clock was set"),
    ("Podman 4, old, doubt", {**EMPTY_OLD, "unproven": 1, "running": 1}, NOOP, "may live unseen"),
    ("Podman 4, old, no sight", {**EMPTY_OLD, "live": None, "running": 1}, NOOP, "may live unseen"),
    ("Podman 4 made alive again", {**EMPTY_OLD, "record": record()}, NOOP, "this boot is done"),
    ("Podman 5 came first", THIS_ALIVE, NOOP, "another program refreshed this boot"),
    (
        "Podman 5 came first, again",
        {**THIS_ALIVE, "record": record(BEFORE), "live": (CONMON,)},
        NOOP,
        "this boot",
    ),
    ("Podman store, reboot", {"running": 2}, REFRESH, "no earlier refresh is known"),
    ("Podman store, cleaned", {"live": (CONMON,), "running": 1}, ADOPT, "was cleaned"),
    ("Podman store, unknown conmon", {"live": (STRANGER,)}, ADOPT, "was cleaned"),
    ("Podman store, doubt", {"unproven": 1, "running": 1}, REFUSE, "cannot be proven"),
    ("begun with proof", {"unproven": 1, "running": 1, "pending": True}, REFRESH, "did not finish"),
    ("begun, one lives", {"live": (CONMON,), "running": 1, "pending": True}, ADOPT, "lives"),
    ("first use", {"database": False}, REFRESH, "first use"),
    ("first use, no sight", {"database": False, "live": None}, REFRESH, "first use"),
    # contradictions
    (
        "old alive, live",
        {**OLD_ALIVE, "record": record(BEFORE), "live": (CONMON,)},
        REFUSE,
        "yet process 1234",
    ),
    (
        "old alive, new record, live",
        {**OLD_ALIVE, "record": record(), "live": (CONMON,)},
        REFUSE,
        "yet process 1234",
    ),
    ("nonsense in alive, live", {"alive": "hello", "live": (CONMON,)}, REFUSE, "yet process 1234"),
    ("nonsense in alive", {"alive": "hello", "running": 1}, REFRESH, "outlived a reboot"),
    (
        "other boot, unknown conmon",
        {"record": record(BEFORE), "live": (STRANGER,)},
        REFUSE,
        "boot ID differs",
    ),
    (
        "other boot, one of two known",
        {"record": record(BEFORE), "live": (CONMON, STRANGER)},
        REFUSE,
        "boot ID",
    ),
    # Podman came first in this boot, and then its alive file was cleaned away: what lives is what it recorded
    (
        "other boot, recorded conmon",
        {"record": record(BEFORE), "live": (CONMON,), "running": 1},
        ADOPT,
        "web",
    ),
    # other boot proves more than a look at processes
    ("other boot, no sight", {"record": record(BEFORE), "live": None, "running": None}, REFRESH, "differs"),
    ("other boot, doubt", {"record": record(BEFORE), "unproven": 3, "running": 3}, REFRESH, "differs"),
    ("other boot, other directory", {"record": record(BEFORE), "other_alive": True}, REFRESH, "differs"),
    ("record without boot ID", {"record": record(None), "running": 1}, REFRESH, "cannot be compared"),
    # a refresh that died
    ("died before", {"record": record(BEFORE), "pending": True, "running": 1}, REFRESH, "did not finish"),
    (
        "died before, live",
        {"record": record(), "pending": True, "live": (CONMON,), "running": 1},
        ADOPT,
        "web",
    ),
    # the disk is not there yet
    (
        "late mount",
        {"database": False, "missing_mount": "/var/lib/containers"},
        REFUSE,
        "/var/lib/containers",
    ),
    (
        "late mount, old record",
        {"record": record(BEFORE), "missing_mount": "/v"},
        REFUSE,
        "/v is a mount point",
    ),
    ("late mount, steady", {**THIS_ALIVE, "record": record(), "missing_mount": "/v"}, NOOP, "done"),
]


@pytest.mark.parametrize(
    ("situation", "outcome", "reason"), [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in ROWS]
)
def test_decision(situation: dict[str, object], outcome: str, reason: str) -> None:
    decision = decide(facts(**situation))
    assert decision.outcome == outcome, decision
    assert reason in decision.reason


def test_a_refusal_says_what_to_do() -> None:
    refusals = [decide(facts(**row[1])) for row in ROWS if row[2] == REFUSE]
    assert all(decision.hint for decision in refusals)


def test_every_reason_is_one_plain_line() -> None:
    for row in ROWS:
        reason = decide(facts(**row[1])).reason
        assert "\n" not in reason
        assert not reason.endswith(".")
        assert reason.isprintable()


def test_many_live_containers_are_counted_not_listed() -> None:
    many = tuple(LiveProcess(number, f"{number:064}") for number in range(1, 9))
    reason = decide(facts(record=record(), live=many)).reason
    assert "process 3 of container 000000000000" in reason
    assert "and 5 more live" in reason
    assert "process 4" not in reason


@pytest.mark.parametrize(
    ("number", "words"), [(1, "000000000000 lives:"), (2, "000000000000 and process 2"), (3, ", process 2")]
)
def test_who_lives_is_a_sentence(number: int, words: str) -> None:
    live = tuple(LiveProcess(number, f"{number:064}") for number in range(1, number + 1))
    reason = decide(facts(record=record(), live=live)).reason
    assert words in reason
    assert ("lives" in reason) == (number == 1)


def every_combination() -> Iterator[Facts]:
    """Every combination of what decides; what is only worded differently stays as it is."""
    records = [None, record(), record(BEFORE), record(None), record(NOW, CLONE), record(session="other")]
    choices: dict[str, list[Any]] = {
        "alive": [None, "", NOW, BEFORE],
        "alive_changed": [None, START - 50.0, START + 50.0],
        "boot_id": [NOW, None],
        "system_start": [START, None],
        "session": ["24 one", None],
        "record": records,
        "live": [None, (), (CONMON,), (STRANGER,), (ELSEWHERE,), (SHADOWED,)],
        "unproven": [0, 1],
        "running": [None, 0, 1],
        "other_alive": [False, True],
        "locks_held": [False, True],
        "missing_mount": [None, "/mnt"],
    }
    for values in itertools.product(*choices.values()):
        yield facts(**dict(zip(choices, values, strict=True)))


def harm(found: Facts) -> str | None:
    """What is wrong with the decision on these facts."""
    outcome = decide(found).outcome
    proven = found.live == () and not found.unproven
    if outcome == REFRESH and found.live:
        return "reset over a live process"
    if outcome == REFRESH and found.boot_id is None and found.running != 0 and not proven:
        return "reset without proof"
    if outcome == ADOPT and (not found.live or found.alive is not None):
        return "adopted nothing"
    if outcome == NOOP and found.alive is None:
        return "left a store without its per-boot files"
    if outcome == REFUSE and found.alive is not None and found.alive == found.boot_id:
        return "refused a store that is in use"
    return None


def test_no_combination_of_facts_harms() -> None:
    assert [(harm(found), found) for found in every_combination() if harm(found)] == []
