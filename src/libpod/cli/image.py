"""`libpod image VERB`: every verb for images."""

from __future__ import annotations

from libpod.cli.verbs import IMAGE_VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.cli.grammar import Grammar


def configure(parser: Grammar) -> None:
    """Add the verbs below this noun."""
    parser.add_noun(IMAGE_VERBS)
