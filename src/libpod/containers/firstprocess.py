"""What follows for a new container from the program that it runs first."""

from __future__ import annotations

from libpod.oci import spec, systemdmode
from libpod.oci.options import PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from libpod.containers.create import CreateOptions

DEFAULT_STOP_SIGNAL = 15


def resolve(options: CreateOptions, image_config: Mapping[str, object]) -> CreateOptions:
    """*options* with it decided whether systemd is that program, and with the signal that stops it.

    With cgroups version 2 it gets a cgroup namespace of its own unless another was asked for, as with Podman:
    systemd may write to all control groups that it sees. InvalidArgument for what `systemdmode.wanted`
    refuses, and for a container with nothing to run.
    """
    command = spec.arguments(options.spec, image_config)
    systemd = systemdmode.wanted(options.systemd, command, init=bool(options.spec.init_program))
    if not options.spec.namespaces.cgroup and cgroup_version() == 2:
        namespaces = options.spec.namespaces._replace(cgroup=PRIVATE)
        options = options._replace(spec=options.spec._replace(namespaces=namespaces))
    return options._replace(
        systemd=systemdmode.ALWAYS if systemd else systemdmode.NEVER,
        stop_signal=_stop_signal(options, image_config, systemd=systemd),
    )


def cgroup_version() -> int:
    """The version of the host's control groups; 0 where there are none."""
    from libpod.cgroups import hierarchy
    from libpod.errors import NotSupported

    try:
        return hierarchy.version()
    except NotSupported:
        return 0


def _stop_signal(options: CreateOptions, image_config: Mapping[str, object], *, systemd: bool) -> int:
    """The one asked for, else the image's, else the one that is usual for the program."""
    from libpod.oci import units

    if options.stop_signal is not None:
        return options.stop_signal
    of_image = spec.text(image_config, "StopSignal")
    if of_image:
        return units.signal_number(of_image)
    return systemdmode.STOP_SIGNAL if systemd else DEFAULT_STOP_SIGNAL
