"""Entries for users that a container's own files do not know."""

from __future__ import annotations

import os
import pwd
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from libpod.containers import accounts
from libpod.state.records import ContainerRecord

if TYPE_CHECKING:
    from pathlib import Path

PASSWD = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/home/worker:/bin/sh\n"
GROUP = "root:x:0:\nworker:x:1000:"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/passwd").write_text(PASSWD)
    (tmp_path / "root/etc/group").write_text(GROUP)
    return tmp_path / "root"


def add(
    root: Path, config: dict[str, Any], *, uid: int = 0, spec: dict[str, Any] | None = None
) -> dict[str, str]:
    config = {"name": "c", "staticDir": str(root.parent), **config}
    engine: Any = SimpleNamespace(config=SimpleNamespace(rootless=bool(uid), uid=uid))
    record = ContainerRecord("1" * 64, config, {})
    return accounts.add(engine, record, str(root), {"process": {"cwd": "/work"}, **(spec or {})})


@pytest.mark.parametrize(
    ("user", "account", "group"),
    [
        ("", "", ""),
        ("worker", "", ""),
        ("1000:1000", "", ""),
        ("1234", "1234:*:1234:0:container user:/work:/bin/sh\n", ""),
        ("1234:worker", "1234:*:1234:0:container user:/work:/bin/sh\n", ""),
        ("1234:56", "1234:*:1234:56:container user:/work:/bin/sh\n", "\n56:x:56:1234\n"),
        ("worker:56", "", "\n56:x:56:worker\n"),
        ("9999999999999", "", ""),
    ],
)
def test_numbers(root: Path, user: str, account: str, group: str) -> None:
    assert add(root, {"user": user}) == {}
    assert (root / "etc/passwd").read_text() == PASSWD + account
    assert (root / "etc/group").read_text() == GROUP + group
    add(root, {"user": user})
    assert (root / "etc/passwd").read_text() == PASSWD + account


def test_the_user_who_made_it(root: Path) -> None:
    me = next(
        entry for entry in pwd.getpwall() if entry.pw_uid not in (0, 1000) and ":" not in entry.pw_gecos
    )
    config = {"addCurrentUserPasswdEntry": True, "user": f"{me.pw_uid}:{me.pw_gid}"}
    add(root, config, uid=me.pw_uid)
    line = f"{me.pw_name}:*:{me.pw_uid}:{me.pw_gid}:{me.pw_gecos}:/work:/bin/sh\n"
    assert (root / "etc/passwd").read_text() == PASSWD + line
    assert (root / "etc/group").read_text().splitlines()[-1].endswith(f":x:{me.pw_gid}:{me.pw_name}")


@pytest.mark.parametrize("kind", [{"spec": {"root": {"readonly": True}}}, {"rootfs": "/elsewhere"}])
def test_a_root_that_is_not_written_to(root: Path, kind: dict[str, Any]) -> None:
    spec = kind.pop("spec", None)
    binds = add(root, {"user": "1234:56", **kind}, spec=spec)
    assert binds == {
        path: str(root.parent / os.path.basename(path)) for path in ("/etc/passwd", "/etc/group")
    }
    assert (root / "etc/passwd").read_text() == PASSWD
    assert (root.parent / "passwd").read_text().startswith(PASSWD)
    assert "1234:*:" in (root.parent / "passwd").read_text()


@pytest.mark.parametrize(
    ("config", "spec"),
    [
        ({"passwd": False}, {}),
        ({"namedVolumes": [{"dest": "/etc"}]}, {}),
        ({}, {"mounts": [{"destination": "/etc/passwd"}, {"destination": "/etc/group"}]}),
    ],
)
def test_files_of_others_stay(root: Path, config: dict[str, Any], spec: dict[str, Any]) -> None:
    assert add(root, {"user": "1234:56", **config}, spec=spec) == {}
    assert (root / "etc/passwd").read_text() == PASSWD
    assert (root / "etc/group").read_text() == GROUP


def test_nothing_is_written_outside_of_the_root(root: Path) -> None:
    outside = root.parent / "outside"
    outside.write_text("mine\n")
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to(f"../../../../../..{outside}")
    (root / "etc/group").unlink()
    assert add(root, {"user": "1234:56"}) == {}
    assert outside.read_text() == "mine\n"
    assert not (root / "etc/group").exists()
