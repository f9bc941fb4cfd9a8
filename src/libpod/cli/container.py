"""`libpod container VERB`: every verb for containers once more, and a few of its own."""

from __future__ import annotations

from libpod.cli.verbs import CONTAINER_ONLY_VERBS, CONTAINER_VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar
    from libpod.runtime import Runtime

NOT_THERE = 1
"""The exit status of `exists` for what is not there, podman-container-exists(1)."""


def configure(parser: Grammar) -> None:
    """Add the verbs below this noun."""
    parser.add_noun({**CONTAINER_VERBS, **CONTAINER_ONLY_VERBS})


def configure_exists(parser: Grammar) -> None:
    """Add the arguments of `container exists`."""
    parser.add_argument("container", metavar="CONTAINER", help="a name, an ID, or its beginning")
    parser.add_argument("--external", action="store_true", help="look in the storage, too")
    parser.runs(_exists)


def _exists(options: Namespace) -> int:
    from libpod.cli import codes, runtimes
    from libpod.errors import NoSuchContainer

    with runtimes.open_runtime(options) as runtime:
        try:
            runtime.state.lookup_container_id(options.container)
        except NoSuchContainer:
            if not options.external:
                return NOT_THERE
            return _exists_in_storage(runtime, options.container)
    return codes.DONE


def _exists_in_storage(runtime: Runtime, name: str) -> int:
    from libpod.cli import codes
    from libpod.errors import NoSuchContainer

    try:
        runtime.engine.store.container(name)
    except NoSuchContainer:
        return NOT_THERE
    return codes.DONE
