"""Making a pod: its record as Podman 4.3 has it, its control group, and its infra container."""

from __future__ import annotations

import contextlib

from libpod.containers import create, names
from libpod.containers.create import CreateOptions
from libpod.errors import InvalidArgument
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
    template: CreateOptions = CreateOptions()
    """The network, names and limits of the infra container; its name, image and pod are set here."""

    @property
    def has_cgroup(self) -> bool:
        """Whether the pod is to have a control group."""
        return self.infra if self.share_parent is None else self.share_parent


def create_pod(engine: Engine, options: PodOptions) -> PodRecord:
    """Make a pod, with its infra container, and return its record. Nothing runs yet.

    Raises PodExists and ContainerExists for a name in use, InvalidArgument for what cannot be, and what
    making the infra container raises. Whatever fails, nothing of the pod is left.
    """
    _check(options)
    parent = options.cgroup_parent or engine.cgroups.default_parent
    engine.cgroups.check_parent(parent)
    name = create.free_name(engine, options.name, "pod")
    pod_id = names.new_id()
    with contextlib.ExitStack() as undo:
        lock = engine.locks.allocate()
        undo.callback(engine.locks.free, lock.number)
        state: dict[str, object] = {"cgroupPath": "", "InfraContainerID": ""}
        if options.has_cgroup:
            state["cgroupPath"] = engine.cgroups.create_pod(parent, pod_id)
            undo.callback(engine.cgroups.remove_pod, parent, pod_id)
        record = PodRecord(pod_id, _config(options, pod_id, name, parent, lock.number), state)
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


def _check(options: PodOptions) -> None:
    if options.exit_policy not in EXIT_POLICIES:
        raise InvalidArgument(
            f"exit policy {options.exit_policy!r} is unknown", hint=f"{' or '.join(EXIT_POLICIES)}"
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
    return config | {"ExitPolicy": options.exit_policy, "lockID": lock_number, "ResourceLimits": {}}


def _create_infra(engine: Engine, options: PodOptions, pod: PodRecord) -> ContainerRecord:
    from libpod.containers import pause
    from libpod.oci.options import PRIVATE

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
        resources=template.spec.resources._replace(pids_limit=-1),
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
