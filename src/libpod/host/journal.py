"""Entries for the journal of systemd, with fields of our own.

An entry is one datagram to /run/systemd/journal/socket: for each field its name, `=`, its value and a
newline; a value with a newline in it is written as name, newline, its length as 64 bits little endian,
value, newline (https://systemd.io/JOURNAL_NATIVE_PROTOCOL). A host without a journal has no socket: then
nothing is sent, and that is no error.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

SOCKET: Final = "/run/systemd/journal/socket"

IDENTIFIER: Final = "libpod"
# syslog(3)
ERROR, WARNING, NOTICE, INFO = 3, 4, 5, 6

_LONGEST_VALUE: Final = 16384
# A journal that does not read must not keep the boot waiting.
_SEND_SECONDS: Final = 2.0


def send(fields: Mapping[str, object]) -> bool:
    """Send one entry; False where no journal took it.

    Names are upper case. Values longer than 16384 characters are cut, so that an entry fits a datagram.
    """
    # Imported where something is sent: hosts without a journal need it for nothing.
    import socket

    data = encode({"SYSLOG_IDENTIFIER": IDENTIFIER, **fields})
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_SEND_SECONDS)
            channel.sendto(data, SOCKET)
    except OSError:
        # No journal, or one that does not answer: what was done stands in the report all the same.
        return False
    return True


def encode(fields: Mapping[str, object]) -> bytes:
    """The datagram for *fields*; fields that are None are left out."""
    return b"".join(_encode_field(name, value) for name, value in fields.items() if value is not None)


def _encode_field(name: str, value: object) -> bytes:
    data = str(value)[:_LONGEST_VALUE].encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
