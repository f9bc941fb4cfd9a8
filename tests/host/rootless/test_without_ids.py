"""Users for whom something is missing: subordinate IDs, newuidmap, a runtime directory."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.lab.users import LAYOUT, User

if TYPE_CHECKING:
    from collections.abc import Iterator

VERB = ("volume", "create")
IGNORE = ("--storage-opt", "vfs.ignore_chown_errors=true")


def test_a_user_with_one_id(bodo: User) -> None:
    pull = ("pull", "--quiet", f"oci:{LAYOUT}:latest")
    first = bodo.refused(*pull)
    assert "/etc/subuid gives no IDs to bodo: containers have one user only" in first
    assert "usermod --add-subuids" in first
    assert "more IDs than this user has (requested 1000:1000 for /home/worker)" in first
    assert "ignore_chown_errors=true" in first
    assert "gives no IDs" not in bodo.refused(*pull), "it was said when the namespace was made"
    image = bodo.said(*IGNORE, *pull)
    assert bodo.said("run", "--rm", image, "id", "-un") == "root"
    assert bodo.libpod("run", "--rm", "-t", image, "tty").stdout == "/dev/pts/0\r\n"
    refused = bodo.refused("run", "--name", "u", "-u", "worker", image, "id")
    assert "container u cannot run as 1000:1000" in refused
    assert "/etc/subuid" in refused
    bodo.said("rm", "u")
    bodo.libpod("run", "-d", "--name", "web", image, "sleep", "1000")
    assert "sleep 1000" in bodo.said("exec", "web", "ps")
    assert bodo.states() == {"web": "running"}
    bodo.libpod("stop", "--time", "0", "web")
    bodo.libpod("start", "web")
    assert bodo.said("rm", "--force", "--time", "0", "web") == "web"


@contextlib.contextmanager
def changed(
    user: User, path: str, *, source: str = "", text: str | None = None, mode: int = 0o644
) -> Iterator[None]:
    """Put another file in the place of *path*: a copy of *source*, or *text*; both empty for none at all."""
    new = "/run/instead"
    how = (
        f"cp {source} {new}"
        if source
        else f"printf '%s' '{text}' >{new}"
        if text is not None
        else f"mknod {new} c 1 3"
    )
    user.as_root(f"rm -f {new}; {how}; chmod {mode:o} {new}; mount --bind {new} {path}")
    try:
        yield
    finally:
        user.as_root(f"umount {path}")


BROKEN = [
    pytest.param(
        "/usr/bin/newuidmap",
        {"source": "/usr/bin/newuidmap", "mode": 0o755},
        "newuidmap does not map the IDs of this user",
        "has lost its rights: chmod u+s /usr/bin/newuidmap",
        id="newuidmap without rights",
    ),
    pytest.param(
        "/usr/bin/newgidmap",
        {},
        "newgidmap is not installed",
        "install the package uidmap",
        id="no newgidmap",
    ),
    pytest.param(
        "/etc/subuid",
        {"text": "carl:0:65536"},
        "newuidmap does not map",
        "no range may belong to somebody else",
        id="a range of everybody",
    ),
]


@pytest.mark.parametrize(("path", "how", "message", "hint"), BROKEN)
def test_broken_parts(carl: User, path: str, how: dict[str, object], message: str, hint: str) -> None:
    with changed(carl, path, **how):  # type: ignore[arg-type]
        said = carl.refused(*VERB)
        assert message in said
        assert hint in said
    assert not carl.machine.path(f"{carl.runtime_directory}/libpod/tmp/pause.pid").exists()


def test_a_refresh_needs_no_namespace(carl: User) -> None:
    with changed(carl, "/usr/bin/newuidmap"):
        carl.as_root(f"rm -rf {carl.runtime_directory}/libpod {carl.storage}")
        said = carl.libpod("refresh")
    assert "the refresh goes on without a user namespace: newuidmap is not installed" in said.stderr


def test_a_runtime_directory_of_somebody_else(carl: User, bodo: User) -> None:
    carl.environment["XDG_RUNTIME_DIR"] = bodo.runtime_directory
    said = carl.refused(*VERB)
    assert f"XDG_RUNTIME_DIR: {bodo.runtime_directory}: Permission denied" in said


def test_a_runtime_directory_that_vanished(carl: User) -> None:
    carl.libpod("refresh")
    carl.as_root(f"rm -r {carl.runtime_directory}")
    try:
        for value in (carl.runtime_directory, ""):
            carl.environment["XDG_RUNTIME_DIR"] = value
            assert "loginctl enable-linger" in carl.refused(*VERB)
    finally:
        carl.log_in()


@pytest.mark.parametrize("make", ["ln -s /etc/passwd", "mkdir", "mkfifo"])
def test_a_waiting_process_that_is_none(carl: User, make: str) -> None:
    path = f"{carl.runtime_directory}/libpod/tmp/pause.pid"
    carl.libpod("ps")
    carl.as_root(f"rm -rf {path}; {make} {path}; chown -h 64013:64013 {path}")
    try:
        assert "pause.pid" in carl.refused(*VERB)
    finally:
        carl.as_root(f"rm -rf {path}")


@pytest.mark.parametrize("text", ["1", "4194304", "", "nonsense"])
def test_a_waiting_process_of_somebody_else(carl: User, text: str) -> None:
    """The number is that of another process by now: a namespace is made."""
    path = f"{carl.runtime_directory}/libpod/tmp/pause.pid"
    carl.run("sh", "-ec", f"mkdir -p {carl.runtime_directory}/libpod/tmp; printf '%s' '{text}' >{path}")
    carl.libpod(*VERB)
    pid, namespace = carl.namespace()
    assert carl.as_root(f"readlink /proc/{pid}/ns/user").strip() == namespace != ""
    carl.as_root(f"kill {pid}; rm {path}")
