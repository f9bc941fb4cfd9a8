"""Everything that the creator of a container can ask for."""

from __future__ import annotations

from libpod.oci.labels import NO_LABELS, Labels
from libpod.oci.volumes import Volumes
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from libpod.oci.units import Limit

HOST, PRIVATE, POD = "host", "private", "pod"
AUTO = "auto"
"""The user namespace whose IDs are chosen for the container."""


class Namespaces(NamedTuple):
    """How each namespace is had: `private`, `host`, `container:ID`, `ns:PATH`; the network also `none`.

    The user namespace also has the modes of `libpod.containers.usermodes`. `pod` is what the pod shares, else
    what there is without a pod. Both are resolved before a container is made.
    """

    pid: str = PRIVATE
    network: str = PRIVATE
    ipc: str = PRIVATE
    uts: str = PRIVATE
    user: str = HOST
    cgroup: str = ""
    """Empty for the host's, or with cgroups version 2 its own."""

    @property
    def chooses_ids(self) -> bool:
        """Whether the IDs of the user namespace are to be chosen, with options or without."""
        return self.user.partition(":")[0] == AUTO


# As Podman 4.3 has it.
DEFAULT_PIDS_LIMIT = 2048


class Resources(NamedTuple):
    """Limits of the container's cgroup; None where nothing was asked for. Memory is in bytes."""

    memory: int | None = None
    memory_reservation: int | None = None
    memory_swap: int | None = None
    memory_swappiness: int | None = None
    """0 to 100."""
    oom_kill_disable: bool = False
    cpu_shares: int | None = None
    cpu_period: int | None = None
    """Microseconds."""
    cpu_quota: int | None = None
    """Microseconds of CPU time for each period."""
    cpu_rt_period: int | None = None
    """Microseconds."""
    cpu_rt_runtime: int | None = None
    """Microseconds of real-time CPU time for each of those periods."""
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids_limit: int | None = None
    blkio_weight: int | None = None
    block_devices: Mapping[str, Sequence[Mapping[str, int]]] = {}
    """Limits of single devices, by the key in `linux.resources.blockIO` of the specification."""
    cgroup_files: Mapping[str, str] = {}
    """What to write to files of the control group, by their names (version 2)."""
    oom_score_adj: int | None = None


class Automatic(NamedTuple):
    """What was asked for where the mapping of IDs was chosen for the container (`--userns auto`)."""

    size: int = 0
    """How many IDs; 0 for as many as the image needs."""
    initial_size: int = 0
    """How many the first process needs; 0 for one."""
    uids: Sequence[tuple[int, int, int]] = ()
    """Mappings that were asked for."""
    gids: Sequence[tuple[int, int, int]] = ()


class User(NamedTuple):
    """What a user without privileges has, in whose namespace the container is made."""

    controllers: frozenset[str] = frozenset()
    """The controllers with which containers can be limited."""
    gid_map: Sequence[tuple[int, int, int]] = ()
    """The group IDs of the namespace."""


class SpecOptions(NamedTuple):
    """A container as it was asked for. What is empty comes from the image, or has Podman's default."""

    command: Sequence[str] = ()
    entrypoint: Sequence[str] | None = None
    """None for the image's, an empty one for none at all."""
    environment: Mapping[str, str] = {}
    merged_environment: Mapping[str, str] = {}
    """New values for variables of the image; `${NAME}` in them stands for a value of the image."""
    unset_environment: Sequence[str] = ()
    """Variables of the image, or of the defaults, that are left out."""
    unset_all: bool = False
    """Leave all of those out."""
    working_directory: str = ""
    user: str = ""
    groups: Sequence[str] = ()
    hostname: str = ""
    terminal: bool = False
    stdin: bool = False
    init_program: str = ""
    """The file on the host that runs as first process before the command; empty for none."""
    remove: bool = False
    privileged: bool = False
    read_only: bool = False
    read_only_tmpfs: bool = True
    """Whether a read-only root has places in memory to write to."""
    add_capabilities: Sequence[str] = ()
    drop_capabilities: Sequence[str] = ()
    default_capabilities: Sequence[str] = ()
    """Empty for the built-in list."""
    no_new_privileges: bool = False
    seccomp_profile: str | None = None
    """A file, `unconfined`, or None for the host's default."""
    apparmor_profile: str = ""
    label_options: Sequence[str] = ()
    labels: Labels = NO_LABELS
    """What became of the label options on this host."""
    masked_paths: Sequence[str] = ()
    """More paths to hide."""
    proc_options: Sequence[str] = ()
    """Mount options of /proc: `hidepid=2`."""
    unmasked_paths: Sequence[str] = ()
    """Paths not to hide after all; `ALL` for every one."""
    limits: Sequence[Limit] = ()
    sysctls: Mapping[str, str] = {}
    default_sysctls: Mapping[str, str] = {}
    """Configured ones, left out where the container shares the namespace with the host."""
    devices: Sequence[str] = ()
    device_rules: Sequence[Mapping[str, object]] = ()
    """More devices that it may use, for the device control group."""
    volumes: Volumes = Volumes({}, {})
    resources: Resources = Resources()
    namespaces: Namespaces = Namespaces()
    annotations: Mapping[str, str] = {}
    umask: str = "0022"
    personality: str = ""
    """The execution domain, `LINUX` or `LINUX32`; empty for that of the host."""
    uid_map: Sequence[tuple[int, int, int]] = ()
    """Triples of ID in the container, ID on the host, and how many."""
    gid_map: Sequence[tuple[int, int, int]] = ()
    automatic: Automatic | None = None
    """None for a mapping that was not chosen for it."""
    current_user: bool = False
    """Whether the container gets an account of the user who made it."""
    own_ids: tuple[int, int] | None = None
    """User and group in the container who are the user outside (`--userns keep-id`)."""
    owner: User | None = None
    """None for root."""

    @property
    def in_user_namespace(self) -> bool:
        """Whether the container is made with the rights of a user namespace only."""
        return self.owner is not None or self.namespaces.user != HOST
