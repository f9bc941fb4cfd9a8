"""sd_notify(3) between systemd and a container, in the modes of Podman's `--sdnotify`.

With `container` the container itself says when it is ready, through a socket that conmon relays; with
`conmon` we say so once the container runs; with `ignore` nobody does. Where systemd is told anything, it is
told as well that conmon is the main process, as we are gone soon.
"""

from __future__ import annotations

import os

from libpod.host import files, jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.engine import Engine
    from libpod.state.records import ContainerRecord

CONTAINER, CONMON, IGNORE = MODES = ("container", "conmon", "ignore")
VARIABLE = "NOTIFY_SOCKET"
# conmon makes <bundle>/notify/notify.sock, which the container sees here.
DIRECTORY = "notify"
TARGET = "/run/notify"
SOCKET = f"{TARGET}/notify.sock"
DIRECTORY_MODE = 0o755


def mode(record: ContainerRecord) -> str:
    """Which of MODES the container has."""
    return jsonutil.get_str(record.config, "sdnotifyMode", CONTAINER, source=record.describe()) or CONTAINER


def host_socket(record: ContainerRecord) -> str:
    """The socket of systemd for this start; empty if nobody listens, or nobody is to be told."""
    if mode(record) == IGNORE:
        return ""
    own = jsonutil.get_str(record.config, "sdnotifySocket", "", source=record.describe())
    return own or os.environ.get(VARIABLE, "")


def relayed_socket(record: ContainerRecord) -> str:
    """The socket to which conmon relays what the container says; empty if the container says nothing."""
    return host_socket(record) if mode(record) == CONTAINER else ""


def prepare(record: ContainerRecord) -> dict[str, str]:
    """What is to be bound into a container that notifies, destination to source; its directory is made."""
    if not relayed_socket(record):
        return {}
    path = os.path.join(record.static_directory, DIRECTORY)
    files.make_directory(path, DIRECTORY_MODE)
    return {TARGET: path}


def environment(record: ContainerRecord) -> dict[str, str]:
    """What such a container finds in its environment."""
    return {VARIABLE: SOCKET} if relayed_socket(record) else {}


def tell(engine: Engine, record: ContainerRecord) -> None:
    """Tell systemd, after the start, who the main process is, and with `conmon` that all is ready."""
    address = host_socket(record)
    if not address:
        return
    import socket

    lines = [f"MAINPID={record.conmon_pid}"]
    if mode(record) == CONMON:
        lines.append("READY=1")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            # A leading @ is how the environment writes the zero byte of an abstract address.
            connection.connect("\0" + address[1:] if address.startswith("@") else address)
            connection.send("\n".join(lines).encode())
    except OSError as error:
        engine.warn(f"cannot tell {address} about container {record.name}: {error.strerror}")
