"""Trees of files as tar streams, out of a root directory and into one, without ever leaving it.

A container may change its files while we read and write them, and what it makes may lie: every name is opened
from the descriptor of its directory, links are never followed where a member is made, and directories are
found as the kernel resolves them inside the root (`libpod.host.rooted`).
"""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile

from libpod.errors import FileError, InvalidArgument
from libpod.host import rooted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Final, Self

    Owner = tuple[int, int]

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_TYPES: Final = {
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFREG: tarfile.REGTYPE,
}
_KINDS: Final = {kind: mode for mode, kind in _TYPES.items()}
_PAX_ATTRIBUTE: Final = "SCHILY.xattr."
_KEPT_ATTRIBUTES: Final = ("user.", "security.capability")
_CHUNK: Final = 1 << 20


# ---------------------------------------------------------------- out


def pack(archive: tarfile.TarFile, directory: int, names: list[str], prefix: str = "") -> None:
    """Add the entries *names* of the open *directory* and all below them, as *prefix* + name.

    Owners are numbers. Sockets have no form in a tar and are left out, and so is what vanishes meanwhile.
    FileError for what cannot be read.
    """
    _Packer(archive).entries(directory, names, prefix)


class _Packer:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._written: dict[tuple[int, int], str] = {}

    def entries(self, directory: int, names: list[str], prefix: str) -> None:
        """Write what has these *names* in the open *directory*, and all below it.

        A container can make trees that are deeper than Python's stack.
        """
        levels = [(directory, iter(sorted(names)), prefix)]
        try:
            while levels:
                descriptor, left, above = levels[-1]
                name = next(left, None)
                if name is not None:
                    inner = self._named_entry(descriptor, name, above + name)
                    if inner is not None:
                        levels.append((inner, iter(_names(inner)), f"{above}{name}/"))
                    continue
                levels.pop()
                if levels:
                    os.close(descriptor)
        finally:
            for descriptor, _left, _above in levels[1:]:
                os.close(descriptor)

    def _named_entry(self, directory: int, name: str, path: str) -> int | None:
        """As `_entry`, with the path in errors; None for what is gone meanwhile."""
        try:
            return self._entry(directory, name, path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError("read", path, error) from error

    def _entry(self, directory: int, name: str, path: str) -> int | None:
        """Write one entry; the descriptor of a directory whose entries are next."""
        about = os.stat(name, dir_fd=directory, follow_symlinks=False)
        kind = _TYPES.get(stat.S_IFMT(about.st_mode))
        if kind is None:
            return None
        member = tarfile.TarInfo(path)
        member.type, member.mode = kind, stat.S_IMODE(about.st_mode)
        member.uid, member.gid, member.mtime = about.st_uid, about.st_gid, about.st_mtime_ns // 10**9
        if kind == tarfile.REGTYPE:
            self._file(directory, name, member)
            return None
        if kind == tarfile.SYMTYPE:
            member.linkname = os.readlink(name, dir_fd=directory)
        elif kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
            member.devmajor, member.devminor = os.major(about.st_rdev), os.minor(about.st_rdev)
        if kind != tarfile.DIRTYPE:
            self._archive.addfile(member)
            return None
        inner = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            member.pax_headers = _attributes(inner)
            self._archive.addfile(member)
        except BaseException:
            os.close(inner)
            raise
        return inner

    def _file(self, directory: int, name: str, member: tarfile.TarInfo) -> None:
        with open(os.open(name, _FILE, dir_fd=directory), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                return
            first = self._written.setdefault((about.st_dev, about.st_ino), member.name)
            if first != member.name:
                member.type, member.linkname = tarfile.LNKTYPE, first
                self._archive.addfile(member)
                return
            member.pax_headers = _attributes(file.fileno())
            member.size = about.st_size
            self._archive.addfile(member, _Exactly(file, member.size))  # type: ignore[arg-type]


def _names(descriptor: int) -> list[str]:
    try:
        return sorted(os.listdir(descriptor))
    except FileNotFoundError:
        # Removed since it was opened.
        return []


class _Exactly:
    """Reads just *size* bytes of a file that may grow or shrink meanwhile: the member's head is written."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        """The next bytes, zeros where the file has become shorter."""
        size = min(size, self._left)
        data = self._file.read(size)
        self._left -= size
        return data.ljust(size, b"\0")


def _attributes(descriptor: int) -> dict[str, str]:
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for name in os.listxattr(descriptor):
            if name.startswith(_KEPT_ATTRIBUTES):
                value = os.getxattr(descriptor, name)
                found[_PAX_ATTRIBUTE + name] = value.decode("utf-8", "surrogateescape")
    return found


# ---------------------------------------------------------------- in


class Member(tarfile.TarInfo):
    """A member of a tar that is read, for the argument *tarinfo* of `tarfile.open`.

    A head that is damaged or cut off is an error: tarfile takes any but the first for the end of the archive.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """The next one. Raises tarfile.TarError."""
        try:
            return super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from error


class Unpacking:
    """How members are made: their *owner* if not their own, and whether a directory may replace a file, and
    the other way round (*overwrite*). *rename* gives the path of a member.
    """

    def __init__(
        self,
        *,
        owner: Owner | None = None,
        overwrite: bool = False,
        rename: Callable[[str], str] = lambda name: name,
    ) -> None:
        self.owner = owner
        self.overwrite = overwrite
        self.rename = rename


def unpack(archive: tarfile.TarFile, root: str, path: str, how: Unpacking) -> None:
    """Make every member of *archive* below the directory *path* inside *root*.

    InvalidArgument for a member with `..` in its name, or one that would replace a directory by a file or
    the other way round; FileError for what cannot be written. Links of the tar are made and not followed.
    """
    unpacker = _Unpacker(root, path, how)
    name = ""
    try:
        for member in archive:
            name = member.name
            unpacker.add(archive, member)
    except tarfile.TarError as error:
        raise InvalidArgument(f"the tar stream is damaged after {name!r}: {error}") from error
    except (ValueError, OverflowError) as error:
        # No file can have such a name, owner or time.
        raise InvalidArgument(f"the tar has a member that cannot be made: {name!r}: {error}") from error
    finally:
        unpacker.close()


class _Unpacker:
    def __init__(self, root: str, path: str, how: Unpacking) -> None:
        self._root = root
        self._path = path.rstrip("/")
        self._how = how
        self._parent = ("", -1)
        self._later: list[tuple[str, tarfile.TarInfo]] = []

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = _parts(self._how.rename(member.name), member.name)
        if not parts:
            return
        directory, name = self._directory(parts[:-1]), parts[-1]
        try:
            self._make(archive, member, directory, name)
        except OSError as error:
            raise FileError("write", f"{'/'.join(parts)} in {self._path or '/'}", error) from error
        if member.isdir():
            # Writing into a directory changes its time.
            self._later.append(("/".join(parts), member))

    def _directory(self, parts: list[str]) -> int:
        path = "/".join([self._path, *parts])
        if self._parent[0] != path or self._parent[1] < 0:
            self._close_parent()
            rooted.make_directory(self._root, path, 0o755, self._how.owner or (0, 0))
            found = rooted.open_path(self._root, path or "/", os.O_PATH | os.O_DIRECTORY)
            self._parent = (path, found)
        return self._parent[1]

    def _make(self, archive: tarfile.TarFile, member: tarfile.TarInfo, directory: int, name: str) -> None:
        kind = tarfile.REGTYPE if member.isfile() else member.type
        self._make_room(directory, name, is_directory=member.isdir())
        if member.isdir():
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=directory)
            self._finish(os.open(name, _DIRECTORY, dir_fd=directory), member)
        elif kind == tarfile.REGTYPE:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name, flags, 0o600, dir_fd=directory)
            _fill(descriptor, archive, member)
            self._finish(descriptor, member)
        elif kind == tarfile.LNKTYPE:
            self._link(member, directory, name)
        else:
            self._make_special(kind, member, directory, name)

    def _make_special(self, kind: bytes, member: tarfile.TarInfo, directory: int, name: str) -> None:
        if kind == tarfile.SYMTYPE:
            os.symlink(member.linkname, name, dir_fd=directory)
        elif kind in _KINDS:
            device = os.makedev(member.devmajor, member.devminor) if member.isdev() else 0
            os.mknod(name, _KINDS[kind] | (member.mode & 0o7777), device, dir_fd=directory)
            node = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            try:
                os.chmod(f"/proc/self/fd/{node}", member.mode & 0o7777)
            finally:
                os.close(node)
        else:
            raise InvalidArgument(f"the tar has a member of unknown kind {kind!r}: {member.name}")
        os.chown(name, *self._owner(member), dir_fd=directory, follow_symlinks=False)
        times = (int(member.mtime) * 10**9,) * 2
        os.utime(name, ns=times, dir_fd=directory, follow_symlinks=False)

    def _make_room(self, directory: int, name: str, *, is_directory: bool) -> None:
        """What a member replaces goes away; a file for a directory only with *overwrite*."""
        try:
            about = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        was_directory = stat.S_ISDIR(about.st_mode)
        if was_directory and is_directory:
            return
        if was_directory != is_directory and not self._how.overwrite:
            what = (
                "a directory cannot replace a file" if is_directory else "a file cannot replace a directory"
            )
            raise InvalidArgument(f"{what}: {name} in {self._parent[0] or '/'}", hint="use --overwrite")
        if was_directory:
            import shutil

            shutil.rmtree(name, dir_fd=directory)
        else:
            os.unlink(name, dir_fd=directory)

    def _link(self, member: tarfile.TarInfo, directory: int, name: str) -> None:
        parts = _parts(self._how.rename(member.linkname), member.linkname)
        if not parts:
            raise InvalidArgument(f"the tar has a hard link to no file: {member.name}")
        target = rooted.open_path(
            self._root, "/".join([self._path, *parts[:-1]]) or "/", os.O_PATH | os.O_DIRECTORY
        )
        try:
            os.link(parts[-1], name, src_dir_fd=target, dst_dir_fd=directory, follow_symlinks=False)
        finally:
            os.close(target)

    def _finish(self, descriptor: int, member: tarfile.TarInfo) -> None:
        """Owner first: changing it takes bits of the mode away."""
        try:
            os.fchown(descriptor, *self._owner(member))
            os.fchmod(descriptor, member.mode & 0o7777)
            for name, value in member.pax_headers.items():
                if name.startswith(_PAX_ATTRIBUTE) and name[len(_PAX_ATTRIBUTE) :].startswith(
                    _KEPT_ATTRIBUTES
                ):
                    with contextlib.suppress(OSError):
                        os.setxattr(
                            descriptor, name[len(_PAX_ATTRIBUTE) :], value.encode("utf-8", "surrogateescape")
                        )
            os.utime(descriptor, ns=(int(member.mtime) * 10**9,) * 2)
        finally:
            os.close(descriptor)

    def _owner(self, member: tarfile.TarInfo) -> Owner:
        return self._how.owner or (member.uid, member.gid)

    def _close_parent(self) -> None:
        if self._parent[1] >= 0:
            os.close(self._parent[1])
            self._parent = ("", -1)

    def close(self) -> None:
        """Give directories the times that they had, and descriptors back."""
        self._close_parent()
        for path, member in reversed(self._later):
            with contextlib.suppress(FileError, OSError):
                descriptor = rooted.open_path(
                    self._root, f"{self._path}/{path}", os.O_RDONLY | os.O_DIRECTORY
                )
                try:
                    os.utime(descriptor, ns=(int(member.mtime) * 10**9,) * 2)
                finally:
                    os.close(descriptor)


def _parts(name: str, given: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InvalidArgument(f"the tar has a member that leaves its directory: {given}")
    return parts


def _fill(descriptor: int, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    try:
        source = archive.extractfile(member)
        while source is not None and (data := source.read(_CHUNK)):
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
    except BaseException:
        os.close(descriptor)
        raise
