"""The volumes that a new container asks for: its own, those of its image, and those of other containers.

What a container has after that are names of volumes that exist; those made for it are unmade if its creation
fails.
"""

from __future__ import annotations

import contextlib
import posixpath

from libpod.containers import volumes
from libpod.errors import InvalidArgument, LibpodError
from libpod.host import jsonutil
from libpod.oci.volumes import OPTION_OF_NEW, PROPAGATION, NamedVolume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from libpod.containers.create import CreateOptions
    from libpod.containers.engine import Engine

    Wanted = NamedVolume | dict[str, object]

ANONYMOUS, TMPFS, IGNORE = "anonymous", "tmpfs", "ignore"
IMAGE_VOLUMES = (ANONYMOUS, "bind", TMPFS, IGNORE)
"""What becomes of the volumes that an image declares; `bind` is Podman's older word for `anonymous`."""
ANNOTATION = "io.podman.annotations.volumes-from"
# The options of an image's volume and of its tmpfs, as Podman 4.3 has them.
_IMAGE_OPTIONS = ("rprivate", "rw", "nodev", "exec", "nosuid", "rbind")
_TMPFS_OPTIONS = ("rprivate", "rw", "nodev", "exec")


def resolve(
    engine: Engine,
    options: CreateOptions,
    image_config: Mapping[str, object],
    undo: contextlib.ExitStack,
) -> CreateOptions:
    """*options* with all volumes named and made; *undo* removes those that were made.

    The container's own go before those of other containers, and these before the image's. Raises
    NoSuchContainer, NotSupported and InvalidArgument.
    """
    found = _of_image(image_config, options.image_volumes)
    for text in options.volumes_from:
        found.update(_of_container(engine, text))
    asked = options.spec.volumes
    found.update(asked.mounts)
    found.update({place: _completed(volume) for place, volume in asked.named.items()})
    for volume in asked.images.values():
        engine.store.image(volume.image)
    made = asked._replace(mounts={}, named={})
    for place in (*asked.overlays, *asked.images):
        found.pop(place, None)
    for place, wanted in found.items():
        if isinstance(wanted, NamedVolume):
            made.named[place] = _made(engine, wanted, undo)
        else:
            made.mounts[place] = wanted
    annotations = dict(options.spec.annotations)
    if options.volumes_from:
        annotations[ANNOTATION] = ",".join(options.volumes_from)
    spec = options.spec._replace(volumes=made, annotations=annotations)
    return options._replace(spec=spec)


def _made(engine: Engine, volume: NamedVolume, undo: contextlib.ExitStack) -> NamedVolume:
    """The volume, made if there is none of its name: then with the options that are for a new one."""
    of_new = [option for option in volume.options if option.startswith(OPTION_OF_NEW)]
    options = volumes.parse_options([option.removeprefix(OPTION_OF_NEW) for option in of_new])
    if volume.name:
        record, new = volumes.ensure(engine, volume.name, options)
    else:
        record, new = volumes.create(engine, options=options, anonymous=True), True
    if new:
        undo.callback(_unmake, engine, record.id)
    rest = tuple(option for option in volume.options if option not in of_new)
    return volume._replace(name=record.id, options=rest)


def _unmake(engine: Engine, name: str) -> None:
    """Somebody may have begun to use it meanwhile."""
    with contextlib.suppress(LibpodError):
        volumes.remove(engine, engine.state.volume(name))


def _completed(volume: NamedVolume) -> NamedVolume:
    """What is implied, in the order of Podman."""
    options = list(volume.options)
    if not {"ro", "rw"} & set(options):
        options.append("rw")
    if not set(PROPAGATION) & set(options):
        options.append("rprivate")
    for default, opposite in (("nosuid", "suid"), ("nodev", "dev"), ("rbind", "bind")):
        if default not in options and opposite not in options:
            options.append(default)
    return volume._replace(options=tuple(options))


# ---------------------------------------------------------------- the image's


def _of_image(image_config: Mapping[str, object], treatment: str) -> dict[str, Wanted]:
    if treatment not in IMAGE_VOLUMES:
        raise InvalidArgument(
            f"--image-volume {treatment!r} is not known", hint=f"one of {', '.join(IMAGE_VOLUMES)}"
        )
    declared = jsonutil.get_object(image_config, "Volumes", {}, source="configuration of the image")
    if treatment == IGNORE:
        return {}
    found: dict[str, Wanted] = {}
    for place in sorted("/" + posixpath.normpath(path).lstrip("/") for path in declared):
        if place == "/":
            raise InvalidArgument("the image declares / as a volume", hint="use --image-volume ignore")
        if treatment == TMPFS:
            found[place] = {
                "destination": place, "type": "tmpfs", "source": "tmpfs", "options": list(_TMPFS_OPTIONS),
            }  # fmt: skip
        else:
            found[place] = NamedVolume("", place, _IMAGE_OPTIONS)
    return found


# ---------------------------------------------------------------- those of other containers


def _of_container(engine: Engine, text: str) -> dict[str, Wanted]:
    """`--volumes-from CONTAINER[:OPTIONS]`: all that its user and its image mounted into it."""
    name, _, rest = text.partition(":")
    chosen = [option for option in rest.split(",") if option]
    if set(chosen) - {"ro", "rw", "z"} or {"ro", "rw"} <= set(chosen):
        raise InvalidArgument(f"--volumes-from {text}: options are ro or rw, and z")
    record = engine.state.lookup_container(name)
    source = record.describe()
    places = set(jsonutil.get_str_list(record.config, "userVolumes", [], source=source))
    found: dict[str, Wanted] = {}
    specification = jsonutil.get_object(record.config, "spec", {}, source=source)
    for mount in jsonutil.get_list(specification, "mounts", [], source=source):
        if isinstance(mount, dict) and mount.get("destination") in places:
            place = jsonutil.get_str(mount, "destination", source=source)
            given = jsonutil.get_str_list(mount, "options", [], source=source)
            found[place] = {**mount, "options": _replaced(given, chosen)}
    for use in jsonutil.get_list(record.config, "namedVolumes", [], source=source):
        if isinstance(use, dict):
            place = jsonutil.get_str(use, "dest", source=source)
            given = jsonutil.get_str_list(use, "options", [], source=source)
            volume = NamedVolume(jsonutil.get_str(use, "volumeName", source=source), place, ())
            found[place] = (
                _completed(volume._replace(options=tuple(chosen)))
                if chosen
                else volume._replace(options=tuple(given))
            )
    return found


def _replaced(given: Sequence[str], chosen: Sequence[str]) -> list[str]:
    if not chosen:
        return list(given)
    access = [option for option in chosen if option in ("ro", "rw")]
    return [*(option for option in given if not access or option not in ("ro", "rw")), *access]
