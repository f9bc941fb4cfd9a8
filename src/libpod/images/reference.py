"""Names of images, with the grammar of the container registries.

::

    127.0.0.1:5000/team/web:1.2@sha256:…
    ├────────────┤ ├──────┤ ├─┤ ├──────┤
       domain        path   tag  digest

The grammar is that of the distribution project (reference/regexp.go), which Podman, skopeo and every registry
share. What stands before the first slash is a domain if it has a dot, a colon or an upper-case letter, or is
`localhost`; else the name is a short one, and `libpod.images.registries` says what it may mean.
"""

from __future__ import annotations

import re

from libpod.errors import InvalidArgument
from libpod.values import NamedTuple

DEFAULT_TAG = "latest"
LOCALHOST = "localhost"
DOCKER_HUB = "docker.io"
LONGEST_NAME = 255

_DOMAIN_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{64}")


class Reference(NamedTuple):
    """A parsed name; parts that it does not have are empty. A short name has no *domain*."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def repository(self) -> str:
        """Domain and path."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def is_short(self) -> bool:
        """Whether it does not say which registry has it."""
        return not self.domain

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return self.repository + tag + (f"@{self.digest}" if self.digest else "")

    def on(self, domain: str) -> Reference:
        """The same name on another registry, which may be given with a path: `quay.io/team`."""
        host, _slash, path = domain.partition("/")
        path = f"{path}/{self.path}" if path else self.path
        if host == DOCKER_HUB and "/" not in path:
            path = f"library/{path}"
        return self._replace(domain=host, path=path)

    def complete(self) -> Reference:
        """The reference that is stored: with a tag, or with the digest alone where it has one."""
        if self.digest:
            return self._replace(tag="")
        return self if self.tag else self._replace(tag=DEFAULT_TAG)


def parse(text: str) -> Reference:
    """Parse *text*. Raises InvalidArgument that names what is wrong with it."""
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _invalid(text, f"{digest!r} is no digest")
    if digest.startswith("sha256:") and not _SHA256.fullmatch(digest):
        raise _invalid(text, "a sha256 digest has 64 hexadecimal digits")
    repository, tag = split_tag(name)
    if name.endswith(":") or (tag and not _TAG.fullmatch(tag)):
        raise _invalid(text, f"{tag!r} is no tag")
    domain, path = _split_domain(repository)
    if domain and not _DOMAIN.fullmatch(domain):
        raise _invalid(text, f"{domain!r} is no registry")
    if not _PATH.fullmatch(path):
        upper = _PATH.fullmatch(path.lower())
        raise _invalid(text, "repository name must be lowercase" if upper else f"{path!r} is no repository")
    if not domain and _ID.fullmatch(repository):
        raise _invalid(text, "64 hexadecimal digits are an ID, not a name")
    if len(repository) > LONGEST_NAME:
        raise _invalid(text, f"it is longer than {LONGEST_NAME} characters")
    found = Reference(domain, path, tag, digest)
    return found.on(domain) if domain == DOCKER_HUB else found


def split_tag(name: str) -> tuple[str, str]:
    """Repository and tag of a name without a digest."""
    repository, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return repository, tag
    return name, ""


def _split_domain(repository: str) -> tuple[str, str]:
    first, slash, rest = repository.partition("/")
    if slash and ("." in first or ":" in first or first == LOCALHOST or first != first.lower()):
        return (DOCKER_HUB if first == "index.docker.io" else first), rest
    return "", repository


def normalize(text: str) -> Reference:
    """The full name for a name that is given to an image here: a short one belongs to `localhost`."""
    found = parse(text)
    return (found.on(LOCALHOST) if found.is_short else found).complete()


def _invalid(text: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"invalid image name {text!r}: {why}")
