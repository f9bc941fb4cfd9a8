"""A network whose subnet another interface has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libpod.errors import NetworkError
from libpod.network import conflist, routes

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = conflist.read(conflist.BUILT_IN)
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def line(interface: str, destination: str, mask: str) -> str:
    return f"{interface}\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"


@pytest.mark.parametrize(
    ("table", "refused"),
    [
        ("", False),
        (HEAD, False),
        (HEAD + line("eth0", "00000000", "00000000"), False),
        (HEAD + line("cni-podman0", "0000580A", "0000FFFF"), False),
        (HEAD + line("podman0", "0000580A", "0000FFFF"), True),
        # A wider route, of a tunnel for one, is less specific: ours wins.
        (HEAD + line("tun0", "0000000A", "000000FF"), False),
        (HEAD + "rubbish\n", False),
    ],
)
def test_only_the_very_same_subnet_is_in_the_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: str, refused: bool
) -> None:
    path = tmp_path / "route"
    path.write_text(table)
    monkeypatch.setattr(routes, "ROUTES_FILE", str(path))
    if not refused:
        routes.require_free(NETWORK)
        return
    with pytest.raises(NetworkError, match=r"10\.88\.0\.0/16 are in use by interface podman0"):
        routes.require_free(NETWORK)


def test_a_host_without_the_table_has_no_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "ROUTES_FILE", "/nowhere")
    routes.require_free(NETWORK)
