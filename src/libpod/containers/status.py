"""The words for the states of containers and pods, as Podman 4.3 and 5 print them."""

from __future__ import annotations

from libpod.state.records import (
    CONFIGURED,
    CREATED,
    EXITED,
    PAUSED,
    RUNNING,
    STATUS_NAMES,
    STOPPED,
    STOPPING,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


BROKEN = "broken"
"""The word for an object whose record cannot be read; no version of Podman has one."""


def status_name(state: int) -> str:
    """The word for the number *state* of a container; "bad state" for a number that nobody writes."""
    return STATUS_NAMES.get(state, "bad state")


def check_names(names: Collection[str]) -> None:
    """Raise InvalidArgument unless all *names* are words for states."""
    from libpod.errors import InvalidArgument

    for name in names:
        if name not in STATUS_NAMES.values():
            words = ", ".join(dict.fromkeys(STATUS_NAMES.values()))
            raise InvalidArgument(f"no container can be {name!r}", hint=f"states: {words}")


def way_out(state: int, wanted: Collection[int], name: str) -> str | None:
    """The command that brings container *name* from *state* to one of *wanted*; None where none does."""
    if state == PAUSED and RUNNING in wanted:
        return f"libpod unpause {name}"
    if state in (RUNNING, STOPPING) and EXITED in wanted:
        return f"libpod stop {name}"
    if state in (CONFIGURED, CREATED, STOPPED, EXITED) and RUNNING in wanted:
        return f"libpod start {name}"
    return None


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
    return "Created" if all(state in (CONFIGURED, CREATED, PAUSED) for state in states) else "Error"
