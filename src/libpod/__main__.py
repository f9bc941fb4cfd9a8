"""`python3 -m libpod`."""

from __future__ import annotations

import sys

from libpod.cli.main import main

sys.exit(main())
