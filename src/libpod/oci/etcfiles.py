"""The files that a container gets from us: hosts, resolv.conf, hostname and .containerenv.

They are in the container's run directory and are bound over its own at each start.
"""

from __future__ import annotations

import os

from libpod.errors import FileError
from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FILE_MODE = 0o644
HOSTS = "/etc/hosts"
HOSTNAME = "/etc/hostname"
RESOLV_CONF = "/etc/resolv.conf"
CONTAINER_ENVIRONMENT = "/run/.containerenv"
# The stub of systemd-resolved answers only on the host's loopback, so the list behind it is taken.
RESOLVED_FILE = "/run/systemd/resolve/resolv.conf"
FALLBACK_SERVERS = ("8.8.8.8", "8.8.4.4")


class NameResolution(NamedTuple):
    """What `--dns`, `--dns-search` and `--dns-option` ask for; empty for the host's."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    """`.` alone for none at all."""
    options: tuple[str, ...] = ()


def hosts_text(base: str, extra: Sequence[str], own: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The contents of /etc/hosts.

    *base* is the host's file; *extra* are `NAME:ADDRESS` texts of `--add-host`, which come first; *own*
    are addresses of the container with its names.
    """
    lines = []
    for entry in extra:
        name, _, address = entry.partition(":")
        lines.append(f"{address}\t{name}")
    lines += [line for line in base.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    lines += [f"{address}\t{' '.join(names)}" for address, names in own]
    return "".join(f"{line}\n" for line in lines)


def resolv_conf_text(host: str, wanted: NameResolution, *, own_network: bool) -> str:
    """The contents of /etc/resolv.conf.

    *host* is the host's file. In a network of its own (*own_network*) the container cannot reach servers
    on the host's loopback, so these are left out.
    """
    servers = list(wanted.servers) or _values(host, "nameserver")
    search = list(wanted.search) or _last_words(host, ("search", "domain"))
    options = list(wanted.options) or _last_words(host, ("options",))
    if own_network and not wanted.servers:
        servers = [server for server in servers if not _is_loopback(server)] or list(FALLBACK_SERVERS)
    lines = []
    if search and search != ["."]:
        lines.append(f"search {' '.join(search)}")
    lines += [f"nameserver {server}" for server in servers]
    if options:
        lines.append(f"options {' '.join(options)}")
    return "".join(f"{line}\n" for line in lines)


def _values(text: str, key: str) -> list[str]:
    words = [line.split() for line in text.splitlines()]
    return [line[1] for line in words if len(line) > 1 and line[0] == key]


def _last_words(text: str, keys: Sequence[str]) -> list[str]:
    """resolv.conf(5): of several search lines the last one counts."""
    words = [line.split() for line in text.splitlines()]
    found = [line[1:] for line in words if line and line[0] in keys]
    return found[-1] if found else []


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address in ("::1", "localhost")


def host_resolv_conf() -> str:
    """The name servers of the host; those behind systemd-resolved's stub, where it runs."""
    for path in (RESOLVED_FILE, RESOLV_CONF):
        text = read_optional(path)
        if text:
            return text
    return ""


def read_optional(path: str) -> str:
    """The text of *path*; empty if it is not there or not readable."""
    try:
        return files.read_bytes(path, limit=1 << 20).decode("utf-8", "replace")
    except FileError:
        return ""


def rewrite(path: str, text: str) -> None:
    """Change the contents of one of these files in its place, for a container that has it bound already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode())
    except OSError as error:
        raise FileError("write", path, error) from error


def write(directory: str, name: str, text: str | bytes, owner: tuple[int, int]) -> str:
    """Write one of these files for a container whose root is *owner* (UID, GID); returns its path."""
    path = os.path.join(directory, name)
    data = text.encode() if isinstance(text, str) else text
    files.write_atomic(path, data, mode=FILE_MODE, sync=False, sync_dir=False)
    if owner != (0, 0):
        try:
            os.chown(path, *owner)
        except OSError as error:
            raise FileError("change owner of", path, error) from error
    return path
