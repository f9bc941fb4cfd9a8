"""What the containers of a pod have from its infra container: volumes, devices and security options.

`pod create` gives them to that container, and Podman 4.3 reads them from there as well (measured).
"""

from __future__ import annotations

from libpod.host import jsonutil
from libpod.oci import labels
from libpod.oci.volumes import NamedVolume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.oci.options import SpecOptions
    from libpod.oci.volumes import Volumes
    from libpod.state.records import ContainerRecord

    Object = dict[str, object]

_ANNOTATION = "io.podman.annotations."


def from_infra(options: SpecOptions, infra: ContainerRecord, *, user: bool) -> SpecOptions:
    """*options* with what *infra* was given, but for what they ask for themselves.

    With *user* the first process runs as that of *infra*, whose user namespace it has. DecodeError.
    """
    source = infra.describe()
    specification = jsonutil.get_object(infra.config, "spec", {}, source=source)
    process = jsonutil.get_object(specification, "process", {}, source=source)
    annotations = jsonutil.get_str_map(specification, "annotations", {}, source=source)
    told = {name: annotations.get(_ANNOTATION + name, "") for name in ("seccomp", "apparmor", "label")}
    missing = {
        name: text for name, text in told.items() if text and _ANNOTATION + name not in options.annotations
    }
    label_options = missing["label"].split(",label=") if "label" in missing else options.label_options
    theirs = jsonutil.get_str(infra.config, "user", "", source=source) if user else ""
    return options._replace(
        user=options.user or theirs,
        volumes=_volumes(options.volumes, infra, specification),
        devices=[*_devices(infra), *options.devices],
        no_new_privileges=options.no_new_privileges or process.get("noNewPrivileges") is True,
        seccomp_profile=missing.get("seccomp", options.seccomp_profile),
        apparmor_profile=missing.get("apparmor", options.apparmor_profile),
        label_options=label_options,
        labels=labels.labels(label_options, privileged=options.privileged)
        if "label" in missing
        else options.labels,
        annotations={**{_ANNOTATION + name: text for name, text in missing.items()}, **options.annotations},
    )


def shm_size(infra: ContainerRecord) -> int:
    """The size of /dev/shm in bytes; 0 where it is not recorded."""
    return jsonutil.get_int(infra.config, "shmSize", 0, source=infra.describe())


def _volumes(own: Volumes, infra: ContainerRecord, specification: Object) -> Volumes:
    """The user's mounts and named volumes; where *own* has something at the same place, that stays."""
    source = infra.describe()
    places = jsonutil.get_str_list(infra.config, "userVolumes", [], source=source)
    mounts: dict[str, Object] = {}
    for entry in jsonutil.get_list(specification, "mounts", [], source=source):
        if isinstance(entry, dict) and entry.get("destination") in places:
            mounts[str(entry["destination"])] = entry
    named: dict[str, NamedVolume] = {}
    for entry in jsonutil.get_list(infra.config, "namedVolumes", [], source=source):
        if isinstance(entry, dict):
            place = jsonutil.get_str(entry, "dest", source=source)
            options = tuple(jsonutil.get_str_list(entry, "options", [], source=source))
            named[place] = NamedVolume(jsonutil.get_str(entry, "volumeName", source=source), place, options)
    taken = own.destinations()
    return own._replace(
        mounts={**{place: mount for place, mount in mounts.items() if place not in taken}, **own.mounts},
        named={**{place: volume for place, volume in named.items() if place not in taken}, **own.named},
    )


def _devices(infra: ContainerRecord) -> list[str]:
    source = infra.describe()
    entries = jsonutil.get_list(infra.config, "device_host_src", [], source=source)
    return [jsonutil.get_str(entry, "path", source=source) for entry in entries if isinstance(entry, dict)]
