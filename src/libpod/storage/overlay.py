"""The overlay driver, on disk as containers/storage 1.43 has it.

::

    <graph root>/overlay/             driver home, 0700; bind mounted onto itself while a layer is mounted
    ├── l/<26 characters>             symlink to ../<layer>/diff, so that mount options stay short
    └── <layer>/                      0700
        ├── diff/                     what the layer changes; the mode of the parent's diff, else 0555
        ├── link                      the name in l/, without a newline
        ├── lower                     l/<parent>:l/<its parent>…, only with a parent, without a newline
        ├── empty/                    only without a parent: the lower directory of the mount
        ├── work/  merged/            for the kernel, and the mount point (gone while it is not mounted)
        └── mapped/0/                 the home with mapped IDs, while a container with ID maps is mounted

The bind mount of the home is not a detail: a program of containers/storage that finds the home not to be a
mount point binds it, and that hides every layer that was mounted below it. So the home is bound, and made
private, before the first layer is mounted, under `storage.lock`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from libpod.errors import CommandError, FileError, NotSupported
from libpod.host import files, linux, mounts, proc, tree
from libpod.storage.idmaps import NO_MAPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from libpod.storage.idmaps import IdMaps
    from libpod.storage.options import DriverOptions

LINK_LENGTH = 26
_LINK_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
DEFAULT_MODE = 0o555
DIRECTORY_MODE = 0o700
LINKS_MODE = 0o755
MAXIMUM_LOWERS = 128
# mount(2) copies one page of options. Longer ones are given relative to the home.
MAXIMUM_OPTIONS = os.sysconf("SC_PAGE_SIZE") - 1
MOUNT_PROGRAM_TIMEOUT = 60.0
FUSE_DEVICE = "/dev/fuse"
_MAPPING_ANSWER = "idmapped-lower-dir"


class OverlayDriver:
    """Layers as overlay mounts."""

    name = "overlay"

    def __init__(self, graph_root: str, run_root: str, options: DriverOptions) -> None:
        self.home = os.path.join(graph_root, self.name)
        self.run_home = os.path.join(run_root, self.name)
        self.options = options

    # ------------------------------------------------------------ layers

    def create(self, layer_id: str, parent_id: str | None, *, volatile: bool = False) -> None:
        """Make the directories of a layer; nothing stays behind when that fails."""
        files.make_directory(os.path.join(self.home, "l"), LINKS_MODE)
        self.remove(layer_id)
        try:
            self._create(layer_id, parent_id, durable=not volatile)
        except BaseException:
            self.remove(layer_id)
            raise

    def _create(self, layer_id: str, parent_id: str | None, *, durable: bool) -> None:
        directory = self._path(layer_id)
        files.make_directory(directory, DIRECTORY_MODE)
        self._create_difference(layer_id, parent_id)
        # The file first: by it whoever clears up after a crash finds the link.
        link = "".join(_LINK_LETTERS[byte % len(_LINK_LETTERS)] for byte in os.urandom(LINK_LENGTH))
        _write(os.path.join(directory, "link"), link, durable=durable)
        self._symlink(link, layer_id)
        for name in ("work", "merged"):
            files.make_directory(os.path.join(directory, name), DIRECTORY_MODE)
        if parent_id is None:
            files.make_directory(os.path.join(directory, "empty"), DIRECTORY_MODE)
        else:
            _write(os.path.join(directory, "lower"), self._lower_of_child(parent_id), durable=durable)

    def _create_difference(self, layer_id: str, parent_id: str | None) -> None:
        path = self.difference(layer_id)
        if parent_id is None:
            mode = DEFAULT_MODE if self.options.force_mask is None else self.options.force_mask
            files.make_directory(path, mode)
            return
        try:
            parent = os.stat(self.difference(parent_id))
            os.mkdir(path)
            os.chown(path, parent.st_uid, parent.st_gid)
            os.chmod(path, stat.S_IMODE(parent.st_mode))
        except OSError as error:
            raise FileError("make layer directory", path, error) from error

    def _symlink(self, link: str, layer_id: str) -> None:
        path = os.path.join(self.home, "l", link)
        try:
            os.symlink(f"../{layer_id}/diff", path)
        except OSError as error:
            raise FileError("make link", path, error) from error

    def _lower_of_child(self, parent_id: str) -> str:
        lowers = [f"l/{self._link(parent_id)}", *self._lowers(parent_id)]
        if len(lowers) > MAXIMUM_LOWERS:
            raise NotSupported(f"layer {parent_id} has {len(lowers)} layers; overlay takes {MAXIMUM_LOWERS}")
        return ":".join(lowers)

    def _link(self, layer_id: str) -> str:
        link = _read(os.path.join(self._path(layer_id), "link"))
        if len(link) != LINK_LENGTH:
            link = self._lost_link(layer_id)
        return link

    def _lost_link(self, layer_id: str) -> str:
        """After a power cut `link` may be empty; the symlink in l/ still tells the name."""
        links = os.path.join(self.home, "l")
        for name in os.listdir(links):
            with contextlib.suppress(OSError):
                if os.readlink(os.path.join(links, name)) == f"../{layer_id}/diff":
                    return name
        cause = OSError(
            errno.ENODATA, "the file is empty or missing, and no link in overlay/l names the layer"
        )
        raise FileError("read", os.path.join(self._path(layer_id), "link"), cause)

    def _lowers(self, layer_id: str) -> list[str]:
        path = os.path.join(self._path(layer_id), "lower")
        text = _read(path, missing="")
        if not text and os.path.exists(path):
            # What a power cut leaves of a file that was not flushed. Without its lower layers it would be
            # another container, with an empty root.
            raise FileError("read", path, OSError(errno.ENODATA, "the file is empty"))
        return [part for part in text.split(":") if part]

    def remove(self, layer_id: str) -> None:
        """Remove the directory of a layer and its link."""
        # Left mounted by a crash, it would be the whole home that is removed below it.
        mounts.unmount_if_mounted(self._mapped_home(layer_id))
        link = _read(os.path.join(self._path(layer_id), "link"), missing="")
        if len(link) == LINK_LENGTH and "/" not in link:
            files.remove_file(os.path.join(self.home, "l", link))
        path = self._path(layer_id)
        if not os.path.lexists(path):
            return
        try:
            tree.delete(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError("remove layer", path, error) from error

    def exists(self, layer_id: str) -> bool:
        """Whether the layer has a directory."""
        return os.path.isdir(self._path(layer_id))

    def difference(self, layer_id: str) -> str:
        """The upper directory of the layer."""
        return os.path.join(self._path(layer_id), "diff")

    # ------------------------------------------------------------ mounts

    def mount_point(self, layer_id: str) -> str:
        """`<layer>/merged`."""
        return os.path.join(self._path(layer_id), "merged")

    def is_mounted(self, layer_id: str) -> bool:
        """Whether something is mounted at the mount point."""
        return mounts.is_mount_point(self.mount_point(layer_id))

    def can_map_ids(self) -> bool:
        """Whether this kernel takes lower directories with mapped IDs, tried once for each boot.

        The answer is kept where containers/storage keeps its own.
        """
        if self.options.mount_program:
            return False
        answers = {
            True: os.path.join(self.run_home, f"{_MAPPING_ANSWER}-true"),
            False: os.path.join(self.run_home, f"{_MAPPING_ANSWER}-false"),
        }
        for answer, path in answers.items():
            if os.path.exists(path):
                return answer
        answer = self._try_mapping()
        files.make_directory(self.run_home, DIRECTORY_MODE)
        files.write_atomic(answers[answer], b"", mode=0o600, sync=False, sync_dir=False)
        return answer

    def _try_mapping(self) -> bool:
        import tempfile

        files.make_directory(self.home, DIRECTORY_MODE)
        with tempfile.TemporaryDirectory(prefix="compat", dir=self.home) as room:
            for name in ("lower", "mapped", "upper", "work", "merged"):
                os.mkdir(os.path.join(room, name))
            data = f"lowerdir={room}/mapped,upperdir={room}/upper,workdir={room}/work"
            try:
                with mounts.id_mapped(f"{room}/lower", f"{room}/mapped", [(0, 1, 1)], [(0, 1, 1)]):
                    linux.mount("overlay", f"{room}/merged", "overlay", 0, data)
                    mounts.unmount_if_mounted(f"{room}/merged")
            except FileError:
                return False
        return True

    def mount(
        self,
        layer_id: str,
        *,
        options: Sequence[str] = (),
        read_only: bool = False,
        volatile: bool = False,
        id_maps: IdMaps = NO_MAPS,
    ) -> str:
        """Mount the layer over its parents. *read_only* needs no work directory and leaves none behind."""
        self._bind_home()
        target = self.mount_point(layer_id)
        files.make_directory(target, DIRECTORY_MODE)
        wanted = [option for option in (tuple(options) or self.options.mount_options) if option != "ro"]
        if not self.options.mount_program and proc.in_user_namespace():
            # A user may not set the attributes of trusted.*, in which overlay keeps its notes otherwise.
            wanted.append("userxattr")
        if volatile and not read_only:
            wanted.append("volatile")
            self._forget_volatile(layer_id)
        self._restore_links(layer_id)
        try:
            with self._home_for(layer_id, id_maps) as home:
                self._mount(layer_id, target, wanted, home, read_only=read_only)
        except BaseException:
            with contextlib.suppress(OSError):
                os.rmdir(target)
            raise
        return target

    @contextlib.contextmanager
    def _home_for(self, layer_id: str, id_maps: IdMaps) -> Iterator[str]:
        """The directory with the links to the lower directories: the home, or the home with mapped IDs."""
        if not id_maps:
            yield self.home
            return
        if self.options.mount_program:
            raise NotSupported(f"{self.options.mount_program} cannot mount a layer with mapped IDs")
        # The layer's own directory is the root of the mount, and not mapped: it has IDs of the host.
        difference = self.difference(layer_id)
        try:
            os.chown(difference, *id_maps.owner())
        except OSError as error:
            raise FileError("change owner of", difference, error) from error
        target = self._mapped_home(layer_id)
        files.make_directory(os.path.dirname(target), DIRECTORY_MODE)
        files.make_directory(target, DIRECTORY_MODE)
        with mounts.id_mapped(self.home, target, id_maps.uids, id_maps.gids):
            yield target

    def _mapped_home(self, layer_id: str) -> str:
        return os.path.join(self._path(layer_id), "mapped", "0")

    def _mount(
        self, layer_id: str, target: str, wanted: Sequence[str], home: str, *, read_only: bool
    ) -> None:
        """Mount with the lower directories in *home*. Too many of them are named relative to it."""
        mount_flags, rest = mounts.split_options(wanted)
        own = self._path(layer_id)
        data = ",".join([self._directories(layer_id, home + "/", own, read_only=read_only), *rest])
        if self.options.mount_program:
            self._run_mount_program(data, target)
            return
        if read_only:
            mount_flags |= linux.MS_RDONLY
        if len(data) <= MAXIMUM_OPTIONS:
            linux.mount("overlay", target, "overlay", mount_flags, data)
            return
        data = ",".join(
            [self._directories(layer_id, "", os.path.relpath(own, home), read_only=read_only), *rest]
        )
        if len(data) > MAXIMUM_OPTIONS:
            raise NotSupported(f"layer {layer_id} has too many layers below it for one mount")
        mounts.mount_relative(home, "overlay", os.path.relpath(target, home), "overlay", mount_flags, data)

    def _directories(self, layer_id: str, prefix: str, own: str, *, read_only: bool) -> str:
        """The directories of a mount: the lower ones begin with *prefix*, the others are in *own*."""
        lowers = [prefix + lower for lower in self._lowers(layer_id)] or [f"{own}/empty"]
        if read_only:
            return "lowerdir=" + ":".join([f"{own}/diff", *lowers])
        return f"lowerdir={':'.join(lowers)},upperdir={own}/diff,workdir={own}/work"

    def _run_mount_program(self, data: str, target: str) -> None:
        from libpod.host import process

        program = self.options.mount_program
        try:
            process.run([program, "-o", data, target], timeout=MOUNT_PROGRAM_TIMEOUT)
        except CommandError as error:
            if not os.access(program, os.X_OK):
                error.hint = f"install {program}, or take mount_program out of storage.conf"
            elif not os.access(FUSE_DEVICE, os.R_OK | os.W_OK):
                error.hint = (
                    f"{FUSE_DEVICE} must be there, for everybody: modprobe fuse; chmod 0666 {FUSE_DEVICE}"
                )
            raise

    def _restore_links(self, layer_id: str) -> None:
        """Put back symlinks that a power cut has lost: `lower` names links, each layer's `link` its own."""
        lowers = self._lowers(layer_id)
        lost = {lower for lower in lowers if not os.path.lexists(os.path.join(self.home, lower))}
        if not lost:
            return
        for name in os.listdir(self.home):
            link = _read(os.path.join(self.home, name, "link"), missing="")
            if f"l/{link}" in lost:
                self._symlink(link, name)

    def _forget_volatile(self, layer_id: str) -> None:
        """The kernel refuses to mount a volatile layer again until this mark of it is gone."""
        mark = os.path.join(self._path(layer_id), "work/work/incompat/volatile")
        if os.path.isdir(mark):
            with contextlib.suppress(OSError):
                tree.delete(mark)

    def unmount(self, layer_id: str) -> None:
        """Detach the mount, and remove the mount point as containers/storage does."""
        target = self.mount_point(layer_id)
        mounts.unmount_if_mounted(target)
        with contextlib.suppress(OSError):
            os.rmdir(target)

    def _bind_home(self) -> None:
        if self.options.skip_mount_home or mounts.is_mount_point(self.home):
            return
        linux.mount(self.home, self.home, "", linux.MS_BIND, "")
        linux.mount("", self.home, "", linux.MS_PRIVATE, "")

    def release(self) -> None:
        """Detach the bind mount of the home."""
        if not self.options.skip_mount_home and mounts.is_mount_point(self.home):
            mounts.unmount_if_mounted(self.home)

    def status(self) -> list[tuple[str, str]]:
        """The facts that `podman info` shows and that can be told without a trial mount."""
        return [
            ("Backing Filesystem", mounts.filesystem_type(self.home)),
            ("Using metacopy", "true" if "metacopy=on" in self.options.mount_options else "false"),
        ]

    def _path(self, layer_id: str) -> str:
        return os.path.join(self.home, layer_id)


def _write(path: str, text: str, *, durable: bool) -> None:
    files.write_atomic(path, text.encode(), mode=0o644, sync=durable, sync_dir=False)


def _read(path: str, *, missing: str | None = None) -> str:
    try:
        return files.read_text(path)
    except FileError as error:
        if missing is not None and error.errno in (errno.ENOENT, errno.ENOTDIR):
            return missing
        if error.errno == errno.ENOENT:
            return ""
        raise
