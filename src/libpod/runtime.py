"""The front door: one store, opened for use."""

from __future__ import annotations

import contextlib
import functools

from libpod.config.runtime import RuntimeConfig
from libpod.errors import InvalidState, LibpodError, NoSuchContainer, RefreshRefused, RuntimeStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from libpod.boot.report import Report
    from libpod.containers.container import Container
    from libpod.containers.create import CreateOptions
    from libpod.containers.engine import Engine
    from libpod.containers.pod import Pod
    from libpod.containers.podcreate import PodOptions
    from libpod.images.manager import Images
    from libpod.state.protocol import State
    from libpod.state.records import BrokenRecord
    from libpod.storage.objects import Layer

FORCED_STOP_SECONDS = 10.0


class Runtime:
    """One store and everything that works on it; a context manager.

    *config* is what `RuntimeConfig.load` gives, which also is the default. *on_wait* gets a line for
    people when another process keeps us waiting, *warn* one for what is worth knowing and no error.
    *exit_command* gives, for the configuration in use, the command that conmon runs when a container has
    ended; `container cleanup ID` is appended to it.

    A runtime is opened by `with`, by `open`, or by its first use. Opening it refreshes the store when
    this boot needs that, and raises RefreshRefused when a refresh could do harm; see
    `libpod.boot.refresh`.
    """

    def __init__(
        self,
        config: RuntimeConfig | None = None,
        *,
        on_wait: Callable[[str], None] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        warn: Callable[[str], None] = lambda _text: None,
        exit_command: Callable[[RuntimeConfig], Sequence[str]] = lambda _config: (),
    ) -> None:
        self._config = RuntimeConfig.load() if config is None else config
        self._on_wait = on_wait
        self._progress = progress
        self._warn = warn
        self._exit_command = exit_command
        self._state: State | None = None
        self._opening: Report | None = None
        self._stopped = False

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._stopped:
            self.shutdown()

    @property
    def config(self) -> RuntimeConfig:
        """The configuration; once the runtime is open, with what the database remembers."""
        return self._config

    # ------------------------------------------------------------ opening and closing

    def refresh(self, *, dry_run: bool = False) -> Report:
        """Refresh the store if this boot needs it; the report, with decision, reason and all that was done.

        Called for the first time after opening has refreshed, it returns that report. A refusal is a
        report too. *dry_run* changes nothing at all; the runtime must not be open then, or there is
        nothing left to tell.
        """
        self._require_running()
        opening, self._opening = self._opening, None
        if opening is not None and not dry_run:
            return opening
        from libpod.boot import refresh

        return refresh.run(self._config, dry_run=dry_run, on_wait=self._on_wait, progress=self._progress)

    def open(self) -> None:
        """Refresh the store if this boot needs it, and open its database.

        Raises RefreshRefused, RuntimeStopped, and everything that `libpod.boot.refresh.run` raises.
        """
        if self._state is not None:
            return
        from libpod.boot import opening

        self._require_running()
        # Most verbs find the refresh done: to import it would take longer than many of them.
        if not opening.is_refreshed(self._config, on_wait=self._on_wait):
            self._refresh_to_open()
        self._state, self._config = opening.open_for_use(self._config, on_wait=self._on_wait)

    def _refresh_to_open(self) -> None:
        from libpod.boot import decide

        report = self.refresh()
        outcome, reason, hint = report.decision[:3]
        if outcome == decide.REFUSE:
            raise RefreshRefused(f"this store cannot be used now: {reason}", hint=hint)
        for warning in report.warnings:
            self._warn(warning)
        self._opening = report

    def shutdown(self, *, force: bool = False) -> None:
        """Close the store. With *force* every running container is stopped first, within ten seconds each,
        and everything that is mounted is unmounted.

        What cannot be stopped or unmounted does not keep the rest from being closed; the first such error is
        raised at the end. Raises RuntimeStopped when it was shut down before.
        """
        self._require_running()
        errors = self._stop_all() if force and self._state is not None else []
        self._stopped = True
        if "engine" in self.__dict__:
            self.engine.close(force=force and not errors)
            self.engine.locks.close()
        if self._state is not None:
            self._state.close()
        if errors:
            raise errors[0]

    def _stop_all(self) -> list[LibpodError]:
        errors: list[LibpodError] = []
        for container in self.containers():
            try:
                state = container.state()
                if state == "paused":
                    container.unpause()
                if state in ("running", "paused"):
                    container.stop(FORCED_STOP_SECONDS)
            except LibpodError as error:
                errors.append(error)
        return errors

    def _require_running(self) -> None:
        if self._stopped:
            raise RuntimeStopped

    # ------------------------------------------------------------ the rooms

    @property
    def state(self) -> State:
        """The database."""
        self._require_running()
        self.open()
        assert self._state is not None
        return self._state

    @functools.cached_property
    def engine(self) -> Engine:
        """What operations on containers need."""
        from libpod.boot import numbers
        from libpod.containers.engine import Engine

        state = self.state
        manager = numbers.open_manager(self._config, create=True)
        exit_command = self._exit_command(self._config)
        return Engine(self._config, state, manager, exit_command=exit_command, warn=self._warn)

    @functools.cached_property
    def images(self) -> Images:
        """The images of the store."""
        from libpod.images.manager import Images

        return Images(
            self.engine.store,
            self._config,
            remove_container=self._remove_user_of_image,
            warn=self._warn,
            record=self._record_image,
        )

    def _record_image(self, status: str, image_id: str, name: str) -> None:
        self.engine.events.record("image", status, id=image_id, name=name)

    def _remove_user_of_image(self, container_id: str) -> None:
        """Remove a container of ours, or one that another program has in the store."""
        try:
            self.container(container_id).remove(force=True)
        except NoSuchContainer:
            self.engine.store.delete_container(container_id)

    # ------------------------------------------------------------ what is in the store

    def info(self) -> list[dict[str, object]]:
        """Host, store and registries, as `libpod info` prints them. The store is not opened for that."""
        from libpod import info

        self._require_running()
        return info.sections(self._config)

    def containers(self) -> list[Container]:
        """Every container that can be read; `broken` has the others."""
        from libpod.containers.container import Container
        from libpod.state.records import BrokenRecord

        found = self.state.all_containers()
        return [Container(self.engine, record) for record in found if not isinstance(record, BrokenRecord)]

    def container(self, name: str) -> Container:
        """The container with this name, ID or unique start of an ID. Raises NoSuchContainer,
        ContainerExists.
        """
        from libpod.containers.container import Container

        return Container(self.engine, self.state.lookup_container(name))

    def create_container(self, options: CreateOptions) -> Container:
        """Make a container, and do not start it; see `libpod.containers.create`.

        Raises NoSuchImage, NoSuchContainer, NoSuchPod, ContainerExists, PodExists, InvalidArgument; nothing
        of the container is left then.
        """
        from libpod.containers import create
        from libpod.containers.container import Container

        return Container(self.engine, create.create(self.engine, options))

    def remove_broken_container(self, name: str) -> None:
        """Remove a container whose record cannot be read: its storage, then all traces in the database.

        A lock number that cannot be read any more is free again after the next boot. Raises NoSuchContainer,
        InvalidState while a conmon of it lives, and DependencyExists while others need it.
        """
        from libpod.containers import broken

        broken.remove_container(self.engine, self.state.lookup_container_id(name))

    def remove_storage_container(self, name: str) -> None:
        """Remove a container of the storage that is no container of ours: buildah's, or what a crash left.

        Raises NoSuchContainer if the storage has none either, and InvalidState if the database knows it.
        """
        if self.engine.store.delete_orphan(f"{name}-layer"):
            return
        found = self.engine.store.container(name)
        if self.state.has_container(found.id):
            raise InvalidState(f"{name} is the storage of container {found.id}: remove that one")
        self.engine.store.delete_container(found.id)

    def pods(self) -> list[Pod]:
        """Every pod that can be read; `broken` has the others."""
        from libpod.containers.pod import Pod
        from libpod.state.records import BrokenRecord

        found = self.state.all_pods()
        return [Pod(self.engine, record) for record in found if not isinstance(record, BrokenRecord)]

    def pod(self, name: str) -> Pod:
        """The pod with this name, ID or unique start of an ID. Raises NoSuchPod, PodExists."""
        from libpod.containers.pod import Pod

        return Pod(self.engine, self.state.lookup_pod(name))

    def create_pod(self, options: PodOptions) -> Pod:
        """Make a pod; see `libpod.containers.podcreate`."""
        from libpod.containers import podcreate
        from libpod.containers.pod import Pod

        return Pod(self.engine, podcreate.create_pod(self.engine, options))

    def remove_broken_pod(self, name: str, *, timeout: float | None = None) -> None:
        """Remove a pod whose record cannot be read, with its containers; see `libpod.containers.broken`."""
        from libpod.containers import broken

        broken.remove_pod(self.engine, self.state.lookup_pod_id(name), timeout=timeout)

    def broken(self) -> list[BrokenRecord]:
        """The objects that cannot be read, each with the reason."""
        from libpod.state.records import BrokenRecord

        state = self.state
        found = [*state.all_containers(with_state=False), *state.all_pods(), *state.all_volumes()]
        return [record for record in found if isinstance(record, BrokenRecord)]

    def remove_volume(self, name: str, *, force: bool = False, timeout: float | None = None) -> None:
        """Remove a volume; with *force* the containers that use it first, stopped within *timeout* seconds.

        Raises NoSuchVolume, and DependencyExists while containers use it.
        """
        from libpod.containers import volumes

        record = self.state.lookup_volume(name)
        if force:
            for user in self.state.volume_in_use(record):
                with contextlib.suppress(NoSuchContainer):
                    self.container(user).remove(force=True, timeout=timeout)
        volumes.remove(self.engine, record)

    def layers(self) -> list[Layer]:
        """The layers of the container storage, with mount points and counts."""
        self._require_running()
        return self.engine.store.layers()

    def generate_name(self) -> str:
        """A name `adjective_surname` that no container and no pod has."""
        from libpod.containers import names

        return names.generate(self._is_taken)

    def _is_taken(self, name: str) -> bool:
        from libpod.errors import NoSuchObject, ObjectExists

        for look_up in (self.state.lookup_container_id, self.state.lookup_pod_id):
            try:
                look_up(name)
            except NoSuchObject:
                continue
            except ObjectExists:
                return True
            return True
        return False
