"""Rules that CNI plugins leave in iptables when a container's network namespace is gone before DEL.

The plugin bridge then frees the address and forgets its masquerading rule (version 1.1.1). The plugins write
the ID of the container into the comment of each rule in the table `nat`; in the table `filter` the plugin
firewall names addresses only.
"""

from __future__ import annotations

import shlex
import shutil

from libpod.errors import CommandError
from libpod.host import process
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

SECONDS = 15.0
PROGRAMS = ("iptables", "ip6tables")
_OWN_CHAIN = "CNI-"
_SHARED_CHAINS = (
    "CNI-FORWARD",
    "CNI-ADMIN",
    "CNI-HOSTPORT-DNAT",
    "CNI-HOSTPORT-MASQ",
    "CNI-HOSTPORT-SETMARK",
)


class Leftover(NamedTuple):
    """One rule, and the container's own chain that it leads to (empty for none)."""

    program: str
    table: str
    rule: tuple[str, ...]
    chain: str

    def __str__(self) -> str:
        return f"of {self.program} -t {self.table}: {shlex.join(self.rule[1:])}"


def leftovers(containers: Collection[str], addresses: Collection[str] = ()) -> list[Leftover]:
    """The rules of these containers; *addresses* are those that they had. Empty without iptables."""
    found: list[Leftover] = []
    for program in PROGRAMS:
        path = shutil.which(program, path=process.DEFAULT_PATH)
        if path is None or not containers:
            continue
        found += _of_containers(path, containers)
        found += _of_addresses(path, addresses)
    return found


def remove(found: Collection[Leftover]) -> list[str]:
    """Remove rules and then the chains that they led to; what could not be, as texts for people."""
    troubles: list[str] = []
    for leftover in found:
        commands = [("-D", *leftover.rule[1:])]
        if leftover.chain:
            commands += [("-F", leftover.chain), ("-X", leftover.chain)]
        for command in commands:
            try:
                _run(leftover.program, leftover.table, *command)
            except CommandError as error:
                troubles.append(error.message)
                break
    return troubles


def _of_containers(program: str, containers: Collection[str]) -> Iterator[Leftover]:
    for rule in _rules(program, "nat"):
        comment = rule[rule.index("--comment") + 1] if "--comment" in rule[:-1] else ""
        name, _, identifier = comment.partition(' id: "')
        if "name: " in name and identifier.rstrip('"') in containers and not _is_own(rule[1]):
            target = rule[rule.index("-j") + 1] if "-j" in rule[:-1] else ""
            yield Leftover(program, "nat", rule, target if _is_own(target) else "")


def _of_addresses(program: str, addresses: Collection[str]) -> Iterator[Leftover]:
    wanted = {f"{address}/{128 if ':' in address else 32}" for address in addresses}
    for rule in _rules(program, "filter") if wanted else ():
        if rule[1] == "CNI-FORWARD" and wanted.intersection(rule):
            yield Leftover(program, "filter", rule, "")


def _is_own(chain: str) -> bool:
    """Whether a chain belongs to one container."""
    return chain.startswith(_OWN_CHAIN) and chain not in _SHARED_CHAINS


def _rules(program: str, table: str) -> list[tuple[str, ...]]:
    """The rules of a table, each as the words that add it. Empty where there is no such table."""
    try:
        output = _run(program, table, "-S")
    except CommandError:
        return []
    rules = [tuple(shlex.split(line)) for line in output.splitlines()]
    return [rule for rule in rules if len(rule) > 1 and rule[0] == "-A"]


def _run(program: str, table: str, *words: str) -> str:
    completed = process.run([program, "-w", "5", "-t", table, *words], timeout=SECONDS)
    return completed.stdout.decode("utf-8", "replace")
