"""What a refresh must not touch: anything in a dry run, foreign keys ever; and how often it may flush."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from libpod import boltdb
from tests import tools
from tests.lab import clone, database
from tests.lab.populate import REMOVED
from tests.lab.stores import PODMAN_4, PODMAN_5

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

FLUSHES_AT_MOST = 6


def fingerprint(store: Store) -> dict[str, tuple[object, ...]]:
    """Return all that can change of every file in the store, per-boot directories and shared memory."""
    roots = ("/srv", "/run", "/dev/shm", "/var/lib/cni", "/var/lib/containers", "/etc/cni/net.d")
    found: dict[str, tuple[object, ...]] = {}
    for root in roots:
        top = store.path(root)
        for directory, names, files in os.walk(top):
            for path in [directory, *(os.path.join(directory, name) for name in names + files)]:
                inside = "/" + path.removeprefix(f"{store.path('/')}").lstrip("/")
                found[inside] = _file_fingerprint(path)
    return found


def _file_fingerprint(path: str) -> tuple[object, ...]:
    status = os.lstat(path)
    times = (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
    content = b""
    if os.path.isfile(path) and not os.path.islink(path):
        # The test's own reading must not count: it restores nothing, it does not move the time.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOATIME)
        with open(descriptor, "rb") as file:
            content = file.read()
    return (status.st_mode, status.st_ino, status.st_size, times, hashlib.sha256(content).hexdigest())


def test_dry_run_changes_nothing(rebooted: Store) -> None:
    fingerprint(rebooted)  # directories have been read once: relatime moves their time the first time only
    before = fingerprint(rebooted)
    report = rebooted.refresh("--dry-run")
    after = fingerprint(rebooted)
    assert {path: (before.get(path), after[path]) for path in after if before.get(path) != after[path]} == {}
    assert before.keys() == after.keys()
    assert (report["decision"], report["dry_run"]) == ("refresh", True)


def test_dry_run_tells_what_the_refresh_does(rebooted: Store) -> None:
    told = rebooted.refresh("--dry-run")
    done = rebooted.refresh()
    for key in (
        "decision",
        "reason",
        "boot_id",
        "previous_boot_id",
        "containers",
        "pods",
        "volumes",
        "locks",
    ):
        assert told[key] == done[key], key
    # The name of the backup holds a time or the boot ID, all else is the same.
    assert len(told["actions"]) == len(done["actions"])


@pytest.mark.parametrize("loss", ["alive", "tmp-dir", "run-root"])
def test_dry_run_of_an_adoption_changes_nothing(make_store: MakeStore, loss: str) -> None:
    store = make_store()
    store.run("running")
    losses = {
        "alive": store.remove_alive,
        "tmp-dir": store.remove_tmp_dir,
        "run-root": store.remove_runtime_dir,
    }
    losses[loss]()
    fingerprint(store)
    before = fingerprint(store)
    assert store.refresh("--dry-run")["decision"] == "adopt"
    assert fingerprint(store) == before


def test_refresh_with_nothing_to_do_changes_nothing(rebooted: Store) -> None:
    rebooted.refresh()
    fingerprint(rebooted)
    before = fingerprint(rebooted)
    rebooted.refresh()
    assert fingerprint(rebooted) == before


@pytest.mark.parametrize("kind", [PODMAN_4, PODMAN_5], ids=str)
def test_unknown_keys_survive(make_store: MakeStore, kind: Any) -> None:
    store = make_store(kind, populated=True)
    extra = {"ofTheFuture": {"list": [1, 2.5, None], "text": "<&>é\u2028"}, "another": 12345678901234567890}
    for object_kind in database.BUCKETS:
        for identifier, stored in database.objects(store.database, object_kind).items():
            database.change(store.database, object_kind, identifier, "config", **extra)
            if stored.state is not None:
                database.change(store.database, object_kind, identifier, "state", **extra)
    before = {kind: database.objects(store.database, kind) for kind in database.BUCKETS}
    store.refresh()
    for object_kind, objects in before.items():
        after = database.objects(store.database, object_kind)
        removed = {key for key, stored in objects.items() if stored.name in REMOVED}
        assert after.keys() == objects.keys() - removed
        for identifier in after:
            stored = objects[identifier]
            assert after[identifier].config == stored.config
            if stored.state is not None:
                found = after[identifier].state_json()
                assert {key: found[key] for key in extra} == extra


def test_unknown_buckets_survive(make_store: MakeStore) -> None:
    store = make_store(populated=True)
    identifier = database.named(store.database, "container", "running")[0].encode()
    engine = boltdb.Database.open(str(store.database), create=False, timeout=30)
    with engine.update() as transaction:
        transaction.create_bucket(b"of-the-future").put(b"key", b"\x00\xff")
        parent = transaction.bucket(b"ctr")
        assert parent is not None
        container = parent.bucket(identifier)
        assert container is not None
        container.create_bucket(b"more").put(b"key", b"value")
        container.put(b"alone", b"value")
    engine.close()
    store.refresh()
    engine = boltdb.Database.open(str(store.database), read_only=True, create=False, timeout=30)
    with engine.view() as transaction:
        top, parent = transaction.bucket(b"of-the-future"), transaction.bucket(b"ctr")
        assert top is not None
        assert top.get(b"key") == b"\x00\xff"
        assert parent is not None
        container = parent.bucket(identifier)
        assert container is not None
        nested = container.bucket(b"more")
        assert nested is not None
        assert (nested.get(b"key"), container.get(b"alone")) == (b"value", b"value")
    engine.close()
    store.podman("start", "running")


def flushes(store: Store, directory: Path) -> int:
    """Refresh under strace and return the number of fsync and fdatasync calls."""
    tools.require_tool("strace")
    log = "/run/strace"
    before = ("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync,sync,syncfs,msync", "-o", log)
    result = store.libpod("refresh", "--format", "json", before=before)
    assert json.loads(result.stdout)["decision"] == "refresh"
    lines = store.path(log).read_text().splitlines()
    return len([line for line in lines if re.search(r"\b(fsync|fdatasync|sync|syncfs|msync)\(", line)])


@pytest.mark.parametrize("kind", [PODMAN_4, PODMAN_5], ids=str)
def test_number_of_flushes_does_not_grow(make_store: MakeStore, tmp_path: Path, kind: Any) -> None:
    counts = {}
    for containers in (5, 50):
        store = make_store(kind)
        for name in "abcde":
            store.create(name)
        store.machine.power_off()
        clone.containers(store, "a", containers - 5)
        store.machine.boot()
        counts[containers] = flushes(store, tmp_path)
    # SQLite flushes its journal as well, twice.
    most = FLUSHES_AT_MOST + (2 if store.database.suffix == ".sql" else 0)
    assert counts[5] == counts[50] <= most
