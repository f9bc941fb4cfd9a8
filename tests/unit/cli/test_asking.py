"""What a prune asks, and what counts as an answer."""

from __future__ import annotations

import io
from argparse import Namespace

import pytest

from libpod.cli import asking
from libpod.errors import InvalidArgument


@pytest.mark.parametrize(
    ("answer", "found"), [("y\n", True), ("YES\n", True), (" y \n", True), ("n\n", False), ("\n", False)]
)
def test_the_answer_decides(monkeypatch: pytest.MonkeyPatch, answer: str, found: bool) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert asking.agreed(Namespace(force=False), "This removes everything.") is found


def test_force_asks_nobody(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert asking.agreed(Namespace(force=True), "This removes everything.")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("stdin", [None, io.StringIO("")])
def test_nobody_there_is_an_error(monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO | None) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(InvalidArgument, match="nobody answered"):
        asking.agreed(Namespace(force=False), "This removes everything.")
