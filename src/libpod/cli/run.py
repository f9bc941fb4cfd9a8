"""`libpod create` and `libpod run`."""

from __future__ import annotations

import contextlib

from libpod.cli import codes, creation, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.parser import Parser
    from libpod.containers.container import Container
    from libpod.runtime import Runtime


def configure(parser: Parser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("-d", "--detach", action="store_true", help="print the ID and leave it running")
    creation.configure(parser)
    parser.runs(run)


def run(options: Namespace) -> int:
    """Create a container and run it; the exit status is its own, unless it is detached."""
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        container = create(runtime, options)
        try:
            return _run(runtime, container, options)
        except BaseException:
            if options.rm:
                _remove_quietly(container)
            raise


def _run(runtime: Runtime, container: Container, options: Namespace) -> int:
    if options.detach:
        container.start()
        output.data(container.id)
        return codes.DONE
    status = attached(runtime, container, stdin=options.interactive, terminal=options.tty)
    if options.rm:
        _remove_quietly(container)
    return status


def _remove_quietly(container: Container) -> None:
    """conmon's exit command may have removed it already."""
    from libpod.containers import cleanup

    with contextlib.suppress(*cleanup.GONE):
        container.remove(force=True, timeout=0)


def create(runtime: Runtime, options: Namespace) -> Container:
    """The container that the flags ask for."""
    from libpod.cli import transfers
    from libpod.containers import create as making
    from libpod.containers.container import Container

    wanted = transfers.with_image(runtime, options, creation.create_options(options, runtime.config))
    container = Container(runtime.engine, making.create(runtime.engine, wanted))
    if options.cidfile:
        try:
            creation.write_cid_file(options.cidfile, container.id)
        except BaseException:
            container.remove()
            raise
    return container


def attached(runtime: Runtime, container: Container, *, stdin: bool, terminal: bool) -> int:
    """Start the container with our streams connected to it, and wait for its end; returns its exit code."""
    from libpod.cli import streams
    from libpod.errors import LibpodError

    def send(number: int) -> None:
        with contextlib.suppress(LibpodError):
            container.kill(number)

    control_pipe = runtime.engine.files(container.record).control_pipe
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(container.start_attached())
        stack.enter_context(streams.forwarded_signals(send))
        stack.enter_context(streams.raw_terminal(wanted=terminal and stdin))
        stack.enter_context(streams.window_size(control_pipe, wanted=terminal))
        streams.pump(connection, stdin=stdin)
        return container.wait() & 0xFF
