"""Containers without a control group of their own: `--cgroups disabled`."""

from __future__ import annotations

from libpod.errors import InvalidArgument, NotSupported
from libpod.oci.options import HOST, POD, PRIVATE, Resources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from libpod.containers.create import CreateOptions
    from libpod.containers.engine import Engine

DISABLED: Final = "disabled"
MODES: Final = ("enabled", "no-conmon", DISABLED)
RUNTIMES: Final = ("crun", "krun")
"""The OCI runtimes that can do it."""
ARGUMENTS: Final = ("--cgroup-manager", "disabled")
"""What tells them."""


def prepared(engine: Engine, options: CreateOptions) -> CreateOptions:
    """*options*, where there is to be no control group without what needs one.

    Raises NotSupported for other modes than MODES and where the OCI runtime makes a group whatever is said,
    and InvalidArgument for what cannot be without.
    """
    if options.cgroups_mode not in MODES:
        raise NotSupported(
            f"--cgroups {options.cgroups_mode} is not supported", hint=f"one of {', '.join(MODES)}"
        )
    if options.cgroups_mode != DISABLED:
        return options
    runtime = engine.runtime
    if runtime.name not in RUNTIMES:
        raise NotSupported(
            f"{runtime.path} makes a control group for every container", hint="--runtime crun makes none"
        )
    namespaces = options.spec.namespaces
    reasons = {
        "a pod": options.pod,
        "--cgroup-parent": options.cgroup_parent,
        "a limit": options.spec.resources != Resources(oom_score_adj=options.spec.resources.oom_score_adj),
        # Its first process is the only handle on all others.
        "a PID namespace that is not its own": namespaces.pid not in (PRIVATE, POD),
        "--cgroupns": namespaces.cgroup not in ("", HOST),
    }
    for what, asked in reasons.items():
        if asked:
            raise InvalidArgument(f"a container without a control group cannot have {what}")
    specification = options.spec._replace(
        namespaces=namespaces._replace(cgroup=HOST),
        resources=options.spec.resources._replace(pids_limit=-1),
    )
    return options._replace(spec=specification)


def configuration(engine: Engine) -> dict[str, object]:
    """What the configuration of such a container says of control groups."""
    return {
        "cgroupManager": engine.cgroups.name,
        "noCgroups": True,
        "cgroupsMode": DISABLED,
        "cgroupParent": "",
    }
