"""What a reboot makes of the state of containers, pods and volumes: tables, and nothing that touches a file.

After a reboot no process, mount, network or exec session of the last boot is left, whatever the database
says. These functions edit a state in place so that it says so, and keep every other key: exit codes,
times, the run directory, keys of later versions.

There are two styles, which differ in one point, the status:

* A store of the first libpod: every container becomes *configured* (1).
* A store of Podman, which numbers its locks: what had run becomes *exited* (6), as since Podman 5.0. Podman
  4.3 itself makes it *configured* again, but reads and starts an exited container just as well, and only
  in this way does a user still see what had run.

`stoppedByUser` stays, as since Podman 5.8: a container with the restart policy `unless-stopped` that the
user had stopped must not come up at boot. Podman 4.3 and 5.4 clear it here; they clear it at every start as
well, so that what is kept does them no harm.
"""

from __future__ import annotations

from libpod.errors import DecodeError
from libpod.host import jsonutil
from libpod.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

FIRST_LIBPOD: Final = "first libpod"
PODMAN: Final = "podman"

# What held in the last boot only: left out of the JSON when it holds the zero value.
_CONTAINER_DROPPED: Final = (
    "pid", "conmonPid", "mounted", "mountPoint", "execSessions", "newExecSessions", "bindMounts",
    "ipAddresses", "interfaces", "routes", "networkResults", "networkStatus", "netns",
    "restartPolicyMatch", "restartCount", "checkpointed", "restored", "checkpointPath", "checkpointLog",
    "restoreLog", "startupHCPassed", "startupHCSuccessCount", "startupHCFailureCount", "hcUnitName",
)  # fmt: skip
# These are always there, with the zero time of Go.
_CONTAINER_ZERO_TIMES: Final = ("checkpointedTime", "restoredTime")
_VOLUME_DROPPED: Final = ("mountPoint", "copiedUp")
_POD_CGROUP_KEYS: Final = ("cgroupPath", "CgroupPath")

_HAD_NOT_RUN: Final = (records.UNKNOWN, records.CONFIGURED, records.CREATED)
_LOCK_NUMBER_MARK: Final = b'"lockID"'


def store_style(configs: Iterable[bytes]) -> str:
    """Whose store it is, by the stored configurations of its containers, pods and volumes.

    PODMAN as soon as one of them has a lock number; FIRST_LIBPOD when none has.
    """
    return PODMAN if any(_has_lock_number(config) for config in configs) else FIRST_LIBPOD


def _has_lock_number(config: bytes) -> bool:
    # The search comes first because it is cheap, and a label may have that name too.
    if _LOCK_NUMBER_MARK not in config:
        return False
    try:
        return "lockID" in jsonutil.loads_object(config, "config")
    except DecodeError:
        return False


def reset_container(state: dict[str, object], style: str) -> list[str]:
    """Make *state* what it is after a reboot; the keys that changed."""
    changed = _drop(state, _CONTAINER_DROPPED)
    for key in _CONTAINER_ZERO_TIMES:
        changed += _set(state, key, records.ZERO_TIME) if key in state else []
    return changed + _set(state, "state", status_after_reboot(state.get("state"), style))


def status_after_reboot(status: object, style: str) -> int:
    """The status of a container after a reboot, by its status before.

    A container that was being removed (7) stays so in a store of Podman: its removal is to be finished. A
    number that no version known to us uses is taken for a container that had run.
    """
    if style == FIRST_LIBPOD or status is None or status in _HAD_NOT_RUN:
        return records.CONFIGURED
    return records.REMOVING if status == records.REMOVING else records.EXITED


def reset_pod(state: dict[str, object], style: str) -> list[str]:  # noqa: ARG001
    """Make the state of a pod what it is after a reboot: its cgroup is gone. The keys that changed."""
    return [key for name in _POD_CGROUP_KEYS if name in state for key in _set(state, name, "")]


def reset_volume(state: dict[str, object], style: str) -> list[str]:  # noqa: ARG001
    """Make the state of a volume what it is after a reboot: mounted nowhere. The keys that changed."""
    changed = _drop(state, _VOLUME_DROPPED)
    return changed + (_set(state, "mountCount", 0) if "mountCount" in state else [])


def _drop(state: dict[str, object], keys: Iterable[str]) -> list[str]:
    found = [key for key in keys if key in state]
    for key in found:
        del state[key]
    return found


def _set(state: dict[str, object], key: str, value: object) -> list[str]:
    if key in state and state[key] == value:
        return []
    state[key] = value
    return [key]
