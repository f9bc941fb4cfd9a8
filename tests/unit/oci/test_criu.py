"""CRIU: whether it can be used, and what it says."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from libpod.errors import DecodeError, NotSupported
from libpod.oci import criu
from libpod.oci.conmon import Conmon, ContainerFiles, Process
from libpod.oci.criu import Facts
from libpod.oci.runc import Runc

if TYPE_CHECKING:
    from pathlib import Path

CHECK = """\
Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds
Error (criu/vdso.c:613): vdso: Failed to fill self vdso symtable
Error (criu/crtools.c:260): Could not initialize kernel features detection.
"""
LOG = """\
(00.000058) Version: 4.1.1 (gitid 0)
(03.635863) Error (criu/files-reg.c:1790): Can't lookup mount=29 for fd=1 path=/t/log
(03.636624)      1: Error (criu/cr-dump.c:1681): Dump files (pid: 496) failed with -1
"""


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (Facts(), None),
        (Facts(version=(4, 1, 1)), None),
        (Facts(rootless=True), "without root"),
        (Facts(program=""), "no criu in the search path"),
        (Facts(program="/usr/sbin/criu", version=(3, 10, 9)), "/usr/sbin/criu 3.10.9: at least 3.11"),
        (Facts(version=()), "criu of an unknown version: at least 3.11"),
        (Facts(runtime="crun", runtime_can=False), "the OCI runtime crun"),
        (Facts(failure="vdso: Unexpected"), "on this kernel: criu check: vdso: Unexpected"),
        (Facts(rootless=True, program="", failure="x"), "without root"),
    ],
)
def test_the_first_cause_is_named(facts: Facts, said: str | None) -> None:
    error = criu.refusal(facts)

    if said is None:
        assert error is None
    else:
        assert isinstance(error, NotSupported)
        assert said in error.message
        assert error.hint


def test_a_user_without_root_is_refused_before_anything_is_started() -> None:
    with pytest.raises(NotSupported, match="without root"):
        criu.require(Runc("/no/such/runtime"), rootless=True)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Version: 3.17.1\n", (3, 17, 1)),
        ("Version: 4.1\nGitID: v4.1\n", (4, 1)),
        ("Version: many\n", ()),
        ("", ()),
        ("criu 3.17\n", ()),
    ],
)
def test_version(text: str, version: tuple[int, ...]) -> None:
    assert criu.version_in(text) == version


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CHECK, "vdso: Unexpected rt vDSO area bounds"),
        ("something\nelse\n\n", "else"),
        ("", ""),
    ],
)
def test_reason_of_a_check(text: str, said: str) -> None:
    assert criu.first_error(text) == said


def test_cause_in_a_log(tmp_path: Path) -> None:
    path = tmp_path / "dump.log"
    path.write_text(LOG)

    assert criu.cause(str(path)) == "Can't lookup mount=29 for fd=1 path=/t/log"
    assert len(list(criu.errors_in(LOG))) == 2
    assert criu.cause(str(tmp_path / "none")) == ""


# ---------------------------------------------------------------- figures


def _varint(number: int) -> bytes:
    found = b""
    while number >= 0x80:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def _image(kind: int, fields: dict[int, int]) -> bytes:
    inner = b"".join(_varint(field << 3) + _varint(value) for field, value in fields.items())
    entry = _varint(kind << 3 | 2) + _varint(len(inner)) + inner
    return struct.pack("<III", 0x55105940, 0x57093306, len(entry)) + entry


def test_figures_of_a_checkpoint() -> None:
    data = _image(1, {1: 196194, 2: 2579517, 3: 150524, 4: 24158, 5: 50, 6: 9, 7: 34, 8: 1})

    assert criu.figures_in(data, "x") == {
        "freezing_time": 196194,
        "frozen_time": 2579517,
        "memdump_time": 150524,
        "memwrite_time": 24158,
        "pages_scanned": 50,
        "pages_written": 34,
    }


def test_figures_of_a_restore() -> None:
    data = _image(2, {1: 7, 3: 5099, 4: 2521885, 5: 32})

    assert criu.figures_in(data, "x") == {"forking_time": 5099, "restore_time": 2521885, "pages_restored": 32}


GOOD = _image(1, {1: 300})


@pytest.mark.parametrize(
    "data",
    [b"", GOOD[:11], GOOD[:-1], b"x" + GOOD[1:], GOOD[:12] + b"\x0a\xff" + GOOD[14:], GOOD[:-1] + b"\xff"],
)
def test_damaged_figures_are_told(data: bytes) -> None:
    with pytest.raises(DecodeError, match="/some/stats-dump"):
        criu.figures_in(data, "/some/stats-dump")


# ---------------------------------------------------------------- the command of conmon


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, []),
        ({"restore": "/b/checkpoint"}, ["--restore", "/b/checkpoint"]),
        (
            {"restore": "/b/checkpoint", "runtime_flags": ["--tcp-established", "--file-locks"]},
            [
                "--restore",
                "/b/checkpoint",
                "--runtime-opt",
                "--tcp-established",
                "--runtime-opt",
                "--file-locks",
            ],
        ),
    ],
)
def test_arguments_of_a_restore(changes: dict[str, Any], wanted: list[str]) -> None:
    conmon = Conmon("/usr/bin/conmon", Runc("/usr/sbin/runc"))
    what = Process("c" * 64, "web", exit_command=("/bin/true",), **changes)

    command = conmon.command(ContainerFiles("/b", "/run", "/exits"), what)

    start = command.index("--conmon-pidfile") + 2
    assert command[start:] == [*wanted, "--exit-command", "/bin/true"]
