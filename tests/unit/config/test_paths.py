"""Paths: how they are written, and when two mean the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from libpod.config.paths import clean, expand, same_path


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("", ""),
        ("/", "/"),
        ("//", "/"),
        ("//var//run/", "/var/run"),
        ("/var/run/libpod", "/var/run/libpod"),
        ("/etc/cni/net.d/", "/etc/cni/net.d"),
        ("/a/./b/../c", "/a/c"),
        ("/..", "/"),
        ("a/../b", "b"),
    ],
)
def test_clean(path: str, cleaned: str) -> None:
    assert clean(path) == cleaned


def test_same_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    real, link = str(tmp_path / "real"), str(tmp_path / "link")
    assert same_path(real, link)
    assert same_path(f"{link}/not/there", f"{real}/not/there")
    assert not same_path(real, str(tmp_path))
    assert not same_path(f"{real}/x", f"{real}/y")


def test_an_empty_path_is_unknown() -> None:
    assert not same_path("", "")
    assert not same_path("", "/")


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        ("/a", "/a"),
        ("$HOME/x", "/home/u/x"),
        ("${HOME}x", "/home/ux"),
        ("/run/$UID", "/run/7"),
        ("/run/$UID-$UID/$UID", "/run/7-7/7"),
    ],
)
def test_expand(path: str, expanded: str) -> None:
    assert expand(path, {"HOME": "/home/u", "UID": "7"}) == expanded


@pytest.mark.parametrize(("path", "name"), [("/$NO/x", "NO"), ("/${NO}", "NO"), ("/$", ""), ("/${NO", "")])
def test_expand_names_what_is_not_set(path: str, name: str) -> None:
    with pytest.raises(KeyError) as caught:
        expand(path, {"HOME": "/home/u"})
    assert caught.value.args == (name,)
