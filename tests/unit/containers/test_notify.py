"""What systemd is told about a container, in each mode."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from libpod.containers import notify
from libpod.state.records import ContainerRecord

ID = "a" * 64


def record(directory: Path, mode: str, **config: str) -> ContainerRecord:
    made: dict[str, object] = {
        "id": ID,
        "name": "web",
        "sdnotifyMode": mode,
        "staticDir": str(directory),
        **config,
    }
    return ContainerRecord(ID, made, {"conmonPid": 77})


def engine(warnings: list[str]) -> Any:
    return SimpleNamespace(warn=warnings.append)


@pytest.mark.parametrize(
    ("mode", "relayed", "told"),
    [
        ("container", True, b"MAINPID=77"),
        ("", True, b"MAINPID=77"),
        ("conmon", False, b"MAINPID=77\nREADY=1"),
        ("ignore", False, None),
    ],
)
def test_modes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, told: bytes | None, *, relayed: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("systemd")
        systemd.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", "systemd")
        made = record(tmp_path, mode)
        binds = notify.prepare(made)
        assert binds == ({"/run/notify": f"{tmp_path}/notify"} if relayed else {})
        assert bool(notify.relayed_socket(made)) == bool(notify.environment(made)) == relayed
        warnings: list[str] = []
        notify.tell(engine(warnings), made)
        assert warnings == []
        if told is None:
            with pytest.raises(BlockingIOError):
                systemd.recv(100)
        else:
            assert systemd.recv(100) == told


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    made = record(tmp_path, "container")
    assert (notify.prepare(made), notify.environment(made), notify.relayed_socket(made)) == ({}, {}, "")
    assert os.listdir(tmp_path) == []


def test_a_socket_that_is_gone_is_a_warning(tmp_path: Path) -> None:
    warnings: list[str] = []
    notify.tell(engine(warnings), record(tmp_path, "conmon", sdnotifySocket=str(tmp_path / "gone")))
    assert warnings == [f"cannot tell {tmp_path}/gone about container web: No such file or directory"]
