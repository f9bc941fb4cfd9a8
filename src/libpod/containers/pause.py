"""The program of a pod's infra container: it does nothing, and by doing so keeps the namespaces of the pod.

As the first process of a PID namespace it must reap processes whose parents have died, and end at SIGTERM.
catatonit does that with `-P`, and Podman uses it too. It may be missing, or need libraries, which are not in
the container; then there is a program of ours, an ELF file of 304 bytes.
"""

from __future__ import annotations

import os
import struct

from libpod.errors import FileError, NotSupported
from libpod.host import files
from libpod.oci.spec import CATATONIT
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

EXECUTABLE_MODE = 0o755
DIRECTORY_MODE = 0o755
_MOUNT_POINTS = ("dev", "etc", "proc", "run", "sys")


class PauseProgram(NamedTuple):
    """What an infra container runs. *source* is a file of the host to bind there, "" for our own program."""

    arguments: tuple[str, ...]
    source: str = ""

    @property
    def mounts(self) -> dict[str, dict[str, object]]:
        """The OCI mounts that bring the program into the container, by destination."""
        if not self.source:
            return {}
        target = self.arguments[0]
        flags = ["bind", "ro", "rprivate", "nosuid", "nodev"]
        return {target: {"destination": target, "type": "bind", "source": self.source, "options": flags}}


OWN_PROGRAM = PauseProgram(("/pause",))


def find(candidates: Iterable[str] = CATATONIT) -> PauseProgram:
    """The pause program for this host. NotSupported where catatonit is missing and ours cannot run."""
    for path in candidates:
        if os.access(path, os.X_OK) and is_static(path):
            return PauseProgram(("/catatonit", "-P"), os.path.realpath(path))
    if os.uname().machine not in _PROGRAMS:
        raise NotSupported(
            f"there is no catatonit on this host, and no pause program for {os.uname().machine} here",
            hint="install catatonit, or give --infra-image or --infra=false",
        )
    return OWN_PROGRAM


def make_root(directory: str, program: PauseProgram) -> None:
    """Make the root file system of an infra container in the new *directory*: next to nothing."""
    files.make_directory(directory, DIRECTORY_MODE)
    for name in _MOUNT_POINTS:
        files.make_directory(os.path.join(directory, name), DIRECTORY_MODE)
    path = os.path.join(directory, program.arguments[0].lstrip("/"))
    content = b"" if program.source else executable(os.uname().machine)
    files.write_atomic(path, content, mode=EXECUTABLE_MODE)


def is_static(path: str) -> bool:
    """Whether the file is an ELF program (elf(5)) of 64 bits that needs no interpreter and no library."""
    try:
        data = files.read_bytes(path, limit=_LARGEST_PROGRAM)
        if data[:6] != b"\x7fELF\x02\x01":
            return False
        (table,) = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        kinds = [struct.unpack_from("<I", data, table + size * number)[0] for number in range(count)]
    except (FileError, struct.error):
        return False
    return _PT_INTERP not in kinds


def executable(machine: str) -> bytes:
    """Our program for a *machine* as uname(2) calls it: an ELF file with one segment, and no writable stack.

    It blocks SIGINT and SIGTERM, has the kernel reap its children by ignoring SIGCHLD, waits in
    rt_sigtimedwait(2) for one of the two signals, and exits with 0.
    """
    number, text = _PROGRAMS[machine]
    code = bytes.fromhex(text) + _SIGNALS
    start = _HEADER.size + 2 * _SEGMENT.size
    total = start + len(code)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = _HEADER.pack(
        identity,
        _ET_EXEC,
        number,
        1,
        _BASE + start,
        _HEADER.size,
        0,
        0,
        _HEADER.size,
        _SEGMENT.size,
        2,
        0,
        0,
        0,
    )
    loaded = _SEGMENT.pack(_PT_LOAD, _PF_R | _PF_X, 0, _BASE, _BASE, total, total, 1 << 16)
    stack = _SEGMENT.pack(_PT_GNU_STACK, _PF_R | _PF_W, 0, 0, 0, 0, 0, 16)
    return header + loaded + stack + code


_LARGEST_PROGRAM = 16 << 20
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_BASE = 0x400000
_ET_EXEC, _PT_LOAD, _PT_INTERP, _PT_GNU_STACK = 2, 1, 3, 0x6474E551
_PF_X, _PF_W, _PF_R = 1, 2, 4
# What the code refers to, 88 bytes behind its start: the set of SIGINT and SIGTERM, and the kernel's struct
# sigaction for SIG_IGN (handler, flags, restorer, mask).
_SIGNALS = struct.pack("<5Q", 1 << 1 | 1 << 14, 1, 0, 0, 0)
# ELF machine number, and code: each line is one instruction.
_PROGRAMS = {
    "x86_64": (
        62,
        "b80e000000"  # mov eax, 14 (rt_sigprocmask)
        "31ff"  # xor edi, edi (SIG_BLOCK)
        "488d354a000000"  # lea rsi, [rip + set]
        "31d2"  # xor edx, edx
        "41ba08000000"  # mov r10d, 8
        "0f05"  # syscall
        "b80d000000"  # mov eax, 13 (rt_sigaction)
        "bf11000000"  # mov edi, 17 (SIGCHLD)
        "488d3537000000"  # lea rsi, [rip + action]
        "31d2"  # xor edx, edx
        "41ba08000000"  # mov r10d, 8
        "0f05"  # syscall
        "b880000000"  # wait: mov eax, 128 (rt_sigtimedwait)
        "488d3d19000000"  # lea rdi, [rip + set]
        "31f6"  # xor esi, esi
        "31d2"  # xor edx, edx
        "41ba08000000"  # mov r10d, 8
        "0f05"  # syscall
        "85c0"  # test eax, eax
        "78e4"  # js wait
        "b8e7000000"  # mov eax, 231 (exit_group)
        "31ff"  # xor edi, edi
        "0f05",  # syscall
    ),
    "aarch64": (
        183,
        "000080d2"  # mov x0, 0 (SIG_BLOCK)
        "a1020010"  # adr x1, set
        "020080d2"  # mov x2, 0
        "030180d2"  # mov x3, 8
        "e81080d2"  # mov x8, 135 (rt_sigprocmask)
        "010000d4"  # svc 0
        "200280d2"  # mov x0, 17 (SIGCHLD)
        "21020010"  # adr x1, action
        "020080d2"  # mov x2, 0
        "030180d2"  # mov x3, 8
        "c81080d2"  # mov x8, 134 (rt_sigaction)
        "010000d4"  # svc 0
        "40010010"  # wait: adr x0, set
        "010080d2"  # mov x1, 0
        "020080d2"  # mov x2, 0
        "030180d2"  # mov x3, 8
        "281180d2"  # mov x8, 137 (rt_sigtimedwait)
        "010000d4"  # svc 0
        "40ffffb7"  # tbnz x0, 63, wait
        "000080d2"  # mov x0, 0
        "c80b80d2"  # mov x8, 94 (exit_group)
        "010000d4",  # svc 0
    ),
}
