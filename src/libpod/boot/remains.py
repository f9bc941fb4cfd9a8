"""What containers leave in the kernel and with the OCI runtime when they die while the system runs on.

A reboot takes all of this away. But where all containers of a store died in a boot that goes on, or where
/run is on a disk, the OCI runtime would refuse to make a container again that it still knows, and a file
system that is mounted would be counted as mounted for ever. Only what provably has no process is touched:
the runtime is asked without force, and refuses for a container that runs.
"""

from __future__ import annotations

import errno
import os

from libpod.errors import DecodeError, FileError, InvalidArgument, InvalidState, LibpodError, LockTimeout
from libpod.host import files, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from libpod.boot.directories import ContainerFiles
    from libpod.boot.probe import Watched
    from libpod.boot.report import Report
    from libpod.config.runtime import RuntimeConfig

RUNTIMES: Final = ("runc", "crun")


class Remains:
    """Clears away what the containers of one store have left; *write* unset only tells the *report*."""

    def __init__(self, config: RuntimeConfig, report: Report, *, write: bool) -> None:
        self._config = config
        self._report = report
        self._write = write

    # ------------------------------------------------------------ mounts

    def unmount(self, died: Iterable[Watched]) -> None:
        """Give up the root file systems of containers that died in this boot."""
        mounted = proc.mount_points()
        for container in died:
            try:
                if container.mount_point in mounted:
                    self._unmount_root(container)
            except (DecodeError, FileError, InvalidState, LockTimeout) as error:
                self._report.warn(f"container {container.name}: {error.message}")

    def _unmount_root(self, container: Watched) -> None:
        from libpod.storage.store import Store

        config = self._config
        if self._write:
            store = Store(
                config.graph_root, config.run_root, config.graph_driver_name, config.graph_driver_options
            )
            store.unmount(container.id)
        self._report.did(f"unmount {container.mount_point}")

    # ------------------------------------------------------------ the OCI runtime

    def forget(self, containers: Iterable[ContainerFiles]) -> dict[str, LibpodError]:
        """Let the OCI runtimes forget containers that they still know; the error of each that they keep."""
        errors: dict[str, LibpodError] = {}
        known = {container.id: container for container in containers}
        for runtime in RUNTIMES:
            for identifier in sorted(_entries(self._runtime_directory(runtime)) & known.keys()):
                try:
                    self._forget(runtime, identifier)
                except LibpodError as error:
                    errors[identifier] = error
        return errors

    def _forget(self, runtime: str, identifier: str) -> None:
        from libpod.oci.runc import Runc

        if self._write:
            Runc(self._find(runtime)).delete(identifier)
        self._report.did(f"remove {self._runtime_directory(runtime)}/{identifier}")

    def _find(self, runtime: str) -> str:
        for path in (*self._config.runtimes.get(runtime, ()), *self._config.runtime_candidates()):
            if os.path.basename(path) == runtime and os.access(path, os.X_OK):
                return path
        raise InvalidArgument(f"{runtime} still knows the container, and is not installed any more")

    def _runtime_directory(self, runtime: str) -> str:
        return f"{self._config.runtime_dir or '/run'}/{runtime}"


def _entries(directory: str) -> set[str]:
    try:
        return set(files.list_directory(directory))
    except FileError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM):
            return set()
        raise
