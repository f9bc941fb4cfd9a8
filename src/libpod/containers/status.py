"""The words for the states of containers and pods, as Podman 4.3 and 5 print them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

RUNNING = 3
STOPPED = 4
PAUSED = 5
EXITED = 6

# By number in the state record. The first libpod stops at 5.
_NAMES = (
    "unknown",
    "created",
    "initialized",
    "running",
    "stopped",
    "paused",
    "exited",
    "removing",
    "stopping",
)
_CREATED = (1, 2)

BROKEN = "broken"
"""The word for an object whose record cannot be read; no version of Podman has one."""


def status_name(state: int) -> str:
    """The word for the number *state* of a container; "bad state" for a number that nobody writes."""
    return _NAMES[state] if 0 <= state < len(_NAMES) else "bad state"


def pod_status(states: Collection[int]) -> str:
    """The word for a pod whose containers have these *states* (measured with Podman 4.3.1 for each pair)."""
    total = len(states)
    running = sum(state == RUNNING for state in states)
    if running:
        return "Running" if running == total else "Degraded"
    paused = sum(state == PAUSED for state in states)
    if paused and paused == total:
        return "Paused"
    over = sum(state in (STOPPED, EXITED) for state in states)
    if over:
        return "Exited" if over == total else "Stopped"
    return "Created" if all(state in (*_CREATED, PAUSED) for state in states) else "Error"
