"""Containers, pods and volumes in full, with Podman's key names, made from records.

Each value that stands in the database equals what Podman 4.3.1 prints for it. Keys whose value Podman takes
from elsewhere are left out: `ImageDigest` and `GraphDriver.Data` come from the image store, `CapAdd` and
`CapDrop` from the configuration of the asking program. Only `Health` is in a file of the container, and is
read from there.
"""

from __future__ import annotations

from libpod.containers import mounts, status
from libpod.containers.fields import Fields
from libpod.containers.hostconfig import host_config
from libpod.containers.items import Item
from libpod.containers.networks import network_settings
from libpod.errors import DecodeError, FileError
from libpod.state.records import CONTAINER, POD
from libpod.times import ZERO_TIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Object = dict[str, object]

_NAMESPACE_OWNERS = (
    "ipcNsCtr",
    "mountNsCtr",
    "netNsCtr",
    "pidNsCtr",
    "userNsCtr",
    "utsNsCtr",
    "cgroupNsCtr",
)
_HEALTH_ACTIONS = ("none", "invalid", "kill", "restart", "stop")
_SHORT_ID = 12


class Inspection:
    """Answers for the objects of one store.

    *containers* and *volumes* are all of them: a container may use another's network or host name.
    """

    def __init__(
        self,
        containers: Iterable[Item],
        volumes: Iterable[Item] = (),
        *,
        default_network: str = "podman",
    ) -> None:
        self._containers = {item.id: item for item in containers}
        self._volumes = {item.name: item for item in volumes}
        self._default_network = default_network

    def describe(self, item: Item, *, spec: Mapping[str, object] | None = None) -> Object:
        """One object of whatever kind. A record with a value of a wrong type is described as a broken one."""
        try:
            return self._describe(item, spec)
        except DecodeError as error:
            broken = Item(item.kind, item.id, item.name, error=error.message)
            return self._describe(broken, None)

    def _describe(self, item: Item, spec: Mapping[str, object] | None) -> Object:
        if item.kind == CONTAINER:
            return self.container(item, spec=spec)
        return self.pod(item) if item.kind == POD else self.volume(item)

    def container(self, item: Item, *, spec: Mapping[str, object] | None = None) -> Object:
        """One container. *spec* is the OCI configuration written when it last started, if there is one.

        A container whose record cannot be read has its identity, the state "broken", and the reason.
        DecodeError for a record with a value of a wrong type.
        """
        if item.error is not None:
            state = {"Status": status.BROKEN, "Error": item.error}
            return {"Id": item.id, "Name": item.name, "State": state}
        config = item.config
        oci = config.child("spec") if spec is None else Fields(spec, f"OCI configuration of {item.name}")
        driver = storage_driver(config.text("staticDir"))
        return {
            **_identity(item, oci),
            **_files(item),
            "Name": item.name,
            "RestartCount": item.state.number("restartCount"),
            "Driver": driver,
            **_security(config, oci),
            "ExecIDs": list(item.state.child("newExecSessions").raw),
            "GraphDriver": {"Name": driver},
            "Mounts": mounts.inspected(config, oci, self._volumes),
            "Dependencies": dependencies(config),
            "NetworkSettings": self._network_settings(item),
            "Namespace": config.text("namespace"),
            "IsInfra": config.flag("pause"),
            "IsService": config.flag("isService"),
            "Config": self._config(item, oci),
            "HostConfig": host_config(config, oci),
        }

    def _network_settings(self, item: Item) -> Object:
        return network_settings(self._owner(item, "netNsCtr"), self._default_network)

    def _owner(self, item: Item, key: str) -> Item:
        """The container whose namespace *item* uses, however many steps away; *item* where there is none."""
        seen = {item.id}
        while True:
            owner = self._containers.get(item.config.text(key))
            if owner is None or owner.id in seen or owner.error is not None:
                return item
            seen.add(owner.id)
            item = owner

    def _config(self, item: Item, oci: Fields) -> Object:
        config, process = item.config, oci.child("process")
        return {
            "Hostname": self._container_hostname(item),
            "Domainname": "",
            "User": config.text("user"),
            "AttachStdin": False,
            "AttachStdout": False,
            "AttachStderr": False,
            "Tty": process.flag("terminal"),
            "OpenStdin": config.flag("stdin"),
            "StdinOnce": False,
            "Env": _environment(process, config),
            "Cmd": config.texts_or_null("command"),
            "Image": config.text("rootfsImageName"),
            "Volumes": None,
            "WorkingDir": process.text("cwd"),
            "Entrypoint": " ".join(config.texts("entrypoint")),
            "OnBuild": None,
            "Labels": config.text_map("labels"),
            "Annotations": oci.text_map("annotations"),
            "StopSignal": config.number("stopSignal"),
            "HealthcheckOnFailureAction": _health_action(config.number("healthcheck_on_failure_action")),
            "Umask": config.text("umask"),
            "Timeout": config.number("timeout"),
            "StopTimeout": config.number("stopTimeout"),
            **_optional_config(config),
        }

    def _container_hostname(self, item: Item) -> str:
        owner = self._owner(item, "utsNsCtr")
        return owner.config.child("spec").text("hostname") or owner.id[:_SHORT_ID]

    def pod(self, item: Item) -> Object:
        """One pod, with the states of its containers. Podman's rules, as for `container`."""
        if item.error is not None:
            return {"Id": item.id, "Name": item.name, "State": status.BROKEN.title(), "Error": item.error}
        config, state = item.config, item.state
        members = [self._containers[member] for member in item.members if member in self._containers]
        infra = self._containers.get(state.text("InfraContainerID"))
        found: Object = {
            "Id": item.id,
            "Name": item.name,
            "Namespace": config.text("namespace"),
            "Created": config.text("created", ZERO_TIME),
            "CreateCommand": config.texts("CreateCommand"),
            "ExitPolicy": config.text("ExitPolicy"),
            "State": status.pod_status([member.status for member in members if not member.is_initial]),
            "Hostname": config.text("hostname"),
            "Labels": config.text_map("labels"),
            "CreateCgroup": _uses_cgroup(config),
            "CgroupParent": config.text("cgroupParent"),
            "CgroupPath": state.text("cgroupPath") or state.text("CgroupPath"),
            "CreateInfra": infra is not None,
            "InfraContainerID": state.text("InfraContainerID"),
            "SharedNamespaces": [name for name, key in _SHARED if config.flag(key)],
            "NumContainers": len(item.members),
            "Containers": [_member(member) for member in members],
        }
        if infra is not None and infra.error is None:
            found["InfraConfig"] = {**_infra_config(infra), **_processors(config)}
            found.update(self._given_to_infra(infra))
        found.update(_pod_limits(config))
        return {key: value for key, value in found.items() if key not in _OMITTED_EMPTY or value}

    def _given_to_infra(self, infra: Item) -> Object:
        """What all containers of a pod have from its infra container; what is empty is left out."""
        oci = infra.config.child("spec")
        host = host_config(infra.config, oci)
        found: Object = {
            "mounts": mounts.inspected(infra.config, oci, self._volumes),
            "devices": host["Devices"],
            "volumes_from": host["VolumesFrom"],
            "security_opt": host["SecurityOpt"],
        }
        return {key: value for key, value in found.items() if value}

    def volume(self, item: Item) -> Object:
        """One volume."""
        if item.error is not None:
            return {"Name": item.name, "Error": item.error}
        config, state = item.config, item.state
        found: Object = {
            "Name": item.name,
            "Driver": config.text("volumeDriver") or "local",
            "Mountpoint": state.text("mountPoint") or config.text("mountPoint"),
            "CreatedAt": config.text("createdAt", ZERO_TIME),
            "Labels": config.text_map("labels") or {},
            "Scope": "local",
            "Options": config.text_map("volumeOptions") or {},
            "UID": config.number("uid"),
            "GID": config.number("gid"),
            "Anonymous": config.flag("isAnon"),
            "MountCount": state.number("mountCount"),
            "NeedsCopyUp": state.flag("notYetMounted"),
            "NeedsChown": state.flag("notYetChowned"),
        }
        return {key: value for key, value in found.items() if key not in _OMITTED_OF_VOLUMES or value}


_OMITTED_EMPTY = frozenset(
    (
        "Namespace",
        "CreateCommand",
        "ExitPolicy",
        "Labels",
        "CgroupPath",
        "InfraContainerID",
        "SharedNamespaces",
        "Containers",
    )
)
_OMITTED_OF_VOLUMES = frozenset(("UID", "GID", "Anonymous", "NeedsCopyUp", "NeedsChown"))
_SHARED = (
    ("pid", "sharesPid"),
    ("ipc", "sharesIpc"),
    ("net", "sharesNet"),
    ("mount", "sharesMnt"),
    ("user", "sharesUser"),
    ("uts", "sharesUts"),
    ("cgroup", "sharesCgroupNS"),
)


def _identity(item: Item, oci: Fields) -> Object:
    config = item.config
    arguments = oci.child("process").texts("args")
    return {
        "Id": item.id,
        "Created": config.text("createdTime", ZERO_TIME),
        "Path": arguments[0] if arguments else "",
        # A command without arguments is its own argument, as Podman prints it.
        "Args": arguments[1:] if len(arguments) > 1 else arguments,
        "State": _state(item, oci),
        "Image": config.text("rootfsImageID"),
        "ImageName": config.text("rootfsImageName"),
        "Rootfs": config.text("rootfs"),
        "Pod": config.text("pod"),
    }


def _state(item: Item, oci: Fields) -> Object:
    state = item.state
    word = status.status_name(state.number("state"))
    found: Object = {
        "OciVersion": oci.text("ociVersion"),
        "Status": word,
        "Running": word == "running",
        "Paused": word == "paused",
        "Restarting": False,
        "OOMKilled": state.flag("oomKilled"),
        "Dead": word == "bad state",
        "Pid": state.number("pid"),
        "ExitCode": state.number("exitCode"),
        "Error": state.text("error"),
        "StartedAt": state.text("startedTime", ZERO_TIME),
        "FinishedAt": state.text("finishedTime", ZERO_TIME),
        "CheckpointedAt": state.text("checkpointedTime", ZERO_TIME),
        "RestoredAt": state.text("restoredTime", ZERO_TIME),
    }
    found["Health"] = _health(item)
    return found | _optional_state(item, word)


def _health(item: Item) -> Object:
    from libpod.containers import health

    try:
        return health.read(item.state.text("runDir"))
    except (FileError, DecodeError):
        # Somebody else's file: it says nothing.
        return health.read("")


def _optional_state(item: Item, word: str) -> Object:
    state = item.state
    found: Object = {
        "ConmonPid": state.number("conmonPid"),
        "Checkpointed": state.flag("checkpointed"),
        "CheckpointLog": state.text("checkpointLog"),
        "CheckpointPath": state.text("checkpointPath"),
        "RestoreLog": state.text("restoreLog"),
        "Restored": state.flag("restored"),
    }
    if word in ("running", "paused"):
        found["CgroupPath"] = cgroup_path(item)
    return {key: value for key, value in found.items() if value}


def cgroup_path(item: Item) -> str:
    """The cgroup of a container that runs, as the cgroup managers name it; empty where it has none."""
    config = item.config
    parent, manager = config.text("cgroupParent"), config.text("cgroupManager")
    if config.text("cgroupsMode") == "disabled" or config.flag("noCgroups"):
        return ""
    if manager == "systemd":
        return f"{_slice_path(parent)}/libpod-{item.id}.scope"
    return f"{parent.rstrip('/')}/libpod-{item.id}"


def _slice_path(name: str) -> str:
    """systemd's path of a slice: "a-b.slice" lies in "a.slice" (systemd.slice(5))."""
    parts = name.rpartition("/")[2].removesuffix(".slice").split("-")
    return "".join(f"/{'-'.join(parts[: count + 1])}.slice" for count in range(len(parts)))


def _files(item: Item) -> Object:
    config, state = item.config, item.state
    bound = state.text_map("bindMounts") or {}
    found: Object = {
        "ResolvConfPath": bound.get("/etc/resolv.conf", ""),
        "HostnamePath": bound.get("/etc/hostname", ""),
        "HostsPath": bound.get("/etc/hosts", ""),
        "StaticDir": config.text("staticDir"),
        "OCIRuntime": config.text("runtime"),
        "ConmonPidFile": config.text("conmonPidFile"),
        "PidFile": config.text("pid_file"),
    }
    if state.text("configPath"):
        found["OCIConfigPath"] = state.text("configPath")
    return found


def _security(config: Fields, oci: Fields) -> Object:
    process = oci.child("process")
    found: Object = {
        "MountLabel": config.text("MountLabel"),
        "ProcessLabel": config.text("ProcessLabel"),
        "AppArmorProfile": process.text("apparmorProfile"),
    }
    if process.has("capabilities"):
        capabilities = process.child("capabilities")
        found["EffectiveCaps"] = capabilities.texts_or_null("effective")
        found["BoundingCaps"] = capabilities.texts_or_null("bounding")
    return found


def _optional_config(config: Fields) -> Object:
    found: Object = {
        "CreateCommand": config.texts("CreateCommand"),
        "Timezone": config.text("timezone"),
        "SystemdMode": config.flag("systemd"),
        "ChrootDirs": config.texts("chroot_directories"),
        "sdNotifyMode": config.text("sdnotifyMode"),
        "Secrets": [_secret(item) for item in config.children("secrets")],
    }
    found = {key: value for key, value in found.items() if value}
    if config.has("healthcheck"):
        found["Healthcheck"] = config.child("healthcheck").raw
    if config.has("passwd"):
        found["Passwd"] = config.flag("passwd")
    return found


def _secret(item: Fields) -> Object:
    return {
        "Name": item.text("name"),
        "ID": item.text("id"),
        "UID": item.number("UID"),
        "GID": item.number("GID"),
        "Mode": item.number("Mode"),
    }


def _health_action(number: int) -> str:
    return _HEALTH_ACTIONS[number] if 0 <= number < len(_HEALTH_ACTIONS) else str(number)


def storage_driver(static_dir: str) -> str:
    """The driver in the name of a container's directory, `<root>/<driver>-containers/<ID>/userdata`."""
    driver, found, _ = static_dir.rpartition("-containers/")
    return driver.rpartition("/")[2] if found else ""


def dependencies(config: Fields) -> list[str]:
    """The IDs of the containers that must run before this one, each once."""
    owners = [config.text(key) for key in _NAMESPACE_OWNERS]
    return list(dict.fromkeys(filter(None, owners + config.texts("Dependencies"))))


def _uses_cgroup(config: Fields) -> bool:
    return config.flag("sharesCgroup") or config.flag("UsePodCgroup")


def _member(item: Item) -> Object:
    word = status.BROKEN if item.error is not None else status.status_name(item.status)
    return {"Id": item.id, "Name": item.name, "State": word}


def _infra_config(infra: Item) -> Object:
    """What the pod shares, which stands in the record of its infra container."""
    config = infra.config
    host = host_config(config, config.child("spec"))
    return {
        "PortBindings": host["PortBindings"],
        "HostNetwork": host["NetworkMode"] == "host",
        "StaticIP": config.text("staticIP"),
        "StaticMAC": config.text("staticMAC"),
        "NoManageResolvConf": config.flag("UseImageResolvConf"),
        "DNSServer": config.texts_or_null("dnsServer"),
        "DNSSearch": config.texts_or_null("dnsSearch"),
        "DNSOption": config.texts_or_null("dnsOption"),
        "NoManageHosts": config.flag("UseImageHosts"),
        "HostAdd": config.texts_or_null("hostsAdd"),
        "Networks": sorted(infra.networks),
        "NetworkOptions": None,
        "pid_ns": host["PidMode"],
        "userns": host["UsernsMode"] or "host",
        "uts_ns": host["UTSMode"],
    }


def _pod_limits(config: Fields) -> Object:
    """What all of a pod may use. Podman 4.3 leaves out memory where nothing is said of processors."""
    resources = config.child("ResourceLimits")
    memory, cpu = resources.child("memory"), resources.child("cpu")
    found: Object = {
        **_processors(config),
        "cpu_shares": cpu.number("shares"),
        "cpuset_mems": cpu.text("mems"),
        "memory_limit": memory.number("limit"),
        "memory_swap": memory.number("swap"),
        "blkio_weight": resources.child("blockIO").number("weight"),
    }
    return {key: value for key, value in found.items() if value}


def _processors(config: Fields) -> Object:
    cpu = config.child("ResourceLimits").child("cpu")
    found: Object = {
        "cpu_period": cpu.number("period"),
        "cpu_quota": cpu.number("quota"),
        "cpuset_cpus": cpu.text("cpus"),
    }
    return {key: value for key, value in found.items() if value}


def _environment(process: Fields, config: Fields) -> list[str] | None:
    """The variables; those that are secrets without their values, as Podman prints them."""
    found, secret = process.texts_or_null("env"), config.members("secret_env")
    if found is None or not secret:
        return found
    names = [(entry.partition("=")[0], entry) for entry in found]
    return [f"{name}=*******" if name in secret else entry for name, entry in names]
