"""The same store for every test as in tests/host/containers."""

from __future__ import annotations

from tests.host.containers.conftest import _room, _template

__all__ = ["_room", "_template"]
