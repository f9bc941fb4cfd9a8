"""Podman and we take the same locks: each keeps the other out, and both give out numbers from one account."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab import database
from tests.lab.podman import IMAGE
from tests.lab.stores import KINDS, PODMAN_4, Kind
from tests.peer.locks.agent import PATIENCE, Agent

if TYPE_CHECKING:
    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

# A runtime that hangs in "create", while Podman holds the container's lock.
HANGING_RUNTIME = """\
#!/bin/sh
case " $* " in *" create "*) touch /run/reached; exec sleep 100000;; esac
exec runc "$@"
"""


@pytest.fixture(params=KINDS, ids=str)
def store(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    kind: Kind = request.param
    return make_store(kind)


def lock_number(store: Store, name: str) -> int:
    stored = database.objects(store.database, "container").values()
    return next(each.lock_number for each in stored if each.name == name)


def start_podman(store: Store, *arguments: str) -> subprocess.Popen[str]:
    command = ["podman", *store.options, *store.podman_options, *arguments]
    return store.machine.start(command, environment=store.environment)


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    return output


def contended(store: Store, number: int) -> str:
    if store.lock_type == "shm":
        return f"contended(manager.retrieve({number}))"
    return f"waited_for('{store.tmp_dir}/locks/{number}')"


def test_numbers_come_from_one_account(store: Store) -> None:
    store.create("first")
    with Agent(store) as agent:
        assert lock_number(store, "first") == 0
        assert agent.ask("manager.allocated()") == "{0}"
        assert agent.ask("manager.allocate().number") == "1"
        store.create("second")
        assert lock_number(store, "second") == 2
        assert agent.ask("manager.allocated()") == "{0, 1, 2}"
        assert agent.ask("manager.allocate_given(0)").startswith("LockExists: lock 0")
        agent.ask("manager.free(1)")
        store.podman("volume", "create", "third")
        assert agent.ask("manager.allocated()") == "{0, 1, 2}"
        store.podman("rm", "first")
        assert agent.ask("manager.allocate().number") == "0"


def test_podman_uses_an_account_that_we_made(store: Store) -> None:
    with Agent(store) as agent:
        agent.ask("[manager.allocate_given(number) for number in (0, 1, 3)]")
        store.create("second")
        assert lock_number(store, "second") == 2
        store.create("fourth")
        assert lock_number(store, "fourth") == 4
        store.podman("rm", "second", "fourth")
        assert agent.ask("manager.allocated()") == "{0, 1, 3}"


def test_podman_waits_for_an_object_that_we_hold(store: Store) -> None:
    store.create("one")
    with Agent(store) as agent:
        agent.ask("hold(manager.retrieve(0))")
        podman = start_podman(store, "rm", "one")
        agent.wait_until(contended(store, 0))
        assert podman.poll() is None
        agent.ask("let_go()")
        finish(podman)
        assert agent.ask("manager.allocated()") == "set()"


def test_podman_goes_on_when_we_are_killed_holding_an_object(store: Store) -> None:
    store.create("one")
    with Agent(store) as witness, Agent(store) as agent:
        agent.ask("hold(manager.retrieve(0))")
        podman = start_podman(store, "rm", "one")
        witness.wait_until(contended(store, 0))
        agent.kill()
        finish(podman)
        assert witness.ask("manager.allocated()") == "set()"


def test_we_wait_for_an_object_that_podman_holds_and_get_it_when_podman_is_killed(store: Store) -> None:
    runtime = store.path("/srv/runtime")
    runtime.write_text(HANGING_RUNTIME)
    runtime.chmod(0o755)
    store.podman("--runtime", "/srv/runtime", "create", "--name", "one", "--net=none", IMAGE, "true")
    with Agent(store) as agent:
        podman = start_podman(store, "--runtime", "/srv/runtime", "start", "one")
        agent.wait_until("os.path.exists('/run/reached')")
        answer = agent.ask("hold(manager.retrieve(0), 0.1)")
        assert answer.startswith("LockTimeout: lock 0")
        holder = answer.partition("held by process ")[2].split()[0]
        assert "podman" in answer
        store.machine.run(["sh", "-c", f"kill -KILL {holder}"])
        podman.communicate(timeout=PATIENCE)
        assert "lock 0" in agent.ask("hold(manager.retrieve(0))")


@pytest.fixture
def alive_store(make_store: MakeStore) -> Store:
    return make_store(PODMAN_4)


TAKE_ALIVE = "hold(__import__('libpod.locks.alive').locks.alive.AliveLock(tmp_dir), {})"


def test_podman_waits_for_our_alive_lock(alive_store: Store) -> None:
    with Agent(alive_store) as agent:
        assert "alive.lck" in agent.ask(TAKE_ALIVE.format("None"))
        podman = start_podman(alive_store, "ps")
        agent.wait_until("waited_for(tmp_dir + '/alive.lck')")
        assert podman.poll() is None
        agent.ask("let_go()")
        assert finish(podman).startswith("CONTAINER ID")


def test_we_wait_for_podmans_alive_lock(alive_store: Store) -> None:
    """Podman is stopped where it looks for the file `alive`, which it does with the lock held."""
    tools.require_tool("strace")
    trace = ["strace", "-f", "-qq", "-P", f"{alive_store.tmp_dir}/alive"]
    trace += ["-e", "trace=%file", "-e", "inject=%file:signal=SIGSTOP:when=1", "-o", "/run/trace"]
    podman = alive_store.machine.start(
        [*trace, "podman", *alive_store.options, "ps"], environment=alive_store.environment
    )
    with Agent(alive_store) as agent:
        agent.wait_until("'stopped by SIGSTOP' in open('/run/trace').read()")
        answer = agent.ask(TAKE_ALIVE.format("0.1"))
        assert answer.startswith("LockTimeout")
        holder = answer.partition("held by process ")[2].split()[0]
        assert "podman" in answer
        # Each of Podman's threads is stopped at its own first look.
        agent.wait_until(f"not go_on({holder})")
        finish(podman)
        assert "alive.lck" in agent.ask(TAKE_ALIVE.format("None"))


def test_the_segment_of_the_host_is_not_touched(make_store: MakeStore) -> None:
    """The machines of these tests have a /dev/shm of their own."""
    path = "/dev/shm/libpod_lock"
    before = os.stat(path) if os.path.exists(path) else None
    store = make_store(Kind("4", "shm"))
    with Agent(store) as agent:
        agent.ask("manager.allocate().number")
        store.create("one")
    after = os.stat(path) if os.path.exists(path) else None
    assert (before and (before.st_ino, before.st_size)) == (after and (after.st_ino, after.st_size))
