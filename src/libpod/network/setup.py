"""Joining a container to its networks, and taking it out of them.

Networks are joined in the given order and left in the opposite one. When one cannot be joined, it and those
before it are left again. What is known of an interface is remembered between the two (`cache`).

Lock order: the lock of the container, then `cni.lock` of the first configuration directory, then one of the
places in `<runtime directory>/network/`. Podman takes `cni.lock` for itself whenever it works on networks;
we share it among us, so that several containers can be set up at once, as many as there are places.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time

from libpod import failpoints
from libpod.errors import FileError, LibpodError, LockTimeout, NetworkError
from libpod.host import files
from libpod.network import cache, firewall, leases, namespaces, results, routes
from libpod.network.plugins import Attachment, Plugins
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from libpod.network.cache import Entry
    from libpod.network.conflist import Network, Networks
    from libpod.network.results import Status

LOCK_NAME = "cni.lock"
LOCK_SECONDS = 300.0
PLACES = 8
"""How many containers are set up or taken down at one time."""
_PLACE_DIRECTORY = "network"
_DIRECTORY_MODE = 0o700
_CONFIG_DIRECTORY_MODE = 0o755
_PLACE_MODE = 0o600
_POLL_SECONDS = 0.02
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class Join(NamedTuple):
    """One network to join, and how."""

    network: str
    interface: str
    addresses: tuple[str, ...] = ()
    """Fixed addresses, without a prefix length."""
    hardware_address: str = ""
    aliases: tuple[str, ...] = ()


class Member(NamedTuple):
    """A container with a network namespace."""

    container_id: str
    name: str
    namespace: str
    """The path of the network namespace; empty when it is gone."""
    joins: Sequence[Join]
    ports: Sequence[Mapping[str, object]] = ()
    """`portMappings` of CNI: hostPort, containerPort, protocol, hostIP."""


class Connector:
    """Sets up the networks of one host. *directory* is the runtime directory."""

    def __init__(
        self,
        networks: Networks,
        plugins: Plugins,
        directory: str,
        *,
        remembered: cache.Cache | None = None,
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.networks = networks
        self.plugins = plugins
        self.remembered = remembered or cache.Cache()
        self._directory = directory
        self._warn = warn

    # ------------------------------------------------------------ joining

    def connect(self, member: Member) -> dict[str, Status]:
        """Join every network of *member*; what Podman records of each, by its name.

        Raises NoSuchNetwork, PluginError, NetworkError. Nothing of it is left after a failure.
        """
        found = [(join, self.networks.find(join.network)) for join in member.joins]
        publishing = _publishing(found, member)
        for _join, network in found:
            routes.require_free(network)
        made: dict[str, Status] = {}
        routed = False
        with self._locked():
            try:
                for join, network in found:
                    ports = member.ports if network.name == publishing else ()
                    attachment = _attachment(member, join, network, ports)
                    result = self._join(_without_route(network) if routed else network, attachment, member)
                    made[network.name] = results.status(result, join.interface, f"network {network.name}")
                    routed = routed or results.has_default_route(result)
            except BaseException:
                self._leave_all(member._replace(joins=()))
                raise
        failpoints.reach("network.joined")
        return made

    def _join(self, network: Network, attachment: Attachment, member: Member) -> Mapping[str, object]:
        done: list[Mapping[str, object]] = []
        try:
            result = self.plugins.add(network, attachment, done)
            failpoints.reach("network.added")
            self.remembered.store(network, attachment, result)
        except BaseException:
            # A plugin that failed may have done half of its work.
            if not self._tried(member.name, lambda: self._delete(network, attachment, done[-1:])):
                self._clear_away(member, results.addresses_of(done[-1] if done else None))
            raise
        return result

    def _delete(
        self, network: Network, attachment: Attachment, results: Sequence[Mapping[str, object]]
    ) -> None:
        self.plugins.delete(network, attachment, results[0] if results else None)

    # ------------------------------------------------------------ leaving

    def disconnect(self, member: Member) -> None:
        """Leave every network of *member*, those that are only remembered included.

        What fails is told as a warning: its addresses and rules are then removed by ourselves. Leaving twice
        is no error.
        """
        with self._locked():
            self._leave_all(member)

    def _leave_all(self, member: Member) -> None:
        remembered = self.remembered.of_containers([member.container_id])
        known = {entry.network_name for entry in remembered}
        forgotten = [join for join in member.joins if join.network not in known]
        clean = bool(member.namespace)
        addresses = {address for entry in remembered for address in entry.addresses}
        if forgotten or any(entry.result is None for entry in remembered):
            # A crash cut ADD or its record short. Plugins that are told no result leave rules.
            taken = {lease.address for lease in leases.leases() if lease.container_id == member.container_id}
            addresses |= taken
            clean = clean and not taken
        for entry in reversed(remembered):
            clean &= self._leave(entry, member)
        if not clean or namespaces.exists(member.namespace):
            for join in reversed(forgotten):
                self._leave_unremembered(join, member)
        if not clean:
            self._clear_away(member, addresses)

    def _leave(self, entry: Entry, member: Member) -> bool:
        """Leave one network as it is remembered; whether its plugins did all their work."""

        def work() -> None:
            network = entry.network or self.networks.find(entry.network_name)
            self.plugins.delete(network, entry.attachment(member.namespace), entry.result)

        done = self._tried(member.name, work)
        return self._tried(member.name, lambda: self.remembered.remove(entry)) and done

    def _leave_unremembered(self, join: Join, member: Member) -> None:
        """Leave a network of which nothing is remembered."""

        def work() -> None:
            network = self.networks.find(join.network)
            self.plugins.delete(network, _attachment(member, join, network, member.ports), None)

        self._tried(member.name, work)

    def _clear_away(self, member: Member, addresses: Collection[str]) -> None:
        """Remove addresses and rules that plugins have left."""
        outcome = leases.drop([member.container_id], results=self.remembered.directory)
        for error in outcome.errors:
            self._warn(f"{member.name}: {error.message}")
        for trouble in firewall.remove(firewall.leftovers([member.container_id], addresses)):
            self._warn(f"{member.name}: {trouble}")

    def _tried(self, name: str, work: Callable[[], None]) -> bool:
        """Whether *work* could be done; a warning says why not."""
        try:
            work()
        except LibpodError as error:
            self._warn(f"taking down the network of {name}: {error.message}")
            return False
        return True

    # ------------------------------------------------------------ looking

    def check(self, container_id: str, namespace: str) -> None:
        """Let the plugins look whether a container's networks are as they were set up. PluginError if not."""
        for entry in self.remembered.of_containers([container_id]):
            if entry.network is not None and entry.result is not None:
                self.plugins.check(entry.network, entry.attachment(namespace), entry.result)

    # ------------------------------------------------------------ locks

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._shared_lock(), _place(os.path.join(self._directory, _PLACE_DIRECTORY)):
            yield

    @contextlib.contextmanager
    def _shared_lock(self) -> Iterator[None]:
        from libpod.storage.lockfile import LockFile

        with contextlib.ExitStack() as stack:
            for directory in self.networks.directories[:1]:
                try:
                    files.make_directory(directory, _CONFIG_DIRECTORY_MODE)
                    lock = LockFile(os.path.join(directory, LOCK_NAME))
                    stack.enter_context(lock.hold(exclusive=False, timeout=LOCK_SECONDS))
                except FileError as error:
                    # Where we cannot write, Podman cannot either, and has no lock there.
                    if error.errno not in _READ_ONLY:
                        raise
            yield


@contextlib.contextmanager
def _place(directory: str) -> Iterator[None]:
    """Have one of the PLACES; wait for one to be free."""
    files.make_directory(directory, _DIRECTORY_MODE)
    end = time.monotonic() + LOCK_SECONDS
    with contextlib.ExitStack() as stack:
        while not _take_place(directory, stack):
            if time.monotonic() > end:
                raise LockTimeout(
                    f"{directory}: none of {PLACES} places is free after {LOCK_SECONDS:g} seconds"
                )
            time.sleep(_POLL_SECONDS)
        yield


def _take_place(directory: str, stack: contextlib.ExitStack) -> bool:
    for number in range(PLACES):
        path = os.path.join(directory, str(number))
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(path, flags, _PLACE_MODE)
        except OSError as error:
            raise FileError("open lock file", path, error) from error
        if files.record_lock(descriptor, wait=False):
            stack.callback(os.close, descriptor)
            return True
        os.close(descriptor)
    return False


# ---------------------------------------------------------------- what plugins are given


def _publishing(found: Sequence[tuple[Join, Network]], member: Member) -> str:
    """The network through which ports are published: the first that can. NetworkError if none can."""
    if not member.ports:
        return ""
    for _join, network in found:
        if network.has_capability("portMappings"):
            return network.name
    names = ", ".join(network.name for _join, network in found)
    raise NetworkError(
        f"ports of {member.name} cannot be published: no plugin of network {names} does that",
        hint='add the plugin portmap to the network, with "capabilities": {"portMappings": true}',
    )


def _attachment(
    member: Member, join: Join, network: Network, ports: Sequence[Mapping[str, object]]
) -> Attachment:
    arguments = [
        ("IgnoreUnknown", "1"),
        ("K8S_POD_NAMESPACE", member.name),
        ("K8S_POD_NAME", member.name),
        ("K8S_POD_INFRA_CONTAINER_ID", member.container_id),
    ]
    capabilities: dict[str, object] = {}
    if join.hardware_address:
        arguments.append(("MAC", join.hardware_address))
        if network.has_capability("mac"):
            capabilities["mac"] = join.hardware_address
    if network.has_capability("ips") and join.addresses:
        capabilities["ips"] = list(join.addresses)
    elif len(join.addresses) > 1:
        raise NetworkError(
            f"network {network.name} takes one fixed address at most, not {', '.join(join.addresses)}",
            hint='several need a plugin with "capabilities": {"ips": true}',
        )
    elif join.addresses:
        arguments.append(("IP", join.addresses[0]))
    if join.aliases:
        capabilities["aliases"] = {network.name: list(join.aliases)}
    if ports:
        capabilities["portMappings"] = [dict(port) for port in ports]
    return Attachment(member.container_id, member.namespace, join.interface, tuple(arguments), capabilities)


def _without_route(network: Network) -> Network:
    plugins = tuple(results.without_default_route(plugin) for plugin in network.plugins)
    return network._replace(plugins=plugins)
