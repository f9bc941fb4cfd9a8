"""The seccomp profile of a container, from the files that Podman and Docker share to `linux.seccomp`.

A profile names capabilities and architectures for which a rule counts (`includes`, `excludes`); here they
are resolved for one container. The format is that of /usr/share/containers/seccomp.json
(containers-seccomp.json(5)).
"""

from __future__ import annotations

import os

from libpod.errors import InvalidArgument
from libpod.host import files, jsonutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Rule = dict[str, object]

DEFAULT_PROFILES = ("/etc/crio/seccomp.json", "/usr/share/containers/seccomp.json")
UNCONFINED = "unconfined"

_NATIVE = {
    "x86_64": "SCMP_ARCH_X86_64",
    "aarch64": "SCMP_ARCH_AARCH64",
    "armv7l": "SCMP_ARCH_ARM",
    "ppc64le": "SCMP_ARCH_PPC64LE",
    "s390x": "SCMP_ARCH_S390X",
    "riscv64": "SCMP_ARCH_RISCV64",
}
# How the profiles' includes and excludes call the machines: Go's names.
_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
_SUB_ARCHITECTURES = {
    "SCMP_ARCH_X86_64": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "SCMP_ARCH_AARCH64": ["SCMP_ARCH_ARM"],
    "SCMP_ARCH_S390X": ["SCMP_ARCH_S390"],
}
_TOP_KEYS = ("defaultAction", "defaultErrnoRet", "flags", "listenerPath", "listenerMetadata")
_RULE_KEYS = ("names", "action", "errnoRet", "args")
_EPERM = 1

# Where there is no profile on the host: what a container must not do even with the rights of its root,
# because it reaches the kernel or the host as a whole. Unlike the profile files, which list what is allowed.
_REFUSED = (
    "acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module",
    "finit_module", "get_kernel_syms", "get_mempolicy", "init_module", "ioperm", "iopl", "kcmp",
    "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mbind", "mount", "move_pages",
    "name_to_handle_at", "nfsservctl", "open_by_handle_at", "perf_event_open", "pivot_root",
    "process_vm_readv", "process_vm_writev", "ptrace", "query_module", "quotactl", "reboot",
    "request_key", "set_mempolicy", "setns", "settimeofday", "stime", "swapoff", "swapon", "_sysctl",
    "sysfs", "umount", "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vm86", "vm86old",
)  # fmt: skip


def load(
    path: str | None, capabilities: Iterable[str], *, machine: str | None = None
) -> dict[str, object] | None:
    """`linux.seccomp` for a container with these *capabilities*; None for no confinement.

    *path* is a profile file, `unconfined`, or None for the first of `DEFAULT_PROFILES` that exists, else
    the built-in profile. Raises InvalidArgument for a file that is not a profile.
    """
    machine = machine or os.uname().machine
    if path == UNCONFINED:
        return None
    if path is None:
        path = next((candidate for candidate in DEFAULT_PROFILES if os.path.exists(candidate)), None)
    if path is None:
        return _built_in(machine)
    profile = jsonutil.loads_object(files.read_bytes(path, limit=1 << 22), path)
    return _resolve(profile, set(capabilities), machine, path)


def _built_in(machine: str) -> dict[str, object]:
    refused: Rule = {"names": list(_REFUSED), "action": "SCMP_ACT_ERRNO", "errnoRet": _EPERM}
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": _with_sub_architectures(_native(machine)),
        "syscalls": [refused],
    }


def _native(machine: str) -> str:
    return _NATIVE.get(machine, "SCMP_ARCH_NATIVE")


def _with_sub_architectures(native: str) -> list[str]:
    return [native, *_SUB_ARCHITECTURES.get(native, ())]


def _resolve(
    profile: dict[str, object], capabilities: set[str], machine: str, path: str
) -> dict[str, object]:
    if not isinstance(profile.get("defaultAction"), str):
        raise InvalidArgument(f"seccomp profile {path}: it has no defaultAction")
    result: dict[str, object] = {key: profile[key] for key in _TOP_KEYS if key in profile}
    architectures = _architectures(profile, machine, path)
    if architectures:
        result["architectures"] = architectures
    rules: list[Rule] = []
    for rule in jsonutil.get_list(profile, "syscalls", [], source=path):
        if not isinstance(rule, dict):
            raise InvalidArgument(f"seccomp profile {path}: a rule in syscalls is not an object")
        if _applies(rule, capabilities, machine):
            rules.append(_oci_rule(rule, path))
    result["syscalls"] = rules
    return result


def _architectures(profile: dict[str, object], machine: str, path: str) -> list[str]:
    plain = jsonutil.get_str_list(profile, "architectures", [], source=path)
    if plain:
        return list(plain)
    for entry in jsonutil.get_list(profile, "archMap", [], source=path):
        if isinstance(entry, dict) and entry.get("architecture") == _native(machine):
            subs = jsonutil.get_str_list(entry, "subArchitectures", [], source=path)
            return [_native(machine), *subs]
    return []


def _applies(rule: Rule, capabilities: set[str], machine: str) -> bool:
    includes, excludes = _conditions(rule, "includes"), _conditions(rule, "excludes")
    machine_name = _GO_NAMES.get(machine, machine)
    if includes["arches"] and machine_name not in includes["arches"]:
        return False
    if not set(includes["caps"]) <= capabilities:
        return False
    return machine_name not in excludes["arches"] and not set(excludes["caps"]) & capabilities


def _conditions(rule: Rule, key: str) -> dict[str, Sequence[str]]:
    value = rule.get(key)
    found = value if isinstance(value, dict) else {}
    return {name: found.get(name) or () for name in ("arches", "caps")}


def _oci_rule(rule: Rule, path: str) -> Rule:
    names = rule.get("names") or ([rule["name"]] if isinstance(rule.get("name"), str) else [])
    if not names or not isinstance(rule.get("action"), str):
        raise InvalidArgument(f"seccomp profile {path}: a rule has no names or no action")
    result: Rule = {key: rule[key] for key in _RULE_KEYS if rule.get(key) not in (None, [])}
    result["names"] = names
    arguments = rule.get("args")
    if isinstance(arguments, list) and arguments:
        result["args"] = [_argument(argument) for argument in arguments]
    return result


def _argument(argument: object) -> object:
    """The second value counts only for masked comparisons; the profiles write 0 where there is none."""
    if isinstance(argument, dict) and argument.get("valueTwo") == 0:
        return {key: value for key, value in argument.items() if key != "valueTwo"}
    return argument
