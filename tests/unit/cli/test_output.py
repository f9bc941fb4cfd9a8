"""What goes to which stream, and tables."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from libpod.cli import output
from libpod.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = ("CONTAINER ID", "IMAGE", "NAMES")


@contextlib.contextmanager
def stdout_as_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard output is a pipe; the descriptor to read from."""
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        yield reading
    with contextlib.suppress(OSError):
        os.close(reading)


def test_data_goes_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with stdout_as_pipe(monkeypatch) as pipe:
        output.data("one\ntwo")
        assert os.read(pipe, 100) == b"one\ntwo\n"


def test_a_reader_that_went_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with stdout_as_pipe(monkeypatch) as pipe:
        os.close(pipe)
        output.data("one")
        output.data("two")


def test_a_pipe_that_does_not_block_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "0123456789" * 100_000
    pieces: list[bytes] = []

    def read() -> None:
        while sum(map(len, pieces)) <= len(text):
            pieces.append(os.read(pipe, 65536))

    with stdout_as_pipe(monkeypatch) as pipe:
        os.set_blocking(sys.stdout.fileno(), False)
        reader = threading.Thread(target=read)
        reader.start()
        output.data(text)
        reader.join()
    assert b"".join(pieces).decode() == text + "\n"


def test_a_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(FileError, match="write standard output: No space left on device"):
            output.data("text")


def test_half_a_character_is_shown_as_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    with stdout_as_pipe(monkeypatch) as pipe:
        output.data("name \udcff")
        assert os.read(pipe, 100) == b"name \\udcff\n"


def test_messages_and_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.message("waiting")
    output.warning("odd")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "waiting\nWarning: odd\n")


def test_messages_never_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stderr", full)
        output.message("nobody hears this")


def test_json_is_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    output.as_json([{"Name": "wéb", "Size": None}])
    assert capsys.readouterr().out == '[\n  {\n    "Name": "wéb",\n    "Size": null\n  }\n]\n'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("wéb", "wéb"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb", "a\\nb"),
        ("\x9b1m", "\\x9b1m"),
        ("\u202ecod", "\\u202ecod"),
        ("\udcff", "\\udcff"),
    ],
)
def test_names_do_not_drive_the_terminal(text: str, shown: str) -> None:
    assert output.printable(text) == shown


def test_columns_are_as_wide_as_those_of_podman() -> None:
    rows = [["aa49fd1df639", "localhost/bb:latest", "web"], ["06f66d5bd4d4", "", "db"]]
    assert output.table(HEADER, rows).splitlines() == [
        "CONTAINER ID  IMAGE                NAMES",
        "aa49fd1df639  localhost/bb:latest  web",
        "06f66d5bd4d4                       db",
    ]


def test_an_empty_table_has_its_header() -> None:
    assert output.table(HEADER, []) == "CONTAINER ID  IMAGE       NAMES"


def test_cells_are_made_printable() -> None:
    assert output.table(HEADER, [["a", "b", "c\x1b"]]).endswith("c\\x1b")
