"""The texts that a database stores for an object: reading them with care, and editing them in place."""

from __future__ import annotations

from libpod.errors import DecodeError, InternalError
from libpod.host import jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMESPACE_KEYS = (
    "ipcNsCtr", "mountNsCtr", "netNsCtr", "pidNsCtr", "userNsCtr", "utsNsCtr", "cgroupNsCtr",
)  # fmt: skip
"""The keys of a configuration that name a container whose namespace is joined."""


class Types:
    """The types of the keys that this program, or Go's decoder in Podman, insists on.

    Null stands for the zero value everywhere.
    """

    __slots__ = ("_by_key", "_sound")

    def __init__(self, by_key: dict[str, type]) -> None:
        self._by_key = by_key
        self._sound: list[type] = []
        """The types of the object before, which most objects share."""

    def check(self, value: Mapping[str, object], source: str) -> None:
        """Raise DecodeError, naming *source*, if a key of *value* is not of its type."""
        # All keys at once, in C: thousands of objects are read.
        kinds = list(map(type, map(value.get, self._by_key)))
        if kinds == self._sound:
            return
        for key, wanted in self._by_key.items():
            found = value.get(key)
            if found is not None and type(found) is not wanted:
                raise DecodeError(
                    f"{source}: {key}: expected {_TYPE_NAMES[wanted]}, found {found!r:.60}",
                    source=source,
                    key=key,
                )
        self._sound = kinds


_TYPE_NAMES = {str: "text", int: "a whole number", bool: "true or false", dict: "an object", list: "a list"}

CONTAINER_CONFIG_TYPES = Types({
    "id": str, "name": str, "pod": str, "namespace": str, "lockID": int, "spec": dict,
    "idMappingsOptions": dict, "rootfsImageID": str, "rootfsImageName": str, "rootfs": str,
    "staticDir": str, "mounts": list, "Dependencies": list, "labels": dict, "createdTime": str,
    "cgroupParent": str, "logPath": str, "namedVolumes": list, "newNetworks": dict, "privileged": bool,
    "createNetNS": bool, **dict.fromkeys(NAMESPACE_KEYS, str),
})  # fmt: skip
CONTAINER_STATE_TYPES = Types({
    "state": int, "configPath": str, "runDir": str, "destinationRunDir": str, "realMountPoint": str,
    "userNSRoot": str, "mounted": bool, "mountPoint": str, "startedTime": str, "finishedTime": str,
    "exitCode": int, "exited": bool, "error": str, "oomKilled": bool, "pid": int, "checkpointed": bool,
    "conmonPid": int, "execSessions": dict, "newExecSessions": dict, "netns": str, "bindMounts": dict,
    "networkStatus": dict, "stoppedByUser": bool, "restartPolicyMatch": bool, "restartCount": int,
    "extensionStageHooks": dict, "networkDescriptions": dict, "Service": dict, "checkpointedTime": str,
    "restoredTime": str, "restored": bool,
})  # fmt: skip
POD_CONFIG_TYPES = Types({
    "id": str, "name": str, "namespace": str, "labels": dict, "cgroupParent": str, "UsePodCgroup": bool,
    "sharesCgroup": bool, "lockID": int, "created": str,
})  # fmt: skip
POD_STATE_TYPES = Types({"cgroupPath": str, "CgroupPath": str, "InfraContainerID": str})
VOLUME_CONFIG_TYPES = Types({
    "name": str, "lockID": int, "labels": dict, "volumeDriver": str, "mountPoint": str, "storageID": str,
    "isAnon": bool,
})  # fmt: skip
VOLUME_STATE_TYPES = Types({"mountPoint": str, "mountCount": int, "copiedUp": bool})


def printable(value: bytes) -> str:
    """A stored text for display: bytes that are not UTF-8 are shown as escapes."""
    return value.decode("utf-8", "backslashreplace")


def decode_text(value: bytes | None, source: str) -> str:
    """A stored name or path. Raises DecodeError where it is missing or not UTF-8."""
    if value is None:
        raise DecodeError(f"{source} is missing", source=source)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(f"{source}: not UTF-8 text at byte offset {error.start}", source=source) from error


def decode_part(kind: str, identifier: str, part: str, raw: bytes | None, types: Types) -> dict[str, object]:
    source = f"{kind} {identifier}: {part}"
    if raw is None:
        raise DecodeError(f"{source} is missing", source=source)
    value = jsonutil.loads_object(raw, source)
    types.check(value, source)
    return value


# ---------------------------------------------------------------- what most containers have in common

_SPEC = b'{"spec":{'
_FILTERS = b'"seccomp":{'
_MANY_FILTERS = 8
_known_filters: list[bytes] = []


def without_filters(raw: bytes) -> bytes:
    """A stored configuration without its filters for system calls, where another one had the same.

    They are the largest part by far, and the same for most containers: the text that was decoded once is
    found again by comparing bytes. The pattern cannot be inside a text, where a quotation mark is escaped.
    """
    at = raw.find(_FILTERS)
    if at < 0:
        return raw
    start = at + len(_FILTERS) - 1
    for known in _known_filters:
        if raw.startswith(known, start):
            return b"%b{}%b" % (raw[:start], raw[start + len(known) :])
    if len(_known_filters) < _MANY_FILTERS:
        _learn_filters(raw[start:])
    return raw


def without_spec(raw: bytes, identifier: str) -> bytes:
    """A stored configuration without what its OCI specification says, where that is first, as Podman has it.

    It ends where the ID follows. Should the same bytes be somewhere inside it, then what is left is no JSON,
    for its brackets do not match.
    """
    end = raw.find(b'},"id":"%b"' % identifier.encode())
    return _SPEC + raw[end:] if end > 0 and raw.startswith(_SPEC) else raw


def _learn_filters(raw: bytes) -> None:
    try:
        text = raw.decode("utf-8")
        _value, end = jsonutil.scan(text)
    except (ValueError, RecursionError):
        # It is decoded as a whole next, and refused.
        return
    _known_filters.append(text[:end].encode("utf-8"))


# ---------------------------------------------------------------- editing stored text


def replace_member(raw: bytes, key: str, value: object) -> bytes:
    """The JSON object *raw* with *key* set to *value*, and nothing else changed.

    Where a key occurs twice, the last one counts, as for Go's and Python's decoders.
    """
    text = raw.decode("utf-8")
    encoded = jsonutil.dumps(value).decode("utf-8")
    start, end = -1, -1
    for member, first, last in _members(text):
        if member == key:
            start, end = first, last
    if start >= 0:
        return f"{text[:start]}{encoded}{text[end:]}".encode()
    brace = text.rindex("}")
    comma = "" if text[:brace].rstrip().endswith("{") else ","
    return f"{text[:brace]}{comma}{jsonutil.dumps(key).decode()}:{encoded}{text[brace:]}".encode()


def _members(text: str) -> Iterable[tuple[str, int, int]]:
    """The key of each member of a JSON object, and where in *text* its value starts and ends."""
    position = _skip(text, text.index("{") + 1, " \t\r\n")
    while text[position] != "}":
        key, position = jsonutil.scan(text, position)
        start = _skip(text, position, " \t\r\n:")
        _value, end = jsonutil.scan(text, start)
        if not isinstance(key, str):
            raise InternalError(f"not a JSON object at offset {position}")
        yield key, start, end
        position = _skip(text, end, " \t\r\n,")


def _skip(text: str, position: int, characters: str) -> int:
    while text[position] in characters:
        position += 1
    return position
