"""Where an image comes from or goes to, such as `oci-archive:FILE[:NAME]`, and what a transfer needs."""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument
from libpod.images import auth
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Final

DOCKER: Final = "docker"
DOCKER_ARCHIVE: Final = "docker-archive"
OCI_ARCHIVE: Final = "oci-archive"
OCI: Final = "oci"
DIRECTORY: Final = "dir"
STORAGE: Final = "containers-storage"
DAEMON: Final = "docker-daemon"
TRANSPORTS: Final = (DOCKER, DOCKER_ARCHIVE, OCI_ARCHIVE, OCI, DIRECTORY, STORAGE, DAEMON)
STALL_SECONDS: Final = 180.0


class Place(NamedTuple):
    """A transport and what follows it; for a registry the name of the image."""

    transport: str
    text: str

    def __str__(self) -> str:
        return f"{self.transport}:{'//' if self.transport == DOCKER else ''}{self.text}"


class Options(NamedTuple):
    """How a transfer is done. *shown* names the image in messages."""

    authfile: str = ""
    credentials: str = ""
    """`USER:PASSWORD`; it reaches skopeo in a file."""
    cert_dir: str = ""
    tls_verify: bool | None = None
    """None for what registries.conf says."""
    os: str = ""
    arch: str = ""
    variant: str = ""
    on_line: Callable[[str], None] | None = None
    """Gets a line for each step."""
    terminal: int | None = None
    """The descriptor of a terminal on which progress is drawn; no lines are given then."""
    stall_seconds: float = STALL_SECONDS
    shown: str = ""


def parse(text: str) -> Place | None:
    """The place that *text* names explicitly; None for a name alone."""
    transport, colon, rest = text.partition(":")
    if not colon or transport not in TRANSPORTS:
        return None
    if transport == DOCKER:
        if not rest.startswith("//"):
            raise InvalidArgument(f"invalid image name {text!r}: docker: must be followed by //")
        rest = rest[2:]
    if transport == DAEMON:
        raise InvalidArgument("images cannot be moved to or from a Docker daemon", hint="use docker save")
    if not rest:
        raise InvalidArgument(f"invalid image name {text!r}: nothing follows the transport")
    return Place(transport, rest)


def flags(options: Options, room: str, side: str, registry: str) -> list[str]:
    """skopeo's flags for the registry at one *side* (`src` or `dest`) of a copy; *room* is private."""
    found: list[str] = []
    path = auth_file(options, room, registry)
    if path:
        found += [f"--{side}-authfile", path]
    found += list(_trust(options, f"{side}-"))
    return found


def inspect_flags(options: Options, room: str, registry: str) -> list[str]:
    """The same for commands that have one side only."""
    path = auth_file(options, room, registry)
    return [*(["--authfile", path] if path else []), *_trust(options, "")]


def auth_file(options: Options, room: str, registry: str) -> str:
    """The authentication file to use; empty for skopeo's own search. Raises FileError if it is not there."""
    if options.credentials:
        return auth.write_private(os.path.join(room, "auth.json"), registry, options.credentials)
    return auth.explicit(options.authfile)


def _trust(options: Options, prefix: str) -> Iterator[str]:
    if options.cert_dir:
        yield from (f"--{prefix}cert-dir", options.cert_dir)
    if options.tls_verify is not None:
        yield f"--{prefix}tls-verify={'true' if options.tls_verify else 'false'}"


def split_archive(text: str) -> tuple[str, str]:
    """Path and reference of `PATH[:REFERENCE]`."""
    path, _, name = text.partition(":")
    return path, name


def platform(text: str) -> Sequence[str]:
    """System, architecture and variant of `OS/ARCH[/VARIANT]`. InvalidArgument for anything else."""
    parts = text.split("/")
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise InvalidArgument(f"invalid platform {text!r}", hint="such as linux/amd64 or linux/arm/v7")
    return [*parts, "", ""][:3]
