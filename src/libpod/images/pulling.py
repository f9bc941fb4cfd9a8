"""Getting images into the store: from registries, with short names and pull policies, and from elsewhere."""

from __future__ import annotations

import hashlib
import os

from libpod.errors import ImageUnknown, InvalidArgument, NoSuchImage, TransferError
from libpod.images import reference, registries, transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from libpod.images.manager import Images
    from libpod.images.reference import Reference
    from libpod.images.transport import Options, Place
    from libpod.storage.images import ImageRecord

ALWAYS, MISSING, NEVER, NEWER = "always", "missing", "never", "newer"
POLICIES = (ALWAYS, MISSING, NEVER, NEWER)


def pull(
    images: Images,
    name: str,
    options: Options,
    *,
    policy: str = ALWAYS,
    say: Callable[[str], None] = lambda _line: None,
) -> ImageRecord:
    """The image that *name* means, pulled if *policy* says so.

    *name* may be short, full, or a place such as `oci-archive:FILE`. *say* gets a line for each registry that
    is asked. Raises NoSuchImage where `never` forbids to pull, InvalidArgument for a name that is none, and
    TransferError; with several registries the errors of all of them.
    """
    if policy not in POLICIES:
        raise InvalidArgument(f"unknown pull policy {policy!r}", hint=f"policies: {', '.join(POLICIES)}")
    place = transport.parse(name) or images.default_place(name)
    if place is not None and place.transport != transport.DOCKER:
        return take(images, place, options)[0]
    text = place.text if place is not None else name
    local = None if policy == ALWAYS else _local(images, text)
    if policy == NEVER and local is None:
        raise NoSuchImage(name, f"{name}: image not known", hint=f"pull it: libpod pull {name}")
    if local is not None and policy in (MISSING, NEVER):
        return local
    return _pull_first(images, text, options, local, say, newer=policy == NEWER)


def _local(images: Images, name: str) -> ImageRecord | None:
    try:
        return images.find(name)
    except NoSuchImage:
        return None


def _pull_first(
    images: Images,
    name: str,
    options: Options,
    local: ImageRecord | None,
    say: Callable[[str], None],
    *,
    newer: bool,
) -> ImageRecord:
    """From the first registry that has it. With *newer* what is here does, where no registry answers."""
    try:
        found = registries.candidates(images.registries(), name, terminal=options.terminal is not None)
    except InvalidArgument:
        if newer and local is not None:
            return local
        raise
    if found.note:
        say(found.note)
    errors: list[TransferError] = []
    for wanted in found.references:
        try:
            if newer and local is not None and not _has_changed(images, wanted, local, options):
                return local
            return pull_one(images, wanted, options, say)
        except TransferError as error:
            errors.append(error)
    if newer and local is not None:
        return local
    raise _combined(name, errors)


def _combined(name: str, errors: list[TransferError]) -> TransferError:
    if len(errors) == 1:
        return errors[0]
    lines = "".join(f"\n  * {error.message}" for error in errors)
    kind = ImageUnknown if all(isinstance(error, ImageUnknown) for error in errors) else TransferError
    return kind(f"{name}: none of {len(errors)} registries gave it:{lines}", image=name, hint=errors[-1].hint)


def pull_one(images: Images, wanted: Reference, options: Options, say: Callable[[str], None]) -> ImageRecord:
    """Pull exactly this image."""
    say(f"Trying to pull {wanted}...")
    options = options._replace(shown=str(wanted))
    skopeo = images.skopeo
    with skopeo.room() as room:
        flags = transport.flags(options, room, "src", wanted.repository)
        skopeo.copy(room, f"docker://{wanted}", skopeo.stored(str(wanted)), options, flags)
    found = images.store.image(str(wanted))
    images.record("pull", found.id, str(wanted))
    images.check_platform(found, options)
    return found


def _has_changed(images: Images, wanted: Reference, local: ImageRecord, options: Options) -> bool:
    """Whether the registry has another manifest under this name than the image here was made from."""
    with images.skopeo.room() as room:
        flags = transport.inspect_flags(options, room, wanted.repository)
        words = ["inspect", "--raw", *flags, f"docker://{wanted}"]
        manifest = images.skopeo.output(room, words, options._replace(shown=str(wanted)))
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}" not in local.digests


def all_tags(images: Images, name: str, options: Options, say: Callable[[str], None]) -> list[ImageRecord]:
    """Pull every tag of a repository."""
    import json

    place = transport.parse(name)
    text = place.text if place is not None else name
    given = reference.parse(text)
    if given.tag or given.digest or (place is not None and place.transport != transport.DOCKER):
        raise InvalidArgument(f"{name}: all tags of a repository are pulled, so it must be without one")
    first = registries.candidates(images.registries(), text).references[0]
    with images.skopeo.room() as room:
        flags = transport.inspect_flags(options, room, first.repository)
        words = ["list-tags", *flags, f"docker://{first.repository}"]
        listed = json.loads(images.skopeo.output(room, words, options._replace(shown=first.repository)))
    return [pull_one(images, first._replace(tag=tag), options, say) for tag in listed["Tags"]]


# ---------------------------------------------------------------- from elsewhere


def take(images: Images, place: Place, options: Options) -> list[ImageRecord]:
    """Copy the images at a place that is no registry into the store."""
    from libpod.images import archives

    if place.transport == transport.STORAGE:
        raise InvalidArgument(f"{place}: an image of this or another store", hint="use skopeo copy")
    path, name = transport.split_archive(place.text)
    if place.transport == transport.DIRECTORY:
        path, name = place.text, ""
    with images.skopeo.room() as room:
        return archives.load(images, room, path, options, kind=place.transport, wanted=name)


def take_one(
    images: Images, room: str, source: str, name: str, options: Options, flags: Sequence[str] = ()
) -> ImageRecord:
    """Copy one image into the store under *name*; without one it gets none."""
    skopeo = images.skopeo
    if name:
        skopeo.copy(room, source, skopeo.stored(name), options, flags)
        return images.store.image(name)
    # A copy needs a name; the ID, which would do, is known only afterwards.
    passing = f"{reference.LOCALHOST}/{os.urandom(8).hex()}:loading"
    skopeo.copy(room, source, skopeo.stored(passing), options, flags)
    image = images.store.image(passing)
    images.store.forget_image_name(image.id, passing)
    return images.store.image(image.id)
