"""`libpod attach`."""

from __future__ import annotations

import contextlib

from libpod.cli import selecting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar
    from libpod.cli.streams import Wanted
    from libpod.containers.container import Container
    from libpod.runtime import Runtime


def configure(parser: Grammar) -> None:
    """Add the arguments."""
    parser.add_attach_flags()
    parser.add_argument("--no-stdin", action="store_true", help="do not connect our standard input")
    selecting.add_one(parser)
    parser.runs(run)


def run(options: Namespace) -> int:
    """Connect to a running container; the exit status is its own if it ends meanwhile."""
    from libpod.cli import runtimes, streams

    with runtimes.open_runtime(options) as runtime:
        what = streams.wanted(options, runtime.config.detach_keys, stdin=not options.no_stdin)
        container = runtime.container(selecting.one(runtime, options))
        return to_running(runtime, container, what, signals=options.sig_proxy)


def to_running(runtime: Runtime, container: Container, what: Wanted, *, signals: bool) -> int:
    """Connect our streams to a container that runs; its exit code, or 0 if it is left running."""
    from libpod.cli import codes, streams, terminal

    has_terminal = container.has_terminal
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(container.attach())
        stack.enter_context(streams.proxied(container.kill, wanted=signals)).open()
        stack.enter_context(terminal.raw_mode(wanted=has_terminal and what.stdin))
        control_pipe = runtime.engine.files(container.record).control_pipe
        stack.enter_context(terminal.size_followed(control_pipe, wanted=has_terminal))
        if not streams.relay(connection, what, container.record.pid):
            return codes.DONE
    return container.wait() & 0xFF
