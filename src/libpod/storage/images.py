"""Image records, and how short image names are completed."""

from __future__ import annotations

from libpod.storage import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.storage.records import Record

_DIGITS = "0123456789abcdef"
_ID_LENGTH = 64


class ImageRecord:
    """An image of the store, read-only."""

    def __init__(self, record: Record) -> None:
        self._record = record

    @property
    def id(self) -> str:
        """64 hexadecimal digits."""
        return records.identifier(self._record)

    @property
    def names(self) -> list[str]:
        """Full references with a tag or a digest."""
        return records.names(self._record)

    @property
    def names_history(self) -> list[str]:
        """Names that the image has or had, the newest first."""
        value = self._record.get("names-history")
        return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []

    @property
    def digest(self) -> str:
        """The digest of the manifest; empty if it is not recorded."""
        return records.text(self._record, "digest")

    @property
    def top_layer(self) -> str:
        """The layer on which containers are made; empty for a list of manifests."""
        return records.text(self._record, "layer")

    @property
    def created(self) -> str:
        """When the image was made, RFC 3339."""
        return records.text(self._record, "created")

    @property
    def digests(self) -> list[str]:
        """The digests of all manifests of the image, the main one first."""
        value = self._record.get("big-data-digests")
        known = value.items() if isinstance(value, dict) else ()
        found = [self.digest, *(found for key, found in known if key.startswith("manifest"))]
        return list(dict.fromkeys(digest for digest in found if digest and isinstance(digest, str)))

    @property
    def big_data_sizes(self) -> dict[str, int]:
        """Bytes of each piece of big data."""
        value = self._record.get("big-data-sizes")
        if not isinstance(value, dict):
            return {}
        return {key: size for key, size in value.items() if isinstance(size, int)}


def normalize(name: str) -> list[str]:
    """The full references that a name as people type it may mean, in the order Podman tries them.

    `bb` is localhost/bb:latest, then docker.io/library/bb:latest; a name with a host keeps it.
    """
    if not name or (len(name) == _ID_LENGTH and not name.strip(_DIGITS)):
        return [name]
    base, separator, digest = name.partition("@")
    repository, tag = _split_tag(base)
    suffix = f"@{digest}" if separator else f":{tag or 'latest'}"
    host, slash, _rest = repository.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return [name, repository + suffix]
    hub = f"docker.io/{repository}" if slash else f"docker.io/library/{repository}"
    return [name, f"localhost/{repository}{suffix}", hub + suffix]


def _split_tag(name: str) -> tuple[str, str]:
    repository, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return repository, tag
    return name, ""
