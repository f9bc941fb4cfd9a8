"""libpod: a container runtime core, and the boot refresh that makes its state true again after a reboot.

Everything public is here; each name is imported from its module when it is first asked for, so that a program
pays only for what it uses.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from libpod.boot.report import Report
    from libpod.config.runtime import RuntimeConfig, StateType
    from libpod.containers.container import Container
    from libpod.errors import (
        AccessDenied,
        CommandError,
        CommandNotFound,
        CommandTimeout,
        ConfigurationError,
        ContainerExists,
        ContainerFinalized,
        ContainerRemoved,
        ContainerStopped,
        DamagedImage,
        DatabaseClosed,
        DatabaseCorrupt,
        DatabaseError,
        DatabaseLocked,
        DatabaseMismatch,
        DatabaseVersion,
        DecodeError,
        DependencyExists,
        EmptyID,
        FileError,
        ImageExists,
        ImageUnknown,
        InternalError,
        InvalidArgument,
        InvalidState,
        LibpodError,
        LockError,
        LockExists,
        LockTimeout,
        NetworkError,
        NoLocksLeft,
        NoSuchContainer,
        NoSuchExecSession,
        NoSuchImage,
        NoSuchNetwork,
        NoSuchObject,
        NoSuchPod,
        NoSuchVolume,
        NotSupported,
        ObjectExists,
        OCIRuntimeError,
        OCIRuntimeNotFound,
        OCIRuntimePermissionDenied,
        PluginError,
        PodError,
        PodExists,
        PodFinalized,
        PodRemoved,
        PolicyRejected,
        RefreshRefused,
        RegistryBlocked,
        RegistryUnreachable,
        RegistryUntrusted,
        RuntimeFinalized,
        RuntimeStopped,
        SystemdError,
        TransferError,
        TransferStalled,
        VolumeExists,
    )
    from libpod.images.manager import Images
    from libpod.locks.alive import AliveLock
    from libpod.runtime import Runtime
    from libpod.state.protocol import State

__all__ = [
    "AccessDenied",
    "AliveLock",
    "CommandError",
    "CommandNotFound",
    "CommandTimeout",
    "ConfigurationError",
    "Container",
    "ContainerExists",
    "ContainerFinalized",
    "ContainerRemoved",
    "ContainerStopped",
    "DamagedImage",
    "DatabaseClosed",
    "DatabaseCorrupt",
    "DatabaseError",
    "DatabaseLocked",
    "DatabaseMismatch",
    "DatabaseVersion",
    "DecodeError",
    "DependencyExists",
    "EmptyID",
    "FileError",
    "ImageExists",
    "ImageUnknown",
    "Images",
    "InternalError",
    "InvalidArgument",
    "InvalidState",
    "LibpodError",
    "LockError",
    "LockExists",
    "LockTimeout",
    "NetworkError",
    "NoLocksLeft",
    "NoSuchContainer",
    "NoSuchExecSession",
    "NoSuchImage",
    "NoSuchNetwork",
    "NoSuchObject",
    "NoSuchPod",
    "NoSuchVolume",
    "NotSupported",
    "OCIRuntimeError",
    "OCIRuntimeNotFound",
    "OCIRuntimePermissionDenied",
    "ObjectExists",
    "PluginError",
    "PodError",
    "PodExists",
    "PodFinalized",
    "PodRemoved",
    "PolicyRejected",
    "RefreshRefused",
    "RegistryBlocked",
    "RegistryUnreachable",
    "RegistryUntrusted",
    "Report",
    "Runtime",
    "RuntimeConfig",
    "RuntimeFinalized",
    "RuntimeStopped",
    "State",
    "StateType",
    "SystemdError",
    "TransferError",
    "TransferStalled",
    "VolumeExists",
    "__version__",
]

_HOMES = {
    "AliveLock": "libpod.locks.alive",
    "Container": "libpod.containers.container",
    "Images": "libpod.images.manager",
    "Report": "libpod.boot.report",
    "Runtime": "libpod.runtime",
    "RuntimeConfig": "libpod.config.runtime",
    "State": "libpod.state.protocol",
    "StateType": "libpod.config.runtime",
}
"""Modules of the public names that are not errors."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from libpod.version import VERSION

        return VERSION
    import importlib

    value: object = getattr(importlib.import_module(_HOMES.get(name, "libpod.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
