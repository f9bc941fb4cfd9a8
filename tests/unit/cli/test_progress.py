"""The bar on a terminal."""

from __future__ import annotations

import io

import pytest

from libpod.cli.progress import Progress, bar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Gone(Terminal):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.fixture(autouse=True)
def terminal_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal can move its cursor."""
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("done", "total", "line"),
    [
        (0, 3000, "database   [..............................]    0 of 3000"),
        (1500, 3000, "database   [###############...............] 1500 of 3000"),
        (3000, 3000, "database   [##############################] 3000 of 3000"),
        (0, 0, "database   [##############################] 0 of 0"),
    ],
)
def test_bar(done: int, total: int, line: str) -> None:
    assert bar("database", done, total) == line


def test_one_line_that_vanishes() -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        progress("files", 100, 2000)
        progress("files", 100, 2000)
        progress("files", 200, 2000)
    shown = stream.getvalue()
    assert shown.count("100 of 2000") == 1
    assert "\n" not in shown
    assert shown.endswith("\r\x1b[K")


def test_messages_come_above_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress("files", 100, 2000)
    progress.message("waiting")
    assert stream.getvalue().endswith("\r\x1b[K")
    assert capsys.readouterr().err == "waiting\n"


def test_nothing_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), Terminal()):
        with Progress(stream) as progress:
            progress("files", 100, 2000)
        assert (stream.getvalue() != "") == stream.isatty()
    monkeypatch.setenv("TERM", "dumb")
    dumb = Terminal()
    Progress(dumb)("files", 100, 2000)
    assert dumb.getvalue() == ""


def test_a_terminal_that_goes_away_does_not_stop_the_work() -> None:
    with Progress(Gone()) as progress:
        progress("files", 100, 2000)
        progress("files", 200, 2000)
