"""What containers that do not run any more have left of their networks.

A reboot takes interfaces, rules and namespaces. The addresses on disk stay, and what is remembered for DEL.
Where containers died while the system runs on, all of it stays.

The plugins that come with CNI need not be asked: what they leave is known, and is removed by ourselves, for
all containers at once and without waiting for anybody. Only other plugins, and other ways of giving addresses
(`ipam`), are called, with DEL and an empty namespace, or the real one where it is there; for a limited time,
so that none of them can stop a boot. One that does not do it is asked again at the next refresh, and before
the container starts.
"""

from __future__ import annotations

import os
import time

from libpod import failpoints
from libpod.errors import FileError, LibpodError
from libpod.network import cache, firewall, leases, namespaces
from libpod.network.plugins import Plugins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Final

    from libpod.boot.report import Report
    from libpod.config.runtime import RuntimeConfig
    from libpod.network.cache import Entry

SECONDS: Final = 20.0
"""How long foreign plugins may take altogether."""
PLUGIN_SECONDS: Final = 5.0
LEAVE_NOTHING: Final = frozenset(
    ("bridge", "dummy", "firewall", "ipvlan", "loopback", "macvlan", "portmap", "ptp", "sbr", "tuning",
     "vlan", "vrf")
)  # fmt: skip
"""Plugins of which nothing is left without the network namespace but addresses and rules in iptables."""
LEAVE_NOTHING_AT_BOOT: Final = LEAVE_NOTHING | {"bandwidth", "host-device"}
KNOWN_ADDRESSES: Final = frozenset(("", "host-local", "static"))


class DeadNetworks:
    """Clears away the networks of containers none of which runs; without *write* only tells the *report*."""

    def __init__(self, config: RuntimeConfig, report: Report, *, write: bool, another_boot: bool) -> None:
        self._plugins = Plugins(config.cni_plugin_dirs)
        self._report = report
        self._write = write
        self._another_boot = another_boot
        self._rootless = config.rootless
        self._remembered = cache.Cache()
        self._places: tuple[str, ...] = namespaces.PLACES
        if config.runtime_dir:
            self._places += (f"{config.runtime_dir}/netns",)

    def clear(
        self, identifiers: Collection[str], recorded: Mapping[str, str], *, leaving: bool = False
    ) -> None:
        """Clear away what these containers have left. *recorded* has the path of a namespace by the ID.

        *leaving*: the containers are removed, so no plugin is asked a second time.
        """
        present = self._namespaces(identifiers, recorded)
        if not self._rootless:
            # A user's containers have nothing that outlives their network namespace.
            self._clear(identifiers, present, leaving=leaving)
        for path in present.values():
            self._remove_namespace(path)

    def _clear(self, identifiers: Collection[str], present: Mapping[str, str], *, leaving: bool) -> None:
        try:
            entries = self._remembered.of_containers(identifiers)
        except FileError as error:
            self._report.warn(error.message)
            entries = []
        kept = self._ask_plugins(entries, present)
        addresses = {address for entry in entries for address in entry.addresses}
        addresses |= self._free_addresses(identifiers, () if leaving else kept)
        if not self._another_boot and (entries or addresses or present):
            self._remove_rules(identifiers, addresses)

    # ------------------------------------------------------------ foreign plugins

    def _ask_plugins(self, entries: Collection[Entry], present: Mapping[str, str]) -> set[str]:
        """Ask foreign plugins to delete; the entries, as paths, of those that did not."""
        known = LEAVE_NOTHING_AT_BOOT if self._another_boot else LEAVE_NOTHING
        end = time.monotonic() + SECONDS
        kept: set[str] = set()
        for entry in entries:
            foreign = _foreign(entry, known)
            if not foreign:
                continue
            namespace = "" if self._another_boot else present.get(entry.container_id, "")
            failure = self._ask(entry, namespace, end - time.monotonic())
            if failure:
                kept.add(entry.path)
                self._report.warn(f"container {entry.container_id}, {entry.network_name}: {failure}")
            else:
                names = ", ".join(foreign)
                self._report.did(f"let {names} delete {entry.interface} of container {entry.container_id}")
        return kept

    def _ask(self, entry: Entry, namespace: str, left: float) -> str:
        """What is in the way, or nothing."""
        if not self._write:
            return ""
        if left <= 0:
            return f"plugins take longer than {SECONDS:g} seconds; it is deleted later"
        assert entry.network is not None
        failpoints.reach("networks.delete")
        try:
            self._plugins.delete(
                entry.network,
                entry.attachment(namespace),
                entry.result,
                seconds=min(left, PLUGIN_SECONDS),
            )
        except LibpodError as error:
            return error.message
        return ""

    # ------------------------------------------------------------ what we remove ourselves

    def _free_addresses(self, identifiers: Collection[str], kept: Collection[str]) -> set[str]:
        """Free the addresses and forget the interfaces; the addresses that were freed."""
        outcome = leases.drop(identifiers, write=self._write, keep=kept)
        for path in outcome.removed:
            self._report.did(f"remove {path}")
        for error in outcome.errors:
            self._report.warn(error.message)
        return {os.path.basename(path) for path in outcome.removed if path.startswith(f"{leases.NETWORKS}/")}

    def _remove_rules(self, identifiers: Collection[str], addresses: Collection[str]) -> None:
        found = firewall.leftovers(identifiers, addresses)
        if self._write:
            for trouble in firewall.remove(found):
                self._report.warn(trouble)
        for leftover in found:
            self._report.did(f"remove rule {leftover}")

    def _namespaces(self, identifiers: Collection[str], recorded: Mapping[str, str]) -> dict[str, str]:
        """The namespaces that are still there, by the ID of their container.

        After a reboot these are files alone, where /run has outlived it.
        """
        found = {}
        for identifier in sorted(identifiers):
            for path in (recorded.get(identifier, ""), namespaces.path_of(identifier)):
                if os.path.dirname(path) in self._places and os.path.lexists(path):
                    found[identifier] = path
        return found

    def _remove_namespace(self, path: str) -> None:
        try:
            if self._write:
                namespaces.remove(path, self._places)
            self._report.did(f"remove network namespace {path}")
        except FileError as error:
            self._report.warn(error.message)


def _foreign(entry: Entry, known: Collection[str]) -> list[str]:
    """The plugins of a remembered interface that have to be asked."""
    if entry.network is None:
        return []
    found = []
    for plugin in entry.network.plugins:
        ipam = plugin.get("ipam")
        kind = ipam.get("type", "") if isinstance(ipam, dict) else ""
        if plugin["type"] not in known or kind not in KNOWN_ADDRESSES:
            found.append(str(plugin["type"]))
    return found
