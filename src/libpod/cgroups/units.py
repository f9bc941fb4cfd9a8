"""Transient units of systemd, over D-Bus.

Works with pystemd 0.11 of Debian 12 and later. The methods called are those of org.freedesktop.systemd1(5).
"""

from __future__ import annotations

import contextlib
import time

from libpod.errors import NotSupported, SystemdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

JOB_SECONDS = 30.0
"""How long systemd may take to start or stop a unit."""

_SYSTEMD = b"org.freedesktop.systemd1"
_ROOT = b"/org/freedesktop/systemd1"
_UNITS = _ROOT + b"/unit"
_MANAGER = _SYSTEMD + b".Manager"
_SHORTEST_PAUSE = 0.002
_LONGEST_PAUSE = 0.1
# org.freedesktop.systemd1(5)
_SIGNATURES = {
    b"PIDs": b"au",
    b"AllowedCPUs": b"ay",
    b"AllowedMemoryNodes": b"ay",
    b"CPUQuotaPerSecUSec": b"t",
    b"CPUShares": b"t",
    b"CPUWeight": b"t",
    b"MemoryMax": b"t",
    b"MemorySwapMax": b"t",
}


@contextlib.contextmanager
def connected(*, user: bool) -> Iterator[Systemd]:
    """A connection to the systemd of the system, or of the *user* that we are.

    NotSupported where it does not answer.
    """
    from pystemd.dbusexc import DBusBaseError
    from pystemd.dbuslib import DBus

    bus = DBus(user_mode=user)
    try:
        bus.open()
    except DBusBaseError as error:
        whose = "the user's systemd" if user else "systemd"
        raise NotSupported(
            f"cannot talk to {whose} over D-Bus: {_reason(error)}",
            hint='start systemd and dbus, or use cgroup_manager = "cgroupfs"',
        ) from error
    try:
        yield Systemd(bus)
    finally:
        bus.close()


class Systemd:
    """A connection to systemd's manager object."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    def start(self, unit: str, description: str, properties: Mapping[bytes, object]) -> bool:
        """Start the transient unit *unit*; False if it is active already.

        SystemdError if that is refused, fails or takes too long.
        """
        from pystemd.systemd1 import Manager

        _know_signatures()
        self.reset_failed(unit)
        if self._unit_state(unit) == "active":
            # Made by Podman, or by a refresh that did not come to its end.
            return False
        properties = {b"Description": description.encode(), **properties}
        with _refusals(unit, "start"):
            job = Manager(bus=self._bus).StartTransientUnit(_MANAGER, unit.encode(), b"replace", properties)
        self._wait(job, unit, "start")
        state = self._unit_state(unit)
        if state != "active":
            raise SystemdError(f"systemd did not start {unit}: it is {state}", unit=unit)
        return True

    def change(self, unit: str, properties: Mapping[bytes, object]) -> None:
        """Give the active unit *unit* other properties, until it is stopped. SystemdError."""
        from pystemd.systemd1 import Manager

        _know_signatures()
        with _refusals(unit, "change"):
            Manager(bus=self._bus).SetUnitProperties(_MANAGER, unit.encode(), True, properties)  # noqa: FBT003

    def attach(self, unit: str, pid: int) -> None:
        """Move process *pid* into *unit*, a scope that is active and delegated."""
        self._call(unit, "attach to", b"AttachProcessesToUnit", b"ssau", [unit.encode(), b"", [pid]])

    def stop(self, unit: str) -> None:
        """Stop *unit* and forget it. A unit that is not there is fine."""
        try:
            job = self._call(unit, "stop", b"StopUnit", b"ss", [unit.encode(), b"replace"])
        except _NoSuchUnitError:
            return
        self._wait(job, unit, "stop")
        self.reset_failed(unit)

    def reset_failed(self, unit: str) -> None:
        """Forget that *unit* has failed, if it is there and has."""
        with contextlib.suppress(_NoSuchUnitError):
            self._call(unit, "reset", b"ResetFailedUnit", b"s", [unit.encode()])

    def _call(self, unit: str, verb: str, method: bytes, signature: bytes, values: Sequence[object]) -> Any:
        from pystemd.dbuslib import apply_signature

        with _refusals(unit, verb):
            arguments = apply_signature(signature, values)
            return self._bus.call_method(_SYSTEMD, _ROOT, _MANAGER, method, arguments).body

    def _wait(self, job: bytes, unit: str, verb: str) -> None:
        """Wait until *job* is done: then its object is gone."""
        end = time.monotonic() + JOB_SECONDS
        pause = _SHORTEST_PAUSE
        while self._property(unit, job, b"Job", b"State") is not None:
            if time.monotonic() >= end:
                raise SystemdError(
                    f"systemd did not {verb} {unit} in {JOB_SECONDS:g} seconds",
                    unit=unit,
                    hint="`systemctl list-jobs` shows what it waits for",
                )
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _unit_state(self, unit: str) -> str:
        from pystemd.dbuslib import path_encode

        path = path_encode(_UNITS, unit.encode())
        return self._property(unit, path, b"Unit", b"ActiveState") or "not loaded"

    def _property(self, unit: str, path: bytes, interface: bytes, name: bytes) -> str | None:
        """A text property of an object that has to do with *unit*; None if there is no such object."""
        from pystemd.dbusexc import DBusUnknownObjectError

        with _refusals(unit, "show"):
            try:
                value: bytes = self._bus.get_property(_SYSTEMD, path, _SYSTEMD + b"." + interface, name, b"s")
            except DBusUnknownObjectError:
                return None
        return value.decode()


def _know_signatures() -> None:
    """Tell pystemd, which knows the properties of services only, and not all of those, about ours."""
    from pystemd.systemd1.unit_signatures import KNOWN_UNIT_SIGNATURES

    for name, signature in _SIGNATURES.items():
        KNOWN_UNIT_SIGNATURES.setdefault(name, signature)


class _NoSuchUnitError(SystemdError):
    """systemd does not know the unit."""


@contextlib.contextmanager
def _refusals(unit: str, verb: str) -> Iterator[None]:
    from pystemd import dbusexc

    try:
        yield
    except dbusexc.DBusNoSuchUnitError as error:
        raise _NoSuchUnitError(f"there is no unit {unit}", unit=unit) from error
    except dbusexc.DBusBaseError as error:
        raise SystemdError(f"systemd refuses to {verb} {unit}: {_reason(error)}", unit=unit) from error


def _reason(error: Any) -> str:
    message = getattr(error, "err_message", b"") or str(error)
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
