"""Limits of a control group that no OCI runtime sets: that of a pod.

They are kept as the `resources` object of the OCI runtime specification, of which `memory`, `cpu` and
`blockIO` count here. Files are those of cgroups(7) and of the kernel's cgroup-v2.rst, properties those of
systemd.resource-control(5).
"""

from __future__ import annotations

import errno
import os

from libpod.cgroups import hierarchy
from libpod.errors import FileError, InvalidArgument
from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.cgroups.hierarchy import Cgroup, Hierarchy

    Resources = Mapping[str, object]

PERIOD = 100_000
"""Microseconds; the kernel's default."""
_UNLIMITED = -1
_SWAP = "memory-swap"


# Key in `blockIO`: the flag, the file of version 1, and the word in io.max of version 2.
_DEVICES = {
    "throttleReadBpsDevice": ("device-read-bps", "blkio.throttle.read_bps_device", "rbps"),
    "throttleWriteBpsDevice": ("device-write-bps", "blkio.throttle.write_bps_device", "wbps"),
    "throttleReadIOPSDevice": ("device-read-iops", "blkio.throttle.read_iops_device", "riops"),
    "throttleWriteIOPSDevice": ("device-write-iops", "blkio.throttle.write_iops_device", "wiops"),
}
_WEIGHT = "blkio-weight"
_DEVICE_WEIGHT = "blkio-weight-device"
# What a kernel calls a file whose weights are those of the BFQ scheduler.
_OF_BFQ = {
    "blkio.weight": "blkio.bfq.weight",
    "blkio.weight_device": "blkio.bfq.weight_device",
}


class _Setting(NamedTuple):
    """A value for one file, and the flag that asks for it."""

    flag: str
    controller: str
    file: str
    text: str


def wanted(resources: Resources) -> bool:
    """Whether there is any limit in *resources*."""
    return any(resources.get(name) for name in ("memory", "cpu", "blockIO"))


def apply(group: Cgroup, resources: Resources, *, directly: frozenset[str] | None = None) -> None:
    """Limit *group*, which must exist, in every hierarchy; with *directly* only what these flags ask for.

    InvalidArgument, naming the flag, for a limit that the kernel does not take.
    """
    for mounted in hierarchy.hierarchies():
        settings = _version_1(resources) if mounted.version == 1 else _version_2(resources)
        found = [entry for entry in settings if _has(mounted, entry.controller)]
        if directly is not None:
            found = [entry for entry in found if entry.flag in directly]
        if mounted.version == 2 and found:
            _switch_on(mounted, group, {entry.controller for entry in found})
        for entry in found:
            _write(f"{mounted.mount_point}{group.path}", entry, resources)


def _has(mounted: Hierarchy, controller: str) -> bool:
    if mounted.version == 1:
        return controller in mounted.controllers
    return controller in files.read_text(f"{mounted.mount_point}/cgroup.controllers").split()


def _switch_on(mounted: Hierarchy, group: Cgroup, controllers: set[str]) -> None:
    """Version 2: a group has the files of a controller only if every group above it passes it on."""
    path = mounted.mount_point
    for part in group.path.strip("/").split("/"):
        for controller in sorted(controllers):
            hierarchy.write(f"{path}/cgroup.subtree_control", f"+{controller}")
        path = f"{path}/{part}"


def _write(directory: str, entry: _Setting, resources: Resources) -> None:
    file = entry.file
    if file in _OF_BFQ and not os.path.exists(f"{directory}/{file}"):
        file = _OF_BFQ[file]
    try:
        hierarchy.write(os.path.join(directory, file), entry.text)
    except FileError as error:
        memory = _section(resources, "memory")
        if error.errno == errno.ENOENT and entry.flag == _SWAP and memory.get("swap") == _twice(memory):
            # Twice the memory is what was not asked for; a kernel may not count swap.
            return
        reason = os.strerror(error.errno) if error.errno else error.message
        raise InvalidArgument(
            f"--{entry.flag} {entry.text}: the kernel refuses it: {reason}", hint=_hint(entry, directory)
        ) from error


def _twice(memory: Mapping[str, int | str]) -> int | None:
    limit = memory.get("limit")
    return 2 * limit if isinstance(limit, int) else None


def _hint(entry: _Setting, directory: str) -> str | None:
    if not entry.flag.startswith("cpuset"):
        return f"see {directory}/{entry.file}"
    parent = os.path.dirname(directory)
    for name in (entry.file, f"{entry.file}.effective"):
        try:
            return f"this host has {files.read_text(f'{parent}/{name}').strip()}"
        except FileError:
            continue
    return None


# ---------------------------------------------------------------- what is asked for


def _section(resources: Resources, name: str) -> dict[str, int | str]:
    """The numbers and texts of `memory` or `cpu`; what is neither is passed over."""
    section = resources.get(name)
    values = section.items() if isinstance(section, dict) else ()
    return {key: value for key, value in values if type(value) is int or (isinstance(value, str) and value)}


def _version_1(resources: Resources) -> list[_Setting]:
    memory, cpu = _section(resources, "memory"), _section(resources, "cpu")
    found = [
        ("memory", "memory", "memory.limit_in_bytes", memory.get("limit")),
        (_SWAP, "memory", "memory.memsw.limit_in_bytes", memory.get("swap")),
        ("cpu-shares", "cpu", "cpu.shares", cpu.get("shares")),
        ("cpus", "cpu", "cpu.cfs_period_us", cpu.get("period")),
        ("cpus", "cpu", "cpu.cfs_quota_us", cpu.get("quota")),
        ("cpuset-cpus", "cpuset", "cpuset.cpus", cpu.get("cpus")),
        ("cpuset-mems", "cpuset", "cpuset.mems", cpu.get("mems")),
    ]
    given = [_Setting(flag, room, file, str(value)) for flag, room, file, value in found if value is not None]
    return given + _blocks_1(resources)


def _blocks_1(resources: Resources) -> list[_Setting]:
    weight_of_all = _section(resources, "blockIO").get("weight")
    found = []
    if weight_of_all is not None:
        found.append(_Setting(_WEIGHT, "blkio", "blkio.weight", str(weight_of_all)))
    for device, value in _listed(resources, "weightDevice", "weight"):
        found.append(_Setting(_DEVICE_WEIGHT, "blkio", "blkio.weight_device", f"{device} {value}"))
    for key, (flag, file, _word) in _DEVICES.items():
        for device, value in _listed(resources, key, "rate"):
            found.append(_Setting(flag, "blkio", file, f"{device} {value}"))
    return found


def _blocks_2(resources: Resources) -> list[_Setting]:
    weight_of_all = _section(resources, "blockIO").get("weight")
    found = []
    if isinstance(weight_of_all, int):
        found.append(_Setting(_WEIGHT, "io", "io.weight", f"default {_block_weight(weight_of_all)}"))
    for device, value in _listed(resources, "weightDevice", "weight"):
        found.append(_Setting(_DEVICE_WEIGHT, "io", "io.weight", f"{device} {_block_weight(value)}"))
    for key, (flag, _file, word) in _DEVICES.items():
        for device, value in _listed(resources, key, "rate"):
            found.append(_Setting(flag, "io", "io.max", f"{device} {word}={value}"))
    return found


def _listed(resources: Resources, key: str, name: str) -> list[tuple[str, int]]:
    """The devices of a list in `blockIO`, as `MAJOR:MINOR`, with the number *name* of each."""
    section = resources.get("blockIO")
    entries = section.get(key) if isinstance(section, dict) else None
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [(f"{entry.get('major')}:{entry.get('minor')}", int(entry.get(name, 0))) for entry in found]


def _block_weight(value: int) -> int:
    """The weight of version 2, from 1 to 10000, for one of version 1, from 10 to 1000."""
    return 1 + (max(value, 10) - 10) * 9999 // 990


def _version_2(resources: Resources) -> list[_Setting]:
    memory, cpu = _section(resources, "memory"), _section(resources, "cpu")
    limit, swap, shares, quota = memory.get("limit"), memory.get("swap"), cpu.get("shares"), cpu.get("quota")
    found = [
        ("memory", "memory", "memory.max", _maximum(limit)),
        (_SWAP, "memory", "memory.swap.max", _maximum(_swap_alone(limit, swap))),
        ("cpu-shares", "cpu", "cpu.weight", weight(shares) if isinstance(shares, int) else None),
        ("cpus", "cpu", "cpu.max", f"{quota} {cpu.get('period', PERIOD)}" if quota else None),
        ("cpuset-cpus", "cpuset", "cpuset.cpus", cpu.get("cpus")),
        ("cpuset-mems", "cpuset", "cpuset.mems", cpu.get("mems")),
    ]
    given = [_Setting(flag, room, file, str(value)) for flag, room, file, value in found if value is not None]
    return given + _blocks_2(resources)


def _maximum(value: int | str | None) -> int | str | None:
    return "max" if value == _UNLIMITED else value


def _swap_alone(limit: int | str | None, swap: int | str | None) -> int | None:
    """Version 2 counts swap apart, where version 1 and the specification count it with memory."""
    if not isinstance(swap, int) or swap == _UNLIMITED:
        return swap if isinstance(swap, int) else None
    return swap - (limit if isinstance(limit, int) and limit > 0 else 0)


def weight(shares: int) -> int:
    """The weight of version 2, from 1 to 10000, for shares of version 1, from 2 to 262144."""
    return 1 + (max(shares, 2) - 2) * 9999 // 262142


# ---------------------------------------------------------------- systemd


def properties(resources: Resources, version: int) -> dict[bytes, object]:
    """The properties of a unit with these limits, as far as systemd has them with this cgroup version."""
    memory, cpu = _section(resources, "memory"), _section(resources, "cpu")
    found: dict[bytes, object] = {}
    limit, swap, shares, quota = memory.get("limit"), memory.get("swap"), cpu.get("shares"), cpu.get("quota")
    if isinstance(limit, int):
        # With version 1 systemd takes it for MemoryLimit.
        found[b"MemoryMax"] = _unsigned(limit)
    alone = _swap_alone(limit, swap)
    if version == 2 and alone is not None:
        found[b"MemorySwapMax"] = _unsigned(alone)
    if isinstance(shares, int):
        found[b"CPUWeight" if version == 2 else b"CPUShares"] = weight(shares) if version == 2 else shares
    period = cpu.get("period", PERIOD)
    if isinstance(quota, int) and quota > 0 and isinstance(period, int):
        found[b"CPUQuotaPerSecUSec"] = quota * 1_000_000 // period
    for key, name in (("cpus", b"AllowedCPUs"), ("mems", b"AllowedMemoryNodes")):
        listed = cpu.get(key)
        if version == 2 and isinstance(listed, str):
            found[name] = _mask(listed, f"--cpuset-{key}")
    return found


BLOCKS = frozenset((_WEIGHT, _DEVICE_WEIGHT, *(flag for flag, _file, _word in _DEVICES.values())))
"""Flags for block devices, which systemd knows by their paths and the specification by their numbers."""
NOT_OF_SYSTEMD = BLOCKS | {"memory", _SWAP, "cpuset-cpus", "cpuset-mems"}
"""With cgroup version 1 systemd has no property for these flags, but for memory, which swap comes after."""


def _unsigned(value: int) -> int:
    return value if value >= 0 else (1 << 64) - 1


def _mask(text: str, flag: str) -> bytes:
    """A list such as `0-2,5` as bits, the lowest first."""
    bits = 0
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise InvalidArgument(f"{flag} {text!r} is not a list such as 0-2,5")
        for number in range(int(first), int(last if dash else first) + 1):
            bits |= 1 << number
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
