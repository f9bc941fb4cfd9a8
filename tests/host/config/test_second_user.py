"""Runtime directories on ground that another user shares: real users, real links, a real race."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from libpod.config import rootless
from libpod.config.account import Account
from libpod.config.rootless import runtime_directory
from libpod.config.runtime import RuntimeConfig
from libpod.errors import InvalidArgument
from tests import tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VICTIM, ATTACKER = 64001, 64002
ROUNDS = 300


class Ground:
    """A shared directory for temporary files, a home of the victim, a den of the attacker."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tmp = self.make("tmp", 0, 0o1777)
        self.home = self.make("home", VICTIM, 0o755)
        self.den = self.make("den", ATTACKER, 0o777)
        self.environment = {"HOME": str(self.home), "TMPDIR": str(self.tmp)}

    def make(self, name: str, owner: int, mode: int) -> Path:
        """A directory below the ground."""
        path = self.root / name
        path.mkdir()
        os.chown(path, owner, owner)
        path.chmod(mode)
        return path

    def choose(self) -> str:
        """What the victim chooses."""
        found: str = as_user(VICTIM, lambda: runtime_directory(Account(self.environment)))
        return found

    @property
    def fallback(self) -> str:
        """What the victim takes when the shared directory is not to be trusted."""
        return f"{self.home}/rundir"


def start(uid: int, work: Callable[[], object]) -> tuple[int, int]:
    """Do *work* as another user in a new process; return its ID and a pipe to read the outcome from."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        outcome: object = None
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.umask(0o022)
            outcome = work()
        except BaseException as error:  # noqa: BLE001 - goes to the parent
            outcome = error
        finally:
            os.write(writer, pickle.dumps(outcome))
            os._exit(0)
    os.close(writer)
    return child, reader


def as_user(uid: int, work: Callable[[], object]) -> Any:
    """Return or raise what *work* returns or raises, done by user *uid*."""
    child, reader = start(uid, work)
    with open(reader, "rb") as file:
        outcome = pickle.load(file)
    os.waitpid(child, 0)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    tools.require_root()
    root = Path(tempfile.mkdtemp(prefix="libpod-users-", dir="/var/tmp"))
    root.chmod(0o755)
    monkeypatch.setattr(rootless, "USERS_RUNTIME", f"{root}/run-user")
    try:
        yield Ground(root)
    finally:
        shutil.rmtree(root)


def owner_and_mode(path: str | Path) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_uid, status.st_mode & 0o7777


def test_the_shared_directory_without_an_attacker(ground: Ground) -> None:
    path = ground.choose()
    assert path == f"{ground.tmp}/user/{VICTIM}"
    assert owner_and_mode(path) == (VICTIM, 0o700)
    assert owner_and_mode(ground.tmp / "user") == (VICTIM, 0o700)


def test_a_second_user_does_not_take_the_directory_of_the_first(ground: Ground) -> None:
    first = ground.choose()
    environment = {"HOME": str(ground.den), "TMPDIR": str(ground.tmp)}
    with pytest.raises(InvalidArgument, match="no runtime directory"):
        as_user(ATTACKER, lambda: runtime_directory(Account(environment)))
    assert os.listdir(f"{ground.tmp}/user") == [os.path.basename(first)]


def test_a_directory_for_everybody_made_by_root(ground: Ground) -> None:
    ground.make("tmp/user", 0, 0o1777)
    assert ground.choose() == f"{ground.tmp}/user/{VICTIM}"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o755])
def test_a_directory_of_the_attacker_between(ground: Ground, mode: int) -> None:
    path = ground.make("tmp/user", ATTACKER, mode)
    assert ground.choose() == ground.fallback
    assert not list(path.iterdir())


@pytest.mark.parametrize("target", ["den", "home", "victims", "none"])
def test_a_link_of_the_attacker_between(ground: Ground, target: str) -> None:
    ground.make("victims", VICTIM, 0o700)
    as_user(ATTACKER, lambda: os.symlink(ground.root / target, ground.tmp / "user"))
    assert ground.choose() == ground.fallback
    assert not list((ground.root / "victims").iterdir())
    assert not list(ground.den.iterdir())
    assert not (ground.root / "none").exists()
    assert os.listdir(ground.home) == ["rundir"]


@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_a_directory_of_the_attacker_at_the_end(ground: Ground, mode: int) -> None:
    ground.make("tmp/user", 0, 0o1777)
    ground.make(f"tmp/user/{VICTIM}", ATTACKER, mode)
    assert ground.choose() == ground.fallback


def test_a_link_of_the_attacker_at_the_end(ground: Ground) -> None:
    """It leads to a directory that would be accepted by itself."""
    ground.make("tmp/user", 0, 0o1777)
    good = ground.make("victims", VICTIM, 0o700)
    as_user(ATTACKER, lambda: os.symlink(good, f"{ground.tmp}/user/{VICTIM}"))
    assert ground.choose() == ground.fallback
    assert not list(good.iterdir())


def test_temporary_files_in_the_den(ground: Ground) -> None:
    ground.environment["TMPDIR"] = str(ground.den)
    assert ground.choose() == ground.fallback
    assert not list(ground.den.iterdir())


def test_temporary_files_through_a_link_of_the_attacker(ground: Ground) -> None:
    good = ground.make("victims", VICTIM, 0o700)
    as_user(ATTACKER, lambda: os.symlink(good, ground.tmp / "link"))
    ground.environment["TMPDIR"] = f"{ground.tmp}/link"
    assert ground.choose() == ground.fallback
    assert not list(good.iterdir())


def test_temporary_files_through_a_link_of_root(ground: Ground) -> None:
    (ground.root / "link").symlink_to("tmp")
    ground.environment["TMPDIR"] = f"{ground.root}/link"
    assert ground.choose() == f"{ground.root}/link/user/{VICTIM}"
    assert owner_and_mode(ground.tmp / f"user/{VICTIM}") == (VICTIM, 0o700)


def test_a_shared_directory_that_is_not_sticky(ground: Ground) -> None:
    ground.tmp.chmod(0o777)
    assert ground.choose() == ground.fallback
    assert not list(ground.tmp.iterdir())


def test_every_reason_is_told(ground: Ground) -> None:
    ground.make("tmp/user", ATTACKER, 0o755)
    ground.make("home/rundir", ATTACKER, 0o700)
    with pytest.raises(InvalidArgument) as caught:
        ground.choose()
    assert f"{ground.tmp}/user belongs to user {ATTACKER}" in caught.value.message
    assert f"{ground.home}/rundir: Permission denied" in caught.value.message


def test_a_session_directory_of_root(ground: Ground) -> None:
    """What `sudo -E` leaves behind."""
    path = ground.make("session", 0, 0o700)
    ground.environment["XDG_RUNTIME_DIR"] = str(path)
    with pytest.raises(InvalidArgument, match=rf"XDG_RUNTIME_DIR: {path}: Permission denied"):
        ground.choose()
    path.chmod(0o755)
    with pytest.raises(InvalidArgument, match="belongs to user 0, not to user"):
        ground.choose()
    assert not list(ground.tmp.iterdir())


def test_the_whole_configuration_of_a_user(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CONTAINERS_STORAGE_CONF"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONTAINERS_CONF", "/dev/null")
    for name, value in ground.environment.items():
        monkeypatch.setenv(name, value)
    config = as_user(VICTIM, RuntimeConfig.load)
    assert config.rootless
    assert config.uid == VICTIM
    assert config.tmp_dir == f"{ground.tmp}/user/{VICTIM}/libpod/tmp"
    assert config.run_root == f"{ground.tmp}/user/{VICTIM}/containers"
    assert config.graph_root == f"{ground.home}/.local/share/containers/storage"


# ---------------------------------------------------------------- a race


def swap_for_ever(path: Path, target: Path) -> None:
    """Put a directory and links in the victim's way by turns, for as long as the victim looks."""
    attempts: list[Callable[[], object]] = [
        lambda: os.mkdir(path, 0o777),
        lambda: os.rmdir(path),
        lambda: os.symlink(target, path),
        lambda: os.unlink(path),
    ]
    while True:
        for attempt in attempts:
            try:
                attempt()
            except OSError:
                continue


def choose_often(ground: Ground) -> set[str]:
    """Choose again and again, and clear up what was made each time."""
    found = set()
    for _ in range(ROUNDS):
        path = runtime_directory(Account(ground.environment))
        assert owner_and_mode(path) == (VICTIM, 0o700)
        found.add(path)
        os.rmdir(path)
        if path != ground.fallback:
            os.rmdir(ground.tmp / "user")
    return found


def test_an_attacker_who_swaps_while_we_look(ground: Ground) -> None:
    good = ground.make("victims", VICTIM, 0o700)
    attacker, reader = start(ATTACKER, lambda: swap_for_ever(ground.tmp / "user", good))
    try:
        found = as_user(VICTIM, lambda: choose_often(ground))
    finally:
        os.kill(attacker, signal.SIGKILL)
        os.waitpid(attacker, 0)
        os.close(reader)
    assert found <= {f"{ground.tmp}/user/{VICTIM}", ground.fallback}
    assert not list(good.iterdir())
