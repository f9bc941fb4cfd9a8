"""The contents of hosts and resolv.conf."""

from __future__ import annotations

import pytest

from libpod.oci import etcfiles
from libpod.oci.etcfiles import NameResolution

HOST = (
    "# made by hand\nsearch a.example b.example\nnameserver 127.0.0.53\nnameserver 9.9.9.9\noptions ndots:2\n"
)


def test_hosts_puts_what_was_asked_for_first() -> None:
    text = etcfiles.hosts_text(
        "# host\n127.0.0.1 localhost\n\n", ["db:10.0.0.1", "v6:fe80::1"], [("127.0.0.1", ["abc", "web"])]
    )
    assert text == "10.0.0.1\tdb\nfe80::1\tv6\n127.0.0.1 localhost\n127.0.0.1\tabc web\n"


@pytest.mark.parametrize(
    ("wanted", "own_network", "expected"),
    [
        (
            NameResolution(),
            False,
            "search a.example b.example\nnameserver 127.0.0.53\nnameserver 9.9.9.9\noptions ndots:2\n",
        ),
        (NameResolution(), True, "search a.example b.example\nnameserver 9.9.9.9\noptions ndots:2\n"),
        (
            NameResolution(servers=("127.0.0.1",)),
            True,
            "search a.example b.example\nnameserver 127.0.0.1\noptions ndots:2\n",
        ),
        (
            NameResolution(search=(".",)),
            False,
            "nameserver 127.0.0.53\nnameserver 9.9.9.9\noptions ndots:2\n",
        ),
        (
            NameResolution(("1.1.1.1",), ("x",), ("edns0",)),
            True,
            "search x\nnameserver 1.1.1.1\noptions edns0\n",
        ),
    ],
)
def test_resolv_conf(wanted: NameResolution, own_network: bool, expected: str) -> None:
    assert etcfiles.resolv_conf_text(HOST, wanted, own_network=own_network) == expected


def test_a_network_of_its_own_needs_a_server_that_it_can_reach() -> None:
    text = etcfiles.resolv_conf_text("nameserver 127.0.0.53\n", NameResolution(), own_network=True)
    assert text == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
