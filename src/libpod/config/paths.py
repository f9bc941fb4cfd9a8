"""Paths in configuration: written one way, compared by what they mean."""

from __future__ import annotations

import os.path

from libpod.host.files import same_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def clean(path: str) -> str:
    """Return *path* without doubled slashes, `.`, `..` and a final slash. Symbolic links stay; "" stays
    ""."""
    if not path:
        return ""
    cleaned = os.path.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def same_path(first: str, second: str) -> bool:
    """Whether both paths mean one file or directory: `/var/run/libpod` and `/run/libpod` do.

    An empty path is unknown and equals nothing.
    """
    return bool(first and second) and (first == second or same_file(first, second))


def expand(path: str, variables: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` in *path*. Raises KeyError with the name of a variable that is not
    set."""
    before, *parts = path.split("$")
    for part in parts:
        if part.startswith("{") and "}" in part:
            name, _, rest = part[1:].partition("}")
        else:
            length = 0
            while length < len(part) and (part[length] == "_" or part[length].isalnum()):
                length += 1
            name, rest = part[:length], part[length:]
        before += variables[name] + rest
    return before
