"""An empty state store of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.state import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from libpod.state.protocol import State


@pytest.fixture(params=samples.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    """Return an empty store: one test runs over all back ends."""
    opened = samples.open_state(request.param, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(params=samples.FILES)
def kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of a store that is kept in a file."""
    found = request.param
    assert isinstance(found, str)
    return found
