"""Making a container: its storage, its configuration as Podman 4.3 has it, and its record."""

from __future__ import annotations

import contextlib
import os
import time

from libpod import failpoints
from libpod.containers import (
    firstprocess,
    groupless,
    health,
    idmaps,
    joining,
    names,
    notify,
    restarting,
    userlimits,
    validity,
    volumerequests,
)
from libpod.containers.joining import NetworkOptions
from libpod.errors import ContainerExists, InvalidArgument, LibpodError, NotSupported, PodExists
from libpod.host import files, jsonutil, tree
from libpod.oci import spec, systemdmode
from libpod.oci.options import HOST, PRIVATE, Automatic, Resources, SpecOptions
from libpod.state.records import CONFIGURED, ContainerRecord
from libpod.storage.objects import now
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from libpod.containers.engine import Engine
    from libpod.containers.health import HealthCheck
    from libpod.containers.pause import PauseProgram
    from libpod.containers.secretstore import Request, Secret
    from libpod.storage.images import ImageRecord

DEFAULT_SHM_SIZE = 65536000
"""Bytes, as Podman 4.3."""
DEFAULT_STOP_TIMEOUT = 10
LOG_DRIVERS = ("k8s-file", "journald", "none", "passthrough")
DIRECTORY_MODE = 0o700
SHARED_MODE = 0o755
NEVER = "0001-01-01T00:00:00Z"
# Which configuration key names the container whose namespace is joined.
NAMESPACE_KEYS = {
    "ipc": "ipcNsCtr",
    "network": "netNsCtr",
    "pid": "pidNsCtr",
    "user": "userNsCtr",
    "uts": "utsNsCtr",
    "cgroup": "cgroupNsCtr",
}


class CreateOptions(NamedTuple):
    """A new container. Exactly one of *image* and *rootfs* is given; *spec* says what it runs and how."""

    image: str = ""
    image_id: str = ""
    """The ID of *image*, where it was looked up already."""
    rootfs: str = ""
    spec: SpecOptions = SpecOptions()
    name: str = ""
    """Empty for a generated one."""
    labels: Mapping[str, str] = {}
    stop_signal: int | None = None
    stop_timeout: int = DEFAULT_STOP_TIMEOUT
    """Seconds."""
    shm_size: int = DEFAULT_SHM_SIZE
    shm_dir: str = ""
    """A directory of the host that is its /dev/shm; empty for a tmpfs of its own, of *shm_size* bytes."""
    cgroup_parent: str = ""
    log_driver: str = "k8s-file"
    log_path: str = ""
    log_size: int = 0
    """Bytes; 0 for the configured one."""
    log_tag: str = ""
    conmon_pid_file: str = ""
    exit_command: Sequence[str] = ()
    """Run by conmon at its end, with the container's ID after it. Empty for the runtime's own, which cleans
    up after the container."""
    hosts: Sequence[str] = ()
    """`NAME:ADDRESS`."""
    no_hosts: bool = False
    """Whether /etc/hosts is that of the image."""
    network: NetworkOptions = NetworkOptions()
    dns_servers: Sequence[str] = ()
    dns_search: Sequence[str] = ()
    dns_options: Sequence[str] = ()
    no_resolv_conf: bool = False
    """Whether /etc/resolv.conf is that of the image."""
    dependencies: Sequence[str] = ()
    """Names or IDs of containers that must run before this one."""
    create_command: Sequence[str] = ()
    volumes_from: Sequence[str] = ()
    """`CONTAINER[:OPTIONS]`."""
    image_volumes: str = volumerequests.ANONYMOUS
    """What becomes of the volumes that the image declares; one of `volumerequests.IMAGE_VOLUMES`."""
    pod: str = ""
    """The pod that it is to be in, by name or ID; `libpod.containers.membership` has what follows from it."""
    infra: bool = False
    """Whether it is the infra container of *pod*."""
    init_type: str = ""
    """Whether it is an init container of *pod*, and which; one of `libpod.containers.initial.KINDS`."""
    infra_program: PauseProgram | None = None
    """What it runs as the infra container, in a root of its own instead of *image* and *rootfs*."""
    sdnotify_mode: str = "container"
    cgroups_mode: str = "enabled"
    """`no-conmon` leaves conmon in our control group; `disabled` makes none (`containers.groupless`)."""
    restart_policy: str = ""
    restart_retries: int = 0
    timeout: int = 0
    """Seconds after which it is killed; 0 for never."""
    timezone: str = ""
    """Its time zone by the names of tzdata; `local` for the host's, empty for what the image has."""
    pid_file: str = ""
    """Where the PID of its first process is written; empty for a place of ours."""
    passwd: bool = True
    """Whether users whom the image does not know are added to its /etc/passwd and /etc/group."""
    passwd_entry: str = ""
    """The form of such a line; empty for the usual one."""
    host_users: Sequence[str] = ()
    """Users of the host who are added, too."""
    chroot_directories: Sequence[str] = ()
    """Directories in the container that get its /etc/hosts and /etc/resolv.conf, too."""
    health_check: HealthCheck | None = None
    """None for that of the image."""
    health_action: str = "none"
    """What is done when it is unhealthy; one of `libpod.containers.health.ACTIONS`."""
    preserve_descriptors: int = 0
    """How many of our descriptors from 3 on its first process gets."""
    secrets: Sequence[Request] = ()
    systemd: str = systemdmode.NEVER
    """Whether it is set up for systemd as first process; one of `libpod.oci.systemdmode.MODES`."""
    replace: bool = False
    """Whether a container of this *name* is removed, running or not, once this one could be made."""


def create(engine: Engine, options: CreateOptions) -> ContainerRecord:
    """Make a container and return its record.

    Raises NoSuchImage, NoSuchContainer for one that is joined or needed, ContainerExists and PodExists for a
    name in use, InvalidArgument for what cannot be. Whatever fails, nothing of the container is left.
    """
    if [bool(options.image), bool(options.rootfs), options.infra_program is not None].count(True) != 1:
        raise InvalidArgument("a container needs either an image or a root directory")
    if options.init_type:
        from libpod.containers import initial

        initial.require(engine, options)
    if options.pod and not options.infra:
        from libpod.containers import membership

        options = membership.join(engine, options)
    validity.check(options)
    options = groupless.prepared(engine, options)
    if options.rootfs and not os.path.isdir(options.rootfs):
        raise InvalidArgument(f"root directory {options.rootfs}: no such directory")
    if options.spec.personality and not engine.runtime.keeps_personality():
        raise NotSupported(
            f"--personality is not kept by {engine.runtime.path}", hint="runc 1.2 keeps it, and so does crun"
        )
    if options.timezone:
        from libpod.containers import timezones

        timezones.check(options.timezone)
    resolved = idmaps.resolve(engine, options.spec)
    options = options._replace(spec=userlimits.of_user(engine, resolved, options.cgroup_parent))
    resources = options.spec.resources
    if resources != Resources():
        from libpod.containers import hostlimits

        options = options._replace(spec=options.spec._replace(resources=hostlimits.kept(engine, resources)))
    image = engine.store.image(options.image_id or options.image) if options.image else None
    image_config = _image_config(engine, image)
    options = firstprocess.resolve(options, image_config)
    secrets: Sequence[Secret] = ()
    if options.secrets:
        from libpod.containers import secretstore

        secrets = secretstore.find(engine.config.graph_root, options.secrets)
    name = free_name(engine, options.name, "container", replace=options.replace)
    container_id = names.new_id()
    mapped = bool(options.spec.uid_map) or options.spec.namespaces.chooses_ids
    network = joining.configure(engine, options.network, image_config, container_id, mapped=mapped)
    with contextlib.ExitStack() as undo:
        options = volumerequests.resolve(engine, options, image_config, undo)
        if options.replace:
            # What cannot be made replaces nothing.
            spec.generate(options.spec, image_config)
            _remove_named(engine, name)
        with _with_ids(engine, options.spec, image, image_config) as specification:
            options = options._replace(spec=specification)
            generated, warnings = spec.generate(options.spec, image_config)
            for warning in warnings:
                engine.warn(warning)
            directory, run_directory = _make_storage(engine, options, image, container_id, name, undo)
        if options.infra_program is not None:
            options = options._replace(rootfs=_make_infra_root(options, directory))
        lock = engine.locks.allocate()
        undo.callback(engine.locks.free, lock.number)
        failpoints.reach("container.add")
        config = _config(engine, options, image, image_config, container_id, name, directory, run_directory)
        config.update(network, lockID=lock.number)
        _make_directories(config, directory)
        if secrets:
            config.update(secretstore.give(secrets, config, idmaps.of_options(options.spec).owner()))
        record = ContainerRecord(container_id, {"spec": generated, **config}, first_state(run_directory))
        _add(engine, record)
        undo.pop_all()
    engine.event(record, "create")
    return record


def _with_ids(
    engine: Engine, options: SpecOptions, image: ImageRecord | None, image_config: Mapping[str, object]
) -> contextlib.AbstractContextManager[SpecOptions]:
    """*options* with IDs that no other container gets until the block ends, where they are to be chosen."""
    if not options.namespaces.chooses_ids:
        return contextlib.nullcontext(options)
    from libpod.containers import autoranges

    return autoranges.chosen(engine, options, image, image_config)


def _image_config(engine: Engine, image: ImageRecord | None) -> Mapping[str, object]:
    """The `config` object of the image: what it runs, its environment, its user."""
    if image is None:
        return {}
    config = engine.store.image_config(image.id).get("config")
    return config if isinstance(config, dict) else {}


def _image_name(image: ImageRecord, asked: str) -> str:
    """The name of the image that *asked* means; its first name for an ID, and its ID without a name."""
    for end in (asked, f"{asked}:latest"):
        for name in image.names:
            if name == end or name.endswith(f"/{end}"):
                return name
    return image.names[0] if image.names else image.id


def free_name(engine: Engine, wanted: str, kind: str, *, replace: bool = False) -> str:
    """*wanted*, or a new name for a *kind*; one that a container or a pod has is refused.

    With *replace* a container may have it. Raises InvalidArgument for what is no name, and ContainerExists
    and PodExists.
    """
    if replace and not wanted:
        raise InvalidArgument("--replace needs --name")
    if not wanted:
        return names.generate(lambda name: _holder(engine, name) is not None)
    names.check(wanted, kind)
    found = _holder(engine, wanted)
    if found is not None and not (replace and found[0] == "container"):
        holding, identifier = found
        error = PodExists if holding == "pod" else ContainerExists
        raise error(
            wanted,
            f"the name {wanted} is in use by {holding} {identifier}",
            hint=f"remove that {holding}, or choose another name",
        )
    return wanted


def _holder(engine: Engine, name: str) -> tuple[str, str] | None:
    """The kind and ID of the container or pod that has exactly this name."""
    for kind, lookup in (
        ("container", engine.state.lookup_container_id),
        ("pod", engine.state.lookup_pod_id),
    ):
        try:
            identifier = lookup(name)
        except LibpodError:
            continue
        if not identifier.startswith(name) or identifier == name:
            return kind, identifier
    return None


def _remove_named(engine: Engine, name: str) -> None:
    """Remove the container of exactly this name, if there is one. DependencyExists if others need it."""
    from libpod.containers import cleanup
    from libpod.containers.container import Container

    found = _holder(engine, name)
    if found is not None:
        with contextlib.suppress(*cleanup.GONE):
            Container(engine, engine.state.container(found[1])).remove(force=True)


def _make_storage(
    engine: Engine,
    options: CreateOptions,
    image: ImageRecord | None,
    container_id: str,
    name: str,
    undo: contextlib.ExitStack,
) -> tuple[str, str]:
    """The container's directories; with a layer of its own unless it lives in a plain directory."""
    store = engine.store
    metadata = {
        "image-name": _image_name(image, options.image) if image is not None and image.names else "",
        "image-id": image.id if image is not None else "",
        "name": name,
        "created-at": int(time.time()),
    }
    store.create_container(
        container_id,
        [name],
        image.id if image is not None else None,
        metadata=jsonutil.dumps(metadata).decode(),
        flags={
            "MountLabel": options.spec.labels.mount,
            "ProcessLabel": options.spec.labels.process,
            **({"Volatile": True} if options.spec.remove else {}),
        },
        layer_names=[f"{name}-layer"],
        id_maps=idmaps.of_options(options.spec),
    )
    undo.callback(store.delete_container, container_id)
    return store.container_directory(container_id), store.container_run_directory(container_id)


def _make_infra_root(options: CreateOptions, directory: str) -> str:
    """In the container's own directory, so that it goes with the container, whoever removes it."""
    from libpod.containers import pause

    root = os.path.join(directory, "infra")
    if options.infra_program is not None:
        pause.make_root(root, options.infra_program)
    maps = idmaps.of_options(options.spec)
    if maps:
        tree.change_owner(root, maps.owner())
    return root


def _make_directories(config: Mapping[str, object], directory: str) -> None:
    """The directories that Podman expects in the container's own one since its creation."""
    files.make_directory(os.path.join(directory, "secrets"), SHARED_MODE)
    if "mounts" in config:
        files.make_directory(os.path.join(directory, "shm"), DIRECTORY_MODE)


def _add(engine: Engine, record: ContainerRecord) -> None:
    if not record.pod:
        engine.state.add_container(record)
        return
    pod = engine.state.pod(record.pod)
    if record.config.get("pause") is True:
        # Whoever makes the pod is making this.
        engine.state.add_container_to_pod(pod, record)
        return
    with engine.locked_pod(pod):
        engine.state.add_container_to_pod(pod, record)


def first_state(run_directory: str) -> dict[str, object]:
    """The state of a container that has not run."""
    return {
        "state": CONFIGURED,
        "runDir": run_directory,
        "startedTime": NEVER,
        "finishedTime": NEVER,
        "Service": {"servicePods": None},
        "checkpointedTime": NEVER,
        "restoredTime": NEVER,
    }


# ---------------------------------------------------------------- the configuration


def _config(
    engine: Engine,
    options: CreateOptions,
    image: ImageRecord | None,
    image_config: Mapping[str, object],
    container_id: str,
    name: str,
    directory: str,
    run_directory: str,
) -> dict[str, object]:
    """Podman 4.3's ContainerConfig without the specification and the lock. Keys in its order."""
    config: dict[str, object] = {"id": container_id, "name": name}
    config["lockID"] = 0
    config["CreateCommand"] = list(options.create_command) or None
    if image is not None:
        config["RawImageName"] = options.image
    config["idMappingsOptions"] = _id_mappings(options.spec)
    config["Dependencies"] = _dependencies(engine, options)
    if image is not None:
        config["rootfsImageID"] = image.id
        config["rootfsImageName"] = _image_name(image, options.image)
    else:
        config["rootfs"] = os.path.abspath(options.rootfs)
    config.update(_shared_memory(engine, options, directory))
    config["staticDir"] = directory
    config["createWorkingDir"] = not options.spec.working_directory
    config["secretsPath"] = os.path.join(directory, "secrets")
    config["storageOpts"] = None
    config["passwd"] = options.passwd
    config["passwd_entry"] = options.passwd_entry
    config["HostUsers"] = list(options.host_users)
    config["chroot_directories"] = list(options.chroot_directories)
    config["preserveFds"] = options.preserve_descriptors or ""
    config["privileged"] = options.spec.privileged
    config["ProcessLabel"], config["MountLabel"] = options.spec.labels
    config["labelopts"] = list(options.spec.label_options) or ["disable"]
    config.update(_process(options, image_config))
    config.update(_network(options))
    config.update(_volumes(options))
    config.update(_stop(options))
    config.update(_cgroups(engine, options))
    config.update(_logs(engine, options, directory))
    config["conmonPidFile"] = options.conmon_pid_file or os.path.join(run_directory, "conmon.pid")
    config["exitCommand"] = list(options.exit_command)
    config["pid_file"] = options.pid_file or os.path.join(run_directory, "pidfile")
    config["timeout"] = options.timeout or ""
    config["timezone"] = options.timezone
    config["runtime"] = engine.config.runtime_name()
    config["sdnotifyMode"] = options.sdnotify_mode
    config.update(health.settings(options.health_check, options.health_action, image_config))
    config["umask"] = options.spec.umask
    config["init_container_type"] = options.init_type
    config["mountAllDevices"] = options.spec.privileged
    config["device_host_src"] = [
        {"path": text, "type": "", "major": 0, "minor": 0}
        for text in options.spec.devices
        if not options.spec.privileged
    ]
    config["createdTime"] = now()
    config.update(_joined(engine, options))
    if options.pod:
        config["pod"] = options.pod
        config["pause"] = options.infra
    if options.restart_policy:
        policy = restarting.check(options.restart_policy, options.restart_retries)
        config["restart_policy"], config["restart_retries"] = policy
    return {key: value for key, value in config.items() if value not in ("", [], {}) or key in _ALWAYS}


_ALWAYS = frozenset(("cgroupParent", "logPath", "logTag"))


def _dependencies(engine: Engine, options: CreateOptions) -> list[str] | None:
    found = [engine.state.lookup_container_id(name) for name in options.dependencies]
    return list(dict.fromkeys(found)) or None


def _id_mappings(options: SpecOptions) -> dict[str, object]:
    uid_map, gid_map = list(options.uid_map), list(options.gid_map or options.uid_map)
    asked = options.automatic or Automatic()
    return {
        "HostUIDMapping": options.namespaces.user != PRIVATE,
        "HostGIDMapping": options.namespaces.user != PRIVATE,
        "UIDMap": _ranges(uid_map),
        "GIDMap": _ranges(gid_map),
        "AutoUserNs": options.automatic is not None,
        "AutoUserNsOpts": {
            "Size": asked.size,
            "InitialSize": asked.initial_size,
            "PasswdFile": "",
            "GroupFile": "",
            "AdditionalUIDMappings": _ranges(asked.uids),
            "AdditionalGIDMappings": _ranges(asked.gids),
        },
    }


def _ranges(triples: Sequence[tuple[int, int, int]]) -> list[dict[str, int]] | None:
    return [
        {"container_id": inside, "host_id": outside, "size": size} for inside, outside, size in triples
    ] or None


def _shared_memory(engine: Engine, options: CreateOptions, directory: str) -> dict[str, object]:
    """/dev/shm: a tmpfs of its own, the host's, or that of the container whose IPC namespace is joined."""
    mode = options.spec.namespaces.ipc
    if mode == HOST:
        return {"ShmDir": "/dev/shm", "shmSize": options.shm_size}
    if mode.startswith("container:"):
        other = engine.state.lookup_container(mode.partition(":")[2])
        theirs = jsonutil.get_str(other.config, "ShmDir", "", source=other.describe())
        return {"ShmDir": theirs, "shmSize": options.shm_size}
    if options.shm_dir:
        return {"ShmDir": os.path.abspath(options.shm_dir), "shmSize": options.shm_size}
    path = os.path.join(directory, "shm")
    return {"ShmDir": path, "shmSize": options.shm_size, "mounts": [path]}


def _process(options: CreateOptions, image_config: Mapping[str, object]) -> dict[str, object]:
    wanted = options.spec
    entrypoint = wanted.entrypoint
    if entrypoint is None:
        entrypoint = spec.texts(image_config, "Entrypoint")
    command = list(wanted.command)
    if not command and wanted.entrypoint is None:
        command = spec.texts(image_config, "Cmd")
    image_labels = image_config.get("Labels")
    labels = {**(image_labels if isinstance(image_labels, dict) else {}), **options.labels}
    return {
        "user": wanted.user or spec.text(image_config, "User"),
        "groups": list(wanted.groups),
        "addCurrentUserPasswdEntry": wanted.current_user or None,
        "entrypoint": list(entrypoint),
        "command": command,
        "stdin": wanted.stdin or None,
        "labels": labels,
        "volatile": wanted.remove or None,
    }


def _network(options: CreateOptions) -> dict[str, object]:
    return {
        "UseImageResolvConf": options.no_resolv_conf,
        "UseImageHosts": options.no_hosts,
        "postConfigureNetNS": False,
        "dnsServer": list(options.dns_servers),
        "dnsSearch": list(options.dns_search),
        "dnsOption": list(options.dns_options),
        "hostsAdd": list(options.hosts),
    }


def _volumes(options: CreateOptions) -> dict[str, object]:
    volumes = options.spec.volumes
    named = [
        {"volumeName": volume.name, "dest": volume.destination, "options": list(volume.options)}
        for volume in volumes.named.values()
    ]
    # What the infra container runs is no volume: Podman gives its volumes to all containers of the pod.
    program = options.infra_program.mounts if options.infra_program is not None else ()
    destinations = sorted({*volumes.destinations(), *spec.writable_places(options.spec)}.difference(program))
    overlays = [
        {"dest": place, "source": overlay.source, "options": list(overlay.options)}
        for place, overlay in volumes.overlays.items()
    ]
    images = [
        {"source": wanted.image, "dest": place, "rw": wanted.writable}
        for place, wanted in volumes.images.items()
    ]
    return {
        "userVolumes": destinations,
        "namedVolumes": named,
        "overlayVolumes": overlays,
        "ctrImageVolumes": images,
    }


def _stop(options: CreateOptions) -> dict[str, object]:
    if options.stop_timeout < 0:
        raise InvalidArgument(f"stop timeout {options.stop_timeout} is negative")
    return {
        "stopSignal": options.stop_signal,
        "stopTimeout": options.stop_timeout,
        "systemd": options.systemd == systemdmode.ALWAYS or "",
    }


def _cgroups(engine: Engine, options: CreateOptions) -> dict[str, object]:
    if options.sdnotify_mode not in notify.MODES:
        raise InvalidArgument(f"--sdnotify {options.sdnotify_mode!r}: one of {', '.join(notify.MODES)}")
    if options.cgroups_mode == groupless.DISABLED:
        return groupless.configuration(engine)
    parent = options.cgroup_parent or engine.cgroups.default_parent
    manager = engine.cgroups_of_pod(parent) if options.pod else engine.cgroups
    manager.check_parent(parent)
    return {
        "cgroupManager": manager.name,
        "cgroupsMode": options.cgroups_mode,
        "cgroupParent": parent,
    }


def _logs(engine: Engine, options: CreateOptions, directory: str) -> dict[str, object]:
    driver = "k8s-file" if options.log_driver in ("json-file", "") else options.log_driver
    if driver not in LOG_DRIVERS:
        raise InvalidArgument(
            f"unknown log driver {options.log_driver!r}", hint=f"log drivers: {', '.join(LOG_DRIVERS)}"
        )
    path = options.log_path or os.path.join(directory, "ctr.log")
    size = options.log_size or max(engine.config.max_log_size, 0)
    return {"logPath": path, "logTag": options.log_tag, "logSize": size, "logDriver": driver}


def _joined(engine: Engine, options: CreateOptions) -> dict[str, object]:
    """The containers whose namespaces are joined, by configuration key."""
    result: dict[str, object] = {}
    for kind, key in NAMESPACE_KEYS.items():
        mode = getattr(options.spec.namespaces, kind)
        if mode.startswith("container:"):
            result[key] = engine.state.lookup_container(mode.partition(":")[2]).id
    return result
