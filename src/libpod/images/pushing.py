"""Copying images of the store to registries and other places."""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument
from libpod.host import files
from libpod.images import reference, transport
from libpod.images.transport import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.images.manager import Images
    from libpod.images.transport import Options

FORMATS = {"oci": "oci", "v2s1": "v2s1", "v2s2": "v2s2", "docker": "v2s2"}


def push(
    images: Images,
    name: str,
    target: str,
    options: Options,
    *,
    form: str = "",
    compression: str = "",
    remove_signatures: bool = False,
) -> str:
    """Copy an image to *target*, a name or a place; without one, to the registry of its name.

    *form* is the format of the manifest (oci, v2s1, v2s2), *compression* that of the layers. Returns the
    digest of the manifest there. Raises NoSuchImage, InvalidArgument and TransferError.
    """
    image, by_name = images.catalog().locate(name)
    place = _place(images, target or by_name or name, named=bool(target or by_name))
    if form and form not in FORMATS:
        raise InvalidArgument(f"unknown manifest format {form!r}", hint=f"formats: {', '.join(FORMATS)}")
    flags = ["--format", FORMATS[form]] if form else []
    flags += ["--dest-compress-format", compression] if compression else []
    flags += ["--remove-signatures"] if remove_signatures else []
    options = options._replace(shown=str(place).removeprefix("docker://"))
    with images.skopeo.room() as room:
        digest_file = os.path.join(room, "digest")
        flags += ["--digestfile", digest_file]
        if place.transport == transport.DOCKER:
            flags += transport.flags(options, room, "dest", place.text)
        images.skopeo.copy(room, images.skopeo.stored(f"@{image.id}"), str(place), options, flags)
        images.record("push", image.id, options.shown)
        return files.read_text(digest_file).strip()


def _place(images: Images, text: str, *, named: bool) -> Place:
    found = transport.parse(text)
    if found is not None and found.transport != transport.DOCKER:
        return found
    if not named:
        raise InvalidArgument(f"{text}: an image without a name needs a place to go to")
    default = images.default_place(text) if found is None else None
    if default is not None:
        return default
    given = reference.parse(found.text if found is not None else text)
    if given.digest:
        raise InvalidArgument(f"{text}: an image cannot be pushed to a digest", hint="give it a tag")
    full = given.on(reference.DOCKER_HUB) if given.is_short else given
    return Place(transport.DOCKER, str(full.complete()))
