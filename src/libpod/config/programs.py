"""Find the programs that do the work: the OCI runtime and conmon."""

from __future__ import annotations

import os
import stat

from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DIRECTORIES = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin")
"""Where a runtime is looked for that has a name but no list of paths."""


def find(what: str, candidates: Iterable[str], package: str) -> str:
    """Return the first of *candidates* that is an executable regular file.

    *what* and *package* name the program and the package to install in the error: InvalidArgument with every
    path that was tried and what is wrong with it.
    """
    tried = []
    for path in dict.fromkeys(candidates):
        problem = _problem(path)
        if problem is None:
            return path
        tried.append(f"{path} ({problem})")
    places = "tried " + ", ".join(tried) if tried else "no path is configured"
    raise InvalidArgument(
        f"no {what} found: {places}",
        hint=f"install the package {package}, or name the program in the configuration or by an option",
    )


def _problem(path: str) -> str | None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if stat.S_ISDIR(mode):
        return "is a directory"
    if not stat.S_ISREG(mode):
        return "not a regular file"
    return None if os.access(path, os.X_OK, effective_ids=True) else "not executable"
