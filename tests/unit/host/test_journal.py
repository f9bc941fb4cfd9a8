"""Entries as they arrive at the journal's socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from libpod.host import journal


@pytest.fixture
def arrived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A journal."""
    path = tmp_path / "socket"
    monkeypatch.setattr(journal, "SOCKET", str(path))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    listener.settimeout(5)
    return listener


def test_fields_arrive(arrived: socket.socket) -> None:
    with arrived:
        assert journal.send({"MESSAGE": "all is well", "PRIORITY": journal.INFO, "LIBPOD_ABSENT": None})
        assert arrived.recv(4096) == b"SYSLOG_IDENTIFIER=libpod\nMESSAGE=all is well\nPRIORITY=6\n"


def test_a_value_of_several_lines(arrived: socket.socket) -> None:
    with arrived:
        journal.send({"MESSAGE": "one\ntwo"})
        data = arrived.recv(4096)
    assert data == b"SYSLOG_IDENTIFIER=libpod\nMESSAGE\n\x07\0\0\0\0\0\0\0one\ntwo\n"


def test_a_long_value_is_cut(arrived: socket.socket) -> None:
    with arrived:
        assert journal.send({"MESSAGE": "x" * 1_000_000})
        assert len(arrived.recv(1 << 20)) < 20000


def test_text_that_has_no_utf8(arrived: socket.socket) -> None:
    with arrived:
        journal.send({"MESSAGE": "\udcff"})
        assert arrived.recv(4096).endswith(b"MESSAGE=\\udcff\n")


def test_without_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "absent"))
    assert not journal.send({"MESSAGE": "nobody listens"})


def test_a_journal_that_does_not_read(arrived: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_SEND_SECONDS", 0.05)
    with arrived:
        assert any(not journal.send({"MESSAGE": "x" * 4000}) for _ in range(100_000))
