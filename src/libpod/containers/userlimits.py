"""What a user without privileges can ask of a new container, and what has to be refused."""

from __future__ import annotations

from libpod.containers import idmaps
from libpod.errors import NotSupported
from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.engine import Engine
    from libpod.oci.options import Resources, SpecOptions
    from libpod.state.records import ContainerRecord

# Which controller each limit needs.
_CONTROLLERS = {
    "memory": "memory",
    "memory_reservation": "memory",
    "memory_swap": "memory",
    "cpu_shares": "cpu",
    "cpu_quota": "cpu",
    "cpu_period": "cpu",
    "cpuset_cpus": "cpuset",
    "cpuset_mems": "cpuset",
    "pids_limit": "pids",
    "blkio_weight": "io",
    "block_devices": "io",
}
# What limits an OCI specification may have.
_LIMITED = ("memory", "cpu", "pids", "blockIO", "hugepageLimits", "unified")
# The flag of a field that is not named after it.
_FLAGS = {"cpu_quota": "cpus", "block_devices": "device-read-bps (or another limit of a device)"}
_OOM_FILE = "/proc/self/oom_score_adj"


def of_user(engine: Engine, options: SpecOptions, cgroup_parent: str) -> SpecOptions:
    """*options* with what the user has who makes the container below *cgroup_parent*; as they are for root.

    Raises NotSupported for a limit that was asked for and that no control group of the user's can keep.
    """
    if not engine.config.rootless:
        return options
    from libpod.cgroups import user
    from libpod.host import usernamespace
    from libpod.oci.options import User

    uid = engine.config.uid
    controllers = user.controllers(engine.cgroups, uid, cgroup_parent)
    _refuse(options.resources, controllers, uid)
    resources = options.resources._replace(oom_score_adj=_oom_score(engine, options.resources))
    owner = User(controllers, tuple(usernamespace.mapped("gid")))
    return options._replace(owner=owner, resources=resources)


def require(engine: Engine, resources: Resources, cgroup_parent: str) -> None:
    """Raise NotSupported for a limit that no group below *cgroup_parent* can keep; for root there is none."""
    if engine.config.rootless:
        from libpod.cgroups import user

        uid = engine.config.uid
        _refuse(resources, user.controllers(engine.cgroups, uid, cgroup_parent), uid)


def _refuse(resources: Resources, controllers: frozenset[str], uid: int) -> None:
    from libpod.cgroups import user

    for name, controller in _CONTROLLERS.items():
        value = getattr(resources, name)
        unlimited = name == "pids_limit" and value is not None and value <= 0
        if not value or unlimited or controller in controllers:
            continue
        flag = _FLAGS.get(name, name.replace("_", "-"))
        if controllers:
            hint = (
                f"let systemd delegate {controller}: `systemctl edit user@{uid}.service` with [Service] "
                f"Delegate=cpu cpuset io memory pids"
            )
        else:
            hint = user.HINT
        raise NotSupported(
            f"--{flag} cannot be kept: user {uid} has no control group for {controller}", hint=hint
        )


def require_mapped(engine: Engine, record: ContainerRecord, user: tuple[int, int]) -> None:
    """Raise NotSupported for a first process that is somebody whom the user's namespace does not have."""
    if not engine.config.rootless or idmaps.of_container(record):
        return
    from libpod.host import usernamespace

    for kind, identifier in zip(("uid", "gid"), user, strict=True):
        ranges = usernamespace.mapped(kind)
        if not any(inside <= identifier < inside + size for inside, _outside, size in ranges):
            raise NotSupported(
                f"container {record.name} cannot run as {user[0]}:{user[1]}: user {engine.config.uid} has "
                f"only {sum(size for _inside, _outside, size in ranges)} IDs",
                hint=f"more are given by /etc/sub{kind}; see usermod(8), --add-sub{kind}s",
            )


def require_group(engine: Engine, record: ContainerRecord) -> None:
    """Raise NotSupported for a container without a control group: it cannot be frozen."""
    if not _group(engine, record):
        from libpod.cgroups import user

        raise NotSupported(
            f"container {record.name} has no control group, without which it cannot be paused", hint=user.HINT
        )


def require_limits(engine: Engine, record: ContainerRecord) -> None:
    """Raise NotSupported for a container that has limits, but here no control group that would keep them."""
    if not engine.config.rootless or _group(engine, record):
        return
    from libpod.oci.options import DEFAULT_PIDS_LIMIT

    # Nobody has asked for that one.
    unasked = {"pids": {"limit": DEFAULT_PIDS_LIMIT}}
    source = record.describe()
    specification = jsonutil.get_object(record.config, "spec", source=source)
    linux = jsonutil.get_object(specification, "linux", {}, source=source)
    resources = jsonutil.get_object(linux, "resources", {}, source=source)
    limited = [name for name in _LIMITED if resources.get(name) and resources[name] != unasked.get(name)]
    if limited:
        from libpod.cgroups import user

        raise NotSupported(
            f"the limits of container {record.name} ({', '.join(limited)}) cannot be kept: "
            f"user {engine.config.uid} has no control group for it",
            hint=user.HINT,
        )


def _group(engine: Engine, record: ContainerRecord) -> str:
    parent = jsonutil.get_str(record.config, "cgroupParent", "", source=record.describe())
    return engine.cgroups.container_path(parent, record.id)


def _oom_score(engine: Engine, resources: Resources) -> int | None:
    """Only root may make a process less likely to be killed than its parent is."""
    from libpod.host import files

    wanted = resources.oom_score_adj
    if wanted is None:
        return None
    ours = int(files.read_text(_OOM_FILE))
    if wanted < ours:
        engine.warn(f"--oom-score-adj {wanted} becomes {ours}: only root may go below that")
    return max(wanted, ours)
