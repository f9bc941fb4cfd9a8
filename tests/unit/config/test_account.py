"""The user and their environment."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from libpod.config.account import Account
from libpod.errors import InvalidArgument

NOBODY_HAS_THIS_ID = 3_999_999_999


def test_the_caller_is_the_default() -> None:
    account = Account()
    assert account.uid == account.owner == os.geteuid()
    assert account.get("PATH") == os.environ["PATH"]
    assert account.get("NO_SUCH_VARIABLE_") == ""


@pytest.mark.parametrize(
    ("environment", "uid", "rootless", "outer"),
    [
        ({}, 0, False, 0),
        ({}, 1000, True, 1000),
        ({"_LIBPOD_USERNS_CONFIGURED": "done", "_LIBPOD_ROOTLESS_UID": "1000"}, 0, True, 1000),
        ({"_CONTAINERS_USERNS_CONFIGURED": "done", "_CONTAINERS_ROOTLESS_UID": "1000"}, 0, True, 1000),
        ({"_CONTAINERS_USERNS_CONFIGURED": "", "_CONTAINERS_ROOTLESS_UID": "1000"}, 0, False, 0),
        ({"_CONTAINERS_USERNS_CONFIGURED": "done"}, 0, True, 0),
    ],
)
def test_who_is_without_privileges(environment: dict[str, str], uid: int, rootless: bool, outer: int) -> None:
    account = Account(environment, uid)
    assert (account.rootless, account.uid, account.owner) == (rootless, outer, uid)


@pytest.mark.parametrize("text", ["-1", "x", "1 ", "²"])
def test_bad_user_id_in_the_environment(text: str) -> None:
    with pytest.raises(InvalidArgument, match="ROOTLESS_UID"):
        Account({"_CONTAINERS_ROOTLESS_UID": text}, 1000)


def test_home_from_the_environment_or_the_user_database() -> None:
    assert Account({"HOME": "/home/u"}, 0).home() == "/home/u"
    assert Account({}, os.getuid()).home() == pwd.getpwuid(os.getuid()).pw_dir


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_no_home(environment: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match="HOME") as caught:
        Account(environment, NOBODY_HAS_THIS_ID).home()
    assert caught.value.hint


def test_own_directories(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "home").symlink_to("real")
    account = Account({"HOME": str(tmp_path / "home")}, 1000)
    assert account.config_file("libpod.conf") == f"{tmp_path}/real/.config/containers/libpod.conf"
    assert account.data_directory() == f"{tmp_path}/real/.local/share"
    account = Account({"HOME": "/h", "XDG_CONFIG_HOME": "/c/", "XDG_DATA_HOME": "/d"}, 1000)
    assert account.config_file("x.conf") == "/c/containers/x.conf"
    assert account.data_directory() == "/d"
    assert Account({"HOME": "/h", "XDG_DATA_HOME": "rel"}, 1000).data_directory() == "/h/.local/share"
