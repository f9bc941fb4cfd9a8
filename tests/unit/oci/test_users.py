"""Users are those of the container, and links lead nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from libpod.errors import InvalidArgument
from libpod.oci import users
from libpod.oci.users import User

PASSWD = "root:x:0:0:root:/root:/bin/sh\n# a comment:x:1:1::/:\nbroken\nbob:x:7:8::/home/bob:/bin/sh\n"
GROUP = "root:x:0:\nstaff:x:8:\nwheel:x:9:bob,alice\naudio:x:10:bob\nbad:x:what:bob\n"


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> str:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return str(tmp_path)


def test_the_highest_id(root: str) -> None:
    assert users.highest_id(root) == 10
    with open(f"{root}/etc/passwd", "a") as stream:
        stream.write("nobody:x:65533:65533::/:\nodd:x:65534:12::/:\n")
    with open(f"{root}/etc/group", "a") as stream:
        stream.write("nogroup:x:65533:\n")
    assert users.highest_id(root) == 12
    assert users.highest_id(f"{root}/etc") == 0


def test_who_is_there(root: str) -> None:
    assert users.has_account(root, "bob", 99)
    assert users.has_account(root, "eve", 7)
    assert not users.has_account(root, "eve", 99)
    assert users.has_group(root, "eve", 9)
    assert not users.has_group(root, "bob", 99)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", User(0, 0, (), "/root", "root")),
        ("bob", User(7, 8, (9, 10), "/home/bob", "bob")),
        ("7", User(7, 8, (9, 10), "/home/bob", "bob")),
        ("bob:wheel", User(7, 9, (), "/home/bob", "bob")),
        ("bob:10", User(7, 10, (), "/home/bob", "bob")),
        ("1234", User(1234, 0, (), "/", "")),
        ("1234:5678", User(1234, 5678, (), "/", "")),
        ("bob:", User(7, 8, (9, 10), "/home/bob", "bob")),
    ],
)
def test_lookup(root: str, user: str, expected: User) -> None:
    assert users.lookup(root, user) == expected


def test_further_groups(root: str) -> None:
    assert users.lookup(root, "bob", ["staff", "77"]).groups == (9, 10, 8, 77)


@pytest.mark.parametrize("user", ["alice", "-1", "4294967296", "bob:nobody", "bob:99999999999", "²"])
def test_unknown_names_are_refused(root: str, user: str) -> None:
    with pytest.raises(InvalidArgument, match="of the container"):
        users.lookup(root, user)


def test_without_files_only_numbers_are_known(tmp_path: Path) -> None:
    assert users.lookup(str(tmp_path), "") == User(0, 0, (), "/root", "")
    with pytest.raises(InvalidArgument, match="no user 'bob'"):
        users.lookup(str(tmp_path), "bob")


def test_a_link_out_of_the_root_stays_inside(root: str) -> None:
    passwd = Path(root, "etc/passwd")
    passwd.unlink()
    passwd.symlink_to("../../../../../../../../etc/passwd")
    # It leads to itself, so there is no file; the host's users are not seen.
    with pytest.raises(InvalidArgument, match="no user 'daemon'"):
        users.lookup(root, "daemon")


def test_an_absolute_link_is_one_of_the_container(root: str) -> None:
    Path(root, "real").write_text("carol:x:33:44::/c:\n")
    Path(root, "etc/passwd").unlink()
    Path(root, "etc/passwd").symlink_to("/real")
    assert users.lookup(root, "carol").uid == 33


def test_a_directory_or_pipe_in_place_of_the_file_is_no_file(root: str) -> None:
    import os

    Path(root, "etc/passwd").unlink()
    os.mkfifo(Path(root, "etc/passwd"))
    assert users.lookup(root, "5") == User(5, 0, (), "/", "")
