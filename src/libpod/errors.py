"""Every error that libpod raises.

::

    LibpodError                     message, hint
    ├── InvalidArgument             an argument, option or configuration value is wrong
    │   ├── ConfigurationError      a configuration file is wrong: path, line, column
    │   └── EmptyID                 a name or an ID was empty
    ├── NoSuchObject                kind, name
    │   ├── NoSuchContainer
    │   ├── NoSuchPod
    │   ├── NoSuchVolume
    │   ├── NoSuchImage
    │   ├── NoSuchNetwork
    │   └── NoSuchExecSession
    ├── ObjectExists                kind, name
    │   ├── ContainerExists
    │   ├── PodExists
    │   ├── VolumeExists
    │   └── ImageExists
    ├── InvalidState                the object is in a state that forbids the operation
    │   ├── ContainerStopped
    │   └── DependencyExists        other objects still need this one: dependents
    ├── PodError                    something failed for containers of a pod: errors
    ├── ContainerRemoved            the object was removed meanwhile
    ├── PodRemoved
    ├── RuntimeFinalized            options after the runtime was made
    ├── ContainerFinalized
    ├── PodFinalized
    ├── RuntimeStopped              the runtime was shut down
    ├── DatabaseError               path
    │   ├── DatabaseClosed
    │   ├── DatabaseMismatch        the database belongs to another configuration: key, stored, ours
    │   ├── DatabaseCorrupt         the file is damaged
    │   ├── DatabaseLocked          another process holds it: holder
    │   └── DatabaseVersion         a schema that we do not know: found, supported
    ├── DecodeError                 a stored or printed value is not what its format says: source, key
    ├── LockError                   kind, number
    │   ├── LockExists              the lock number is taken
    │   ├── LockTimeout             the lock was not free in time: holder
    │   └── NoLocksLeft
    ├── FileError                   path, operation, errno: an OSError with its file
    ├── CommandError                command, status, output: a program failed
    │   ├── CommandNotFound
    │   └── CommandTimeout
    ├── TransferError               an image could not be pulled, pushed, loaded or saved: image
    │   ├── ImageUnknown            the registry does not have it
    │   ├── AccessDenied            the registry wants other credentials
    │   ├── RegistryUnreachable     nobody answers
    │   ├── RegistryUntrusted       TLS failed, or is not spoken
    │   ├── RegistryBlocked         registries.conf forbids it
    │   ├── PolicyRejected          the signature policy forbids it
    │   ├── DamagedImage            what came is not what was promised
    │   └── TransferStalled         nothing has moved for too long
    ├── OCIRuntimeError             runc, crun or conmon refused or failed
    │   ├── OCIRuntimeNotFound      the command does not exist in the container
    │   └── OCIRuntimePermissionDenied  the command cannot be invoked
    ├── NetworkError                a network cannot be set up or taken down
    │   └── PluginError             a CNI plugin is missing, refused or failed: plugin, code, details
    ├── SystemdError                systemd refused, failed or did not answer: unit
    ├── RefreshRefused              the boot refresh could do harm: reason
    ├── NotSupported                this host, build or version cannot do it
    └── InternalError               a rule of our own was broken
"""

from __future__ import annotations

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LibpodError(Exception):
    """The root of all errors of libpod.

    *message* names the object, the file and the cause; *hint*, where there is one, says what to do.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidArgument(LibpodError):
    """An argument, an option or a configuration value is wrong."""


class ConfigurationError(InvalidArgument):
    """A configuration file cannot be used. *line* and *column* count from 1."""

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.line = line
        self.column = column


class EmptyID(InvalidArgument):
    """A name or an ID was empty."""

    def __init__(self, message: str = "name or ID cannot be empty", *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)


class NoSuchObject(LibpodError):
    """No object has this name or ID."""

    kind = "object"

    def __init__(self, name: str, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or f"no such {self.kind}: {name}", hint=hint)
        self.name = name


class NoSuchContainer(NoSuchObject):
    """No container has this name or ID."""

    kind = "container"


class NoSuchPod(NoSuchObject):
    """No pod has this name or ID."""

    kind = "pod"


class NoSuchVolume(NoSuchObject):
    """No volume has this name."""

    kind = "volume"


class NoSuchImage(NoSuchObject):
    """No image has this name or ID."""

    kind = "image"


class NoSuchNetwork(NoSuchObject):
    """No network has this name."""

    kind = "network"


class NoSuchExecSession(NoSuchObject):
    """No exec session has this ID."""

    kind = "exec session"


class ObjectExists(LibpodError):
    """The name or ID is in use, or a lookup matched more than one object."""

    kind = "object"

    def __init__(self, name: str, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or f"{self.kind} already exists: {name}", hint=hint)
        self.name = name


class ContainerExists(ObjectExists):
    """A container with this name or ID exists, or a prefix matches several."""

    kind = "container"


class PodExists(ObjectExists):
    """A pod with this name or ID exists, or a prefix matches several."""

    kind = "pod"


class VolumeExists(ObjectExists):
    """A volume with this name exists."""

    kind = "volume"


class ImageExists(ObjectExists):
    """An image with this name exists."""

    kind = "image"


class InvalidState(LibpodError):
    """The object is in a state that forbids the operation. The message says which state would be right."""


class ContainerStopped(InvalidState):
    """The container is stopped already."""


class DependencyExists(InvalidState):
    """Other objects still need this one."""

    def __init__(self, message: str, *, dependents: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.dependents = tuple(dependents)


class PodError(LibpodError):
    """Something was done with a pod and failed for some of its containers: *errors* by their names.

    For the others it was done.
    """

    def __init__(self, message: str, *, errors: Mapping[str, LibpodError], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = dict(errors)


class ContainerRemoved(LibpodError):
    """The container was removed; this object is no longer valid."""


class PodRemoved(LibpodError):
    """The pod was removed; this object is no longer valid."""


class RuntimeFinalized(LibpodError):
    """The runtime is made already; it takes no more options."""


class ContainerFinalized(LibpodError):
    """The container is made already; it takes no more options."""


class PodFinalized(LibpodError):
    """The pod is made already; it takes no more options."""


class RuntimeStopped(LibpodError):
    """The runtime was shut down."""

    def __init__(self, message: str = "runtime has already been stopped", *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)


class DatabaseError(LibpodError):
    """The database at *path* cannot be used."""

    def __init__(self, message: str, *, path: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class DatabaseClosed(DatabaseError):
    """The database was closed already."""


class DatabaseMismatch(DatabaseError):
    """The database was made for another configuration: its *key* holds *stored*, we were given *ours*."""

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        key: str,
        stored: str,
        ours: str,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.key = key
        self.stored = stored
        self.ours = ours


class DatabaseCorrupt(DatabaseError):
    """The database file is damaged."""


class DatabaseLocked(DatabaseError):
    """Another process held the database for longer than we wait."""

    def __init__(
        self, message: str, *, path: str | None = None, holder: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.holder = holder


class DatabaseVersion(DatabaseError):
    """The database has a schema that we do not know."""

    def __init__(
        self, message: str, *, path: str | None = None, found: int, supported: int, hint: str | None = None
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.found = found
        self.supported = supported


class DecodeError(LibpodError):
    """A value from outside is not what its format says. *source* is a file or object, *key* the place."""

    def __init__(
        self, message: str, *, source: str | None = None, key: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.source = source
        self.key = key


class LockError(LibpodError):
    """A lock cannot be used."""

    def __init__(self, message: str, *, number: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.number = number


class LockExists(LockError):
    """The lock number is allocated already."""


class LockTimeout(LockError):
    """The lock was not free in time; *holder* names the process that has it, where that can be told."""

    def __init__(
        self, message: str, *, number: int | None = None, holder: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, number=number, hint=hint)
        self.holder = holder


class NoLocksLeft(LockError):
    """All locks are allocated."""


# What a person can do about the reasons that concern a whole file system.
_FILE_HINTS = {
    "ENOSPC": "make room on that file system, and try again",
    "EDQUOT": "make room, or raise the quota, and try again",
    "EROFS": "see in the kernel's log why it is read-only, and mount it for writing",
    "EIO": "see in the kernel's log what is wrong with the disk",
}


class FileError(LibpodError):
    """A file operation failed: what was tried, on which path, and the system's reason."""

    def __init__(self, operation: str, path: str, cause: OSError, *, hint: str | None = None) -> None:
        hint = hint or _FILE_HINTS.get(errno.errorcode.get(cause.errno or 0, ""))
        super().__init__(f"{operation} {path}: {cause.strerror or cause}", hint=hint)
        self.operation = operation
        self.path = path
        self.errno = cause.errno


class CommandError(LibpodError):
    """A program failed. *command* is its argument list; *status* is negative for a signal."""

    def __init__(
        self,
        message: str,
        *,
        command: Sequence[str] = (),
        status: int | None = None,
        output: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.command = tuple(command)
        self.status = status
        self.output = output


class CommandNotFound(CommandError):
    """The program does not exist or cannot be executed."""


class CommandTimeout(CommandError):
    """The program did not finish in time and was killed."""


class TransferError(LibpodError):
    """The image *image* could not be moved."""

    def __init__(self, message: str, *, image: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.image = image


class ImageUnknown(TransferError):
    """The registry does not have this image, or this tag of it."""


class AccessDenied(TransferError):
    """The registry does not let us, with the credentials that we have."""


class RegistryUnreachable(TransferError):
    """The registry's host does not exist or does not answer."""


class RegistryUntrusted(TransferError):
    """The registry's certificate is not trusted, or it does not speak TLS at all."""


class RegistryBlocked(TransferError):
    """registries.conf forbids this registry."""


class PolicyRejected(TransferError):
    """The signature policy forbids this image, or cannot be read."""


class DamagedImage(TransferError):
    """What came is not what its digest, its size or its format promised."""


class TransferStalled(TransferError):
    """Nothing has moved for so long that we gave up."""


class OCIRuntimeError(LibpodError):
    """The OCI runtime, or conmon in front of it, refused or failed; the message is its own text."""


class OCIRuntimeNotFound(OCIRuntimeError):
    """The command to run does not exist in the container."""


class OCIRuntimePermissionDenied(OCIRuntimeError):
    """The command to run exists in the container and cannot be invoked."""


class NetworkError(LibpodError):
    """A network cannot be set up or taken down as it was asked for."""


class PluginError(NetworkError):
    """A CNI plugin is missing, refused or failed.

    *code* and *details* are its own (CNI specification, "Error"); None where it gave none.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str,
        code: int | None = None,
        details: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.plugin = plugin
        self.code = code
        self.details = details


class SystemdError(LibpodError):
    """systemd refused, failed or did not answer in time. *unit* is what it was asked for."""

    def __init__(self, message: str, *, unit: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.unit = unit


class RefreshRefused(LibpodError):
    """Refreshing, or going on without a refresh, could do harm. The message says what stands in the way."""


class NotSupported(LibpodError):
    """This host, build or version cannot do what was asked."""


class InternalError(LibpodError):
    """A rule of our own was broken; please report it."""
