"""SELinux labels and AppArmor profiles of containers, on hosts that have them.

A container's processes get one SELinux label and its files another, made of the host's defaults for
containers (container_contexts, `lxc_contexts`), of `--security-opt label=…`, and of two categories that no
other container is likely to have. An AppArmor profile must have been loaded by the host's administrator.
"""

from __future__ import annotations

import os

from libpod.errors import FileError, InvalidArgument, NotSupported
from libpod.host import files
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SELINUX_FILE = "/sys/fs/selinux/enforce"
SELINUX_CONFIG = "/etc/selinux/config"
SELINUX_POLICIES = "/etc/selinux"
APPARMOR_FILE = "/sys/module/apparmor/parameters/enabled"
APPARMOR_PROFILES = "/sys/kernel/security/apparmor/profiles"
DISABLE = "disable"
UNCONFINED = "unconfined"
_CATEGORIES = 1024
_PARTS = ("user", "role", "type", "level")
_ATTRIBUTE = "security.selinux"
_SHARED_LEVEL = "s0"


class Labels(NamedTuple):
    """The labels of one container; empty for none."""

    process: str = ""
    mount: str = ""


NO_LABELS = Labels()


def why_not() -> dict[str, str]:
    """Why `selinux` or `apparmor` is not to be had on this host, for those that are not."""
    reasons: dict[str, str] = {}
    if not os.path.exists(SELINUX_FILE):
        reasons["selinux"] = f"this host does not have SELinux ({SELINUX_FILE} is missing)"
    if not _text(APPARMOR_FILE).startswith("Y"):
        reasons["apparmor"] = f"this host does not have AppArmor ({APPARMOR_FILE} does not say Y)"
    return reasons


def _text(path: str) -> str:
    try:
        return files.read_text(path)
    except FileError:
        return ""


# ---------------------------------------------------------------- AppArmor


def check_profile(profile: str) -> None:
    """Raise NotSupported without AppArmor, and InvalidArgument for a profile that is not loaded."""
    if profile in ("", UNCONFINED):
        return
    reason = why_not().get("apparmor")
    if reason:
        raise NotSupported(f"--security-opt apparmor={profile}: {reason}")
    # `NAME (MODE)`, one a line.
    loaded = {line.rpartition(" (")[0] for line in files.read_text(APPARMOR_PROFILES).splitlines()}
    if profile not in loaded:
        raise InvalidArgument(
            f"AppArmor profile {profile} is not loaded", hint="load it with apparmor_parser(8)"
        )


def profile_to_apply(profile: str) -> str:
    """What the OCI runtime is told of *profile*: nothing of `unconfined` where everything is unconfined."""
    return "" if profile == UNCONFINED and "apparmor" in why_not() else profile


# ---------------------------------------------------------------- SELinux


def labels(options: Sequence[str], *, privileged: bool = False) -> Labels:
    """The labels of a new container; *options* are the texts after `label=`.

    NotSupported if labels are asked for and the host has no SELinux; InvalidArgument for an unknown option.
    """
    wanted = _wanted(options)
    reason = why_not().get("selinux")
    if reason and wanted:
        raise NotSupported(f"--security-opt label={options[0]}: {reason}")
    if reason or privileged or DISABLE in options:
        return NO_LABELS
    defaults = _defaults()
    level = wanted.pop("level", "") or _own_level()
    file_type = wanted.pop("filetype", "")
    process = _with(defaults.process, {**wanted, "level": level})
    mount = _with(defaults.mount, {"level": level, **({"type": file_type} if file_type else {})})
    return Labels(process, mount)


def _wanted(options: Sequence[str]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for option in options:
        name, _, value = option.replace("=", ":", 1).partition(":")
        if option in (DISABLE, "nested"):
            continue
        if name not in (*_PARTS, "filetype") or not value:
            raise InvalidArgument(
                f"--security-opt label={option} is not supported",
                hint="disable, user:U, role:R, type:T, level:L or filetype:T",
            )
        wanted[name] = value
    return wanted


def _defaults() -> Labels:
    """What the policy of this host has for containers."""
    policy = _settings(SELINUX_CONFIG).get("SELINUXTYPE", "targeted")
    path = os.path.join(SELINUX_POLICIES, policy, "contexts", "lxc_contexts")
    found = _settings(path)
    if "process" not in found or "file" not in found:
        raise NotSupported(
            f"{path} has no labels for containers",
            hint="install the SELinux policy for containers (container-selinux), or use label=disable",
        )
    return Labels(found["process"], found["file"])


def _settings(path: str) -> dict[str, str]:
    """`name = value` lines, values perhaps in quotes."""
    found = {}
    for line in _text(path).splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            found[name.strip()] = value.strip().strip('"')
    return found


def _own_level() -> str:
    """`s0:c1,c2` with two different categories."""
    # Drawn with the operating system's randomness, without the modules that are slow to import.
    first = second = -1
    while first == second:
        first, second = sorted(int.from_bytes(os.urandom(2), "big") % _CATEGORIES for _ in range(2))
    return f"s0:c{first},c{second}"


def _with(label: str, changes: dict[str, str]) -> str:
    """*label*, which is user:role:type:level, with some parts changed."""
    parts = dict(zip(_PARTS, label.split(":", 3), strict=False))
    return ":".join({**parts, **changes}.get(name, "") for name in _PARTS)


def relabel(path: str, label: str, *, shared: bool) -> None:
    """Give *path* and all below it the label of a container, or with *shared* one for all containers.

    A system directory is refused: programs of the host could not use it any more.
    """
    if os.path.realpath(path) in ("/", "/etc", "/usr", "/home", "/root", "/var", "/tmp", "/boot", "/dev"):
        raise InvalidArgument(f"{path} belongs to the host: it cannot be relabelled (:z, :Z)")
    if shared:
        label = _with(label, {"level": _SHARED_LEVEL})
    for each in _below(path):
        try:
            os.setxattr(each, _ATTRIBUTE, label.encode() + b"\0", follow_symlinks=False)
        except OSError as error:
            raise FileError("label", each, error) from error


def _below(path: str) -> Iterator[str]:
    yield path
    for parent, directories, names in os.walk(path):
        for name in (*directories, *names):
            yield os.path.join(parent, name)


def relabel_mounts(mounts: Sequence[object], label: str) -> None:
    """Relabel the sources of bind mounts with the option `z` (for all containers) or `Z` (for this one)."""
    if not label or "selinux" in why_not():
        return
    for mount in mounts:
        if isinstance(mount, dict) and isinstance(mount.get("options"), list):
            asked = {"z", "Z"} & set(mount["options"])
            if asked:
                relabel(str(mount.get("source")), label, shared="Z" not in asked)
