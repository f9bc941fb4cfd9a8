"""Entries of the journal as lines of a container's output."""

from __future__ import annotations

import pytest

from libpod.errors import DecodeError
from libpod.oci import journal

TIME = {"__REALTIME_TIMESTAMP": "1700000000000001"}


@pytest.mark.parametrize(
    ("entry", "stream", "text", "partial"),
    [
        # conmon 2.1.6 leaves the end of the line in the entry.
        ({"MESSAGE": "a line\n", "PRIORITY": "6"}, "stdout", b"a line", False),
        ({"MESSAGE": "a line", "PRIORITY": "3"}, "stderr", b"a line", False),
        ({"MESSAGE": "a\n\n"}, "stdout", b"a\n", False),
        ({"MESSAGE": "part", "CONTAINER_PARTIAL_MESSAGE": "true"}, "stdout", b"part", True),
        ({"MESSAGE": [255, 10]}, "stdout", b"\xff", False),
        ({}, "stdout", b"", False),
    ],
)
def test_lines(entry: dict[str, object], stream: str, text: bytes, *, partial: bool) -> None:
    line = journal._line({**TIME, **entry})
    assert (line.stream, line.text, line.partial) == (stream, text, partial)
    assert line.time.startswith("2023-11-14T22:13:20.000001")


@pytest.mark.parametrize("entry", [{}, {"__REALTIME_TIMESTAMP": "x"}])
def test_entries_without_time(entry: dict[str, object]) -> None:
    with pytest.raises(DecodeError, match="no time"):
        journal._line(entry)
