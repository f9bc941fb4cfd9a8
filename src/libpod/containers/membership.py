"""What a container has from the pod that it is made in: namespaces, control group and host name."""

from __future__ import annotations

from libpod.containers.create import DEFAULT_SHM_SIZE
from libpod.containers.joining import NetworkOptions
from libpod.errors import InvalidArgument, InvalidState
from libpod.host import jsonutil
from libpod.oci.options import HOST, POD, Namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.create import CreateOptions
    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord, PodRecord

# Which field of Namespaces, and by which key of the pod's configuration it is shared.
_FIELDS = {
    "pid": "sharesPid",
    "network": "sharesNet",
    "ipc": "sharesIpc",
    "uts": "sharesUts",
    "cgroup": "sharesCgroupNS",
    "user": "sharesUser",
}
_ANNOTATION = "io.kubernetes.cri-o."


def join(engine: Engine, options: CreateOptions) -> CreateOptions:
    """*options* with the full ID of the pod that they name, and with what its containers share.

    Raises NoSuchPod, InvalidArgument for options that only the pod can have, and InvalidState for a pod
    whose infra container is missing.
    """
    pod = engine.state.lookup_pod(options.pod)
    if pod.has_infra and not pod.infra_id:
        raise InvalidState(
            f"pod {pod.name} has lost its infra container: nothing can be added to it",
            hint=f"remove it: libpod pod rm --force {pod.name}",
        )
    _check_mapping(options, pod)
    namespaces = _namespaces(pod, options.spec.namespaces)
    joined = {name for name in _FIELDS if getattr(namespaces, name) == f"container:{pod.infra_id}"}
    _check(options, pod, joined)
    annotations = {
        f"{_ANNOTATION}ContainerType": "container",
        f"{_ANNOTATION}SandboxID": pod.infra_id or pod.id,
        **options.spec.annotations,
    }
    specification = options.spec._replace(
        namespaces=namespaces,
        hostname=options.spec.hostname or _hostname(pod, shared="uts" in joined),
        annotations=annotations,
    )
    if pod.infra_id:
        from libpod.containers import inheriting

        infra = engine.state.container(pod.infra_id)
        specification = inheriting.from_infra(specification, infra, user="user" in joined)
        if options.shm_size == DEFAULT_SHM_SIZE:
            options = options._replace(shm_size=inheriting.shm_size(infra) or DEFAULT_SHM_SIZE)
    network = NetworkOptions(exposed=options.network.exposed) if "network" in joined else options.network
    parent = options.cgroup_parent
    if not parent and pod.uses_cgroup:
        with engine.locked_pod(pod):
            parent = cgroup(engine, pod)
    return options._replace(pod=pod.id, spec=specification, network=network, cgroup_parent=parent)


def cgroup(engine: Engine, pod: PodRecord) -> str:
    """The control group of the pod, made and noted where it is not there; "" if it has none.

    The caller holds the pod's lock.
    """
    if not pod.uses_cgroup:
        return ""
    path = engine.cgroups_of_pod(pod.cgroup_parent).create_pod(pod.cgroup_parent, pod.id, pod.limits)
    if path != pod.cgroup_path:
        pod.cgroup_path = path
        engine.state.save_pod(pod)
    return path


def limit(engine: Engine, record: ContainerRecord) -> None:
    """Make the control group of a container's pod where the pod has limits: a reboot takes both away."""
    if not record.pod:
        return
    pod = engine.state.pod(record.pod)
    if pod.uses_cgroup and pod.limits:
        engine.cgroups_of_pod(pod.cgroup_parent).create_pod(pod.cgroup_parent, pod.id, pod.limits)


def _namespaces(pod: PodRecord, asked: Namespaces) -> Namespaces:
    """Those asked for; where none was, the infra container's if they are shared, else the usual ones."""
    found = {}
    for name, key in _FIELDS.items():
        mode = getattr(asked, name)
        if mode == POD:
            shared = pod.infra_id and pod.shares(key)
            mode = f"container:{pod.infra_id}" if shared else getattr(Namespaces(), name)
        found[name] = mode
    return Namespaces(**found)


def _check_mapping(options: CreateOptions, pod: PodRecord) -> None:
    """Refuse a user namespace of its own where the others are those of the pod, which it could not use."""
    mode = options.spec.namespaces.user
    shared = pod.infra_id and any(pod.shares(key) for key in _FIELDS.values())
    own = mode not in (HOST, POD) or bool(options.spec.uid_map)
    if shared and (own or (mode == HOST and pod.shares("sharesUser"))):
        raise InvalidArgument(
            f"--userns, --uidmap and the like cannot be used: the containers of pod {pod.name} share "
            "namespaces, and with them a user namespace",
            hint="give them to `pod create`",
        )


def _hostname(pod: PodRecord, *, shared: bool) -> str:
    found = jsonutil.get_str(pod.config, "hostname", "", source=pod.describe())
    return found or (pod.name if shared else "")


def _check(options: CreateOptions, pod: PodRecord, joined: set[str]) -> None:
    """Refuse what would have no effect, as the namespace is the pod's."""
    if options.spec.hostname and "uts" in joined:
        raise InvalidArgument(
            f"--hostname cannot be set: pod {pod.name} shares its UTS namespace",
            hint="give --hostname to `pod create`, or --uts private here",
        )
    if "network" not in joined:
        return
    requests = options.network.requests
    given: dict[str, object] = {
        "--publish": options.network.ports,
        "--publish-all": options.network.publish_all,
        "--ip": any(request.addresses for request in requests),
        "--mac-address": any(request.hardware_address for request in requests),
        "--network-alias": any(request.aliases for request in requests),
        "--add-host": options.hosts,
        "--dns": options.dns_servers,
        "--dns-search": options.dns_search,
        "--dns-option": options.dns_options,
    }
    for flag, values in given.items():
        if values:
            raise InvalidArgument(
                f"{flag} cannot be used: pod {pod.name} shares its network",
                hint=f"give {flag} to `pod create`",
            )
