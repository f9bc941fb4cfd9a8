"""The runtime directory of a user, with one user; tests/host/config has a second, hostile one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from libpod.config.account import Account
from libpod.config.rootless import open_trusted, runtime_directory
from libpod.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.config.conftest import Machine

ME = os.geteuid()


@pytest.fixture(autouse=True)
def closes_everything() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert len(os.listdir("/proc/self/fd")) == len(before)


def choose(machine: Machine, *, create: bool = True) -> str:
    return runtime_directory(Account(machine.environment, ME), create=create)


def mode(path: str | Path) -> int:
    return os.stat(path).st_mode & 0o7777


def private(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o700)
    return path


# ---------------------------------------------------------------- XDG_RUNTIME_DIR


def test_named_directory(machine: Machine) -> None:
    path = private(machine.root / "session")
    machine.environment["XDG_RUNTIME_DIR"] = f"{path}/"
    assert choose(machine) == str(path)
    assert not list(machine.run.iterdir())


def named(machine: Machine, path: Path | str) -> InvalidArgument:
    """The error for a named directory; no other one is chosen or made."""
    machine.environment["XDG_RUNTIME_DIR"] = str(path)
    with pytest.raises(InvalidArgument, match="XDG_RUNTIME_DIR") as caught:
        choose(machine)
    assert str(path).rstrip("/") in caught.value.message
    assert caught.value.hint
    assert not list(machine.run.iterdir())
    assert not list(machine.tmp.iterdir())
    return caught.value


def test_named_directory_that_is_missing(machine: Machine) -> None:
    error = named(machine, machine.root / "none")
    assert "does not exist" in error.message
    assert "enable-linger" in str(error.hint)


@pytest.mark.parametrize("wrong", [0o755, 0o770, 0o500, 0o1700, 0o2700])
def test_named_directory_with_another_mode(machine: Machine, wrong: int) -> None:
    path = private(machine.root / "session")
    path.chmod(wrong)
    assert f"has mode {wrong:04o}, not 0700" in named(machine, path).message


def test_named_directory_that_containers_pass_through(machine: Machine) -> None:
    path = private(machine.root / "session")
    path.chmod(0o711)
    machine.environment["XDG_RUNTIME_DIR"] = str(path)
    assert choose(machine) == str(path)


@pytest.mark.parametrize("end", ["", "/", "/."])
def test_named_link(machine: Machine, end: str) -> None:
    private(machine.root / "session")
    (machine.root / "link").symlink_to("session")
    machine.environment["XDG_RUNTIME_DIR"] = f"{machine.root}/link{end}"
    with pytest.raises(InvalidArgument, match="link is a symbolic link"):
        choose(machine)


def test_named_file_and_relative_path(machine: Machine) -> None:
    path = machine.write(machine.root / "file", "")
    assert "is not a directory" in named(machine, path).message
    assert "must be an absolute path" in named(machine, "run").message


def test_named_directory_of_another_user(machine: Machine) -> None:
    path = private(machine.root / "session")
    machine.environment["XDG_RUNTIME_DIR"] = str(path)
    with pytest.raises(InvalidArgument, match=f"belongs to user {ME}, not to user {ME + 1}"):
        runtime_directory(Account(machine.environment, ME + 1))


# ---------------------------------------------------------------- candidates


def test_first_a_directory_of_the_system(machine: Machine) -> None:
    expected = machine.run / str(ME)
    assert choose(machine) == str(expected)
    assert mode(expected) == 0o700
    assert choose(machine) == str(expected)


def test_the_user_outside_a_namespace_names_the_directory(machine: Machine) -> None:
    machine.environment |= {"_CONTAINERS_USERNS_CONFIGURED": "done", "_CONTAINERS_ROOTLESS_UID": "4711"}
    assert choose(machine) == f"{machine.run}/4711"


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o277])
def test_mode_whatever_the_mask(machine: Machine, mask: int) -> None:
    machine.run.rmdir()
    before = os.umask(mask)
    try:
        path = choose(machine)
    finally:
        os.umask(before)
    assert path == f"{machine.tmp}/user/{ME}"
    assert mode(path) == mode(machine.tmp / "user") == 0o700


def test_then_the_directory_for_temporary_files(machine: Machine) -> None:
    machine.run.rmdir()
    assert choose(machine) == f"{machine.tmp}/user/{ME}"
    other = private(machine.root / "other")
    machine.environment["TMPDIR"] = f"{other}/"
    assert choose(machine) == f"{other}/user/{ME}"


def test_last_the_home_directory(machine: Machine) -> None:
    machine.run.rmdir()
    machine.tmp.rmdir()
    assert choose(machine) == f"{machine.home}/rundir"
    assert mode(machine.home / "rundir") == 0o700


def test_a_link_of_our_own_on_the_way_is_followed(machine: Machine) -> None:
    machine.run.rmdir()
    machine.tmp.rmdir()
    (machine.root / "here").symlink_to(machine.root)
    (machine.root / "house").symlink_to("here/./home")
    machine.environment["HOME"] = f"{machine.root}/house"
    assert choose(machine) == f"{machine.root}/house/rundir"
    assert (machine.home / "rundir").is_dir()


def refused(machine: Machine) -> str:
    """The error when every candidate is out; it speaks of each of them."""
    with pytest.raises(InvalidArgument) as caught:
        choose(machine)
    assert "XDG_RUNTIME_DIR is not set" in caught.value.message
    assert "enable-linger" in str(caught.value.hint)
    return caught.value.message


def test_nothing_left(machine: Machine) -> None:
    for directory in (machine.run, machine.tmp, machine.home):
        directory.rmdir()
    message = refused(machine)
    assert f"{machine.run}/{ME}: No such file or directory" in message
    assert f"{machine.tmp}/user/{ME}: No such file or directory" in message
    assert f"{machine.home}/rundir: No such file or directory" in message


def test_a_candidate_with_another_mode_is_passed_over(machine: Machine) -> None:
    private(machine.run / str(ME)).chmod(0o755)
    assert choose(machine) == f"{machine.tmp}/user/{ME}"
    (machine.tmp / "user" / str(ME)).chmod(0o750)
    assert choose(machine) == f"{machine.home}/rundir"
    (machine.home / "rundir").chmod(0o777)
    message = refused(machine)
    assert f"{machine.run}/{ME} has mode 0755, not 0700" in message
    assert f"{machine.tmp}/user/{ME} has mode 0750, not 0700" in message
    assert f"{machine.home}/rundir is writable by others" in message
    assert mode(machine.run / str(ME)) == 0o755


@pytest.mark.parametrize("kind", ["link", "dangling link", "file", "fifo"])
def test_a_candidate_that_is_no_directory_is_passed_over(machine: Machine, kind: str) -> None:
    path = machine.run / str(ME)
    target = machine.root / "target"
    if kind == "link":
        private(target)
    if "link" in kind:
        path.symlink_to(target)
    elif kind == "file":
        path.write_text("")
    else:
        os.mkfifo(path)
    assert choose(machine) == f"{machine.tmp}/user/{ME}"
    assert target.exists() == (kind == "link")


@pytest.mark.parametrize("target", ["real", "none"])
def test_a_link_between_is_never_taken(machine: Machine, target: str) -> None:
    machine.run.rmdir()
    real = private(machine.root / "real")
    (machine.tmp / "user").symlink_to(machine.root / target)
    assert choose(machine) == f"{machine.home}/rundir"
    assert not list(real.iterdir())
    assert not (machine.root / "none").exists()


@pytest.mark.parametrize(
    ("wrong", "taken"), [(0o777, False), (0o775, False), (0o1777, True), (0o755, True), (0o702, False)]
)
def test_a_directory_on_the_way_that_others_may_write(machine: Machine, wrong: int, taken: bool) -> None:
    machine.run.rmdir()
    machine.tmp.chmod(wrong)
    assert choose(machine) == (f"{machine.tmp}/user/{ME}" if taken else f"{machine.home}/rundir")
    assert (machine.tmp / "user").exists() == taken


def test_a_relative_directory_for_temporary_files(machine: Machine) -> None:
    machine.run.rmdir()
    machine.environment["TMPDIR"] = "tmp"
    assert choose(machine) == f"{machine.home}/rundir"


def test_two_choices_at_once_agree(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process makes the directory between our look and our mkdir."""
    real, made = os.mkdir, []

    def mkdir(name: str, mode: int, *, dir_fd: int) -> None:
        real(name, mode, dir_fd=dir_fd)
        made.append(name)
        raise FileExistsError(17, "File exists")

    monkeypatch.setattr(os, "mkdir", mkdir)
    assert choose(machine) == f"{machine.run}/{ME}"
    assert made == [str(ME)]


# ---------------------------------------------------------------- without making anything


def test_a_directory_that_could_be_made(machine: Machine) -> None:
    assert choose(machine, create=False) == f"{machine.run}/{ME}"
    assert not list(machine.run.iterdir())
    machine.run.rmdir()
    assert choose(machine, create=False) == f"{machine.tmp}/user/{ME}"
    assert not list(machine.tmp.iterdir())
    private(machine.tmp / "user")
    assert choose(machine, create=False) == f"{machine.tmp}/user/{ME}"


def test_an_existing_directory_is_checked_all_the_same(machine: Machine) -> None:
    private(machine.run / str(ME)).chmod(0o755)
    assert choose(machine, create=False) == f"{machine.tmp}/user/{ME}"


# ---------------------------------------------------------------- walking


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InvalidArgument, match="too many symbolic links"):
        open_trusted(f"{tmp_path}/a", ME)


def test_walking_ends_at_the_same_directory_as_the_kernel_does(tmp_path: Path) -> None:
    private(tmp_path / "a")
    private(tmp_path / "a/b")
    (tmp_path / "up").symlink_to("a/b/../../a")
    (tmp_path / "absolute").symlink_to(tmp_path / "up")
    for name in ("a/b", "a//b/", "./a/./b", "up/b", "absolute/b", "absolute/b/../b"):
        descriptor = open_trusted(f"{tmp_path}/{name}", ME)
        try:
            assert os.path.samestat(os.fstat(descriptor), os.stat(tmp_path / "a/b"))
        finally:
            os.close(descriptor)
