"""What tests ask of the machine they run on."""

from __future__ import annotations

import os
import shutil

import pytest

ON_CI = os.environ.get("CI") == "true"


def missing(what: str) -> None:
    """End the test because *what* is not here: a skip for a developer, a failure under ``CI=true``."""
    if ON_CI:
        pytest.fail(f"{what} is missing; packaging/test.sh should have set it up", pytrace=False)
    pytest.skip(f"{what} is missing")


def require_tool(name: str) -> str:
    """Return the path of the program *name*, or end the test."""
    path = shutil.which(name)
    if path is None:
        missing(f"the program {name}")
    assert path is not None
    return path


def require_root() -> None:
    """End the test unless it runs as root."""
    if os.geteuid() != 0:
        missing("root")
