"""The store of the other tests on hosts, with pods: nothing of one is left at a test's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import tools
from tests.lab.containers import furnished
from tests.lab.pods import PodRoom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="room")
def _room(template: Path, tmp_path: Path) -> Iterator[PodRoom]:
    """A store of this test alone."""
    for program in ("catatonit", "unshare"):
        tools.require_tool(program)
    with furnished(PodRoom(tmp_path), template) as room:
        yield room
