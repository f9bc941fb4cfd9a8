"""Subordinate IDs of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libpod.errors import FileError
from libpod.host import subids

if TYPE_CHECKING:
    from pathlib import Path


def test_ranges(tmp_path: Path) -> None:
    file = tmp_path / "subuid"
    file.write_text(
        "me:1000:10\nyou:5:5\n7:70:7\nbroken\nme:x:1\nme:1:\nme:3:0\n# me:1:1\nme:5000:2 \nme:²:1\n"
    )
    assert subids.ranges(str(file), ["me", "7"]) == [(1000, 10), (70, 7), (5000, 2)]
    assert subids.ranges(str(tmp_path / "missing"), ["me"]) == []
    with pytest.raises(FileError):
        subids.ranges(str(tmp_path), ["me"])
