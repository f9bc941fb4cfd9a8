"""Linux capabilities by name (capabilities(7)), and what a container gets."""

from __future__ import annotations

from libpod.errors import DecodeError, InvalidArgument
from libpod.host import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# In the order of their numbers, linux/capability.h.
ALL = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip

# What Podman 4.3 gives where containers.conf has no default_capabilities (measured).
DEFAULT = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip

STATUS_FILE = "/proc/self/status"
LAST_CAPABILITY_FILE = "/proc/sys/kernel/cap_last_cap"


def normalize(names: Iterable[str]) -> list[str]:
    """Names as the OCI specification spells them (CAP_…), `ALL` kept; InvalidArgument for an unknown one."""
    found: list[str] = []
    for name in names:
        short = name.upper().removeprefix("CAP_")
        if short != "ALL" and short not in ALL:
            raise InvalidArgument(
                f"unknown capability {name!r}", hint="capabilities(7) lists them: NET_ADMIN, …"
            )
        found.append("ALL" if short == "ALL" else f"CAP_{short}")
    return found


def known_to_kernel() -> list[str]:
    """All capabilities that this kernel has."""
    last = int(files.read_text(LAST_CAPABILITY_FILE))
    return [f"CAP_{name}" for name in ALL[: last + 1]]


def grantable(status_file: str = STATUS_FILE) -> list[str]:
    """All capabilities that we can hand on: those of this kernel within our own bounding set (proc(5)).

    On a host that keeps some from us, the OCI runtime would refuse the others.
    """
    for line in files.read_text(status_file).splitlines():
        key, _, digits = line.partition(":")
        if key == "CapBnd":
            bounding = int(digits, 16)
            return [name for number, name in enumerate(known_to_kernel()) if bounding >> number & 1]
    raise DecodeError(f"{status_file}: no bounding set of capabilities (CapBnd)", source=status_file)


def adjust(base: Sequence[str], add: Sequence[str], drop: Sequence[str]) -> list[str]:
    """*base* with *add* and without *drop*, sorted. `ALL` means every one that we have to give.

    Raises InvalidArgument for unknown names, and for one that is both added and dropped.
    """
    added, dropped = normalize(add), normalize(drop)
    both = sorted(set(added) & set(dropped))
    if both:
        raise InvalidArgument(f"capability {both[0].removeprefix('CAP_')} cannot be both added and dropped")
    if "ALL" in added:
        kept = set(grantable())
    elif "ALL" in dropped:
        kept = set()
    else:
        kept = set(normalize(base))
    kept |= set(added) - {"ALL"}
    return sorted(kept - set(dropped))
