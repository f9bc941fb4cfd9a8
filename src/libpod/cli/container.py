"""`libpod container VERB`: every verb for containers once more."""

from __future__ import annotations

from importlib import import_module

from libpod.cli.verbs import CONTAINER_VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Add the verbs below this noun."""
    made = parser.add_verbs((name, verb.description) for name, verb in CONTAINER_VERBS.items())
    for name, verb in CONTAINER_VERBS.items():
        getattr(import_module(verb.module), verb.configure)(made[name])
