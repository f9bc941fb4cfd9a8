"""Exec sessions and attached streams of Podman 4.3 and of our program, in each other's containers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.lab.podman import IMAGE, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.machine import Result
    from tests.lab.stores import MakeStore

    Program = Callable[..., Result]


@pytest.fixture(name="store")
def _store(make_store: MakeStore) -> Store:
    return make_store()


def programs(store: Store, first: str) -> tuple[Program, Program]:
    """The two programs, *first* the one that makes the container."""
    return (store.libpod, store.podman) if first == "libpod" else (store.podman, store.libpod)


def sessions(program: Program, name: str) -> list[str]:
    found = json.loads(program("inspect", name).stdout)[0]["ExecIDs"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("first", ["libpod", "podman"])
def test_exec_sessions_are_seen_by_the_other_program(store: Store, first: str) -> None:
    ours, theirs = programs(store, first)
    ours("run", "-d", "--network", "none", "--name", "c", IMAGE, "sleep", "1000")
    session = ours("exec", "-d", "c", "sleep", "1000").stdout.strip()
    assert sessions(ours, "c") == sessions(theirs, "c") == [session]
    assert theirs("exec", "c", "sh", "-c", "exit 7", check=False).status == 7
    other = theirs("exec", "-d", "c", "sleep", "1000").stdout.strip()
    assert sorted(sessions(ours, "c")) == sorted(sessions(theirs, "c")) == sorted([session, other])
    theirs("stop", "-t", "0", "c")
    ours("start", "c")
    assert sessions(ours, "c") == sessions(theirs, "c") == []
    ours("exec", "-d", "c", "sleep", "1000")
    theirs("rm", "-f", "-t", "0", "c")
    assert store.states() == {}
    assert json.loads(store.libpod("ps", "-a", "--format", "json").stdout) == []


@pytest.mark.parametrize("first", ["libpod", "podman"])
def test_output_and_exit_code_of_the_other_s_container(store: Store, first: str) -> None:
    ours, theirs = programs(store, first)
    wait = "until [ -e /go ]; do sleep 0.1; done"
    script = f"{wait}; for i in 1 2 3; do echo line $i; sleep 0.2; done; echo end >&2; exit 9"
    ours("run", "-d", "--network", "none", "--name", "c", IMAGE, "sh", "-c", script)
    with ThreadPoolExecutor() as pool:
        attached = pool.submit(theirs, "attach", "--no-stdin", "c", check=False)
        # Somebody is connected to conmon's socket.
        store.machine.run(["sh", "-c", "until grep -q ' 03 .*/attach$' /proc/net/unix; do sleep 0.1; done"])
        ours("exec", "c", "touch", "/go")
        found = attached.result()
    assert found.stdout.rstrip("\n") == "line 1\nline 2\nline 3"
    assert found.stderr == "end\n"
    # Podman 4.3 tells nothing of how a container ended that it was attached to while it ran.
    assert found.status == (9 if theirs == store.libpod else 0)
    again = theirs("start", "--attach", "c", check=False)
    assert (again.status, again.stdout) == (9, "line 1\nline 2\nline 3\n")
    assert ours("logs", "c", check=False).stdout == theirs("logs", "c", check=False).stdout
