"""`info` with the real programs, and with ones that are broken."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3] / "src"


# An operator waits a second, and a busy machine may need longer to tell what is to be found.
PATIENT = """\
import sys
from libpod import info
from libpod.cli.main import main
info._PROGRAM_PATIENCE = {seconds}
info.PATIENCE = {seconds} + 60
sys.exit(main())
"""


def info(directory: Path, *arguments: str, seconds: float = 60) -> dict[str, Any]:
    """What `info` says of a store in *directory*; it has to answer, whatever is wrong."""
    where = ["--root", directory / "root", "--runroot", directory / "run", "--tmpdir", directory / "tmp"]
    programs = ["--runtime", "/usr/bin/runc", *arguments]
    program = [sys.executable, "-c", PATIENT.format(seconds=seconds)]
    command = [*program, *map(str, where), *programs, "info", "--format", "json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return {section["type"]: section["data"] for section in json.loads(done.stdout)}


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Path:
    """A store that has been used."""
    where = ["--root", tmp_path / "root", "--runroot", tmp_path / "run", "--tmpdir", tmp_path / "tmp"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(
        [sys.executable, "-m", "libpod", *map(str, where), "refresh"],
        env=environment,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return tmp_path


def program(directory: Path, text: str) -> str:
    path = directory / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_what_an_operator_looks_for(store: Path) -> None:
    found = info(store)
    host = found["host"]
    assert "unreadable" not in host
    assert host["ociRuntime"]["version"].startswith("runc version")
    assert host["conmon"]["version"].startswith("conmon version")
    assert host["database"] == {
        "backend": "boltdb",
        "path": f"{store}/root/libpod/bolt_state.db",
        "size": (store / "root/libpod/bolt_state.db").stat().st_size,
    }
    assert host["bootRefresh"]["decision"] == "refresh"
    assert found["store"]["ContainerStore"] == {"number": 0, "running": 0, "paused": 0, "stopped": 0}


@pytest.mark.parametrize(
    ("text", "reason"), [("sleep 100", "not finished"), ("exit 3", "3"), ("kill -9 $$", "program")]
)
def test_a_broken_program_is_said_and_hides_nothing_else(store: Path, text: str, reason: str) -> None:
    found = info(store, "--conmon", program(store, text), seconds=5)
    assert any(reason in line for line in found["host"]["unreadable"])
    assert found["host"]["ociRuntime"]["version"].startswith("runc version")
    assert found["host"]["conmon"]["path"] == str(store / "program")
    assert found["host"]["kernel"] == os.uname().release


def test_a_database_that_another_program_holds_is_said(store: Path) -> None:
    path = store / "root/libpod/bolt_state.db"
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = info(store)
    assert any(str(path) in line for line in found["store"]["unreadable"])
    assert found["store"]["GraphRoot"] == str(store / "root")


def test_no_lock_of_a_container_is_asked_for(store: Path) -> None:
    locks = store / "tmp" / "locks"
    locks.mkdir(exist_ok=True)
    alive = store / "tmp" / "alive.lck"
    with alive.open("a+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert info(store)["host"]["bootRefresh"]["decision"] == "refresh"
