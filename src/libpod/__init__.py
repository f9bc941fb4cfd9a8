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
    from libpod.containers.create import CreateOptions
    from libpod.containers.execute import ExecOptions
    from libpod.containers.joining import NetworkOptions
    from libpod.containers.pod import Pod
    from libpod.containers.podcreate import PodOptions
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
    from libpod.oci.options import Namespaces, Resources, SpecOptions
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
    "CreateOptions",
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
    "ExecOptions",
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
    "Namespaces",
    "NetworkError",
    "NetworkOptions",
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
    "Pod",
    "PodError",
    "PodExists",
    "PodFinalized",
    "PodOptions",
    "PodRemoved",
    "PolicyRejected",
    "RefreshRefused",
    "RegistryBlocked",
    "RegistryUnreachable",
    "RegistryUntrusted",
    "Report",
    "Resources",
    "Runtime",
    "RuntimeConfig",
    "RuntimeFinalized",
    "RuntimeStopped",
    "SpecOptions",
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
    "CreateOptions": "libpod.containers.create",
    "ExecOptions": "libpod.containers.execute",
    "Images": "libpod.images.manager",
    "Namespaces": "libpod.oci.options",
    "NetworkOptions": "libpod.containers.joining",
    "Pod": "libpod.containers.pod",
    "PodOptions": "libpod.containers.podcreate",
    "Report": "libpod.boot.report",
    "Resources": "libpod.oci.options",
    "Runtime": "libpod.runtime",
    "RuntimeConfig": "libpod.config.runtime",
    "SpecOptions": "libpod.oci.options",
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
