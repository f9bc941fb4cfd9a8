"""The store that all bad input meets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.podman import Store
    from tests.lab.stores import MakeStore


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    """A populated store of Podman 4.3 after a reboot: a refresh is due."""
    return make_store(populated=True)
