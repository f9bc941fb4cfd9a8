"""Lists and inspection tell the truth about containers whose end nobody has written down.

conmon's exit command does that as a rule. Where conmon was killed together with its container, the database
goes on to say that it runs.
"""

from __future__ import annotations

from libpod.errors import LibpodError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from libpod.containers.items import Item

_ALIVE = (3, 5, 8)
"""Running, paused, stopping."""


def note(options: Namespace, containers: Iterable[Item]) -> bool:
    """Write down the end of those *containers* that have ended; True if there were any."""
    from libpod.host import proc

    ended = [item for item in containers if item.status in _ALIVE and not proc.is_alive(_pid(item))]
    if not ended:
        return False
    import contextlib

    from libpod.cli import runtimes

    with contextlib.suppress(LibpodError), runtimes.open_runtime(options) as runtime:
        for item in ended:
            with contextlib.suppress(LibpodError):
                runtime.container(item.id).state()
    return True


def _pid(item: Item) -> int:
    found = item.raw_state.get("pid")
    return found if isinstance(found, int) else 0
