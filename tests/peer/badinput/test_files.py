"""File systems that are read-only, full or closed to us, and files of the wrong kind."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.lab.machine import ENVIRONMENT
from tests.lab.podman import IMAGE
from tests.lab.stores import PODMAN_5
from tests.peer.badinput.answers import failed, refresh_succeeds, refused_without_loss

if TYPE_CHECKING:
    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore

LIBPOD = "/srv/store/libpod"


def test_read_only_file_system(store: Store) -> None:
    before = store.database.read_bytes()
    store.machine.run(["mount", "-o", "remount,bind,ro", "/srv"])
    result = store.libpod("refresh", check=False)
    message = refused_without_loss(store, result, before, "/srv/store")
    assert "read-only" in message.lower()
    store.machine.run(["mount", "-o", "remount,bind,rw", "/srv"])
    refresh_succeeds(store)


def test_read_only_file_system_with_sqlite(make_store: MakeStore) -> None:
    store = make_store(PODMAN_5, populated=True)
    before = store.database.read_bytes()
    store.machine.run(["mount", "-o", "remount,bind,ro", "/srv"])
    message = refused_without_loss(store, store.libpod("refresh", check=False), before, "/srv/store")
    assert "read" in message.lower()
    store.machine.run(["mount", "-o", "remount,bind,rw", "/srv"])
    refresh_succeeds(store)


def test_reading_works_on_a_read_only_file_system(store: Store) -> None:
    store.refresh()
    store.machine.run(["mount", "-o", "remount,bind,ro", "/srv"])
    assert store.refresh()["decision"] == "noop"
    assert len(store.libpod("ps", "-aq").stdout.split()) == len(store.states_on_disk())
    assert store.libpod("db", "check").status == 0


def test_dry_run_on_a_read_only_file_system(store: Store) -> None:
    store.machine.run(["mount", "-o", "remount,bind,ro", "/srv"])
    assert store.refresh("--dry-run")["decision"] == "refresh"


@pytest.mark.parametrize("spare_pages", [0, 1, 8, 40])
def test_full_disk_at_the_database(store: Store, spare_pages: int) -> None:
    """No room for the backup, or for the transaction after it."""
    before = store.database.read_bytes()
    pages = -(-len(before) // 4096) + spare_pages
    shutil.copytree(store.path(LIBPOD), store.path("/run/kept"))
    store.machine.run(["mount", "-t", "tmpfs", "-o", f"size={pages * 4}k,mode=700", "tmpfs", LIBPOD])
    store.machine.run(["cp", "-a", "/run/kept/.", LIBPOD])
    inside = store.path(f"{LIBPOD}/bolt_state.db")
    result = store.libpod("refresh", check=False)
    failed(result, "No space left", LIBPOD)
    assert inside.read_bytes() == before
    assert not store.alive.exists()
    left = [path.name for path in inside.parent.iterdir() if path.name != "bolt_state.db"]
    assert not [name for name in left if name.startswith(".") or "tmp" in name], left


def test_full_disk_at_the_runtime_directory(store: Store) -> None:
    before = store.database.read_bytes()
    store.path(store.tmp_dir).mkdir(mode=0o751)
    store.machine.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=751", "tmpfs", store.tmp_dir])
    store.machine.run(["sh", "-c", f"head -c 4096 /dev/zero > {store.tmp_dir}/full"])
    result = store.libpod("refresh", check=False)
    failed(result, "No space left", store.tmp_dir)
    assert not store.alive.exists()
    store.path(f"{store.tmp_dir}/full").unlink()
    store.machine.run(["umount", store.tmp_dir])
    assert len(store.database.read_bytes()) >= len(before)
    refresh_succeeds(store)


def test_another_user(store: Store) -> None:
    before = store.database.read_bytes()
    result = store.libpod(
        "refresh", before=("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"), check=False
    )
    message = refused_without_loss(store, result, before)
    assert "ermission" in message
    assert "/root" in message or "/srv/store" in message or store.tmp_dir in message


def test_immutable_database(store: Store) -> None:
    before = store.database.read_bytes()
    path = f"{LIBPOD}/bolt_state.db"
    store.machine.run(["chattr", "+i", path])
    try:
        result = store.libpod("refresh", check=False)
        refused_without_loss(store, result, before, path)
    finally:
        store.machine.run(["chattr", "-i", path])
    refresh_succeeds(store)


# Directories where files should be, and files where directories should be.

WRONG_KINDS = {
    "alive": "{tmp}/alive",
    "alive-lock": "{tmp}/alive.lck",
    "boot-record": f"{LIBPOD}/boot-record.json",
    "database": f"{LIBPOD}/bolt_state.db",
}


@pytest.mark.parametrize("what", WRONG_KINDS)
def test_directory_where_a_file_should_be(store: Store, what: str) -> None:
    path = WRONG_KINDS[what].format(tmp=store.tmp_dir)
    before = store.database.read_bytes()
    if what == "database":
        store.machine.run(["mv", path, f"{path}-away"])
    store.machine.run(["mkdir", "-p", path])
    message = failed(store.libpod("refresh", check=False), path)
    assert "irectory" in message
    store.machine.run(["rmdir", path])
    if what == "database":
        store.machine.run(["mv", f"{path}-away", path])
        assert store.database.read_bytes() == before
    refresh_succeeds(store)


def test_directory_where_the_report_should_be(store: Store) -> None:
    """The report is for people: the boot does not wait for it, and they are told."""
    path = f"{store.tmp_dir}/refresh.json"
    store.machine.run(["mkdir", "-p", path])
    result = store.libpod("refresh")
    assert f"{path}: Is a directory; remove it" in result.stdout
    assert store.alive.exists()
    store.podman("start", "running")
    failed(store.libpod("refresh", "--last", check=False), path)


@pytest.mark.parametrize("path", ["/run/libpod-store", "/run/libpod-store/locks"])
def test_file_where_a_directory_should_be(store: Store, path: str) -> None:
    before = store.database.read_bytes()
    store.machine.run(["sh", "-c", f"mkdir -p {path.rpartition('/')[0]}; echo precious > {path}"])
    message = failed(store.libpod("refresh", check=False), path)
    assert "irectory" in message or "File exists" in message
    assert store.path(path).read_text() == "precious\n"
    assert len(store.database.read_bytes()) >= len(before)
    store.path(path).unlink()
    refresh_succeeds(store)


def test_file_where_the_run_root_should_be(store: Store) -> None:
    """No container is to blame: the boot is not done, and the next refresh does it."""
    store.machine.run(["sh", "-c", "echo precious > /run/store"])
    failed(store.libpod("refresh", check=False), "/run/store")
    assert store.path("/run/store").read_text() == "precious\n"
    store.path("/run/store").unlink()
    refresh_succeeds(store)


@pytest.mark.parametrize("name", ["alive", "alive.lck", "refresh.json"])
def test_symlinks_in_the_runtime_directory_are_not_followed(store: Store, name: str) -> None:
    store.machine.run(["sh", "-c", "echo precious > /srv/precious"])
    store.path(store.tmp_dir).mkdir(mode=0o751)
    store.machine.run(["ln", "-s", "/srv/precious", f"{store.tmp_dir}/{name}"])
    result = store.libpod("refresh", check=False)
    assert "Traceback" not in result.stderr
    assert store.path("/srv/precious").read_text() == "precious\n"
    if result.status != 0:
        failed(result, f"{store.tmp_dir}/{name}")


# Bytes that are no text.


def test_alive_with_garbage(store: Store) -> None:
    """Nothing that lives, and no boot ID in it: it is not of this boot."""
    store.path(store.tmp_dir).mkdir(mode=0o751)
    store.alive.write_bytes(b"\xff\xfe\x00garbage\n")
    refresh_succeeds(store)
    assert store.alive.read_text() == store.machine.boot_id + "\n"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[]", b"{}", b'{"version": 99}', b""])
def test_boot_record_with_garbage(store: Store, content: bytes) -> None:
    """The record is a help, not a need."""
    store.path(f"{LIBPOD}/boot-record.json").write_bytes(content)
    refresh_succeeds(store)


def test_argument_that_is_no_text(store: Store) -> None:
    result = store.libpod("ps", check=False, before=("env",))
    assert "Traceback" not in result.stderr
    script = 'exec "$@" --root "$(printf "/srv/\\377")" refresh'
    result = store.machine.run(
        ["sh", "-c", script, "sh", store.python, "-m", "libpod"],
        check=False,
        environment=store.libpod_environment,
    )
    assert "Traceback" not in result.stderr
    assert ENVIRONMENT["LANG"] == "C.UTF-8"


def test_names_that_are_no_text_in_the_database(store: Store) -> None:
    from libpod import boltdb

    engine = boltdb.Database.open(str(store.database), create=False, timeout=30)
    with engine.update() as transaction:
        for name in (b"id-registry", b"all-ctrs"):
            bucket = transaction.bucket(name)
            assert bucket is not None
            bucket.put(b"\xff\xfe" * 32, b"\xff")
    engine.close()
    result = store.libpod("refresh", "--format", "json", check=False)
    assert result.status in (0, 1), result
    assert "Traceback" not in result.stderr
    store.podman("start", "running")
    assert IMAGE in store.podman("ps", "--format", "{{.Image}}").stdout
