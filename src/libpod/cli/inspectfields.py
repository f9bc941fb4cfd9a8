"""The fields that templates of `inspect` may use beside those that JSON has.

Podman leaves an empty value out of its JSON here and there, or writes null, and yet its templates know the
field and print it as what it is: an empty text, an empty list.
"""

from __future__ import annotations

from libpod.cli.templates import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

_CONTAINER: Final[dict[str, Any]] = {
    "SizeRw": None,
    "SizeRootFs": 0,
    "Mounts": [{"Name": "", "Driver": ""}],
    "State": {
        "Checkpointed": False,
        "CheckpointLog": "",
        "CheckpointPath": "",
        "RestoreLog": "",
        "Restored": False,
        "Health": {"Status": "", "FailingStreak": 0, "Log": []},
        "Healthcheck": {"Status": "", "FailingStreak": 0, "Log": []},
    },
    "Config": {
        "Volumes": Map(),
        "Labels": Map(),
        "Annotations": Map(),
        "Timezone": "",
        "SystemdMode": False,
        "Secrets": [],
        "ChrootDirs": [],
        "SdNotifySocket": "",
    },
    "HostConfig": {
        "LogConfig": {"Config": {}},
        "VolumesFrom": [],
        "Links": [],
        "Init": False,
        "BlkioWeightDevice": [],
        "BlkioDeviceReadBps": [],
        "BlkioDeviceWriteBps": [],
        "BlkioDeviceReadIOps": [],
        "BlkioDeviceWriteIOps": [],
        "CgroupConf": {},
        "IDMappings": None,
    },
    "GraphDriver": {"Data": Map()},
    "NetworkSettings": {
        "Networks": {},
        "SecondaryIPAddresses": [],
        "SecondaryIPv6Addresses": [],
        "AdditionalMacAddresses": [],
    },
}
_POD: Final[dict[str, Any]] = {
    "Namespace": "",
    "Labels": Map(),
    "CPUPeriod": 0,
    "CPUQuota": 0,
    "CPUShares": 0,
    "CPUSetCPUs": "",
    "CPUSetMems": "",
    "MemoryLimit": 0,
    "MemorySwap": 0,
    "BlkioWeight": 0,
    "BlkioWeightDevice": [],
    "BlkioDeviceReadBps": [],
    "BlkioDeviceWriteBps": [],
    "Mounts": [],
    "Devices": [],
    "VolumesFrom": [],
    "SecurityOpts": [],
}


def of(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a template may use of one object that `inspect` describes, whatever its kind is."""
    if "HostConfig" in described:
        return _completed(described, _CONTAINER)
    if "InfraContainerID" in described:
        return _completed(described, _POD)
    return described


def _completed(found: Mapping[str, Any], empty: Mapping[str, Any]) -> dict[str, Any]:
    """*found* with the values of *empty* where it has none. Templates take `cpu_period` for `CPUPeriod`.

    A list in *empty* that is not empty has what each entry of the list in *found* is to have.
    """
    result = dict(found)
    spelled = {name.replace("_", "").lower(): name for name in found}
    for name, value in empty.items():
        own = spelled.get(name.lower(), name)
        if result.get(own) is None:
            result[own] = [] if isinstance(value, list) else value
        elif isinstance(value, Map):
            result[own] = Map(result[own])
        elif isinstance(value, dict) and isinstance(result[own], dict):
            result[own] = _completed(result[own], value)
        elif isinstance(value, list) and value:
            result[own] = [_completed(entry, value[0]) for entry in result[own]]
    return result
