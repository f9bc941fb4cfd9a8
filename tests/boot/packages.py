"""Builds the Debian packages of this tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "packaging" / "build-deb.sh"


def build(output: Path) -> None:
    """Build into *output*, without the unit tests, which have a run of their own."""
    result = subprocess.run(
        ["sh", os.fspath(SCRIPT), os.fspath(output)],
        env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck"},
        input="",
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
