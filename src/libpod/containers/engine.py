"""What every operation on containers needs, put together once."""

from __future__ import annotations

import contextlib
import functools
import os

from libpod.errors import ContainerRemoved, FileError, InvalidArgument, LockError, NoSuchObject, PodRemoved
from libpod.host import files, jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from libpod.cgroups import Manager
    from libpod.config import RuntimeConfig
    from libpod.events.recording import Recorder
    from libpod.locks import Lock, LockManager
    from libpod.network.setup import Connector
    from libpod.oci.conmon import Conmon, ContainerFiles
    from libpod.oci.runc import Runc
    from libpod.state.protocol import State
    from libpod.state.records import ContainerRecord, PodRecord, Record
    from libpod.storage.store import Store

    R = TypeVar("R", bound=Record)

EXITS_MODE = 0o750
# What our exit command needs to be the same program with the same configuration as we are.
PASSED_VARIABLES = (
    "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "STORAGE_DRIVER", "STORAGE_OPTS", "XDG_CONFIG_HOME",
    "PYTHONPATH", "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip
LOCK_SECONDS = 300.0
"""How long an operation waits for a container that another one is busy with. A stop may take minutes."""


class Engine:
    """The rooms of one runtime. What needs a program or a kernel feature is opened when it is first used.

    *exit_command* is run by conmon when a container has ended; the container's ID is appended.
    *warn* is called with one line of text for what is worth knowing and no error.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        state: State,
        locks: LockManager,
        *,
        exit_command: Sequence[str] = (),
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.config = config
        self.state = state
        self.locks = locks
        self.exit_command = tuple(exit_command)
        self.warn = warn
        self._runtimes: dict[tuple[str, str], Runc] = {}
        self.passed_descriptors = 0
        """How many of our descriptors, from 3 on, a container gets that was made for them."""

    @functools.cached_property
    def store(self) -> Store:
        """The container storage."""
        from libpod.storage.store import Store

        config = self.config
        return Store(
            config.graph_root, config.run_root, config.graph_driver_name, config.graph_driver_options
        )

    @functools.cached_property
    def runtime(self) -> Runc:
        """The OCI runtime of new containers."""
        from libpod.oci.runc import Runc

        # A user's manager may be another one than the configured.
        manager = self.cgroups.name if self.config.rootless else self.config.cgroup_manager
        return Runc(self.config.find_runtime(), systemd_cgroup=manager == "systemd")

    def runtime_of(self, record: ContainerRecord) -> Runc:
        """The OCI runtime that a container was made with: no other knows it.

        InvalidArgument, naming both, where it is not installed.
        """
        source = record.describe()
        name = jsonutil.get_str(record.config, "runtime", "", source=source)
        manager = self._manager_of(record)
        if (name, manager) not in self._runtimes:
            self._runtimes[name, manager] = self._find_runtime(name, manager, source)
        return self._runtimes[name, manager]

    def _find_runtime(self, name: str, manager: str, source: str) -> Runc:
        from libpod.oci.runc import Runc

        arguments: tuple[str, ...] = ()
        if manager == "disabled":
            from libpod.containers import groupless

            arguments = groupless.ARGUMENTS if os.path.basename(name) in groupless.RUNTIMES else ()
        named = self.config.runtime
        usual = (named,) if named else self.config.runtime_candidates()
        if name in ("", *map(os.path.basename, usual)):
            path = self.config.find_runtime()
            return Runc(path, systemd_cgroup=manager == "systemd", arguments=arguments)
        try:
            path = self.config.find_runtime(name)
        except InvalidArgument as error:
            raise InvalidArgument(
                f"{source} was made with the OCI runtime {name}: {error.message}", hint=error.hint
            ) from error
        return Runc(path, systemd_cgroup=manager == "systemd", arguments=arguments)

    def conmon_of(self, record: ContainerRecord) -> Conmon:
        """conmon in front of a container's OCI runtime."""
        from libpod.oci.conmon import Conmon

        environment = dict(entry.split("=", 1) for entry in self.config.conmon_env_vars if "=" in entry)
        environment |= {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        return Conmon(self.config.find_conmon(), self.runtime_of(record), environment=environment)

    @functools.cached_property
    def connector(self) -> Connector:
        """What joins containers to networks."""
        from libpod.network.conflist import Networks
        from libpod.network.plugins import Plugins
        from libpod.network.setup import Connector

        config = self.config
        networks = Networks(config.cni_config_dirs, default_name=config.default_network, warn=self.warn)
        return Connector(networks, Plugins(config.cni_plugin_dirs), config.tmp_dir, warn=self.warn)

    @functools.cached_property
    def cgroups(self) -> Manager:
        """The cgroup manager."""
        from libpod import cgroups

        if self.config.rootless:
            from libpod.cgroups import user

            return user.open_manager(self.config.cgroup_manager, self.config.uid)
        return cgroups.open_manager(self.config.cgroup_manager)

    def cgroups_of(self, record: ContainerRecord) -> Manager:
        """The cgroup manager that a container was made with, which alone understands its cgroup parent."""
        from libpod import cgroups

        manager = self._manager_of(record)
        return self.cgroups if manager == self.cgroups.name else cgroups.open_manager(manager)

    def cgroups_of_pod(self, parent: str) -> Manager:
        """The cgroup manager that made a pod with this cgroup *parent*: pods do not say which."""
        from libpod import cgroups

        manager = "systemd" if parent.endswith(".slice") else "cgroupfs"
        if self.config.rootless or not parent or self.cgroups.name in (manager, "disabled"):
            return self.cgroups
        return cgroups.open_manager(manager)

    def _manager_of(self, record: ContainerRecord) -> str:
        if record.has_no_cgroup:
            return "disabled"
        if self.config.rootless:
            # Which one a user can have depends on the session.
            return self.cgroups.name
        made_with = jsonutil.get_str(record.config, "cgroupManager", "", source=record.describe())
        return made_with or self.config.cgroup_manager

    @functools.cached_property
    def events(self) -> Recorder:
        """Where changes are recorded: `engine.events.record("volume", "create", name="data")`."""
        from libpod.events.recording import Recorder

        return Recorder(self.config, self.warn)

    def event(self, record: ContainerRecord, status: str, *, exit_code: int = 0, health: str = "") -> None:
        """Record what happened to a container: create, start, died, …"""
        image = record.config.get("rootfsImageName")
        self.events.record(
            "container",
            status,
            id=record.id,
            name=record.name,
            image=image if isinstance(image, str) else "",
            exit_code=exit_code,
            health=health,
            attributes=record.labels,
        )

    @property
    def exit_directory(self) -> str:
        """Where conmon leaves exit codes."""
        return os.path.join(self.config.tmp_dir, "exits")

    def files(self, record: ContainerRecord) -> ContainerFiles:
        """Where the files of a container are."""
        from libpod.oci.conmon import ContainerFiles

        run_directory = record.run_directory or self.store.container_run_directory(record.id)
        of_conmon, of_container = (
            jsonutil.get_str(record.config, key, "", source=record.describe())
            for key in ("conmonPidFile", "pid_file")
        )
        if of_container.endswith(f"/{record.id}/userdata/pidfile"):
            # Nobody asked for it, and the run directory may be elsewhere by now.
            of_container = ""
        return ContainerFiles(
            record.static_directory, run_directory, self.exit_directory, of_conmon, of_container
        )

    def lock(self, record: Record) -> Lock:
        """The lock of an object: numbered as Podman's, or named after its ID as the first libpod's."""
        number = record.lock_id
        if number is not None:
            return self.locks.retrieve(number)
        from libpod.locks.file import IdLocks

        return IdLocks(self.config.tmp_dir).lock(record.id)

    def free_lock(self, number: int) -> None:
        """Give back the lock of a removed object.

        Another object with this number (an old database) keeps the lock's file or bit in use.
        """
        with contextlib.suppress(LockError):
            self.locks.free(number)

    @contextlib.contextmanager
    def locked(self, record: ContainerRecord) -> Iterator[None]:
        """Hold the lock of a container, with its state read anew."""
        with self.holding(record, self.state.update_container):
            yield

    @contextlib.contextmanager
    def locked_pod(self, record: PodRecord) -> Iterator[None]:
        """Hold the lock of a pod, which is taken before those of its containers, with its state read anew."""
        with self.holding(record, self.state.update_pod):
            yield

    @contextlib.contextmanager
    def holding(self, record: R, read_anew: Callable[[R], None]) -> Iterator[None]:
        """Hold the lock of an object, whose state *read_anew* reads."""
        lock = self.lock(record)
        lock.acquire(LOCK_SECONDS)
        try:
            _read_anew(record, lock, read_anew)
            yield
        finally:
            lock.release()

    def make_directories(self) -> None:
        """The directories that starting a container needs."""
        files.make_directory(self.exit_directory, EXITS_MODE)

    def close(self, *, force: bool = False) -> None:
        """Give up the storage driver's home, unless layers are mounted; with *force* those are unmounted."""
        from libpod.errors import InvalidState

        if "store" in self.__dict__ or force:
            with contextlib.suppress(InvalidState, FileError):
                self.store.shutdown(force=force)


def _read_anew(record: R, lock: Lock, read_anew: Callable[[R], None]) -> None:
    try:
        read_anew(record)
    except (NoSuchObject, ContainerRemoved, PodRemoved):
        from libpod.locks.file import FileLock

        # Removed while we waited: its number is free, and taking the lock has taken it again.
        if isinstance(lock, FileLock):
            lock.discard_if_made()
        raise
