"""A runtime for the verbs that change something, and one operation on many containers."""

from __future__ import annotations

import os
import sys

import libpod
from libpod.cli import codes, output, stores
from libpod.cli import options as global_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from libpod.config.runtime import RuntimeConfig
    from libpod.containers.container import Container
    from libpod.errors import LibpodError
    from libpod.runtime import Runtime


def open_runtime(options: Namespace) -> Runtime:
    """The runtime that the global flags name, opened; a context manager."""
    from libpod.config.runtime import RuntimeConfig
    from libpod.runtime import Runtime

    settings = stores.collect(options)
    stores.enter_namespace(settings, quiet=not global_options.wants_warnings(options))
    config = RuntimeConfig.from_settings(settings)
    warn = output.warning if global_options.wants_warnings(options) else _silent
    file = global_options.config_file(options)
    runtime = Runtime(
        config, on_wait=output.message, warn=warn, exit_command=lambda used: exit_command(used, file)
    )
    runtime.open()
    return runtime


def _silent(_text: str) -> None:
    return


def exit_command(config: RuntimeConfig, config_file: str | None = None) -> list[str]:
    """What conmon runs when a container has ended: this program, on this very store.

    *config_file* is what `--config` named.
    """
    # The file and not `-m libpod`: to find a module to run, Python loads more than half of the command needs.
    words = [sys.executable, "-P", os.path.join(libpod.__path__[0], "__main__.py")]
    words += ["--root", config.graph_root, "--runroot", config.run_root]
    words += ["--tmpdir", config.tmp_dir, "--cgroup-manager", config.cgroup_manager]
    words += ["--runtime", config.find_runtime(), "--conmon", config.find_conmon(), "--log-level", "error"]
    if config_file is not None:
        words += ["--config", os.path.abspath(config_file)]
    if config.database_kind:
        words += ["--db-backend", config.database_kind]
    if config.graph_driver_name:
        words += ["--storage-driver", config.graph_driver_name]
    if config.user_set("cni_config_dirs"):
        words += ["--cni-config-dir", config.cni_config_dir]
    if config.user_set("events_logger"):
        words += ["--events-backend", config.events_logger]
    for option in config.graph_driver_options:
        words += ["--storage-opt", option]
    return words


def for_each(
    runtime: Runtime,
    containers: Sequence[str],
    act: Callable[[Container], None],
    *,
    echo: bool = True,
    may_be_gone: bool = False,
    status_of: Callable[[LibpodError], int] = lambda _error: codes.FAILED,
) -> int:
    """Do something with each container, printing each name that it was done with.

    An error of one does not keep the others from their turn; the exit status is that of the worst, by
    *status_of*. With *may_be_gone*, one that somebody else removes meanwhile, or that removes itself, is as
    good as done.
    """
    from libpod.errors import LibpodError

    status = codes.DONE
    for name in containers:
        try:
            act(runtime.container(name))
        except LibpodError as error:
            if not may_be_gone or exists(runtime, name):
                output.error(error)
                status = max(status, status_of(error))
                continue
        if echo:
            output.data(name)
    return status


def exists(runtime: Runtime, name: str) -> bool:
    """Whether there is a container of this name or ID, or beginning of one."""
    from libpod.errors import NoSuchContainer

    try:
        runtime.state.lookup_container_id(name)
    except NoSuchContainer:
        return False
    return True
