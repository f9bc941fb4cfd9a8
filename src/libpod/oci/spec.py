"""The specification of a container as it is stored when the container is created.

It holds what does not change from one start to the next; `libpod.oci.finalize` adds the rest. Podman 4.3
stores the same in its container configuration and starts our containers from it, as we start Podman's, so
defaults and even the order of mounts are as measured there. The format is that of the OCI runtime
specification 1.0.2.
"""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument
from libpod.oci import capabilities, devices, labels, seccomp, units
from libpod.oci.options import DEFAULT_PIDS_LIMIT, HOST, PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from re import Match

    from libpod.oci.options import Resources, SpecOptions

    Object = dict[str, object]

OCI_VERSION = "1.0.2-dev"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INIT = "/run/podman-init"
"""Where the program of `--init` is in the container."""
DEFAULT_LIMITS = (units.Limit("nofile", 1 << 20, 1 << 20), units.Limit("nproc", 1 << 20, 1 << 20))
"""As Podman 4.3 sets them for root, where nothing else is said."""

MASKED_PATHS = (
    "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/fs/selinux", "/sys/dev/block",
)  # fmt: skip
READ_ONLY_PATHS = (
    "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
)  # fmt: skip
_NAMESPACES = (("pid", "pid"), ("network", "network"), ("ipc", "ipc"), ("uts", "uts"), ("user", "user"))
# A read-only root still needs places to write: podman-run(1), --read-only-tmpfs.
INIT = "/run/podman-init"
"""Where `--init` brings its program, as with Podman 4.3."""
CATATONIT = (
    "/usr/local/libexec/podman/catatonit",
    "/usr/local/lib/podman/catatonit",
    "/usr/libexec/podman/catatonit",
    "/usr/lib/podman/catatonit",
    "/usr/bin/catatonit",
)
"""Where Podman and the distributions have it."""
_READ_ONLY_TMPFS = ("/tmp", "/var/tmp", "/run")
_VARIABLE = r"\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})"
_PTS_OPTIONS = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
_TTY_GROUP = 5
_SYSCTL_NAMESPACES = {"net.": "network", "fs.mqueue.": "ipc", "kernel.domainname": "uts"}
_IPC_SYSCTLS = frozenset(
    ("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
     "kernel.shmmni", "kernel.shm_rmid_forced")
)  # fmt: skip


def generate(options: SpecOptions, image: Mapping[str, object]) -> tuple[Object, list[str]]:
    """The specification to store, and warnings about limits that had to be lowered.

    *image* is the `config` object of the image's OCI configuration; an empty mapping for a root directory.
    Raises InvalidArgument for whatever was asked for and cannot be.
    """
    limits, warnings = units.rlimits(options.limits, DEFAULT_LIMITS)
    granted = granted_capabilities(options)
    device_list, device_rules = devices.parse(options.devices)
    device_rules += map(dict, options.device_rules)
    if options.owner is not None:
        device_list = []
    spec: Object = {
        "ociVersion": OCI_VERSION,
        "process": _process(options, image, granted, limits),
        "root": {"path": "rootfs", **({"readonly": True} if options.read_only else {})},
    }
    if hostname := _hostname(options):
        spec["hostname"] = hostname
    spec["mounts"] = _mounts(options)
    spec["annotations"] = _annotations(options)
    spec["linux"] = _linux(options, granted, device_list, device_rules)
    return spec, warnings


def _hostname(options: SpecOptions) -> str:
    """Who shares the host's network, or its name, is known by that name; empty for one made from the ID."""
    shared = HOST in (options.namespaces.network, options.namespaces.uts)
    return options.hostname or (os.uname().nodename if shared else "")


# ---------------------------------------------------------------- process


def _process(
    options: SpecOptions, image: Mapping[str, object], granted: list[str], limits: list[Object]
) -> Object:
    process: Object = {}
    if options.terminal:
        process["terminal"] = True
    process["user"] = _stored_user(options)
    process["args"] = arguments(options, image)
    process["env"] = environment(options, image)
    process["cwd"] = options.working_directory or text(image, "WorkingDir") or "/"
    process["capabilities"] = _capability_sets(options, image, granted)
    if limits:
        process["rlimits"] = limits
    if options.no_new_privileges:
        process["noNewPrivileges"] = True
    profile = labels.profile_to_apply(options.apparmor_profile)
    if profile and not options.privileged:
        process["apparmorProfile"] = profile
    if options.labels.process:
        process["selinuxLabel"] = options.labels.process
    if options.resources.oom_score_adj is not None:
        process["oomScoreAdj"] = options.resources.oom_score_adj
    return process


def _stored_user(options: SpecOptions) -> Object:
    """Who owns new volumes, and a group to be in; who the first process runs as is looked up at the start."""
    if options.own_ids is None:
        return {"uid": 0, "gid": 0}
    uid, gid = options.own_ids
    return {"uid": uid, "gid": gid, "additionalGids": [gid]}


def arguments(options: SpecOptions, image: Mapping[str, object]) -> list[str]:
    """What the container runs: entry point and command, those of the image where none were given.

    A new entry point does away with the image's command. InvalidArgument if nothing is left to run.
    """
    entrypoint = list(options.entrypoint) if options.entrypoint is not None else texts(image, "Entrypoint")
    command = list(options.command)
    if not command and options.entrypoint is None:
        command = texts(image, "Cmd")
    if not entrypoint and not command:
        raise InvalidArgument(
            "no command to run", hint="give one, or use an image that has a command or entry point"
        )
    return _with_init(options, entrypoint + command)


def _with_init(options: SpecOptions, command: list[str]) -> list[str]:
    if not options.init_program:
        return command
    if options.namespaces.pid != PRIVATE:
        raise InvalidArgument(
            "--init needs a PID namespace of the container's own: its program is the first process there"
        )
    return [INIT, "--", *command]


def environment(options: SpecOptions, image: Mapping[str, object]) -> list[str]:
    """`NAME=value` texts: the defaults, the image's, and those asked for, later ones winning.

    InvalidArgument for a name or value that no environment can have.
    """
    result = {"PATH": DEFAULT_PATH, "TERM": "xterm", "container": "podman"}
    for entry in texts(image, "Env"):
        name, _, value = entry.partition("=")
        result[name] = value
    merged = {
        name: _substituted(value, result)
        for name, value in options.merged_environment.items()
        if name in result
    }
    for name in (*result,) if options.unset_all else options.unset_environment:
        result.pop(name, None)
    result.update({**merged, **options.environment})
    for name in result:
        if not name or "=" in name or "\0" in name + result[name]:
            raise InvalidArgument(f"environment variable {name!r} has an impossible name or value")
    return [f"{name}={value}" for name, value in result.items()]


def _substituted(value: str, known: Mapping[str, str]) -> str:
    """*value* with `$NAME`, `${NAME}`, `${NAME:-other}` and `${NAME:+other}` filled in, as in a shell."""
    import re

    def fill(found: Match[str]) -> str:
        old = known.get(found[1] or found[2], "")
        if found[3] == "+":
            return found[4] if old else ""
        return old or found[4] or ""

    return re.sub(_VARIABLE, fill, value)


def granted_capabilities(options: SpecOptions) -> list[str]:
    """The bounding set."""
    if options.privileged:
        return sorted(capabilities.grantable())
    base = list(options.default_capabilities) or list(capabilities.DEFAULT)
    return capabilities.adjust(base, options.add_capabilities, options.drop_capabilities)


def _capability_sets(options: SpecOptions, image: Mapping[str, object], granted: list[str]) -> Object:
    user = (options.user or text(image, "User")).partition(":")[0]
    if user in ("", "0", "root"):
        return {"bounding": granted, "effective": granted, "permitted": granted}
    # Another user starts with what was added, and may not get the rest back.
    added = capabilities.normalize(options.add_capabilities)
    if "ALL" in added:
        added = granted
    if not added:
        return {"bounding": granted}
    return {
        "bounding": granted,
        "effective": added,
        "inheritable": added,
        "permitted": added,
        "ambient": added,
    }


# ---------------------------------------------------------------- mounts


def _mounts(options: SpecOptions) -> list[Object]:
    """Those asked for first, then the defaults that they do not replace."""
    result = list(options.volumes.mounts.values())
    if options.init_program:
        result.append(_mount(INIT, "bind", options.init_program, "bind", "ro", "rprivate"))
    if options.owner is not None:
        result += devices.bound(options.devices, everything=options.privileged)
    asked = set(options.volumes.destinations())
    result += [mount for mount in _default_mounts(options) if mount["destination"] not in asked]
    result += [_writable(path) for path in writable_places(options) if path not in asked]
    return result


def writable_places(options: SpecOptions) -> tuple[str, ...]:
    """Where there are file systems in memory so that a container with a read-only root can write."""
    return _READ_ONLY_TMPFS if options.read_only and options.read_only_tmpfs else ()


def _default_mounts(options: SpecOptions) -> list[Object]:
    mounts: list[Object] = [
        _mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev", *options.proc_options),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "noexec", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", *_terminal_options(options)),
    ]
    if options.namespaces.ipc == HOST and options.in_user_namespace:
        # In a user namespace nobody may mount the queues of the host; one without systemd has them nowhere.
        if os.path.isdir("/dev/mqueue"):
            mounts.append(_mount("/dev/mqueue", "bind", "/dev/mqueue", "bind", "nosuid", "noexec", "nodev"))
    else:
        mounts.append(_mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"))
    mounts += _sys_mounts(options)
    if options.namespaces.pid == HOST and options.in_user_namespace:
        mounts[0] = _mount("/proc", "bind", "/proc", "rbind", "nosuid", "noexec", "nodev", "rw", "rprivate")
    return mounts


def _terminal_options(options: SpecOptions) -> list[str]:
    """Terminals belong to group 5, tty, everywhere; the kernel refuses a group that is not mapped."""
    gids = options.gid_map or options.uid_map or (options.owner.gid_map if options.owner else ())
    if gids and not any(inside <= _TTY_GROUP < inside + size for inside, _host, size in gids):
        return ["rprivate", *_PTS_OPTIONS]
    return [*_PTS_OPTIONS, f"gid={_TTY_GROUP}"]


def _sys_mounts(options: SpecOptions) -> list[Object]:
    access = "rw" if options.privileged else "ro"
    if options.in_user_namespace and options.namespaces.network == HOST:
        # sysfs belongs to the network namespace's user namespace, so it cannot be mounted: bound instead.
        return [_mount("/sys", "bind", "/sys", "rprivate", "nosuid", "noexec", "nodev", "ro", "rbind")]
    private = ("rprivate",) if options.privileged else ()
    return [
        _mount("/sys", "sysfs", "sysfs", *private, "nosuid", "noexec", "nodev", access),
        _mount(
            "/sys/fs/cgroup", "cgroup", "cgroup", "rprivate", "nosuid", "noexec", "nodev", "relatime", access
        ),
    ]


def _mount(destination: str, kind: str, source: str, *mount_options: str) -> Object:
    return {"destination": destination, "type": kind, "source": source, "options": list(mount_options)}


def _writable(path: str) -> Object:
    return _mount(path, "tmpfs", "tmpfs", "rw", "rprivate", "nosuid", "nodev", "tmpcopyup")


# ---------------------------------------------------------------- annotations, linux


def _annotations(options: SpecOptions) -> Object:
    def told(value: object) -> str:
        return "TRUE" if value else "FALSE"

    return {
        "io.kubernetes.cri-o.TTY": "true" if options.terminal else "false",
        "io.podman.annotations.autoremove": told(options.remove),
        "io.podman.annotations.init": told(options.init_program),
        "io.podman.annotations.privileged": told(options.privileged),
        "io.podman.annotations.publish-all": "FALSE",
        **options.annotations,
    }


def _linux(
    options: SpecOptions, granted: list[str], device_list: list[Object], rules: list[Object] | None
) -> Object:
    linux: Object = {}
    if options.uid_map:
        linux["uidMappings"] = _id_mappings(options.uid_map)
        linux["gidMappings"] = _id_mappings(options.gid_map or options.uid_map)
    sysctls = _sysctls(options)
    if sysctls:
        linux["sysctl"] = sysctls
    if options.owner is not None or (options.uid_map and not options.privileged):
        # The OCI runtime ignores them there: a user namespace may not make devices at all.
        rules = None
    linux["resources"] = _resources(options, rules)
    linux["namespaces"] = _namespaces(options)
    if options.privileged and options.owner is None:
        linux["devices"] = devices.all_devices()
    elif device_list:
        linux["devices"] = device_list
    if options.personality:
        linux["personality"] = {"domain": options.personality}
    propagation = _root_propagation(options)
    if propagation:
        linux["rootfsPropagation"] = propagation
    profile = None if options.privileged else seccomp.load(options.seccomp_profile, granted)
    if profile is not None:
        linux["seccomp"] = profile
    if options.labels.mount:
        linux["mountLabel"] = options.labels.mount
    if not options.privileged:
        linux.update(_hidden_paths(options))
    return linux


def _id_mappings(triples: Sequence[tuple[int, int, int]]) -> list[Object]:
    return [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in triples]


def _sysctls(options: SpecOptions) -> dict[str, str]:
    """Only what belongs to a namespace of the container's own; anything else would change the host.

    Configured defaults that do not fit are left out, those asked for are refused.
    """
    for name in options.sysctls:
        kind = _sysctl_namespace(name)
        if not kind:
            raise InvalidArgument(f"--sysctl {name} is not bound to a namespace: it would change the host")
        if getattr(options.namespaces, kind) == HOST:
            raise InvalidArgument(f"--sysctl {name} cannot be set with the host's {kind} namespace")
    defaults = {
        name: value
        for name, value in options.default_sysctls.items()
        if getattr(options.namespaces, _sysctl_namespace(name), HOST) != HOST
    }
    return {**defaults, **options.sysctls}


def _sysctl_namespace(name: str) -> str:
    if name in _IPC_SYSCTLS:
        return "ipc"
    return next((kind for prefix, kind in _SYSCTL_NAMESPACES.items() if name.startswith(prefix)), "")


def _resources(options: SpecOptions, rules: list[Object] | None) -> Object:
    resources = options.resources
    result: Object = {}
    if rules is not None:
        result["devices"] = [{"allow": options.privileged, "access": "rwm"}, *rules]
    result.update(limits(resources))
    default = DEFAULT_PIDS_LIMIT if options.owner is None or "pids" in options.owner.controllers else 0
    pids = default if resources.pids_limit is None else resources.pids_limit
    if pids > 0:
        result["pids"] = {"limit": pids}
    if resources.cgroup_files:
        result["unified"] = dict(resources.cgroup_files)
    return result


def limits(resources: Resources) -> Object:
    """Those of memory, processors and block devices that were asked for, as the specification has them.

    InvalidArgument for some that do not go together.
    """
    result: Object = {}
    memory = {
        "limit": resources.memory,
        "reservation": resources.memory_reservation,
        "swap": _swap(resources),
        "swappiness": resources.memory_swappiness,
        "disableOOMKiller": resources.oom_kill_disable or None,
    }
    cpu = {
        "shares": resources.cpu_shares,
        "quota": resources.cpu_quota,
        "period": resources.cpu_period,
        "realtimeRuntime": resources.cpu_rt_runtime,
        "realtimePeriod": resources.cpu_rt_period,
        "cpus": resources.cpuset_cpus or None,
        "mems": resources.cpuset_mems or None,
    }
    block = {"weight": resources.blkio_weight, **resources.block_devices}
    for name, values in (("memory", memory), ("cpu", cpu), ("blockIO", block)):
        given = {key: value for key, value in values.items() if value is not None}
        if given:
            result[name] = given
    return result


def _swap(resources: Resources) -> int | None:
    """Memory and swap together; twice the memory where only that was given (podman-run(1))."""
    if resources.memory_swap is None:
        return None if not resources.memory or resources.memory < 0 else 2 * resources.memory
    if resources.memory is None:
        raise InvalidArgument("--memory-swap needs --memory")
    if -1 < resources.memory_swap < resources.memory:
        raise InvalidArgument("--memory-swap is memory and swap together: it cannot be smaller than --memory")
    return resources.memory_swap


def _namespaces(options: SpecOptions) -> list[Object]:
    result: list[Object] = []
    for field, kind in _NAMESPACES:
        mode = getattr(options.namespaces, field)
        if mode == HOST or (field == "user" and mode.startswith("container:")):
            continue
        if mode.startswith("ns:"):
            result.append({"type": kind, "path": _namespace_path(mode[3:])})
        else:
            result.append({"type": kind})
    result.append({"type": "mount"})
    if options.namespaces.cgroup == PRIVATE:
        result.append({"type": "cgroup"})
    return result


def _namespace_path(path: str) -> str:
    if not os.path.exists(path):
        raise InvalidArgument(f"namespace {path}: no such file")
    return path


def _root_propagation(options: SpecOptions) -> str:
    """A mount that shares with the host needs a root that does, too."""
    asked = {option for mount in options.volumes.mounts.values() for option in texts(mount, "options")}
    if asked & {"shared", "rshared"}:
        return "shared"
    return "rslave" if asked & {"slave", "rslave"} else ""


def _hidden_paths(options: SpecOptions) -> dict[str, list[str]]:
    unmasked = set(options.unmasked_paths)
    if "ALL" in unmasked:
        return {}
    masked = [path for path in (*MASKED_PATHS, *options.masked_paths) if path not in unmasked]
    read_only = [path for path in READ_ONLY_PATHS if path not in unmasked]
    return {"maskedPaths": masked, "readonlyPaths": read_only}


# ---------------------------------------------------------------- reading an image configuration


def text(mapping: Mapping[str, object], key: str) -> str:
    """The text at *key*; empty if it is absent or something else."""
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def texts(mapping: Mapping[str, object], key: str) -> list[str]:
    """The list of texts at *key*; empty if it is absent or something else."""
    value = mapping.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
