"""Making a pod: its record as Podman 4.3 has it, its control group, and its infra container."""

from __future__ import annotations

import contextlib

from libpod.containers import create, names, userlimits
from libpod.containers.create import CreateOptions
from libpod.errors import InvalidArgument
from libpod.oci import spec
from libpod.oci.options import HOST, PRIVATE, Resources
from libpod.state.records import PodRecord
from libpod.storage.objects import now
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

DEFAULT_SHARED = ("ipc", "net", "uts")
SHARE_KEYS = {
    "pid": "sharesPid",
    "ipc": "sharesIpc",
    "net": "sharesNet",
    "user": "sharesUser",
    "uts": "sharesUts",
    "cgroup": "sharesCgroupNS",
}
"""The key of the pod's configuration for each namespace that can be shared, in Podman's order."""
EXIT_POLICIES = ("continue", "stop")


class PodOptions(NamedTuple):
    """A new pod. The first libpod's options are fields here::

    WithPodName             name
    WithPodLabels           labels
    WithPodCgroupParent     cgroup_parent
    WithPodCgroups          share_parent
    """

    name: str = ""
    """Empty for a generated one."""
    hostname: str = ""
    """Empty for the name of the pod."""
    labels: Mapping[str, str] = {}
    cgroup_parent: str = ""
    share_parent: bool | None = None
    """Whether the pod has a control group, in which its containers are; None if it has an infra container.

    Podman 4.3 adds no container to a pod that has a control group and no infra container.
    """
    share: Collection[str] = DEFAULT_SHARED
    """The namespaces that its containers have in common, keys of SHARE_KEYS."""
    infra: bool = True
    """Whether a container that does nothing keeps those namespaces."""
    infra_name: str = ""
    infra_image: str = ""
    """Empty for a root with nothing but a pause program."""
    infra_command: Sequence[str] = ()
    """What to run instead of the pause program or the image's entry point."""
    exit_policy: str = "continue"
    """`stop` ends the infra container when the last other container has ended."""
    create_command: Sequence[str] = ()
    resources: Resources = Resources()
    """Limits for all that is in the pod, which needs a control group for them."""
    template: CreateOptions = CreateOptions()
    """The network, names, user namespace and volumes of the infra container; its name, image and pod are set
    here. Containers of the pod get its volumes, devices and security options, too."""

    @property
    def has_cgroup(self) -> bool:
        """Whether the pod is to have a control group."""
        return self.infra if self.share_parent is None else self.share_parent


def create_pod(engine: Engine, options: PodOptions) -> PodRecord:
    """Make a pod, with its infra container, and return its record. Nothing runs yet.

    Raises PodExists and ContainerExists for a name in use, InvalidArgument for what cannot be, and what
    making the infra container raises. Whatever fails, nothing of the pod is left.
    """
    options = _completed(options)
    _check(options)
    limits = spec.limits(options.resources)
    userlimits.require(engine, options.resources, options.cgroup_parent)
    parent = options.cgroup_parent or engine.cgroups.default_parent
    engine.cgroups.check_parent(parent)
    name = create.free_name(engine, options.name, "pod")
    pod_id = names.new_id()
    with contextlib.ExitStack() as undo:
        lock = engine.locks.allocate()
        undo.callback(engine.locks.free, lock.number)
        state: dict[str, object] = {"cgroupPath": "", "InfraContainerID": ""}
        if options.has_cgroup:
            state["cgroupPath"] = engine.cgroups.create_pod(parent, pod_id, limits)
            undo.callback(engine.cgroups.remove_pod, parent, pod_id)
        config = _config(options, pod_id, name, parent, lock.number)
        config["ResourceLimits"] = limits
        record = PodRecord(pod_id, config, state)
        engine.state.add_pod(record)
        undo.callback(engine.state.remove_pod, record)
        if options.infra:
            infra = _create_infra(engine, options, record)
            undo.callback(_remove_infra, engine, infra)
            record.infra_id = infra.id
            engine.state.save_pod(record)
        undo.pop_all()
    engine.events.record("pod", "create", id=record.id, name=record.name)
    return record


def _completed(options: PodOptions) -> PodOptions:
    """A user namespace of its own is shared, as all that belongs to it is of no use outside of it."""
    if not options.infra or options.template.spec.namespaces.user == HOST or "user" in options.share:
        return options
    return options._replace(share=(*options.share, "user"))


def _check(options: PodOptions) -> None:
    if options.exit_policy not in EXIT_POLICIES:
        raise InvalidArgument(
            f"exit policy {options.exit_policy!r} is unknown", hint=f"{' or '.join(EXIT_POLICIES)}"
        )
    mode = options.template.spec.namespaces.user
    if mode.startswith("container:"):
        raise InvalidArgument(
            f"--userns {mode}: containers of a pod join the namespaces of containers of that pod only",
            hint="--userns auto or --uidmap give the pod one of its own",
        )
    unknown = [name for name in options.share if name not in SHARE_KEYS]
    if unknown:
        raise InvalidArgument(
            f"namespace {unknown[0]!r} cannot be shared", hint=f"{', '.join(SHARE_KEYS)} or none"
        )
    if options.share and not options.infra:
        raise InvalidArgument(
            f"namespaces cannot be shared without an infra container: {', '.join(options.share)}"
        )
    if options.resources != Resources() and not options.has_cgroup:
        raise InvalidArgument(
            "a pod without a control group cannot be limited",
            hint="leave out --share-parent=false" if options.infra else "add --share-parent",
        )
    if "cgroup" in options.share and options.has_cgroup:
        raise InvalidArgument(
            "the cgroup namespace of the infra container is no place for containers in the pod's cgroup",
            hint="add --share-parent=false, or do not share cgroup",
        )


def _config(options: PodOptions, pod_id: str, name: str, parent: str, lock_number: int) -> dict[str, object]:
    """Podman 4.3's PodConfig, keys in its order; what is false is left out as there."""
    flags = {"sharesCgroup": options.has_cgroup}
    flags |= {key: name in options.share for name, key in SHARE_KEYS.items()}
    flags["hasInfra"] = options.infra
    config: dict[str, object] = {"id": pod_id, "name": name}
    if options.hostname:
        config["hostname"] = options.hostname
    config |= {"labels": dict(options.labels), "cgroupParent": parent}
    config |= {key: True for key, is_set in flags.items() if is_set}
    config |= {"created": now(), "CreateCommand": list(options.create_command)}
    return config | {"ExitPolicy": options.exit_policy, "lockID": lock_number}


def _create_infra(engine: Engine, options: PodOptions, pod: PodRecord) -> ContainerRecord:
    from libpod.containers import pause

    program = None if options.infra_image else pause.find()
    template = options.template
    command = options.infra_command or (program.arguments if program is not None else None)
    namespaces = template.spec.namespaces
    if "cgroup" in options.share:
        namespaces = namespaces._replace(cgroup=PRIVATE)
    specification = template.spec._replace(
        entrypoint=command,
        hostname=options.hostname or pod.name,
        namespaces=namespaces,
        resources=Resources(pids_limit=-1),
    )
    if program is not None and program.mounts:
        volumes = specification.volumes
        mounts = {**volumes.mounts, **program.mounts}
        specification = specification._replace(volumes=volumes._replace(mounts=mounts))
    wanted = template._replace(
        image=options.infra_image,
        infra_program=program,
        spec=specification,
        name=options.infra_name or f"{pod.id[:12]}-infra",
        cgroup_parent=pod.cgroup_path or pod.cgroup_parent,
        create_command=options.create_command,
        pod=pod.id,
        infra=True,
    )
    return create.create(engine, wanted)


def _remove_infra(engine: Engine, record: ContainerRecord) -> None:
    from libpod.containers.container import Container

    Container(engine, record).remove(with_pod=True)
