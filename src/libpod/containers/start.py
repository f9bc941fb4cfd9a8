"""Bringing a container up: storage, files, specification, conmon, OCI runtime.

The caller holds the container's lock. What was brought up before a failure is taken down again by
`libpod.containers.cleanup`.
"""

from __future__ import annotations

import os

from libpod import failpoints
from libpod.containers import (
    cleanup,
    connecting,
    defaultmounts,
    firstprocess,
    idmaps,
    notify,
    secrets,
    starthooks,
    userlimits,
    volumemounts,
)
from libpod.containers.create import NAMESPACE_KEYS, NEVER
from libpod.containers.placing import place_conmon
from libpod.errors import InvalidState, NotSupported
from libpod.host import files, jsonutil, linux, mounts, rooted
from libpod.network.hostports import Reservation
from libpod.oci import etcfiles, finalize
from libpod.oci.conmon import LogTarget, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from libpod.containers.checkpoint import Restoring
    from libpod.containers.engine import Engine
    from libpod.oci.conmon import ContainerFiles
    from libpod.state.records import ContainerRecord

CREATED, RUNNING, STOPPED, EXITED = 2, 3, 4, 6
DIRECTORY_MODE = 0o700
CONFIG_MODE = 0o644
# The namespace's file in /proc/PID/ns by its OCI name.
_NAMESPACE_FILES = {
    "ipc": "ipc",
    "network": "net",
    "pid": "pid",
    "user": "user",
    "uts": "uts",
    "cgroup": "cgroup",
}


_OF_EARLIER_RUN = (
    "exitCode", "exited", "oomKilled", "stoppedByUser", "checkpointed", "restored", "checkpointPath",
    "checkpointLog", "restoreLog",
)  # fmt: skip
# What Podman sets up before a start and we do not, by the key of the configuration.
_UNSUPPORTED = {
    "rootfs_overlay": "an overlay over its root directory",
    "cdiDevices": "CDI devices",
}


def require_supported(record: ContainerRecord) -> None:
    """Raise NotSupported for a container that would come up without something that it was made with.

    Without its volume, a container would write its data where nobody looks for it.
    """
    missing = [what for key, what in _UNSUPPORTED.items() if record.config.get(key)]
    if record.config.get("cgroupsMode") == "split":
        missing.append("a control group below the one of its unit")
    if missing:
        raise NotSupported(
            f"container {record.name} has {', '.join(missing)}, which libpod does not set up",
            hint=f"start it with `podman start {record.name}`",
        )


def initialize(engine: Engine, record: ContainerRecord, restoring: Restoring | None = None) -> None:
    """Make the OCI runtime create the container; it does not run yet (state *created*), unless *restoring*
    lets it go on from a checkpoint.

    Raises NotSupported, before anything is touched, for what `require_supported` does not allow.
    """
    require_supported(record)
    connecting.require_ours(engine, record)
    engine.make_directories()
    files.make_directory(record.run_directory, DIRECTORY_MODE)
    try:
        with Reservation() as ports:
            _initialize(engine, record, ports, restoring)
    except BaseException:
        cleanup.after_failure(engine, record)
        raise


def _initialize(
    engine: Engine, record: ContainerRecord, ports: Reservation, restoring: Restoring | None
) -> None:
    userlimits.require_limits(engine, record)
    connecting.prepare(engine, record, ports)
    root = mount(engine, record)
    idmaps.own_root(record, root)
    idmaps.make_reachable(record, root)
    _relabel(record)
    if restoring is None:
        connecting.connect(engine, record)
    else:
        connecting.connect(engine, record, restoring.address)
        restoring.fill(root)
    overlays: list[dict[str, object]] = []
    if record.has_overlays:
        from libpod.containers import overlaymounts

        overlays = overlaymounts.prepare(engine, record)
    binds = _make_files(engine, record)
    binds.update(_add_accounts(engine, record, root))
    record.state["bindMounts"] = binds
    specification = finalize.finalize(
        _stored_specification(record), _facts(engine, record, root, binds, overlays)
    )
    secrets.add_environment(record, specification)
    specification = starthooks.add(engine, record, specification)
    user = _user(record, specification)
    userlimits.require_mapped(engine, record, user)
    volumemounts.give_to(engine, record, user)
    if overlays:
        overlaymounts.give_to(record, user)
    paths = engine.files(record)
    _make_working_directory(record, root, specification)
    _write_specification(record, paths, specification)
    cleanup.forget_strays(engine, record)
    cleanup.remove_leftovers(engine, record)
    _forget_sessions(engine, record)
    failpoints.reach("container.create")
    if record.pod:
        from libpod.containers import membership

        membership.limit(engine, record)
    if connecting.uses_slirp(record):
        from libpod.network.slirp import Tether

        with Tether() as tether:
            _create(engine, record, paths, [tether.held], restoring)
            connecting.connect_slirp(engine, record, tether)
    else:
        _create(engine, record, paths, ports.descriptors, restoring)
    if connecting.is_joined_late(record):
        _join_late(engine, record, binds)
    for key in _OF_EARLIER_RUN:
        record.state.pop(key, None)
    record.state.update(checkpointedTime=NEVER, restoredTime=NEVER)
    engine.state.save_container(record)
    if restoring is None:
        engine.event(record, "init")


def _forget_sessions(engine: Engine, record: ContainerRecord) -> None:
    """Exec sessions of an earlier run whose conmon did not live to see their end."""
    if record.state.get("newExecSessions"):
        from libpod.containers import execute

        for identifier in execute.session_ids(record):
            execute.remove_session(engine, record, identifier)


def _create(
    engine: Engine,
    record: ContainerRecord,
    paths: ContainerFiles,
    descriptors: Sequence[int],
    restoring: Restoring | None,
) -> None:
    """Let conmon, which holds *descriptors* from then on, make the OCI runtime create the container."""
    process = _process(engine, record)
    passed = range(3, 3 + process.preserve_descriptors)
    process = process._replace(held_descriptors=[*passed, *descriptors])
    if restoring is not None:
        process = process._replace(restore=restoring.images, runtime_flags=restoring.flags)
    place = place_conmon(engine, record)
    started = engine.conmon_of(record).create(paths, process, place, _load_what_follows)
    failpoints.reach("container.created")
    record.pid = started.pid
    record.conmon_pid = started.conmon_pid
    record.status = CREATED


def _load_what_follows() -> None:
    """Import what the rest of a container's life needs, while the runtime keeps the other processor busy."""
    from libpod.oci import attach

    del attach


def _relabel(record: ContainerRecord) -> None:
    """Give what is mounted with `:z` or `:Z` the container's label, on a host with SELinux."""
    from libpod.oci import labels

    source = record.describe()
    mount_label = jsonutil.get_str(record.config, "MountLabel", "", source=source)
    labels.relabel_mounts(
        jsonutil.get_list(_stored_specification(record), "mounts", [], source=source), mount_label
    )


def start(engine: Engine, record: ContainerRecord) -> None:
    """Let a created container run."""
    from libpod.storage.objects import now

    failpoints.reach("container.start")
    try:
        engine.runtime_of(record).start(record.id)
    except BaseException:
        cleanup.after_failure(engine, record)
        raise
    failpoints.reach("container.started")
    record.state["startedTime"] = now()
    record.status = RUNNING
    engine.state.save_container(record)
    engine.event(record, "start")
    notify.tell(engine, record)
    if record.config.get("healthcheck"):
        from libpod.containers import health

        health.begin(engine, record)


# ---------------------------------------------------------------- storage


def mount(engine: Engine, record: ContainerRecord) -> str:
    """Mount the container's root and its /dev/shm; returns the root's path."""
    if record.mounted and os.path.isdir(record.mount_point):
        return record.mount_point
    _mount_shared_memory(record)
    root = jsonutil.get_str(record.config, "rootfs", "", source=record.describe())
    if not root:
        root = engine.store.mount(record.id)
    try:
        volumemounts.mount_all(engine, record, root, _user(record, _stored_specification(record)))
    except BaseException:
        cleanup.unmount_root(engine, record)
        raise
    failpoints.reach("container.mounted")
    record.set_mount_point(root)
    engine.state.save_container(record)
    return root


def _mount_shared_memory(record: ContainerRecord) -> None:
    """A tmpfs for /dev/shm, where the container has one of its own (`mounts` of its configuration)."""
    source = record.describe()
    path = jsonutil.get_str(record.config, "ShmDir", "", source=source)
    if not path or path not in jsonutil.get_str_list(record.config, "mounts", [], source=source):
        return
    if mounts.is_mount_point(path):
        return
    files.make_directory(path, DIRECTORY_MODE)
    size = jsonutil.get_int(record.config, "shmSize", 0, source=source)
    flags = linux.MS_NOEXEC | linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("shm", path, "tmpfs", flags, f"mode=1777,size={size}")
    owner = idmaps.root_owner(record)
    if owner != (0, 0):
        os.chown(path, *owner)


# ---------------------------------------------------------------- files


def _make_files(engine: Engine, record: ContainerRecord) -> dict[str, str]:
    """The files that are bound over the container's own: destination to source."""
    source = record.describe()
    directory, owner = record.run_directory, idmaps.root_owner(record)
    binds: dict[str, str] = {}
    shared_memory = jsonutil.get_str(record.config, "ShmDir", "", source=source)
    if shared_memory:
        binds[finalize.SHM] = shared_memory
    network = _network_owner(engine, record)
    if network is not None:
        # A joined network comes with the other container's names.
        theirs = jsonutil.get_str_map(network.state, "bindMounts", {}, source=network.describe())
        binds.update(
            {path: theirs[path] for path in (etcfiles.HOSTS, etcfiles.RESOLV_CONF) if path in theirs}
        )
    else:
        if record.config.get("UseImageHosts") is not True:
            binds[etcfiles.HOSTS] = etcfiles.write(directory, "hosts", _hosts(record), owner)
        own_names = record.config.get("UseImageResolvConf") is not True
        if own_names and (not _is_isolated(record) or any(_resolution(record))):
            text = _resolv_conf(record)
            binds[etcfiles.RESOLV_CONF] = etcfiles.write(directory, "resolv.conf", text, owner)
    for path in jsonutil.get_str_list(record.config, "chroot_directories", [], source=source):
        for name in (etcfiles.HOSTS, etcfiles.RESOLV_CONF):
            if name in binds:
                binds[os.path.join(path, name.lstrip("/"))] = binds[name]
    binds[etcfiles.HOSTNAME] = etcfiles.write(directory, "hostname", _hostname(record), owner)
    for place, path in defaultmounts.binds(engine, record).items():
        binds.setdefault(place, path)
    zone = jsonutil.get_str(record.config, "timezone", "", source=source)
    if zone:
        from libpod.containers import timezones

        binds.setdefault(timezones.LOCALTIME, timezones.copy(zone, directory, owner))
    binds.update(secrets.binds(record, binds))
    environment_file = etcfiles.write(directory, ".containerenv", "", owner)
    binds[etcfiles.CONTAINER_ENVIRONMENT] = environment_file
    binds.update(notify.prepare(record))
    return binds


def _add_accounts(engine: Engine, record: ContainerRecord, root: str) -> dict[str, str]:
    """Users that the container's files do not know, where it runs as anybody in particular."""
    if not any(record.config.get(key) for key in ("user", "addCurrentUserPasswdEntry", "HostUsers")):
        return {}
    from libpod.containers import accounts

    return accounts.add(engine, record, root, _stored_specification(record))


def _network_owner(engine: Engine, record: ContainerRecord) -> ContainerRecord | None:
    other = jsonutil.get_str(record.config, "netNsCtr", "", source=record.describe())
    return engine.state.container(other) if other else None


def _resolv_conf(record: ContainerRecord) -> str:
    resolution = connecting.resolution(record, _resolution(record))
    own_network = _has_own_network(record)
    return etcfiles.resolv_conf_text(etcfiles.host_resolv_conf(), resolution, own_network=own_network)


def _join_late(engine: Engine, record: ContainerRecord, binds: Mapping[str, str]) -> None:
    """Join the networks of a container that is created, and tell it the names that it has there."""
    connecting.connect_late(engine, record)
    if etcfiles.HOSTS in binds:
        etcfiles.rewrite(binds[etcfiles.HOSTS], _hosts(record))
    if etcfiles.RESOLV_CONF in binds:
        etcfiles.rewrite(binds[etcfiles.RESOLV_CONF], _resolv_conf(record))


def _resolution(record: ContainerRecord) -> etcfiles.NameResolution:
    def listed(key: str) -> tuple[str, ...]:
        return tuple(jsonutil.get_str_list(record.config, key, [], source=record.describe()))

    return etcfiles.NameResolution(listed("dnsServer"), listed("dnsSearch"), listed("dnsOption"))


def _hosts(record: ContainerRecord) -> str:
    source = record.describe()
    extra = jsonutil.get_str_list(record.config, "hostsAdd", [], source=source)
    base = etcfiles.read_optional(etcfiles.HOSTS)
    own: list[tuple[str, Sequence[str]]] = []
    if connecting.has_network(record):
        own = connecting.host_lines(record, _hostname(record))
    elif _has_own_network(record):
        own = [("127.0.0.1", [_hostname(record), record.name])]
    return etcfiles.hosts_text(base, extra, own)


def _hostname(record: ContainerRecord) -> str:
    specification = _stored_specification(record)
    return jsonutil.get_str(specification, "hostname", "", source=record.describe()) or record.id[:12]


def _namespaces(record: ContainerRecord) -> list[dict[str, object]]:
    section = jsonutil.get_object(_stored_specification(record), "linux", {}, source=record.describe())
    found = jsonutil.get_list(section, "namespaces", [], source=record.describe())
    return [namespace for namespace in found if isinstance(namespace, dict)]


def _has_own_network(record: ContainerRecord) -> bool:
    return any(namespace.get("type") == "network" for namespace in _namespaces(record))


def _is_isolated(record: ContainerRecord) -> bool:
    """Whether its network namespace is its own and nothing is set up in it (`--network none`)."""
    return _has_own_network(record) and record.config.get("createNetNS") is not True


# ---------------------------------------------------------------- specification


def _stored_specification(record: ContainerRecord) -> Mapping[str, object]:
    return jsonutil.get_object(record.config, "spec", source=record.describe())


def _facts(
    engine: Engine,
    record: ContainerRecord,
    root: str,
    binds: Mapping[str, str],
    overlays: Sequence[Mapping[str, object]],
) -> finalize.StartFacts:
    source, config = record.describe(), record.config
    parent = jsonutil.get_str(config, "cgroupParent", "", source=source)
    group = engine.cgroups_of(record).container_path(parent, record.id)
    systemd = config.get("systemd") is True
    return finalize.StartFacts(
        container_id=record.id,
        root=root,
        cgroup_path=group,
        can_limit=bool(group) or not engine.config.rootless,
        created=record.created,
        stop_signal=jsonutil.get_int(config, "stopSignal", 15, source=source),
        user=jsonutil.get_str(config, "user", "", source=source),
        groups=jsonutil.get_str_list(config, "groups", [], source=source),
        umask=jsonutil.get_str(config, "umask", "", source=source),
        bind_mounts=binds,
        volumes=[*volumemounts.oci_mounts(engine, record), *overlays],
        namespaces=_joined_namespaces(engine, record),
        id_maps=idmaps.of_automatic(record),
        environment=notify.environment(record),
        runtime=engine.runtime_of(record).name,
        systemd=systemd,
        cgroup_version=firstprocess.cgroup_version() if systemd else 0,
    )


def _user(record: ContainerRecord, specification: Mapping[str, object]) -> tuple[int, int]:
    """The user of a specification, by the IDs of the host: whom the first process runs as, or, in the stored
    one, who owns new volumes.
    """
    source = record.describe()
    process = jsonutil.get_object(specification, "process", {}, source=source)
    user = jsonutil.get_object(process, "user", {}, source=source)
    uid = jsonutil.get_int(user, "uid", 0, source=source)
    return idmaps.on_host(record, uid, jsonutil.get_int(user, "gid", 0, source=source))


def _joined_namespaces(engine: Engine, record: ContainerRecord) -> dict[str, str]:
    """The namespaces that are there already, by their OCI name: its network, and those of containers that it
    joins.
    """
    result: dict[str, str] = {"network": record.netns} if record.netns else {}
    for kind, key in NAMESPACE_KEYS.items():
        other_id = jsonutil.get_str(record.config, key, "", source=record.describe())
        if not other_id or (kind == "user" and not idmaps.of_container(record)):
            # Without a mapping it is that of the host, which there is no need to join.
            continue
        other = engine.state.container(other_id)
        if not other.pid:
            raise InvalidState(
                f"container {record.name} joins the {kind} namespace of {other.name}, which is not running",
                hint=f"start {other.name} first",
            )
        result[kind] = f"/proc/{other.pid}/ns/{_NAMESPACE_FILES[kind]}"
    return result


def _make_working_directory(record: ContainerRecord, root: str, specification: Mapping[str, object]) -> None:
    """Make the working directory if it is missing and not asked for by the user; InvalidState if it was."""
    source = record.describe()
    process = jsonutil.get_object(specification, "process", {}, source=source)
    path = jsonutil.get_str(process, "cwd", "/", source=source)
    if path == "/" or rooted.exists(root, path) or _is_below_mount(path, specification):
        return
    if record.config.get("createWorkingDir") is not True:
        raise InvalidState(
            f"working directory {path} of container {record.name} does not exist in it",
            hint="use --workdir with a directory that the image has",
        )
    rooted.make_directory(root, path, 0o755, idmaps.root_owner(record))


def _is_below_mount(path: str, specification: Mapping[str, object]) -> bool:
    """Whether what is at *path* comes from a mount, so that it cannot be seen before the start."""
    found = specification.get("mounts")
    for entry in found if isinstance(found, list) else ():
        target = entry.get("destination") if isinstance(entry, dict) else None
        if isinstance(target, str) and f"{path}/".startswith(f"{target.rstrip('/')}/"):
            return True
    return False


def _write_specification(
    record: ContainerRecord, paths: ContainerFiles, specification: Mapping[str, object]
) -> None:
    path = os.path.join(paths.bundle, "config.json")
    files.write_atomic(path, jsonutil.dumps(specification), mode=CONFIG_MODE, sync=False, sync_dir=False)
    record.state["configPath"] = path


# ---------------------------------------------------------------- conmon


def _process(engine: Engine, record: ContainerRecord) -> Process:
    source, config = record.describe(), record.config
    process = jsonutil.get_object(_stored_specification(record), "process", {}, source=source)
    return Process(
        container_id=record.id,
        name=record.name,
        terminal=process.get("terminal") is True,
        stdin=config.get("stdin") is True,
        log=log_target(engine, record),
        exit_command=_exit_command(engine, record),
        timeout=jsonutil.get_int(config, "timeout", 0, source=source),
        no_pivot_root=engine.config.no_pivot_root,
        preserve_descriptors=engine.passed_descriptors if config.get("preserveFds") else 0,
        sdnotify_socket=notify.relayed_socket(record),
    )


def _exit_command(engine: Engine, record: ContainerRecord) -> tuple[str, ...]:
    """The container's own, else the runtime's. Podman keeps its own cleaning up there: that is ours to do."""
    own = jsonutil.get_str_list(record.config, "exitCommand", [], source=record.describe())
    if own and os.path.basename(own[0]) != "podman":
        return (*own, record.id)
    if not engine.exit_command:
        return ()
    remove = ("--rm",) if record.auto_remove else ()
    return (*engine.exit_command, "container", "cleanup", *remove, record.id)


def log_target(engine: Engine, record: ContainerRecord) -> LogTarget:
    """Where conmon writes the container's output."""
    source, config = record.describe(), record.config
    size = jsonutil.get_int(config, "logSize", 0, source=source) or engine.config.max_log_size
    driver = jsonutil.get_str(config, "logDriver", "k8s-file", source=source)
    return LogTarget(
        driver="k8s-file" if driver in ("", "json-file") else driver,
        path=jsonutil.get_str(config, "logPath", "", source=source),
        tag=jsonutil.get_str(config, "logTag", "", source=source) if driver == "journald" else "",
        size=size if size > 0 else -1,
    )
