"""A pod: what can be done with all its containers at once.

Every operation takes the pod's lock and then the lock of one container at a time. Containers are started
after those that they need, and stopped and removed before them: the infra container, whose namespaces the
others use, comes first and goes last. What fails for one container does not keep the others from their turn.
"""

from __future__ import annotations

import contextlib
import signal

from libpod.containers import broken, cleanup, graph, membership, status
from libpod.containers.container import Container
from libpod.errors import (
    ContainerStopped,
    InvalidState,
    LibpodError,
    NoSuchContainer,
    PodError,
)
from libpod.state.records import BrokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from libpod.containers.container import Patience
    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord, PodRecord

OVER = ("created", "exited", "stopped")
"""The states of containers that have no processes."""
_REMOVABLE = (*OVER, "initialized", "removing", "")


class Pod:
    """One pod of a runtime. Its *record* is what the database says, as of the last operation."""

    def __init__(self, engine: Engine, record: PodRecord) -> None:
        self._engine = engine
        self.record = record

    @property
    def id(self) -> str:
        """64 hexadecimal digits."""
        return self.record.id

    @property
    def name(self) -> str:
        """The name that people use."""
        return self.record.name

    @property
    def infra_id(self) -> str:
        """The ID of its infra container, or ""."""
        return self.record.infra_id

    def containers(self) -> list[Container]:
        """Its containers that can be read, the infra container among them."""
        return [Container(self._engine, record) for record in self._records()[0]]

    def _records(self) -> tuple[list[ContainerRecord], list[BrokenRecord]]:
        readable, unreadable = [], []
        for record in self._engine.state.pod_containers(self.record):
            if isinstance(record, BrokenRecord):
                unreadable.append(record)
            else:
                readable.append(record)
        return readable, unreadable

    def status(self) -> str:
        """The word for its state now: `Created`, `Running`, `Degraded`, `Paused`, `Stopped` or `Exited`."""
        containers = [container for container in self.containers() if _state(container)]
        return status.pod_status(
            [container.record.status for container in containers if not container.record.init_type]
        )

    # ------------------------------------------------------------ all containers at once

    def start(self) -> None:
        """Run all its containers, its init containers first. PodError with the errors of those that did not
        start.
        """
        with self._engine.locked_pod(self.record):
            self._require_infra()
            membership.cgroup(self._engine, self.record)
            failures = _Failures(self, "started")
            containers = {container.id: container for container in self._members(failures)}
            failed: set[str] = set()
            graph = self._graph(containers.values(), failures)
            order = graph.start_order() if self._run_initial(containers, failures) else []
            for identifier in order:
                container = containers[identifier]
                if container.record.init_type:
                    continue
                with failures.of(container, failed):
                    _require_started(container, containers, failed)
                    container.start_alone()
        self._event("start")
        failures.raise_any()

    @staticmethod
    def _run_initial(containers: Mapping[str, Container], failures: _Failures) -> bool:
        """Run the init containers, one after another; False if one failed: nothing else is to run then."""
        if any(container.record.init_type for container in containers.values()):
            from libpod.containers import initial

            for container in initial.in_order(containers.values()):
                with failures.of(container):
                    initial.run(container)
                if failures.errors:
                    return False
        return True

    def stop(self, timeout: float | None = None) -> None:
        """Ask all that run to end, and kill them after *timeout* seconds (their own time each if None).

        Those that do not need each other have their time together. PodError with the errors of those that
        did not end; a paused one is such.
        """
        with self._engine.locked_pod(self.record):
            failures = _Failures(self, "stopped")
            self._stop(failures, timeout)
        self._event("stop")
        failures.raise_any()

    def _event(self, status: str) -> None:
        """Record what was done with the pod, with all of its containers or not."""
        self._engine.events.record("pod", status, id=self.id, name=self.name)

    def _stop(self, failures: _Failures, timeout: float | None) -> None:
        containers = {container.id: container for container in self._members(failures)}
        for level in reversed(self._graph(containers.values(), failures).levels):
            asked: list[tuple[Container, Patience]] = []
            for container in (containers[identifier] for identifier in level):
                with failures.of(container), contextlib.suppress(ContainerStopped):
                    if container.state() not in OVER:
                        patience = container.begin_stop(timeout)
                        asked += [(container, patience)] if patience is not None else []
            for container, patience in asked:
                with failures.of(container):
                    container.finish_stop(patience)

    def kill(self, number: int = signal.SIGTERM) -> bool:
        """Send a signal to the first process of each running container; False if none runs."""

        def send(container: Container) -> None:
            try:
                container.kill(number)
            except InvalidState:
                # With a shared PID namespace one end is the end of others.
                if container.state() not in OVER:
                    raise

        return self._for_each(send, "kill", "sent a signal", "running", "paused", "stopping")

    def pause(self) -> bool:
        """Freeze all its running containers; False if none runs."""
        return self._for_each(Container.pause, "pause", "paused", "running")

    def unpause(self) -> bool:
        """Let its paused containers go on; False if none is paused."""
        return self._for_each(Container.unpause, "unpause", "unpaused", "paused")

    def restart(self, timeout: float | None = None) -> None:
        """Stop what runs, then start all."""
        self.stop(timeout)
        self.start()

    def _for_each(self, act: Callable[[Container], None], event: str, done: str, *states: str) -> bool:
        """Do something with each container in one of *states*, those that others need last.

        False if none is in one of them, which is no error, as with Podman.
        """
        with self._engine.locked_pod(self.record):
            failures = _Failures(self, done)
            containers = {container.id: container for container in self._members(failures)}
            order = self._graph(containers.values(), failures).stop_order()
            wanted = [identifier for identifier in order if _state(containers[identifier]) in states]
            for identifier in wanted:
                with failures.of(containers[identifier]):
                    act(containers[identifier])
        self._event(event)
        failures.raise_any()
        return bool(wanted)

    # ------------------------------------------------------------ the end

    def remove(self, *, force: bool = False, timeout: float | None = None) -> None:
        """Remove it with all its containers, its control group and its lock.

        While a container other than the infra container runs, that needs *force*, which stops it first, and
        so does a broken container. Raises InvalidState, or PodError with what could not be removed; then the
        pod is there still.
        """
        with self._engine.locked_pod(self.record):
            if not force:
                self._require_over()
            failures = _Failures(self, "removed")
            self._remove_containers(failures, force=force, timeout=timeout)
            failures.raise_any()
            if self.record.uses_cgroup:
                parent = self.record.cgroup_parent
                self._engine.cgroups_of_pod(parent).remove_pod(parent, self.id)
            self._engine.state.remove_pod(self.record)
        self._event("remove")
        number = self.record.lock_id
        if number is not None:
            self._engine.free_lock(number)

    def _require_over(self) -> None:
        running = [
            container.name
            for container in self.containers()
            if container.id != self.infra_id and _state(container) not in _REMOVABLE
        ]
        if running:
            raise InvalidState(
                f"pod {self.name} has containers that are not stopped: {', '.join(sorted(running))}",
                hint=f"stop it first, or use --force: libpod pod rm --force {self.name}",
            )

    def _remove_containers(self, failures: _Failures, *, force: bool, timeout: float | None) -> None:
        if force:
            self._unpause_all()
            self._stop(_Failures(self, "stopped"), timeout)
        containers = {
            container.id: container for container in self._members(failures, all_readable=not force)
        }
        if force:
            self._remove_broken(failures)
        for identifier in self._graph(containers.values(), failures).stop_order():
            container = containers[identifier]
            is_infra = identifier == self.infra_id
            if is_infra and failures.errors:
                # Others need it still.
                continue
            with failures.of(container):
                if is_infra:
                    # In db.sql the pod's row refers to it.
                    self.record.infra_id = ""
                    self._engine.state.save_pod(self.record)
                container.remove(force=force or is_infra, timeout=timeout, with_pod=True)

    def _unpause_all(self) -> None:
        for container in self.containers():
            with contextlib.suppress(LibpodError):
                if container.state() == "paused":
                    container.unpause()

    def _remove_broken(self, failures: _Failures) -> None:
        for record in self._records()[1]:
            with failures.named(record.name or record.id):
                broken.remove_container(self._engine, record.id, force=True)

    # ------------------------------------------------------------ its containers

    def _require_infra(self) -> None:
        if self.record.has_infra and not self.infra_id:
            raise InvalidState(
                f"pod {self.name} has lost its infra container",
                hint=f"remove it, and make it again: libpod pod rm --force {self.name}",
            )

    def _members(self, failures: _Failures, *, all_readable: bool = True) -> Iterable[Container]:
        """Its containers; those that cannot be read are failures if it needs *all_readable*."""
        readable, unreadable = self._records()
        for record in unreadable if all_readable else ():
            failures.errors[record.name or record.id] = InvalidState(
                f"its record cannot be read: {record.error}", hint="remove it: libpod rm --force ID"
            )
        return [Container(self._engine, record) for record in readable]

    def _graph(self, containers: Iterable[Container], failures: _Failures) -> graph.Graph:
        """What they need among each other. One that needs what is not there is a failure. InternalError."""
        needs = {container.id: container.record.dependencies for container in containers}
        for container in containers:
            missing = [identifier for identifier in needs[container.id] if identifier not in needs]
            if missing:
                needs[container.id] = [other for other in needs[container.id] if other in needs]
                if failures.done == "started":
                    failures.errors[container.name] = NoSuchContainer(missing[0])
        return graph.build(needs)


class _Failures:
    """The errors of an operation on a pod, by the names of its containers."""

    def __init__(self, pod: Pod, done: str) -> None:
        self._pod = pod
        self.done = done
        self.errors: dict[str, LibpodError] = {}

    @contextlib.contextmanager
    def of(self, container: Container, failed: set[str] | None = None) -> Iterator[None]:
        """Keep the error of *container*, and note its ID in *failed*."""
        try:
            with self.named(container.name):
                yield
        finally:
            if failed is not None and container.name in self.errors:
                failed.add(container.id)

    @contextlib.contextmanager
    def named(self, name: str) -> Iterator[None]:
        """Keep the error of the container of this name. For one that is gone, only a start has failed."""
        try:
            yield
        except LibpodError as error:
            if self.done == "started" or not isinstance(error, cleanup.GONE):
                self.errors[name] = error

    def raise_any(self) -> None:
        """Raise PodError if there are errors."""
        if not self.errors:
            return
        names = sorted(self.errors)
        lines = [f"  {name}: {_told(self.errors[name])}" for name in names]
        what = "1 container was" if len(names) == 1 else f"{len(names)} containers were"
        head = f"pod {self._pod.name}: {what} not {self.done}:"
        hint = self.errors[names[0]].hint if len(names) == 1 else None
        raise PodError("\n".join([head, *lines]), errors=self.errors, hint=hint)


def _state(container: Container) -> str:
    """Its state now; empty for one that was removed meanwhile."""
    with contextlib.suppress(*cleanup.GONE):
        return container.state()
    return ""


def _told(error: LibpodError) -> str:
    return error.message.replace("\n", "\n    ")


def _require_started(container: Container, containers: dict[str, Container], failed: set[str]) -> None:
    for identifier in container.record.dependencies:
        if identifier in failed:
            raise InvalidState(f"container {containers[identifier].name}, which it needs, was not started")
        if identifier not in containers:
            raise NoSuchContainer(identifier, f"container {identifier}, which it needs, does not exist")


# ---------------------------------------------------------------- beside the pod


def stop_if_over(engine: Engine, record: ContainerRecord) -> None:
    """End the infra container of a pod with the exit policy `stop` if none of its other containers lives.

    To be called when the container *record* has ended, without its lock.
    """
    if not record.pod or record.config.get("pause") is True or record.init_type:
        return
    pod = Pod(engine, engine.state.pod(record.pod))
    if pod.record.config.get("ExitPolicy") != "stop" or not pod.infra_id:
        return
    infra: Container | None = None
    for container in pod.containers():
        if container.id == pod.infra_id:
            infra = container
        elif _state(container) not in (*OVER, ""):
            return
    if infra is not None and _state(infra) == "running":
        with contextlib.suppress(ContainerStopped):
            infra.stop()
