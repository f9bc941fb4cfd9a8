"""Reading logs in the k8s-file format."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libpod.errors import FileError
from libpod.oci import logs
from libpod.oci.logs import Selection
from libpod.times import timestamp

LINES = (
    "2026-01-01T00:00:01.000000001+00:00 stdout F one",
    "2026-01-01T00:00:02.5+00:00 stderr F two words",
    "2026-01-01T00:00:03+00:00 stdout P thr",
    "2026-01-01T00:00:03+00:00 stdout F ee",
    "2026-01-01T00:00:04+00:00 stdout F ",
)


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    path = tmp_path / "ctr.log"
    path.write_text("".join(f"{line}\n" for line in LINES))
    return path


def texts(path: Path, selection: Selection = Selection()) -> list[bytes]:  # noqa: B008 - it is immutable
    return [line.output() for line in logs.read(str(path), selection)]


def test_output_is_what_was_written(log: Path) -> None:
    assert b"".join(texts(log)) == b"one\ntwo words\nthree\n\n"
    assert [line.stream for line in logs.read(str(log), Selection())][1] == "stderr"


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (0, b""),
        (1, b"\n"),
        (2, b"three\n\n"),
        (3, b"two words\nthree\n\n"),
        (99, b"one\ntwo words\nthree\n\n"),
    ],
)
def test_tail_counts_lines_of_output(log: Path, tail: int, expected: bytes) -> None:
    assert b"".join(texts(log, Selection(tail=tail))) == expected


def test_since_and_until(log: Path) -> None:
    start = timestamp("2026-01-01T00:00:02Z")
    end = timestamp("2026-01-01T00:00:03Z")
    assert b"".join(texts(log, Selection(since=start, until=end))) == b"two words\nthree\n"


def test_no_file_yet_is_an_empty_log(tmp_path: Path) -> None:
    assert texts(tmp_path / "none") == []


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=str(tmp_path)):
        texts(tmp_path)


@pytest.mark.parametrize("line", [b"", b"rubbish", b"2026 stdout X text", b"\xff\xfe\x00", b"2026 stdin F x"])
def test_a_damaged_line_is_given_as_it_is(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(line + b"\n")
    assert texts(path) == [line + b"\n"]


def test_following_sees_what_is_written_later_and_a_file_that_was_replaced(log: Path) -> None:
    steps = iter(range(4))

    def running() -> bool:
        step = next(steps)
        if step == 0:
            with log.open("a") as stream:
                stream.write("2026-01-01T00:00:05+00:00 stdout F five\n2026-01-01T00:00:06+00:00 std")
        elif step == 1:
            with log.open("a") as stream:
                stream.write("out F six\n")
        elif step == 2:
            os.unlink(log)
            log.write_text("2026-01-01T00:00:07+00:00 stdout F seven\n")
        return step < 3

    found = [line.text for line in logs.read(str(log), Selection(tail=0), follow=True, running=running)]
    assert found == [b"five", b"six", b"seven"]


def test_following_sees_a_file_that_was_cut(log: Path) -> None:
    steps = iter(range(2))

    def running() -> bool:
        if next(steps) == 0:
            log.write_text("2026-01-01T00:00:07+00:00 stdout F new\n")
            return True
        return False

    found = [line.text for line in logs.read(str(log), Selection(tail=0), follow=True, running=running)]
    assert found == [b"new"]


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
    ],
)
def test_go_time(nanoseconds: int, expected: str) -> None:
    assert logs.go_time(nanoseconds) == expected
