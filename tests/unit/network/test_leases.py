"""Leases of host-local: which are dropped, and which are left alone."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from libpod import failpoints
from libpod.errors import FileError, LockTimeout
from libpod.network import leases

OURS = "a" * 64
ALIVE = "b" * 64
FOREIGN = "0123456789abcdef"


@pytest.fixture
def networks(tmp_path: Path) -> Path:
    """Two networks with leases of ours and of others."""
    directory = tmp_path / "networks"
    for network in ("podman", "my-net"):
        (directory / network).mkdir(parents=True)
        (directory / network / "last_reserved_ip.0").write_text("10.88.0.9")
    write(directory / "podman" / "10.88.0.2", f"{OURS}\r\neth0")
    write(directory / "podman" / "10.88.0.3", f"{ALIVE}\r\neth0")
    write(directory / "podman" / "10.88.0.4", f"{FOREIGN}\r\neth0")
    write(directory / "my-net" / "fd00::2", f"{OURS}\neth1")
    write(directory / "my-net" / "10.1.0.2", OURS)
    (directory / "podman" / "lock").touch(0o750)
    return directory


@pytest.fixture
def results(tmp_path: Path) -> Path:
    directory = tmp_path / "results"
    directory.mkdir()
    for name in (
        f"podman-{OURS}-eth0",
        f"my-net-{OURS}-eth1",
        f"podman-{ALIVE}-eth0",
        f"podman-{FOREIGN}-eth0",
        OURS,
        f"{OURS}-eth0",
        f"podman-{OURS}",
    ):
        write(directory / name, "{}")
    return directory


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def names(directory: Path) -> set[str]:
    return {
        str(Path(parent, name).relative_to(directory))
        for parent, _directories, files in os.walk(directory)
        for name in files
    }


def drop(networks: Path, results: Path, *ids: str, write: bool = True) -> leases.Outcome:
    return leases.drop(set(ids), networks=str(networks), results=str(results), write=write)


def test_leases_are_read_whatever_ends_their_lines(networks: Path) -> None:
    found = {(lease.network, lease.address): lease for lease in leases.leases(str(networks))}
    assert len(found) == 5
    assert found["podman", "10.88.0.2"].container_id == OURS
    assert found["podman", "10.88.0.2"].interface == "eth0"
    assert found["my-net", "fd00::2"].interface == "eth1"
    assert found["my-net", "10.1.0.2"].container_id == OURS
    assert found["my-net", "10.1.0.2"].interface == ""


def test_only_what_belongs_to_the_given_containers_is_dropped(networks: Path, results: Path) -> None:
    before = names(networks), names(results)
    outcome = drop(networks, results, OURS)
    assert outcome.errors == []
    assert before[0] - names(networks) == {"podman/10.88.0.2", "my-net/fd00::2", "my-net/10.1.0.2"}
    assert before[1] - names(results) == {f"podman-{OURS}-eth0", f"my-net-{OURS}-eth1"}
    assert len(outcome.removed) == 5
    assert not any(os.path.exists(path) for path in outcome.removed)
    assert drop(networks, results, OURS) == leases.Outcome([], [])


def test_a_prefix_of_an_id_is_another_container(networks: Path, results: Path) -> None:
    before = names(networks), names(results)
    assert drop(networks, results, OURS[:12], "c" * 64).removed == []
    assert (names(networks), names(results)) == before


def test_without_containers_nothing_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "networks").write_bytes(b"")
    assert drop(tmp_path / "networks", tmp_path / "results") == leases.Outcome([], [])


def test_a_trial_tells_the_same_and_changes_nothing(networks: Path, results: Path) -> None:
    (networks / "podman" / "lock").unlink()
    before = names(networks), names(results)
    trial = drop(networks, results, OURS, write=False)
    assert (names(networks), names(results)) == before
    assert trial == drop(networks, results, OURS)


def test_a_missing_lock_file_is_made_as_the_plugin_makes_it(networks: Path, results: Path) -> None:
    before = os.umask(0o022)
    try:
        drop(networks, results, OURS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((networks / "my-net" / "lock").stat().st_mode) == 0o750


def test_a_network_without_leases_of_ours_is_not_locked(networks: Path, results: Path) -> None:
    drop(networks, results, ALIVE)
    assert not (networks / "my-net" / "lock").exists()


def test_a_host_without_cni(tmp_path: Path) -> None:
    assert drop(tmp_path / "networks", tmp_path / "results", OURS) == leases.Outcome([], [])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "text", ["", "\r\n", "\r\neth0", "\xff\xfe", f"x{OURS}\r\neth0", f"{OURS}x", "y" * 10_000]
)
def test_a_damaged_lease_is_nobodys(networks: Path, results: Path, text: str) -> None:
    write(networks / "podman" / "10.88.0.77", text)
    drop(networks, results, OURS)
    assert (networks / "podman" / "10.88.0.77").exists()


def test_things_that_are_no_leases_are_left_alone(networks: Path, results: Path) -> None:
    write(networks / "podman" / "last_reserved_ip.1", OURS)
    write(networks / "podman" / "lock", OURS)
    write(networks / "stray", OURS)
    (networks / "podman" / "directory").mkdir()
    os.mkfifo(networks / "podman" / "pipe")
    outcome = drop(networks, results, OURS)
    assert outcome.errors == []
    assert {"podman/last_reserved_ip.1", "podman/lock", "stray", "podman/pipe"} <= names(networks)


def test_the_network_is_locked_while_it_is_changed(
    networks: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def look(name: str) -> None:
        with open(networks / "podman" / "lock", "rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        looked.append(name)

    (networks / "my-net" / "10.1.0.2").unlink()
    (networks / "my-net" / "fd00::2").unlink()
    monkeypatch.setattr(failpoints, "hook", look)
    drop(networks, results, OURS)
    assert looked == ["leases.remove"]


def test_an_address_that_was_given_away_meanwhile_is_kept(
    networks: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what the file says once the lock is held."""
    taken = fcntl.flock

    def give_away(descriptor: int, operation: int) -> None:
        taken(descriptor, operation)
        write(networks / "podman" / "10.88.0.2", f"{ALIVE}\r\neth0")

    monkeypatch.setattr(fcntl, "flock", give_away)
    outcome = drop(networks, results, OURS)
    assert (networks / "podman" / "10.88.0.2").exists()
    assert str(networks / "podman" / "10.88.0.2") not in outcome.removed


def test_one_locked_network_does_not_stop_the_others(
    networks: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LOCK_SECONDS", 0.0)
    with open(networks / "podman" / "lock", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        outcome = drop(networks, results, OURS)
    (error,) = outcome.errors
    assert isinstance(error, LockTimeout)
    assert f"held by process {os.getpid()}" in error.message
    assert (networks / "podman" / "10.88.0.2").exists()
    assert not (networks / "my-net" / "10.1.0.2").exists()
    assert not (results / f"podman-{OURS}-eth0").exists()


def test_something_else_in_the_place_of_a_directory(tmp_path: Path, results: Path) -> None:
    networks = tmp_path / "networks"
    (networks / "podman").mkdir(parents=True)
    write(networks / "podman" / "10.88.0.2", OURS)
    (networks / "podman" / "lock").symlink_to("/etc/passwd")
    outcome = drop(networks, tmp_path / "results" / f"podman-{OURS}-eth0", OURS)
    assert [type(error) for error in outcome.errors] == [FileError, FileError]
    assert (networks / "podman" / "10.88.0.2").exists()
