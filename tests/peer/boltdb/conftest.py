"""The reference bolt library, built once for a session."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests import tools
from tests.peer.boltdb.program import Reference

SOURCE = Path(__file__).with_name("reference.go")
GO_PATH = Path("/usr/share/gocode")


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Build the program with the library that Debian packages."""
    go = tools.require_tool("go")
    if not (GO_PATH / "src/go.etcd.io/bbolt").is_dir():
        tools.missing("the package golang-github-coreos-bbolt-dev")
    room = tmp_path_factory.mktemp("reference")
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOFLAGS": ""}
    environment.setdefault("GOCACHE", str(room / "cache"))
    subprocess.run([go, "build", "-o", room / "reference", SOURCE], env=environment, check=True, timeout=600)
    return Reference(room / "reference")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's file is."""
    return tmp_path / "test.db"
