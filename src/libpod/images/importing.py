"""`import`: the tar of a root file system becomes an image of one layer."""

from __future__ import annotations

import os
import sys
import tarfile

from libpod.errors import DamagedImage, FileError, NotSupported, RegistryUnreachable
from libpod.host import outputs
from libpod.images import building, pulling, reference
from libpod.images import changes as dockerfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO, Final

    from libpod.images.manager import Images
    from libpod.images.transport import Options
    from libpod.storage.images import ImageRecord

PATIENCE: Final = 60.0
"""Seconds that a server may be silent."""
DEFAULT_COMMENT: Final = "imported from tarball"
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_MAGIC: Final = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "lzma"))
_CHUNK: Final = 1 << 20


def import_tar(
    images: Images,
    source: str,
    name: str,
    options: Options,
    *,
    changes: Sequence[str] = (),
    message: str = "",
) -> ImageRecord:
    """Make an image of the tar at *source*: a path, a URL, or `-` for standard input.

    It may be compressed with gzip, bzip2 or xz. *changes* are instructions for its configuration, *message*
    is its comment. DamagedImage for what is no tar, or one whose members reach out of it.
    """
    full = str(reference.normalize(name)) if name else ""
    config: dict[str, object] = {}
    dockerfile.apply(config, changes)
    with images.skopeo.room() as room:
        path = os.path.join(room, "layer.tar")
        _fetch(source, path, room)
        check(path, source)
        layer = building.measure(path)
        created_by = f"/bin/sh -c #(nop) ADD file:{layer.digest.partition(':')[2]} in / "
        described = building.configuration(created_by, message or DEFAULT_COMMENT)
        described |= {"architecture": options.arch or _machine(), "os": options.os or "linux"}
        if options.variant:
            described["variant"] = options.variant
        described["config"] = config
        layout = building.write_layout(os.path.join(room, "layout"), layer, described)
        image = pulling.take_one(images, room, layout, full, options._replace(shown=source))
    images.record("import", image.id, full or source)
    return image


def _machine() -> str:
    from libpod.images.manager import ARCHITECTURES

    machine = os.uname().machine
    return ARCHITECTURES.get(machine, machine)


def _fetch(source: str, path: str, room: str) -> None:
    """Bring the tar to *path*, uncompressed."""
    if source == "-":
        _unpack(sys.stdin.buffer, path, source)
    elif source.startswith(("http://", "https://")):
        raw = os.path.join(room, "download")
        _download(source, raw)
        with open(raw, "rb") as file:
            _unpack(file, path, source)
        os.unlink(raw)
    else:
        try:
            with open(source, "rb") as file:
                _unpack(file, path, source)
        except OSError as error:
            raise FileError("read", source, error) from error


def _download(url: str, path: str) -> None:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            outputs.fill(path, answer.read)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise RegistryUnreachable(f"{url}: {error}", image=url) from error


def _unpack(stream: IO[bytes], path: str, source: str) -> None:
    """Copy a stream to *path* without its compression."""
    import zlib

    try:
        start = stream.read(6)
        _copy_plain(_Prefixed(start, stream), path, start, source)
    except (EOFError, zlib.error, ValueError) as error:
        raise _damaged(source, f"its compression: {error}") from error
    except OSError as error:
        if error.errno is None:
            raise _damaged(source, f"its compression: {error}") from error
        raise FileError("read", "standard input" if source == "-" else source, error) from error


def _copy_plain(stream: _Prefixed, path: str, start: bytes, source: str) -> None:
    if start.startswith(_ZSTANDARD):
        raise NotSupported(f"{source} is compressed with zstd", hint="zstd -dc FILE | libpod import -")
    for magic, module in _MAGIC:
        if start.startswith(magic):
            import importlib
            import lzma

            try:
                with importlib.import_module(module).open(stream, "rb") as plain:
                    outputs.fill(path, plain.read)
            except lzma.LZMAError as error:
                raise _damaged(source, f"its compression: {error}") from error
            return
    outputs.fill(path, stream.read)


class _Prefixed:
    """A stream from which the first bytes have been read already."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = start
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        if not self._start:
            return self._rest.read(size)
        if size < 0:
            start, self._start = self._start, b""
            return start + self._rest.read()
        start, self._start = self._start[:size], self._start[size:]
        return start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        return


def check(path: str, source: str) -> None:
    """Read all of a tar. DamagedImage where it is none, or a member's name or link leads out of it.

    What unpacks it refuses such members as well; here the message can name them.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if _leads_out(member.name):
                    raise _damaged(source, f"its member {member.name!r} is outside of it")
                if member.islnk() and _leads_out(member.linkname):
                    raise _damaged(
                        source, f"its member {member.name!r} is linked to {member.linkname!r}, outside of it"
                    )
            # An end that is missing is not noticed by reading the members.
            if archive.offset + 512 > os.path.getsize(path) + 1024:
                raise _damaged(source, "it ends too early")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _damaged(source, str(error)) from error


def _leads_out(name: str) -> bool:
    depth = 0
    for part in name.split("/"):
        if part == "..":
            depth -= 1
        elif part not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


def _damaged(source: str, why: str) -> DamagedImage:
    return DamagedImage(
        f"{source} cannot be imported: {why}", image=source, hint="it must be the tar of a root file system"
    )
