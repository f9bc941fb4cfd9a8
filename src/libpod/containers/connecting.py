"""The network of a container: its namespace, its interfaces and its ports, from start to end.

The caller holds the container's lock. A container whose configuration has `createNetNS` gets a network
namespace before it is created in the OCI runtime, and keeps it until it is cleaned up.

This is on the way of every container: what works on networks is imported where there is one.
"""

from __future__ import annotations

import errno
import os

from libpod.containers import ports
from libpod.containers.fields import Fields
from libpod.errors import FileError, NotSupported
from libpod.host import files, jsonutil
from libpod.oci.etcfiles import NameResolution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from libpod.containers.engine import Engine
    from libpod.network.hostports import HostPort, Reservation
    from libpod.network.setup import Join, Member
    from libpod.network.slirp import Settings as SlirpSettings
    from libpod.network.slirp import Tether
    from libpod.state.records import ContainerRecord

BACKEND_FILE = "defaultNetworkBackend"
"""In the graph root: which of its two kinds of networks Podman 4.3 and 5 use in this store."""
NETAVARK = "netavark"
SLIRP = "slirp4netns"
CREATOR = "libpod"
"""The first word of `CreateCommand` of the containers that we make."""
HOST_NAME = "host.containers.internal"


def has_network(record: ContainerRecord) -> bool:
    """Whether a container has networks that are set up when it starts."""
    return record.config.get("createNetNS") is True


def uses_slirp(record: ContainerRecord) -> bool:
    """Whether its network is slirp4netns, set up once the OCI runtime has made its namespace."""
    return has_network(record) and record.config.get("networkMode") == SLIRP


def slirp_settings(record: ContainerRecord) -> SlirpSettings:
    """How slirp4netns is run for it."""
    from libpod.network import slirp

    options = jsonutil.get_object(record.config, "network_options", {}, source=record.describe())
    return slirp.parse(jsonutil.get_str_list(options, SLIRP, [], source=record.describe()))


def is_joined_late(record: ContainerRecord) -> bool:
    """Whether its network namespace belongs to its user namespace, so that the OCI runtime makes it."""
    return has_network(record) and record.config.get("postConfigureNetNS") is True


def joins(record: ContainerRecord) -> list[Join]:
    """The networks of a container, in the order of their interfaces."""
    if not record.network_options:
        return []
    from libpod.network.cache import interface_order
    from libpod.network.setup import Join

    found = []
    for name, raw in record.network_options.items():
        options = Fields(raw, f"{record.describe()}: network {name}")
        found.append(
            Join(
                name,
                options.text("interface_name"),
                tuple(options.texts("static_ips")),
                options.text("static_mac"),
                tuple(options.texts("aliases")),
            )
        )
    return sorted(found, key=lambda join: interface_order(join.interface))


def _unchanged(join: Join) -> Join:
    return join


def _member(record: ContainerRecord, namespace: str, change: Callable[[Join], Join] = _unchanged) -> Member:
    from libpod.network.setup import Member

    mappings = [
        {
            "hostPort": port.number,
            "containerPort": inside,
            "protocol": port.protocol,
            **({"hostIP": port.address} if port.address else {}),
        }
        for port, inside in _published(record)
    ]
    return Member(record.id, record.name, namespace, [*map(change, joins(record))], mappings)


def _published(record: ContainerRecord) -> list[tuple[HostPort, int]]:
    """Each single published port, and the port of the container that it leads to."""
    from libpod.network.hostports import HostPort

    return [
        (HostPort(port.host_ip, port.host_port + step, name), port.container_port + step)
        for port in ports.published(Fields(record.config, record.describe()))
        for name in port.protocol.split(",")
        for step in range(port.count)
    ]


# ---------------------------------------------------------------- whose network it is


def require_ours(engine: Engine, record: ContainerRecord) -> None:
    """Raise NotSupported for a container whose network Podman sets up with netavark.

    Nobody would give back what was set up by one of them and is taken down by the other.
    """
    if not has_network(record):
        return
    mode = jsonutil.get_str(record.config, "networkMode", "", source=record.describe())
    if mode == SLIRP:
        return
    if mode.partition(":")[0] in (SLIRP, "pasta"):
        raise NotSupported(
            f"container {record.name} has a network of {mode}, which cannot be set up here",
            hint=f"start it with `podman start {record.name}`",
        )
    if _backend(engine) == NETAVARK and not _is_ours(record):
        raise _netavark_error(record, f"start it with `podman start {record.name}`")


def require_removable(engine: Engine, record: ContainerRecord) -> None:
    """Raise NotSupported while something of netavark is set up for a container."""
    if _is_foreign(engine, record):
        raise _netavark_error(record, f"remove it with `podman rm {record.name}`")


def _is_foreign(engine: Engine, record: ContainerRecord) -> bool:
    """Whether something of netavark is set up for a container now."""
    path = record.netns
    if not path or uses_slirp(record):
        return False
    from libpod.network import namespaces

    if namespaces.is_ours(path) or engine.connector.remembered.of_containers([record.id]):
        return False
    return namespaces.exists(path)


def _netavark_error(record: ContainerRecord, hint: str) -> NotSupported:
    return NotSupported(
        f"container {record.name} has a network of Podman's netavark, which only Podman can work with",
        hint=hint,
    )


def _is_ours(record: ContainerRecord) -> bool:
    command = jsonutil.get_str_list(record.config, "CreateCommand", [], source=record.describe())
    return bool(command) and os.path.basename(command[0]) == CREATOR


def _backend(engine: Engine) -> str:
    config = engine.config
    if config.network_backend:
        return config.network_backend
    try:
        return files.read_text(os.path.join(config.graph_root, BACKEND_FILE), limit=4096).strip()
    except FileError as error:
        if error.errno == errno.ENOENT:
            return ""
        raise


# ---------------------------------------------------------------- up


def prepare(engine: Engine, record: ContainerRecord, reservation: Reservation) -> None:
    """Take the host's ports and make the namespace; the path is in the record, which is not saved yet.

    What an earlier start that was killed has left is taken down first. Raises NetworkError for a port that
    is in use, and FileError.
    """
    if not has_network(record) or uses_slirp(record):
        return
    from libpod.network import namespaces

    reservation.take([port for port, _inside in _published(record)], record.id)
    path = namespaces.path_of(record.id)
    if record.netns or namespaces.exists(path) or engine.connector.remembered.of_containers([record.id]):
        record.netns = record.netns or path
        disconnect(engine, record)
    if is_joined_late(record):
        return
    files.remove_file(path)
    namespaces.make(path)
    record.netns = path
    if record.mounted:
        # Mounting saves the record; here that was done before.
        engine.state.save_container(record)


def connect(engine: Engine, record: ContainerRecord, change: Callable[[Join], Join] = _unchanged) -> None:
    """Join the networks, each as *change* makes it.

    Raises what `libpod.network.setup.Connector.connect` raises.
    """
    if has_network(record) and not is_joined_late(record) and not uses_slirp(record):
        _connect(engine, record, change)


def connect_slirp(engine: Engine, record: ContainerRecord, tether: Tether) -> None:
    """Give a container that the OCI runtime has created the network of slirp4netns, which *tether* ends."""
    from libpod.network import slirp

    slirp.connect(
        record.pid,
        slirp_settings(record),
        tether,
        os.path.join(record.run_directory, "slirp4netns.log"),
        _published(record),
        os.path.join(engine.config.tmp_dir, f"slirp-{record.id[:12]}.sock"),
    )


def connect_late(engine: Engine, record: ContainerRecord) -> None:
    """The same for a container that the OCI runtime has created, whose namespace was made by it."""
    from libpod.network import namespaces

    path = namespaces.path_of(record.id)
    files.remove_file(path)
    namespaces.keep(path, record.pid)
    record.netns = path
    _connect(engine, record)


def _connect(engine: Engine, record: ContainerRecord, change: Callable[[Join], Join] = _unchanged) -> None:
    assert record.netns is not None
    try:
        record.state["networkStatus"] = engine.connector.connect(_member(record, record.netns, change))
    except BaseException:
        from libpod.network import namespaces

        # There is nothing in it any more.
        namespaces.remove(record.netns)
        record.netns = None
        raise


# ---------------------------------------------------------------- down


def disconnect(engine: Engine, record: ContainerRecord) -> bool:
    """Leave the networks and give the namespace up; False if there was nothing to do.

    The record is not saved. What goes wrong in it is told as a warning: a container must be able to end.
    """
    path = record.netns
    if uses_slirp(record):
        return _leave_slirp(record)
    if not path and not has_network(record):
        return False
    from libpod.network import namespaces

    if not path and os.path.lexists(namespaces.path_of(record.id)):
        # Made by a start that was killed before it was written down.
        path = namespaces.path_of(record.id)
    if not path and not engine.connector.remembered.of_containers([record.id]):
        return False
    if _is_foreign(engine, record):
        # Podman's own exit command takes it down.
        return False
    exists = path is not None and namespaces.exists(path)
    engine.connector.disconnect(_member(record, path if exists and path else ""))
    if path:
        namespaces.remove(path)
    record.netns = None
    record.state.pop("networkStatus", None)
    return True


def _leave_slirp(record: ContainerRecord) -> bool:
    """slirp4netns ends with conmon. Podman mounts a namespace in the user's directory, too."""
    path = record.netns
    if not path:
        return False
    from libpod.network import namespaces

    namespaces.remove(path, (os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/run"), "netns"),))
    record.netns = None
    record.state.pop("networkStatus", None)
    return True


# ---------------------------------------------------------------- names


def host_lines(record: ContainerRecord, hostname: str) -> list[tuple[str, Sequence[str]]]:
    """The lines of /etc/hosts for a container with networks: the host, and the container itself."""
    if uses_slirp(record):
        return [(slirp_settings(record).address, [hostname, record.name])]
    from libpod.network.results import addresses_in

    found: list[tuple[str, Sequence[str]]] = []
    gateway = _gateway(record)
    if gateway:
        found.append((gateway, [HOST_NAME]))
    for join in joins(record):
        status = _status(record, join.network)
        others = [alias for alias in join.aliases if alias not in (hostname, record.name, record.id[:12])]
        names = list(dict.fromkeys([hostname, record.name, *others]))
        found += [(address, names) for address in addresses_in(status)]
    return found


def _status(record: ContainerRecord, network: str) -> Mapping[str, object]:
    results = jsonutil.get_object(record.state, "networkStatus", {}, source=record.describe())
    return jsonutil.get_object(results, network, {}, source=record.describe())


def _gateway(record: ContainerRecord) -> str:
    """The first address by which the container reaches the host."""
    for join in joins(record):
        interfaces = _status(record, join.network).get("interfaces")
        for interface in interfaces.values() if isinstance(interfaces, dict) else ():
            for subnet in interface.get("subnets") or ():
                if subnet.get("gateway"):
                    return str(subnet["gateway"])
    return ""


def resolution(record: ContainerRecord, wanted: NameResolution) -> NameResolution:
    """The name servers and search domains that the networks name, where none were asked for."""
    servers, search = list(wanted.servers), list(wanted.search)
    if uses_slirp(record) and not servers:
        servers.append(slirp_settings(record).name_server)
    for join in joins(record):
        status = Fields(_status(record, join.network), record.describe())
        if not wanted.servers:
            servers += status.texts("dns_server_ips")
        if not wanted.search:
            search += status.texts("dns_search_domains")
    return NameResolution(tuple(dict.fromkeys(servers)), tuple(dict.fromkeys(search)), wanted.options)
