"""The file lock keeps the reference bolt library out, and it keeps us out."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from libpod.boltdb import Database
from libpod.errors import DatabaseLocked
from tests.peer.boltdb.program import as_line
from tests.unit.boltdb.helpers import make, require, stored
from tests.unit.boltdb.simulation import Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peer.boltdb.program import Reference


@contextlib.contextmanager
def held(reference: Reference, path: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let the library keep the file open."""
    command: list[str | Path] = [reference.program, "hold", *options, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.stdin.close()
            process.wait(120)


def test_it_keeps_us_out_and_is_named(reference: Reference, path: Path) -> None:
    make(path, {b"a": {}})
    for read_only in (True, False):
        with (
            held(reference, path) as process,
            pytest.raises(DatabaseLocked, match=rf"reference hold .*\(process {process.pid}\)"),
        ):
            Database.open(path, read_only=read_only, timeout=0.1)


def test_readers_of_both_kinds_share(reference: Reference, path: Path) -> None:
    make(path, {b"a": {}})
    with held(reference, path, "-read-only"):
        Database.open(path, read_only=True, timeout=0).close()
        with pytest.raises(DatabaseLocked):
            Database.open(path, timeout=0)


def test_we_wait_for_it(reference: Reference, path: Path) -> None:
    make(path, {b"a": {}})
    told: list[str] = []
    with held(reference, path) as process:

        def on_wait(holder: str) -> None:
            told.append(holder)
            assert process.stdin is not None
            process.stdin.close()

        Database.open(path, timeout=60, on_wait=on_wait).close()
    assert len(told) == 1


@pytest.mark.parametrize(
    ("read_only", "options", "status"), [(False, [], 1), (True, [], 1), (True, ["-read-only"], 0)]
)
def test_we_keep_it_out(
    reference: Reference, path: Path, read_only: bool, options: list[str], status: int
) -> None:
    make(path, {b"a": {}})
    with Database.open(path, read_only=read_only):
        assert reference.run("try", *options, path).returncode == status
    assert reference.run("try", *options, path).returncode == 0


def test_both_count_together(reference: Reference, path: Path) -> None:
    """A process of theirs commits again and again while we do the same."""
    make(path, {b"a": {}})
    with contextlib.ExitStack() as stack:
        writers = []
        for number in range(3):
            line = as_line([Step("put", (b"a",), b"theirs%d" % number, b"v" * 2000)])
            command = f"for i in $(seq 15); do echo '{line}' | '{reference.program}' apply '{path}'; done"
            writers.append(stack.enter_context(subprocess.Popen(["sh", "-ec", command])))
        for number in range(30):
            with Database.open(path) as db, db.update() as tx:
                require(tx.bucket(b"a")).put(b"ours%d" % number, b"v" * 3000)
        assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    reference.check(path)
    bucket = stored(path)[b"a"]
    assert set(bucket) == {b"ours%d" % number for number in range(30)} | {b"theirs%d" % n for n in range(3)}
