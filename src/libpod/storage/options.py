"""Options of the storage drivers: `overlay.mountopt=nodev`, `.skip_mount_home=true`, `mount_program=…`."""

from __future__ import annotations

from libpod.errors import InvalidArgument
from libpod.values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIXES = ("overlay", "overlay2", "vfs", "")
_FORCE_MASKS = {"shared": 0o755, "private": 0o700}
# Accepted because Podman's storage.conf may carry them; they change pulls or quotas, not what we do.
_WITHOUT_EFFECT = frozenset(
    ("size", "inodes", "imagestore", "additionalimagestores", "additionallayerstore", "use_composefs")
)
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class DriverOptions(NamedTuple):
    """The options that change how layers are kept and mounted."""

    mount_options: tuple[str, ...] = ()
    mount_program: str = ""
    skip_mount_home: bool = False
    ignore_chown_errors: bool = False
    force_mask: int | None = None


def parse(texts: Sequence[str]) -> DriverOptions:
    """Read `name=value` texts as storage.conf(5) and `--storage-opt` have them.

    Raises InvalidArgument for an unknown option, and for a value of the wrong kind: containers/storage
    refuses to start with those too.
    """
    options = DriverOptions()
    for text in texts:
        options = _with_option(options, text)
    return options


def _with_option(options: DriverOptions, text: str) -> DriverOptions:
    name, separator, value = text.partition("=")
    prefix, _, key = name.strip().rpartition(".")
    if not separator or prefix not in _PREFIXES:
        raise InvalidArgument(f"storage option {text!r} is not of the form driver.name=value")
    key = key.lower()
    if key == "mountopt":
        return options._replace(mount_options=tuple(part for part in value.split(",") if part))
    if key == "mount_program":
        return options._replace(mount_program=value)
    if key == "skip_mount_home":
        return options._replace(skip_mount_home=_boolean(text, value))
    if key == "ignore_chown_errors":
        return options._replace(ignore_chown_errors=_boolean(text, value))
    if key == "force_mask":
        return options._replace(force_mask=_mask(text, value))
    if key in _WITHOUT_EFFECT:
        return options
    import shlex

    raise InvalidArgument(f"unknown storage option {shlex.quote(text)}")


def _boolean(text: str, value: str) -> bool:
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise InvalidArgument(f"storage option {text!r}: expected true or false")


def _mask(text: str, value: str) -> int:
    if value in _FORCE_MASKS:
        return _FORCE_MASKS[value]
    try:
        return int(value, 8)
    except ValueError as error:
        raise InvalidArgument(
            f"storage option {text!r}: expected an octal mode, shared or private"
        ) from error
