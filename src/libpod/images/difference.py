"""What a container has changed, as the tar of a layer.

Removed names become `.wh.NAME`, and a directory that was replaced whole has a member `.wh..wh..opq` (the OCI
image specification, "Changesets"). On disk, the overlay file system keeps the first as a character device 0:0
and the second as the extended attribute `trusted.overlay.opaque`; fuse-overlayfs has files of those very
names as well, or instead. In a vfs store both trees are compared.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile

from libpod.errors import FileError, InvalidState, NotSupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from libpod.storage.store import Store

WHITEOUT: Final = ".wh."
OPAQUE: Final = ".wh..wh..opq"
_OPAQUE_ATTRIBUTES: Final = ("trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque")
_REDIRECT: Final = "trusted.overlay.redirect"
_ATTRIBUTES: Final = ("user.", "security.capability")
# Notes of the file system, not of who uses it.
_NOTES: Final = ("user.overlay.", "user.fuseoverlayfs.")
_TYPES: Final = {
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}
_PAX_ATTRIBUTE: Final = "SCHILY.xattr."


def write_tar(store: Store, container_id: str, target: str) -> None:
    """Write what the container's layer changes to the file *target*. FileError, NotSupported."""
    layer_id = store.container(container_id).layer_id
    upper = store.driver.difference(layer_id)
    parent = next((layer.parent for layer in store.layers() if layer.id == layer_id), "")
    lower = store.driver.difference(parent) if store.driver.name == "vfs" and parent else ""
    try:
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
            _Writer(archive, upper, lower).write()
    except OSError as error:
        if error.errno is None:
            # tarfile's own, for a file that has become shorter.
            raise InvalidState(
                f"container {container_id[:12]} changes while it is read: {error}",
                hint="let it stand still: --pause",
            ) from error
        raise FileError("read layer", error.filename or upper, error) from error


class _Writer:
    """Writes one tree; *lower* is the tree below it, where both are whole."""

    def __init__(self, archive: tarfile.TarFile, upper: str, lower: str) -> None:
        self._archive = archive
        self._upper = upper
        self._lower = lower
        self._written: dict[tuple[int, int], str] = {}

    def write(self) -> None:
        # A container can make trees that are deeper than Python's stack.
        levels = [self._directory("")]
        while levels:
            inner = next(levels[-1], None)
            if inner is None:
                levels.pop()
            else:
                levels.append(self._directory(inner))

    def _directory(self, path: str) -> Iterator[str]:
        """Write what is in the directory *path*, in the order of names: the same tree gives the same tar.

        Gives each directory in it when that is next.
        """
        where = os.path.join(self._upper, path)
        for name in sorted(_listed(where)):
            inner = os.path.join(path, name)
            try:
                about = os.lstat(os.path.join(self._upper, inner))
            except FileNotFoundError:
                # The container runs, and has removed it.
                continue
            if name.startswith(WHITEOUT) and not self._lower:
                if name != OPAQUE:
                    self._mark(inner, about)
                continue
            if stat.S_ISCHR(about.st_mode) and about.st_rdev == 0 and not self._lower:
                self._mark(os.path.join(path, WHITEOUT + name), about)
                continue
            if not self._lower or self._differs(inner, about):
                self._member(inner, about)
            if stat.S_ISDIR(about.st_mode):
                yield inner
        if self._lower:
            self._removed(path)

    def _member(self, path: str, about: os.stat_result) -> None:
        if stat.S_ISSOCK(about.st_mode):
            # A tar has no form for a socket, and it would mean nothing without its process.
            return
        full = os.path.join(self._upper, path)
        attributes = _attributes(full)
        if _REDIRECT in attributes:
            raise NotSupported(f"{full}: the directory was renamed by the overlay file system (redirect_dir)")
        member = self._describe(path, full, about)
        member.pax_headers = {
            _PAX_ATTRIBUTE + name: value.decode("utf-8", "surrogateescape")
            for name, value in attributes.items()
            if name.startswith(_ATTRIBUTES) and not name.startswith(_NOTES)
        }
        if member.isreg():
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                with open(descriptor, "rb") as file:
                    self._archive.addfile(member, file)
        else:
            self._archive.addfile(member)
        if stat.S_ISDIR(about.st_mode) and self._is_opaque(full, attributes):
            self._mark(os.path.join(path, OPAQUE), about)

    def _is_opaque(self, full: str, attributes: dict[str, bytes]) -> bool:
        marked = not self._lower and os.path.lexists(os.path.join(full, OPAQUE))
        return marked or any(attributes.get(name) == b"y" for name in _OPAQUE_ATTRIBUTES)

    def _describe(self, path: str, full: str, about: os.stat_result) -> tarfile.TarInfo:
        member = tarfile.TarInfo(path + ("/" if stat.S_ISDIR(about.st_mode) else ""))
        member.mode, member.uid, member.gid = stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid
        member.mtime = about.st_mtime_ns // 10**9
        member.type = _TYPES.get(stat.S_IFMT(about.st_mode), tarfile.REGTYPE)
        if stat.S_ISCHR(about.st_mode) or stat.S_ISBLK(about.st_mode):
            member.devmajor, member.devminor = os.major(about.st_rdev), os.minor(about.st_rdev)
        elif stat.S_ISLNK(about.st_mode):
            member.linkname = os.readlink(full)
        elif stat.S_ISREG(about.st_mode):
            self._regular(member, path, about)
        return member

    def _regular(self, member: tarfile.TarInfo, path: str, about: os.stat_result) -> None:
        """A file; the second name of one is a link to the first."""
        first = self._written.setdefault((about.st_dev, about.st_ino), path)
        if about.st_nlink > 1 and first != path:
            member.type, member.linkname = tarfile.LNKTYPE, first
        else:
            member.size = about.st_size

    def _mark(self, path: str, about: os.stat_result) -> None:
        member = tarfile.TarInfo(path)
        member.mode, member.mtime = 0o600, about.st_mtime_ns // 10**9
        self._archive.addfile(member, io.BytesIO())

    # ------------------------------------------------------------ two whole trees

    def _differs(self, path: str, about: os.stat_result) -> bool:
        try:
            old = os.lstat(os.path.join(self._lower, path))
        except (FileNotFoundError, NotADirectoryError):
            return True
        keys = ["st_mode", "st_uid", "st_gid", "st_rdev"]
        if not stat.S_ISDIR(about.st_mode):
            keys += ["st_size", "st_mtime_ns"]
        return any(getattr(old, key) != getattr(about, key) for key in keys)

    def _removed(self, path: str) -> None:
        lower = os.path.join(self._lower, path)
        if not os.path.isdir(lower) or os.path.islink(lower):
            return
        for name in sorted(set(os.listdir(lower)) - set(os.listdir(os.path.join(self._upper, path)))):
            self._mark(os.path.join(path, WHITEOUT + name), os.lstat(os.path.join(lower, name)))


def _listed(path: str) -> list[str]:
    """The names in a directory; none in one that a running container has removed."""
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _attributes(path: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with contextlib.suppress(OSError):
        for name in os.listxattr(path, follow_symlinks=False):
            found[name] = os.getxattr(path, name, follow_symlinks=False)
    return found
