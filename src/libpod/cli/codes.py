"""The exit statuses, and there are no others.

==== ==========================================================================================
0    done, or nothing to do
1    `refresh` finished, but at least one object is quarantined; `db check` found problems; what was to be
     removed is not there (podman-rm(1)), or what was asked for does not exist (`exists`); a health check
     that failed (podman-healthcheck-run(1))
2    what was to be removed runs, or is in use
125  failed: a message, and where there is one a hint, on standard error
126  the container's command cannot be invoked
127  the container's command was not found
130  interrupted
==== ==========================================================================================

`run`, `exec`, `wait` and `start --attach` end with the container's own code.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from libpod.errors import LibpodError

DONE: Final = 0
DEGRADED: Final = 1
MISSING: Final = 1
UNHEALTHY: Final = 1
IN_USE: Final = 2
FAILED: Final = 125
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
INTERRUPTED: Final = 130


def of_removal(error: LibpodError, *, needed: int = IN_USE) -> int:
    """The exit status of a removal that failed with *error*, as podman-rm(1) has it.

    *needed* is that of something that others need.
    """
    from libpod.errors import DependencyExists, InvalidState, NoSuchObject

    if isinstance(error, NoSuchObject):
        return MISSING
    if isinstance(error, DependencyExists):
        return needed
    return IN_USE if isinstance(error, InvalidState) else FAILED
