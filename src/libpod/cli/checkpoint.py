"""`libpod container checkpoint` and `libpod container restore`."""

from __future__ import annotations

import time

from libpod.cli import selecting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from libpod.cli.grammar import Grammar
    from libpod.containers.checkpoint import CheckpointFigures, RestoreOptions
    from libpod.containers.container import Container
    from libpod.runtime import Runtime


def _shared(parser: Grammar, verb: str) -> None:
    selecting.add_several(parser)
    parser.add_argument("-k", "--keep", action="store_true", help="keep the files that CRIU writes beside it")
    parser.add_argument(
        "--tcp-established", action="store_true", help=f"{verb} established TCP connections, too"
    )
    parser.add_argument("--file-locks", action="store_true", help=f"{verb} file locks, too")
    parser.add_argument("--print-stats", action="store_true", help="print how long it took, as JSON")


def configure(parser: Grammar) -> None:
    """Add the arguments of `container checkpoint`."""
    _shared(parser, "save")
    parser.add_argument("-a", "--all", action="store_true", help="all containers that run")
    parser.add_argument("-R", "--leave-running", action="store_true", help="let its processes go on")
    parser.add_argument(
        "-e", "--export", metavar="FILE", help="write it to this tar, too, for `restore --import`"
    )
    parser.add_argument(
        "-c", "--compress", metavar="NAME", help="how to compress that tar: gzip or none (gzip)"
    )
    parser.add_argument(
        "--ignore-rootfs", action="store_true", help="leave what the container has written out of that tar"
    )
    parser.runs(_checkpoint)


def _checkpoint(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.containers.checkpoint import CheckpointOptions, is_infra
    from libpod.errors import InvalidArgument

    _require_export(options)
    wanted = CheckpointOptions(
        keep=options.keep,
        leave_running=options.leave_running,
        tcp_established=options.tcp_established,
        file_locks=options.file_locks,
        export=options.export or "",
        compression=options.compress or "gzip",
        ignore_rootfs=options.ignore_rootfs,
    )
    with runtimes.open_runtime(options) as runtime:
        containers = selecting.names(runtime, options, ("running",))
        if options.all:
            containers = [name for name in containers if not is_infra(runtime.container(name).record)]
        if wanted.export and len(containers) != 1:
            raise InvalidArgument("--export is for one container")
        return _each(
            runtime, options, containers, "checkpoint", lambda container: container.checkpoint(wanted)
        )


def _require_export(options: Namespace) -> None:
    """Raise InvalidArgument for flags that mean nothing without `--export`."""
    from libpod.containers import migration
    from libpod.errors import InvalidArgument

    if options.compress is not None:
        migration.check_compression(options.compress)
    if options.export is None and (options.ignore_rootfs or options.compress is not None):
        raise InvalidArgument("--ignore-rootfs and --compress are for --export")


def configure_restore(parser: Grammar) -> None:
    """Add the arguments of `container restore`."""
    _shared(parser, "restore")
    parser.add_argument("-a", "--all", action="store_true", help="all containers that have a checkpoint")
    parser.add_argument(
        "-i", "--import", metavar="FILE", dest="file", help="the tar of `checkpoint --export`"
    )
    parser.add_argument("-n", "--name", metavar="NAME", help="what the imported container is called")
    parser.add_argument(
        "--ignore-static-ip", action="store_true", help="do not ask for the addresses that it had"
    )
    parser.add_argument(
        "--ignore-static-mac", action="store_true", help="do not ask for the hardware address that it had"
    )
    parser.runs(_restore)


def _restore(options: Namespace) -> int:
    from libpod.cli import runtimes
    from libpod.containers.checkpoint import RestoreOptions
    from libpod.errors import InvalidArgument

    if options.name and not options.file:
        raise InvalidArgument("--name is for --import")
    if options.file and (options.container or options.all or options.latest):
        raise InvalidArgument("give either containers or --import, not both")
    wanted = RestoreOptions(
        keep=options.keep,
        tcp_established=options.tcp_established,
        file_locks=options.file_locks,
        ignore_static_ip=options.ignore_static_ip,
        ignore_static_mac=options.ignore_static_mac,
        new_addresses=bool(options.name),
    )
    with runtimes.open_runtime(options) as runtime:
        if options.file:
            return _import(runtime, options, wanted)
        containers = _restorable(runtime, options)
        return _each(runtime, options, containers, "restore", lambda container: container.restore(wanted))


def _import(runtime: Runtime, options: Namespace, wanted: RestoreOptions) -> int:
    from libpod.cli import codes, output
    from libpod.containers import migration

    began = time.monotonic_ns()
    container, figures = migration.restore(runtime.engine, options.file, options.name or "", wanted)
    if options.print_stats:
        _print_figures("restore", (time.monotonic_ns() - began) // 1000, [(container.id, figures)])
    else:
        output.data(container.id)
    return codes.DONE


def _restorable(runtime: Runtime, options: Namespace) -> list[str]:
    found = selecting.names(runtime, options, ("created", "exited", "stopped"))
    if not options.all:
        return found
    return [name for name in found if runtime.container(name).record.state.get("checkpointed") is True]


def _each(
    runtime: Runtime,
    options: Namespace,
    containers: Sequence[str],
    verb: str,
    act: Callable[[Container], CheckpointFigures],
) -> int:
    from libpod.cli import runtimes

    found: list[tuple[str, CheckpointFigures]] = []
    began = time.monotonic_ns()
    status = runtimes.for_each(
        runtime,
        containers,
        lambda container: found.append((container.id, act(container))),
        echo=not options.print_stats,
    )
    if options.print_stats:
        _print_figures(verb, (time.monotonic_ns() - began) // 1000, found)
    return status


def _print_figures(verb: str, duration: int, found: Sequence[tuple[str, CheckpointFigures]]) -> None:
    """As Podman prints them, in microseconds."""
    from libpod.cli import output

    entries = [
        {"Id": name, f"runtime_{verb}_duration": figures.duration, "criu_statistics": dict(figures.criu)}
        for name, figures in found
    ]
    output.as_json({f"podman_{verb}_duration": duration, "container_statistics": entries})
