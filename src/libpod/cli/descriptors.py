"""`--preserve-fds`: descriptors of ours that a process in a container gets, too."""

from __future__ import annotations

import os

from libpod.cli.grammar import WrongValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.cli.grammar import Grammar


def configure(parser: Grammar) -> None:
    """Add the flag."""
    parser.add_argument(
        "--preserve-fds",
        metavar="NUMBER",
        type=_count,
        default=0,
        help="pass on so many descriptors from 3 on",
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise WrongValue(f"{text!r} is not a number of descriptors")
    return int(text)


def require(count: int) -> None:
    """Raise InvalidArgument unless *count* descriptors from 3 on are open.

    To be called before we open anything, which could take the number of one that is missing.
    """
    from libpod.errors import InvalidArgument

    for number in range(3, 3 + count):
        try:
            os.fstat(number)
        except OSError as error:
            raise InvalidArgument(
                f"--preserve-fds {count}: descriptor {number} is not open", hint="such as 3<FILE in a shell"
            ) from error
