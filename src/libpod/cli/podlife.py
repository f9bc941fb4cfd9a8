"""`libpod pod start`, `stop`, `kill`, `pause`, `unpause`, `restart`, `rm`, `prune` and `exists`."""

from __future__ import annotations

from libpod.cli import asking, codes, output
from libpod.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final

    from libpod.cli.grammar import Grammar
    from libpod.containers.pod import Pod
    from libpod.errors import LibpodError
    from libpod.runtime import Runtime


NOT_THERE: Final = 1


def add_pods(parser: Grammar, *, with_all: bool = False, with_files: bool = False) -> None:
    """Add the arguments that name pods."""
    parser.add_argument("pods", metavar="POD", nargs="*", help="a name, an ID, or the beginning of an ID")
    parser.add_argument("-l", "--latest", action="store_true", help="the latest pod")
    if with_all:
        parser.add_argument("-a", "--all", action="store_true", help="all pods that it can be done with")
    if with_files:
        parser.add_argument(
            "--pod-id-file",
            metavar="FILE",
            action="append",
            default=[],
            help="the pod whose ID is in this file",
        )


def _add_time(parser: Grammar) -> None:
    parser.add_argument(
        "-t", "--time", metavar="SECONDS", type=int, help="how long to wait before a container is killed"
    )


def _seconds(options: Namespace) -> float | None:
    if options.time is not None and options.time < 0:
        raise InvalidArgument(f"--time {options.time} is negative")
    return None if options.time is None else float(options.time)


def configure_start(parser: Grammar) -> None:
    """Add the arguments of `pod start`."""
    add_pods(parser, with_all=True, with_files=True)
    parser.runs(_verb(lambda pod, _options: pod.start()))


def configure_stop(parser: Grammar) -> None:
    """Add the arguments of `pod stop`."""
    add_pods(parser, with_all=True, with_files=True)
    _add_time(parser)
    parser.add_argument("-i", "--ignore", action="store_true", help="pods that do not exist are no error")
    parser.runs(_verb(lambda pod, options: pod.stop(_seconds(options))))


def configure_kill(parser: Grammar) -> None:
    """Add the arguments of `pod kill`."""
    add_pods(parser, with_all=True)
    parser.add_argument("-s", "--signal", metavar="SIGNAL", default="KILL", help="a name or a number (KILL)")
    parser.runs(_verb(_kill))


def _kill(pod: Pod, options: Namespace) -> None:
    from libpod.oci import units

    pod.kill(units.signal_number(options.signal))


def configure_pause(parser: Grammar) -> None:
    """Add the arguments of `pod pause`."""
    add_pods(parser, with_all=True)
    parser.runs(_verb(_pause))


def _pause(pod: Pod, options: Namespace) -> None:
    del options
    pod.pause()


def configure_unpause(parser: Grammar) -> None:
    """Add the arguments of `pod unpause`."""
    add_pods(parser, with_all=True)
    parser.runs(_verb(lambda pod, _options: pod.unpause()))


def configure_restart(parser: Grammar) -> None:
    """Add the arguments of `pod restart`."""
    add_pods(parser, with_all=True)
    _add_time(parser)
    parser.runs(_verb(lambda pod, options: pod.restart(_seconds(options))))


def configure_rm(parser: Grammar) -> None:
    """Add the arguments of `pod rm`."""
    add_pods(parser, with_all=True, with_files=True)
    _add_time(parser)
    parser.add_argument("-f", "--force", action="store_true", help="stop the containers first if they run")
    parser.add_argument("-i", "--ignore", action="store_true", help="pods that do not exist are no error")
    parser.runs(_rm)


def configure_prune(parser: Grammar) -> None:
    """Add the arguments of `pod prune`."""
    asking.add_force(parser)
    parser.runs(_prune)


def configure_exists(parser: Grammar) -> None:
    """Add the arguments of `pod exists`."""
    parser.add_argument("pod", metavar="POD", help="a name, an ID, or the beginning of an ID")
    parser.runs(_exists)


# ---------------------------------------------------------------- running them


def _verb(act: Callable[[Pod, Namespace], bool | None]) -> Callable[[Namespace], int]:
    """A verb that does the same with each pod; one with which there was nothing to do (False) is not told."""

    def run(options: Namespace) -> int:
        from libpod.cli import runtimes

        with runtimes.open_runtime(options) as runtime:
            names = named(runtime, options)
            return _for_each(names, lambda name: _act_on(runtime, name, lambda pod: act(pod, options)))

    return run


def _act_on(runtime: Runtime, name: str, act: Callable[[Pod], bool | None]) -> str:
    pod = runtime.pod(name)
    return "" if act(pod) is False else pod.id


def _rm(options: Namespace) -> int:
    from libpod.cli import runtimes

    with runtimes.open_runtime(options) as runtime:
        names = named(runtime, options)
        if options.force and not options.ignore:
            names = [name for name in names if _is_there(runtime, name)]
        return _for_each(names, lambda name: _remove(runtime, name, options), status_of=codes.of_removal)


def _remove(runtime: Runtime, name: str, options: Namespace) -> str:
    from libpod.errors import DecodeError

    try:
        pod = runtime.pod(name)
    except DecodeError:
        if not options.force:
            raise
        runtime.remove_broken_pod(name, timeout=_seconds(options))
        return name
    pod.remove(force=options.force, timeout=_seconds(options))
    return pod.id


def _prune(options: Namespace) -> int:
    from libpod.cli import runtimes

    if not asking.agreed(
        options, "This removes all pods whose containers have ended, with their containers."
    ):
        return codes.DONE
    with runtimes.open_runtime(options) as runtime:
        over = [pod for pod in runtime.pods() if pod.status() in ("Stopped", "Exited")]
        return _for_each(
            [pod.id for pod in over], lambda name: _act_on(runtime, name, lambda pod: pod.remove())
        )


def _exists(options: Namespace) -> int:
    from libpod.cli import stores
    from libpod.errors import NoSuchPod

    with stores.Store(options) as store:
        try:
            store.state.lookup_pod_id(options.pod)
        except NoSuchPod:
            return NOT_THERE
    return codes.DONE


def _for_each(
    names: Sequence[str],
    act: Callable[[str], str],
    *,
    status_of: Callable[[LibpodError], int] = lambda _error: codes.FAILED,
) -> int:
    """Do something with each pod and print what comes back: its ID, or "" for nothing.

    An error of one does not keep the others from their turn; the exit status is that of the worst, by
    *status_of*.
    """
    from libpod.errors import LibpodError

    status = codes.DONE
    for name in names:
        try:
            done = act(name)
            if done:
                output.data(done)
        except LibpodError as error:
            output.error(error)
            status = max(status, status_of(error))
    return status


def named(runtime: Runtime, options: Namespace) -> list[str]:
    """The pods that were named; with `--all` every one."""
    if getattr(options, "all", False):
        if options.pods or options.latest:
            raise InvalidArgument("give either pods, --latest or --all")
        return [pod.id for pod in runtime.pods()]
    names = chosen(options, lambda: {pod.id: pod.record.created for pod in runtime.pods()})
    if getattr(options, "ignore", False):
        names = [name for name in names if _is_there(runtime, name)]
    return names


def chosen(options: Namespace, created: Callable[[], Mapping[str, str]]) -> list[str]:
    """The pods that were named, in whatever way. InvalidArgument for none.

    *created* tells when each pod was made (RFC 3339), by its ID.
    """
    from libpod.cli import inpod

    given = [*options.pods, *inpod.read_id_files(getattr(options, "pod_id_file", ()))]
    if options.latest:
        if given:
            raise InvalidArgument("give either pods or --latest, not both")
        return [_latest(created())]
    if not given:
        raise InvalidArgument("give at least one pod", hint=f"see '{options.prog} --help'")
    return given


def add_pod(parser: Grammar) -> None:
    """Add the argument that names one pod."""
    parser.add_argument("pods", metavar="POD", nargs="?", help="a name, an ID, or the beginning of an ID")
    parser.add_argument("-l", "--latest", action="store_true", help="the latest pod")


def chosen_one(runtime: Runtime, options: Namespace) -> str:
    """The one pod that was named."""
    options.pods = [options.pods] if options.pods else []
    (found,) = named(runtime, options)
    return found


def _latest(created: Mapping[str, str]) -> str:
    from libpod.errors import NoSuchPod
    from libpod.times import parse_time

    if not created:
        raise NoSuchPod("", "there is no pod, so there is no latest one")
    return max(created, key=lambda name: parse_time(created[name], source=f"pod {name}", key="created"))


def _is_there(runtime: Runtime, name: str) -> bool:
    from libpod.errors import NoSuchPod

    try:
        runtime.state.lookup_pod_id(name)
    except NoSuchPod:
        return False
    return True
