"""What is known of an OCI runtime without running a container."""

from __future__ import annotations

import pytest

from libpod.oci.runc import Runc


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("runc version 1.1.5+ds1\ncommit: 1", False),
        ("runc version 0.9", False),
        ("runc version 1.2.0-rc.1", True),
        ("runc version 2.0", True),
        ("runc version unknown", True),
        ("crun version 1.8", True),
        ("", True),
    ],
)
def test_personality(monkeypatch: pytest.MonkeyPatch, version: str, *, expected: bool) -> None:
    monkeypatch.setattr(Runc, "version", lambda _self: version)
    assert Runc("/usr/bin/runc").keeps_personality() is expected
