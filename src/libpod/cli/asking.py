"""Asking before something goes that nobody can bring back."""

from __future__ import annotations

import sys

from libpod.cli import output
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar


def add_force(parser: Grammar) -> None:
    """Add `--force`, which `agreed` heeds."""
    parser.add_argument("-f", "--force", action="store_true", help="do not ask")


def agreed(options: Namespace, warning: str) -> bool:
    """Whether to go on: with `--force`, or when the answer to *warning* is yes.

    Raises InvalidArgument if nobody is there to answer.
    """
    if options.force:
        return True
    output.message(f"WARNING! {warning}")
    output.message("Are you sure you want to continue? [y/N]")
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if not answer:
        raise InvalidArgument("nobody answered whether to continue", hint="--force does not ask")
    return answer.strip().lower() in ("y", "yes")
