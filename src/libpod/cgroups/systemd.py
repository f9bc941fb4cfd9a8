"""Control groups as transient units of systemd: Podman's `cgroup_manager = "systemd"`.

Works with pystemd 0.11 of Debian 12 and later. The methods called are those of org.freedesktop.systemd1(5).
"""

from __future__ import annotations

import contextlib
import time

from libpod.cgroups import hierarchy
from libpod.cgroups.hierarchy import Cgroup
from libpod.errors import InvalidArgument, NotSupported, SystemdError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from libpod.cgroups.figures import Figures, Reader

SLICE = ".slice"
DEFAULT_PARENT = "machine.slice"
DEFAULT_USER_PARENT = "user.slice"
JOB_SECONDS = 30.0
"""How long systemd may take to start or stop a unit."""

_SYSTEMD = b"org.freedesktop.systemd1"
_ROOT = b"/org/freedesktop/systemd1"
_UNITS = _ROOT + b"/unit"
_MANAGER = _SYSTEMD + b".Manager"
# What is written without systemd, with cgroup version 1.
_DIRECTLY = frozenset(("blkio", "cpuset", "memory"))
_SHORTEST_PAUSE = 0.002
_LONGEST_PAUSE = 0.1
_ACCOUNTING = {
    b"CPUAccounting": True,
    b"MemoryAccounting": True,
    b"TasksAccounting": True,
    b"IOAccounting": True,
}


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


class SystemdManager:
    """Names, makes and removes the units that Podman 4.3 and 5 use with this manager::

        <parent>.slice                                        the parent; systemd makes it when it is needed
        <parent>-libpod_pod_<pod id>.slice                    a pod; made here
        libpod-<id>.scope                                     a container; made by the runtime
        libpod-conmon-<id>.scope                              its conmon; made here

    A failed unit of the same name, left by a crash, would be in the way of a new one: it is reset first.
    """

    name = "systemd"

    def __init__(self, *, uid: int = 0) -> None:
        """A manager of units of the system, or of user *uid*."""
        self._user = uid != 0
        self._top = f"/user.slice/user-{uid}.slice/user@{uid}.service" if self._user else ""
        self.default_parent = DEFAULT_USER_PARENT if self._user else DEFAULT_PARENT

    def parent_of(self, parent: str) -> str:
        """The slice that an object with *parent* is in; "" stands for the default."""
        return parent or self.default_parent

    def check_parent(self, parent: str) -> None:
        """InvalidArgument for anything but a slice."""
        base = parent.rpartition("/")[2]
        if not base.endswith(SLICE) or base == SLICE:
            raise InvalidArgument(
                f"cgroup parent {parent!r} is not a systemd slice, but the cgroup manager is systemd",
                hint='give a name that ends in .slice, or use cgroup_manager = "cgroupfs"',
            )

    def pod_cgroup(self, parent: str, pod_id: str) -> str:
        """`<parent>.slice/<parent>-libpod_pod_<pod id>.slice`."""
        parent = self.parent_of(parent)
        return f"{parent}/{self._pod_unit(parent, pod_id)}"

    def pod_group(self, parent: str, pod_id: str) -> str:
        """Below its parent, and that below the slices that its name tells."""
        return self._top + slice_path(self._pod_unit(self.parent_of(parent), pod_id))

    def _pod_unit(self, parent: str, pod_id: str) -> str:
        self.check_parent(parent)
        base = parent.rpartition("/")[2].removesuffix(SLICE)
        return f"{base}-libpod_pod_{pod_id}{SLICE}"

    def create_pod(self, parent: str, pod_id: str, resources: Mapping[str, object] | None = None) -> str:
        """Make the slice with its limits, and wait until it is there."""
        parent = self.parent_of(parent)
        unit = self._pod_unit(parent, pod_id)
        properties = {b"Wants": [parent.rpartition("/")[2].encode()], b"DefaultDependencies": False}
        version, limiting = 0, {}
        if resources:
            from libpod.cgroups import limits

            version = hierarchy.version()
            limiting = limits.properties(resources, version)
        with self._systemd() as systemd:
            made = systemd.start(unit, f"libpod pod {pod_id}", {**properties, **_ACCOUNTING, **limiting})
            if limiting and not made:
                # Podman's refresh makes slices without some of them.
                systemd.change(unit, limiting)
            if resources:
                try:
                    self._limit_directly(parent, pod_id, resources, version)
                except BaseException:
                    if made:
                        systemd.stop(unit)
                        self._remove_directly(parent, pod_id)
                    raise
        return self.pod_cgroup(parent, pod_id)

    def _limit_directly(
        self, parent: str, pod_id: str, resources: Mapping[str, object], version: int
    ) -> None:
        """Set what systemd has no property for."""
        from libpod.cgroups import limits

        group = Cgroup(self.pod_group(parent, pod_id))
        if version == 1:
            group.create(_DIRECTLY)
        limits.apply(group, resources, directly=limits.NOT_OF_SYSTEMD if version == 1 else limits.BLOCKS)

    def _remove_directly(self, parent: str, pod_id: str) -> None:
        """Remove the group where systemd may not know of it."""
        if any(_DIRECTLY & mounted.controllers for mounted in hierarchy.hierarchies()):
            Cgroup(self.pod_group(parent, pod_id)).remove(controllers=_DIRECTLY)

    def remove_pod(self, parent: str, pod_id: str) -> None:
        """Stop the slice, which ends everything in it."""
        with self._systemd() as systemd:
            systemd.stop(self._pod_unit(self.parent_of(parent), pod_id))
        self._remove_directly(parent, pod_id)

    def container_path(self, parent: str, container_id: str) -> str:
        """`<parent>.slice:libpod:<id>`, of which runc makes a scope."""
        parent = self.parent_of(parent)
        self.check_parent(parent)
        return f"{parent.rpartition('/')[2]}:libpod:{container_id}"

    def container_cgroup(self, parent: str, container_id: str) -> str:
        """The scope below its slice, and that below the slices that its name tells."""
        parent = self.parent_of(parent)
        self.check_parent(parent)
        return f"{self._top}{slice_path(parent.rpartition('/')[2])}/libpod-{container_id}.scope"

    def place_conmon(self, parent: str, container_id: str, pid: int) -> str:
        """Move it to a scope of its own, and wait until it is there."""
        parent = self.parent_of(parent).rpartition("/")[2]
        self.check_parent(parent)
        unit = f"libpod-conmon-{container_id}.scope"
        properties = {
            b"PIDs": [pid],
            b"Slice": parent.encode(),
            b"Delegate": True,
            b"DefaultDependencies": False,
        }
        with self._systemd() as systemd:
            # runc 1.1 takes a failed unit of this name for its own, and runs the container outside of it.
            systemd.reset_failed(f"libpod-{container_id}.scope")
            if not systemd.start(unit, f"libpod conmon of {container_id}", properties):
                # The conmon of an exec session, beside that of the container.
                systemd.attach(unit, pid)
        return f"{self._top}{slice_path(parent)}/{unit}"

    def remove_container(self, parent: str, container_id: str) -> None:  # noqa: ARG002 - the protocol's
        """Stop the container's scope and forget that its conmon's has failed, if they are there.

        The scope of conmon ends with the last process in it, which may be the one that is clearing up.
        """
        with self._systemd() as systemd:
            systemd.stop(f"libpod-{container_id}.scope")
            systemd.reset_failed(f"libpod-conmon-{container_id}.scope")

    def figures(self, group: str, reader: Reader | None = None) -> Figures:
        """Read from the mounted hierarchies, as systemd does not know all of them."""
        from libpod.cgroups import figures

        return (reader or figures.Reader()).read(group)

    @contextlib.contextmanager
    def _systemd(self) -> Iterator[Systemd]:
        from pystemd.dbusexc import DBusBaseError
        from pystemd.dbuslib import DBus

        bus = DBus(user_mode=self._user)
        try:
            bus.open()
        except DBusBaseError as error:
            whose = "the user's systemd" if self._user else "systemd"
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


def slice_path(name: str) -> str:
    """Where systemd has the slice *name*, whose dashes tell the slices above it (systemd.slice(5))."""
    base = name.removesuffix(SLICE)
    if base == "-":
        return ""
    parts = base.split("-")
    return "".join(f"/{'-'.join(parts[:count])}{SLICE}" for count in range(1, len(parts) + 1))
