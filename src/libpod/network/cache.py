"""What is remembered of each interface from ADD to DEL, in the files of libcni, which Podman reads too.

On disk::

    <directory>/                                    0700; /var/lib/cni/results
    <directory>/<network>-<container ID>-<interface>    0600; JSON, `kind` "cniCacheV1"

The file holds the configuration list as it was (the one on disk may be another one by now), the arguments and
the result. Older libcni wrote the bare result. Others replace these files in place, so one that was cut off
by a crash counts as one that remembers nothing.
"""

from __future__ import annotations

import base64
import binascii
import errno
import os

from libpod.errors import DecodeError, FileError
from libpod.host import files, jsonutil
from libpod.network import conflist, results
from libpod.network.plugins import Attachment
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from libpod.network.conflist import Network

DIRECTORY = "/var/lib/cni/results"
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
KIND = "cniCacheV1"
LARGEST_FILE = 4 << 20


class Entry(NamedTuple):
    """What is remembered of one interface. *network* is None where only its name is known."""

    path: str
    network_name: str
    container_id: str
    interface: str
    network: Network | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    capabilities: Mapping[str, object] = {}
    result: Mapping[str, object] | None = None

    @property
    def addresses(self) -> list[str]:
        """The addresses that the interface has, without prefix lengths."""
        return results.addresses_of(self.result)

    def attachment(self, namespace: str) -> Attachment:
        """The interface for a call of a plugin."""
        return Attachment(self.container_id, namespace, self.interface, self.arguments, self.capabilities)


class Cache:
    """The entries in *directory*."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self.directory = directory

    def path(self, network: str, container_id: str, interface: str) -> str:
        """Where the entry of an interface is."""
        return os.path.join(self.directory, f"{network}-{container_id}-{interface}")

    def store(self, network: Network, attachment: Attachment, result: Mapping[str, object]) -> None:
        """Remember an interface that was set up."""
        files.make_directory(self.directory, DIRECTORY_MODE)
        entry = {
            "kind": KIND,
            "containerId": attachment.container_id,
            "config": base64.b64encode(network.text).decode("ascii"),
            "ifName": attachment.interface,
            "networkName": network.name,
            "cniArgs": [list(pair) for pair in attachment.arguments] or None,
            "capabilityArgs": dict(attachment.capabilities) or None,
            "result": dict(result),
        }
        path = self.path(network.name, attachment.container_id, attachment.interface)
        # After a power cut the interface is gone, and so may the entry be.
        files.write_atomic(path, jsonutil.dumps(entry), mode=FILE_MODE, sync=False, sync_dir=False)

    def of_containers(self, identifiers: Collection[str]) -> list[Entry]:
        """What is remembered of these containers, in the order of interfaces (`interface_order`)."""
        found = [self._read(name, owner) for name, owner in self._names(identifiers)]
        return sorted(found, key=lambda entry: (entry.container_id, interface_order(entry.interface)))

    def _names(self, identifiers: Collection[str]) -> list[tuple[str, str]]:
        try:
            names = files.list_directory(self.directory)
        except FileError as error:
            if error.errno == errno.ENOENT:
                return []
            raise
        # Names of networks and interfaces may have dashes, IDs have none.
        wanted = set(identifiers)
        found = []
        for name in names:
            owners = wanted.intersection(name.split("-")[1:-1])
            if owners:
                found.append((name, owners.pop()))
        return found

    def _read(self, name: str, container_id: str) -> Entry:
        path = os.path.join(self.directory, name)
        network_name, _, interface = name.partition(f"-{container_id}-")
        bare = Entry(path, network_name, container_id, interface)
        try:
            found = jsonutil.loads_object(files.read_bytes(path, limit=LARGEST_FILE), path)
            if found.get("kind") != KIND:
                return bare._replace(result=found if "cniVersion" in found else None)
            return bare._replace(
                network=_network(found, path),
                arguments=_arguments(found, path),
                capabilities=jsonutil.get_object(found, "capabilityArgs", {}, source=path),
                result=jsonutil.get_object(found, "result", None, source=path),
            )
        except DecodeError:
            return bare

    def remove(self, entry: Entry) -> None:
        """Forget an interface."""
        files.remove_file(entry.path)


def _network(found: Mapping[str, object], path: str) -> Network:
    try:
        text = base64.b64decode(jsonutil.get_str(found, "config", source=path), validate=True)
    except binascii.Error as error:
        raise DecodeError(f"{path}: config: {error}", source=path, key="config") from error
    return conflist.parse(text, f"{path}: config", single=True)


def _arguments(found: Mapping[str, object], path: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for pair in jsonutil.get_list(found, "cniArgs", [], source=path):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise DecodeError(f"{path}: cniArgs: expected pairs of texts", source=path, key="cniArgs")
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


def interface_order(name: str) -> tuple[str, int, str]:
    """By what interfaces are sorted: eth2 before eth10."""
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :]
    return (stem, int(digits) if digits else -1, name)
