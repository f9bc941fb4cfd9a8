"""The specification of a container for one start, made from the stored one.

What is added: the mounted root, the user looked up in it, namespaces that are joined or made now, the files
bound over the container's own, cgroup path, host name and annotations. Podman 4.3 adds the same (measured).
"""

from __future__ import annotations

import posixpath

from libpod.errors import DecodeError
from libpod.host import jsonutil
from libpod.oci import users
from libpod.oci.spec import text, texts
from libpod.storage.idmaps import NO_MAPS
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from libpod.storage.idmaps import IdMaps, Range

    Object = dict[str, object]

MANAGER = "libpod"
_BIND_OPTIONS = ("bind", "rprivate")
_SHM_OPTIONS = ("nosuid", "noexec", "nodev")
SHM = "/dev/shm"
# Done by the engine before the start.
_NOT_FOR_RUNTIMES = ("z", "Z", "U")
# Podman takes the working directory's existence for granted only if it made it.
_NO_HOME = "/"


class StartFacts(NamedTuple):
    """What is known only when the container starts."""

    container_id: str
    root: str
    """Where its root is mounted on the host."""
    cgroup_path: str
    """`linux.cgroupsPath`; empty for none."""
    created: str
    """RFC 3339."""
    stop_signal: int
    can_limit: bool = True
    """Whether there is a control group that limits can be set for."""
    user: str = ""
    groups: Sequence[str] = ()
    umask: str = ""
    """Octal."""
    hostname: str = ""
    """Empty for the first 12 characters of the ID."""
    bind_mounts: Mapping[str, str] = {}
    """Destination to source on the host."""
    volumes: Sequence[Mapping[str, object]] = ()
    """Named volumes as OCI mounts."""
    namespaces: Mapping[str, str] = {}
    """OCI namespace type to the path of one to join."""
    id_maps: IdMaps = NO_MAPS
    """With mappings the container has a user namespace with them, whatever is stored."""
    environment: Mapping[str, str] = {}
    """Variables of this start."""
    runtime: str = "runc"
    """The name of the OCI runtime's program."""
    systemd: bool = False
    """Whether the first process is systemd."""
    cgroup_version: int = 0
    """The version of the host's control groups, where that matters; 0 for none."""


def finalize(stored: Mapping[str, object], facts: StartFacts) -> Object:
    """The specification to write to `config.json`. *stored* is left as it is.

    Raises InvalidArgument if the user is not known in the container, and DecodeError if *stored* is no
    specification.
    """
    spec: Object = jsonutil.copied(dict(stored))
    process = _object(spec, "process")
    linux = _object(spec, "linux")
    user = users.lookup(facts.root, facts.user, facts.groups)
    _set_user(process, user, facts)
    if facts.environment:
        added = [f"{name}={value}" for name, value in facts.environment.items()]
        process["env"] = [*texts(process, "env"), *added]
    root = _object(spec, "root")
    root["path"] = facts.root
    _set_hostname(spec, process, linux, facts)
    if facts.systemd:
        _prepare_systemd(spec, process, linux, facts)
    spec["mounts"] = _mounts(spec, root, facts)
    annotations = _object(spec, "annotations")
    annotations["io.container.manager"] = MANAGER
    annotations["io.kubernetes.cri-o.Created"] = facts.created
    annotations["org.opencontainers.image.stopSignal"] = str(facts.stop_signal)
    if facts.runtime == "runc" and linux.get("rootfsPropagation") == "rslave":
        # Every root of runc is that; the specification has no word for it.
        del linux["rootfsPropagation"]
    if facts.cgroup_path:
        linux["cgroupsPath"] = facts.cgroup_path
    if not facts.can_limit:
        linux.pop("resources", None)
    linux["namespaces"] = _namespaces(linux, facts)
    if facts.id_maps:
        linux["uidMappings"] = _mapped(facts.id_maps.uids)
        linux["gidMappings"] = _mapped(facts.id_maps.gids)
    return spec


def _mapped(ranges: Sequence[Range]) -> list[Object]:
    return [{"containerID": inside, "hostID": host, "size": size} for inside, host, size in ranges]


def _object(parent: Object, key: str) -> Object:
    value = parent.setdefault(key, {})
    if not isinstance(value, dict):
        raise DecodeError(f"container specification: {key} is not an object", key=key)
    return value


def _set_user(process: Object, user: users.User, facts: StartFacts) -> None:
    described: Object = {"uid": user.uid, "gid": user.gid}
    if facts.umask:
        described["umask"] = int(facts.umask, 8)
    # The user's own group is one of them: a file that others may read and this group may not stays closed to
    # a process that gives the group up (CVE-2022-2989).
    stored = _object(process, "user").get("additionalGids")
    kept = [gid for gid in stored if type(gid) is int] if isinstance(stored, list) else []
    groups = dict.fromkeys([*kept, user.gid, *user.groups] if facts.user else [*kept, *user.groups])
    if groups:
        described["additionalGids"] = list(groups)
    process["user"] = described
    environment = texts(process, "env")
    # A user without an entry gets what the runtime thinks right, as with Podman; so does one whose entry was
    # made for the container and is called after the number.
    if user.name not in ("", str(user.uid)) and not any(entry.startswith("HOME=") for entry in environment):
        environment.append(f"HOME={user.home or _NO_HOME}")
    process["env"] = environment


def _set_hostname(spec: Object, process: Object, linux: Object, facts: StartFacts) -> None:
    """Only a UTS namespace of the container's own has a name to set."""
    own = any(
        isinstance(namespace, dict) and namespace.get("type") == "uts" and not namespace.get("path")
        for namespace in _list(linux, "namespaces")
    )
    hostname = text(spec, "hostname") or facts.hostname or facts.container_id[:12]
    if own and "uts" not in facts.namespaces:
        spec["hostname"] = hostname
    else:
        spec.pop("hostname", None)
    environment = texts(process, "env")
    if not any(entry.startswith("HOSTNAME=") for entry in environment):
        process["env"] = [*environment, f"HOSTNAME={hostname}"]


def _prepare_systemd(spec: Object, process: Object, linux: Object, facts: StartFacts) -> None:
    from libpod.oci import systemdmode

    environment = texts(process, "env")
    if not any(entry.startswith("container_uuid=") for entry in environment):
        process["env"] = [*environment, f"container_uuid={facts.container_id[:32]}"]
    present = [mount for mount in _list(spec, "mounts") if isinstance(mount, dict)]
    if facts.cgroup_version == 2:
        present = [mount for mount in present if text(mount, "destination") != systemdmode.CGROUPS]
    taken = {text(mount, "destination") for mount in (*present, *facts.volumes)}
    private = any(
        isinstance(entry, dict) and entry.get("type") == "cgroup" for entry in _list(linux, "namespaces")
    )
    added = systemdmode.mounts(taken, version=facts.cgroup_version, private=private)
    spec["mounts"] = [*present, *added]
    masked = [*texts(linux, "maskedPaths"), *systemdmode.hidden(added)]
    if masked:
        linux["maskedPaths"] = masked


def _mounts(spec: Object, root: Object, facts: StartFacts) -> list[Mapping[str, object]]:
    """Those stored, named volumes, and our files where nothing was asked for; none hides another one."""
    mounts: list[Mapping[str, object]] = []
    taken: set[str] = set()
    for mount in (*_list(spec, "mounts"), *facts.volumes):
        if isinstance(mount, dict):
            options = [option for option in texts(mount, "options") if option not in _NOT_FOR_RUNTIMES]
            mounts.append({**mount, "options": options})
            taken.add(text(mount, "destination"))
    extra = ("ro", *_SHM_OPTIONS) if root.get("readonly") is True else ()
    for destination, source in facts.bind_mounts.items():
        if destination not in taken:
            flags = _SHM_OPTIONS if destination == SHM else extra
            options = [*_BIND_OPTIONS, *flags]
            mounts.append({"destination": destination, "type": "bind", "source": source, "options": options})
    return sorted(mounts, key=lambda mount: _depth(text(mount, "destination")))


def _depth(path: str) -> int:
    return posixpath.normpath(path).count("/") if path != "/" else 0


def _namespaces(linux: Object, facts: StartFacts) -> list[Object]:
    result: list[Object] = []
    for namespace in _list(linux, "namespaces"):
        if isinstance(namespace, dict) and namespace.get("type") not in facts.namespaces:
            result.append(namespace)
    result += [{"type": kind, "path": path} for kind, path in facts.namespaces.items()]
    if facts.id_maps and not any(isinstance(entry, dict) and entry.get("type") == "user" for entry in result):
        result.append({"type": "user"})
    return result


def _list(parent: Mapping[str, object], key: str) -> Sequence[object]:
    value = parent.get(key)
    return value if isinstance(value, list) else ()
