"""The per-boot files of a store: made where they are missing, removed where they are left over.

For each container::

    <run_root>/<driver>-containers/<id>/userdata/     0700, made; pidfile and conmon.pid of another boot
    removed <bundle>/attach, ctl, winsz, oom                  removed: what conmon left
    <tmp_dir>/exits/<id>                              removed: it would end the next run at once
    <tmp_dir>/persist/<id>/, <tmp_dir>/socket/<id>    removed
    <tmp_dir>/containers-root/<id>/                   0755, of the mapped root user, with ID maps only

and for the store `<tmp_dir>/exits/` (0750). The same calls are made for a dry run, which only notes what they
would do.
"""

from __future__ import annotations

import errno
import os
import stat

from libpod.boot import probe
from libpod.errors import FileError, InvalidState
from libpod.host import files, proc
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Final

RUN_MODE: Final = 0o700
EXITS: Final = "exits"
EXITS_MODE: Final = 0o750
PERSIST: Final = "persist"
PERSIST_MODE: Final = 0o750
SOCKETS: Final = "socket"
USER_ROOTS: Final = "containers-root"
USER_ROOT_MODE: Final = 0o755
PAUSE_FILE: Final = "pause.pid"
USER_DATA: Final = "userdata"

_LEFTOVERS: Final = ("attach", "winsz", "oom")
_PID_FILES: Final = ("pidfile", "conmon.pid")
_PAUSE_PROGRAMS: Final = ("catatonit", "podman", "podman pause")
EXIT_CODE_UNKNOWN: Final = b"-1"
"""What Podman stores for a container whose exit nobody saw."""

# These are about the whole file system: no single object is to blame, and nothing more is tried.
_SYSTEMIC: Final = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
)


class ContainerFiles(NamedTuple):
    """What is needed to put the files of one container right."""

    id: str
    name: str
    bundle: str
    run_directory: str
    owner: tuple[int, int] | None
    """User and group ID of the container's root on the host, with ID maps."""


def is_systemic(error: FileError) -> bool:
    """Whether the whole file system is in trouble, and not this one file."""
    return error.errno in _SYSTEMIC


class _Trouble:
    """Keeps the first FileError of several steps, none of which waits for another."""

    def __init__(self) -> None:
        self.first: FileError | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, FileError) or is_systemic(error):
            return False
        self.first = self.first or error
        return True


class Directories:
    """Puts the files of one store right; *did* is told each change, in words."""

    def __init__(self, tmp_dir: str, *, dry_run: bool, did: Callable[[str], None]) -> None:
        self.tmp_dir = tmp_dir
        self._dry_run = dry_run
        self._did = did
        self._exits = self._listed(EXITS)
        self._persist = self._listed(PERSIST)
        self._sockets = self._listed(SOCKETS)

    def _listed(self, name: str) -> frozenset[str]:
        """What is in a directory of ours."""
        try:
            return frozenset(files.list_directory(os.path.join(self.tmp_dir, name)))
        except FileError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return frozenset()
            raise

    # ------------------------------------------------------------ the store

    def prepare(self, containers: Iterable[ContainerFiles]) -> None:
        """Make what no single container has to itself. FileError, which is about all of them."""
        self.make_directory(os.path.join(self.tmp_dir, EXITS), EXITS_MODE)
        for shelf in sorted({_shelf(container.run_directory) for container in containers}):
            self.make_directory(shelf, RUN_MODE)

    def remove_stale_pause_file(self) -> None:
        """Remove the note of the process that holds a user's namespaces, when that process is gone."""
        path = os.path.join(self.tmp_dir, PAUSE_FILE)
        if not os.path.lexists(path):
            return
        try:
            text = files.read_bytes(path, limit=64)
        except FileError:
            # No file with a number in it, so it names no process either.
            text = b""
        arguments = proc.command_line(int(text)) if text.strip().isdigit() else []
        if not arguments or os.path.basename(arguments[0]) not in _PAUSE_PROGRAMS:
            self._remove_tree(path)

    # ------------------------------------------------------------ a container that is gone

    def container(self, container: ContainerFiles) -> None:
        """Make and remove what a container that does not run needs made and removed.

        Raises InvalidState, and removes nothing, when its conmon is there after all; FileError, the first
        one, after everything else is done.
        """
        trouble = _Trouble()
        with trouble:
            self._remove_control_pipe(container)
        for name in _LEFTOVERS:
            with trouble:
                self._remove(f"{container.bundle}/{name}")
        with trouble:
            if not self._run_directory(container.run_directory):
                for name in _PID_FILES:
                    self._remove(f"{container.run_directory}/{name}")
        with trouble:
            self._remove_last_run(container.id)
        with trouble:
            if container.owner is not None:
                self._user_root(container.id, container.owner)
        if trouble.first is not None:
            raise trouble.first

    def forget(self, container: ContainerFiles) -> None:
        """Remove what a container that is being removed has in the runtime directory. FileError."""
        self._remove_last_run(container.id)
        if container.owner is not None and os.path.lexists(self.user_root(container.id)):
            self._remove_tree(self.user_root(container.id))

    def _remove_last_run(self, identifier: str) -> None:
        if identifier in self._exits:
            self._remove_tree(f"{self.tmp_dir}/{EXITS}/{identifier}")
        if identifier in self._persist:
            self._remove_tree(f"{self.tmp_dir}/{PERSIST}/{identifier}")
        if identifier in self._sockets:
            self._remove_tree(f"{self.tmp_dir}/{SOCKETS}/{identifier}")

    def _remove_control_pipe(self, container: ContainerFiles) -> None:
        path = f"{container.bundle}/{probe.CONTROL_PIPE}"
        if files.has_reader(path):
            raise InvalidState(
                f"a conmon still reads from {path}", hint=f"see which process it is: fuser {path}"
            )
        self._remove(path)

    def _run_directory(self, path: str) -> bool:
        """Make the directory of a container in the run root; whether there was none."""
        if self._dry_run:
            return self.make_directory(path, RUN_MODE)
        return self._make_two(os.path.dirname(path), path)

    def _make_two(self, outer: str, inner: str) -> bool:
        """The two directories of a container, in as few calls as there can be; False if both were there."""
        try:
            os.mkdir(outer, RUN_MODE)
            os.mkdir(inner, RUN_MODE)
        except FileExistsError:
            return self.make_directory(inner, RUN_MODE)
        except OSError as error:
            raise FileError("make directory", inner, error) from error
        self._did(f"make directory {inner}")
        return True

    def _user_root(self, identifier: str, owner: tuple[int, int]) -> None:
        self._open_to_all(self.tmp_dir)
        path = self.user_root(identifier)
        if self.make_directory(path, USER_ROOT_MODE) and not self._dry_run:
            try:
                os.chown(path, *owner, follow_symlinks=False)
            except OSError as error:
                raise FileError("change owner of", path, error) from error

    def user_root(self, identifier: str) -> str:
        """Where a container with ID maps has its own root directory."""
        return f"{self.tmp_dir}/{USER_ROOTS}/{identifier}"

    def _open_to_all(self, path: str) -> None:
        """Let every user pass through *path*, as users of a container with ID maps have to."""
        try:
            mode = stat.S_IMODE(os.stat(path).st_mode)
            if mode & 0o111 == 0o111:
                return
            if not self._dry_run:
                os.chmod(path, mode | 0o111)
        except OSError as error:
            raise FileError("change mode of", path, error) from error
        self._did(f"change mode of {path} to {mode | 0o111:04o}")

    # ------------------------------------------------------------ a container that lives, or died unseen

    def keep(self, container: ContainerFiles) -> None:
        """Make what any container needs, and remove nothing: it may live. FileError."""
        self._run_directory(container.run_directory)
        if container.owner is not None:
            self._user_root(container.id, container.owner)

    def adopt(self, identifier: str, *, persists: bool) -> None:
        """Make what the conmon of a live container writes into when the container ends."""
        if persists:
            self.make_directory(f"{self.tmp_dir}/{PERSIST}", PERSIST_MODE)
            self.make_directory(f"{self.tmp_dir}/{PERSIST}/{identifier}", PERSIST_MODE)

    def note_exit(self, identifier: str) -> None:
        """Write the exit file that a killed conmon owes: the next to look at the container sees it ended."""
        if identifier in self._exits:
            return
        path = f"{self.tmp_dir}/{EXITS}/{identifier}"
        if not self._dry_run:
            files.write_atomic(path, EXIT_CODE_UNKNOWN, mode=0o644, sync=False, sync_dir=False)
        self._did(f"write {path}")

    # ------------------------------------------------------------ single steps

    def make_directory(self, path: str, mode: int) -> bool:
        """Make a directory where there is none; whether there was none."""
        if self._dry_run:
            is_new = not os.path.lexists(path)
            if not is_new and not os.path.isdir(path):
                in_the_way = NotADirectoryError(errno.ENOTDIR, "a file is in its place")
                raise FileError("make directory", path, in_the_way)
        else:
            is_new = files.make_directory(path, mode)
        if is_new:
            self._did(f"make directory {path}")
        return is_new

    def _remove(self, path: str) -> None:
        if self._dry_run:
            found = os.path.lexists(path)
        else:
            try:
                os.unlink(path)
                found = True
            except (FileNotFoundError, NotADirectoryError):
                return
            except OSError as error:
                raise FileError("remove", path, error) from error
        if found:
            self._did(f"remove {path}")

    def _remove_tree(self, path: str) -> None:
        import shutil

        if not self._dry_run:
            try:
                if stat.S_ISDIR(os.lstat(path).st_mode):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
            except FileNotFoundError:
                return
            except OSError as error:
                raise FileError("remove", path, error) from error
        self._did(f"remove {path}")


def remove_half_written(
    places: Mapping[str, tuple[str, ...]], *, dry_run: bool, did: Callable[[str], None]
) -> None:
    """Remove temporary files of `files.write_atomic`; *places* has the beginnings of names, by directory."""
    for directory, names in places.items():
        marks = tuple(f".tmp-{name}" for name in names)
        for entry in _entries(directory):
            if entry.startswith(marks):
                path = os.path.join(directory, entry)
                if not dry_run:
                    files.remove_file(path)
                did(f"remove {path}")


def _entries(directory: str) -> list[str]:
    try:
        return files.list_directory(directory)
    except FileError as error:
        if error.errno == errno.ENOENT:
            return []
        raise


def _shelf(run_directory: str) -> str:
    """What holds the directories of all containers in the run root."""
    return os.path.dirname(os.path.dirname(run_directory))
