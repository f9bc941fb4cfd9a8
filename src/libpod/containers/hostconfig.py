"""The section `HostConfig` of an inspected container: what it was given by the host.

Written by Podman's rules, which were measured with Podman 4.3.1 for one container for each option of
`podman create`. `CapAdd` and `CapDrop` are not among the keys: they are differences to the configuration of
the program that asks, not of the container. `EffectiveCaps` and `BoundingCaps` hold the whole truth.
"""

from __future__ import annotations

from libpod.containers import mounts, ports
from libpod.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.fields import Fields

    Object = dict[str, object]

ANNOTATION = "io.podman.annotations."
_DEFAULT_PARENTS = {"cgroupfs": "/libpod_parent", "systemd": "machine.slice"}
_NANO = 1_000_000_000


def host_config(config: Fields, spec: Fields) -> Object:
    """The section for a container of this configuration and OCI *spec*. DecodeError for a wrong type."""
    annotations = spec.text_map("annotations") or {}
    return {
        **_general(config, annotations),
        **_names(config),
        **_namespaces(config, spec),
        **_security(config, spec, annotations),
        **_fixed(),
        **_resources(spec.child("linux").child("resources")),
        **_optional(config, annotations),
        "Binds": mounts.binds(config, spec),
        "Tmpfs": mounts.tmpfs(config, spec),
        "Devices": [_device(item.text("path")) for item in config.children("device_host_src")],
        "Ulimits": [_limit(item) for item in spec.child("process").children("rlimits")],
        "OomScoreAdj": spec.child("process").number("oomScoreAdj"),
    }


def _general(config: Fields, annotations: dict[str, str]) -> Object:
    volumes_from = annotations.get(ANNOTATION + "volumes-from")
    return {
        "CgroupManager": config.text("cgroupManager"),
        "ContainerIDFile": annotations.get(ANNOTATION + "cid-file", ""),
        "LogConfig": {
            "Type": config.text("logDriver"),
            "Config": None,
            "Path": config.text("logPath"),
            "Tag": config.text("logTag"),
            "Size": human_size(config.number("logSize"), digits=4, gap=""),
        },
        "PortBindings": ports.bindings(config),
        "RestartPolicy": {
            "Name": config.text("restart_policy"),
            "MaximumRetryCount": config.number("restart_retries"),
        },
        "AutoRemove": annotations.get(ANNOTATION + "autoremove") == "TRUE",
        "VolumesFrom": volumes_from.split(",") if volumes_from else None,
        "Cgroups": "disabled" if _without_cgroup(config) else "default",
        "CgroupParent": _parent(config),
        "ShmSize": config.number("shmSize"),
    }


def _without_cgroup(config: Fields) -> bool:
    return config.flag("noCgroups") or config.text("cgroupsMode") == "disabled"


def _parent(config: Fields) -> str:
    """The parent cgroup, where it is not the one that the cgroup manager takes by itself."""
    parent = config.text("cgroupParent")
    return "" if parent == _DEFAULT_PARENTS.get(config.text("cgroupManager")) else parent


def _names(config: Fields) -> Object:
    return {
        "Dns": config.texts("dnsServer"),
        "DnsOptions": config.texts("dnsOption"),
        "DnsSearch": config.texts("dnsSearch"),
        "ExtraHosts": config.texts("hostsAdd"),
        "GroupAdd": config.texts("groups"),
    }


def _namespaces(config: Fields, spec: Fields) -> Object:
    """The namespaces. Podman 4.3 calls the host's IPC namespace shareable as well."""
    return {
        "CgroupMode": _namespace(config, spec, "cgroup", "cgroupNsCtr", "private", "host"),
        "NetworkMode": _network_mode(config, spec),
        "IpcMode": _namespace(config, spec, "ipc", "ipcNsCtr", "shareable", "shareable"),
        "PidMode": _namespace(config, spec, "pid", "pidNsCtr", "private", "host"),
        "UTSMode": _namespace(config, spec, "uts", "utsNsCtr", "private", "host"),
        "UsernsMode": _namespace(config, spec, "user", "userNsCtr", "private", ""),
    }


def _namespace(config: Fields, spec: Fields, kind: str, owner_key: str, own: str, absent: str) -> str:
    owner = config.text(owner_key)
    if owner:
        return f"container:{owner}"
    path = namespace_path(spec, kind)
    if path is None:
        return absent
    return f"ns:{path}" if path else own


def namespace_path(spec: Fields, kind: str) -> str | None:
    """The path of the namespace of this *kind* in an OCI spec; empty for a new one, None for the host's."""
    for namespace in spec.child("linux").children("namespaces"):
        if namespace.text("type") == kind:
            return namespace.text("path")
    return None


def _network_mode(config: Fields, spec: Fields) -> str:
    owner, mode = config.text("netNsCtr"), config.text("networkMode")
    if owner:
        return f"container:{owner}"
    if config.flag("createNetNS"):
        return mode if mode.partition(":")[0] in ("slirp4netns", "pasta") else "bridge"
    path = namespace_path(spec, "network")
    if path is None:
        return "host"
    return f"ns:{path}" if path else "none"


def _security(config: Fields, spec: Fields, annotations: dict[str, str]) -> Object:
    options = ["no-new-privileges"] if spec.child("process").flag("noNewPrivileges") else []
    for name in ("label", "seccomp", "apparmor"):
        value = annotations.get(ANNOTATION + name)
        if value is not None:
            options.append(f"{name}={value}")
    return {
        "Privileged": config.flag("privileged"),
        "ReadonlyRootfs": spec.child("root").flag("readonly"),
        "SecurityOpt": options,
    }


def _fixed() -> Object:
    """What Podman prints for Docker's sake, whatever the container."""
    return {
        "VolumeDriver": "",
        "Cgroup": "",
        "Links": None,
        "PublishAllPorts": False,
        "Runtime": "oci",
        "ConsoleSize": [0, 0],
        "Isolation": "",
        "DiskQuota": 0,
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
    }


def _optional(config: Fields, annotations: dict[str, str]) -> Object:
    found: Object = {}
    if annotations.get(ANNOTATION + "init") == "TRUE":
        found["Init"] = True
    options = config.child("idMappingsOptions")
    maps = {"UidMap": _id_map(options, "UIDMap"), "GidMap": _id_map(options, "GIDMap")}
    if all(maps.values()):
        found["IDMappings"] = maps
    return found


def _id_map(options: Fields, key: str) -> list[str]:
    return [
        f"{item.number('container_id')}:{item.number('host_id')}:{item.number('size')}"
        for item in options.children(key)
    ]


def _resources(resources: Fields) -> Object:
    processor, memory = resources.child("cpu"), resources.child("memory")
    period, quota = processor.number("period"), processor.number("quota")
    return {
        "CpuShares": processor.number("shares"),
        "NanoCpus": int(_NANO * quota / period) if quota > 0 and period > 0 else 0,
        "CpuPeriod": period,
        "CpuQuota": quota,
        "CpuRealtimePeriod": processor.number("realtimePeriod"),
        "CpuRealtimeRuntime": processor.number("realtimeRuntime"),
        "CpusetCpus": processor.text("cpus"),
        "CpusetMems": processor.text("mems"),
        "Memory": memory.number("limit"),
        "KernelMemory": memory.number("kernel"),
        "MemoryReservation": memory.number("reservation"),
        "MemorySwap": memory.number("swap"),
        "MemorySwappiness": memory.number("swappiness", -1) if resources.has("memory") else 0,
        "OomKillDisable": memory.flag("disableOOMKiller"),
        "PidsLimit": resources.child("pids").number("limit"),
        "CgroupConf": resources.text_map("unified"),
        **_block_devices(resources),
    }


def _block_devices(resources: Fields) -> Object:
    """The limits on block devices. Podman prints the paths of the devices, which only the host can tell."""
    limits = resources.child("blockIO")
    empty: list[object] | None = [] if resources.has("blockIO") else None
    found: Object = {"BlkioWeight": limits.number("weight")}
    for name, key in _BLOCK_LIMITS:
        if not limits.has(key):
            found[name] = empty
    return found


_BLOCK_LIMITS = (
    ("BlkioWeightDevice", "weightDevice"),
    ("BlkioDeviceReadBps", "throttleReadBpsDevice"),
    ("BlkioDeviceWriteBps", "throttleWriteBpsDevice"),
    ("BlkioDeviceReadIOps", "throttleReadIOPSDevice"),
    ("BlkioDeviceWriteIOps", "throttleWriteIOPSDevice"),
)


def _device(path: str) -> Object:
    """One device from the form in which it was asked for: HOST[:CONTAINER][:PERMISSIONS]."""
    host, _, rest = path.partition(":")
    inside = rest.partition(":")[0]
    return {
        "PathOnHost": host,
        "PathInContainer": inside if inside.startswith("/") else host,
        "CgroupPermissions": "",
    }


def _limit(item: Fields) -> Object:
    return {"Name": item.text("type"), "Soft": item.number("soft"), "Hard": item.number("hard")}
