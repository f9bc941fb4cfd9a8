"""The buckets and keys of the BoltDB schema of the first libpod and of Podman.

At the top level, with what they hold::

    id-registry           ID of a container or pod: its name
    name-registry         name: ID
    ns-registry           ID: libpod namespace (Podman up to 4.3, where one is set)
    ctr                   ID: a bucket for the container
    all-ctrs              ID: name
    pod                   ID: a bucket for the pod
    allPods               ID: name
    vol                   name: a bucket for the volume
    allVolumes            name: name
    volume-ctrs           ID of the storage container of an image volume: name of the volume
    exec                  ID of an exec session: ID of its container
    exit-code             ID of a container: exit code, in decimal
    exit-code-time-stamp  ID of a container: time (RFC 3339)
    runtime-config        the directories of the owner

A container's bucket: `config`, `state` (JSON), `netns` (path), `pod-id`, `namespace`, and the buckets
`dependencies` (ID: name of the containers that need this one), `networks` (name: options) and `exec`. A
pod's: `config`, `state`, and the bucket `containers` (ID: name). A volume's: `config`, `state`, and the
bucket `vol-dependencies` (ID: ID of the containers that use it).

Measured with databases of Podman 4.3.1; the first libpod has the first seven (without ns-registry) and
runtime-config.
"""

from __future__ import annotations

import time

from libpod.state.records import CONTAINER, POD, VOLUME
from libpod.state.texts import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

IDS: Final = b"id-registry"
NAMES: Final = b"name-registry"
NAMESPACES: Final = b"ns-registry"
CONTAINERS: Final = b"ctr"
ALL_CONTAINERS: Final = b"all-ctrs"
PODS: Final = b"pod"
ALL_PODS: Final = b"allPods"
VOLUMES: Final = b"vol"
ALL_VOLUMES: Final = b"allVolumes"
VOLUME_CONTAINERS: Final = b"volume-ctrs"
EXEC: Final = b"exec"
EXIT_CODES: Final = b"exit-code"
EXIT_TIMES: Final = b"exit-code-time-stamp"
RUNTIME_CONFIG: Final = b"runtime-config"

TOP_BUCKETS: Final = (
    IDS, NAMES, CONTAINERS, ALL_CONTAINERS, PODS, ALL_PODS, VOLUMES, ALL_VOLUMES, VOLUME_CONTAINERS,
    EXEC, EXIT_CODES, EXIT_TIMES, RUNTIME_CONFIG,
)  # fmt: skip
"""The buckets that a new database gets."""

CONFIG: Final = b"config"
STATE: Final = b"state"
NETNS: Final = b"netns"
POD_ID: Final = b"pod-id"
NAMESPACE: Final = b"namespace"
DEPENDENCIES: Final = b"dependencies"
NETWORKS: Final = b"networks"
MEMBERS: Final = b"containers"
USERS: Final = b"vol-dependencies"

CONFIG_KEYS: Final = {
    "os": b"os",
    "static_dir": b"static-dir",
    "tmp_dir": b"tmp-dir",
    "run_root": b"run-root",
    "graph_root": b"graph-root",
    "graph_driver": b"graph-driver-name",
    "volume_path": b"volume-path",
}

HOMES: Final = {
    CONTAINER: (CONTAINERS, ALL_CONTAINERS),
    POD: (PODS, ALL_PODS),
    VOLUME: (VOLUMES, ALL_VOLUMES),
}
"""Where the objects of each kind are, and where all of them are listed."""
REGISTRIES: Final = {CONTAINER: (ALL_CONTAINERS, IDS), POD: (ALL_PODS, IDS), VOLUME: (ALL_VOLUMES,)}
"""Where an object must be registered: Podman sees no other."""


def encode_time(seconds: float) -> bytes:
    whole, microseconds = divmod(round(seconds * 1e6), 1_000_000)
    fraction = f".{microseconds:06d}".rstrip("0").rstrip(".")
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}{fraction}Z".encode()


def decode_time(value: bytes | None) -> float:
    """Seconds since 1970; 0, long ago, for what is not a time."""
    import datetime as dt

    try:
        return dt.datetime.fromisoformat(printable(value or b"")).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def decode_code(value: bytes) -> int | None:
    try:
        return int(value)
    except ValueError:
        return None
