"""`libpod start`, `stop`, `kill`, `pause`, `unpause`, `restart`, `wait`, `rm`, `mount`, `umount`, `init`."""

from __future__ import annotations

from libpod.cli import codes, output, selecting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from libpod.cli.grammar import Grammar
    from libpod.containers.container import Container
    from libpod.runtime import Runtime

_INTERVAL_SECONDS = 0.25


def _verb(
    act: Callable[[Namespace], Callable[[Container], None]], *states: str
) -> Callable[[Namespace], int]:
    """A verb that does the same with each container; `--all` means those in one of *states*."""

    def run(options: Namespace) -> int:
        from libpod.cli import runtimes

        with runtimes.open_runtime(options) as runtime:
            wanted = selecting.names(runtime, options, states)
            return runtimes.for_each(runtime, wanted, act(options), may_be_gone=options.all)

    return run


def _ending_order(runtime: Runtime, options: Namespace, states: Sequence[str] = ()) -> list[str]:
    """As `selecting.names`, but with `--all` containers come before those that they need."""
    found = selecting.names(runtime, options, states)
    return found[::-1] if options.all else found


def _seconds(options: Namespace) -> float | None:
    return None if options.time is None else float(options.time)


def configure_start(parser: Grammar) -> None:
    """Add the arguments of `start`. `-a` is `--attach` here, as it is with Podman."""
    selecting.add_all(parser)
    selecting.add_filter(parser, "-f")
    parser.add_argument(
        "-a", "--attach", action="store_true", help="connect to its output, and end as it ends"
    )
    parser.add_argument("-i", "--interactive", action="store_true", help="connect our standard input, too")
    parser.add_attach_flags()
    parser.runs(_start)


def _start(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.errors import InvalidArgument

    with runtimes.open_runtime(options) as runtime:
        wanted = selecting.names(runtime, options, ("created", "exited", "stopped"))
        if not options.attach and not options.interactive:
            return runtimes.for_each(
                runtime, wanted, lambda container: container.start(), may_be_gone=options.all
            )
        if len(wanted) != 1:
            raise InvalidArgument("only one container can be started attached")
        return _start_attached(runtime, wanted[0], options)


def _start_attached(runtime: Runtime, name: str, options: Namespace) -> int:
    from libpod.cli import attach, run, streams

    what = streams.wanted(options, runtime.config.detach_keys, stdin=options.interactive)
    container = runtime.container(name)
    if container.state() == "running":
        return attach.to_running(runtime, container, what, signals=options.sig_proxy)
    status = run.attached(runtime, container, what, signals=options.sig_proxy)
    return codes.DONE if status is None else status


def configure_init(parser: Grammar) -> None:
    """Add the arguments of `init`."""
    selecting.add_all(parser, "-a")
    parser.runs(_verb(lambda _options: lambda container: container.init(), "created", "exited"))


def _add_time(parser: Grammar) -> None:
    parser.add_argument(
        "-t", "--time", metavar="SECONDS", type=int, help="how long to wait before it is killed"
    )


def configure_stop(parser: Grammar) -> None:
    """Add the arguments of `stop`."""
    selecting.add_all(parser, "-a")
    selecting.add_files(parser)
    selecting.add_filter(parser, "-f")
    _add_time(parser)
    parser.add_argument(
        "-i", "--ignore", action="store_true", help="containers that do not exist are no error"
    )
    parser.runs(_stop)


def _stop(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.errors import ContainerStopped, InvalidState
    from libpod.state.records import CONFIGURED

    def stop(container: Container) -> None:
        try:
            container.stop(_seconds(options))
        except ContainerStopped:
            # What was asked for is so.
            return
        except InvalidState:
            # Nor does one run that was never started.
            if container.record.status != CONFIGURED:
                raise

    with runtimes.open_runtime(options) as runtime:
        wanted = _ending_order(runtime, options, ("running",))
        if options.ignore:
            wanted = [name for name in wanted if runtimes.exists(runtime, name)]
        return runtimes.for_each(runtime, wanted, stop, may_be_gone=options.all or options.ignore)


def configure_kill(parser: Grammar) -> None:
    """Add the arguments of `kill`."""
    selecting.add_all(parser, "-a")
    selecting.add_files(parser)
    parser.add_argument("-s", "--signal", metavar="SIGNAL", default="KILL", help="a name or a number (KILL)")
    parser.runs(_verb(_kill, "running"))


def _kill(options: Namespace) -> Callable[[Container], None]:
    from libpod.oci import units

    number = units.signal_number(options.signal)
    return lambda container: container.kill(number)


def configure_pause(parser: Grammar) -> None:
    """Add the arguments of `pause`."""
    selecting.add_all(parser, "-a")
    selecting.add_files(parser)
    selecting.add_filter(parser, "-f")
    parser.runs(_verb(lambda _options: lambda container: container.pause(), "running"))


def configure_unpause(parser: Grammar) -> None:
    """Add the arguments of `unpause`."""
    selecting.add_all(parser, "-a")
    selecting.add_files(parser)
    selecting.add_filter(parser, "-f")
    parser.runs(_verb(lambda _options: lambda container: container.unpause(), "paused"))


def configure_restart(parser: Grammar) -> None:
    """Add the arguments of `restart`."""
    selecting.add_all(parser, "-a")
    selecting.add_files(parser)
    selecting.add_filter(parser, "-f")
    _add_time(parser)
    parser.add_argument("--running", action="store_true", help="only those that run")
    parser.runs(_restart)


def _restart(options: Namespace) -> int:
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        if options.running and not (options.container or options.cidfile or options.latest):
            options.all = True
        wanted = selecting.names(runtime, options)
        if options.running:
            wanted = [name for name in wanted if runtime.container(name).state() == "running"]
        return runtimes.for_each(
            runtime,
            wanted,
            lambda container: container.restart(_seconds(options)),
            may_be_gone=options.all,
        )


def configure_rm(parser: Grammar) -> None:
    """Add the arguments of `rm`."""
    selecting.add_all(parser, "-a")
    selecting.add_files(parser)
    selecting.add_filter(parser)
    _add_time(parser)
    parser.add_argument("-f", "--force", action="store_true", help="stop it first if it runs")
    parser.add_argument("--depend", action="store_true", help="remove all containers that need it first")
    parser.add_argument(
        "-v", "--volumes", action="store_true", help="remove the volumes that were made for it alone"
    )
    parser.add_argument(
        "-i", "--ignore", action="store_true", help="containers that do not exist are no error"
    )
    parser.runs(_rm)


def _rm(options: Namespace) -> int:
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        wanted = _ending_order(runtime, options)
        if options.all:
            wanted = _without_infra(runtime, wanted)
        elif options.force:
            wanted = [name for name in wanted if not _removed_from_storage(runtime, name)]
        tolerant = options.ignore or options.force
        if tolerant:
            wanted = [name for name in wanted if runtimes.exists(runtime, name)]
        broken = [name for name in wanted if options.force and _is_broken(runtime, name)]
        for name in broken:
            runtime.remove_broken_container(name)
            output.data(name)
        return runtimes.for_each(
            runtime,
            [name for name in wanted if name not in broken],
            lambda container: container.remove(
                force=options.force,
                timeout=_seconds(options),
                volumes=options.volumes,
                depend=options.depend,
            ),
            may_be_gone=tolerant or options.all or bool(options.filter),
            status_of=lambda error: codes.of_removal(error, needed=codes.FAILED),
        )


def _removed_from_storage(runtime: Runtime, name: str) -> bool:
    """Remove what only the storage knows: it is buildah's, or a program was killed while it made it."""
    from libpod.cli import runtimes
    from libpod.errors import NoSuchContainer

    if runtimes.exists(runtime, name):
        return False
    try:
        runtime.remove_storage_container(name)
    except NoSuchContainer:
        return False
    output.data(name)
    return True


def _without_infra(runtime: Runtime, wanted: Sequence[str]) -> list[str]:
    """Those of the containers that do not hold a pod together: such ones go with their pods."""
    infra = {item.id for item in runtime.containers() if item.record.config.get("pause") is True}
    return [identifier for identifier in wanted if identifier not in infra]


def _is_broken(runtime: Runtime, name: str) -> bool:
    from libpod.errors import DecodeError, NoSuchContainer

    try:
        runtime.container(name)
    except DecodeError:
        return True
    except NoSuchContainer:
        return False
    return False


def configure_wait(parser: Grammar) -> None:
    """Add the arguments of `wait`."""
    selecting.add_several(parser)
    parser.add_argument(
        "--condition",
        metavar="STATE",
        action="append",
        default=[],
        help="wait for this state, not for the end",
    )
    parser.add_argument(
        "-i", "--interval", metavar="TIME", help="how often to look, with --condition (250ms)"
    )
    parser.runs(_wait)


def _wait(options: Namespace) -> int:
    from libpod import times
    from libpod.cli import runtimes

    conditions = [word for text in options.condition for word in text.split(",")]
    interval = times.interval(options.interval) if options.interval else _INTERVAL_SECONDS

    def wait(container: Container) -> None:
        code = container.wait_for(conditions, interval) if conditions else container.wait()
        output.data(str(code))

    with runtimes.open_runtime(options) as runtime:
        return runtimes.for_each(runtime, selecting.names(runtime, options), wait, echo=False)


def configure_mount(parser: Grammar) -> None:
    """Add the arguments of `mount`."""
    selecting.add_all(parser, "-a")
    parser.add_argument("--no-trunc", action="store_true", help="do not shorten IDs")
    parser.add_format(templates=False)
    parser.runs(_mount)


def _mount(options: Namespace) -> int:
    from libpod.cli import runtimes

    def mount(container: Container) -> None:
        path = container.mount()
        output.data(path if len(wanted) == 1 else f"{container.id} {path}")

    with runtimes.open_runtime(options) as runtime:
        if not (options.container or options.all or options.latest):
            return _print_mounts(runtime, options)
        wanted = selecting.names(runtime, options)
        return runtimes.for_each(runtime, wanted, mount, echo=False)


def _print_mounts(runtime: Runtime, options: Namespace) -> int:
    found = [(container, container.mount_path()) for container in runtime.containers()]
    mounted = [(container, path) for container, path in found if path]
    if options.format:
        output.as_json(
            [
                {"id": container.id, "Names": [container.name], "mountpoint": path}
                for container, path in mounted
            ]
        )
        return 0
    for container, path in mounted:
        output.data(f"{container.id if options.no_trunc else container.id[:12]}  {path}")
    return 0


def configure_umount(parser: Grammar) -> None:
    """Add the arguments of `umount`."""
    selecting.add_all(parser, "-a")
    parser.add_argument("-f", "--force", action="store_true", help="whoever else has it mounted")
    act = _verb(
        lambda options: lambda container: container.unmount(force=options.force),
        *("created", "exited", "stopped"),
    )
    parser.runs(act)


def configure_cleanup(parser: Grammar) -> None:
    """Add the arguments of `container cleanup`."""
    selecting.add_all(parser, "-a")
    parser.add_argument("--rm", action="store_true", help="remove it as well")
    parser.add_argument(
        "--exec", metavar="SESSION", dest="session", help="clean up after this exec session only"
    )
    parser.runs(_cleanup)


def _cleanup(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.containers import cleanup

    def clean_up(container: Container) -> None:
        try:
            if options.session:
                container.cleanup_session(options.session)
                return
            if not container.cleanup():
                return
            if container.record.pod:
                from libpod.containers import pod

                pod.stop_if_over(runtime.engine, container.record)
            if options.rm:
                container.remove(volumes=True)
        except cleanup.GONE:
            # Somebody else was quicker.
            return

    with runtimes.open_runtime(options) as runtime:
        wanted = selecting.names(runtime, options, ("exited", "stopped", "created"))
        if options.rm:
            wanted = [name for name in wanted if runtimes.exists(runtime, name)]
        return runtimes.for_each(runtime, wanted, clean_up, may_be_gone=options.rm or options.all)
