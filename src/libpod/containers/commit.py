"""`commit`: what a container is now becomes an image."""

from __future__ import annotations

import contextlib
import os

from libpod.errors import InvalidArgument, NotSupported
from libpod.host import jsonutil
from libpod.images import building, changes, difference, pulling, reference
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from libpod.containers.container import Container
    from libpod.images.manager import Images
    from libpod.images.transport import Options
    from libpod.storage.images import ImageRecord
    from libpod.storage.objects import Layer

    Data = dict[str, object]

FORMATS = {"oci": "oci", "docker": "v2s2"}


class CommitOptions(NamedTuple):
    """How an image is made of a container. *form* is `oci` or `docker`."""

    changes: Sequence[str] = ()
    author: str = ""
    message: str = ""
    pause: bool = False
    include_volumes: bool = False
    squash: bool = False
    form: str = "oci"


def commit(
    images: Images, container: Container, name: str, wanted: CommitOptions, options: Options
) -> ImageRecord:
    """Make an image of *container*, called *name* if that is not empty.

    With *pause* its processes stand still meanwhile. What is mounted into it does not belong to it. Raises
    InvalidArgument, NotSupported, FileError and TransferError; nothing is left behind then.
    """
    full = str(reference.normalize(name)) if name else ""
    if wanted.form not in FORMATS:
        raise InvalidArgument(f"unknown image format {wanted.form!r}", hint="formats: oci, docker")
    if wanted.squash:
        raise NotSupported("--squash is not supported", hint="export the container and import it")
    stored = images.store.container(container.id)
    base = images.catalog().by_id.get(stored.image_id)
    if base is None:
        raise NotSupported(f"container {container.name} was made from no image of this store")
    config = describe(images.store.image_config(base.id), container, wanted, base)
    with images.skopeo.room() as room:
        path = os.path.join(room, "layer.tar")
        with _standing_still(container, wanted=wanted.pause):
            difference.write_tar(images.store, container.id, path)
        below: list[Layer] = list(reversed(images.catalog().chain(base)))
        layout = building.write_layout(os.path.join(room, "layout"), building.measure(path), config, below)
        flags = ["--format", FORMATS[wanted.form]]
        options = options._replace(shown=name or container.name)
        image = pulling.take_one(images, room, layout, full, options, flags)
    images.record("commit", image.id, full or image.id)
    return image


@contextlib.contextmanager
def _standing_still(container: Container, *, wanted: bool) -> Iterator[None]:
    if not wanted or container.state() != "running":
        yield
        return
    container.pause()
    try:
        yield
    finally:
        container.unpause()


def describe(
    base: Data, container: Container, wanted: CommitOptions, image: ImageRecord | None = None
) -> Data:
    """The configuration of the new image: the base's, with what the container was made with."""
    source = container.record.describe()
    origin = image.names[0] if image is not None and image.names else image.id if image is not None else ""
    comment = wanted.message or f"FROM {origin}"
    command = jsonutil.get_str_list(container.record.config, "command", [], source=source)
    found = building.configuration(
        " ".join(command or []) or "/bin/sh", comment, base=base, author=wanted.author
    )
    if wanted.message and wanted.form == "docker":
        found["comment"] = wanted.message
    inner = base.get("config")
    config: Data = dict(inner) if isinstance(inner, dict) else {}
    config.update(_of_container(container, source))
    if wanted.include_volumes:
        volumes = jsonutil.get_str_list(container.record.config, "userVolumes", [], source=source)
        config["Volumes"] = {path: {} for path in volumes or []} or config.get("Volumes")
    changes.apply(config, wanted.changes)
    found["config"] = {key: value for key, value in config.items() if value not in (None, "", [], {})}
    return found


def _of_container(container: Container, source: str) -> Data:
    """What the container runs and how, under the names of an image's configuration."""
    record = container.record.config
    spec = jsonutil.get_object(record, "spec", {}, source=source) or {}
    process = jsonutil.get_object(spec, "process", {}, source=source) or {}
    return {
        "Cmd": jsonutil.get_str_list(record, "command", [], source=source),
        "Entrypoint": jsonutil.get_str_list(record, "entrypoint", [], source=source),
        "Env": jsonutil.get_str_list(process, "env", [], source=source),
        "Labels": jsonutil.get_str_map(record, "labels", {}, source=source),
        "User": jsonutil.get_str(record, "user", "", source=source),
        "WorkingDir": jsonutil.get_str(process, "cwd", "", source=source),
    }
