"""Databases of another store, damaged, of the future, or in use: nothing is lost, and the message helps."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab import database
from tests.lab.stores import PODMAN_4, PODMAN_5
from tests.peer.badinput.answers import failed, refresh_succeeds, refused_without_loss

if TYPE_CHECKING:
    import subprocess

    from tests.lab.machine import Result
    from tests.lab.podman import Store
    from tests.lab.stores import Kind, MakeStore

PAGE = 4096
DATABASE = "/srv/store/libpod/bolt_state.db"


def with_options(store: Store, *options: str) -> Result:
    """Run our refresh with other global options."""
    command = [store.python, "-m", "libpod", *options, "refresh"]
    return store.machine.run(command, check=False, environment=store.libpod_environment)


@pytest.fixture(params=[PODMAN_4, PODMAN_5], ids=str)
def either(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    """A populated store of either database, after a reboot."""
    kind: Kind = request.param
    return make_store(kind, populated=True)


# Another configuration.


def test_database_of_another_tmp_dir(either: Store) -> None:
    before = either.database.read_bytes()
    options = ("--root", either.root, "--runroot", either.run_root, "--tmpdir", "/run/other")
    result = with_options(either, *options)
    message = refused_without_loss(either, result, before, "/run/other", either.tmp_dir)
    assert "hint:" in message


def test_database_of_another_run_root(either: Store) -> None:
    before = either.database.read_bytes()
    options = ("--root", either.root, "--runroot", "/run/other", "--tmpdir", either.tmp_dir)
    result = with_options(either, *options)
    refused_without_loss(either, result, before, "/run/other", either.run_root)


def test_another_storage_driver(either: Store) -> None:
    """Podman 4.3 stores no name for the driver where none was given; the store on the disk has one."""
    before = either.database.read_bytes()
    options = ("--root", either.root, "--runroot", either.run_root, "--tmpdir", either.tmp_dir)
    result = with_options(either, "--storage-driver", "vfs", *options)
    message = refused_without_loss(either, result, before, "vfs", "overlay")
    assert "--storage-driver" in message
    failed(either.libpod("--storage-driver", "vfs", "ps", check=False), "overlay")
    refresh_succeeds(either)


def test_database_that_was_moved(either: Store) -> None:
    """The store lies elsewhere now: its paths in the database would point into nothing."""
    either.machine.run(["mv", either.root, "/srv/moved"])
    options = ("--root", "/srv/moved", "--runroot", either.run_root, "--tmpdir", either.tmp_dir)
    result = with_options(either, *options)
    failed(result, "/srv/moved", either.root)
    either.machine.run(["mv", "/srv/moved", either.root])
    refresh_succeeds(either)


def test_same_directories_by_other_names(either: Store) -> None:
    """Paths are compared by what they name, not by their text."""
    either.machine.run(["ln", "-s", "/run", "/srv/to-run"])
    either.machine.run(["ln", "-s", either.root, "/srv/to-root"])
    options = (
        *("--root", "/srv/to-root", "--runroot", "/srv/to-run/store"),
        *("--tmpdir", "/srv/to-run/libpod-store"),
    )
    result = with_options(either, *options)
    assert result.status == 0, result
    assert either.states()["running"] == "exited"
    either.podman("start", "running")


# Damage.


@pytest.mark.parametrize("size", [1, 100, PAGE, 2 * PAGE, 3 * PAGE + 17, 5 * PAGE])
def test_truncated_bolt_file(store: Store, size: int) -> None:
    content = store.database.read_bytes()
    store.database.write_bytes(content[:size])
    before = store.database.read_bytes()
    refused_without_loss(store, store.libpod("refresh", check=False), before, DATABASE)
    failed(store.libpod("ps", "-a", check=False), DATABASE)
    result = store.libpod("db", "check", check=False)
    assert "Traceback" not in result.stderr
    assert result.status != 0
    store.database.write_bytes(content)
    refresh_succeeds(store)


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits(store: Store, seed: int) -> None:
    """Whatever bit it is: no traceback, and on failure no change. Every page with its head gets its turn."""
    randomness = random.Random(seed)
    content = store.database.read_bytes()
    for _ in range(6):
        damaged = bytearray(content)
        page = randomness.randrange(len(content) // PAGE)
        inside = randomness.choice(
            [randomness.randrange(16), randomness.randrange(64), randomness.randrange(PAGE)]
        )
        damaged[page * PAGE + inside] ^= 1 << randomness.randrange(8)
        store.database.write_bytes(damaged)
        result = store.libpod("refresh", "--dry-run", "--format", "json", check=False)
        assert result.status in (0, 1, 125), (page, inside, result)
        assert "Traceback" not in result.stderr, (page, inside, result)
        assert store.database.read_bytes() == damaged
        result = store.libpod("refresh", "--format", "json", check=False)
        assert result.status in (0, 1, 125), (page, inside, result)
        assert "Traceback" not in result.stderr, (page, inside, result)
        if result.status == 125:
            assert store.database.read_bytes() == damaged, (page, inside)
            # One digit of a PID can name a process that lives: then nothing is reset, which is right, too.
            assert DATABASE in result.stderr or "cannot be proven" in result.stderr, (page, inside, result)
        store.reboot()


@pytest.mark.parametrize("garbage", [b"", b"\0" * 3 * PAGE, b"SQLite format 3\0" * 1000, b"text\n" * 5000])
def test_no_bolt_file_at_all(store: Store, garbage: bytes) -> None:
    store.database.write_bytes(garbage)
    result = store.libpod("refresh", check=False)
    if garbage:
        refused_without_loss(store, result, garbage, DATABASE)
    assert "Traceback" not in result.stderr


def meta_transactions(content: bytearray) -> list[int]:
    """Return the transaction numbers of both meta pages: at 48 in each, after the page's head of 16 bytes."""
    return [int.from_bytes(content[page + 64 : page + 72], "little") for page in (0, PAGE)]


def test_newer_meta_page_is_damaged(store: Store) -> None:
    """The older one is used, and that is said."""
    content = bytearray(store.database.read_bytes())
    transactions = meta_transactions(content)
    newer = transactions.index(max(transactions))
    content[newer * PAGE + 40] ^= 0xFF
    store.database.write_bytes(content)
    result = store.libpod("refresh", "--format", "json", check=False)
    assert result.status == 0, result
    assert "meta" in result.stderr
    assert json.loads(result.stdout)["decision"] == "refresh"
    store.podman("ps", "-a")


def test_both_meta_pages_are_damaged(store: Store) -> None:
    content = bytearray(store.database.read_bytes())
    for page in (0, PAGE):
        content[page + 40] ^= 0xFF
    store.database.write_bytes(content)
    before = bytes(content)
    message = refused_without_loss(store, store.libpod("refresh", check=False), before, DATABASE)
    assert "hint:" in message


@pytest.mark.parametrize("size", [1, 100, PAGE, 5 * PAGE + 17])
def test_truncated_sqlite_file(make_store: MakeStore, size: int) -> None:
    store = make_store(PODMAN_5, populated=True)
    content = store.database.read_bytes()
    store.database.write_bytes(content[:size])
    result = store.libpod("refresh", check=False)
    refused_without_loss(store, result, content[:size], "/srv/store/db.sql")
    store.database.write_bytes(content)
    refresh_succeeds(store)


@pytest.mark.parametrize("version", [2, 99, 0, -1])
def test_schema_of_another_version(make_store: MakeStore, version: int) -> None:
    store = make_store(PODMAN_5, populated=True)
    with contextlib.closing(sqlite3.connect(store.database)) as connection, connection:
        connection.execute("UPDATE DBConfig SET SchemaVersion = ?", (version,))
    before = store.database.read_bytes()
    result = store.libpod("refresh", check=False)
    message = refused_without_loss(store, result, before, "/srv/store/db.sql", str(version))
    assert "1" in message
    assert "hint:" in message


# Locks.


def held(store: Store, script: str) -> subprocess.Popen[str]:
    """Start a Python program in the machine that takes a lock and says so."""
    holder = store.machine.start(["python3", "-c", f"{script}\nprint('held', flush=True)\ninput()"])
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def waits_and_goes_on(store: Store, holder: subprocess.Popen[str], path: str) -> None:
    """Check that our refresh says whom it waits for and for how long, and goes on when it may."""
    process = store.machine.start(
        store.libpod_command("refresh", "--format", "json"), environment=store.libpod_environment
    )
    assert process.stderr is not None
    message = process.stderr.readline()
    assert path in message
    assert "python3" in message or "process" in message
    assert any(character.isdigit() for character in message), message
    assert process.poll() is None
    time.sleep(0.2)
    holder.communicate("\n")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(output)["decision"] == "refresh"


def test_database_is_locked(store: Store) -> None:
    script = f"import fcntl; f = open({DATABASE!r}, 'r+b'); fcntl.flock(f, fcntl.LOCK_EX)"
    waits_and_goes_on(store, held(store, script), DATABASE)


def test_sqlite_database_is_locked(make_store: MakeStore) -> None:
    store = make_store(PODMAN_5, populated=True)
    script = (
        "import sqlite3; c = sqlite3.connect('/srv/store/db.sql', isolation_level=None);"
        " c.execute('BEGIN EXCLUSIVE')"
    )
    waits_and_goes_on(store, held(store, script), "/srv/store/db.sql")


def test_alive_lock_is_held(either: Store) -> None:
    """By Podman, which takes a POSIX record lock."""
    either.path(either.tmp_dir).mkdir()
    path = f"{either.tmp_dir}/alive.lck"
    script = f"import fcntl; f = open({path!r}, 'w'); fcntl.lockf(f, fcntl.LOCK_EX)"
    holder = held(either, script)
    assert not either.alive.exists()
    waits_and_goes_on(either, holder, path)


def test_ctrl_c_while_waiting(store: Store) -> None:
    script = f"import fcntl; f = open({DATABASE!r}, 'r+b'); fcntl.flock(f, fcntl.LOCK_EX)"
    holder = held(store, script)
    before = store.database.read_bytes()
    process = store.machine.start(store.libpod_command("refresh"), environment=store.libpod_environment)
    assert process.stderr is not None
    assert process.stderr.readline()
    # The brackets keep the search from finding itself.
    find = 'for p in $(grep -sal "[-]m.libpod" /proc/[0-9]*/cmdline); do p=${p%/*}; kill -INT ${p##*/}; done'
    store.machine.run(["sh", "-c", f"({find}) 2>/dev/null; true"])
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    holder.communicate("\n")
    assert store.database.read_bytes() == before
    refresh_succeeds(store)


def test_podman_and_refresh_at_the_same_time(either: Store) -> None:
    """Whoever gets the lock refreshes, the other sees it done."""
    ours = [
        either.machine.start(
            either.libpod_command("refresh", "--format", "json"), environment=either.libpod_environment
        )
        for _ in range(2)
    ]
    podmans = [either.machine.start(["podman", *either.options, "ps", "-aq"]) for _ in range(2)]
    for process in podmans:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    decisions = []
    for process in ours:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        decisions.append(json.loads(output)["decision"])
    assert sorted(decisions) in (["noop", "noop"], ["noop", "refresh"])
    numbers = database.lock_numbers(either.database)
    assert either.allocated_locks() == set(numbers.values())
    either.podman("start", "running")
