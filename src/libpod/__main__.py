"""`python3 -m libpod`, or `python3 -P` with the path of this file."""

from __future__ import annotations

from libpod.cli.main import script

script()
