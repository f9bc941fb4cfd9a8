"""The subordinate IDs that subuid(5) and subgid(5) give to accounts."""

from __future__ import annotations

from libpod.errors import FileError
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_NO_SUCH_FILE = 2


def ranges(path: str, names: Collection[str]) -> list[tuple[int, int]]:
    """First ID and size of each range that the file *path* gives to an account of *names*, in its order.

    An account has a name and a number, and either may stand in the file. What is no range is passed over, and
    a file that is not there has none. FileError for one that cannot be read.
    """
    try:
        lines = files.read_text(path).splitlines()
    except FileError as error:
        if error.errno != _NO_SUCH_FILE:
            raise
        return []
    found = []
    for line in lines:
        owner, _, numbers = line.partition(":")
        first, _, size = numbers.partition(":")
        if owner in names and _is_number(first) and _is_number(size.strip()) and int(size):
            found.append((int(first), int(size)))
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
