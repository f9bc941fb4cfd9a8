"""Devices for a container, `--device /dev/fuse:/dev/fuse:rwm`, and limits of block devices."""

from __future__ import annotations

import os
import stat

from libpod import sizes
from libpod.errors import FileError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Device = dict[str, object]
    Rule = dict[str, object]

_ACCESS = frozenset("rwm")
_RULE = r"(?a)([abc]) +(\d+|\*)(?::(\d+|\*))? +([rwm]{1,3})"
_WEIGHTS = range(10, 1001)
_BYTES, _OPERATIONS, _WEIGHT = "--device-{}-bps", "--device-{}-iops", "--blkio-weight-device"
BLOCK_LIMITS = {
    "weightDevice": _WEIGHT,
    "throttleReadBpsDevice": _BYTES.format("read"),
    "throttleWriteBpsDevice": _BYTES.format("write"),
    "throttleReadIOPSDevice": _OPERATIONS.format("read"),
    "throttleWriteIOPSDevice": _OPERATIONS.format("write"),
}
"""Keys of `linux.resources.blockIO` of the OCI specification, and the flag for each."""
# Made by the runtime in every container, or belonging to one terminal.
_LEFT_OUT = frozenset(("/dev/console", "/dev/ptmx", "/dev/tty", "/dev/null", "/dev/zero", "/dev/full"))
_LEFT_OUT_DIRECTORIES = frozenset(
    ("/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/.lxc", "/dev/.udev")
)


def parse(texts: Sequence[str]) -> tuple[list[Device], list[Rule]]:
    """The devices to make, and what the device cgroup must allow for them.

    A text is `HOST[:CONTAINER][:rwm]`; a directory means all devices below it. InvalidArgument for anything
    that is no device.
    """
    devices: list[Device] = []
    for text in texts:
        source, target, access = _split(text)
        if os.path.isdir(source):
            found = [(path, target + path[len(source) :]) for path in _below(source)]
            if not found:
                raise InvalidArgument(f"device {text!r}: no devices in {source}")
        else:
            found = [(source, target)]
        devices += [{**_device(path, name), "access": access} for path, name in found]
    rules = [
        {
            "allow": True,
            "type": d["type"],
            "major": d["major"],
            "minor": d["minor"],
            "access": d.pop("access"),
        }
        for d in devices
    ]
    return devices, rules


def rule(text: str) -> Rule:
    """`TYPE MAJOR:MINOR ACCESS` of `--device-cgroup-rule`, * for any number. InvalidArgument if it is not."""
    import re

    found = re.fullmatch(_RULE, text.strip())
    if found is None:
        raise InvalidArgument(
            f"--device-cgroup-rule {text!r} is not of the form TYPE MAJOR:MINOR ACCESS",
            hint="such as 'c 10:* rwm'; the types are a, b and c",
        )
    numbers = {"major": found[2], "minor": found[3]}
    return {
        "allow": True,
        "type": found[1],
        **{key: int(number) for key, number in numbers.items() if number and number != "*"},
        "access": found[4],
    }


def block_limit(flag: str, text: str) -> dict[str, int]:
    """`DEVICE:VALUE` as an entry of `linux.resources.blockIO`. InvalidArgument, naming *flag*, FileError."""
    path, colon, value = text.rpartition(":")
    if not colon or not path.startswith("/dev/"):
        raise InvalidArgument(
            f"{flag} {text!r} is not of the form DEVICE:VALUE", hint=f"such as {flag} /dev/sda:100"
        )
    found = _device(path, path)
    if found["type"] != "b":
        raise InvalidArgument(f"{flag} {text!r}: {path} is no block device")
    number = os.stat(path).st_rdev
    key, amount = ("weight", weight(flag, value)) if flag == _WEIGHT else ("rate", _rate(flag, value))
    return {"major": os.major(number), "minor": os.minor(number), key: amount}


def weight(flag: str, text: str) -> int:
    """A weight among block devices. InvalidArgument, naming *flag*."""
    if not text.isascii() or not text.isdigit() or int(text) not in _WEIGHTS:
        raise InvalidArgument(f"{flag}: weight {text!r} is not between 10 and 1000")
    return int(text)


def _rate(flag: str, text: str) -> int:
    try:
        amount = sizes.memory_size(text, "") if flag.endswith("-bps") else int(text)
    except (InvalidArgument, ValueError):
        amount = 0
    if amount <= 0:
        raise InvalidArgument(f"{flag}: rate {text!r} is not a positive number", hint="such as 10mb, or 100")
    return amount


def all_devices() -> list[Device]:
    """Every device of the host, for a privileged container."""
    return [_device(path, path) for path in _below("/dev")]


def bound(texts: Sequence[str], *, everything: bool = False) -> list[Device]:
    """The same as mounts, for users, who may make no devices; with *everything* all of the host instead.

    What they may do with them is up to the host's file permissions.
    """
    if everything:
        found = [(path, path) for path in _below("/dev")]
    else:
        listed = [_split(text)[:2] for text in texts]
        found = [
            (path, target + path[len(source) :])
            for source, target in listed
            for path in (_below(source) if os.path.isdir(source) else (source,))
        ]
    options = ["bind", "rprivate", "nosuid", "noexec"]
    return [
        {"destination": target, "type": "bind", "source": path, "options": options} for path, target in found
    ]


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    source, target, access = parts[0], parts[0], "rwm"
    if len(parts) == 2 and parts[1] and set(parts[1]) <= _ACCESS:
        access = parts[1]
    elif len(parts) >= 2:
        target = parts[1] or source
    if len(parts) == 3:
        access = parts[2]
    if (
        len(parts) > 3
        or not source.startswith("/")
        or not target.startswith("/")
        or not set(access) <= _ACCESS
    ):
        raise InvalidArgument(f"device {text!r} is not of the form HOST[:CONTAINER][:rwm]")
    return source, target, access


def _device(path: str, name: str) -> Device:
    try:
        found = os.stat(path)
    except OSError as error:
        raise FileError("use device", path, error) from error
    if stat.S_ISCHR(found.st_mode):
        kind = "c"
    elif stat.S_ISBLK(found.st_mode):
        kind = "b"
    else:
        raise InvalidArgument(f"{path} is not a device")
    return {
        "path": name,
        "type": kind,
        "major": os.major(found.st_rdev),
        "minor": os.minor(found.st_rdev),
        "fileMode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
    }


def _below(directory: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                if entry.path not in _LEFT_OUT_DIRECTORIES:
                    yield from _below(entry.path)
            elif entry.path not in _LEFT_OUT and _is_device(entry):
                yield entry.path


def _is_device(entry: os.DirEntry[str]) -> bool:
    mode = entry.stat(follow_symlinks=False).st_mode
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
