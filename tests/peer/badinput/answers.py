"""What every answer to bad input has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab import database

if TYPE_CHECKING:
    from tests.lab.machine import Result
    from tests.lab.podman import Store

FAILED = 125


def failed(result: Result, *needles: str) -> str:
    """Check that the command failed as it should, with all *needles* in its message; return the message."""
    assert result.status == FAILED, result
    assert "Traceback" not in result.stderr, result
    lines = result.stderr.splitlines()
    assert any(line.startswith("Error: ") for line in lines), result
    for needle in needles:
        assert needle in result.stderr, (needle, result)
    return result.stderr


def refused_without_loss(store: Store, result: Result, before: bytes, *needles: str) -> str:
    """Check that the command failed, the database is untouched and the boot does not count as done."""
    message = failed(result, *needles)
    assert store.database.read_bytes() == before
    assert not store.alive.exists()
    return message


def refresh_succeeds(store: Store) -> None:
    """Check that, the cause being gone, a refresh does its work and Podman goes on."""
    report = store.refresh()
    assert report["decision"] == "refresh"
    assert report["containers"]["quarantined"] == []
    left = len(database.objects(store.database, "container"))
    assert report["containers"]["total"] == left + report["containers"]["removed"]
    store.podman("start", "running")
