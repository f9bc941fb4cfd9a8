"""What cannot be asked of a container, whoever asks: a flag, or a program that uses the library."""

from __future__ import annotations

from libpod.errors import InvalidArgument
from libpod.oci.options import HOST, POD, PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.containers.create import CreateOptions

_LAST_SIGNAL = 64
_NAMESPACES = ("pid", "ipc", "uts", "cgroup")


def check(options: CreateOptions) -> None:
    """Raise InvalidArgument for an option whose value means nothing."""
    if options.stop_signal is not None and not 1 <= options.stop_signal <= _LAST_SIGNAL:
        raise InvalidArgument(f"stop signal {options.stop_signal} is not between 1 and {_LAST_SIGNAL}")
    for word in (*(options.spec.entrypoint or ()), *options.spec.command):
        if not isinstance(word, str) or "\0" in word:
            raise InvalidArgument(f"command: {word!r} is no text that a process could be given")
    for kind in _NAMESPACES:
        mode = getattr(options.spec.namespaces, kind)
        if kind == "cgroup" and not mode:
            continue
        if mode not in (PRIVATE, HOST, POD) and not (
            mode.startswith(("container:", "ns:")) and mode[-1] != ":"
        ):
            raise InvalidArgument(
                f"{kind} namespace {mode!r} is not known", hint="private, host, container:NAME or ns:PATH"
            )
    for text in options.hosts:
        name, colon, address = text.partition(":")
        if not name or not colon:
            raise InvalidArgument(f"host {text!r} is not of the form NAME:ADDRESS")
        _check_address(address)
    for address in options.dns_servers:
        _check_address(address)


def _check_address(text: str) -> None:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise InvalidArgument(f"{text!r} is not an IP address") from error
