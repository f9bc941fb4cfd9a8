"""A refresh that is killed, or meets a full disk, anywhere: nothing is lost, and the next one finishes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import tools
from tests.lab import database
from tests.lab.populate import NETWORKED, STATES
from tests.lab.stores import KINDS, PODMAN_4

if TYPE_CHECKING:
    from tests.lab.machine import Result
    from tests.lab.podman import Store
    from tests.lab.stores import Kind, MakeStore

KILLED = (137, -9)
AT_MOST = 40


def refresh_under_strace(store: Store, fault: str) -> Result:
    """Refresh with a *fault* as strace injects it."""
    tools.require_tool("strace")
    before = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={fault}")
    return store.libpod("refresh", "--format", "json", before=before, check=False)


def check_finished(store: Store) -> None:
    """Finish the refresh and check that Podman works on the store without a word of complaint."""
    report = store.refresh()
    assert report["decision"] in ("refresh", "noop")
    assert report["containers"]["quarantined"] == []
    assert report["locks"]["renumbered"] == 0
    states = {
        name: state for name, state in store.states().items() if name in STATES or not name.endswith("-infra")
    }
    absent = () if store.database.name == "bolt_state.db" else NETWORKED
    assert states == {name: state for name, state in STATES.items() if name not in absent}
    store.create("new")
    numbers = database.lock_numbers(store.database)
    assert len(set(numbers.values())) == len(numbers), numbers
    assert store.allocated_locks() == set(numbers.values())
    store.podman("start", "running")
    store.podman("start", "new")


# Calls that move the refresh from one durable or visible state to the next.
CALLS = (
    "fdatasync",
    "fsync",
    "rename,renameat,renameat2",
    "unlink,unlinkat,rmdir",
    "mkdir,mkdirat",
    "pwrite64",
)


# Both databases, and both kinds of locks.
@pytest.mark.parametrize("calls", CALLS)
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[3]], ids=str)
def test_killed_at_every_call(make_store: MakeStore, kind: Kind, calls: str) -> None:
    ended = 0
    for number in sample(calls):
        store = make_store(kind, populated=True)
        result = refresh_under_strace(store, f"{calls}:signal=SIGKILL:when={number}")
        if result.status not in KILLED:
            assert result.status == 0, result
            ended = number
        check_finished(store)
        store.machine.destroy()
        if ended:
            break
    assert ended != 1 or calls in ("fdatasync", "pwrite64"), "the refresh made no such call"


def sample(calls: str) -> list[int]:
    """Return at which occurrences to kill: each of the few flushes and renames, some of the many others."""
    if calls in ("fdatasync", "fsync", "rename,renameat,renameat2"):
        return list(range(1, AT_MOST))
    return [1, 2, 3, 5, 8, 13, 21, 34, 55]


def test_killed_several_times_in_a_row(make_store: MakeStore) -> None:
    store = make_store(populated=True)
    for number in (1, 2, 3, 1, 2):
        refresh_under_strace(store, f"fdatasync,fsync:signal=SIGKILL:when={number}")
    check_finished(store)


def test_killed_and_then_the_power_failed(make_store: MakeStore) -> None:
    store = make_store(populated=True)
    refresh_under_strace(store, "fdatasync,fsync:signal=SIGKILL:when=3")
    store.reboot()
    check_finished(store)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT"])
@pytest.mark.parametrize(
    "calls", ["fdatasync", "fsync", "pwrite64", "rename,renameat,renameat2", "mkdir,mkdirat"]
)
def test_failing_calls(make_store: MakeStore, calls: str, error: str) -> None:
    """The first failing write or flush ends the refresh with a message; once it works again, all is well."""
    store = make_store(populated=True)
    identifiers = database.objects(store.database, "container").keys()
    result = refresh_under_strace(store, f"{calls}:error={error}:when=1+")
    assert "Traceback" not in result.stderr, result
    if result.status != 0:
        assert result.status == 125, result
        assert result.stderr.startswith("Error: "), result
        assert not store.alive.exists()
    assert database.objects(store.database, "container").keys() == identifiers
    check_finished(store)


def test_ctrl_c(make_store: MakeStore) -> None:
    store = make_store(populated=True)
    result = refresh_under_strace(store, "fdatasync,fsync:signal=SIGINT:when=2")
    assert result.status == 130, result
    assert "Traceback" not in result.stderr
    check_finished(store)


def test_half_written_files_do_not_pile_up(make_store: MakeStore) -> None:
    store = make_store(populated=True)

    def names() -> set[str]:
        return {path.name for path in store.database.parent.iterdir()}

    for _ in range(6):
        refresh_under_strace(store, "rename,renameat,renameat2:signal=SIGKILL:when=1")
    after_kills = names()
    store.refresh()
    left: set[Any] = {name for name in after_kills & names() if "tmp" in name or name.startswith(".")}
    assert len(left) <= 1, left
    assert PODMAN_4.lock_type == "file"
