"""Named points around every fsync, rename and transaction commit, where tests can stop the program.

Production code calls `reach("database.commit")` immediately before (or after) a step that must not be torn.
Nothing happens unless a test has installed a hook; the hook may raise, or end the process.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

hook: Callable[[str], None] | None = None


def reach(name: str) -> None:
    """Call the test hook, where one is installed, with the dotted *name* of this point."""
    if hook is not None:
        hook(name)
