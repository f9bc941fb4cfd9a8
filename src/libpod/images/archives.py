"""Images in files: `save` and `load` of Docker's archive, OCI's archive and layout, and plain directories."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile

from libpod.errors import DamagedImage, FileError, InvalidArgument, LibpodError
from libpod.host import files, jsonutil, outputs
from libpod.images import pulling, reference, transport
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO, Final

    from libpod.images.manager import Images
    from libpod.images.transport import Options
    from libpod.storage.images import ImageRecord

FORMATS: Final = {
    "docker-archive": transport.DOCKER_ARCHIVE,
    "oci-archive": transport.OCI_ARCHIVE,
    "oci-dir": transport.OCI,
    "docker-dir": transport.DIRECTORY,
}
"""The formats of `save`, in Podman's words."""

FILE_MODE: Final = 0o644
NAME_ANNOTATION: Final = "org.opencontainers.image.ref.name"
_LARGEST_INDEX: Final = 16 << 20
_LINK: Final = "image"


# ---------------------------------------------------------------- load


class Found(NamedTuple):
    """An image in an archive: how skopeo is told of it, and the names that it gets."""

    source: str
    names: list[str]


def load(
    images: Images, room: str, path: str, options: Options, *, kind: str = "", wanted: str = ""
) -> list[ImageRecord]:
    """Put the images of a file or directory into the store; *room* is a private directory.

    *kind* is the transport, found out if it is empty; *wanted* is one image of several. DamagedImage where it
    is no archive of images, FileError where it cannot be read.
    """
    # A path may have colons, which skopeo cannot take: it gets a link without any.
    link = os.path.join(room, _LINK)
    if not os.path.exists(path):
        raise FileError("read image", path, FileNotFoundError(2, "No such file or directory"))
    os.symlink(os.path.abspath(path), link)
    options = options._replace(shown=options.shown or path)
    kind = kind or _kind(path, options.shown)
    loaded: list[ImageRecord] = []
    for source, names in list(_contents(kind, link, path, wanted)):
        image = pulling.take_one(images, room, source, names[0] if names else "", options)
        if names[1:]:
            images.tag(image.id, *names[1:])
            image = images.store.image(image.id)
        loaded.append(image)
    if not loaded:
        raise _no_image(path, f"it has no image {wanted}" if wanted else "it has no image")
    for image in loaded:
        images.record("loadfromarchive", image.id, path)
        images.check_platform(image, options)
    return loaded


def _kind(path: str, shown: str) -> str:
    """The transport for what is at *path*, by what is in it."""
    if os.path.isdir(path):
        for name, kind in (("index.json", transport.OCI), ("manifest.json", transport.DIRECTORY)):
            if os.path.exists(os.path.join(path, name)):
                return kind
        raise _no_image(shown, "it has neither index.json nor manifest.json")
    with _opened(path, shown) as archive:
        for member in archive:
            name = os.path.normpath(member.name)
            if name in ("manifest.json", "repositories"):
                return transport.DOCKER_ARCHIVE
            if name in ("index.json", "oci-layout"):
                return transport.OCI_ARCHIVE
    raise _no_image(shown, "it has neither index.json nor manifest.json")


@contextlib.contextmanager
def _opened(path: str, shown: str = "") -> Iterator[tarfile.TarFile]:
    """The archive at *path*, compressed or not; a damaged one is a DamagedImage that names *shown*."""
    shown = shown or path
    try:
        with tarfile.open(path) as archive:
            yield archive
    except tarfile.ReadError as error:
        several = "\n" in str(error)
        raise _no_image(shown, "it is no tar" if several else str(error)) from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _no_image(shown, str(error) or "it ends too early") from error
    except OSError as error:
        if error.errno is None:
            # gzip's BadGzipFile and lzma's errors say what is wrong with the contents.
            raise _no_image(shown, str(error)) from error
        raise FileError("read image", shown, error) from error


def _no_image(path: str, why: str) -> DamagedImage:
    return DamagedImage(
        f"{path} is no image that can be loaded: {why}",
        image=path,
        hint="archives and directories of Docker and OCI can be; a tar of a root file system can be imported",
    )


def _contents(kind: str, link: str, path: str, wanted: str) -> Iterator[Found]:
    if kind == transport.DIRECTORY:
        yield Found(f"dir:{link}", [])
    elif kind == transport.DOCKER_ARCHIVE:
        yield from _of_docker_archive(link, path, wanted)
    elif kind == transport.OCI:
        yield from _of_layout(f"oci:{link}", _index_of_directory(path), os.path.basename(path), wanted)
    else:
        yield from _of_layout(f"oci-archive:{link}", _index_of_archive(path), "", wanted)


def _of_docker_archive(link: str, path: str, wanted: str) -> Iterator[Found]:
    """One for each entry of manifest.json; its tags are the names."""
    with _opened(path) as archive:
        source = f"manifest.json of {path}"
        entries = jsonutil.loads(_member(archive, "manifest.json", path), source)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _no_image(path, "manifest.json is no list of images")
    for number, entry in enumerate(entries):
        tags = jsonutil.get_str_list(entry, "RepoTags", [], source=source)
        names = [
            str(reference.parse(tag).on(reference.DOCKER_HUB)) if _is_short(tag) else tag for tag in tags
        ]
        if not wanted or wanted in names or wanted in tags:
            yield Found(f"docker-archive:{link}:@{number}", names)


def _is_short(name: str) -> bool:
    return reference.parse(name).is_short


def _of_layout(source: str, index: dict[str, object], fallback: str, wanted: str) -> Iterator[Found]:
    """One for each manifest of an index; its annotation is the name, or the tag in the layout."""
    entries = [entry for entry in index["manifests"] if isinstance(entry, dict)]  # type: ignore[attr-defined]
    for entry in entries:
        annotations = entry.get("annotations")
        name = annotations.get(NAME_ANNOTATION) if isinstance(annotations, dict) else None
        if not isinstance(name, str) or not name:
            if len(entries) == 1 and not wanted:
                yield Found(source, _named(fallback, ""))
        elif not wanted or wanted == name:
            yield Found(f"{source}:{name}", _named(fallback, name))


def _named(directory: str, name: str) -> list[str]:
    """The name inside, if it is a full one; a mere tag in a layout belongs to the name of its directory."""
    if name and (not directory or not reference.parse(name).is_short):
        return [str(reference.normalize(name))]
    try:
        return [str(reference.normalize(f"{directory}:{name}" if name else directory))] if directory else []
    except InvalidArgument:
        return []


def _index_of_directory(path: str) -> dict[str, object]:
    name = os.path.join(path, "index.json")
    return _index(files.read_bytes(name, limit=_LARGEST_INDEX), name, path)


def _index_of_archive(path: str) -> dict[str, object]:
    with _opened(path) as archive:
        return _index(_member(archive, "index.json", path), f"index.json of {path}", path)


def _index(data: bytes, source: str, path: str) -> dict[str, object]:
    index = jsonutil.loads_object(data, source)
    if not isinstance(index.get("manifests"), list) or not index["manifests"]:
        raise _no_image(path, "index.json names no manifest")
    return index


def _member(archive: tarfile.TarFile, name: str, path: str) -> bytes:
    for member in archive:
        if os.path.normpath(member.name) == name and member.isfile():
            if member.size > _LARGEST_INDEX:
                raise _no_image(path, f"{name} has {member.size} bytes")
            file = archive.extractfile(member)
            return file.read() if file is not None else b""
    raise _no_image(path, f"it has no {name}")


# ---------------------------------------------------------------- save


def save(
    images: Images,
    names: Sequence[str],
    target: str | BinaryIO,
    options: Options,
    *,
    form: str = "docker-archive",
    several: bool = False,
    compress: bool = False,
) -> None:
    """Write an image into a file, a stream or a directory in the format *form*.

    Further *names* are names that it gets in the archive; with *several* they are images of their own. A file
    comes into being whole or not at all. Raises NoSuchImage, InvalidArgument, TransferError and FileError.
    """
    if form not in FORMATS:
        raise InvalidArgument(f"unknown image format {form!r}", hint=f"formats: {', '.join(FORMATS)}")
    if several and form != "docker-archive":
        raise InvalidArgument(f"only a docker-archive can have several images, not {form}")
    if compress and form != "docker-dir":
        raise InvalidArgument("--compress can only be set for the format docker-dir")
    kind = FORMATS[form]
    groups = _groups(images, names) if several else [(images.find(names[0]), _tags(images, names))]
    is_directory = kind in (transport.OCI, transport.DIRECTORY)
    if is_directory and not isinstance(target, str):
        raise InvalidArgument(
            f"the format {form} needs a directory to write to", hint="name it with --output"
        )
    if isinstance(target, str):
        _check_target(target, is_directory=is_directory)
    with images.skopeo.room() as room:
        made = [
            _save_one(images, room, f"{number}", image, tags, options, kind=kind, compress=compress)
            for number, (image, tags) in enumerate(groups)
        ]
        whole = made[0] if len(made) == 1 else merge(made, os.path.join(room, "merged"))
        _hand_over(whole, target)
    for image, tags in groups:
        images.record("save", image.id, tags[0] if tags else image.id)


def _groups(images: Images, names: Sequence[str]) -> list[tuple[ImageRecord, list[str]]]:
    """Images with the names under which they were asked for; one image is in the archive only once."""
    found: dict[str, tuple[ImageRecord, list[str]]] = {}
    for name in names:
        image, by_name = images.catalog().locate(name)
        tags = found.setdefault(image.id, (image, []))[1]
        if by_name and "@" not in by_name:
            tags.append(by_name)
    return list(found.values())


def _tags(images: Images, names: Sequence[str]) -> list[str]:
    _image, by_name = images.catalog().locate(names[0])
    first = [by_name] if by_name and "@" not in by_name else []
    return [*first, *(str(reference.normalize(name)) for name in names[1:])]


def _save_one(
    images: Images,
    room: str,
    name: str,
    image: ImageRecord,
    tags: Sequence[str],
    options: Options,
    *,
    kind: str,
    compress: bool,
) -> str:
    path = os.path.join(room, f"saved-{name}")
    target = f"{kind}:{path}"
    flags: list[str] = []
    if kind != transport.DIRECTORY and tags:
        target += f":{tags[0]}"
    if kind == transport.DOCKER_ARCHIVE:
        flags = [flag for tag in tags[1:] for flag in ("--additional-tag", tag)]
    if compress:
        flags.append("--dest-compress")
    shown = tags[0] if tags else image.id[:12]
    source = images.skopeo.stored(f"@{image.id}")
    images.skopeo.copy(room, source, target, options._replace(shown=shown), flags)
    return path


def _check_target(path: str, *, is_directory: bool) -> None:
    if is_directory:
        if os.path.exists(path) and (not os.path.isdir(path) or os.listdir(path)):
            raise InvalidArgument(f"{path} is there already, and is not an empty directory")
    elif os.path.isdir(path):
        raise InvalidArgument(f"{path} is a directory", hint="name a file, or choose --format oci-dir")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise FileError("write", path, FileNotFoundError(2, "No such file or directory"))


def _hand_over(made: str, target: str | BinaryIO) -> None:
    """Bring what was made to where it is wanted; a file gets its name when all of it is there."""
    if not isinstance(target, str):
        with open(made, "rb") as file:
            shutil.copyfileobj(file, target, 1 << 20)
        return
    if outputs.is_special(target):
        with open(made, "rb") as file, outputs.writing(target) as stream:
            shutil.copyfileobj(file, stream, 1 << 20)
        return
    partial = f"{os.path.abspath(target)}.tmp-{os.urandom(6).hex()}"
    try:
        shutil.move(made, partial, copy_function=_copy)
        if os.path.isdir(partial):
            os.chmod(partial, 0o755)
        else:
            os.chmod(partial, FILE_MODE)
            _flush(partial)
        os.rename(partial, target)
        files.sync_directory(os.path.dirname(os.path.abspath(target)))
    except BaseException as error:
        with contextlib.suppress(OSError, LibpodError):
            shutil.rmtree(partial) if os.path.isdir(partial) else os.unlink(partial)
        cause = error.__cause__ if isinstance(error, _NotCopiedError) else error
        if isinstance(cause, OSError):
            raise FileError("write", target, cause) from error
        raise


class _NotCopiedError(Exception):
    """What shutil would collect in a list of texts, were it the OSError that caused it."""


def _copy(source: str, target: str) -> None:
    try:
        shutil.copy2(source, target)
    except OSError as error:
        raise _NotCopiedError from error


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def merge(paths: Sequence[str], target: str) -> str:
    """Make one Docker archive of several: all members once, and one manifest.json with all images."""
    try:
        _merge(paths, target)
    except OSError as error:
        raise FileError("write", target, error) from error
    return target


def _merge(paths: Sequence[str], target: str) -> None:
    entries: list[object] = []
    seen: set[str] = set()
    with tarfile.open(target, "w") as merged:
        for path in paths:
            with _opened(path) as archive:
                source = f"manifest.json of {path}"
                found = jsonutil.loads(_member(archive, "manifest.json", path), source)
                entries += found if isinstance(found, list) else []
            with _opened(path) as archive:
                _add_members(archive, merged, seen)
        _add_file(merged, "manifest.json", jsonutil.dumps(entries))


def _add_members(archive: tarfile.TarFile, merged: tarfile.TarFile, seen: set[str]) -> None:
    for member in archive:
        if member.name in seen or member.name in ("manifest.json", "repositories"):
            continue
        seen.add(member.name)
        merged.addfile(member, archive.extractfile(member) if member.isfile() else None)


def _add_file(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    import io

    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o444
    archive.addfile(member, io.BytesIO(data))
