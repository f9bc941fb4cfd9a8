"""The table of containers."""

from __future__ import annotations

from typing import Any

import pytest

from libpod.cli import ps

ID = "aa49fd1df63976b59e4952c689208579791e2cd96aecf5c95d3278aa7906ec3e"


def row(**changes: Any) -> dict[str, Any]:
    """A row of a list."""
    return {
        "Id": ID,
        "Image": "localhost/bb:latest",
        "Command": ["sleep", "100"],
        "CreatedAt": "2 hours ago",
        "Status": "Created",
        "Ports": None,
        "Names": ["web"],
        **changes,
    }


PORT = {"host_ip": "127.0.0.1", "host_port": 9000, "container_port": 90, "range": 3, "protocol": "udp"}
OTHER = {"host_ip": "", "host_port": 8080, "container_port": 80, "range": 1, "protocol": "tcp"}


def test_the_table_looks_like_podman_s() -> None:
    rows = [row(), row(Command=None, Image="", Ports=[OTHER], Status="Exited (3) 1 second ago", Names=["db"])]
    assert ps.text(rows, whole=False).splitlines() == [
        "CONTAINER ID  IMAGE                COMMAND     CREATED      STATUS                   PORTS"
        "                 NAMES",
        "aa49fd1df639  localhost/bb:latest  sleep 100   2 hours ago  Created                       "
        "                 web",
        "aa49fd1df639                                   2 hours ago  Exited (3) 1 second ago  "
        "0.0.0.0:8080->80/tcp  db",
    ]


@pytest.mark.parametrize(
    ("command", "short", "whole"),
    [
        (None, "", ""),
        ([], "", ""),
        (["sleep", "100"], "sleep 100", "sleep 100"),
        (["a" * 17], "a" * 17, "a" * 17),
        (["echo hi there this is long", "arg2"], "echo hi there thi...", "echo hi there this is long arg2"),
    ],
)
def test_long_commands_are_cut(command: list[str] | None, short: str, whole: str) -> None:
    assert ps._cells(row(Command=command), whole=False)[2] == short
    assert ps._cells(row(Command=command), whole=True)[2] == whole


def test_ids_are_cut() -> None:
    assert ps._cells(row(), whole=False)[0] == ID[:12]
    assert ps._cells(row(), whole=True)[0] == ID


def test_several_ports() -> None:
    assert ps._cells(row(Ports=[PORT, OTHER]), whole=False)[5] == (
        "127.0.0.1:9000-9002->90-92/udp, 0.0.0.0:8080->80/tcp"
    )


def test_reasons_name_the_object() -> None:
    rows = [row(), row(Names=["bad"], Error="invalid JSON"), {"Id": ID, "Name": "pod", "Error": "no state"}]
    assert list(ps.reasons(rows)) == ["bad (aa49fd1df639): invalid JSON", "pod (aa49fd1df639): no state"]


def test_ids_alone(capsys: pytest.CaptureFixture[str]) -> None:
    ps.print_ids([row(), row()], whole=False)
    assert capsys.readouterr().out == f"{ID[:12]}\n{ID[:12]}\n"
    ps.print_ids([], whole=True)
    assert capsys.readouterr().out == ""
