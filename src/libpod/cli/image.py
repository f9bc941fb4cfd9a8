"""`libpod image VERB`: every verb for images."""

from __future__ import annotations

from importlib import import_module

from libpod.cli.verbs import IMAGE_VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Add the verbs below this noun."""
    made = parser.add_verbs((name, verb.description) for name, verb in IMAGE_VERBS.items())
    for name, verb in IMAGE_VERBS.items():
        getattr(import_module(verb.module), verb.configure)(made[name])
