"""`libpod create` and `libpod run`."""

from __future__ import annotations

import contextlib

from libpod.cli import codes, creation, descriptors, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from libpod.cli.grammar import Grammar
    from libpod.cli.streams import Wanted
    from libpod.containers.container import Container
    from libpod.runtime import Runtime


def configure(parser: Grammar) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("-d", "--detach", action="store_true", help="print the ID and leave it running")
    parser.add_argument(
        "-a",
        "--attach",
        metavar="STREAM",
        action="append",
        default=[],
        help="connect stdin, stdout or stderr",
    )
    descriptors.configure(parser)
    parser.add_switch("--passwd", default=True, help="add users whom the image does not know (true)")
    parser.add_switch("--rmi", default=False, help="remove the image as well, unless others use it")
    creation.configure(parser)
    parser.add_attach_flags()
    parser.runs(run)


def run(options: Namespace) -> int:
    """Create a container and run it; the exit status is its own, unless it is detached."""
    from libpod.cli import runtimes, streams
    from libpod.errors import InvalidArgument

    if options.detach and options.attach:
        raise InvalidArgument("--attach and --detach exclude each other")
    if options.detach and options.rmi:
        raise InvalidArgument("--rmi and --detach exclude each other", hint="nobody would wait for the end")
    descriptors.require(options.preserve_fds)
    with runtimes.open_runtime(options) as runtime:
        what = streams.wanted(
            options, runtime.config.detach_keys, stdin=options.interactive, chosen=options.attach
        )
        container = create(runtime, options)
        runtime.engine.passed_descriptors = options.preserve_fds
        try:
            return _run(runtime, container, options, what)
        except BaseException as error:
            # Without --sig-proxy, Ctrl-C is meant for us; what conmon runs at its end removes the container.
            if options.rm and not (isinstance(error, KeyboardInterrupt) and _runs(container)):
                _remove_quietly(container)
            raise


def _run(runtime: Runtime, container: Container, options: Namespace, what: Wanted) -> int:
    if options.detach:
        container.start()
        output.data(container.id)
        if runtime.config.rootless:
            from libpod.containers import rootless

            rootless.tell_of_linger(runtime.config, output.warning)
        return codes.DONE
    if options.log_driver == "passthrough":
        status: int | None = _unattached(container, options)
    else:
        status = attached(runtime, container, what, signals=options.sig_proxy, remove=options.rm)
    if options.rmi and status is not None:
        _remove_image(runtime, str(container.record.config.get("rootfsImageName") or options.image))
    return codes.DONE if status is None else status


def _remove_image(runtime: Runtime, name: str) -> None:
    """What stands against it does not change how the container ended."""
    from libpod.errors import LibpodError

    try:
        runtime.images.remove(name)
    except LibpodError as error:
        output.warning(f"image {name} is kept: {error.message}")


def _unattached(container: Container, options: Namespace) -> int:
    """Start a container that has our own streams, and wait for its end."""
    from libpod.cli import streams

    with streams.proxied(container.kill, wanted=options.sig_proxy) as proxy:
        container.start()
        proxy.open()
        return _end(container, remove=options.rm)


def _end(container: Container, *, remove: bool) -> int:
    return (container.wait_and_remove() if remove else container.wait()) & 0xFF


def _runs(container: Container) -> bool:
    from libpod.errors import LibpodError

    with contextlib.suppress(LibpodError):
        return container.state() in ("running", "paused", "stopping")
    return False


def _remove_quietly(container: Container) -> None:
    """conmon's exit command may have removed it already."""
    from libpod.containers import cleanup

    with contextlib.suppress(*cleanup.GONE):
        container.remove(force=True, timeout=0, volumes=True)


def create(runtime: Runtime, options: Namespace) -> Container:
    """The container that the flags ask for."""
    from libpod.cli import inpod, transfers
    from libpod.containers import create as making
    from libpod.containers.container import Container

    wanted = transfers.with_image(runtime, options, creation.create_options(options, runtime.config))
    with inpod.joined(runtime, options, wanted) as made_in:
        container = Container(runtime.engine, making.create(runtime.engine, made_in))
    if options.cidfile:
        try:
            creation.write_id_file("--cidfile", options.cidfile, container.id)
        except BaseException:
            container.remove()
            raise
    return container


def attached(
    runtime: Runtime, container: Container, what: Wanted, *, signals: bool, remove: bool = False
) -> int | None:
    """Start the container with our streams connected to it, wait for its end, and remove it if asked to.

    Returns its exit code, or None if the keys were typed that leave it running.
    """
    from libpod.cli import streams, terminal

    has_terminal = container.has_terminal
    control_pipe = runtime.engine.files(container.record).control_pipe
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(streams.proxied(container.kill, wanted=signals))
        resized = terminal.size_followed(control_pipe, wanted=has_terminal)
        connection = stack.enter_context(container.start_attached(lambda: stack.enter_context(resized)))
        proxy.open()
        stack.enter_context(terminal.raw_mode(wanted=has_terminal and what.stdin))
        if not streams.relay(connection, what, container.record.pid):
            return None
    return _end(container, remove=remove)
