"""`libpod container VERB`: every verb for containers once more, and a few of its own."""

from __future__ import annotations

from libpod.cli.verbs import CONTAINER_ONLY_VERBS, CONTAINER_VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar

NOT_THERE = 1
"""The exit status of `exists` for what is not there, podman-container-exists(1)."""


def configure(parser: Grammar) -> None:
    """Add the verbs below this noun."""
    parser.add_noun({**CONTAINER_VERBS, **CONTAINER_ONLY_VERBS})


def configure_exists(parser: Grammar) -> None:
    """Add the arguments of `container exists`."""
    parser.add_argument("container", metavar="CONTAINER", help="a name, an ID, or its beginning")
    parser.runs(_exists)


def _exists(options: Namespace) -> int:
    from libpod.cli import codes, runtimes
    from libpod.errors import NoSuchContainer

    with runtimes.open_runtime(options) as runtime:
        try:
            runtime.state.lookup_container_id(options.container)
        except NoSuchContainer:
            return NOT_THERE
    return codes.DONE
