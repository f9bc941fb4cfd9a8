"""The network of a user's container: slirp4netns, a TCP/IP stack in a process of the user.

It gives the container an interface `tap0` and does for it what programs of the user may do: connect to other
hosts. It ends when nobody holds the other end of its exit pipe any more: conmon holds it. Addresses in its
network are fixed: the host is .2, its name server .3, the container .100.

Its API (slirp4netns(1)): one JSON object for each connection to a socket, answered by another.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import selectors
import socket
import time

from libpod.errors import CommandNotFound, FileError, InvalidArgument, NetworkError, NotSupported
from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    from libpod.network.hostports import HostPort

PROGRAM: Final = "slirp4netns"
INTERFACE: Final = "tap0"
TUN: Final = "/dev/net/tun"
DEFAULT_NETWORK: Final = "10.0.2.0/24"
DEFAULT_MTU: Final = 65520
READY_SECONDS: Final = 20.0
API_SECONDS: Final = 10.0
INSTALL_HINT: Final = "install slirp4netns, or choose --network none or --network host"

_CONTAINER: Final = 100
_NAME_SERVER: Final = 3
_LONGEST_SOCKET: Final = 107
_LONGEST_ANSWER: Final = 1 << 16
_SWITCHES: Final = {"true": True, "false": False}
_OPTIONS_HINT: Final = (
    "allow_host_loopback=BOOL, cidr=NETWORK, enable_ipv6=BOOL, mtu=BYTES, outbound_addr=ADDRESS, "
    "port_handler=slirp4netns"
)


class Settings(NamedTuple):
    """How slirp4netns is run."""

    network: ipaddress.IPv4Network = ipaddress.IPv4Network(DEFAULT_NETWORK)
    mtu: int = DEFAULT_MTU
    host_loopback: bool = False
    """Whether .2 leads to what listens on the host's 127.0.0.1."""
    six: bool = False
    outbound: str = ""

    @property
    def address(self) -> str:
        """The container's."""
        return str(self.network[_CONTAINER])

    @property
    def name_server(self) -> str:
        """The one that asks those of the host."""
        return str(self.network[_NAME_SERVER])

    def arguments(self) -> list[str]:
        """As slirp4netns has them."""
        words = ["--mtu", str(self.mtu)]
        if str(self.network) != DEFAULT_NETWORK:
            words.append(f"--cidr={self.network}")
        if not self.host_loopback:
            words.append("--disable-host-loopback")
        if self.six:
            words.append("--enable-ipv6")
        if self.outbound:
            words.append(f"--outbound-addr={self.outbound}")
        return words


def parse(options: Sequence[str]) -> Settings:
    """Read `name=value` texts as `--network slirp4netns:…` has them. InvalidArgument for anything else."""
    found = Settings()
    for option in options:
        name, _, value = option.partition("=")
        try:
            found = _with_option(found, name, value)
        except (ValueError, KeyError) as error:
            raise InvalidArgument(
                f"--network slirp4netns: {option!r} is no option", hint=_OPTIONS_HINT
            ) from error
    return found


def _with_option(settings: Settings, name: str, value: str) -> Settings:
    if name == "allow_host_loopback":
        return settings._replace(host_loopback=_SWITCHES[value])
    if name == "enable_ipv6":
        return settings._replace(six=_SWITCHES[value])
    if name == "mtu":
        return settings._replace(mtu=int(value))
    if name == "outbound_addr":
        return settings._replace(outbound=str(ipaddress.IPv4Address(value)))
    if name == "port_handler" and value in ("slirp4netns", "rootlesskit"):
        # Ports are forwarded by slirp4netns itself in any case.
        return settings
    if name == "cidr":
        network = ipaddress.IPv4Network(value)
        if network.num_addresses > _CONTAINER + 1:
            return settings._replace(network=network)
    raise KeyError(name)


def is_installed() -> bool:
    """Whether there is a slirp4netns."""
    import shutil

    return shutil.which(PROGRAM) is not None


class Tether:
    """The exit pipe; a context manager, at whose end only those hold it who have inherited it."""

    def __init__(self) -> None:
        self.watched = self.held = -1

    def __enter__(self) -> Tether:
        self.watched, self.held = os.pipe2(os.O_CLOEXEC)
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self.watched)
        os.close(self.held)


def connect(
    pid: int,
    settings: Settings,
    tether: Tether,
    log: str,
    ports: Iterable[tuple[HostPort, int]] = (),
    api: str = "",
) -> None:
    """Give the network namespace of process *pid* its interface, and forward *ports* of the host to it.

    What it says goes to the file *log*; *api* is a path for its socket, which is needed for ports only and is
    removed again. Raises NotSupported where slirp4netns is not installed, and NetworkError.
    """
    forwarded = list(ports)
    if not forwarded:
        _start(pid, settings, tether, "", log)
        return
    files.remove_file(api)
    try:
        _start(pid, settings, tether, api, log)
        for port, inside in forwarded:
            _forward(api, port, inside, settings)
    finally:
        files.remove_file(api)


def _start(pid: int, settings: Settings, tether: Tether, api: str, log: str) -> None:
    from libpod.host import process

    if len(os.fsencode(api)) > _LONGEST_SOCKET:
        raise NetworkError(
            f"{api}: a socket cannot have so long a path", hint="choose a shorter --tmpdir, or no ports"
        )
    ready, told = os.pipe2(os.O_CLOEXEC)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    words = [PROGRAM, *settings.arguments(), "--enable-sandbox", "--enable-seccomp", "-c"]
    words += ["-e", str(tether.watched), "-r", str(told), "--netns-type=path"]
    words += ["--api-socket", api] if api else []
    words += [f"/proc/{pid}/ns/net", INTERFACE]
    try:
        child = process.spawn(words, descriptors=(tether.watched, told), stdout=written, stderr=written)
    except CommandNotFound as error:
        raise NotSupported(f"{PROGRAM} is not installed", hint=INSTALL_HINT) from error
    finally:
        os.close(told)
        os.close(written)
    try:
        if not _is_ready(ready):
            child.kill()
            raise NetworkError(f"{PROGRAM} did not set up the network: {_said(log)}", hint=_tun_hint())
    finally:
        os.close(ready)


def _is_ready(descriptor: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(READY_SECONDS)) and os.read(descriptor, 1) == b"1"


def _said(log: str) -> str:
    try:
        lines = files.read_bytes(log, limit=1 << 16).decode("utf-8", "replace").split("\n")
    except FileError:
        lines = []
    said = [line for line in lines if line.strip() and not line.startswith(("WARNING", "*", "sent tapfd"))]
    return "; ".join(said[-3:]) or "it said nothing"


def _tun_hint() -> str | None:
    if os.access(TUN, os.R_OK | os.W_OK):
        return None
    return f"{TUN} must be there, and for everybody: modprobe tun; chmod 0666 {TUN}"


def _forward(api: str, port: HostPort, inside: int, settings: Settings) -> None:
    arguments = {
        "proto": port.protocol,
        "host_addr": port.address or "0.0.0.0",
        "host_port": port.number,
        "guest_addr": settings.address,
        "guest_port": inside,
    }
    answer = _ask(api, {"execute": "add_hostfwd", "arguments": arguments})
    refusal = answer.get("error")
    if refusal is not None:
        reason = refusal.get("desc") if isinstance(refusal, dict) else refusal
        raise NetworkError(
            f"port {port} cannot be published: {reason}",
            hint="another program may use it; ports below 1024 are for root, unless sysctl "
            "net.ipv4.ip_unprivileged_port_start says otherwise",
        )


def _ask(api: str, question: dict[str, object]) -> dict[str, object]:
    end = time.monotonic() + API_SECONDS
    data = b""
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
            connection.settimeout(API_SECONDS)
            connection.connect(api)
            connection.sendall(json.dumps(question).encode())
            connection.shutdown(socket.SHUT_WR)
            while time.monotonic() < end and len(data) < _LONGEST_ANSWER:
                piece = connection.recv(4096)
                if not piece:
                    break
                data += piece
        answer = json.loads(data)
    except (OSError, ValueError) as error:
        raise NetworkError(f"{api}: {PROGRAM} does not answer: {error}") from error
    return answer if isinstance(answer, dict) else {}
