"""One event, in the three forms that Podman gives it: JSON, fields of the journal, and a line for people.

Names and order of the keys are those of Podman 4.3 (measured); Podman 5 reads them as well.
"""

from __future__ import annotations

from libpod.errors import DecodeError
from libpod.host import jsonutil
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

CONTAINER: Final = "container"
POD: Final = "pod"
VOLUME: Final = "volume"
IMAGE: Final = "image"
NETWORK: Final = "network"
SYSTEM: Final = "system"
KINDS: Final = (CONTAINER, POD, VOLUME, IMAGE, NETWORK, SYSTEM)

IDENTIFIER: Final = "podman"
"""The SYSLOG_IDENTIFIER by which Podman finds events in the journal; ours are found by it, too."""


class Event(NamedTuple):
    """What happened (*status*: create, start, died, …), to what, and when (*time*, RFC 3339)."""

    kind: str
    status: str
    time: str
    id: str = ""
    name: str = ""
    image: str = ""
    network: str = ""
    health: str = ""
    exit_code: int = 0
    attributes: Mapping[str, str] | None = None
    """The labels of a container, the driver of a network; None where there are none to have."""

    # ------------------------------------------------------------ JSON

    def as_object(self) -> dict[str, object]:
        """The object that Podman writes to its file, without what is empty."""
        found: dict[str, object] = {
            "ContainerExitCode": self.exit_code,
            "ID": self.id,
            "Image": self.image,
            "Name": self.name,
            "network": self.network,
            "Status": self.status,
            "Time": self.time,
            "Type": self.kind,
            "health_status": self.health,
        }
        kept = {key: value for key, value in found.items() if value}
        labels = self.attributes
        return {**kept, "Attributes": None if labels is None else dict(sorted(labels.items()))}

    @classmethod
    def from_object(cls, value: Mapping[str, object], source: str) -> Event:
        """The event that *value* describes. DecodeError, naming *source*, for what is none."""

        def text(key: str) -> str:
            return jsonutil.get_str(value, key, "", source=source)

        attributes = jsonutil.get_str_map(value, "Attributes", None, source=source)
        return cls(
            kind=jsonutil.get_str(value, "Type", source=source),
            status=jsonutil.get_str(value, "Status", source=source),
            time=jsonutil.get_str(value, "Time", source=source),
            id=text("ID"),
            name=text("Name"),
            image=text("Image"),
            network=text("network") or text("Network"),
            health=text("health_status"),
            exit_code=jsonutil.get_int(value, "ContainerExitCode", 0, source=source),
            attributes=attributes,
        )

    # ------------------------------------------------------------ the journal

    def as_fields(self) -> dict[str, object]:
        """The fields of a journal entry; None for those that this kind of event does not have."""
        import json

        of_container = self.kind in (CONTAINER, POD)
        labels = json.dumps(dict(sorted(self.attributes.items()))) if self.attributes else None
        has_id = self.kind not in (VOLUME, SYSTEM)
        return {
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "MESSAGE": self.text(),
            "PRIORITY": 6,
            "PODMAN_EVENT": self.status,
            "PODMAN_TYPE": self.kind,
            "PODMAN_TIME": self.time,
            "PODMAN_IMAGE": self.image if of_container else None,
            "PODMAN_NAME": self.name if self.kind != NETWORK else None,
            "PODMAN_ID": self.id if has_id else None,
            "PODMAN_EXIT_CODE": (self.exit_code or None) if of_container else None,
            "PODMAN_LABELS": labels if of_container else None,
            "PODMAN_HEALTH_STATUS": self.health or None,
            "PODMAN_NETWORK_NAME": self.network if self.kind == NETWORK else None,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Event:
        """The event of a journal entry. DecodeError for what is none."""
        source = "entry of the journal"

        def text(name: str) -> str:
            return jsonutil.get_str(fields, f"PODMAN_{name}", "", source=source)

        kind, status, time = text("TYPE"), text("EVENT"), text("TIME")
        if not (kind and status and time):
            raise DecodeError(f"{source}: it is no event of Podman's", source=source)
        labels, code = text("LABELS"), text("EXIT_CODE")
        object_ = jsonutil.loads_object(labels.encode(), f"{source}: PODMAN_LABELS") if labels else {}
        attributes = {name: str(value) for name, value in object_.items()}
        return cls(
            kind=kind,
            status=status,
            time=time,
            id=text("ID"),
            name=text("NAME"),
            image=text("IMAGE"),
            network=text("NETWORK_NAME"),
            health=text("HEALTH_STATUS"),
            exit_code=int(code) if code.removeprefix("-").isdigit() else 0,
            attributes=attributes if attributes or kind == CONTAINER else None,
        )

    # ------------------------------------------------------------ people

    def text(self, *, shorten: bool = False) -> str:
        """One line for people, as Podman has it; *shorten* cuts IDs."""
        identifier = self.id[:12] if shorten else self.id
        start = f"{_go_string(self.time)} {self.kind} {self.status}"
        if self.kind in (CONTAINER, POD):
            details = [f"image={self.image}", f"name={self.name}"]
            if self.health:
                details.append(f"health_status={self.health}")
            details += [f"{name}={value}" for name, value in sorted((self.attributes or {}).items())]
            return f"{start} {identifier} ({', '.join(details)})"
        if self.kind == NETWORK:
            return f"{start} {identifier} (container={identifier}, name={self.network})"
        if self.kind == IMAGE:
            return f"{start} {identifier} {self.name}"
        return f"{start} {self.name}".rstrip()


def _go_string(time: str) -> str:
    """An RFC 3339 time as Go prints it: `2026-01-31 12:00:00.5 +0000 UTC`."""
    day, _, rest = time.partition("T")
    if rest.endswith("Z"):
        return f"{day} {rest[:-1]} +0000 UTC"
    clock, zone = rest[:-6], rest[-6:]
    return f"{day} {clock} {zone.replace(':', '')} {zone.replace(':', '')}" if clock else time
