"""A user's store, made by rootless Podman: its own segment of locks, its own runtime directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab import database
from tests.lab.podman import SOURCE, Store, shared_locks
from tests.lab.stores import PODMAN_4

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.machine import Result
    from tests.lab.stores import MakeStore

UID = 4711
HOME = "/srv/home"
RUNTIME = f"/run/user/{UID}"
SEGMENT = f"/dev/shm/libpod_rootless_lock_{UID}"
# What a login of a user is, on a machine that has none: an account with IDs of its own, and a directory.
LOGIN = f"""
mount --make-rshared /
mkdir -p {HOME} {RUNTIME} /srv/etc
for file in passwd group subuid subgid; do
    cp /etc/$file /srv/etc/$file
    case $file in
        passwd) echo 'rootless:x:{UID}:{UID}::{HOME}:/bin/sh' ;;
        group) echo 'rootless:x:{UID}:' ;;
        *) echo 'rootless:500000:65536' ;;
    esac >>/srv/etc/$file
    mount --bind /srv/etc/$file /etc/$file
done
chown {UID}:{UID} {HOME} {RUNTIME}
chmod 700 {RUNTIME}
"""


class User:
    """A user of a machine, whose store is where Podman puts it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.machine = store.machine
        self.log_in()

    def log_in(self) -> None:
        """Make the account and the runtime directory; a reboot takes both."""
        self.machine.run(["sh", "-ec", LOGIN])

    def run(self, *command: str, check: bool = True) -> Result:
        """Run a command as the user; nothing may be said on stderr."""
        environment = {
            "HOME": HOME,
            "XDG_RUNTIME_DIR": RUNTIME,
            "PYTHONPATH": str(SOURCE),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        before = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--")
        result = self.machine.run([*before, *command], check=check, environment=environment)
        assert not (check and result.stderr), result
        return result

    def podman(self, *arguments: str) -> Result:
        """Run Podman. The vfs driver needs nothing of the kernel."""
        return self.run("podman", "--storage-driver=vfs", "--cgroup-manager=cgroupfs", *arguments)

    def libpod(self, *arguments: str) -> Result:
        """Run our program."""
        options = ("--storage-driver", "vfs", "--cgroup-manager", "cgroupfs")
        return self.run(self.store.python, "-m", "libpod", *options, *arguments)

    @property
    def database(self) -> Path:
        """The database in the running machine."""
        return self.store.path(f"{HOME}/.local/share/containers/storage/libpod/bolt_state.db")

    def locks(self) -> set[int]:
        """The numbers that are taken in the user's segment."""
        return set(shared_locks(self.store.path(SEGMENT).read_bytes()))


@pytest.fixture
def user(make_store: MakeStore) -> User:
    """A user on a machine whose root user has a store with locks in shared memory too."""
    for program in ("newuidmap", "setpriv"):
        tools.require_tool(program)
    store = make_store(PODMAN_4._replace(lock_type="shm"))
    store.podman("volume", "create", "of-root")
    return User(store)


def make_objects(user: User) -> None:
    archive = "tar -C /srv/rootfs -c . | podman --storage-driver=vfs import --quiet - bb"
    user.machine.run(["sh", "-ec", "mkdir -p /srv/rootfs/bin && cp /bin/busybox /srv/rootfs/bin/sleep"])
    user.run("sh", "-ec", archive)
    for name in ("web", "db"):
        user.podman("create", "--network=none", "--name", name, "-v", f"{name}:/data", "bb", "sleep", "1000")
    user.podman("pod", "create", "--infra=false", "--name", "pod")


def test_users_segment_and_directories(user: User) -> None:
    make_objects(user)
    numbers = set(database.lock_numbers(user.database).values())
    assert user.locks() == numbers
    assert len(numbers) == 5
    of_root = user.store.allocated_locks()
    user.store.reboot()
    user.log_in()
    report = json.loads(user.libpod("refresh", "--format", "json").stdout)
    assert report["decision"] == "refresh"
    assert report["locks"] == {"kind": "shm", "allocated": 5, "renumbered": 0}
    assert report["containers"]["quarantined"] == []
    segment = user.store.path(SEGMENT).stat()
    assert (segment.st_uid, segment.st_mode & 0o777) == (UID, 0o600)
    assert user.locks() == numbers
    assert not user.store.path("/dev/shm/libpod_lock").exists(), "root's segment is root's affair"
    alive = user.store.path(f"{RUNTIME}/libpod/tmp/alive")
    assert alive.read_text() == f"{user.machine.boot_id}\n"
    assert alive.stat().st_uid == UID
    # Podman takes them for its own, and gives out others.
    assert user.podman("ps", "-a", "--format", "{{.Names}}").stdout.split() == ["web", "db"]
    user.podman("create", "--network=none", "--name", "new", "bb", "sleep", "1000")
    numbers = set(database.lock_numbers(user.database).values())
    assert len(numbers) == 6
    assert user.locks() == numbers
    user.podman("rm", "web")
    user.podman("volume", "rm", "web")
    assert user.locks() == set(database.lock_numbers(user.database).values())
    assert json.loads(user.libpod("refresh", "--format", "json").stdout)["decision"] == "noop"
    assert len(of_root) == 1


def test_each_users_refresh_leaves_the_other_alone(user: User) -> None:
    make_objects(user)
    user.store.reboot()
    user.log_in()
    assert user.store.refresh()["locks"]["allocated"] == 1
    of_root = user.store.path("/dev/shm/libpod_lock").read_bytes()
    user.libpod("refresh")
    assert user.store.path("/dev/shm/libpod_lock").read_bytes() == of_root
    user.podman("volume", "rm", "web", "--force")
    assert user.locks() == set(database.lock_numbers(user.database).values())
