"""`python3 -m libpod`."""

from __future__ import annotations

from libpod.cli.main import script

script()
