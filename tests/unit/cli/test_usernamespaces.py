"""The flags of user namespaces."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from libpod.cli import usernamespaces
from libpod.errors import InvalidArgument

TEN = [(0, 1000, 10)]


def parse(**given: object) -> tuple[str, object, object]:
    flags: dict[str, object] = {"userns": None, "uidmap": [], "gidmap": [], "subuidname": None}
    flags.update({"subgidname": None, "pod": None, "pod_id_file": None, **given})
    return usernamespaces.parse(Namespace(**flags))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("host", [], [])),
        ({"userns": "host"}, ("host", [], [])),
        ({"userns": "container:x"}, ("container:x", [], [])),
        ({"userns": "ns:/x"}, ("ns:/x", [], [])),
        ({"uidmap": ["0:1000:10"]}, ("private", TEN, TEN)),
        ({"gidmap": ["0:1000:10"]}, ("private", TEN, TEN)),
        ({"userns": "private", "uidmap": ["0:1000:10"], "gidmap": ["0:5"]}, ("private", TEN, [(0, 5, 1)])),
    ],
)
def test_modes(given: dict[str, object], expected: tuple[str, object, object]) -> None:
    assert parse(**given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"userns": "private"}, "needs an ID mapping"),
        ({"userns": "host", "uidmap": ["0:1:1"]}, "exclude each other"),
        ({"userns": "container:x", "gidmap": ["0:1:1"]}, "exclude each other"),
        ({"userns": "container:"}, "not supported"),
        ({"userns": "none"}, "not supported"),
        ({"userns": "auto:size=x"}, "--userns auto:size=x: "),
        ({"userns": "keep-id:x=1"}, "'x' is no option of keep-id"),
        ({"uidmap": ["0"]}, "not of the form"),
        ({"uidmap": ["0:-1:1"]}, "not of the form"),
        ({"gidmap": ["0:1:1:1"]}, "--gidmap '0:1:1:1'"),
    ],
)
def test_bad_ones(given: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        parse(**given)


@pytest.mark.parametrize("mode", ["keep-id", "keep-id:uid=1", "nomap", "auto", "auto:size=5"])
def test_modes_whose_mapping_is_worked_out_later(mode: str) -> None:
    assert parse(userns=mode) == (mode, [], [])
    with pytest.raises(InvalidArgument, match="exclude each other"):
        parse(userns=mode, uidmap=["0:1:1"])


def test_the_environment_is_for_those_who_ask_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODMAN_USERNS", "auto:size=5")
    assert parse() == ("auto:size=5", [], [])
    assert parse(userns="host") == parse(userns="") == ("host", [], [])
    assert parse(uidmap=["0:1000:10"]) == ("private", TEN, TEN)
    assert parse(pod="p") == ("host", [], [])
    monkeypatch.setenv("PODMAN_USERNS", "odd")
    with pytest.raises(InvalidArgument, match="--userns 'odd' is not supported"):
        parse()


def test_subordinate_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "subuid"
    file.write_text("other:5:5\nme:1000:10\nbroken\nme:x:y\nme:5000:2\n")
    monkeypatch.setattr(usernamespaces, "SUBUID_FILE", str(file))
    expected = [(0, 1000, 10), (10, 5000, 2)]
    assert parse(subuidname="me") == ("private", expected, expected)
    with pytest.raises(InvalidArgument, match="--subuidname you: "):
        parse(subuidname="you")
