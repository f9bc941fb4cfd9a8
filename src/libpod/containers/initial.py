"""Init containers: those of a pod that run to their end, one after another, before the others start."""

from __future__ import annotations

from libpod.errors import InvalidArgument, InvalidState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from libpod.containers.container import Container
    from libpod.containers.create import CreateOptions
    from libpod.containers.engine import Engine

ALWAYS: Final = "always"
"""It runs each time that its pod is started."""
ONCE: Final = "once"
"""It is removed when it has run."""
KINDS: Final = (ALWAYS, ONCE)


def require(engine: Engine, options: CreateOptions) -> None:
    """Raise InvalidArgument for what cannot be an init container, and InvalidState if its pod runs."""
    from libpod.containers.pod import Pod

    if options.init_type not in KINDS:
        raise InvalidArgument(f"--init-ctr {options.init_type!r}: one of {', '.join(KINDS)}")
    if not options.pod:
        raise InvalidArgument("an init container needs a pod to be in", hint="add --pod NAME")
    if options.restart_policy:
        raise InvalidArgument("--init-ctr and --restart exclude each other: it is to end")
    pod = Pod(engine, engine.state.lookup_pod(options.pod))
    if pod.status() in ("Running", "Degraded"):
        raise InvalidState(
            f"pod {pod.name} runs: an init container would come too late",
            hint=f"libpod pod stop {pod.name}",
        )


def in_order(containers: Iterable[Container]) -> list[Container]:
    """The init containers among *containers*, that which was made first at the beginning."""
    from libpod.times import parse_time

    def created(container: Container) -> float:
        record = container.record
        return parse_time(str(record.config.get("createdTime")), source=record.describe(), key="createdTime")

    return sorted((container for container in containers if container.record.init_type), key=created)


def run(container: Container) -> None:
    """Run the init container to its end, after those that it needs. The caller holds the lock of its pod.

    Raises InvalidState if its exit code is not 0.
    """
    container.start()
    code = container.wait()
    if code != 0:
        raise InvalidState(
            f"it ended with exit code {code}: what comes after it was not started",
            hint=f"libpod logs {container.name}",
        )
    if container.record.init_type == ONCE:
        container.remove(with_pod=True)
