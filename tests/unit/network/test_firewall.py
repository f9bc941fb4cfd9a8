"""Rules of dead containers are told from all others."""

from __future__ import annotations

import shutil

import pytest

from libpod.errors import CommandError
from libpod.network import firewall

DEAD, ALIVE = "a" * 64, "b" * 64
COMMENT = '-m comment --comment "name: \\"podman\\" id: \\"{}\\""'
TABLES = {
    "nat": f"""\
-P PREROUTING ACCEPT
-N CNI-HOSTPORT-DNAT
-N CNI-0123456789abcdef01234567
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -s 10.88.0.2/32 {COMMENT.format(DEAD)} -j CNI-0123456789abcdef01234567
-A POSTROUTING -s 10.88.0.3/32 {COMMENT.format(ALIVE)} -j CNI-76543210fedcba9876543210
-A CNI-0123456789abcdef01234567 -d 10.88.0.0/16 {COMMENT.format(DEAD)} -j ACCEPT
-A CNI-HOSTPORT-DNAT -p tcp {COMMENT.format(DEAD)} -m multiport --dports 80 -j CNI-DN-0123456789abcdef0123
-A INPUT -m comment --comment "somebody's rule" -j ACCEPT
""",
    "filter": """\
-P FORWARD ACCEPT
-A CNI-FORWARD -d 10.88.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A CNI-FORWARD -s 10.88.0.2/32 -j ACCEPT
-A CNI-FORWARD -s 10.88.0.22/32 -j ACCEPT
-A FORWARD -s 10.88.0.2/32 -j DROP
""",
}


@pytest.fixture(name="ran")
def _ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    ran: list[tuple[str, ...]] = []

    def run(program: str, table: str, *words: str) -> str:
        if words == ("-S",):
            return TABLES[table]
        ran.append((table, *words))
        if "CNI-DN-0123456789abcdef0123" in words and words[0] == "-F":
            raise CommandError("no such chain")
        return ""

    monkeypatch.setattr(firewall, "PROGRAMS", ("iptables",))
    monkeypatch.setattr(shutil, "which", lambda name, path: name)
    monkeypatch.setattr(firewall, "_run", run)
    return ran


def test_rules_of_a_container_go_with_their_chains(ran: list[tuple[str, ...]]) -> None:
    found = firewall.leftovers([DEAD], ["10.88.0.2"])
    assert [(entry.table, entry.rule[1], entry.chain) for entry in found] == [
        ("nat", "POSTROUTING", "CNI-0123456789abcdef01234567"),
        ("nat", "CNI-HOSTPORT-DNAT", "CNI-DN-0123456789abcdef0123"),
        ("filter", "CNI-FORWARD", ""),
        ("filter", "CNI-FORWARD", ""),
    ]
    assert firewall.remove(found) == ["no such chain"]
    comment = ("-m", "comment", "--comment", f'name: "podman" id: "{DEAD}"')
    chain = "CNI-0123456789abcdef01234567"
    assert ran[:3] == [
        ("nat", "-D", "POSTROUTING", "-s", "10.88.0.2/32", *comment, "-j", chain),
        ("nat", "-F", chain),
        ("nat", "-X", chain),
    ]
    assert ran[-1] == ("filter", "-D", "CNI-FORWARD", "-s", "10.88.0.2/32", "-j", "ACCEPT")


@pytest.mark.parametrize(("containers", "addresses"), [([], ["10.88.0.2"]), (["c" * 64], []), (["a"], [])])
def test_nothing_else_is_touched(
    ran: list[tuple[str, ...]], containers: list[str], addresses: list[str]
) -> None:
    assert firewall.leftovers(containers, addresses) == []


def test_a_host_without_iptables_has_no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    assert firewall.leftovers([DEAD], []) == []
